package accept

import (
	"strings"

	"flashpay/internal/method"
	"flashpay/signature"
)

// Plain judges requests member by member that have the same members, project, method and currency as one that Examine found
// good: whatever needs more than one value is the same in all of them. It is safe for use by many goroutines.
type Plain struct{ members []plainMember }

type plainMember struct {
	field *field
	rules []*method.Rule
}

// crossed are the members whose value is judged with others or with what may change: requests that have one are judged whole.
var crossed = map[string]bool{
	"account.bank_id": true, "payment.best_before": true, "general.merchant_callback_url": true,
	"general.merchant_success_callback_url": true, "general.merchant_decline_callback_url": true,
}

// NewPlain makes the judge of requests like in, which Examine found good, that have exactly the members of these paths. It is nil
// where such requests must be judged whole.
func NewPlain(in *In, paths []string) *Plain {
	rules := in.Method.RulesFor(paidCurrency(in.Project, in.Method, textAt(in.Tree, "payment", "currency")))
	p := &Plain{members: make([]plainMember, len(paths))}
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

// Fits tells whether the value of the member of paths[i] is good. Where it does not, or is empty, the request must be judged whole.
func (p *Plain) Fits(i int, v *signature.Value) bool {
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
