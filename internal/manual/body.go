package manual

import (
	"strconv"
	"strings"

	"flashpay/signature"
)

// buildBody makes the request that Gate would have got. Its members stand in the form's order; what is empty is left out.
func buildBody(d Draft, fields []Field, amount int64) []byte {
	root := signature.Obj()
	set(&root, "general.project_id", signature.Int(d.Project.ID))
	for i := range fields {
		f := &fields[i]
		value := Clean(f.Path, d.Values[f.Path])
		switch {
		case value == "":
		case (f.Kind == Integer || f.Kind == Bank) && isInteger(value):
			n, _ := strconv.ParseInt(value, 10, 64) // at most 18 digits
			set(&root, f.Path, signature.Int(n))
		case f.Kind == Boolean:
			set(&root, f.Path, signature.Boolean(value == "true"))
		default:
			set(&root, f.Path, signature.Str(value))
		}
	}
	set(&root, Amount, signature.Int(amount))
	set(&root, Currency, signature.Str(d.Currency))
	return root.AppendJSON(nil)
}

// set puts a value at a path with dots, making the objects on the way.
func set(v *signature.Value, path string, to signature.Value) {
	name, rest, deeper := strings.Cut(path, ".")
	if !deeper {
		v.Members = append(v.Members, signature.Field(name, to))
		return
	}
	if v.Get(name) == nil {
		v.Members = append(v.Members, signature.Field(name, signature.Obj()))
	}
	set(v.Get(name), rest, to)
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
		case "general.project_id", PaymentID, Amount, Currency:
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
