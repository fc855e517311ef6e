package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestAKilledServerPaysEachRowOnce kills a server over and over in the middle of a batch: each row becomes one payment, and one
// transfer in the bank's book, and the counters are right.
func TestAKilledServerPaysEachRowOnce(t *testing.T) {
	t.Parallel()
	const rows = 2000
	var text strings.Builder
	text.WriteString("operation_type;general.project_id;method;general.payment_id;payment.amount;payment.currency;account.number;customer.id;customer.ip_address\n")
	for i := range rows {
		fmt.Fprintf(&text, "payout;210;bank-transfer/kyrgyzstan;row-%d;1500;KGS;1090000000000015;c-1;192.0.2.1\n", i)
	}
	engines(t, func(t *testing.T, db database) {
		bank := db.start(t, "bank", "--listen", "127.0.0.1:0", "--state", db.dir+"/bank")
		db.project(t, 210, newReceiver(t))
		file := filepath.Join(db.dir, "wages.csv")
		if err := os.WriteFile(file, []byte(text.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		id := strings.TrimSpace(db.flashpay(t, "mass", "send", file, "--project", "210"))
		s := db.open(t)
		made := func() int64 {
			n, err := s.DB().Numbers(t.Context(), "SELECT COUNT(1) FROM batch_rows WHERE state = 'made'")
			if err != nil {
				t.Fatal(err)
			}
			return n[0]
		}
		for kills := int64(0); kills < 3; kills++ {
			before := made()
			node := db.serve(t, "--bank-url", bank.Bank)
			eventually(t, "rows are sent", func() bool { return made() > before || before == rows })
			node.kill()
		}
		db.serve(t, "--bank-url", bank.Bank)
		eventually(t, "the batch is done", func() bool {
			return strings.Contains(db.flashpay(t, "mass", "status", id, "--json"), fmt.Sprintf(`"state":"done","rows":%d,"paid_already":0,"by_status":{"success":%d}}`, rows, rows))
		})
		list := book(t, bank.Bank)
		for reference, tr := range list {
			if tr.Executed != 1 || tr.Amount != 1500 {
				t.Errorf("%s: executed %d times", reference, tr.Executed)
			}
		}
		if len(list) != rows || made() != rows {
			t.Errorf("%d transfers, %d rows that made a payment; want %d", len(list), made(), rows)
		}
		db.clean(t, bank.Bank)
	})
}
