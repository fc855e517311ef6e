package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"flashpay/internal/ledger"
	"flashpay/internal/payout"
	"flashpay/internal/store/sqldb"
)

type balanceKey struct {
	project  int64
	currency string
}

// fundsBook holds the balances of a transaction: locked, read once, folded in memory, written once.
type fundsBook struct {
	balances map[balanceKey]*ledger.Balance
	changed  map[balanceKey]bool
}

const BalanceColumns = "project_id, currency, available, held, disputed, receivable, settlement, funding, fees, conversion, correction"

var lockBalances = map[string]*sqldb.Bulk{
	"sqlite": sqldb.NewBulk("SELECT "+BalanceColumns+" FROM balances WHERE (project_id, currency) IN (VALUES ", "(%i, %s)",
		") ORDER BY project_id, currency"),
	"postgres": sqldb.NewBulk("SELECT "+BalanceColumns+" FROM balances WHERE (project_id, currency) IN (VALUES ", "(CAST(%i AS BIGINT), CAST(%s AS TEXT))",
		") ORDER BY project_id, currency FOR UPDATE"),
}

// lockFunds locks and reads the balance of every command that may move money, in the order of their keys. Whether one does
// is known when the same round trip has come back.
func (t *Tx) lockFunds(ctx context.Context, _ []*command) error {
	var keys []balanceKey
	var paidIn []any
	for _, it := range t.newPayments {
		_, _, currency := it.operation.Cost()
		keys = append(keys, balanceKey{it.ProjectID, currency})
		if currency != it.operation.Currency {
			paidIn = append(paidIn, it.ProjectID, it.operation.Currency)
		}
	}
	for _, c := range t.steps {
		if o := &c.step.after.Operation; c.step.movesFunds() {
			_, _, currency := o.Cost()
			keys = append(keys, balanceKey{o.ProjectID, currency})
			if currency != o.Currency && c.step.move.Funds == payout.SpendHold {
				keys = append(keys, balanceKey{o.ProjectID, o.Currency})
			}
		}
	}
	if err := openConversions.Later(ctx, t.conn, paidIn, nil); err != nil {
		return err
	}
	return t.lockBalances(ctx, keys)
}

// openConversions makes the accounts in which a payout is paid that a balance in another currency pays for. To the project
// they are no balance: nothing of them is ever available.
var openConversions = sqldb.NewBulk("INSERT INTO balances ("+BalanceColumns+", opened) VALUES ", "(%i, %s, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)",
	" ON CONFLICT (project_id, currency) DO NOTHING")

// costOf is what an operation takes from its project.
func costOf(o *payout.Operation) *ledger.Cost {
	amount, fee, currency := o.Cost()
	return &ledger.Cost{
		ProjectID: o.ProjectID, Payment: o.Payment, Operation: o.ID, Currency: currency, Amount: amount, Fee: fee, Paid: o.Amount, PaidIn: o.Currency,
		KeepFee: o.KeepsFee(),
	}
}

// lockBalances locks balances, and reads them with the next round trip.
func (t *Tx) lockBalances(ctx context.Context, keys []balanceKey) error {
	slices.SortFunc(keys, func(a, b balanceKey) int {
		return cmp.Or(cmp.Compare(a.project, b.project), cmp.Compare(a.currency, b.currency))
	})
	keys = slices.Compact(keys)
	var args []any
	for _, k := range keys {
		if t.funds.balances[k] == nil { // what this transaction has read, it may have changed
			args = append(args, k.project, k.currency)
		}
	}
	if t.funds.balances == nil {
		t.funds = fundsBook{balances: make(map[balanceKey]*ledger.Balance), changed: make(map[balanceKey]bool)}
	}
	return lockBalances[t.conn.Dialect.Name].Later(ctx, t.conn, args, func(r sqldb.Row) error {
		b, err := scanBalance(r)
		if err != nil {
			return err
		}
		t.funds.balances[balanceKey{b.ProjectID, b.Currency}] = &b
		return nil
	})
}

func scanBalance(r sqldb.Row) (ledger.Balance, error) {
	var project int64
	var currency string
	sums := make([]int64, len(ledger.Accounts()))
	into := []any{&project, &currency}
	for i := range sums {
		into = append(into, &sums[i])
	}
	if err := r.Scan(into...); err != nil {
		return ledger.Balance{}, err
	}
	byAccount := make(map[ledger.Account]int64, len(sums))
	for i, a := range ledger.Accounts() {
		byAccount[a] = sums[i]
	}
	return ledger.NewBalance(project, currency, byAccount), nil
}

// available is what the project's payouts may spend, as it stands in this transaction.
func (t *Tx) available(project int64, currency string) int64 {
	if b, ok := t.funds.balances[balanceKey{project, currency}]; ok {
		return b.Sum(ledger.Available)
	}
	return 0
}

// post books a transfer in this transaction.
func (t *Tx) post(tr ledger.Transfer) error {
	key := balanceKey{tr.ProjectID, tr.Currency}
	b, ok := t.funds.balances[key]
	if !ok {
		return fmt.Errorf("store: project %d has no balance in %s", tr.ProjectID, tr.Currency)
	}
	if err := b.Post(tr); err != nil {
		return err
	}
	t.funds.changed[key] = true
	t.transfers = append(t.transfers, t.RowID(), tr.ProjectID, tr.Currency, int64(tr.Debit), int64(tr.Credit), tr.Amount,
		string(tr.Kind), tr.Payment, tr.Operation, tr.Reason, t.now.UnixMicro())
	return nil
}

var updateBalances = sqldb.NewBulk(
	"WITH v (project_id, currency, available, held, disputed, receivable, settlement, funding, fees, conversion, correction) AS (VALUES ",
	"(CAST(%i AS BIGINT), CAST(%s AS TEXT), CAST(%i AS BIGINT), CAST(%i AS BIGINT), CAST(%i AS BIGINT), CAST(%i AS BIGINT), CAST(%i AS BIGINT), CAST(%i AS BIGINT), CAST(%i AS BIGINT), CAST(%i AS BIGINT), CAST(%i AS BIGINT))",
	`) UPDATE balances SET available = v.available, held = v.held, disputed = v.disputed, receivable = v.receivable,
		settlement = v.settlement, funding = v.funding, fees = v.fees, conversion = v.conversion, correction = v.correction
		FROM v WHERE balances.project_id = +v.project_id AND balances.currency = v.currency || ''`)

var insertTransfers = sqldb.NewBulk(
	"INSERT INTO transfers (id, project_id, currency, debit, credit, amount, kind, payment, operation, reason, at) VALUES ",
	"(%i, %i, %s, %i, %i, %i, %s, %i, %i, %s, %i)", "")

// writeFunds writes the changed balances and the transfers that changed them.
func (t *Tx) writeFunds(ctx context.Context, _ []*command) error {
	var args []any
	for key := range t.funds.changed {
		b := t.funds.balances[key]
		args = append(args, key.project, key.currency)
		for _, a := range ledger.Accounts() {
			args = append(args, b.Sum(a))
		}
	}
	if err := updateBalances.Later(ctx, t.conn, args, nil); err != nil {
		return err
	}
	if err := insertTransfers.Later(ctx, t.conn, t.transfers, nil); err != nil {
		return err
	}
	return addLedgerDays.Later(ctx, t.conn, daysOf(t.transfers), nil)
}
