package gate

import (
	"context"
	"net/http"
	"slices"
	"strconv"

	"flashpay/internal/accept"
	"flashpay/internal/merchant"
	"flashpay/internal/method"
	"flashpay/internal/money"
	"flashpay/internal/payout"
	"flashpay/internal/wire"
)

// serveBanks answers with the method's banks that take the currency; a method without bank list has none.
func serveBanks(ctx context.Context, x *exchange, dst []byte) ([]byte, *failure) {
	if f := x.signedRequest(ctx); f != nil {
		return dst, f
	}
	currency := x.tree.Get("payment", "currency").Text
	if !money.Valid(currency) {
		return dst, fail(http.StatusBadRequest, payout.CodeCurrency, "payment.currency", "payment.currency must be an ISO 4217 currency code such as KGS")
	}
	m, ok := x.gate.Methods.Get("bank-transfer/" + x.param)
	if !ok || !m.Enabled {
		return dst, unknownMethod(x)
	}
	banks := slices.DeleteFunc(slices.Clone(m.Banks), func(b method.Bank) bool { return !slices.Contains(b.Currencies, currency) })
	return wire.AppendBankList(dst, banks), nil
}

// serveMethods answers which of the methods asked about can be used now, with the sum where one is given.
func serveMethods(ctx context.Context, x *exchange, dst []byte) ([]byte, *failure) {
	if f := x.signedRequest(ctx); f != nil {
		return dst, f
	}
	asked := x.tree.Get("payment_method_list").Items
	list := make([]wire.MethodAvailability, 0, len(asked))
	for i := range asked {
		name := asked[i].Get("payment_method").Text
		var currency string
		var amount int64
		if v := asked[i].Get("currency"); v != nil {
			currency = v.Text
		}
		if v := asked[i].Get("amount"); v != nil {
			amount, _ = strconv.ParseInt(v.Text, 10, 64) // the table has checked it; 0 for null
		}
		list = append(list, wire.MethodAvailability{Method: name, Available: x.available(name, currency, amount)})
	}
	return x.signed(dst, wire.AvailableMethods(x.projectID, list)), nil
}

func (x *exchange) available(name, currency string, amount int64) bool {
	m, ok := x.gate.Methods.Get(name)
	if !ok {
		m, ok = x.gate.Methods.Get("bank-transfer/" + name)
	}
	if !ok || !m.Enabled || m.Group != "bank-transfer" || x.project.Blocked {
		return false
	}
	settings := x.project.Settings.Methods[m.Path]
	if settings.Disabled || !accept.FitsLimits(settings, m, currency, amount) {
		return false
	}
	return x.hasProvider(x.project, m)
}

func (x *exchange) hasProvider(p *merchant.Project, m *method.Method) bool {
	if x.gate.Route == nil {
		return false
	}
	_, _, ok := x.gate.Route(p, m)
	return ok
}
