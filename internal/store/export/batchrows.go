package export

import (
	"context"
	"database/sql"
	"time"

	"flashpay/internal/record"
	"flashpay/internal/store/batches"
	"flashpay/internal/store/sqldb"
)

// Batch is a mass payout that had begun to be sent at the watermark.
type Batch struct {
	ID         int64
	ProjectID  int64 // in whose name it is sent
	MerchantID int64
	SentAt     time.Time

	created int64
	reached int64 // the line that it had come to at the watermark; with under only
	under   bool  // it was under way then
}

// BatchRow is a row of a batch as the database has it.
type BatchRow struct {
	Line      int64
	State     batches.RowState
	Project   *record.Project // that it counts to: the one that it names, or the batch's where that is none of the merchant's
	ProjectID int64           // that it names; 0, as are the fields below, where the row does not say so readably
	Amount    int64
	Currency  string
	Code      int // of a refusal
	Message   string
	Made      *record.Operation // the first of the payment that it made; nil: it made none
}

// batchPage is how many batches one statement reads.
const batchPage = 200

// Batches calls each for every batch that began to be sent in the filter's period and may have rows of its projects: merchant by
// merchant, by the time of their upload.
func (x *Export) Batches(ctx context.Context, f Filter, each func(*Batch) error) error {
	if len(f.Projects) == 0 {
		return nil
	}
	for _, merchant := range merchantsOf(x.store, f.Projects) {
		behind := place{}
		for {
			found, err := x.batchPage(ctx, &f, merchant, behind)
			if err != nil {
				return x.store.DB().Unavailable(err)
			}
			for i := range found {
				if b := &found[i]; !b.SentAt.IsZero() {
					if err := each(b); err != nil {
						return err
					}
				}
			}
			if len(found) < batchPage {
				break
			}
			last := &found[batchPage-1]
			behind = place{last.created, last.ID}
		}
	}
	return nil
}

// batchPage reads the batches behind one. One that began to be sent after the watermark comes without SentAt.
func (x *Export) batchPage(ctx context.Context, f *Filter, merchant int64, behind place) (out []Batch, err error) {
	q := &sqldb.Statement{}
	q.Text("SELECT b.id, b.project_id, b.created_at, b.sent_at, b.ended_at FROM batches b WHERE b.merchant_id = ").Arg(merchant)
	q.Text(" AND (b.created_at, b.id) > (").Arg(behind.at).Text(", ").Arg(behind.id).Text(") AND b.sent_at > 0 AND b.sent_at >= ").Arg(f.From.UnixMicro())
	if !f.To.IsZero() {
		to := f.To.UnixMicro()
		q.Text(" AND b.sent_at < ").Arg(to).Text(" AND b.created_at < ").Arg(to)
	}
	q.Text(" AND (").In("b.project_id", sqldb.IntArgs(f.Projects)).Text(" OR EXISTS (SELECT 1 FROM batch_counts c WHERE c.batch = b.id AND ")
	q.In("c.project_id", sqldb.IntArgs(f.Projects)).Text(")) ORDER BY b.created_at, b.id LIMIT ").Arg(int64(batchPage))
	err = x.store.DB().List(ctx, q.String(), func(r *sql.Rows) error {
		b := Batch{MerchantID: merchant}
		var sent, ended int64
		err := r.Scan(&b.ID, &b.ProjectID, &b.created, &sent, &ended)
		b.reached, b.under = x.mark.positions[b.ID]
		if b.under || ended > 0 && ended <= x.mark.At.UnixMicro() {
			b.SentAt = sqldb.FromMicros(sent)
		}
		out = append(out, b)
		return err
	}, q.Args...)
	return out, err
}

// BatchRows calls each for the rows of a batch that count to projects of the export, by their lines.
func (x *Export) BatchRows(ctx context.Context, b *Batch, each func(*BatchRow) error) error {
	r := &batchRowReader{export: x, batch: b}
	err := inOrder(ctx, x.readers, func(yield func(lines) error) error { return r.plan(ctx, yield) }, r.read, func(page []batchRow) error {
		for i := range page {
			row := &page[i]
			if row.Project = r.project(row.ProjectID); row.Project == nil {
				continue
			}
			if err := each(&row.BatchRow); err != nil {
				return err
			}
		}
		return nil
	})
	return x.store.DB().Unavailable(err)
}

// lines are those behind one, up to another.
type lines struct{ after, to int64 }

// batchRow is a row on its way to what it was at the watermark.
type batchRow struct {
	BatchRow
	payment int64
}

type batchRowReader struct {
	export *Export
	batch  *Batch
}

// project is the project that a row counts to; nil: it is none of the export's.
func (r *batchRowReader) project(named int64) *record.Project {
	own := r.batch.ProjectID
	if p, ok := r.export.store.Project(named); ok && p.MerchantID == r.batch.MerchantID {
		own = named
	}
	return r.export.projects[own]
}

func (r *batchRowReader) plan(ctx context.Context, yield func(lines) error) error {
	const find = "SELECT line FROM batch_rows WHERE batch = $1 AND line > $2 ORDER BY line LIMIT 1 OFFSET $3"
	for after := int64(0); ; {
		ends, err := r.export.store.DB().Numbers(ctx, find, r.batch.ID, after, r.export.page-1)
		if err != nil {
			return err
		}
		if len(ends) == 0 {
			return yield(lines{after, 1<<63 - 1})
		}
		if err := yield(lines{after, ends[0]}); err != nil {
			return err
		}
		after = ends[0]
	}
}

const batchRowColumns = "SELECT " + alwaysColumns + textColumns + `, r.line, r.state, r.project_id, r.amount, r.currency, COALESCE(r.payment, 0), r.code, r.message
	FROM batch_rows r LEFT JOIN payments p ON p.project_id = r.project_id AND p.id = r.payment
	LEFT JOIN operations o ON o.project_id = r.project_id AND o.id = r.payment WHERE r.batch = `

// ofRows is where the columns of a row begin, behind those of its operation.
const ofRows = 23

func (r *batchRowReader) read(ctx context.Context, in lines) (rows []batchRow, err error) {
	q := &sqldb.Statement{}
	q.Text(batchRowColumns).Arg(r.batch.ID).Text(" AND r.line > ").Arg(in.after).Text(" AND r.line <= ").Arg(in.to).Text(" ORDER BY r.line")
	scan := operationScan{needs: record.Texts}
	var made []record.Operation
	err = r.export.store.DB().Stream(ctx, q.String(), func(cells *sqldb.Cells) error {
		n, t := cells.Numbers[ofRows:], cells.Texts[ofRows:]
		row := batchRow{BatchRow: BatchRow{Line: n[0], State: batches.RowState(t[1]), ProjectID: n[2], Amount: n[3], Currency: t[4], Code: int(n[6]), Message: t[7]}, payment: n[5]}
		if row.payment != 0 {
			made = append(made, record.Operation{})
			scan.take(&made[len(made)-1], cells)
		}
		rows = append(rows, row)
		return nil
	}, q.Args...)
	if err != nil {
		return nil, err
	}
	made, err = r.export.takeBack(ctx, made)
	if err != nil {
		return nil, err
	}
	were := make(map[int64]*record.Operation, len(made))
	for i := range made {
		were[made[i].Payment] = &made[i]
	}
	for i := range rows {
		r.takeBack(&rows[i], were[rows[i].payment])
	}
	return rows, nil
}

// takeBack makes of a row what it was at the watermark: not sent yet, where its payment was not there or the batch had not come to
// its line.
func (r *batchRowReader) takeBack(row *batchRow, made *record.Operation) {
	row.Made = made
	if made != nil || row.State == batches.Bad {
		return
	}
	if row.State == batches.Made || r.batch.under && row.Line > r.batch.reached {
		row.State, row.Code, row.Message = batches.Good, 0, ""
	}
}
