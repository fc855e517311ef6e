package masspayout

import (
	"slices"
	"strings"

	"flashpay/internal/accept"
	"flashpay/signature"
)

// requestPlan says which cell of a row becomes which member of the request that Gate would have got in its place.
type requestPlan []group

// group is an object of the request with the cells that fill it.
type group struct {
	name    string
	members []memberPlan
}

type memberPlan struct {
	cell int
	path string // inside of the group
	deep bool   // the path has dots
	kind accept.InputKind
	edit func(string) string // what is written otherwise in files; nil: nothing
}

// objects is the order of a request's objects, as forms have it.
var objects = []string{"general", "account", "customer", "payment"}

func newRequestPlan(columns []column) requestPlan {
	var p requestPlan
	for _, name := range objects {
		p = append(p, group{name: name})
	}
	for i, c := range columns {
		if c.use != member {
			continue
		}
		object, path, _ := strings.Cut(c.name, ".")
		at := slices.IndexFunc(p, func(g group) bool { return g.name == object })
		if at < 0 {
			at, p = len(p), append(p, group{name: object})
		}
		m := memberPlan{cell: i, path: path, deep: strings.Contains(path, "."), kind: c.kind}
		if c.name == colPhone {
			m.edit = withoutPlus
		}
		p[at].members = append(p[at].members, m)
	}
	return p
}

// withoutPlus makes a phone number of a file one of Gate's, which has no plus at its head.
func withoutPlus(phone string) string { return strings.TrimPrefix(phone, "+") }

// fill makes the request of a row in root, whose memory is used again. Empty cells are left out.
func (p requestPlan) fill(root *signature.Value, cells []string) {
	root.Kind = signature.Object
	if cap(root.Members) < len(p) {
		root.Members = make([]signature.Member, 0, len(p))
	}
	spare := root.Members[:cap(root.Members)]
	root.Members = root.Members[:0]
	for i := range p {
		g := &p[i]
		n := len(root.Members)
		object := signature.Value{Kind: signature.Object, Members: spare[n].Value.Members[:0]}
		for k := range g.members {
			m := &g.members[k]
			cell := cells[m.cell]
			if cell == "" {
				continue
			}
			if m.edit != nil {
				cell = m.edit(cell)
			}
			if m.deep {
				accept.SetMember(&object, m.path, m.kind.Value(cell))
				continue
			}
			object.Members = append(object.Members, signature.Field(m.path, m.kind.Value(cell)))
		}
		if len(object.Members) > 0 {
			root.Members = append(root.Members, signature.Field(g.name, object))
		} else {
			spare[n].Value.Members = object.Members
		}
	}
}
