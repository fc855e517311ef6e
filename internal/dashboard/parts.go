package dashboard

import (
	"fmt"
)

// input is a field of a form, as the parts «input», «textarea», «select», «check» and «radio» show it.
type input struct {
	Form    *Form
	Name    string
	Label   string
	Options []option
	attrs   map[string]string
}

// option is a choice of a select or of a group of boxes.
type option struct {
	Value, Label, Help string
}

// newInput makes a field: its name, its label, and pairs of attribute and value. Beside HTML's own attributes it knows
// help (a text below the field), value (shown where the form has none), and asks (of a select: the id of the element that
// is fetched anew when another choice is made).
func newInput(f *Form, name, label string, attrs ...any) (*input, error) {
	if len(attrs)%2 != 0 {
		return nil, fmt.Errorf("dashboard: field %s: attributes come in pairs", name)
	}
	i := &input{Form: f, Name: name, Label: label, attrs: make(map[string]string)}
	for k := 0; k+1 < len(attrs); k += 2 {
		attribute := fmt.Sprint(attrs[k])
		if choices, ok := attrs[k+1].([]option); ok && attribute == "options" {
			i.Options = choices
			continue
		}
		i.attrs[attribute] = fmt.Sprint(attrs[k+1])
	}
	return i, nil
}

// newOptions makes choices from pairs of value and label.
func newOptions(pairs ...any) ([]option, error) {
	if len(pairs)%2 != 0 {
		return nil, fmt.Errorf("dashboard: choices come in pairs of value and label")
	}
	var all []option
	for k := 0; k+1 < len(pairs); k += 2 {
		all = append(all, option{Value: fmt.Sprint(pairs[k]), Label: fmt.Sprint(pairs[k+1])})
	}
	return all, nil
}

// Attr is the value of an attribute; empty where it was not given.
func (i *input) Attr(name string) string { return i.attrs[name] }

// ID is the element's id: unique in a page that has one form with this field, or one with another prefix.
func (i *input) ID() string { return "f-" + i.attrs["prefix"] + i.Name }

// Value is what the field holds.
func (i *input) Value() string {
	if i.Form == nil || i.Form.Values == nil || !i.Form.Values.Has(i.Name) {
		return i.attrs["value"]
	}
	return i.Form.Values.Get(i.Name)
}

// Chosen tells whether a choice is the field's value, or one of them.
func (i *input) Chosen(value string) bool {
	if i.Form == nil || i.Form.Values == nil || !i.Form.Values.Has(i.Name) {
		return i.attrs["value"] == value
	}
	return i.Form.Has(i.Name, value)
}

// Fault is what is wrong with the field, in words.
func (i *input) Fault() string { return i.Form.FaultOf(i.Name) }

// DescribedBy names the elements that explain the field, for those who cannot see them beside it.
func (i *input) DescribedBy() string {
	ids := ""
	if i.Fault() != "" {
		ids = i.ID() + "-fault"
	}
	if i.attrs["help"] != "" {
		if ids != "" {
			ids += " "
		}
		ids += i.ID() + "-help"
	}
	return ids
}

// dict makes a map of pairs, for parts that take several values.
func dict(pairs ...any) (map[string]any, error) {
	if len(pairs)%2 != 0 {
		return nil, fmt.Errorf("dashboard: dict takes pairs")
	}
	m := make(map[string]any, len(pairs)/2)
	for k := 0; k+1 < len(pairs); k += 2 {
		m[fmt.Sprint(pairs[k])] = pairs[k+1]
	}
	return m, nil
}
