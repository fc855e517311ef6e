package batches

import (
	"context"
	"database/sql"
	"fmt"
	"math"

	"flashpay/internal/store"
	"flashpay/internal/store/sqldb"
)

// Audit checks all batches: that counters are what the rows say, that each row which says that it made a payment has it, with the
// row's project, sum and currency, and that a batch which is done has no row left. It tells each fault, and returns how many
// batches it has read.
func Audit(ctx context.Context, s *store.Store, fault func(b *Batch, what string)) (count int64, err error) {
	for after, more := int64(math.MinInt64), true; more; {
		list, err := find(ctx, s, "SELECT "+columns+" FROM batches WHERE id > $1 ORDER BY id LIMIT 100", after)
		if err != nil {
			return count, err
		}
		for i := range list {
			after = list[i].ID
			faults, err := check(ctx, s, &list[i])
			if err != nil {
				return count, err
			}
			for _, what := range faults {
				fault(&list[i], fmt.Sprintf("batch %d: %s", list[i].ID, what))
			}
			count++
		}
		more = len(list) == 100
	}
	return count, nil
}

// check looks at a batch. Each part is one statement, so each sees one state of the database.
func check(ctx context.Context, s *store.Store, b *Batch) (faults []string, err error) {
	for _, part := range []func(context.Context, *store.Store, int64) ([]string, error){checkBatch, checkCounts, checkMade, checkPayments, checkTold} {
		found, err := part(ctx, s, b.ID)
		if err != nil {
			return nil, s.DB().Unavailable(err)
		}
		faults = append(faults, found...)
	}
	return faults, nil
}

// checkBatch compares a batch's row with the numbers of its rows.
func checkBatch(ctx context.Context, s *store.Store, id int64) (faults []string, err error) {
	const read = `SELECT b.state, b.row_count, b.good, b.bad, b.ended_at, f.id IS NOT NULL,
		(SELECT COUNT(1) FROM batch_rows r WHERE r.batch = b.id),
		(SELECT COUNT(1) FROM batch_rows r WHERE r.batch = b.id AND r.state = 'bad'),
		(SELECT COUNT(1) FROM batch_rows r WHERE r.batch = b.id AND r.state = 'good')
		FROM batches b LEFT JOIN files f ON f.id = b.file AND f.state = 'whole' WHERE b.id = $1`
	err = sqldb.Query(ctx, s.DB().Reads, read, id).Each(func(r *sql.Rows) error {
		var state State
		var count, good, bad, ended, rows, badRows, unsent int64
		var file bool
		if err := r.Scan(&state, &count, &good, &bad, &ended, &file, &rows, &badRows, &unsent); err != nil {
			return err
		}
		if rows != count || good+bad != count || badRows != bad {
			faults = append(faults, fmt.Sprintf("it counts %d rows, %d good and %d bad; there are %d rows, %d of them bad", count, good, bad, rows, badRows))
		}
		if state == Done && unsent > 0 {
			faults = append(faults, fmt.Sprintf("it is done, and %d rows are not sent", unsent))
		}
		if state.Final() != (ended != 0) {
			faults = append(faults, fmt.Sprintf("it is %s, which does not fit its end", state))
		}
		if !file && !state.Final() {
			faults = append(faults, "its file is not there")
		}
		return nil
	})
	return faults, err
}

// checkTold compares what a callback tells of a batch's end with the batch.
func checkTold(ctx context.Context, s *store.Store, id int64) (faults []string, err error) {
	const read = `SELECT b.state, b.row_count, b.bad, e.state, e.row_count, e.sent, e.paid_already, e.refused, e.with_faults, e.not_sent,
		(SELECT COUNT(1) FROM batch_rows r WHERE r.batch = b.id AND r.state = 'made'),
		(SELECT COUNT(1) FROM batch_rows r WHERE r.batch = b.id AND r.state = 'good')
		FROM batch_events e JOIN batches b ON b.id = e.batch WHERE e.batch = $1`
	err = sqldb.Query(ctx, s.DB().Reads, read, id).Each(func(r *sql.Rows) error {
		var state, told State
		var rows, bad, toldRows, sent, paid, refused, faulty, notSent, made, left int64
		if err := r.Scan(&state, &rows, &bad, &told, &toldRows, &sent, &paid, &refused, &faulty, &notSent, &made, &left); err != nil {
			return err
		}
		if state != told || rows != toldRows || bad != faulty || sent != made || notSent != left || sent+paid+refused+faulty+notSent != rows {
			faults = append(faults, fmt.Sprintf("its callback tells another end: %s, %d rows, %d of them sent and %d not; it is %s, %d rows sent and %d not", told, toldRows,
				sent, notSent, state, made, left))
		}
		return nil
	})
	return faults, err
}

// checkCounts compares a batch's counters with its rows that made no payment.
func checkCounts(ctx context.Context, s *store.Store, id int64) (faults []string, err error) {
	const compare = `SELECT project_id, currency, status, SUM(row_count), SUM(amount) FROM (
		SELECT project_id, currency, status, row_count, amount FROM batch_counts WHERE batch = $1 AND status IN ('bad', 'paid already', 'refused')
		UNION ALL SELECT project_id, currency, state, -1, -amount FROM batch_rows
			WHERE batch = $2 AND state IN ('bad', 'paid already', 'refused')) c
		GROUP BY project_id, currency, status HAVING SUM(row_count) <> 0 OR SUM(amount) <> 0`
	err = sqldb.Query(ctx, s.DB().Reads, compare, id, id).Each(func(r *sql.Rows) error {
		var project, rows, amount int64
		var currency, status string
		if err := r.Scan(&project, &currency, &status, &rows, &amount); err != nil {
			return err
		}
		faults = append(faults, fmt.Sprintf("its counter of rows %s of project %d in %s is off by %d rows and %d", status, project, currency, rows, amount))
		return nil
	})
	return faults, err
}

// checkMade compares the payments that a batch's counters have with those of its rows, in number and sum. Counters come a moment
// later.
func checkMade(ctx context.Context, s *store.Store, id int64) (faults []string, err error) {
	const compare = `SELECT project_id, currency, SUM(counted), SUM(made), SUM(counted_amount), SUM(made_amount) FROM (
		SELECT project_id, currency, row_count AS counted, 0 AS made, amount AS counted_amount, 0 AS made_amount FROM batch_counts
			WHERE batch = $1 AND status NOT IN ('good', 'bad', 'paid already', 'refused')
		UNION ALL SELECT project_id, currency, 0, 1, 0, amount FROM batch_rows WHERE batch = $2 AND state = 'made') c
		GROUP BY project_id, currency`
	err = sqldb.Query(ctx, s.DB().Reads, compare, id, id).Each(func(r *sql.Rows) error {
		var project, counted, made, countedSum, madeSum int64
		var currency string
		if err := r.Scan(&project, &currency, &counted, &made, &countedSum, &madeSum); err != nil {
			return err
		}
		if counted > made || countedSum > madeSum || counted == made && countedSum != madeSum {
			faults = append(faults, fmt.Sprintf("its counters have %d payments of %d in all from project %d in %s, its rows made %d of %d",
				counted, countedSum, project, currency, made, madeSum))
		}
		return nil
	})
	return faults, err
}

// checkPayments looks for rows that do not have the payment which they say they made, and for those that have one and do not
// say so.
func checkPayments(ctx context.Context, s *store.Store, id int64) (faults []string, err error) {
	const find = `SELECT r.line, r.state, COALESCE(r.payment, 0), p.id IS NOT NULL
		FROM batch_rows r LEFT JOIN payments p ON p.project_id = r.project_id AND p.id = r.payment AND p.amount = r.amount AND p.currency = r.currency
			AND p.interface = 5
		WHERE r.batch = $1 AND (r.state = 'made') <> (p.id IS NOT NULL) ORDER BY r.line LIMIT 100`
	err = sqldb.Query(ctx, s.DB().Reads, find, id).Each(func(r *sql.Rows) error {
		var line, payment int64
		var state string
		var found bool
		if err := r.Scan(&line, &state, &payment, &found); err != nil {
			return err
		}
		what := fmt.Sprintf("line %d says that it made payment %d, which is not there with its project, sum and currency", line, payment)
		if found {
			what = fmt.Sprintf("line %d is «%s», and made payment %d", line, state, payment)
		}
		faults = append(faults, what)
		return nil
	})
	return faults, err
}
