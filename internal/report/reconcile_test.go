package report_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"flashpay/internal/accept"
	"flashpay/internal/ledger"
	"flashpay/internal/massbatch"
	"flashpay/internal/merchant"
	"flashpay/internal/method"
	"flashpay/internal/money"
	"flashpay/internal/payout"
	"flashpay/internal/report"
	"flashpay/internal/sample"
	"flashpay/internal/store"
	"flashpay/internal/store/figures"
	"flashpay/internal/store/snapshot"
	"flashpay/internal/storetest"
	"flashpay/internal/work"
)

// table is a report that was read.
type table struct {
	t    *testing.T
	head []string
	rows [][]string
}

func (d *desk) table(t *testing.T, values string, projects []int64) *table {
	t.Helper()
	o := d.order(0, values)
	var out bytes.Buffer
	_, err := d.Write(t.Context(), &out, &o.Request, projects, nil)
	d.must(err)
	rows, err := csv.NewReader(&out).ReadAll()
	d.must(err)
	return &table{t, rows[0], rows[1:]}
}

func (r *table) cell(row []string, column string) string {
	r.t.Helper()
	for i, name := range r.head {
		if name == column {
			return row[i]
		}
	}
	r.t.Fatalf("no column %s in %v", column, r.head)
	return ""
}

// sums adds up a sum in minor units, and counts rows as the currency "rows", by the values of columns.
func (r *table) sums(sum, currency string, by ...string) map[string]int64 {
	r.t.Helper()
	out := make(map[string]int64)
	for _, row := range r.rows {
		code := r.cell(row, currency)
		text, negative := strings.CutPrefix(r.cell(row, sum), "-")
		amount, err := money.ParseMajor(text, code)
		if err != nil {
			r.t.Fatal(err)
		}
		if negative {
			amount = -amount
		}
		key := code
		for _, column := range by {
			key += " " + r.cell(row, column)
		}
		out[key] += amount
		out[key+" rows"]++
	}
	return out
}

// reconcile compares everything that says something about the money of these projects: statement, register totals, analytics,
// reports, Data API and ledger. settled is what operators have moved against the status of payments, as cost has it.
func (d *desk) reconcile(t *testing.T, projects []int64, settled map[string]int64) {
	t.Helper()
	operations := d.table(t, "kind=operations&columns=operation_status,sum_initial.amount,sum_initial.currency,sum_converted.amount,sum_converted.currency,payment_provider_code,account_number", projects)
	byStatus := operations.sums("sum_initial.amount", "sum_initial.currency", "operation_status")
	paid := operations.sums("sum_converted.amount", "sum_converted.currency", "operation_status")
	// A payment whose money came back has two operations, and counts once.
	byPayment := maps.Clone(byStatus)
	for key, n := range byStatus {
		if success := strings.Replace(key, " reversed", " success", 1); success != key {
			byPayment[success] -= n
		}
	}
	for key := range byPayment {
		if name, _ := strings.CutSuffix(key, " rows"); byPayment[name+" rows"] == 0 {
			delete(byPayment, key)
		}
	}
	payments := d.table(t, "kind=payments&columns=status,amount,currency,project_id,payment_id", projects)
	if got := payments.sums("amount", "currency", "status"); !reflect.DeepEqual(got, byPayment) {
		t.Errorf("payments %v, operations %v", got, byPayment)
	}
	if got := d.registerTotals(t, projects); !reflect.DeepEqual(got, byPayment) {
		t.Errorf("the register's totals %v, operations %v", got, byPayment)
	}
	if got := d.analytics(t, figures.Payments, projects); !reflect.DeepEqual(got, byPayment) {
		t.Errorf("analytics %v, operations %v", got, byPayment)
	}
	results := d.analytics(t, figures.Results, projects)
	for key, sum := range byStatus {
		if strings.Contains(key, " success") && results[key] != sum {
			t.Errorf("%s: analytics has results of %d, operations %d", key, results[key], sum)
		}
	}
	movements := d.table(t, "kind=movements&columns=kind,debit,credit,amount,currency,available_change", projects)
	d.compareLedger(t, movements, projects)
	d.compareStatement(t, movements, projects)
	want := d.truth(payments, settled)
	d.compareCosts(t, movements, want, projects)
	d.compareProgram(t, byStatus, paid, want, settled, projects)
	ended := 0
	for _, row := range operations.rows {
		if payout.Status(operations.cell(row, "operation_status")).Final() {
			ended++
		}
	}
	if callbacks := d.table(t, "kind=callbacks&columns=payment_status,payment_id", projects); len(callbacks.rows) != ended {
		t.Errorf("%d callbacks, %d operations have ended", len(callbacks.rows), ended)
	}
}

// compareBatches compares the rows of mass payouts with the payments that they say they made, each one once, and returns how many
// made one.
func (d *desk) compareBatches(t *testing.T, projects []int64) (made int) {
	t.Helper()
	columns := []string{"payment_id", "status", "amount", "currency", "code", "method", "account_number", "updated_at"}
	said := func(r *table, row []string) (text string) {
		for _, column := range columns {
			text += r.cell(row, column) + "|"
		}
		return text
	}
	payments := d.table(t, "kind=payments&columns=operation_id,"+strings.Join(columns, ","), projects)
	byID := make(map[string]string)
	for _, row := range payments.rows {
		byID[payments.cell(row, "operation_id")] = said(payments, row)
	}
	rows := d.table(t, "kind=mass_payouts&columns=operation_id,"+strings.Join(columns, ","), projects)
	for _, row := range rows.rows {
		id := rows.cell(row, "operation_id")
		if id == "" {
			continue
		}
		if got := said(rows, row); got != byID[id] {
			t.Errorf("a row of a mass payout made %s; the payment is %s", got, byID[id])
		}
		delete(byID, id)
		made++
	}
	return made
}

// registerTotals are the totals that the register shows of the projects.
func (d *desk) registerTotals(t *testing.T, projects []int64) map[string]int64 {
	t.Helper()
	d.must(d.Store.FollowJournal(t.Context()))
	out := make(map[string]int64)
	var rest []store.Cursor
	for {
		totals, err := d.Store.Totals(t.Context(), store.RegisterFilter{Projects: projects}, rest)
		d.must(err)
		for _, l := range totals.Lines {
			if l.Payments > 0 {
				out[l.Currency+" "+string(l.Status)] += l.Amount
				out[l.Currency+" "+string(l.Status)+" rows"] += l.Payments
			}
		}
		if rest = totals.Rest; len(rest) == 0 {
			return out
		}
	}
}

// compareLedger compares what movements add up to with the balances.
func (d *desk) compareLedger(t *testing.T, movements *table, projects []int64) {
	t.Helper()
	got, want := make(map[string]int64), make(map[string]int64)
	for key, sum := range movements.sums("amount", "currency", "credit") {
		got[key] += sum
	}
	for key, sum := range movements.sums("amount", "currency", "debit") {
		got[key] -= sum
	}
	d.must(snapshot.Of(d.Store).Ledger(t.Context(), snapshot.Ledger{
		Marks:    func(*snapshot.Marks) error { return nil },
		Transfer: func(*ledger.Transfer) error { return nil },
		Balance: func(b *snapshot.Balance) error {
			if slices.Contains(projects, b.ProjectID) {
				for _, a := range ledger.Accounts() {
					want[b.Currency+" "+a.String()] += b.Sum(a)
				}
				want[b.Currency+" change"] += b.Sum(ledger.Available)
			}
			return nil
		},
	}))
	for key, sum := range movements.sums("available_change", "currency") {
		got[key+" change"] = sum
	}
	for key, sum := range want {
		if got[key] != sum {
			t.Errorf("%s: the movements say %d, the balances %d", key, got[key], sum)
		}
	}
}

// statements are those of all time, by currency.
func (d *desk) statements(t *testing.T, projects []int64) map[string]*ledger.Statement {
	t.Helper()
	sums, err := d.Store.LedgerSums(t.Context(), projects, time.Time{}, time.Time{})
	d.must(err)
	statements := make(map[string]*ledger.Statement)
	for _, l := range sums.Within {
		if statements[l.Currency] == nil {
			statements[l.Currency] = &ledger.Statement{}
		}
		statements[l.Currency].Move(l.Moved)
	}
	return statements
}

// compareStatement compares the statement of all time with what the list of movements adds up to.
func (d *desk) compareStatement(t *testing.T, movements *table, projects []int64) {
	t.Helper()
	statements := d.statements(t, projects)
	in, out := movements.sums("amount", "currency", "credit"), movements.sums("amount", "currency", "debit")
	for code, s := range statements {
		for i, a := range ledger.Own {
			if want := in[code+" "+a.String()] - out[code+" "+a.String()]; s.Closing.Sums[i] != want {
				t.Errorf("%s: the statement closes %s with %d, the movements with %d", code, a, s.Closing.Sums[i], want)
			}
		}
	}
	if len(statements) == 0 {
		t.Error("there is no statement")
	}
}

// What statement, register, analytics, reports, Data API and ledger say agrees to the unit: on the sample year, with its
// conversion and fees.
func TestReconcilesOnTheSample(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		_, err := sample.Fill(t.Context(), sample.Config{
			Store: store.Config{URL: url, Keyset: storetest.Keyset()}, Payouts: 300, Seed: 7, End: time.Now(),
			Shop:     sample.Project{ID: 210, Name: "Shop", Key: "shop", CallbackURL: "http://192.0.2.1/callback"},
			Salaries: sample.Project{ID: 211, Name: "Salaries", Key: "salaries", CallbackURL: "http://192.0.2.1/callback"},
			Market:   sample.Project{ID: 212, Name: "Market", Key: "market", CallbackURL: "http://192.0.2.1/callback"},
		})
		if err != nil {
			t.Fatal(err)
		}
		s, err := store.Open(t.Context(), store.Config{URL: url, Keyset: storetest.Keyset(), Serve: true})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close(context.Background()) })
		d := &desk{t: t, Service: &report.Service{Store: s}, clock: &clock{}}
		for _, projects := range [][]int64{{210}, {212}, {210, 211, 212}} {
			d.reconcile(t, projects, nil)
		}
		if all := d.table(t, "kind=payments&columns=payment_id", []int64{210, 211, 212}); len(all.rows) < 250 {
			t.Errorf("%d payments in the sample", len(all.rows))
		}
	})
}

// And where payouts were declined at once and by the bank, are disputed, came back, or are under way.
func TestReconcilesOnWhatWentWrong(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		d := newDesk(t, url)
		for i := range 4 {
			d.payout(210, fmt.Sprint("paid-", i), int64(1000+i), payout.Succeeded, 0)
			d.payout(211, fmt.Sprint("declined-", i), int64(20+i), payout.Declined, 20000)
		}
		d.payout(210, "refused", -5, 0, 0)
		d.payout(210, "open", 7, 0, 0)
		d.payout(210, "disputed", 11, payout.Threshold, payout.CodeAutoDecline)
		for id, event := range map[string]payout.Event{"not paid after all": payout.Declined, "paid late": payout.Succeeded, "never answered": payout.GivenUp} {
			d.payout(210, id, 13, payout.Threshold, payout.CodeAutoDecline)
			d.again(210, id, event)
		}
		d.payout(210, "came back", 17, payout.Succeeded, 0)
		d.again(210, "came back", payout.Returned)
		d.must(d.Store.TopUp(t.Context(), 211, "USD", 999, "more", "test"))
		d.massPayout()
		for projects, want := range map[int64]int{210: 1, 211: 2} {
			if made := d.compareBatches(t, []int64{projects}); made != want {
				t.Errorf("%d rows of project %d made a payment, want %d", made, projects, want)
			}
		}
		for _, projects := range [][]int64{{210}, {211}, {210, 211}} {
			d.reconcile(t, projects, nil)
		}
	})
}

// again applies an event to a payout that has ended.
func (d *desk) again(project int64, id string, event payout.Event) {
	d.t.Helper()
	v, err := d.Store.PaymentView(d.t.Context(), project, id)
	d.must(err)
	d.apply(&store.Work{Payment: v.Payment, Operation: v.Operations[0]}, event, 20000)
}

// massPayout pays a file in the name of project 210, with a row of project 211 and one that was paid before.
func (d *desk) massPayout() {
	d.t.Helper()
	methods, err := method.Load(accept.Payout.Known)
	d.must(err)
	route := func(*merchant.Project, *method.Method) (string, int64, bool) { return "bank-file", 7, true }
	s := &massbatch.Service{Store: d.Store, Payouts: &accept.Service{Acceptor: d.Store, Route: route}, Methods: methods}
	text := "operation_type;general.project_id;method;general.payment_id;payment.amount;payment.currency;account.number;customer.id;customer.ip_address\n"
	for i, id := range []string{"file-0", "file-1", "File-0", "file-2"} {
		text += fmt.Sprintf("payout;%d;bank-transfer/kyrgyzstan;%s;%d;KGS;1090000000000001;c-1;192.0.2.1\n", 210+i%2, id, 20_000)
	}
	p, _ := d.Store.Project(210)
	b, checked, err := s.CreateBatch(d.t.Context(), strings.NewReader(text), massbatch.Upload{Project: p, Name: "wages.csv"})
	if err != nil || b == nil {
		d.t.Fatalf("%+v, %v", checked, err)
	}
	_, err = s.Send(d.t.Context(), b.ID, true, massbatch.By{Actor: "test"})
	d.must(err)
	ctx, stop := context.WithCancel(d.t.Context())
	runner := work.NewRunner(work.RunnerConfig{Store: d.Store, Kinds: []work.JobKind{s.Job()}, Poll: 20 * time.Millisecond})
	var running sync.WaitGroup
	running.Go(func() { _ = runner.Run(ctx) })
	defer running.Wait()
	defer stop()
	for {
		status, err := s.Status(d.t.Context(), b.ID)
		d.must(err)
		if status.State.Final() {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	for _, project := range []int64{210, 211} {
		work, err := d.Store.LeaseOperations(d.t.Context(), store.Lease{
			ProjectID: project, Provider: "bank-file", N: 1, Submit: true, SubmitDeadline: time.Second, Duration: time.Minute,
		})
		if err != nil || len(work) != 1 {
			d.t.Fatal(len(work), err)
		}
		d.apply(work[0], payout.Succeeded, 0)
	}
}
