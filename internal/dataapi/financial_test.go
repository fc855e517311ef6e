package dataapi_test

import (
	"net/http"
	"testing"

	"flashpay/internal/payout"
	"flashpay/internal/staff"
	"flashpay/internal/store"
	"flashpay/internal/storetest"
	"flashpay/internal/tariff"
)

// Operations with their fees: charged on success alone, told with the balance that pays, to those who see balances.
func TestFinancialReporting(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		d := newDesk(t, url)
		d.pay(210, "free", 1000, payout.Succeeded, 0)
		_, err := d.store.SetTariff(t.Context(), 210, tariff.Key{Method: "bank-transfer/kyrgyzstan", Currency: "KGS"},
			tariff.Holding{Tariff: tariff.Tariff{Fixed: 150}}, store.By{Actor: "cli:root"})
		d.must(err)
		d.pay(210, "charged", 2000, payout.Succeeded, 0)
		d.pay(210, "declined", 3000, payout.Declined, 20105)
		d.accept(210, "under way", 4000)
		const interval = `"tz":"UTC","interval":{"from":"2020-01-01 00:00:00","to":"2120-01-01 00:00:00"},"project_id":[210]`
		a := d.ask("/v1/financial-reporting/operations", interval)
		d.wants(a.list("payment_id"), "free", "charged", "declined", "under way")
		d.wants(a.list("fee_amount"), "0", "150", "0", "0")
		d.wants(a.list("fee_currency"), "KGS", "KGS", "KGS", "KGS")
		d.wants(a.list("balance_id"), "210-KGS", "210-KGS", "210-KGS", "210-KGS")
		a = d.ask("/v1/financial-reporting/operations", interval+`,"fields":["fee_amount","payment_id"],"operation_status":"success","limit":1,"offset":1`)
		d.wants(a.list("fee_amount"), "150")
		d.reverse(210, "charged")
		a = d.ask("/v1/financial-reporting/operations", interval+`,"fields":["operation_type","fee_amount","fee_currency","balance_id"],"operation_status":"reversed"`)
		d.wants(a.list("operation_type"), payout.TypeReversal)
		d.wants(a.list("fee_amount"), "-150")
		d.wants(a.list("fee_currency"), "KGS")
		d.wants(a.list("balance_id"), "210-KGS")
		for path, columns := range map[string]string{
			"/v1/operations/get": `"fields":["fee_amount"]`, "/v1/financial-reporting/operations": `"fields":["nothing"]`,
		} {
			d.ask(path, interval+","+columns).refused(http.StatusBadRequest, "there is no column")
		}
		support := d.newToken(d.addUser("support@example.kg", staff.User{MerchantID: 1, Roles: []staff.Role{staff.Support}, AllProjects: true}))
		d.askAs(support, "/v1/financial-reporting/operations", interval).refused(http.StatusForbidden, "finance.view")
	})
}

// reverse has the bank return what it has paid.
func (d *desk) reverse(project int64, id string) {
	d.t.Helper()
	v, err := d.store.PaymentView(d.t.Context(), project, id)
	d.must(err)
	_, err = d.store.Apply(d.t.Context(), store.Step{Payment: v.Payment, Operation: v.Operations[0], Event: payout.Returned, Kind: payout.Returned.String()})
	d.must(err)
}
