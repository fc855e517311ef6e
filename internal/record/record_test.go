package record

import (
	"testing"
	"time"

	"flashpay/internal/ledger"
	"flashpay/internal/payout"
)

// Each column that a record can fill is a column of the documentation: none is left over under a wrong name.
func TestEverySourceIsAColumn(t *testing.T) {
	t.Parallel()
	for name := range sources {
		_, ofGet := Operations.Find(name)
		_, ofPayment := OperationsOfPayment.Find(name)
		if !ofGet && !ofPayment {
			t.Errorf("%q is in no endpoint's columns", name)
		}
	}
}

func TestColumnsOfTheDocumentation(t *testing.T) {
	t.Parallel()
	if len(Operations) != 59 || len(OperationsOfPayment) != 8 {
		t.Errorf("%d and %d columns, the documentation has 59 and 8", len(Operations), len(OperationsOfPayment))
	}
	first, last := Operations[0], Operations[len(Operations)-1]
	if first.Name != "project_id" || !first.Required || last.Name != "transaction_status" || last.Required {
		t.Errorf("the order or what is required is another: from %+v to %+v", first, last)
	}
	amount, ok := Operations.Find("sum_initial.amount")
	if !ok || amount.Type != "integer" || amount.Absent {
		t.Errorf("sum_initial.amount: %+v", amount)
	}
	if arn, _ := Operations.Find("arn"); !arn.Absent || arn.Value(&Operation{}) != (Value{}) {
		t.Errorf("arn, which payouts do not have: %+v", arn)
	}
}

func TestOperationColumns(t *testing.T) {
	t.Parallel()
	created := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	done := created.Add(time.Minute)
	o := Operation{
		Project: &Project{ID: 210, Name: "Shop", MerchantID: 7, MerchantName: "Shop Ltd"}, PaymentID: "Order-1", PaymentStatus: payout.Success,
		Method: "bank-transfer/kyrgyzstan", MethodTitle: "Bank transfer Kyrgyzstan", Amount: 100000, Currency: "KGS", ConvertedAmount: 1150, ConvertedCurrency: "USD",
		PaymentCreatedAt: created, PaymentUpdatedAt: done, ID: 42, Status: payout.Success, Reached: true, CreatedAt: created, UpdatedAt: done, CustomerIP: "192.0.2.1",
	}
	want := map[string]Value{
		"project_id": text("210"), "operation_id": text("42"), "payment_id": text("Order-1"), "operation_type": text("payout"), "operation_status": text("success"),
		"payment_method_type": text("bank-transfer"), "operation_created_at": moment(created), "operation_completed_at": moment(done), "provider_date": moment(done),
		"sum_initial.amount": sum(100000, "KGS"), "sum_converted": {Kind: Object, Amount: 1150, Currency: "USD"}, "sum_converted.currency": text("USD"),
		"payment_provider_code": text("0"), "payment_provider_message": text("Success"), "customer_ip": text("192.0.2.1"), "payment_type": text("11"),
		"merchant_id": text("7"), "legal_entity_name": text("Shop Ltd"), "transaction_status": text("success"),
	}
	for name, value := range want {
		c, ok := Operations.Find(name)
		if got := c.Value(&o); !ok || got != value {
			t.Errorf("%s: %+v, want %+v", name, got, value)
		}
	}
	o.Status, o.PaymentStatus, o.Reached = payout.Processing, payout.Processing, false
	for _, name := range []string{"operation_completed_at", "provider_date", "transaction_completed_at"} {
		if c, _ := Operations.Find(name); !c.Value(&o).At.IsZero() {
			t.Errorf("%s of what has not ended: %v", name, c.Value(&o).At)
		}
	}
}

func TestChoose(t *testing.T) {
	t.Parallel()
	chosen, err := Operations.Choose([]string{"customer_ip", "project_id"})
	if err != nil || chosen[0].Name != "customer_ip" || chosen[1].Name != "project_id" || Needs(chosen) != Request {
		t.Errorf("chosen: %v, %v", chosen, err)
	}
	for _, wrong := range [][]string{{"project_id", "nonsense"}, {"project_id", "project_id"}} {
		if _, err := Operations.Choose(wrong); err == nil {
			t.Errorf("%q are chosen", wrong)
		}
	}
}

func TestAvailableChange(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		debit, credit ledger.Account
		want          int64
	}{{ledger.Available, ledger.Held, -5}, {ledger.Held, ledger.Available, 5}, {ledger.Held, ledger.Settlement, 0}} {
		m := Movement{Transfer: ledger.Transfer{Debit: c.debit, Credit: c.credit, Amount: 5}}
		if got := m.Available(); got != c.want {
			t.Errorf("%s to %s changes what is available by %d, want %d", c.debit, c.credit, got, c.want)
		}
	}
}
