package store

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"slices"

	"flashpay/internal/ledger"
	"flashpay/internal/store/sqldb"
)

// TopUp adds funds to a project: what it owes is paid first, the rest becomes available.
func (s *Store) TopUp(ctx context.Context, projectID int64, currency string, amount int64, reason, actor string) error {
	if _, err := s.projectNow(ctx, projectID); err != nil {
		return err
	}
	return s.Do(ctx, "", func(ctx context.Context, t *Tx) error {
		if err := t.topUp(ctx, projectID, currency, amount, reason); err != nil {
			return err
		}
		detail := Detail{}.Text("currency", currency).Int("amount", amount).Text("reason", reason)
		return t.Audit(ctx, actor, "balance top-up", projectObject(projectID), detail)
	})
}

// topUp books a top-up; the transaction writes it with its other transfers.
func (t *Tx) topUp(ctx context.Context, projectID int64, currency string, amount int64, reason string) error {
	b, err := t.openBalance(ctx, projectID, currency)
	if err != nil {
		return err
	}
	return t.postAll(b.TopUpTransfers(amount, reason, t.now))
}

// correct books a correction likewise; its amount may be below zero.
func (t *Tx) correct(ctx context.Context, projectID int64, currency string, amount int64, reason string) error {
	b, err := t.openBalance(ctx, projectID, currency)
	if err != nil {
		return err
	}
	return t.postAll(b.CorrectionTransfers(amount, reason, t.now))
}

// openBalance locks a balance, which is made where there is none.
func (t *Tx) openBalance(ctx context.Context, projectID int64, currency string) (*ledger.Balance, error) {
	const open = `INSERT INTO balances (project_id, currency, available, held, disputed, receivable, settlement, funding, fees, conversion, correction)
		VALUES ($1, $2, 0, 0, 0, 0, 0, 0, 0, 0, 0) ON CONFLICT (project_id, currency) DO UPDATE SET opened = 1 WHERE balances.opened = 0`
	if _, err := t.Exec(ctx, open, projectID, currency); err != nil {
		return nil, err
	}
	if p := t.settings.projects[projectID]; p == nil || !slices.Contains(p.Balances, currency) { // which balance pays may be another one now
		if _, err := t.Exec(ctx, "UPDATE settings_version SET version = version + 1 WHERE one = 1"); err != nil {
			return nil, err
		}
	}
	key := balanceKey{projectID, currency}
	if err := t.lockBalances(ctx, []balanceKey{key}); err != nil {
		return nil, err
	}
	if err := t.conn.Flush(ctx); err != nil {
		return nil, err
	}
	return t.funds.balances[key], nil
}

// openedByHand is the condition on balances that operators have opened.
const openedByHand = "opened = 1"

// loadBalances reads in which currencies projects have balances.
func (s *Store) loadBalances(ctx context.Context, fresh *snapshot) error {
	const find = "SELECT project_id, currency FROM balances WHERE " + openedByHand + " ORDER BY project_id, currency"
	return sqldb.Query(ctx, s.db.Reads, find).Each(func(r *sql.Rows) error {
		var project int64
		var currency string
		if err := r.Scan(&project, &currency); err != nil {
			return err
		}
		if p := fresh.projects[project]; p != nil {
			p.Balances = append(p.Balances, currency)
		}
		return nil
	})
}

func (t *Tx) postAll(transfers []ledger.Transfer) error {
	for _, tr := range transfers {
		if err := t.post(tr); err != nil {
			return err
		}
	}
	return nil
}

// DecideFunds decides a top-up or a correction that another person has asked for; what is approved is booked in the
// commit of the decision. Errors are those of DecideApproval, and ledger.ErrTransfer where no balance can hold the sum.
func (s *Store) DecideFunds(ctx context.Context, d Decision, by By) error {
	var act func(ctx context.Context, t *Tx, a *Approval) error
	if d.State == ApprovalApproved {
		act = func(ctx context.Context, t *Tx, a *Approval) error { return t.bookApproved(ctx, a, by.Actor) }
	}
	return s.decideApproval(ctx, by.IdempotencyKey, d, by.Actor, act)
}

// bookApproved books what was asked for. The reason is that of who asked.
func (t *Tx) bookApproved(ctx context.Context, a *Approval, actor string) error {
	book, action := t.topUp, "balance top-up"
	switch a.Kind {
	case ApprovalTopUp:
	case ApprovalCorrection:
		book, action = t.correct, "balance correction"
	default:
		return fmt.Errorf("%w: approval %d moves no funds", ErrNotFound, a.ID)
	}
	if err := book(ctx, a.ProjectID, a.Currency, a.Amount, a.Title); err != nil {
		return err
	}
	detail := Detail{}.Text("currency", a.Currency).Int("amount", a.Amount).Text("reason", a.Title).Text("asked_by", a.Requester).Int("approval", a.ID)
	return t.Audit(ctx, actor, action, projectObject(a.ProjectID), detail)
}

// Balances returns a project's balances by currency: those that operators have opened.
func (s *Store) Balances(ctx context.Context, projectID int64) (map[string]ledger.Balance, error) {
	out := make(map[string]ledger.Balance)
	err := sqldb.Query(ctx, s.db.Reads, "SELECT "+BalanceColumns+" FROM balances WHERE project_id = $1 AND "+openedByHand+" ORDER BY currency", projectID).Each(func(r *sql.Rows) error {
		b, err := scanBalance(r)
		out[b.Currency] = b
		return err
	})
	return out, s.db.Unavailable(err)
}

// AllBalances returns the balances of some projects, by project and currency: those that operators have opened.
func (s *Store) AllBalances(ctx context.Context, projects []int64) ([]ledger.Balance, error) {
	if len(projects) == 0 {
		return nil, nil
	}
	q := &sqldb.Statement{}
	q.Text("SELECT "+BalanceColumns+" FROM balances WHERE "+openedByHand+" AND ").In("project_id", sqldb.IntArgs(projects)).Text(" ORDER BY project_id, currency")
	var out []ledger.Balance
	err := sqldb.Query(ctx, s.db.Reads, q.String(), q.Args...).Each(func(r *sql.Rows) error {
		b, err := scanBalance(r)
		out = append(out, b)
		return err
	})
	return out, s.db.Unavailable(err)
}

// ManualTransfers lists what operators booked on a project's balances, newest first, below an id where one is given, at
// most limit.
func (s *Store) ManualTransfers(ctx context.Context, projectID, below int64, limit int) ([]ledger.Transfer, error) {
	if below == 0 {
		below = math.MaxInt64
	}
	const find = `SELECT id, currency, debit, credit, amount, kind, reason, at FROM transfers WHERE project_id = $1 AND payment = 0 AND id < $2
		ORDER BY id DESC LIMIT $3`
	var out []ledger.Transfer
	err := s.db.Read(ctx, find, func(r *sql.Rows) error {
		t := ledger.Transfer{ProjectID: projectID}
		var at int64
		err := r.Scan(&t.ID, &t.Currency, &t.Debit, &t.Credit, &t.Amount, (*string)(&t.Kind), &t.Reason, &at)
		t.At = sqldb.FromMicros(at)
		out = append(out, t)
		return err
	}, projectID, below, limit)
	return out, s.db.Unavailable(err)
}
