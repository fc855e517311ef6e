package dashboard

import (
	"crypto/rand"
	"errors"
	"net/http"
	"net/url"
	"strings"
)

// Form is what was entered, and what is wrong with it. An empty one is a form not yet filled in.
type Form struct {
	Values url.Values
	Faults map[string]string // in words, by field
	// IdempotencyKey is that of the act which the form asks for: a second click, or a reload, asks for the same act, which is
	// done once. It stays the same while faults are mended. In pages it is the field «once».
	IdempotencyKey string
}

// newForm is a form with first values, which are pairs of name and value.
func newForm(pairs ...string) *Form {
	f := &Form{Values: make(url.Values), IdempotencyKey: rand.Text()}
	for i := 0; i+1 < len(pairs); i += 2 {
		f.Values.Set(pairs[i], pairs[i+1])
	}
	return f
}

// Get is the first value of a field, without white space around it.
func (f *Form) Get(name string) string {
	if f == nil {
		return ""
	}
	return strings.TrimSpace(f.Values.Get(name))
}

// Has tells whether a field of several values, such as a list of boxes, has this one.
func (f *Form) Has(name, value string) bool {
	if f == nil {
		return false
	}
	for _, v := range f.Values[name] {
		if v == value {
			return true
		}
	}
	return false
}

// Fault notes what is wrong with a field; the first fault of a field stays. Of field "" it concerns the form as a whole.
func (f *Form) Fault(name, text string) {
	if f.Faults == nil {
		f.Faults = make(map[string]string)
	}
	if f.Faults[name] == "" {
		f.Faults[name] = text
	}
}

// FaultOf is what is wrong with a field, in words; empty: nothing.
func (f *Form) FaultOf(name string) string {
	if f == nil {
		return ""
	}
	return f.Faults[name]
}

// OK tells whether nothing is wrong.
func (f *Form) OK() bool { return len(f.Faults) == 0 }

// form reads the posted form. One that is too large or cannot be read is a userError.
func (v *visit) form() (*Form, error) {
	if err := v.r.ParseForm(); err != nil {
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			return nil, &userError{ID: "form.too_large", Status: http.StatusRequestEntityTooLarge}
		}
		return nil, &userError{ID: "form.unreadable"}
	}
	f := &Form{Values: v.r.PostForm, IdempotencyKey: v.r.PostForm.Get("once")}
	if len(f.IdempotencyKey) < 16 || len(f.IdempotencyKey) > 64 {
		f.IdempotencyKey = rand.Text()
	}
	return f, nil
}
