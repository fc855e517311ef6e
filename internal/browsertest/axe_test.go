package browsertest_test

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"flashpay/internal/browsertest"
)

// strict serves pages under the content policy of Dashboard: nothing inline runs and nothing is evaluated.
func strict(t *testing.T, pages map[string]string) string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, ok := pages[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; img-src 'self' data:; script-src 'self'")
		if strings.HasSuffix(r.URL.Path, ".css") {
			w.Header().Set("Content-Type", "text/css")
		}
		if r.URL.Path == "/faulty" {
			http.SetCookie(w, &http.Cookie{Name: "secret", Value: "seen", HttpOnly: true})
		}
		_, _ = w.Write([]byte(body))
	}))
	t.Cleanup(server.Close)
	return server.URL
}

const (
	head  = `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Payouts</title><link rel="stylesheet" href="/x.css"></head><body><main>`
	clean = head + `<h1>Payouts</h1><form><label for="q">Search</label> <input id="q"><button>Go</button></form><p class="wide">words</p></main></body></html>`
	// Each line but the first breaks one rule.
	faulty = `<!doctype html><html><head><meta charset="utf-8"><title>Payouts</title><link rel="stylesheet" href="/x.css"></head><body><main>
		<h1>Payouts</h1>
		<input id="unnamed">
		<button></button>
		<p id="faint" class="faint">hard to read</p>
		<img src="data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw==">
		<a href="/x"><span aria-hidden="true">x</span></a>
		<ul><div>no item</div></ul></main></body></html>`
	sheet = `body { color: #111; background: #fff } .faint { color: #aaa } .table { overflow-x: auto } .table div { width: 3000px }
		.broad { width: 700px } @media (prefers-color-scheme: dark) { body { background: #222; color: #444 } }`
)

func TestAxe(t *testing.T) {
	b := browsertest.Start(t)
	url := strict(t, map[string]string{"/clean": clean, "/faulty": faulty, "/x.css": sheet})
	p := b.Open(t, browsertest.View{})
	p.Goto(url + "/clean")
	for range 2 { // the second time it is there already
		if found := p.Axe(); len(found) > 0 {
			t.Errorf("found in a clean page: %v", found)
		}
	}
	p.Goto(url + "/faulty")
	rules := map[string]browsertest.Violation{}
	for _, v := range p.Axe() {
		rules[v.Rule] = v
	}
	for rule, target := range map[string]string{
		"html-has-lang": "html", "label": "#unnamed", "button-name": "button", "color-contrast": "#faint", "image-alt": "img", "link-name": "a", "list": "ul",
	} {
		v, found := rules[rule]
		if !found || !slices.Contains(v.Targets, target) || v.Impact == "" || v.Help == "" || v.Advice == "" {
			t.Errorf("%s of %s: %+v", rule, target, v)
		}
		delete(rules, rule)
	}
	if len(rules) > 0 {
		t.Errorf("found besides: %v", rules)
	}
	if got := p.Cookie("secret"); got != "seen" || p.Cookie("other") != "" {
		t.Errorf("the cookie is %q", got)
	}

	dark := b.Open(t, browsertest.View{Dark: true})
	dark.Goto(url + "/clean")
	if found := dark.Axe(); len(found) != 1 || found[0].Rule != "color-contrast" || !strings.Contains(found[0].String(), "color-contrast (serious)") {
		t.Errorf("found in a page that is hard to read in the dark: %v", found)
	}
	if faults := append(p.Faults(), dark.Faults()...); len(faults) > 0 {
		t.Errorf("axe-core makes the page break its content policy: %q", faults)
	}
}

func TestOverflows(t *testing.T) {
	b := browsertest.Start(t)
	url := strict(t, map[string]string{
		"/fits":  head + `<div class="table"><div>scrolls by itself</div></div></main></body></html>`,
		"/wide":  head + `<section id="s"><p class="broad">too broad</p></section><div class="table"><div>scrolls by itself</div></div></main></body></html>`,
		"/x.css": sheet,
	})
	p := b.Open(t, browsertest.View{Width: 390, Height: 800})
	p.Goto(url + "/fits")
	if found := p.Overflows(); len(found) > 0 {
		t.Errorf("found in a page that fits: %q", found)
	}
	p.Goto(url + "/wide")
	if found := p.Overflows(); len(found) != 1 || !strings.HasPrefix(found[0], "p.broad ends at 70") {
		t.Errorf("found in a page that is too wide: %q", found)
	}
}

func TestSetCookie(t *testing.T) {
	got := make(chan string, 8)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, err := r.Cookie("session"); err == nil && r.URL.Path == "/" {
			got <- c.Value
		}
		_, _ = w.Write([]byte("<!doctype html><title>t</title><p>here"))
	}))
	t.Cleanup(server.Close)
	p := browsertest.Start(t).Open(t, browsertest.View{})
	p.SetCookie(server.URL, "session", "token-1")
	p.Goto(server.URL)
	p.Wait("here")
	if value := <-got; value != "token-1" || p.Cookie("session") != value {
		t.Errorf("the server is sent %q", value)
	}
	if browsertest.Eval[string](p, "document.cookie") != "" {
		t.Error("scripts can read it")
	}
}

func TestVendoredSum(t *testing.T) {
	page, err := os.ReadFile("axe/README.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := regexp.MustCompile(`(?m)^\| \[([^\]]+)\].*\| ([0-9a-f]{64}) \|$`).FindAllStringSubmatch(string(page), -1)
	if len(rows) != 1 {
		t.Fatalf("the table has %d rows", len(rows))
	}
	text, err := os.ReadFile("axe/" + rows[0][1])
	if err != nil {
		t.Fatal(err)
	}
	if sum := sha256.Sum256(text); hex.EncodeToString(sum[:]) != rows[0][2] {
		t.Errorf("%s is not what the table says: %x", rows[0][1], sum)
	}
}
