package audit

import (
	"context"
	"time"

	"flashpay/internal/payout"
	"flashpay/internal/rates"
)

// quoteKey is all that a quote of a rate is compared by.
type quoteKey struct {
	source     rates.Source
	series     rates.Series
	base, term string
	value      string
	validFrom  time.Time
}

func keyOf(q *rates.Quote) quoteKey {
	return quoteKey{q.Source, q.Series, q.Base, q.Term, q.Value.String(), q.ValidFrom.UTC()}
}

// readQuotes reads all rates, for the terms of payouts that were there before.
func (r *run) readQuotes(ctx context.Context) error {
	stored, err := r.store.RateQuotes(ctx, time.Time{}, r.now.AddDate(1, 0, 0))
	if err != nil {
		return err
	}
	r.quotes = make(map[quoteKey]bool, len(stored))
	for i := range stored {
		r.quotes[keyOf(&stored[i].Quote)] = true
	}
	r.checked("rates", int64(len(stored)))
	return nil
}

// checkTerms recomputes what an operation costs, and looks for the rates that this names.
func (d *dossier) checkTerms(r *run) {
	o, s := d.operation, d.journal.first
	if s == nil {
		return // there is no first line: the journal's own findings say so
	}
	if have, said := o.Terms.String(), string(s.Terms); have != said {
		d.fail(KindOperation, "its terms are %q; its journal says %q", have, said)
	}
	if err := o.Terms.Check(s.Amount, s.Currency, &o.Operation); err != nil {
		d.fail(KindOperation, "%v", err)
	}
	d.checkTariff(r)
	if o.Terms == nil {
		return
	}
	for _, c := range []*payout.Conversion{o.Terms.Request, o.Terms.Balance} {
		if c == nil {
			continue
		}
		for i := range c.Legs {
			q := &c.Legs[i].Quote
			if !r.quotes[keyOf(q)] && !o.CreatedAt.After(r.now) {
				d.fail(KindOperation, "it names a rate of %s, %s for %s/%s, which the platform never had", q.Source, q.Value, q.Base, q.Term)
			}
			if q.ValidFrom.After(o.CreatedAt) {
				d.fail(KindOperation, "it names a rate of %s for %s/%s that held only later", q.Source, q.Base, q.Term)
			}
		}
	}
}
