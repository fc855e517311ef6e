package e2e

import (
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"flashpay/client"
	"flashpay/internal/payout"
	"flashpay/internal/store"
)

// row is one row of the sandbox table of product.md §4, and what the merchant must see.
type row struct {
	ends        string
	project     int64 // 210: threshold 24 h; 211: threshold 30 s
	status      client.Status
	code        string
	executed    int
	submissions int // at least
	discrepancy string
	disputed    bool
	returns     bool // the money comes back: a second callback, and the funds
}

var rows = []row{
	{ends: "0001", project: 210, status: client.StatusDecline, code: "20000"},
	{ends: "0002", project: 210, status: client.StatusDecline, code: "20102"},
	{ends: "0003", project: 210, status: client.StatusDecline, code: "20106"},
	{ends: "0004", project: 210, status: client.StatusDecline, code: "20204"},
	{ends: "0005", project: 210, status: client.StatusDecline, code: "20501"},
	{ends: "0006", project: 210, status: client.StatusSuccess, code: "0", executed: 1, submissions: 3},
	{ends: "0007", project: 210, status: client.StatusSuccess, code: "0", executed: 1, submissions: 1},
	{ends: "0008", project: 210, status: client.StatusSuccess, code: "0", executed: 1, submissions: 2},
	{ends: "0009", project: 211, status: client.StatusDecline, code: "603", disputed: true},
	{ends: "0010", project: 210, status: client.StatusSuccess, code: "0", executed: 1},
	{ends: "0011", project: 210, status: client.StatusSuccess, code: "0", executed: 1},
	{ends: "0012", project: 210, status: client.StatusSuccess, code: "0", executed: 1, returns: true},
	{ends: "0013", project: 211, status: client.StatusDecline, code: "603", executed: 1, discrepancy: payout.LateSuccess, disputed: true},
	{ends: "0014", project: 210, status: client.StatusSuccess, code: "0", executed: 1},
	{ends: "0015", project: 210, status: client.StatusSuccess, code: "0", executed: 1},
	{ends: "4598", project: 210, status: client.StatusSuccess, code: "0", executed: 1},
}

func TestEveryRowOfTheSandboxTable(t *testing.T) {
	t.Parallel()
	for _, dedup := range []string{"dedup", "no-dedup"} {
		t.Run(dedup, func(t *testing.T) {
			t.Parallel()
			engines(t, func(t *testing.T, db database) { testRows(t, db, dedup) })
		})
	}
}

func testRows(t *testing.T, db database, dedup string) {
	args := []string{"bank", "--listen", "127.0.0.1:0", "--state", db.dir + "/bank", "--return-after", "1h", "--late-after", "1h"}
	if dedup == "no-dedup" {
		args = append(args, "--no-dedup")
	}
	bank := db.start(t, args...)
	node := db.serve(t, "--bank-url", bank.Bank)
	web := newReceiver(t)
	db.project(t, 210, web)
	db.project(t, 211, web, "--threshold", "30s")
	db.project(t, 212, web)
	waitForProject(t, node.Gate, 212)
	for _, r := range rows {
		if _, err := shop(t, node.Gate, r.project).Create(t.Context(), to("10900000"+r.ends, "row-"+r.ends)); err != nil {
			t.Fatalf("%s: %v", r.ends, err)
		}
	}
	for _, r := range rows {
		checkRow(t, node.Gate, web, r)
	}
	bringForward(t, db, node.Gate)
	// A return comes after the callback of its success, and has one of its own; a late success tells nobody.
	back := web.awaitStatus(t, "row-0012", client.StatusReversed)
	if back.Operation.Type != payout.TypeReversal || back.Operation.Status != "reversed" || back.Operation.Provider.PaymentID == "" {
		t.Errorf("the callback of a return says %+v", back.Operation)
	}
	p, err := shop(t, node.Gate, 210).Status(t.Context(), "row-0012")
	if err != nil || p.Status != client.StatusReversed || len(p.Operations) != 2 || p.Operations[0].Status != "success" || p.Operations[1].ID != back.Operation.ID {
		t.Errorf("status after the return: %+v, %v", p, err)
	}
	s := db.open(t)
	eventually(t, "the discrepancy of a late success", func() bool {
		known := 0
		for _, project := range []int64{210, 211} {
			all, err := s.Discrepancies(t.Context(), project)
			if err != nil {
				t.Fatal(err)
			}
			known += len(all)
		}
		return known >= 1
	})
	checkBooks(t, db, bank.Bank)
	for _, r := range rows {
		all, err := s.Deliveries(t.Context(), store.DeliveryFilter{ProjectID: r.project, PaymentID: "row-" + r.ends})
		if err != nil {
			t.Fatal(err)
		}
		want := 1
		if r.returns {
			want = 2
		}
		if n := len(web.callbacks("row-" + r.ends)); n != want || len(all) != want {
			t.Errorf("%s: %d callbacks, of %d that there are to be", r.ends, n, len(all))
		}
	}
}

// bringForward makes what the bank does later due now: money that it returns, and a payout that it pays after the threshold.
// By then the platform has settled both, however slow it is; the bank is woken by another timed payout.
func bringForward(t *testing.T, db database, gate string) {
	t.Helper()
	books, err := sql.Open("sqlite", filepath.Join(db.dir, "bank")+"?_pragma=busy_timeout(60000)")
	if err != nil {
		t.Fatal(err)
	}
	defer books.Close()
	done, err := books.ExecContext(t.Context(), "UPDATE tasks SET due_at = 1, next_at = 1 WHERE id LIKE '%/x' OR id LIKE '%/r'")
	if err != nil {
		t.Fatal(err)
	}
	if n, err := done.RowsAffected(); err != nil || n != 2 {
		t.Fatalf("%d steps of the bank are to come, %v; want a return and a late payment", n, err)
	}
	if _, err := shop(t, gate, 212).Create(t.Context(), to("109000000015", "wakes")); err != nil {
		t.Fatal(err)
	}
}

func checkRow(t *testing.T, gate string, web *receiver, r row) {
	t.Helper()
	cb := web.await(t, "row-"+r.ends)
	if cb.Status != r.status || cb.Operation.Code != r.code {
		t.Errorf("%s: callback says %s, code %s; want %s, %s", r.ends, cb.Status, cb.Operation.Code, r.status, r.code)
	}
	p, err := shop(t, gate, r.project).Status(t.Context(), "ROW-"+r.ends)
	if err != nil || p.Status != r.status && !r.returns || p.Operations[0].Code != r.code {
		t.Errorf("%s: status %+v, %v", r.ends, p, err)
	}
}

// checkBooks compares the bank's book, the balances and the discrepancies with the table.
func checkBooks(t *testing.T, db database, bank string) {
	t.Helper()
	transfers := book(t, bank)
	s := db.open(t)
	want := map[int64]*funds{210: {Available: 100000000}, 211: {Available: 100000000}}
	for _, r := range rows {
		reference := map[int64]string{210: "210/row-", 211: "211/row-"}[r.project] + r.ends
		if tr := transfers[reference]; tr.Executed != r.executed || tr.Submissions < r.submissions {
			t.Errorf("%s: the bank says %+v; want %d executed, at least %d submissions", r.ends, tr, r.executed, r.submissions)
		}
		if r.status == client.StatusSuccess && !r.returns || r.disputed {
			want[r.project].Available -= 100000
		}
		if r.disputed {
			want[r.project].Disputed += 100000
		}
		v, err := s.PaymentView(t.Context(), r.project, "row-"+r.ends)
		if err != nil {
			t.Fatal(err)
		}
		found := ""
		all, err := s.Discrepancies(t.Context(), r.project)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range all {
			if d.Payment == v.Payment.ID {
				found += d.Kind
			}
		}
		if found != r.discrepancy {
			t.Errorf("%s: discrepancies %q, want %q", r.ends, found, r.discrepancy)
		}
	}
	for project, f := range want {
		if got := db.funds(t, project); got != *f {
			t.Errorf("project %d has %+v, want %+v", project, got, *f)
		}
	}
}

// waitForProject waits until a node knows a project that was made beside it.
func waitForProject(t *testing.T, gate string, project int64) {
	waitForKey(t, gate, project, "secret", true)
}

// waitForKey waits until a node takes a project's key, or no longer does. What is changed beside a node reaches it within
// a second, and on a busy machine a little later.
func waitForKey(t *testing.T, gate string, project int64, key string, live bool) {
	t.Helper()
	c, err := client.New(client.Config{GateURL: gate, ProjectID: project, Key: key})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, fmt.Sprintf("project %d takes the key: %t", project, live), func() bool {
		_, err := c.Status(t.Context(), "none")
		return errors.Is(err, client.ErrNotFound) == live
	})
}

// eventually waits until something holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s", patience, what)
		}
	}
}
