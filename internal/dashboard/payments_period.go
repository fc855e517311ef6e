package dashboard

import (
	"maps"
	"net/url"
	"time"
)

// The forms in which a day and a moment can be written: as fields of a form and addresses have them, and as people do.
var (
	dayLayouts    = []string{time.DateOnly, "02.01.2006"}
	momentLayouts = []string{
		"2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02 15:04", "02.01.2006 15:04:05", "02.01.2006 15:04", "02.01.2006T15:04:05", "02.01.2006T15:04",
	}
)

// readPeriod reads the bounds in the visitor's zone. A day alone is the whole day; a second that is named belongs to the
// period.
func (l *listing) readPeriod(v *visit) {
	l.filter.From, _ = l.bound(v, "from")
	to, isDay := l.bound(v, "to")
	switch {
	case to.IsZero():
	case isDay:
		l.filter.To = to.AddDate(0, 0, 1).UTC()
	default:
		l.filter.To = to.Add(time.Second).UTC()
	}
	l.filter.From = l.filter.From.UTC()
	if !l.filter.From.IsZero() && !l.filter.To.IsZero() && !l.filter.From.Before(l.filter.To) {
		l.Form.Fault("to", v.t("payments.fault_period"))
	}
}

// bound reads a day, or a day and a time, which the form sends in a field of its own; addresses have one member.
func (l *listing) bound(v *visit, name string) (at time.Time, isDay bool) {
	text, clock := l.Form.Get(name), l.Form.Get(name+"_time")
	delete(l.Form.Values, name+"_time")
	if clock != "" {
		text += "T" + clock
		l.Form.Values.Set(name, text)
	}
	if text == "" {
		return time.Time{}, false
	}
	if at, ok := parseIn(v.zone, dayLayouts, text); ok {
		l.shown.Set(name, at.Format(time.DateOnly))
		return at, true
	}
	at, ok := parseIn(v.zone, momentLayouts, text)
	if !ok {
		l.Form.Fault(name, v.t("payments.fault_time"))
		return time.Time{}, false
	}
	l.shown.Set(name, at.Format(time.DateOnly))
	l.shown.Set(name+"_time", at.Format(time.TimeOnly))
	return at, false
}

func parseIn(zone *time.Location, layouts []string, text string) (time.Time, bool) {
	for _, layout := range layouts {
		if at, err := time.ParseInLocation(layout, text, zone); err == nil && at.Year() >= 2000 && at.Year() < 2200 {
			return at, true
		}
	}
	return time.Time{}, false
}

// Fields is the custom filter as its form shows it: with a field for the day and one for the time of each bound.
func (l *listing) Fields() *Form {
	f := *l.Form
	f.Values = maps.Clone(l.Form.Values)
	for _, name := range []string{"from", "to"} {
		delete(f.Values, name)
	}
	maps.Copy(f.Values, l.shown)
	return &f
}

// periods are the periods of one click; the one that is chosen is left by another click.
func (l *listing) periods(v *visit) (out []quickFilter) {
	now := v.d.Store.Now().In(v.zone)
	today := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, v.zone)
	month := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, v.zone)
	for _, p := range []struct {
		word     string
		from, to time.Time
	}{
		{"payments.period_today", today, today},
		{"payments.period_yesterday", today.AddDate(0, 0, -1), today.AddDate(0, 0, -1)},
		{"payments.period_week", today.AddDate(0, 0, -6), today},
		{"payments.period_month", month, today},
		{"payments.period_last_month", month.AddDate(0, -1, 0), month.AddDate(0, 0, -1)},
	} {
		from, to := p.from.Format(time.DateOnly), p.to.Format(time.DateOnly)
		q := l.query()
		delete(q, "from")
		delete(q, "to")
		on := l.Form.Get("from") == from && l.Form.Get("to") == to
		if !on {
			maps.Copy(q, url.Values{"from": {from}, "to": {to}})
		}
		out = append(out, quickFilter{Label: v.t(p.word), Href: l.addressOf(q), On: on})
	}
	return out
}
