package accept

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"flashpay/internal/payout"
	"flashpay/signature"
)

// In the signing string values are not escaped, and some members are left out of it. What is here keeps the promise
// that one signing string has one effect (product.md §2): of all bodies that share a string, and so a signature, at most
// one meaning is accepted. [signature.Form.Ambiguous] says why the lines are then the same; the field table says where
// path and value meet in each, unless a name that it does not know continues one that it does.

// CheckLines adds what the lines of a request's canonical form leave open: texts and names that in the signing string
// read as the beginning of another member. A field that has a fault already is not judged again.
func (r *Report) CheckLines(form *signature.Form) {
	for _, a := range form.Ambiguous() {
		if len(r.Faults) >= maxFaults {
			return
		}
		r.refuse(strings.ReplaceAll(a.Path, ":", "."), a.Why)
	}
}

// lastOrder sorts a fault behind those of the fields that the table knows.
const lastOrder = 1 << 20

// unknown checks a member of f that the table does not know. Such members are taken and signed over; but none may be
// named so that its line could be a known one's, and none may hold what the signature leaves out.
func (r *Report) unknown(f *field, m *signature.Member, parent string) {
	at := place{name: m.Name, root: parent}
	if head, _, cut := strings.Cut(m.Name, ":"); cut && f.byName[head] != nil {
		r.refuse(at.String(), `must not be named by the name of another member, ":" and more, which in the signing string reads as that member's value`)
	}
	r.unsigned(&at, &m.Value)
}

// unsigned refuses what stands in members that the signature leaves out, where the endpoint does not expect one. At the
// root a scalar is left alone: SDKs put signature and frame_mode there.
func (r *Report) unsigned(at *place, v *signature.Value) {
	if len(r.Faults) >= maxFaults {
		return
	}
	if at.name == "signature" || at.name == "frame_mode" {
		atRoot := at.above == nil && at.root == ""
		if !isEmpty(v) && !(atRoot && v.Kind != signature.Object && v.Kind != signature.Array) {
			r.refuse(at.String(), "must be empty or left out: what is named signature or frame_mode is not signed, so nothing may stand in it here")
		}
		return
	}
	if len(v.Members) == 0 && len(v.Items) == 0 {
		return
	}
	inside := &place{above: at} // one for all: there may be thousands
	for i := range v.Members {
		inside.name = v.Members[i].Name
		r.unsigned(inside, &v.Members[i].Value)
	}
	for i := range v.Items {
		inside.index = i
		r.unsigned(inside, &v.Items[i])
	}
}

// isEmpty tells whether nothing is said by a value.
func isEmpty(v *signature.Value) bool {
	switch v.Kind {
	case signature.Bool, signature.Number:
		return false
	}
	return v.Text == "" && len(v.Members) == 0 && len(v.Items) == 0
}

// place is where a value stands. Its path is put together only where it is told: names may be long, and many values may
// stand below one.
type place struct {
	above *place
	root  string // path of the known member that holds it; empty: the body
	name  string
	index int // of an element, which has no name
}

func (p *place) String() string {
	name := p.name
	if name == "" {
		name = strconv.Itoa(p.index)
	}
	switch {
	case p.above != nil:
		return p.above.String() + "." + name
	case p.root != "":
		return p.root + "." + name
	}
	return name
}

// maxFieldName is how many bytes of a path that the sender chose an answer repeats.
const maxFieldName = 255

// refuse adds a fault of a member that the table may not know.
func (r *Report) refuse(path, words string) {
	path = cmp.Or(path, `""`)
	if len(path) > maxFieldName {
		path = strings.ToValidUTF8(path[:maxFieldName-utf8.UTFMax], "") + "…"
	}
	if slices.ContainsFunc(r.Faults, func(f Fault) bool { return f.Field == path }) {
		return
	}
	code := codesFor(path).invalid
	r.Faults = append(r.Faults, Fault{
		Field: path, Code: code, Message: payout.Message(code), Description: path + " " + words, order: lastOrder,
	})
}
