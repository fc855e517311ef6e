package browsertest_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"flashpay/internal/browsertest"
)

func TestMain(m *testing.M) { os.Exit(browsertest.Main(m)) }

// TestProfilesShareNothing: two tests have one Chromium, and each a profile of its own.
func TestProfilesShareNothing(t *testing.T) {
	url := page(t, "", "<p>here")
	one, two := browsertest.Start(t).Open(t, browsertest.View{}), browsertest.Start(t).Open(t, browsertest.View{})
	one.SetCookie(url, "session", "of one")
	for _, p := range []*browsertest.Page{one, two} {
		p.Goto(url)
		p.Wait("here")
	}
	if a, b := one.Cookie("session"), two.Cookie("session"); a != "of one" || b != "" {
		t.Errorf("the cookie of one profile is %q there and %q in the other", a, b)
	}
	one.Resize(400, 300)
	if a, b := browsertest.Eval[int](one, "innerWidth"), browsertest.Eval[int](two, "innerWidth"); a != 400 || b != 1440 {
		t.Errorf("after a change of one window they are %d and %d wide", a, b)
	}
}

func page(t *testing.T, head, body string) string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Security-Policy", "style-src 'none'")
		fmt.Fprintf(w, "<!doctype html><title>t</title>%s<body>%s", head, body)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func TestPage(t *testing.T) {
	b := browsertest.Start(t)
	url := page(t, "", `<input id=a value=old><button onclick="b.textContent = a.value">go</button><p id=b>
		<noscript>nothing runs</noscript><script>a.title = matchMedia("(prefers-color-scheme: dark)").matches</script>`)

	p := b.Open(t, browsertest.View{Dark: true, Width: 400, Height: 300})
	p.Goto(url)
	p.Type("#a", "typed")
	p.Click("button")
	p.Wait("TYPED")
	if got := p.Value("#a"); got != "typed" {
		t.Errorf("the field holds %q", got)
	}
	if browsertest.Eval[string](p, "a.title") != "true" || browsertest.Eval[int](p, "innerWidth") != 400 {
		t.Error("the page is not looked at as the view says")
	}
	if faults := p.Faults(); len(faults) > 0 {
		t.Errorf("faults of a page without: %q", faults)
	}
	t.Setenv(browsertest.Screenshots, t.TempDir()+"/made")
	p.Screenshot("seen", false)
	p.Screenshot("whole", true)
	for _, name := range []string{"seen", "whole"} {
		picture, err := os.ReadFile(os.Getenv(browsertest.Screenshots) + "/" + name + ".png")
		if err != nil || !strings.HasPrefix(string(picture), "\x89PNG") {
			t.Errorf("%s: %v", name, err)
		}
	}

	p = b.Open(t, browsertest.View{NoScript: true})
	p.Goto(url)
	p.Wait("nothing runs")
}

func TestFaults(t *testing.T) {
	b := browsertest.Start(t)
	for _, c := range []struct{ body, says string }{
		{`<img src="http://192.0.2.1/x.png">`, "asked for http://192.0.2.1/x.png"},
		{`<img src="//example.com/x.png">`, "asked for http://example.com/x.png"},
		{`<script>throw new Error("broken")</script>`, "threw: Uncaught Error: broken"},
		{`<p style="color:red">x</p>`, "security: "},
	} {
		p := b.Open(t, browsertest.View{})
		p.Goto(page(t, "", c.body+"<p>done"))
		p.Wait("done")
		if faults := strings.Join(p.Faults(), "\n"); !strings.Contains(faults, c.says) {
			t.Errorf("%s: %q, want %q", c.body, faults, c.says)
		}
	}
}

// TestWithoutChromium runs the tests of this file where no browser is found.
func TestWithoutChromium(t *testing.T) {
	const child = "BROWSERTEST_CHILD"
	if os.Getenv(child) != "" {
		browsertest.Start(t)
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=TestWithoutChromium", "-test.v")
	cmd.Env = []string{child + "=1", "PATH=" + t.TempDir(), "HOME=" + t.TempDir()}
	out, err := cmd.CombinedOutput()
	if _, statErr := os.Stat("/Applications"); statErr == nil {
		return // there a browser is found without PATH
	}
	if err == nil || !strings.Contains(string(out), "apt-get install chromium") || strings.Contains(string(out), "SKIP") {
		t.Errorf("without Chromium: %v\n%s", err, out)
	}
}

// TestWaitForScripts: the words of a page are on the screen before its scripts have run.
func TestWaitForScripts(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/":
			_, _ = w.Write([]byte(`<!doctype html><title>t</title><p>first <a href=/next>next</a>`))
		case "/next":
			_, _ = w.Write([]byte(`<!doctype html><title>t</title><script src=/late.js defer></script><p>second <input id=a>`))
		case "/late.js":
			time.Sleep(300 * time.Millisecond)
			_, _ = w.Write([]byte(`a.focus()`))
		}
	}))
	t.Cleanup(server.Close)
	b := browsertest.Start(t)
	for name, wait := range map[string]func(*browsertest.Page){
		"words":      func(p *browsertest.Page) { p.Wait("second") },
		"words gone": func(p *browsertest.Page) { p.WaitGone("first") },
		"expression": func(p *browsertest.Page) { p.WaitFor(`location.pathname === "/next"`) },
	} {
		p := b.Open(t, browsertest.View{})
		p.Goto(server.URL)
		p.Click("a")
		wait(p)
		if at := browsertest.Eval[string](p, "document.activeElement.id"); at != "a" {
			t.Errorf("%s: the focus is on %q", name, at)
		}
	}
}
