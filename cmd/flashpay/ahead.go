package main

import (
	"context"
	"time"

	"flashpay/internal/process"
	"flashpay/internal/provider"
)

const (
	// aheadPatience is how long the start waits for what the bank has taken.
	aheadPatience = 2 * time.Second
	// aheadAgain is when a bank is asked again that did not say, and for how long it may speak.
	aheadAgain = 30 * time.Second
)

// lookAhead says whether the bank has taken payouts that the database does not know of. The start waits a moment for that; from a
// bank that does not say so soon, it is heard later.
func (p *platform) lookAhead(ctx context.Context, bank provider.Books) {
	looked := make(chan int, 1)
	p.workers.Go(func() {
		for {
			asking, cancel := context.WithTimeout(ctx, aheadAgain)
			found, err := process.FindBankAhead(asking, p.store, bank)
			cancel()
			if err == nil {
				p.sayAhead(found)
				looked <- found.Missing + found.Unsent
				return
			}
			p.config.Logger.Warn("the bank could not be asked whether it is ahead of this database, as after a restore; it is asked again", "err", err)
			select {
			case <-ctx.Done():
				return
			case <-time.After(aheadAgain):
			}
		}
	})
	select {
	case p.ahead = <-looked:
	case <-time.After(aheadPatience):
	case <-ctx.Done():
	}
}

func (p *platform) sayAhead(a *process.BankAhead) {
	if !a.Any() {
		return
	}
	p.config.Logger.Warn("the bank is ahead of this database, which seems to be restored from an older backup: payouts that the bank has are missing here, or are "+
		"not sent yet. Have merchants send the missing ones again under their payment ids, and compare the bank's books: flashpay audit --bank-url",
		"missing", a.Missing, "not_sent", a.Unsent, "from", a.Oldest, "to", a.Newest, "newest", a.Payouts, "transfers_looked_at", a.LookedAt, "bank_has_more", a.Partial)
}
