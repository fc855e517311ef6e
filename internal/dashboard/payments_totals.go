package dashboard

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"time"

	"flashpay/internal/payout"
	"flashpay/internal/store"
)

// Totals come from rollups where the filter fits them. Else the payments are counted step by step: each answer says how
// far it has come, and carries that on to the next request, so that the server keeps nothing of it.

const (
	countTime  = 300 * time.Millisecond // of counting in one request
	maxCounted = 400                    // requests: then the filter is too wide to be counted
	maxHave    = 48 << 10               // bytes of what a request carries
)

// counting is how far a count has come.
type counting struct {
	Lines []store.Total  `json:"l"`
	Rest  []store.Cursor `json:"r"`
	Turns int            `json:"n"`
}

// totalsData is what the panel of totals shows.
type totalsData struct {
	Payments int64
	Lines    []store.Total
	More     bool   // there are more: counting goes on, or has been given up
	Next     string // where it goes on; empty: it does not
	List     string
	Query    string    // of the filter
	AsOf     time.Time // of rollups
}

// serveTotals shows the number of payments that the filter chooses, and their sums.
func serveTotals(d *Dashboard, v *visit) error {
	l, err := readListing(v)
	if err != nil {
		return err
	}
	if v.wantsFile() && l.Form.OK() {
		return v.sendTotals(l)
	}
	data := &totalsData{List: l.address(nil), Query: withQuery(l.query().Encode())}
	if l.Form.OK() {
		c, err := v.count(l)
		if err != nil {
			return err
		}
		totals := store.Totals{Lines: c.Lines}
		data.Lines, data.Payments, data.More = c.Lines, totals.Payments(), len(c.Rest) > 0
		if data.More && c.Turns < maxCounted {
			data.Next = "/payments/totals" + withQuery(c.query(l.query()).Encode())
		}
	}
	p := Page{Title: v.t("payments.totals"), Data: data}
	if v.isFragment() {
		return v.fragment("payments_totals", "totals", p)
	}
	return v.render("payments_totals", p)
}

// sendTotals counts to the end, and sends what came of it.
func (v *visit) sendTotals(l *listing) error {
	var totals store.Totals
	for begun, rest := time.Now(), []store.Cursor(nil); ; {
		part, err := v.d.Store.Totals(v.ctx(), l.filter, rest)
		if err != nil {
			return err
		}
		totals.Add(part.Lines)
		if rest = part.Rest; len(rest) == 0 {
			return totalsFile(totals.Lines).send(v)
		}
		if time.Since(begun) > exportTime/2 {
			return &userError{ID: "payments.too_many"}
		}
	}
}

// count takes up a count where the request before has left it.
func (v *visit) count(l *listing) (*counting, error) {
	c := readCounting(v.r.URL.Query().Get("have"))
	totals := store.Totals{Lines: c.Lines}
	started := time.Now()
	for {
		part, err := v.d.Store.Totals(v.ctx(), l.filter, c.Rest)
		if err != nil {
			return nil, err
		}
		totals.Add(part.Lines)
		c.Rest = part.Rest
		if len(c.Rest) == 0 || time.Since(started) > countTime {
			break
		}
	}
	c.Lines, c.Turns = totals.Lines, c.Turns+1
	return c, nil
}

func readCounting(text string) *counting {
	c := &counting{}
	if packed, err := base64.RawURLEncoding.DecodeString(text); err != nil || len(text) > maxHave || json.Unmarshal(packed, c) != nil {
		return &counting{}
	}
	if len(c.Rest) == 0 { // nothing to go on from
		return &counting{}
	}
	return c
}

func (c *counting) query(q url.Values) url.Values {
	packed, err := json.Marshal(c)
	if err != nil { // numbers and texts always marshal
		return q
	}
	q.Set("have", base64.RawURLEncoding.EncodeToString(packed))
	return q
}

// Rows are the totals of each currency, by status.
func (t *totalsData) Rows() (rows []totalsRow) {
	for _, l := range t.Lines {
		n := len(rows) - 1
		if n < 0 || rows[n].Currency != l.Currency {
			rows = append(rows, totalsRow{Currency: l.Currency, ByStatus: make(map[payout.Status]store.Total)})
			n++
		}
		rows[n].ByStatus[l.Status] = l
		rows[n].All.Payments += l.Payments
		rows[n].All.Amount += l.Amount
	}
	return rows
}

// Statuses are those that occur.
func (t *totalsData) Statuses() (out []payout.Status) {
	for _, s := range []payout.Status{payout.Success, payout.Processing, payout.AwaitingRetry, payout.Decline, payout.Reversed} {
		for _, l := range t.Lines {
			if l.Status == s {
				out = append(out, s)
				break
			}
		}
	}
	return out
}

type totalsRow struct {
	Currency string
	ByStatus map[payout.Status]store.Total
	All      store.Total
}

// Of is the total of a status.
func (r totalsRow) Of(s payout.Status) store.Total { return r.ByStatus[s] }
