package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"maps"
	"slices"

	"flashpay/internal/payout"
	"flashpay/internal/store/sqldb"
)

// A payout of a mass batch is accepted like any other, and its row notes the payment in the same commit. So a row that made a
// payment says so, whatever crashes when. Package batches has the rest of a batch's life.

// ErrBatchStopped says that the batch of a payout is not being sent: it was paused or cancelled. Nothing was stored.
var ErrBatchStopped = errors.New("store: the batch was paused or cancelled; nothing was stored")

// BatchRow names a row of a mass batch.
type BatchRow struct {
	Batch int64
	Line  int64
}

// checkBatches refuses the items of batches that are not being sent. It locks the batches: whoever stops one, knows that no
// row is sent after that commit.
func (t *Tx) checkBatches(ctx context.Context, commands []*command) error {
	states := make(map[int64]bool)
	for _, c := range commands {
		if c.accept != nil && c.accept.Batch.Batch != 0 {
			states[c.accept.Batch.Batch] = false
		}
	}
	for _, id := range slices.Sorted(maps.Keys(states)) {
		err := t.Query(ctx, "SELECT state FROM batches WHERE id = $1{{for_update}}", func(r *sql.Rows) error {
			var state string
			err := r.Scan(&state)
			states[id] = state == "sending"
			return err
		}, id)
		if err != nil {
			return err
		}
	}
	for _, c := range commands {
		if c.accept != nil && c.accept.Batch.Batch != 0 && !states[c.accept.Batch.Batch] {
			c.err = ErrBatchStopped
		}
	}
	return nil
}

// madeRow is a row of a batch with the payment that it makes.
type madeRow struct{ batch, line, payment int64 }

// continues tells whether a row lies behind another, and so does its payment.
func (r madeRow) continues(o madeRow) bool {
	return r.batch == o.batch && r.line == o.line+1 && r.payment == o.payment+1
}

// runsOf cuts rows into runs, in the order of their lines.
func runsOf(rows []madeRow) (runs [][]madeRow) {
	slices.SortFunc(rows, func(a, b madeRow) int { return cmp.Or(cmp.Compare(a.batch, b.batch), cmp.Compare(a.line, b.line)) })
	for first := 0; first < len(rows); {
		end := first + 1
		for end < len(rows) && rows[end].continues(rows[end-1]) {
			end++
		}
		runs, first = append(runs, rows[first:end]), end
	}
	return runs
}

// aRun is how many rows are worth a statement of their own.
const aRun = 8

var makeBatchRows = sqldb.NewBulk(
	"WITH v (batch, line, payment) AS (VALUES ", "(CAST(%i AS BIGINT), CAST(%i AS BIGINT), CAST(%i AS BIGINT))",
	`) UPDATE batch_rows SET state = 'made', payment = v.payment FROM v
		WHERE batch_rows.batch = +v.batch AND batch_rows.line = +v.line AND batch_rows.state = 'good' RETURNING batch_rows.payment`)

const makeBatchRun = "UPDATE batch_rows SET state = 'made', payment = line + $1 WHERE batch = $2 AND line >= $3 AND line <= $4 AND state = 'good'"

// writeBatchRows notes in the rows of batches which payments they have made. A row makes one: where it has another state by
// now, the commit fails. Payments are numbered in the order in which rows come, so most rows are noted in one piece.
func (t *Tx) writeBatchRows(ctx context.Context, commands []*command) error {
	var rows []madeRow
	for _, c := range commands {
		if it := c.accept; it != nil && it.inserted && it.Batch.Batch != 0 {
			rows = append(rows, madeRow{it.Batch.Batch, it.Batch.Line, it.id})
		}
	}
	var single []any
	noted := int64(0)
	for _, run := range runsOf(rows) {
		if first, last := run[0], run[len(run)-1]; len(run) >= aRun {
			n, err := t.Exec(ctx, makeBatchRun, first.payment-first.line, first.batch, first.line, last.line)
			if noted += n; err != nil {
				return err
			}
			continue
		}
		for _, r := range run {
			single = append(single, r.batch, r.line, r.payment)
		}
	}
	err := makeBatchRows.Run(ctx, t.conn, single, func(sqldb.Row) error {
		noted++
		return nil
	})
	if err == nil && noted != int64(len(rows)) {
		err = errors.New("store: a row of a batch that is not to be sent would make a payment")
	}
	return err
}

// batchCount is a row of batch_counts.
type batchCount struct {
	batch, project int64
	currency       string
	status         payout.Status
}

func (k batchCount) compare(o batchCount) int {
	return cmp.Or(cmp.Compare(k.batch, o.batch), cmp.Compare(k.project, o.project), cmp.Compare(k.currency, o.currency), cmp.Compare(k.status, o.status))
}

// AddBatchCounts adds to the counters of batches: batch, project, currency, status, rows, amount. Its rows come in the order
// of their keys.
var AddBatchCounts = sqldb.NewBulk("INSERT INTO batch_counts (batch, project_id, currency, status, row_count, amount) VALUES ",
	"(%i, %i, %s, %s, %i, %i)", ` ON CONFLICT (batch, project_id, currency, status) DO UPDATE
		SET row_count = batch_counts.row_count + excluded.row_count, amount = batch_counts.amount + excluded.amount`)

// batchPiece is how many payments one query asks for, always: one text for any number.
const batchPiece = 100

var batchesOfPayments = func() string {
	q := &sqldb.Statement{}
	q.Text("SELECT payment, batch FROM batch_rows WHERE payment IS NOT NULL AND ").In("payment", make([]any, batchPiece))
	return q.String()
}()

// batchCounts are the rows of AddBatchCounts that take in the changes of statuses that lines tell. Which batch a payment belongs to
// is committed with the payment, and stays.
func (s *Store) batchCounts(ctx context.Context, lines []followedLine) (args []any, err error) {
	var changed []*followedLine
	for i := range lines {
		if lines[i].byHand && lines[i].after.status != "" {
			changed = append(changed, &lines[i])
		}
	}
	deltas := make(map[batchCount]RollupDelta)
	for piece := range slices.Chunk(changed, batchPiece) {
		payments := make([]any, batchPiece)
		for i := range payments {
			payments[i] = piece[min(i, len(piece)-1)].payment
		}
		batches := make(map[int64]int64, len(piece))
		err := sqldb.Query(ctx, s.db.Lists, batchesOfPayments, payments...).Each(func(r *sql.Rows) error {
			var payment, batch int64
			err := r.Scan(&payment, &batch)
			batches[payment] = batch
			return err
		})
		if err != nil {
			return nil, err
		}
		for _, l := range piece {
			k := batchCount{batch: batches[l.payment], project: l.project, currency: l.currency, status: l.after.status}
			if k.batch == 0 {
				continue
			}
			deltas[k] = deltas[k].plus(1, l.amount)
			if k.status = l.before.status; k.status != "" {
				deltas[k] = deltas[k].plus(-1, -l.amount)
			}
		}
	}
	for _, k := range slices.SortedFunc(maps.Keys(deltas), batchCount.compare) {
		if d := deltas[k]; d != (RollupDelta{}) {
			args = append(args, k.batch, k.project, k.currency, string(k.status), d.Payments, d.Amount)
		}
	}
	return args, nil
}
