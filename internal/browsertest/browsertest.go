// Package browsertest drives pages in a headless Chromium, for tests.
//
// One Chromium serves a test binary: [Main] ends it, whatever the tests came to.
// Each [Start] has a profile of its own in it, new and empty, that ends with its
// test. A machine without Chromium fails the test and is told what to
// install; nothing is skipped. A page fails its test where it asks for anything
// that is not on loopback, throws an error, or breaks its own content policy.
package browsertest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// Screenshots names the environment variable with the folder that pictures go
// to. Where it is empty, none are taken.
const Screenshots = "FLASHPAY_SCREENSHOTS"

// deadline bounds everything that one page does in a test.
const deadline = 2 * time.Minute

// errNoChromium is what a developer reads whose machine has none.
var errNoChromium = errors.New("no Chromium found: run `make deps`, or install it " +
	"(`apt-get install chromium fonts-dejavu-core`, `brew install --cask chromium`), so that chromium, chromium-browser, " +
	"google-chrome, google-chrome-stable or headless_shell is in PATH")

// errNoMain is what a developer reads whose package would leave Chromium running.
var errNoMain = errors.New("the package's TestMain does not call browsertest.Main, which ends Chromium")

// Browser is a profile in the running Chromium: nothing is shared with another one, cookies included.
type Browser struct{ ctx context.Context }

// chromium is the one process of a test binary. It is started by the first test that needs it.
var chromium struct {
	mu      sync.Mutex
	inMain  bool            // Main will end it
	ctx     context.Context // of its first tab; nil: not started
	end     func()
	profile string
}

// Main runs the tests of a binary and ends the Chromium that they shared. A package whose tests call Start has
//
//	func TestMain(m *testing.M) { os.Exit(browsertest.Main(m)) }
func Main(m *testing.M) int {
	chromium.mu.Lock()
	chromium.inMain = true
	chromium.mu.Unlock()
	defer quit()
	return m.Run()
}

// Start gives a test a new and empty profile, for its length, in the Chromium that all tests of the binary share.
func Start(t testing.TB) *Browser {
	t.Helper()
	first, err := launched()
	if err != nil {
		t.Fatalf("browsertest: %v", err)
	}
	ctx, end := chromedp.NewContext(first, chromedp.WithNewBrowserContext())
	// Not t.Context(): the profile is ended in order when the test has ended.
	t.Cleanup(end)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("browsertest: open a profile: %v", err)
	}
	return &Browser{ctx}
}

// launched starts Chromium, or returns the one that runs.
func launched() (context.Context, error) {
	chromium.mu.Lock()
	defer chromium.mu.Unlock()
	if chromium.ctx != nil {
		return chromium.ctx, nil
	}
	if !chromium.inMain {
		return nil, errNoMain
	}
	binary, err := find()
	if err != nil {
		return nil, err
	}
	profile, err := os.MkdirTemp("", "flashpay-chromium-")
	if err != nil {
		return nil, err
	}
	alloc, endAlloc := chromedp.NewExecAllocator(context.Background(), flags(binary, profile)...)
	ctx, end := chromedp.NewContext(alloc)
	endAll := func() {
		end()
		endAlloc()
	}
	if err := chromedp.Do(ctx); err != nil {
		endAll()
		return nil, errors.Join(fmt.Errorf("%s does not start: %w", binary, err), os.RemoveAll(profile))
	}
	chromium.ctx, chromium.end, chromium.profile = ctx, endAll, profile
	return ctx, nil
}

// quit ends Chromium in order and removes its profile.
func quit() {
	chromium.mu.Lock()
	defer chromium.mu.Unlock()
	if chromium.ctx == nil {
		return
	}
	if err := chromedp.Cancel(chromium.ctx); err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintf(os.Stderr, "browsertest: ending Chromium: %v\n", err)
	}
	chromium.end()
	if err := os.RemoveAll(chromium.profile); err != nil {
		fmt.Fprintf(os.Stderr, "browsertest: %v\n", err)
	}
	chromium.ctx = nil
}

// flags are of our own only: what a browser does beyond the page is switched off.
func flags(binary, profile string) []chromedp.ExecAllocatorOption {
	return []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(binary),
		chromedp.UserDataDir(profile),
		chromedp.Headless,
		chromedp.NoSandbox,
		chromedp.DisableGPU,
		chromedp.NoFirstRun,
		chromedp.NoDefaultBrowserCheck,
		chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true),
		chromedp.Flag("disable-extensions", true),
		chromedp.Flag("disable-dev-shm-usage", true),
		chromedp.Flag("hide-scrollbars", true),
		chromedp.Flag("force-color-profile", "srgb"),
		chromedp.Flag("lang", "en-US"),
		// Whatever is not loopback does not resolve.
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"),
		chromedp.WSURLReadTimeout(deadline),
	}
}

func find() (string, error) {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "headless_shell"} {
		if binary, err := exec.LookPath(name); err == nil {
			return binary, nil
		}
	}
	for _, binary := range []string{
		"/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
		"/Applications/Chromium.app/Contents/MacOS/Chromium",
	} {
		if _, err := os.Stat(binary); err == nil {
			return binary, nil
		}
	}
	return "", errNoChromium
}

// View is how a page is looked at. Zero sizes are those of a desk: 1440 by 900.
type View struct {
	Width, Height int64 // CSS pixels
	Dark          bool  // what prefers-color-scheme says
	NoScript      bool
}

// Page is an open tab. Its methods fail the test that opened it.
type Page struct {
	*tab
	t   testing.TB
	ctx context.Context // what this test does in the tab
}

// tab is a tab of the browser with what it has reported.
type tab struct {
	life   context.Context
	mu     sync.Mutex
	faults []string
}

// Open opens a new tab. It is closed at the end of the test, which fails if the
// page asked for anything off loopback or reported an error; see [Page.Faults].
func (b *Browser) Open(t testing.TB, v View) *Page {
	t.Helper()
	if v.Width == 0 {
		v.Width, v.Height = 1440, 900
	}
	life, end := chromedp.NewContext(b.ctx)
	t.Cleanup(end)
	opened := &tab{life: life}
	// The first action in a tab binds its life to the context's, so it gets the
	// one without a deadline.
	if err := chromedp.Do(life); err != nil {
		t.Fatalf("browsertest: open a tab: %v", err)
	}
	if err := chromedp.Listen(life, opened.watch); err != nil {
		t.Fatalf("browsertest: listen to a tab: %v", err)
	}
	p := opened.lend(t)
	p.Do(chromedp.EmulateViewport(v.Width, v.Height), chromedp.Func(v.emulate))
	return p
}

// For lends the tab to a part of the test that opened it, such as one row of its table: what the page does wrong
// meanwhile fails that part. Opening a tab of its own would cost as much as most of what is asked in it.
func (p *Page) For(t testing.TB) *Page {
	t.Helper()
	return p.lend(t)
}

func (o *tab) lend(t testing.TB) *Page {
	ctx, stop := context.WithTimeout(o.life, deadline)
	p := &Page{tab: o, t: t, ctx: ctx}
	t.Cleanup(func() {
		stop()
		for _, fault := range p.Faults() {
			t.Errorf("browsertest: the page: %s", fault)
		}
	})
	return p
}

// media is what a system says that prefers dark or light colours.
func media(dark bool) emulation.SetEmulatedMediaParams {
	scheme := "light"
	if dark {
		scheme = "dark"
	}
	return emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: scheme},
		{Name: "prefers-reduced-motion", Value: "reduce"},
	}}
}

// Resize gives the page that is open a window of other sizes.
func (p *Page) Resize(width, height int64) {
	p.t.Helper()
	p.Do(chromedp.EmulateViewport(width, height))
	p.WaitFor(fmt.Sprintf("innerWidth === %d", width))
}

// Scheme has the system prefer other colours, as it does at nightfall: the page stays.
func (p *Page) Scheme(dark bool) {
	p.t.Helper()
	p.Do(chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error {
		_, err := cdp.Call(ctx, tab, emulation.SetEmulatedMedia, media(dark))
		return err
	}))
	p.WaitFor(fmt.Sprintf(`matchMedia("(prefers-color-scheme: dark)").matches === %v`, dark))
}

// emulate makes a tab report what it does, and look as v says.
func (v View) emulate(ctx context.Context, tab *chromedp.Target) error {
	_, err := cdp.Call(ctx, tab, network.Enable, network.EnableParams{})
	if err == nil {
		_, err = cdp.Call(ctx, tab, log.Enable, cdp.Empty{})
	}
	if err == nil {
		_, err = cdp.Call(ctx, tab, emulation.SetEmulatedMedia, media(v.Dark))
	}
	if err == nil && v.NoScript {
		_, err = cdp.Call(ctx, tab, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	}
	return err
}

// watch notes what a page must not do. Answers of 4xx are not among it: pages
// are shown with them.
func (o *tab) watch(event any) {
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		if !onLoopback(e.Request.URL) {
			o.note("asked for " + e.Request.URL)
		}
	case *runtime.EventExceptionThrown:
		words := e.ExceptionDetails.Text
		if e.ExceptionDetails.Exception != nil {
			words += " " + e.ExceptionDetails.Exception.Description
		}
		o.note("threw: " + words)
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError && e.Entry.Source != log.EntrySourceNetwork {
			o.note(string(e.Entry.Source) + ": " + e.Entry.Text)
		}
	}
}

func (o *tab) note(fault string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.faults = append(o.faults, fault)
}

func onLoopback(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	if u.Scheme == "data" || u.Scheme == "blob" || u.Scheme == "about" {
		return true
	}
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}

// Faults returns what the page has done so far that it must not, and forgets it.
func (o *tab) Faults() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	faults := o.faults
	o.faults = nil
	return faults
}

// Do runs actions in the page, in their order.
func (p *Page) Do(actions ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	if err := chromedp.Do(p.ctx, actions...); err != nil {
		p.t.Fatalf("browsertest: %v\nthe page says:\n%s", err, p.lastWords())
	}
}

// Goto opens an address and waits until the page is loaded.
func (p *Page) Goto(address string) {
	p.t.Helper()
	p.Do(chromedp.Navigate(address))
}

// Click clicks on the first visible element that a CSS selector matches.
func (p *Page) Click(selector string) {
	p.t.Helper()
	p.Do(chromedp.Click(chromedp.CSS(selector), chromedp.NodeVisible))
}

// Type replaces what stands in a field by what is typed.
func (p *Page) Type(selector, text string) {
	p.t.Helper()
	p.Do(chromedp.Clear(chromedp.CSS(selector)), chromedp.SendKeys(chromedp.CSS(selector), text))
}

// Value returns what stands in a field.
func (p *Page) Value(selector string) string {
	p.t.Helper()
	value, err := chromedp.Run(p.ctx, chromedp.Value(chromedp.CSS(selector)))
	if err != nil {
		p.t.Fatalf("browsertest: value of %s: %v", selector, err)
	}
	return value
}

// Eval evaluates a JavaScript expression in a page.
func Eval[T any](p *Page, expression string) T {
	p.t.Helper()
	value, err := chromedp.Run(p.ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		p.t.Fatalf("browsertest: %s: %v", expression, err)
	}
	return value
}

const (
	patience = time.Minute
	interval = 50 * time.Millisecond
)

// Wait waits until the page is loaded and its text has all the words, whatever their case.
func (p *Page) Wait(words ...string) {
	p.t.Helper()
	for _, w := range words {
		if !p.becomes(w, true) {
			p.t.Fatalf("browsertest: %q does not appear; the page says:\n%s", w, p.lastWords())
		}
	}
}

// WaitGone waits until the page is loaded and its text has none of the words,
// whatever their case.
func (p *Page) WaitGone(words ...string) {
	p.t.Helper()
	for _, w := range words {
		if !p.becomes(w, false) {
			p.t.Fatalf("browsertest: %q does not go away; the page says:\n%s", w, p.lastWords())
		}
	}
}

// becomes reports whether the page comes to say a word, or to leave it out.
func (p *Page) becomes(word string, there bool) bool {
	for end := time.Now().Add(patience); ; time.Sleep(interval) {
		text, err := p.read(whole)
		if err == nil && text != nil && strings.Contains(strings.ToLower(*text), strings.ToLower(word)) == there {
			return true
		}
		if time.Now().After(end) {
			return false
		}
	}
}

// WaitFor waits until the page is loaded and a JavaScript expression is true, over a change of documents too.
func (p *Page) WaitFor(expression string) {
	p.t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(interval) {
		ctx, cancel := context.WithTimeout(p.ctx, patience)
		is, err := chromedp.Run(ctx, chromedp.Evaluate[bool](complete+" && Boolean("+expression+")"))
		cancel()
		if err == nil && is {
			return
		}
		if time.Now().After(end) {
			p.t.Fatalf("browsertest: %s does not become true (%v); the page says:\n%s", expression, err, p.lastWords())
		}
	}
}

// Text returns what the page says, as it is seen.
func (p *Page) Text() string {
	p.t.Helper()
	return Eval[string](p, text)
}

const (
	text = `document.body.innerText`
	// complete is true when a page's scripts have done what they do at its load: words are there before.
	complete = `document.readyState === "complete"`
	// whole is text, or nothing of a page that is still loading.
	whole = complete + ` ? ` + text + ` : null`
)

// lastWords is Text for a page that may be broken.
func (p *Page) lastWords() string {
	words, err := p.read(text)
	switch {
	case err != nil:
		return "(no text: " + err.Error() + ")"
	case words == nil:
		return "(no text)"
	}
	return *words
}

// read evaluates an expression that is a text or null. It fails while a page is between two documents.
func (p *Page) read(expression string) (*string, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(p.ctx), patience)
	defer cancel()
	return chromedp.Run(ctx, chromedp.Evaluate[*string](expression))
}

// Screenshot writes a picture of the page, in its whole length or of what is
// seen of it, as name.png into the folder that [Screenshots] names, if it does.
func (p *Page) Screenshot(name string, whole bool) {
	p.t.Helper()
	dir := os.Getenv(Screenshots)
	if dir == "" {
		return
	}
	action := chromedp.CaptureScreenshot()
	if whole {
		action = chromedp.FullScreenshot(100)
	}
	picture, err := chromedp.Run(p.ctx, action)
	if err != nil {
		p.t.Fatalf("browsertest: picture of the page: %v", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		p.t.Fatalf("browsertest: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), picture, 0o644); err != nil {
		p.t.Fatalf("browsertest: %v", err)
	}
}
