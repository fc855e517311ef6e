package dataapi

import (
	"context"
	"strings"
	"time"

	"flashpay/signature"
)

// ratesLimit is how long an interval of rates may be.
const ratesLimit = 366 * 24 * time.Hour

// ratesGet lists the rates that began to hold in an interval. Of an interval of less than an hour it answers those that held
// at its beginning; in the future there are none. The documentation does not have the columns: these are ours.
func ratesGet(ctx context.Context, c *call) (signature.Value, *refusal) {
	w := c.parameters()
	zone := w.zone()
	from, to := w.interval("filter.interval", zone)
	currency := strings.ToUpper(w.text("filter.currency"))
	if w.get("filter.merchant") != nil {
		_ = w.number("filter.merchant", 0, 1<<53)
	}
	now := c.api.Store.Now()
	switch {
	case to.IsZero():
		from, to = now, now
	case to.Sub(from) > ratesLimit:
		w.bad("filter.interval", "a year at most")
	}
	if w.fault != nil {
		return signature.Value{}, w.fault
	}
	if from.After(now) {
		return answerRates(nil), nil
	}
	to = minTime(to, now)
	begin := from.Add(-time.Microsecond)
	atMoment := to.Sub(from) < time.Hour
	if atMoment {
		begin, to = from.Add(-31*24*time.Hour), from
	}
	quotes, err := c.api.Store.RateQuotes(ctx, begin, to)
	if err != nil {
		return signature.Value{}, failed(err)
	}
	type pair struct{ source, base, term string }
	newest := make(map[pair]int)
	var items []signature.Value
	for i := range quotes {
		q := &quotes[i]
		if currency != "" && q.Base != currency && q.Term != currency {
			continue
		}
		item := signature.Obj(
			signature.Field("source", signature.Str(string(q.Source))), signature.Field("base", signature.Str(q.Base)),
			signature.Field("currency", signature.Str(q.Term)), signature.Field("rate", signature.Str(q.Value.String())),
			signature.Field("valid_from", signature.Str(q.ValidFrom.In(zone).Format(answerTime))),
		)
		k := pair{string(q.Source), q.Base, q.Term}
		if at, ok := newest[k]; ok && atMoment {
			items[at] = item // a later one holds
			continue
		}
		newest[k] = len(items)
		items = append(items, item)
	}
	return answerRates(items), nil
}

func answerRates(items []signature.Value) signature.Value {
	return signature.Obj(signature.Field("rates", signature.Arr(items...)))
}

func minTime(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
