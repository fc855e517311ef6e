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
			if wide := browsertest.Eval[int](p, `document.documentElement.scrollWidth - innerWidth`); wide > 0 {
				t.Errorf("%s %s: the page is %d pixels wider than the window", look.name, at.name, wide)
			}
			for _, list := range [][]string{browsertest.Eval[[]string](p, faint), browsertest.Eval[[]string](p, unnamed)} {
				for _, fault := range list {
					t.Errorf("%s %s: contrast or name: %s", look.name, at.name, fault)
				}
			}
			p.Wait("live")
			p.Screenshot("shop-"+at.name+"-"+look.name, look.view.Width == 0)
		}
	}
}

// faint lists the texts of a page whose contrast is below AA: 4.5, or 3 where
// they are large.
const faint = `(() => {
	const light = (c) => {
		const [r, g, b] = c.map((v) => v / 255).map((v) => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
		return 0.2126 * r + 0.7152 * g + 0.0722 * b;
	};
	const numbers = (css) => css.match(/[0-9.]+/g).map(Number);
	const ground = (el) => {
		for (; el; el = el.parentElement) {
			const c = numbers(getComputedStyle(el).backgroundColor);
			if (c.length === 3 || c[3] === 1) return c;
		}
		return [255, 255, 255];
	};
	const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	const found = new Set();
	for (let node; (node = walker.nextNode());) {
		const el = node.parentElement;
		if (!node.data.trim() || !el.checkVisibility() || el.closest(".unseen, option, script")) continue;
		const style = getComputedStyle(el);
		const [a, b] = [light(numbers(style.color)), light(ground(el))].sort((x, y) => y - x);
		const large = parseFloat(style.fontSize) >= 24 || parseFloat(style.fontSize) >= 18.66 && style.fontWeight >= 700;
		const ratio = (a + 0.05) / (b + 0.05);
		if (ratio < (large ? 3 : 4.5)) found.add(ratio.toFixed(2) + ": " + node.data.trim());
	}
	return [...found];
})()`

// unnamed lists the controls of a page that a screen reader has no name for.
const unnamed = `[...document.querySelectorAll("input, select, button, a, summary")]
	.filter((el) => !((el.labels && el.labels.length && el.labels[0].textContent.trim()) || el.textContent.trim()))
	.map((el) => el.outerHTML)`
