package signature

import "slices"

// in returns the form whose lines order o sorts, and o without [AsWritten].
func (f *Form) in(o Order) (*Form, Order) {
	if o&AsWritten == 0 {
		return f, o
	}
	return f.asWritten(), o &^ AsWritten
}

// asWritten returns the form in which numbers stand as they do in the body, or
// f itself where plain decimal is no other spelling of them.
func (f *Form) asWritten() *Form {
	if f.written == nil {
		f.written = f
		if differs(f.root) {
			lines := slices.Clone(f.lines)
			writeNumbers(lines, f.root)
			f.written = &Form{root: f.root, lines: lines}
		}
	}
	return f.written
}

// differs reports whether a signed number in v is not written in plain decimal.
func differs(v *Value) bool {
	if v == nil {
		return false
	}
	for i := range v.Members {
		if !unsigned(v.Members[i].Name) && differs(&v.Members[i].Value) {
			return true
		}
	}
	return v.Kind == Number && plainDecimal(v.Text) != v.Text || slices.ContainsFunc(v.Items, func(item Value) bool { return differs(&item) })
}

// writeNumbers sets the values of v's numbers in lines, which begin with v's
// first, and returns the lines behind its last.
func writeNumbers(lines []Line, v *Value) []Line {
	switch v.Kind {
	case Object:
		for i := range v.Members {
			if !unsigned(v.Members[i].Name) {
				lines = writeNumbers(lines, &v.Members[i].Value)
			}
		}
		return lines
	case Array:
		for i := range v.Items {
			lines = writeNumbers(lines, &v.Items[i])
		}
		return lines
	case Number:
		lines[0].Value = v.Text
	}
	return lines[1:]
}
