package roster_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"flashpay/internal/merchant"
	"flashpay/internal/method"
	"flashpay/internal/provider"
	"flashpay/internal/provider/roster"
)

type adapter struct{ name string }

func (a adapter) Name() string          { return a.name }
func (adapter) Traits() provider.Traits { return provider.Traits{} }

func (adapter) Submit(context.Context, provider.Transfer) provider.Outcome { return provider.Outcome{} }

func (adapter) Inquire(context.Context, provider.Query) provider.Outcome { return provider.Outcome{} }

func (adapter) ReadNotification(context.Context, provider.Notification) ([]provider.Report, error) {
	return nil, nil
}

// Of two providers the first that serves a payout gets it; a payout that nobody serves has none.
func TestTwoProviders(t *testing.T) {
	open := func(name string) func() (provider.Provider, error) {
		return func() (provider.Provider, error) { return adapter{name}, nil }
	}
	r := roster.Roster{
		{Name: "trial", ID: 1, Serves: roster.TestProjects, Open: open("trial"), Door: &provider.Door{}},
		{Name: "north", ID: 2, Serves: func(p *merchant.Project, m *method.Method) bool { return m.Path == "bank-transfer/north" }, Open: open("north")},
		{Name: "elsewhere", ID: 3, Serves: func(*merchant.Project, *method.Method) bool { return false }},
	}
	for _, c := range []struct {
		mode merchant.Mode
		path string
		want string
	}{
		{merchant.Test, "bank-transfer/north", "trial"},
		{merchant.Live, "bank-transfer/north", "north"},
		{merchant.Live, "bank-transfer/south", ""},
	} {
		name, _, ok := r.Route(&merchant.Project{Mode: c.mode}, &method.Method{Path: c.path})
		if name != c.want || ok != (c.want != "") {
			t.Errorf("%s by %s goes to %q, %t; want %q", c.mode, c.path, name, ok, c.want)
		}
	}
	adapters, err := r.Adapters()
	names := []string{}
	for _, a := range adapters {
		names = append(names, a.Name())
	}
	if err != nil || !slices.Equal(names, []string{"trial", "north"}) {
		t.Errorf("adapters %v, %v", names, err)
	}
	if doors := r.Doors(); len(doors) != 1 {
		t.Errorf("doors %v", doors)
	}
	broken := errors.New("no address")
	r[1].Open = func() (provider.Provider, error) { return nil, broken }
	if _, err := r.Adapters(); !errors.Is(err, broken) {
		t.Errorf("an adapter that cannot be made: %v", err)
	}
}
