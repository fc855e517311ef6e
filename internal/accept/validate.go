package accept

import (
	"slices"
	"strconv"
	"strings"

	"flashpay/internal/merchant"
	"flashpay/internal/money"
	"flashpay/internal/payout"
	"flashpay/signature"
)

// Validate returns why a request would be refused before it reaches the store, or nil where it would not be. It stores nothing,
// so files and forms can be validated without being sent.
func Validate(in *In) *Refusal {
	if in.Report == nil {
		r := Payout.Check(in.Tree)
		r.CheckLines(in.Form)
		in.Report = &r
	}
	if len(in.Report.Shape) > 0 {
		return &Refusal{Code: payout.CodeInvalidJSON, Faults: in.Report.Shape}
	}
	if faults := allFaults(in); len(faults) > 0 {
		return &Refusal{Code: BodyCode(faults), Faults: faults}
	}
	if in.Method == nil || !in.Method.Enabled {
		return &Refusal{Code: payout.CodeUnknownMethod}
	}
	return nil
}

func otherData() *Refusal {
	return &Refusal{Code: payout.CodePaymentIDExists, Faults: []Fault{{
		Field: "general.payment_id", Code: payout.CodePaymentIDExists, Message: payout.Message(payout.CodePaymentIDExists),
		Description: "a payment with this general.payment_id (letter case does not count) was requested with other data; " +
			"repeat the first request unchanged, or choose a new id for a new payment",
	}}}
}

// allFaults are the common table's faults and those that need the project, the method or another table. A field that
// the table refuses is not judged again.
func allFaults(in *In) []Fault {
	faults := in.Report.Faults
	if in.Interface != InterfaceGate {
		faults = slices.DeleteFunc(slices.Clone(faults), func(f Fault) bool { return f.Field == "general.signature" })
	}
	add := func(path string, code int, words string, missing bool) {
		if slices.ContainsFunc(faults, func(f Fault) bool { return f.Field == path }) {
			return
		}
		order, ok := Payout.index[path]
		if !ok {
			order = len(Payout.rows)
		}
		faults = append(slices.Clip(faults), Fault{
			Field: path, Code: code, Message: payout.Message(code), Description: path + " " + words, Missing: missing, order: order,
		})
	}
	currency := textAt(in.Tree, "payment", "currency")
	if currency != "" && !money.Valid(currency) {
		add("payment.currency", payout.CodeCurrency, "must be an ISO 4217 currency code such as KGS", false)
	}
	checkURLs(in, add)
	if in.Method != nil && in.Method.Enabled {
		checkMethod(in, currency, add)
	}
	slices.SortStableFunc(faults, func(a, b Fault) int { return a.order - b.order })
	return faults
}

type addFault func(path string, code int, words string, missing bool)

var callbackURLs = [...]struct{ path, name string }{
	{"general.merchant_callback_url", "merchant_callback_url"},
	{"general.merchant_success_callback_url", "merchant_success_callback_url"},
	{"general.merchant_decline_callback_url", "merchant_decline_callback_url"},
}

func checkURLs(in *In, add addFault) {
	general := in.Tree.Get("general")
	for _, u := range callbackURLs {
		v := general.Get(u.name)
		if v == nil || v.Kind == signature.Null {
			continue
		}
		if words := urlFault(v.Text, in.Project.Mode == merchant.Live); words != "" {
			add(u.path, payout.CodeMalformed, words, false)
		}
	}
}

func checkMethod(in *In, currency string, add addFault) {
	for _, r := range in.Method.RulesFor(paidCurrency(in.Project, in.Method, currency)) {
		v := at(in.Tree, r.Path)
		absent := v == nil || v.Kind == signature.Null || v.Kind == signature.String && v.Text == ""
		switch {
		case absent && r.Required:
			add(r.Path, codesFor(r.Path).missing, "is required by "+in.Method.Path+"; it is missing, null or empty", true)
		case absent:
		default:
			if words := r.Fault(v.Text); words != "" {
				add(r.Path, codesFor(r.Path).invalid, words, false)
			}
		}
	}
	if v := in.Tree.Get("account", "bank_id"); v != nil && v.Kind == signature.Number && len(in.Method.Banks) > 0 {
		id, err := strconv.ParseInt(v.Text, 10, 64)
		if _, known := in.Method.Bank(id); err != nil || !known {
			add("account.bank_id", codeBankNotFound, "is not in the bank list of "+in.Method.Path, false)
		}
	}
}

// at follows a path with dots.
func at(v *signature.Value, path string) *signature.Value {
	for name := range strings.SplitSeq(path, ".") {
		v = v.Get(name)
	}
	return v
}
