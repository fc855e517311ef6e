package accept

import (
	"strings"

	"flashpay/internal/method"
	"flashpay/signature"
)

// MemberChecker validates requests one member at a time. They must have the same members, project, method and currency as a
// request that has passed Validate, so that every rule over several values has the same result for all of them. It is safe for
// use by many goroutines.
type MemberChecker struct{ members []checkedMember }

type checkedMember struct {
	field *field
	rules []*method.Rule
}

// crossed are the members that are checked together with other members, or against something that may change: a request that has
// one must go through Validate.
var crossed = map[string]bool{
	"account.bank_id": true, "payment.best_before": true, "general.merchant_callback_url": true,
	"general.merchant_success_callback_url": true, "general.merchant_decline_callback_url": true,
}

// NewMemberChecker makes a checker for requests like in, which has passed Validate, with exactly the members of these paths. It is
// nil where such requests must go through Validate one by one.
func NewMemberChecker(in *In, paths []string) *MemberChecker {
	rules := in.Method.RulesFor(paidCurrency(in.Project, in.Method, textAt(in.Tree, "payment", "currency")))
	p := &MemberChecker{members: make([]checkedMember, len(paths))}
	for i, path := range paths {
		f := Payout.scalarAt(path)
		if f == nil || crossed[path] {
			return nil
		}
		p.members[i].field = f
		for _, r := range rules {
			if r.Path == path {
				p.members[i].rules = append(p.members[i].rules, r)
			}
		}
	}
	return p
}

// scalarAt finds the field of a single value that stands outside of arrays; nil where the table has none.
func (t *Table) scalarAt(path string) *field {
	f := t.root
	for name := range strings.SplitSeq(path, ".") {
		if f = f.byName[name]; f == nil {
			return nil
		}
	}
	if f.kind == object || f.kind == array {
		return nil
	}
	return f
}

// Passes reports whether the value of the member at paths[i] is valid and not empty. Where it is false, the request must go through
// Validate, which decides.
func (p *MemberChecker) Passes(i int, v *signature.Value) bool {
	m := &p.members[i]
	if v.Text == "" || v.Kind == signature.Null {
		return false
	}
	var r Report
	if r.value(m.field, v, ""); len(r.Faults) > 0 || len(r.Shape) > 0 {
		return false
	}
	for _, rule := range m.rules {
		if rule.Fault(v.Text) != "" {
			return false
		}
	}
	return true
}
