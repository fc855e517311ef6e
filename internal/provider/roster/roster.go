// Package roster knows the providers of an installation: to which of them a payout goes, which adapters a node calls, and whose
// notifications a Gate takes. A further provider is one more entry where the roster is made.
package roster

import (
	"fmt"
	"slices"

	"flashpay/internal/merchant"
	"flashpay/internal/method"
	"flashpay/internal/provider"
)

// Entry is one provider.
type Entry struct {
	Name string // as Provider.Name
	ID   int64  // as Traits.ID
	// Serves tells whether payouts of a project by a method may go to it.
	Serves func(p *merchant.Project, m *method.Method) bool
	// Open makes its adapter, on a node that processes; nil on others.
	Open func() (provider.Provider, error)
	// Door says which messages are its notifications, on a node with a Gate; nil: none are taken.
	Door *provider.Door
}

// Roster are the providers of an installation. The first that serves a payout gets it.
type Roster []Entry

// With is the roster with what one node needs of a provider.
func (r Roster) With(name string, open func() (provider.Provider, error), door *provider.Door) Roster {
	r = slices.Clone(r)
	for i := range r {
		if r[i].Name == name {
			r[i].Open, r[i].Door = open, door
		}
	}
	return r
}

// Route chooses the provider for a project and a method; ok is false where none serves them. Such payouts are declined
// with 3293.
func (r Roster) Route(p *merchant.Project, m *method.Method) (name string, id int64, ok bool) {
	for i := range r {
		if r[i].Serves(p, m) {
			return r[i].Name, r[i].ID, true
		}
	}
	return "", 0, false
}

// Adapters makes the adapters of those that have one here.
func (r Roster) Adapters() ([]provider.Provider, error) {
	var out []provider.Provider
	for i := range r {
		if r[i].Open == nil {
			continue
		}
		a, err := r[i].Open()
		if err != nil {
			return nil, fmt.Errorf("provider %s: %w", r[i].Name, err)
		}
		out = append(out, a)
	}
	return out, nil
}

// Doors are the doors by provider, whether or not this node calls it.
func (r Roster) Doors() map[string]provider.Door {
	out := make(map[string]provider.Door)
	for i := range r {
		if r[i].Door != nil {
			out[r[i].Name] = *r[i].Door
		}
	}
	return out
}

// TestProjects serves test projects, and those alone.
func TestProjects(p *merchant.Project, _ *method.Method) bool { return p.Mode == merchant.Test }
