// Package report makes files out of the lists of the platform: operations, payments, movements of balances, results of mass
// payouts, callbacks. A report is a CSV with chosen columns and rows, made in the background by a job, from one consistent state and in constant
// memory, and kept for four days. It is asked for once, or by a schedule for each day, week or month.
package report

import (
	"context"
	"errors"
	"fmt"
	"time"

	"flashpay/internal/payout"
	"flashpay/internal/store"
	"flashpay/internal/store/export"
)

// KeepFor is how long a report can be downloaded.
const KeepFor = 4 * 24 * time.Hour

// Request is a report that is asked for. Parse makes one of what a person has chosen; it is kept as JSON.
type Request struct {
	Kind       string          `json:"kind"`
	Columns    []string        `json:"columns"`            // names, in their order
	Projects   []int64         `json:"projects,omitempty"` // empty: all that the owner sees when it is made
	From       time.Time       `json:"from,omitzero"`
	To         time.Time       `json:"to,omitzero"` // exclusive
	Zone       string          `json:"zone"`        // IANA name: of the times in the file
	Methods    []string        `json:"methods,omitempty"`
	Statuses   []payout.Status `json:"statuses,omitempty"`
	Codes      []int           `json:"codes,omitempty"`
	Currencies []string        `json:"currencies,omitempty"`
	MinAmount  int64           `json:"min_amount,omitempty"` // minor units of the one currency that is chosen
	MaxAmount  int64           `json:"max_amount,omitempty"`
	Format     Format          `json:"format"`
}

// Format says how the file is written. The zero Format has commas, decimal points and the columns' names as they are.
type Format struct {
	Semicolon    bool   `json:"semicolon,omitempty"`     // between cells, instead of a comma
	DecimalComma bool   `json:"decimal_comma,omitempty"` // in sums, instead of a point
	BOM          bool   `json:"bom,omitempty"`           // the mark by which Excel knows UTF-8
	Header       string `json:"header,omitempty"`        // language of the columns' titles: en, ru, ky; empty: their names
	LocalTimes   bool   `json:"local_times,omitempty"`   // as spreadsheets read them, without the zone's offset
	Gzip         bool   `json:"gzip,omitempty"`
}

// Local is the form that Excel of a Russian or Kyrgyz system opens as it is, with titles in a language.
func Local(language string) Format {
	return Format{Semicolon: true, DecimalComma: true, BOM: true, Header: language, LocalTimes: true}
}

// location is the zone of the times in the file.
func (q *Request) location() (*time.Location, error) {
	zone, err := time.LoadLocation(q.Zone)
	if err != nil {
		return nil, fmt.Errorf("report: zone %q: %w", q.Zone, err)
	}
	return zone, nil
}

// filter chooses the rows, of no projects but these.
func (q *Request) filter(projects []int64) export.Filter {
	return export.Filter{
		Projects: projects, From: q.From, To: q.To, Methods: q.Methods, Statuses: q.Statuses, Codes: q.Codes, Currencies: q.Currencies,
		MinAmount: q.MinAmount, MaxAmount: q.MaxAmount,
	}
}

// Errors of the calls on reports.
var (
	// ErrNotReady says that the report is not made yet, or was cancelled.
	ErrNotReady = errors.New("report: it is not ready")
	// ErrGone says that the report's time is over.
	ErrGone = errors.New("report: it is not kept any longer; make it again")
	// ErrNoRight says that the owner may not see all of the report any more.
	ErrNoRight = errors.New("report: its owner may not have it any more")
	// ErrLink says that a link of an e-mail is not valid, or any longer.
	ErrLink = errors.New("report: this link does not work: it was used, or a day has passed; sign in to download the report")
)

// Service makes reports and keeps them.
type Service struct {
	Store *store.Store
	Mail  *Mail // nil: no e-mail is set up
}

// projects are those of the request that the owner may see now. A user who was deactivated, or may not see reports any more,
// is an error.
func (s *Service) projects(ctx context.Context, userID int64, wanted []int64) ([]int64, error) {
	seen, err := s.seen(ctx, userID)
	if err != nil || len(wanted) == 0 {
		return seen, err
	}
	return intersect(wanted, seen), nil
}
