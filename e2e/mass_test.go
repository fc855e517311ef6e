package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// massPlan is a batch whose servers are killed.
type massPlan struct {
	engine string
	nodes  int
}

// TestAKilledServerPaysEachRowOnce kills servers five times in the middle of a batch, which a soak makes of 100,000 rows: each row
// becomes one payment, and one transfer in the bank's book, and the counters are right.
func TestAKilledServerPaysEachRowOnce(t *testing.T) {
	t.Parallel()
	rows := 600
	if soak {
		rows = 100_000
	}
	for name, p := range map[string]massPlan{"sqlite": {"sqlite", 1}, "postgres": {"postgres", 1}, "postgres, two nodes": {"postgres", 2}} {
		t.Run(name, func(t *testing.T) {
			if !soak {
				t.Parallel()
			}
			killMass(t, p, rows)
		})
	}
}

func killMass(t *testing.T, p massPlan, rows int) {
	const kills = 5
	db := newDatabase(t, p.engine)
	bank := db.start(t, "bank", "--listen", "127.0.0.1:0", "--state", db.dir+"/bank")
	db.project(t, 210, newReceiver(t))
	db.flashpay(t, "balance", "topup", "--id", "210", "KGS=1000000.00")
	file := filepath.Join(db.dir, "wages.csv")
	if err := os.WriteFile(file, []byte(wages(rows)), 0o600); err != nil {
		t.Fatal(err)
	}
	id := strings.TrimSpace(db.flashpay(t, "mass", "send", file, "--project", "210"))
	s := db.open(t)
	count := func(text string) int64 {
		n, err := s.DB().Numbers(t.Context(), text)
		if err != nil {
			t.Fatal(err)
		}
		return n[0]
	}
	made := func() int64 { return count("SELECT COUNT(1) FROM batch_rows WHERE state = 'made'") }
	start := func() *process { return db.serve(t, "--bank-url", bank.Bank) }
	nodes := make([]*process, p.nodes)
	for i := range nodes {
		nodes[i] = start()
	}
	met := 0
	for kill := range kills {
		want := min(int64(rows), max(made()+1, int64(rows*(kill+1)/(kills+1))))
		progress(t, "rows are sent", made, func() bool { return made() >= want })
		nodes[kill%p.nodes].kill()
		if made() < int64(rows) {
			met++
		}
		nodes[kill%p.nodes] = start()
	}
	if soak && met < kills { // a short batch may end before it is met
		t.Errorf("only %d of %d kills met a batch that was being sent", met, kills)
	}
	ended := func() int64 { return made() + count("SELECT COUNT(1) FROM payments WHERE status = 'success'") }
	progress(t, "the batch is done", ended, func() bool {
		return ended() == int64(2*rows) && strings.Contains(db.flashpay(t, "mass", "status", id, "--json"),
			fmt.Sprintf(`"state":"done","rows":%d,"paid_already":0,"by_status":{"success":%d}}`, rows, rows))
	})
	list := book(t, bank.Bank)
	for reference, tr := range list {
		if tr.Executed != 1 || tr.Amount != 1500 {
			t.Errorf("%s: executed %d times", reference, tr.Executed)
		}
	}
	if len(list) != rows || made() != int64(rows) {
		t.Errorf("%d transfers, %d rows that made a payment; want %d", len(list), made(), rows)
	}
	db.clean(t, bank.Bank)
}

// wages is a file of good rows.
func wages(rows int) string {
	var text strings.Builder
	text.WriteString("operation_type;general.project_id;method;general.payment_id;payment.amount;payment.currency;account.number;customer.id;customer.ip_address\n")
	for i := range rows {
		fmt.Fprintf(&text, "payout;210;bank-transfer/kyrgyzstan;row-%d;1500;KGS;1090000000000015;c-1;192.0.2.1\n", i)
	}
	return text.String()
}

// stalled is how long nothing may get on. A transfer whose inquiry the bank did not answer in time is asked for again at an age of
// five minutes.
const stalled = 6 * time.Minute

// progress waits until something holds, as long as a number rises.
func progress(t *testing.T, what string, number func() int64, holds func() bool) {
	t.Helper()
	last, since := int64(-1), time.Now()
	for !holds() {
		if n := number(); n != last {
			last, since = n, time.Now()
		}
		if time.Since(since) > stalled {
			t.Fatalf("not within %s: %s; %d are", stalled, what, last)
		}
		time.Sleep(5 * time.Millisecond)
	}
}
