package export

import (
	"context"
	"database/sql"
	"time"

	"flashpay/internal/record"
	"flashpay/internal/store"
	"flashpay/internal/store/sqldb"
)

// Callbacks calls each for every callback that the filter chooses, by their numbers. The statuses are those of payments. Callbacks
// of batches have no method, status, code, currency or sum: a filter by one of them leaves them out.
func (x *Export) Callbacks(ctx context.Context, f Filter, each func(*record.Callback) error) error {
	c := &callbackReader{export: x, filter: &f}
	plan := func(yield func(callbackPage) error) error {
		for _, project := range f.Projects {
			for after, last := int64(0), x.mark.events[project]; after < last; after += int64(x.page) {
				if err := yield(callbackPage{project, after, min(after+int64(x.page), last)}); err != nil {
					return err
				}
			}
		}
		return nil
	}
	err := inOrder(ctx, x.readers, plan, c.read, func(page []callbackRow) error {
		for i := range page {
			if err := each(&page[i].Callback); err != nil {
				return err
			}
		}
		return nil
	})
	return x.store.DB().Unavailable(err)
}

// callbackPage is a project's callbacks with numbers behind one, up to another.
type callbackPage struct{ project, after, to int64 }

type callbackReader struct {
	export *Export
	filter *Filter
}

// callbackRow is a callback as it is now.
type callbackRow struct {
	record.Callback
	payment int64
	ended   time.Time // the newest attempt
}

const callbackColumns = `SELECT e.number, e.payment, COALESCE(p.payment_id, ''), e.operation, e.payment_status, e.operation_status, e.code,
	COALESCE(p.amount, 0), COALESCE(p.currency, ''), COALESCE(p.method, ''), e.at,
	c.state, c.url, c.attempts, COALESCE(c.last_at, 0), COALESCE(c.duration, 0), COALESCE(c.http_status, 0), COALESCE(c.error, ''),
	COALESCE(b.batch, 0), COALESCE(b.state, '')
	FROM events e CROSS JOIN callbacks c LEFT JOIN payments p ON p.project_id = e.project_id AND p.id = e.payment
	LEFT JOIN batch_events b ON b.project_id = e.project_id AND b.number = e.number WHERE e.project_id = `

func (c *callbackReader) read(ctx context.Context, in callbackPage) (rows []callbackRow, err error) {
	q := c.statement(in)
	err = c.export.store.DB().List(ctx, q.String(), func(r *sql.Rows) error {
		row := callbackRow{}
		var at, last, duration int64
		err := r.Scan(&row.Number, &row.payment, &row.PaymentID, &row.Operation, (*string)(&row.PaymentStatus), (*string)(&row.OperationStatus), &row.Code,
			&row.Amount, &row.Currency, &row.Method, &at, &row.State, &row.URL, &row.Attempts, &last, &duration, &row.HTTPStatus, &row.Error,
			&row.Batch, &row.BatchState)
		if row.Batch != 0 { // the event tells the batch's state in this place
			row.PaymentStatus = ""
		}
		row.At, row.LastAt = sqldb.FromMicros(at), sqldb.FromMicros(last)
		row.ended = row.LastAt.Add(time.Duration(duration) * time.Microsecond)
		row.Project = c.export.projects[in.project]
		rows = append(rows, row)
		return err
	}, q.Args...)
	if err != nil {
		return nil, err
	}
	for i := range rows {
		if err := c.takeBack(ctx, &rows[i]); err != nil {
			return nil, err
		}
	}
	return rows, nil
}

func (c *callbackReader) statement(in callbackPage) *sqldb.Statement {
	q, f := &sqldb.Statement{}, c.filter
	q.Text(callbackColumns).Arg(in.project).Text(" AND e.number > ").Arg(in.after).Text(" AND e.number <= ").Arg(in.to)
	q.Text(" AND c.project_id = e.project_id AND c.number = e.number")
	if !f.From.IsZero() {
		q.Text(" AND e.at >= ").Arg(f.From.UnixMicro())
	}
	if !f.To.IsZero() {
		q.Text(" AND e.at < ").Arg(f.To.UnixMicro())
	}
	if len(f.Statuses) > 0 {
		q.Text(" AND e.payment <> 0 AND ").In("e.payment_status", sqldb.TextArgs(f.Statuses))
	}
	if len(f.Codes) > 0 {
		q.Text(" AND e.payment <> 0 AND ").In("e.code", intArgs(f.Codes))
	}
	return q.Where(f.conditions()).Text(" ORDER BY e.number")
}

func intArgs(numbers []int) (out []any) {
	for _, n := range numbers {
		out = append(out, int64(n))
	}
	return out
}

// takeBack makes of a callback's delivery what it was at the watermark: as the attempts that had ended by then left it.
func (c *callbackReader) takeBack(ctx context.Context, row *callbackRow) error {
	mark := c.export.mark
	if row.State == string(store.CallbackSuperseded) {
		superseded, err := c.hadNewer(ctx, row)
		if err != nil {
			return err
		}
		if !superseded {
			row.State = string(store.CallbackPending)
		}
	}
	if row.LastAt.IsZero() || !row.ended.After(mark.At) {
		return nil
	}
	row.Attempts, row.LastAt, row.HTTPStatus, row.Error = 0, time.Time{}, 0, ""
	if row.State != string(store.CallbackSuperseded) {
		row.State = string(store.CallbackPending)
	}
	const find = `SELECT attempt, at, http_status, error FROM attempts WHERE project_id = $1 AND number = $2 AND at + duration <= $3 ORDER BY attempt DESC LIMIT 1`
	return c.export.store.DB().Read(ctx, find, func(r *sql.Rows) error {
		var at int64
		err := r.Scan(&row.Attempts, &at, &row.HTTPStatus, &row.Error)
		row.LastAt = sqldb.FromMicros(at)
		if row.HTTPStatus == acknowledged && row.State == string(store.CallbackPending) { // it was sent again later
			row.State = string(store.CallbackDelivered)
		}
		return err
	}, row.Project.ID, row.Number, mark.At.UnixMicro())
}

// acknowledged is the only answer that acknowledges a callback.
const acknowledged = 200

// hadNewer tells whether the payment had a newer event at the watermark.
func (c *callbackReader) hadNewer(ctx context.Context, row *callbackRow) (bool, error) {
	const find = "SELECT 1 FROM events WHERE payment = $1 AND number > $2 AND number <= $3 AND +project_id = $4 LIMIT 1"
	found, err := c.export.store.DB().Numbers(ctx, find, row.payment, row.Number, c.export.mark.events[row.Project.ID], row.Project.ID)
	return len(found) > 0, err
}
