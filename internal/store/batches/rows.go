package batches

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"time"

	"flashpay/internal/payout"
	"flashpay/internal/store"
	"flashpay/internal/store/sqldb"
)

// Row is a row of a batch.
type Row struct {
	Line      int64
	State     RowState
	ProjectID int64  // 0, as are the fields below, where the row does not say so readably
	PaymentID string // of a new row; it is not read back: the file has it
	Amount    int64  // minor units
	Currency  string
	Payment   int64 // that it made, which is also its first operation; 0: none
	Code      int   // of a refusal
	Message   string

	// What became of the payment that it made.
	PaidAs    string // the payment's id
	Status    payout.Status
	PaymentAt time.Time
	Final     int // code of its newest operation
}

// key is the keyed index under which a row's payment id can be found.
func key(s *store.Store, project int64, paymentID string) int64 {
	return s.Vault().Index("batch row", strconv.FormatInt(project, 10)+"/"+payout.Fold(paymentID))
}

// FileKind is the kind of the files that batches are made of (files.New).
const FileKind = "mass payout"

// NewID takes the id of a batch that is about to be made.
func NewID(ctx context.Context, s *store.Store) (id int64, err error) {
	err = s.DoRepeatable(ctx, func(_ context.Context, t *store.Tx) error {
		id = t.RowID()
		return nil
	})
	return id, err
}

var insertRows = sqldb.NewBulk("INSERT INTO batch_rows (batch, line, state, project_id, payment_key, amount, currency, code, message) VALUES ",
	"(%i, %i, %s, %i, %i, %i, %s, %i, %s)", " ON CONFLICT (batch, line) DO NOTHING")

// AddRows keeps rows of a batch that is about to be made, in a commit of their own: some hundreds at a time, so that others
// have their turn. Rows whose batch is never made are deleted when nobody uploads a file.
func AddRows(ctx context.Context, s *store.Store, batch int64, rows []Row) error {
	args := make([]any, 0, len(rows)*insertRows.Columns)
	for i := range rows {
		r := &rows[i]
		index := int64(0)
		if r.PaymentID != "" {
			index = key(s, r.ProjectID, r.PaymentID)
		}
		args = append(args, batch, r.Line, string(r.State), r.ProjectID, index, r.Amount, r.Currency, int64(r.Code), r.Message)
	}
	return s.DoRepeatable(ctx, func(ctx context.Context, t *store.Tx) error { return t.Bulk(ctx, insertRows, args, nil) })
}

// Unsent reads which of the lines above one, up to another, are still to be sent.
func Unsent(ctx context.Context, s *store.Store, batch, after, to int64) (map[int64]bool, error) {
	unsent := make(map[int64]bool)
	const find = "SELECT line FROM batch_rows WHERE batch = $1 AND line > $2 AND line <= $3 AND state = 'good'"
	err := s.DB().Read(ctx, find, func(r *sql.Rows) error {
		var line int64
		err := r.Scan(&line)
		unsent[line] = true
		return err
	}, batch, after, to)
	return unsent, s.DB().Unavailable(err)
}

// Outcome is what became of a row that made no payment.
type Outcome struct {
	Line    int64
	State   RowState // PaidAlready or Refused
	Code    int
	Message string
}

var settleRows = sqldb.NewBulk("WITH v (batch, line, state, code, message) AS (VALUES ",
	"(CAST(%i AS BIGINT), CAST(%i AS BIGINT), CAST(%s AS TEXT), CAST(%i AS BIGINT), CAST(%s AS TEXT))",
	`) UPDATE batch_rows SET state = v.state, code = v.code, message = v.message FROM v
		WHERE batch_rows.batch = +v.batch AND batch_rows.line = +v.line AND batch_rows.state = 'good'
		RETURNING batch_rows.project_id, batch_rows.currency, batch_rows.state, batch_rows.amount`)

// Settle notes, in a transaction, what became of rows that made no payment, and how far the batch has come. A row that
// has made one keeps it.
func Settle(ctx context.Context, t *store.Tx, batch, position int64, outcomes []Outcome) error {
	var args []any
	for _, o := range outcomes {
		args = append(args, batch, o.Line, string(o.State), int64(o.Code), o.Message)
	}
	totals := make(map[Total]Total)
	err := t.Bulk(ctx, settleRows, args, func(r sqldb.Row) error {
		var c Total
		if err := r.Scan(&c.ProjectID, &c.Currency, &c.Status, &c.Amount); err != nil {
			return err
		}
		k := Total{ProjectID: c.ProjectID, Currency: c.Currency, Status: c.Status}
		c.Rows, c.Amount = totals[k].Rows+1, totals[k].Amount+c.Amount
		totals[k] = c
		return nil
	})
	if err != nil {
		return err
	}
	var counts []Total
	for _, c := range totals {
		counts = append(counts, c)
	}
	if err := addCounts(ctx, t, batch, counts); err != nil {
		return err
	}
	_, err = t.Exec(ctx, "UPDATE batches SET position = $1, updated_at = $2 WHERE id = $3 AND position < $4", position, t.Now().UnixMicro(), batch, position)
	return err
}

// RowFilter says which rows of a batch are listed.
type RowFilter struct {
	Batch  int64
	State  RowState      // empty: any
	Status payout.Status // of their payments; empty: any. It needs the state Made
	After  int64         // lines behind this one
	Limit  int
}

// Rows lists rows in the order of their lines, with what became of their payments.
func Rows(ctx context.Context, s *store.Store, f RowFilter) (out []Row, err error) {
	q := &sqldb.Statement{}
	q.Text(selectRows)
	f.rows(q, f.Limit)
	q.Text(joinPayments + " ORDER BY r.line")
	return readRows(ctx, s, q)
}

const (
	selectRows = `SELECT r.line, r.state, r.project_id, r.amount, r.currency, COALESCE(r.payment, 0), r.code, r.message, COALESCE(p.payment_id, ''),
		COALESCE(p.status, ''), COALESCE(p.updated_at, 0), COALESCE(o.code, 0) FROM `
	joinPayments = ` r LEFT JOIN payments p ON p.project_id = r.project_id AND p.id = r.payment
		LEFT JOIN operations o ON o.project_id = r.project_id AND o.id = r.payment`
)

// rows is the part of a statement that reads rows alone.
func (f *RowFilter) rows(q *sqldb.Statement, limit int) {
	q.Text("(SELECT line, state, project_id, amount, currency, payment, code, message FROM batch_rows WHERE batch = ").Arg(f.Batch)
	if f.State != "" {
		q.Text(" AND state = ").Arg(string(f.State))
	}
	q.Text(" AND line > ").Arg(f.After).Text(" ORDER BY line LIMIT ").Arg(int64(limit)).Text(")")
}

func readRows(ctx context.Context, s *store.Store, q *sqldb.Statement) (out []Row, err error) {
	err = s.DB().Read(ctx, q.String(), func(r *sql.Rows) error {
		var row Row
		var at int64
		err := r.Scan(&row.Line, &row.State, &row.ProjectID, &row.Amount, &row.Currency, &row.Payment, &row.Code, &row.Message, &row.PaidAs,
			(*string)(&row.Status), &at, &row.Final)
		row.PaymentAt = sqldb.FromMicros(at)
		out = append(out, row)
		return err
	}, q.Args...)
	return out, s.DB().Unavailable(err)
}

// Found is a page of rows.
type Found struct {
	Rows  []Row
	Until int64 // continue behind this line; 0: nothing is left
}

// lookedAt is how many rows a search by a status looks at in one statement.
const lookedAt = 10_000

// Find reads a page of rows. Where few have the status that is looked for it looks at no more than so many, and says how far it
// came: the page may have no row though others follow.
func Find(ctx context.Context, s *store.Store, f RowFilter, most int) (*Found, error) {
	if f.Status == "" {
		limit := f.Limit
		f.Limit++
		rows, err := Rows(ctx, s, f)
		found := &Found{Rows: rows}
		if len(rows) > limit {
			found.Rows, found.Until = rows[:limit], rows[limit-1].Line
		}
		return found, err
	}
	found := &Found{}
	for looked := 0; looked < most; looked += lookedAt {
		end, err := f.end(ctx, s)
		if err != nil {
			return nil, err
		}
		q := &sqldb.Statement{}
		q.Text(selectRows)
		f.rows(q, lookedAt)
		q.Text(joinPayments + " WHERE p.status = ").Arg(string(f.Status)).Text(" ORDER BY r.line LIMIT ").Arg(int64(f.Limit - len(found.Rows) + 1))
		rows, err := readRows(ctx, s, q)
		if err != nil {
			return nil, err
		}
		found.Rows = append(found.Rows, rows...)
		if len(found.Rows) > f.Limit {
			found.Rows = found.Rows[:f.Limit]
			found.Until = found.Rows[f.Limit-1].Line
			return found, nil
		}
		if found.Until = end; end == 0 {
			return found, nil
		}
		f.After = end
	}
	return found, nil
}

// end is the last line that one statement looks at; 0: it looks at all that are left.
func (f *RowFilter) end(ctx context.Context, s *store.Store) (line int64, err error) {
	q := &sqldb.Statement{}
	q.Text("SELECT COALESCE(MAX(line), 0) FROM (SELECT line FROM batch_rows WHERE batch = ").Arg(f.Batch)
	q.Text(" AND state = ").Arg(string(f.State)).Text(" AND line > ").Arg(f.After)
	q.Text(" ORDER BY line LIMIT 1 OFFSET ").Arg(int64(lookedAt - 1)).Text(") x")
	err = s.DB().Read(ctx, q.String(), func(r *sql.Rows) error { return r.Scan(&line) }, q.Args...)
	return line, s.DB().Unavailable(err)
}

// dropPiece is how many rows one commit of DeleteExpired deletes at most: the writer has other work.
const dropPiece = 1000

// DeleteExpired deletes batches whose time is over, with their rows, and rows whose batch was never made. A batch that has not ended
// stays. Their files have the same time, and go by themselves.
func DeleteExpired(ctx context.Context, s *store.Store) error {
	now := s.Now().UnixMicro()
	old, err := s.DB().Numbers(ctx, "SELECT id FROM batches WHERE drop_at <= $1 AND state IN ('checked', 'done', 'cancelled') ORDER BY drop_at LIMIT 100", now)
	if err != nil {
		return s.DB().Unavailable(err)
	}
	stray, err := strays(ctx, s)
	if err != nil {
		return err
	}
	for _, id := range append(old, stray...) {
		if err := drop(ctx, s, id); err != nil {
			return err
		}
	}
	return nil
}

// strays finds the batches that rows name and that are not there. While a file is being uploaded its batch is not there yet,
// so then there are none.
func strays(ctx context.Context, s *store.Store) ([]int64, error) {
	const find = `WITH RECURSIVE b (id) AS (SELECT MIN(batch) FROM batch_rows
		UNION ALL SELECT (SELECT MIN(batch) FROM batch_rows WHERE batch > b.id) FROM b WHERE b.id IS NOT NULL)
		SELECT id FROM b WHERE id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM batches x WHERE x.id = b.id)
		AND NOT EXISTS (SELECT 1 FROM files f WHERE f.kind = '` + FileKind + `' AND f.state = 'writing')`
	ids, err := s.DB().Numbers(ctx, find)
	return ids, s.DB().Unavailable(err)
}

func drop(ctx context.Context, s *store.Store, id int64) error {
	const piece = "DELETE FROM batch_rows WHERE (batch, line) IN (SELECT batch, line FROM batch_rows WHERE batch = $1 ORDER BY line LIMIT $2)"
	for gone := int64(dropPiece); gone == dropPiece; {
		err := s.DoRepeatable(ctx, func(ctx context.Context, t *store.Tx) (err error) {
			gone, err = t.Exec(ctx, piece, id, dropPiece)
			return err
		})
		if err != nil {
			return fmt.Errorf("batches: deleting rows of batch %d: %w", id, err)
		}
	}
	return s.DoRepeatable(ctx, func(ctx context.Context, t *store.Tx) error {
		for _, text := range []string{
			"DELETE FROM batch_counts WHERE batch = $1", "DELETE FROM batch_reports WHERE batch = $1", "DELETE FROM batches WHERE id = $1",
		} {
			if _, err := t.Exec(ctx, text, id); err != nil {
				return err
			}
		}
		return nil
	})
}
