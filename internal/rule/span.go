package rule

import "flashpay/internal/payout"

// Span is sums for which the consistency check decides alike.
type Span struct{ Least, Most, Step int64 }

// Holds tells whether a sum is one of them.
func (s Span) Holds(amount int64) bool {
	return amount >= s.Least && amount <= s.Most && (s.Step <= 1 || amount%s.Step == 0)
}

// SpanOf finds the sums with which an item passes, whatever its own is, as far as funds suffice. ok is false where it passes with
// none, or where the sum that is paid is another than the request's, so that each must be decided by itself.
func SpanOf(s State, i Item) (span Span, ok bool) {
	settings := s.Project.Settings.Methods[i.Method]
	if !settings.Pays(i.Currency, i.Currencies) || s.Project.PayingBalance(i.Currency, i.Currency) != i.Currency {
		return Span{}, false
	}
	span.Least, span.Most = settings.Limits(i.Currency, i.MinAmount, i.MaxAmount)
	if span.Step = i.Step; span.Step > 1 {
		span.Least += (span.Step - span.Least%span.Step) % span.Step
		span.Most -= span.Most % span.Step
	}
	if span.Least < 1 || span.Least > span.Most {
		return Span{}, false
	}
	// Between the two nothing changes but the fee, which rises with the sum: what the largest can be charged, all can.
	for _, i.Amount = range [...]int64{span.Least, span.Most} {
		if Decide(s, i).Code != payout.CodeSuccess {
			return Span{}, false
		}
	}
	return span, true
}
