package demo_test

import (
	"os"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"flashpay/internal/browsertest"
)

func TestMain(m *testing.M) { os.Exit(browsertest.Main(m)) }

// fillAndSend fills the form in as a person does.
func fillAndSend(p *browsertest.Page, amount, account string) {
	p.Type("#amount", amount)
	p.Type("#account", account)
	p.Click("button[value=send]")
}

// TestPageInBrowser needs a Chromium, see package browsertest.
func TestPageInBrowser(t *testing.T) {
	browser := browsertest.Start(t)
	for _, c := range []struct {
		name  string
		drive func(*testing.T, *browsertest.Browser)
	}{
		{"way", driveWay},
		{"copy", driveCopy},
		{"many at once", driveMany},
		{"without script", driveWithoutScript},
		{"Gate down", driveGateDown},
		{"looks", driveLooks},
	} {
		t.Run(c.name, func(t *testing.T) { c.drive(t, browser) })
	}
}

func driveWay(t *testing.T, browser *browsertest.Browser) {
	gate := newGate(t)
	s := open(t, gate.URL, t.TempDir())
	url := serve(t, s)
	p := browser.Open(t, browsertest.View{})
	p.Goto(url)
	p.Wait("Nothing has been paid yet", "live")

	// The menu and the account number say the same, whichever is changed.
	p.Type("#account", "1234560007")
	p.Wait("the line breaks") // of the menu
	if got := p.Value("#ending"); got != "0007" {
		t.Errorf("the menu shows %q after 1234560007 was typed", got)
	}
	p.Do(chromedp.SendKeys(chromedp.CSS("#ending"), "0005"))
	if got := p.Value("#account"); got != "1234560005" {
		t.Errorf("the account number is %q after 0005 was chosen", got)
	}
	p.Wait("Declined with code 20501")

	fillAndSend(p, "14", "00004598")
	p.Wait("Enter an amount from 15.00 to 15,000.00")
	if id := browsertest.Eval[string](p, "document.activeElement.id"); id != "amount" {
		t.Errorf("the focus is on %q, not on the field to mend", id)
	}
	fillAndSend(p, "250,50", "00004598")
	p.Wait("250.50 KGS", "Accepted: the platform has stored the payout", "None yet.")

	// The callback arrives on the open page, what was unfolded stays, and those
	// who cannot see it hear it.
	gate.set(func(g *fakeGate) { g.callback = s.Handler() })
	id, _, _ := strings.Cut(browsertest.Eval[string](p, "document.title"), " · ")
	p.Do(chromedp.Focus(chromedp.CSS("#act-repeat")))
	gate.tell(id)
	p.Wait("Signature verified", "payment:status:success;")
	if word := browsertest.Eval[string](p, `document.getElementById("live-word").textContent`); !strings.Contains(word, "Success, 1 callback verified") {
		t.Errorf("the live region says %q", word)
	}
	if at := browsertest.Eval[string](p, "document.activeElement.id"); at != "act-repeat" {
		t.Errorf("the focus has moved to %q", at)
	}

	p.Do(chromedp.KeyEvent(kb.Enter)) // on the focused button
	p.Wait("The same request_id as before")
	p.Click("#act-change")
	p.Wait("Refused, as it should be", "3041")
	p.Click("#act-forge")
	p.Wait("Not verified", "It claims: success, 10,000.00 KGS")
	p.Click("#act-status")
	p.Wait("The answer's signature is verified.")

	// What the reader has folded stays so when news come.
	p.Click(`#step-queries summary`)
	gate.set(func(g *fakeGate) { g.status = "reversed" })
	gate.tell(id)
	p.Wait("Reversed")
	if browsertest.Eval[bool](p, `document.querySelector("#step-queries details").open`) {
		t.Error("news have unfolded what the reader had folded")
	}
	p.Screenshot("shop-driven", true)
}

func driveCopy(t *testing.T, browser *browsertest.Browser) {
	gate := newGate(t)
	s := open(t, gate.URL, t.TempDir())
	send(t, s, form("p-1"))
	p := browser.Open(t, browsertest.View{})
	p.Goto(serve(t, s) + "/payouts/1")
	// The very bytes are copied, not what is laid out.
	copied := browsertest.Eval[string](p, `document.querySelector("#step-request .copy").dataset.copy`)
	if copied != gate.requests[0] {
		t.Errorf("copied %s\nsent   %s", copied, gate.requests[0])
	}
	lines := browsertest.Eval[string](p, `document.querySelector(".lines").textContent`)
	if signing := browsertest.Eval[string](p, `document.querySelectorAll("#step-request .copy")[1].dataset.copy`); signing != lines || strings.Contains(lines, "\n") {
		t.Errorf("the signing string shown is\n%q, copied\n%q", lines, signing)
	}
	browsertest.Eval[bool](p, `(navigator.clipboard.writeText = (text) => { window.copied = text; }, true)`)
	p.Click("#step-request .copy")
	p.Wait("Copied")
	if got := browsertest.Eval[string](p, "window.copied"); got != gate.requests[0] {
		t.Errorf("the button copies %s", got)
	}
}

func driveMany(t *testing.T, browser *browsertest.Browser) {
	gate := newGate(t)
	s := open(t, gate.URL, t.TempDir())
	gate.set(func(g *fakeGate) { g.callback = s.Handler() })
	p := browser.Open(t, browsertest.View{Width: 375, Height: 812})
	p.Goto(serve(t, s))
	p.Click("button[value=burst]")
	p.Wait("20 at once:", "all answered in", "20 succeeded")
}

func driveWithoutScript(t *testing.T, browser *browsertest.Browser) {
	gate := newGate(t)
	s := open(t, gate.URL, t.TempDir())
	gate.set(func(g *fakeGate) { g.callback = s.Handler() })
	url := serve(t, s)
	p := browser.Open(t, browsertest.View{NoScript: true})
	p.Goto(url)
	p.Wait("reload for news")
	p.Do(chromedp.SetValue(chromedp.CSS("#ending"), "0015"))
	p.Click("button[value=send]")
	p.Wait("00000015", "Accepted: the platform has stored the payout") // Gate answers well within the form's patience
	says(t, s, "/payouts/1", "Signature verified")
	p.Do(chromedp.Reload())
	p.Wait("Signature verified")
	p.Click("#act-repeat")
	p.Wait("The same request_id as before")
	fillAndSend(p, "x", "1")
	p.Wait("This is not an amount")
}

func driveGateDown(t *testing.T, browser *browsertest.Browser) {
	gate := newGate(t)
	gate.set(func(g *fakeGate) { g.down = true })
	p := browser.Open(t, browsertest.View{})
	url := serve(t, open(t, gate.URL, t.TempDir()))
	p.Goto(url)
	fillAndSend(p, "100", "00004598")
	p.Wait("Gate did not answer.", "the connection broke", "Outcome unknown", "Send the same request again")
	p.Goto(url)
	p.Wait("One payout has no usable answer", "1 not accepted")
	gate.set(func(g *fakeGate) { g.down = false })
	p.Click("#act-again")
	p.Wait("1 under way")
	p.WaitGone("did not answer", "no usable answer")
}
