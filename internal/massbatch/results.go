package massbatch

import (
	"context"
	"errors"
	"slices"
	"strconv"

	"flashpay/internal/accept"
	"flashpay/internal/masspayout"
	"flashpay/internal/money"
	"flashpay/internal/payout"
	"flashpay/internal/record"
	"flashpay/internal/store"
	"flashpay/internal/store/batches"
	"flashpay/internal/store/export"
	"flashpay/internal/store/files"
	"flashpay/internal/wire"
)

// Results calls each for the rows of the batches that began to be sent in a filter's period, with what had become of each at the
// export's instant. What of a row stands in its file alone is read only where needs,
// or the filter, asks for it.
func Results(ctx context.Context, s *store.Store, x *export.Export, f export.Filter, needs record.Fields, each func(*record.BatchRow) error) error {
	if len(f.Methods)+len(f.Currencies) > 0 {
		needs |= record.Uploaded
	}
	return x.Batches(ctx, f, func(b *export.Batch) (err error) {
		kept, err := batches.Get(ctx, s, b.ID)
		if errors.Is(err, store.ErrNotFound) { // its time was over just now
			return nil
		}
		if err != nil {
			return err
		}
		rows := &resultRows{store: s, batch: kept}
		defer func() { err = errors.Join(err, rows.close()) }()
		return x.BatchRows(ctx, b, func(r *export.BatchRow) error {
			row, err := rows.record(ctx, r, needs)
			if err != nil || !fits(&f, r, row) {
				return err
			}
			return each(row)
		})
	})
}

// methodColumn is where a row says its method.
const methodColumn = "method"

// resultRows makes records of a batch's rows.
type resultRows struct {
	store *store.Store
	batch *batches.Batch
	file  *files.Reader // nil: nothing was needed of it yet
	lines *masspayout.Lines
	gone  bool // the file's time is over; its rows are still there
}

func (r *resultRows) record(ctx context.Context, in *export.BatchRow, needs record.Fields) (*record.BatchRow, error) {
	as := batches.Row{State: in.State, Code: in.Code, Message: in.Message}
	row := &record.BatchRow{
		Batch: r.batch.ID, File: r.batch.Name, SentAt: r.batch.SentAt, Line: in.Line, Project: in.Project, ProjectID: in.ProjectID,
		Amount: in.Amount, Currency: in.Currency,
	}
	if made := in.Made; made != nil {
		as.Status, as.Final, as.PaymentAt = made.PaymentStatus, made.Code, made.PaymentUpdatedAt
		row.PaymentID, row.Method, row.AccountMask, row.Operation = made.PaymentID, made.Method, made.AccountMask, made.ID
	}
	out := outcomeOf(&as)
	row.Status, row.Code, row.Message, row.At = out.status, out.codeText(), out.message, out.at
	if in.Made != nil || needs&record.Uploaded == 0 || r.gone {
		return row, nil
	}
	return row, r.uploaded(ctx, row)
}

// uploaded fills in what stands in the file alone.
func (r *resultRows) uploaded(ctx context.Context, row *record.BatchRow) (err error) {
	if r.lines == nil {
		r.file, err = files.Open(ctx, r.store, r.batch.File, 0)
		if r.gone = errors.Is(err, store.ErrNotFound); r.gone {
			return nil
		}
		if err != nil {
			return err
		}
		if r.lines, err = masspayout.NewLines(r.file); err != nil {
			return err
		}
	}
	cell, err := r.lines.At(row.Line)
	if err != nil {
		return err
	}
	row.PaymentID, row.Method = cell(accept.PathPaymentID), cell(methodColumn)
	if account := cell(accept.PathAccount); account != "" {
		row.AccountMask = wire.Mask(account)
	}
	if row.ProjectID == 0 { // the row has faults: what it says counts for nothing, and is shown
		row.ProjectID, _ = strconv.ParseInt(cell(accept.PathProjectID), 10, 64)
	}
	amount, err := strconv.ParseInt(cell(accept.PathAmount), 10, 64)
	if code := cell(accept.PathCurrency); row.Currency == "" && err == nil && money.Valid(code) {
		row.Amount, row.Currency = amount, code
	}
	return nil
}

func (r *resultRows) close() error {
	if r.file == nil {
		return nil
	}
	return r.file.Close()
}

// fits tells whether a filter chooses a row.
func fits(f *export.Filter, r *export.BatchRow, row *record.BatchRow) bool {
	return slices.Contains(f.Projects, r.Project.ID) &&
		(len(f.Methods) == 0 || slices.Contains(f.Methods, row.Method)) &&
		(len(f.Statuses) == 0 || slices.Contains(f.Statuses, payout.Status(row.Status))) &&
		(len(f.Codes) == 0 || slices.ContainsFunc(f.Codes, func(code int) bool { return row.Code == strconv.Itoa(code) })) &&
		(len(f.Currencies) == 0 || slices.Contains(f.Currencies, row.Currency)) &&
		(f.MinAmount == 0 || row.Amount >= f.MinAmount) && (f.MaxAmount == 0 || row.Amount <= f.MaxAmount)
}
