package masspayout

import "time"

// Told is a report as programs are told of it, as JSON.
type Told struct {
	Rows       int64       `json:"rows"`
	Good       int64       `json:"good"`
	Bad        int64       `json:"bad"`
	Totals     []ToldTotal `json:"totals"`
	Faults     []Fault     `json:"faults"`
	Warnings   []Warning   `json:"warnings"`
	SeenBefore *ToldSeen   `json:"seen_before"`
}

// ToldTotal is a Total.
type ToldTotal struct {
	ProjectID int64  `json:"project_id"`
	Currency  string `json:"currency"`
	Rows      int64  `json:"rows"`
	Amount    int64  `json:"amount"`
	Available int64  `json:"available"`
	Missing   int64  `json:"missing"`
}

// ToldSeen is a Seen.
type ToldSeen struct {
	Batch string    `json:"batch"`
	At    time.Time `json:"at"`
}

// Tell is the report as programs are told of it. Its lists are never nil.
func (r *Report) Tell() *Told {
	out := &Told{
		Rows: r.Rows, Good: r.Good, Bad: r.Bad, Totals: []ToldTotal{},
		Faults: append([]Fault{}, r.Faults...), Warnings: append([]Warning{}, r.Warnings...),
	}
	for _, t := range r.Totals {
		out.Totals = append(out.Totals, ToldTotal(t))
	}
	if r.SeenBefore != nil {
		out.SeenBefore = &ToldSeen{r.SeenBefore.Batch, r.SeenBefore.At}
	}
	return out
}
