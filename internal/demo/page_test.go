package demo_test

import (
	"net/http/httptest"
	"testing"

	"flashpay/internal/browsertest"
	"flashpay/internal/demo"
)

// looks are the ways in which each kind of page is pictured.
var looks = []struct {
	name string
	view browsertest.View
}{
	{"wide-light", browsertest.View{}},
	{"wide-dark", browsertest.View{Width: 1440, Height: 900, Dark: true}},
	{"narrow-light", browsertest.View{Width: 375, Height: 812}},
	{"narrow-dark", browsertest.View{Width: 375, Height: 812, Dark: true}},
}

// serve listens for a shop on loopback and returns its address.
func serve(t testing.TB, s *demo.Shop) string {
	server := httptest.NewServer(s.Handler())
	t.Cleanup(func() {
		s.Close() // ends the live connections, for which the server would wait
		server.Close()
	})
	return server.URL
}

func driveLooks(t *testing.T, browser *browsertest.Browser) {
	gate := newGate(t)
	empty := serve(t, open(t, gate.URL, t.TempDir()))
	full := open(t, gate.URL, t.TempDir())
	gate.set(func(g *fakeGate) { g.callback = full.Handler() })
	fill(t, gate, full)
	fullURL := serve(t, full)

	away := newGate(t)
	away.Close()
	failing := open(t, away.URL, t.TempDir())
	send(t, failing, form("away-1"))
	failingURL := serve(t, failing)

	for _, look := range looks {
		p := browser.Open(t, look.view)
		for _, at := range []struct{ name, url, words string }{
			{"empty", empty, "Nothing has been paid yet"},
			{"full", fullURL, "under way"},
			{"way", fullURL + "/payouts/1", "Signature verified"},
			{"failing", failingURL, "Gate did not answer"},
			{"failing-way", failingURL + "/payouts/1", "Gate was not reached"},
			{"faulty", fullURL + "/?amount=1", "New payout"},
		} {
			p.Goto(at.url)
			p.Wait(at.words)
			if at.name == "faulty" {
				p.Click("button[value=send]")
				p.Wait("Enter an amount from 15.00 to 15,000.00")
			}
			for _, over := range p.Overflows() {
				t.Errorf("%s %s: the page is wider than the window: %s", look.name, at.name, over)
			}
			for _, v := range p.Axe() {
				t.Errorf("%s %s: %s", look.name, at.name, v)
			}
			p.Wait("live")
			p.Screenshot("shop-"+at.name+"-"+look.name, look.view.Width == 0)
		}
	}
}
