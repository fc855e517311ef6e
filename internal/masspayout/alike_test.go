package masspayout_test

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"flashpay/internal/masspayout"
)

// TestARowIsJudgedAlikeBehindOthers judges rows alone, by all rules, and behind a thousand others, of which those that are like a
// good one are judged cell by cell: the same is said of each.
func TestARowIsJudgedAlikeBehindOthers(t *testing.T) {
	t.Parallel()
	columns := []string{
		"operation_type", "general.project_id", "method", "general.payment_id", "payment.amount", "payment.currency", "account.number", "customer.id",
		"customer.ip_address", "payment.description", "customer.phone", "customer.email", "customer.country", "customer.day_of_birth", "account.bank_id",
		"customer.first_name", "customer.zip", "account.customer_name", "customer.billing.country", "payment.best_before", "customer.save", "note",
	}
	good := []string{"payout", "210", "bank-transfer/kyrgyzstan", "p-1", "150000", "KGS", "1090000000000001", "c-1", "192.0.2.1"}
	values := []string{
		"", " ", "x", "0", "-1", "1", "15", "150000", "150001", "0150000", "2", "10000000000000", "10000000000001", "sample-row-delete-it", "Total", "1E+05", "1500,00", "99999999999999999999", "KGS", "kgs", "USD", "ZZZ", "210", "211", "300", "999", "192.0.2.7", "300.1.1.1",
		"::1", "+996555123456", "996555123456", "+", "abc", "a@b.example", "a@", "KG", "K", "31-12-1999", "1999-12-31", "x;a:b", "x;y", "\u00a0x", "109 000", "00004598", "-0",
		strings.Repeat("я", 255), strings.Repeat("x", 256), strings.Repeat("9", 101), "true", "1.5", "2026-01-31T12:00:00+06:00", "2099-01-31T12:00:00+06:00", "card", "bank-transfer/nowhere",
	}
	random := rand.New(rand.NewPCG(1, 2))
	rows := make([]string, 3000)
	for i := range rows {
		cells := make([]string, len(columns))
		copy(cells, good)
		cells[1], cells[3] = fmt.Sprint(210+i%3), fmt.Sprint("p-", i) // projects in which the account doctor says nothing, warns, refuses
		cells[6] = fmt.Sprintf("10900000000000%02d", random.IntN(100))
		if i%6 == 0 { // the zero at its front was lost
			cells[6] = fmt.Sprintf("9%012d%02d", random.IntN(1000), random.IntN(10))
		}
		for range random.IntN(4) {
			at := random.IntN(len(cells))
			cells[at] = values[random.IntN(len(values))]
		}
		for k := range cells {
			cells[k] = `"` + cells[k] + `"`
		}
		rows[i] = strings.Join(cells, ";") + "\n"
	}
	head := strings.Join(columns, ";") + "\n"
	together := judgedRows(t, head+strings.Join(rows, ""))
	for i, row := range rows {
		if alone := judgedRows(t, head+row); !slices.Equal(alone, together[i:i+1]) {
			t.Errorf("%s is judged alone\n%s\nand behind others\n%s", row, alone, together[i])
		}
	}
	if n := len(slices.Compact(slices.Sorted(slices.Values(together)))); n < 50 {
		t.Errorf("only %d different judgements", n)
	}
}

var lineNumber = regexp.MustCompile(`(line#|Line:) ?[0-9]+`)

// judgedRows is what is said of each row, but for where it stands and which payment it is.
func judgedRows(t *testing.T, file string) (all []string) {
	t.Helper()
	r := rules(t)
	reader, err := masspayout.NewReader(strings.NewReader(file), "", &r)
	if err != nil {
		t.Fatal(err)
	}
	for {
		row, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, lineNumber.ReplaceAllString(fmt.Sprintf("%+v %+v %d %s", row.Faults, row.Warnings, row.Payout.Amount, row.Payout.Currency), ""))
	}
}
