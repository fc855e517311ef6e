package massbatch

import (
	"context"
	"encoding/json"
	"io"
	"slices"

	"flashpay/internal/masspayout"
	"flashpay/internal/store/batches"
	"flashpay/internal/store/files"
)

// keptReport is a check's report as it is kept with its batch.
type keptReport struct {
	Rows        int64              `json:"rows"`
	Good        int64              `json:"good"`
	Bad         int64              `json:"bad"`
	PaidAlready int64              `json:"paid_already"`
	Totals      []masspayout.Total `json:"totals"`
	Faults      []masspayout.Fault `json:"faults"`
	AllFaults   int64              `json:"all_faults"`
	Warnings    []keptWarning      `json:"warnings"`
	AllWarnings int64              `json:"all_warnings"`
	SeenBefore  *masspayout.Seen   `json:"seen_before"`
}

// keptWarning is a warning with the payment that it speaks of.
type keptWarning struct {
	masspayout.Warning
	ProjectID int64  `json:"project_id,omitempty"`
	PaymentID string `json:"payment_id,omitempty"`
}

func keepReport(r *masspayout.Report) ([]byte, error) {
	kept := keptReport{
		Rows: r.Rows, Good: r.Good, Bad: r.Bad, PaidAlready: r.PaidAlready, Totals: r.Totals, Faults: r.Faults, AllFaults: r.AllFaults,
		AllWarnings: r.AllWarnings, SeenBefore: r.SeenBefore,
	}
	for _, w := range r.Warnings {
		kept.Warnings = append(kept.Warnings, keptWarning{w, w.ProjectID, w.PaymentID})
	}
	return json.Marshal(kept)
}

// Report is what the check of a batch's file found when it was uploaded; nil: no report is kept.
func (s *Service) Report(ctx context.Context, b *batches.Batch) (*masspayout.Report, error) {
	text, err := batches.Report(ctx, s.Store, b)
	if err != nil || text == nil {
		return nil, err
	}
	var kept keptReport
	if err := json.Unmarshal(text, &kept); err != nil {
		return nil, err
	}
	addDebits(kept.Totals)
	r := &masspayout.Report{
		Rows: kept.Rows, Good: kept.Good, Bad: kept.Bad, PaidAlready: kept.PaidAlready, Totals: kept.Totals, Faults: kept.Faults, AllFaults: kept.AllFaults,
		AllWarnings: kept.AllWarnings, SeenBefore: kept.SeenBefore,
	}
	for _, w := range kept.Warnings {
		w.Warning.ProjectID, w.Warning.PaymentID = w.ProjectID, w.PaymentID
		r.Warnings = append(r.Warnings, w.Warning)
	}
	return r, nil
}

// addDebits completes totals that were kept before they had what balances pay: then it was the rows' own sums.
func addDebits(totals []masspayout.Total) {
	if slices.ContainsFunc(totals, func(t masspayout.Total) bool { return t.Debit != 0 }) {
		return
	}
	for i := range totals {
		totals[i].Debit = totals[i].Amount
	}
}

// Faults writes the faults' download of a batch: the uploaded file with two columns more, error and advice, judged as things
// stand now and by what the reader sees, as at the upload. It reads the file as a stream.
func (s *Service) Faults(ctx context.Context, b *batches.Batch, u Upload, to io.Writer) error {
	sender, err := s.sender(b)
	if err != nil {
		return err
	}
	file, err := files.Open(ctx, s.Store, b.File, 0)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	checker := s.Checker(sender)
	checker.SeenBefore = nil
	if u.Sees != nil {
		checker.Rules.Project = s.seen(u.Sees)
	}
	report, err := checker.Check(ctx, file, masspayout.Options{Name: b.Name, Faults: to, Advise: u.Advise})
	if err == nil && report.Unreadable != nil { // it could be read when it was uploaded
		err = report.Unreadable
	}
	return err
}
