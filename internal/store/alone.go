package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"

	"flashpay/internal/merchant"
	"flashpay/internal/payout"
	"flashpay/internal/staff"
	"flashpay/internal/store/sqldb"
)

// ErrNeedsSecond says that one person may not do this alone: the sum, together with what that person has sent within 24 hours, is
// above the project's approval sum, or a change would weaken control over a project that has one.
var ErrNeedsSecond = errors.New("store: a second person must approve this")

// aloneWithin is how far back it counts what one person has sent.
const aloneWithin = 24 * time.Hour

// Sending is a sum that a user is about to send by hand without a second person.
type Sending struct {
	UserID    int64
	ProjectID int64
	Amount    int64 // minor units
	Currency  string
	Account   string // in clear; empty: it goes to several accounts
}

// SentAlone is what one person has sent by hand without a second person within 24 hours, in one currency, in minor units.
type SentAlone struct {
	InAll     int64 // in the project
	ToAccount int64 // to the account, in all projects of the same mode
}

// NeedsSecond reports whether a further sum (minor units) needs a second person by the project's settings.
func (a SentAlone) NeedsSecond(s *merchant.Settings, amount int64, currency string) bool {
	return s.NeedsApproval(amount+max(a.InAll, a.ToAccount), currency)
}

// SendAlone counts a sum that a user sends in this commit, or returns ErrNeedsSecond where the project's approval sum does not
// let that person send it alone. It locks the person's accounts, so that other sums of the same person wait for this commit.
// Accept counts payouts whose Actor is a user by itself; SendAlone is for senders of many payouts at once.
func (t *Tx) SendAlone(ctx context.Context, in Sending) error {
	var account any
	if in.Account != "" {
		account = t.store.vault.Index("account", in.Account)
	}
	if err := t.checkAlone(ctx, in, account); err != nil {
		return err
	}
	return t.countAlone(ctx, t.RowID(), in, account)
}

// checkAlone locks the sender's accounts, and gives ErrNeedsSecond where the sum is too much for one person.
func (t *Tx) checkAlone(ctx context.Context, in Sending, account any) error {
	p, ok := t.store.Project(in.ProjectID)
	if !ok || len(p.Settings.Approval) == 0 {
		return nil
	}
	accounts, err := samePerson(ctx, t, in.UserID)
	if err != nil {
		return err
	}
	lock := &sqldb.Statement{}
	lock.Text("SELECT id FROM users WHERE ").In("id", sqldb.IntArgs(accounts)).Text(" ORDER BY id{{for_update}}")
	if err := t.Query(ctx, lock.String(), func(r *sql.Rows) error { return r.Scan(new(int64)) }, lock.Args...); err != nil {
		return err
	}
	sent, err := t.store.sentAlone(ctx, t, p, accounts, in.Currency, account, t.now)
	if err != nil {
		return err
	}
	if sent.NeedsSecond(&p.Settings, in.Amount, in.Currency) {
		return ErrNeedsSecond
	}
	return nil
}

func (t *Tx) countAlone(ctx context.Context, row int64, in Sending, account any) error {
	const insert = "INSERT INTO sent_alone (id, user_id, project_id, currency, account_key, amount, at) VALUES ($1, $2, $3, $4, $5, $6, $7)"
	_, err := t.Exec(ctx, insert, row, in.UserID, in.ProjectID, in.Currency, account, in.Amount, t.now.UnixMicro())
	return err
}

// SentAlone returns what a person has sent alone within 24 hours, as the commit of a further sum would count it now. ErrNotFound
// where there is no such project.
func (s *Store) SentAlone(ctx context.Context, in Sending) (SentAlone, error) {
	p, ok := s.Project(in.ProjectID)
	if !ok {
		return SentAlone{}, ErrNotFound
	}
	accounts, err := samePerson(ctx, readsOf{s}, in.UserID)
	if err != nil {
		return SentAlone{}, s.db.Unavailable(err)
	}
	sent, err := s.sentAlone(ctx, readsOf{s}, p, accounts, in.Currency, s.vault.Index("account", in.Account), s.Now())
	return sent, s.db.Unavailable(err)
}

// querier reads in a transaction, or outside of one.
type querier interface {
	Query(ctx context.Context, text string, scan func(*sql.Rows) error, args ...any) error
}

type readsOf struct{ s *Store }

// Query reads outside of a transaction.
func (r readsOf) Query(ctx context.Context, text string, scan func(*sql.Rows) error, args ...any) error {
	return r.s.db.Read(ctx, text, scan, args...)
}

// samePerson lists the accounts that the person behind one of them may use, as far as is known: those whoever was shown
// its link may be, and those whose links were shown to these.
func samePerson(ctx context.Context, q querier, userID int64) (accounts []int64, err error) {
	const find = `WITH RECURSIVE
		hands (id) AS (SELECT CAST($1 AS BIGINT) UNION SELECT o.giver FROM user_origins o JOIN hands h ON o.user_id = h.id WHERE o.what = 'link'),
		accounts (id) AS (SELECT id FROM hands UNION SELECT o.user_id FROM user_origins o JOIN accounts a ON o.giver = a.id WHERE o.what = 'link')
		SELECT id FROM accounts ORDER BY id`
	err = q.Query(ctx, find, func(r *sql.Rows) error {
		var id int64
		err := r.Scan(&id)
		accounts = append(accounts, id)
		return err
	}, userID)
	return accounts, err
}

func (s *Store) sentAlone(ctx context.Context, q querier, p *merchant.Project, accounts []int64, currency string, account any, now time.Time) (SentAlone, error) {
	sum := &sqldb.Statement{}
	sum.Text("SELECT project_id, CAST(SUM(amount) AS BIGINT), CAST(SUM(CASE WHEN account_key = CAST(").Arg(account).
		Text(" AS BIGINT) THEN amount ELSE 0 END) AS BIGINT) FROM sent_alone WHERE ").In("user_id", sqldb.IntArgs(accounts)).
		Text(" AND at > ").Arg(now.Add(-aloneWithin).UnixMicro()).Text(" AND currency = ").Arg(currency).Text(" GROUP BY project_id")
	var sent SentAlone
	err := q.Query(ctx, sum.String(), func(r *sql.Rows) error {
		var project, inAll, toAccount int64
		if err := r.Scan(&project, &inAll, &toAccount); err != nil {
			return err
		}
		if project == p.ID {
			sent.InAll = inAll
		}
		if other, ok := s.Project(project); ok && other.Mode == p.Mode {
			sent.ToAccount += toAccount
		}
		return nil
	}, sum.Args...)
	return sent, err
}

// sending is what the item's sender sends alone; ok is false where a program sends it, or two people.
func (it *acceptItem) sending() (in Sending, ok bool) {
	user, ok := staff.ActorID(it.Actor)
	return Sending{UserID: user, ProjectID: it.ProjectID, Amount: it.Amount, Currency: it.Currency}, ok
}

// checkSenders refuses the items that need a second person, before anything is written of them, and counts the others.
func (t *Tx) checkSenders(ctx context.Context, commands []*command) error {
	var items []*command
	for _, c := range commands {
		if c.accept == nil {
			continue
		}
		c.accept.counted = 0
		if _, ok := c.accept.sending(); ok {
			items = append(items, c)
		}
	}
	slices.SortStableFunc(items, func(a, b *command) int { // the order in which accounts are locked
		first, _ := a.accept.sending()
		second, _ := b.accept.sending()
		return cmp.Compare(first.UserID, second.UserID)
	})
	passed := make(map[sentKey]bool)
	for _, c := range items {
		in, _ := c.accept.sending()
		key := sentKey{in.UserID, in.ProjectID, c.accept.key}
		if passed[key] { // one of the two makes the payment, and what it pays is counted
			continue
		}
		err := t.checkSender(ctx, c.accept, in)
		if errors.Is(err, ErrNeedsSecond) {
			c.err = err
			continue
		}
		if err != nil {
			return err
		}
		passed[key] = true
	}
	return nil
}

type sentKey struct {
	user, project int64
	payment       string
}

func (t *Tx) checkSender(ctx context.Context, it *acceptItem, in Sending) error {
	known := false
	const find = "SELECT id FROM payments WHERE project_id = $1 AND payment_key = $2"
	err := t.Query(ctx, find, func(r *sql.Rows) error { known = true; return r.Scan(new(int64)) }, it.ProjectID, it.key)
	if err != nil || known { // a repeat pays nothing
		return err
	}
	if err := t.checkAlone(ctx, in, it.accountKey); err != nil {
		return err
	}
	it.counted = t.RowID()
	return t.countAlone(ctx, it.counted, in, it.accountKey)
}

// forgetSenders takes what is not paid out of the count again.
func (t *Tx) forgetSenders(ctx context.Context, commands []*command) error {
	for _, c := range commands {
		it := c.accept
		if it == nil || it.counted == 0 || it.inserted && it.code == payout.CodeSuccess {
			continue
		}
		if _, err := t.Exec(ctx, "DELETE FROM sent_alone WHERE id = $1", it.counted); err != nil {
			return err
		}
	}
	return nil
}
