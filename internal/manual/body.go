package manual

import (
	"strconv"

	"flashpay/internal/accept"
	"flashpay/signature"
)

// buildBody makes the request that Gate would have got. Its members stand in the form's order; what is empty is left out.
func buildBody(d Draft, inputs []accept.Input, amount int64) []byte {
	root := signature.Obj()
	accept.SetMember(&root, accept.PathProjectID, signature.Int(d.Project.ID))
	for i := range inputs {
		in := &inputs[i]
		if value := Clean(in.Path, d.Values[in.Path]); value != "" {
			accept.SetMember(&root, in.Path, in.Kind.Value(value))
		}
	}
	accept.SetMember(&root, Amount, signature.Int(amount))
	accept.SetMember(&root, Currency, signature.Str(d.Currency))
	return root.AppendJSON(nil)
}

func text(v *signature.Value, path ...string) string {
	if v = v.Get(path...); v == nil {
		return ""
	}
	return v.Text
}

func integer(v *signature.Value, path ...string) int64 {
	n, _ := strconv.ParseInt(text(v, path...), 10, 64) // 0 where there is none; the field table judges it
	return n
}

// Entry is one value of a request, for those who are to see all of it.
type Entry struct {
	Path  string
	Value string
}

// Entries lists what the order says beyond project, payment id, sum and currency, in the form's order.
func (o *Order) Entries() []Entry { return entries(nil, "", o.tree) }

func entries(list []Entry, path string, v *signature.Value) []Entry {
	if v.Kind != signature.Object {
		switch path {
		case accept.PathProjectID, PaymentID, Amount, Currency:
			return list
		}
		return append(list, Entry{path, v.Text})
	}
	for i := range v.Members {
		at := v.Members[i].Name
		if path != "" {
			at = path + "." + at
		}
		list = entries(list, at, &v.Members[i].Value)
	}
	return list
}
