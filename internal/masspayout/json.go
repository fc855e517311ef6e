package masspayout

import "time"

// ReportJSON is the form of a Report that programs read: `mass check --json` and the answer of Gate.
type ReportJSON struct {
	Rows       int64       `json:"rows"`
	Good       int64       `json:"good"`
	Bad        int64       `json:"bad"`
	Totals     []TotalJSON `json:"totals"`
	Faults     []Fault     `json:"faults"`
	Warnings   []Warning   `json:"warnings"`
	SeenBefore *SeenJSON   `json:"seen_before"`
}

// TotalJSON is a Total in JSON; its sums are in minor units. What is missing is so with fees, and with what the balance pays
// for rows in other currencies.
type TotalJSON struct {
	ProjectID int64  `json:"project_id"`
	Currency  string `json:"currency"`
	Rows      int64  `json:"rows"`
	Amount    int64  `json:"amount"`
	Available int64  `json:"available"`
	Missing   int64  `json:"missing"`
}

// SeenJSON is a Seen in JSON.
type SeenJSON struct {
	Batch string    `json:"batch"`
	At    time.Time `json:"at"`
}

// JSON converts the report for programs. Its lists are never nil, so they are written as [] and not as null.
func (r *Report) JSON() *ReportJSON {
	out := &ReportJSON{
		Rows: r.Rows, Good: r.Good, Bad: r.Bad, Totals: []TotalJSON{},
		Faults: append([]Fault{}, r.Faults...), Warnings: append([]Warning{}, r.Warnings...),
	}
	for _, t := range r.Totals {
		out.Totals = append(out.Totals, TotalJSON{t.ProjectID, t.Currency, t.Rows, t.Amount, t.Available, t.Missing})
	}
	if r.SeenBefore != nil {
		out.SeenBefore = &SeenJSON{r.SeenBefore.Batch, r.SeenBefore.At}
	}
	return out
}
