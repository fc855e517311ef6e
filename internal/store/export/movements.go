package export

import (
	"cmp"
	"context"
	"database/sql"
	"slices"

	"flashpay/internal/ledger"
	"flashpay/internal/record"
	"flashpay/internal/store"
	"flashpay/internal/store/sqldb"
)

// Movements calls each for every movement of a balance that the filter chooses; of its members Projects, From, To,
// Currencies and the sums count. On SQLite, whose key is the id alone, projects do not come one after the other.
func (x *Export) Movements(ctx context.Context, f Filter, each func(*record.Movement) error) error {
	if len(f.Projects) == 0 {
		return nil
	}
	m := &movementReader{export: x, filter: &f, postgres: x.store.DB().Dialect == &sqldb.Postgres}
	plan := func(yield func(movementPage) error) error { return m.plan(ctx, yield) }
	err := inOrder(ctx, x.readers, plan, m.read, func(page []record.Movement) error {
		for i := range page {
			if err := each(&page[i]); err != nil {
				return err
			}
		}
		return nil
	})
	return x.store.DB().Unavailable(err)
}

// movementPage is transfers with ids behind one, up to another, of one project or, on SQLite, of all.
type movementPage struct{ project, after, to int64 }

type movementReader struct {
	export   *Export
	filter   *Filter
	postgres bool
}

// plan cuts the runs up to their watermarks into pages.
func (m *movementReader) plan(ctx context.Context, yield func(movementPage) error) error {
	for _, run := range m.runs() {
		after, _ := store.ShardRange(run.shard)
		last := m.export.mark.transfers[run]
		for {
			to, err := m.pageEnd(ctx, run, after, last)
			if err != nil {
				return err
			}
			if err := yield(movementPage{run.project, after, to}); err != nil {
				return err
			}
			if after = to; after >= last {
				break
			}
		}
	}
	return nil
}

// runs are the filter's runs: project by project, each shard by shard.
func (m *movementReader) runs() (out []transferRun) {
	for run := range m.export.mark.transfers {
		if !m.postgres || slices.Contains(m.filter.Projects, run.project) {
			out = append(out, run)
		}
	}
	slices.SortFunc(out, func(a, b transferRun) int {
		return cmp.Or(cmp.Compare(a.project, b.project), cmp.Compare(a.shard, b.shard))
	})
	return out
}

// pageEnd finds the id with which a page ends.
func (m *movementReader) pageEnd(ctx context.Context, run transferRun, after, last int64) (int64, error) {
	query, args := "SELECT id FROM transfers WHERE id > $1 AND id <= $2 ORDER BY id LIMIT 1 OFFSET $3", []any{after, last, m.export.page - 1}
	if m.postgres {
		query = "SELECT id FROM transfers WHERE id > $1 AND id <= $2 AND project_id = $4 ORDER BY id LIMIT 1 OFFSET $3"
		args = append(args, run.project)
	}
	ids, err := m.export.store.DB().Numbers(ctx, query, args...)
	if err != nil || len(ids) == 0 {
		return last, err
	}
	return ids[0], nil
}

func (m *movementReader) read(ctx context.Context, in movementPage) (rows []record.Movement, err error) {
	q := m.statement(in)
	byHand := store.ShardOf(in.to) == store.CommandShard
	err = m.export.store.DB().List(ctx, q.String(), func(r *sql.Rows) error {
		var t record.Movement
		var debit, credit, at int64
		if err := r.Scan(&t.ID, &t.ProjectID, &t.Currency, &debit, &credit, &t.Amount, (*string)(&t.Kind), &t.Payment, &t.Operation, &t.Reason, &at, &t.PaymentID); err != nil {
			return err
		}
		if _, there := m.export.mark.byHand[t.ID]; byHand && !there {
			return nil
		}
		t.Debit, t.Credit, t.At = ledger.Account(debit), ledger.Account(credit), sqldb.FromMicros(at)
		t.Project = m.export.projects[t.ProjectID]
		rows = append(rows, t)
		return nil
	}, q.Args...)
	return rows, err
}

func (m *movementReader) statement(in movementPage) *sqldb.Statement {
	q, f := &sqldb.Statement{}, m.filter
	q.Text(`SELECT t.id, t.project_id, t.currency, t.debit, t.credit, t.amount, t.kind, t.payment, t.operation, t.reason, t.at, COALESCE(p.payment_id, '')
		FROM transfers t LEFT JOIN payments p ON p.project_id = t.project_id AND p.id = t.payment
		WHERE t.id > `).Arg(in.after).Text(" AND t.id <= ").Arg(in.to)
	if m.postgres {
		q.Text(" AND t.project_id = ").Arg(in.project)
	} else {
		q.Text(" AND ").In("+t.project_id", sqldb.IntArgs(f.Projects))
	}
	if !f.From.IsZero() {
		q.Text(" AND t.at >= ").Arg(f.From.UnixMicro())
	}
	if !f.To.IsZero() {
		q.Text(" AND t.at < ").Arg(f.To.UnixMicro())
	}
	if len(f.Currencies) > 0 {
		q.Text(" AND ").In("t.currency", sqldb.TextArgs(f.Currencies))
	}
	if f.MinAmount != 0 {
		q.Text(" AND t.amount >= ").Arg(f.MinAmount)
	}
	if f.MaxAmount != 0 {
		q.Text(" AND t.amount <= ").Arg(f.MaxAmount)
	}
	return q.Text(" ORDER BY t.id")
}
