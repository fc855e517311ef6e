package demo_test

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"flashpay/internal/demo"
)

func quiet(testing.TB) *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

// form is a filled-in form.
func form(id string) url.Values {
	return url.Values{"amount": {"1,000.00"}, "account": {"00004598"}, "payment_id": {id}, "do": {"send"}}
}

// send posts the form and returns the answer.
func send(t testing.TB, s *demo.Shop, v url.Values) *httptest.ResponseRecorder {
	t.Helper()
	return do(s, http.MethodPost, "/payouts", v.Encode())
}

func do(s *demo.Shop, method, path, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	return w
}

func get(s *demo.Shop, path string) string { return do(s, http.MethodGet, path, "").Body.String() }

// press presses a button of a payout.
func press(t testing.TB, s *demo.Shop, number, act string) *httptest.ResponseRecorder {
	t.Helper()
	return do(s, http.MethodPost, "/payouts/"+number+"/"+act, "")
}

// says waits until a page has all the words.
func says(t testing.TB, s *demo.Shop, path string, words ...string) string {
	t.Helper()
	var page, missing string
	for range 6000 {
		page, missing = plainWords(get(s, path)), ""
		for _, w := range words {
			if !strings.Contains(page, w) {
				missing = w
			}
		}
		if missing == "" {
			return page
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("%s does not say %q:\n%s", path, missing, page)
	return ""
}

var tags = regexp.MustCompile(`(?s)<svg.*?</svg>|<[^>]*>`)

// plainWords is a page's text, with single spaces.
func plainWords(html string) string {
	text := tags.ReplaceAllString(html, "")
	for _, pair := range [][2]string{{"&#34;", `"`}, {"&#39;", "'"}, {"&amp;", "&"}, {"&#43;", "+"}, {"&lt;", "<"}} {
		text = strings.ReplaceAll(text, pair[0], pair[1])
	}
	return strings.Join(strings.Fields(text), " ")
}

// fill gives a shop payouts of all kinds.
func fill(t testing.TB, gate *fakeGate, s *demo.Shop) {
	t.Helper()
	v := form("salary-2025-02-0042")
	v.Set("name", "Aibek Asanov")
	v.Set("description", "Salary, February")
	send(t, s, v)
	says(t, s, "/payouts/1", "Signature verified")
	press(t, s, "1", "repeat")
	says(t, s, "/payouts/1", "The same request_id as before")
	press(t, s, "1", "change")
	says(t, s, "/payouts/1", "Refused, as it should be")
	press(t, s, "1", "forge")
	press(t, s, "1", "status")

	gate.set(func(g *fakeGate) { g.status, g.code = "decline", "20102" })
	v = form("payout-2")
	v.Set("ending", "0002")
	send(t, s, v)
	says(t, s, "/payouts/2", "Signature verified")

	gate.set(func(g *fakeGate) { g.status, g.code = "success", "0" })
	send(t, s, form("payout-3"))
	says(t, s, "/payouts/3", "Signature verified")
	gate.set(func(g *fakeGate) { g.status = "reversed" })
	gate.tell("payout-3")

	gate.set(func(g *fakeGate) { g.callback = nil })
	v = form("payout-4")
	v.Set("ending", "0009")
	send(t, s, v)
	v = form("payout-5")
	v.Set("account", "bad!")
	send(t, s, v)
	gate.set(func(g *fakeGate) { g.down = true })
	send(t, s, form("payout-6"))
	says(t, s, "/payouts/6", "No answer says")
	gate.set(func(g *fakeGate) { g.down, g.callback, g.status = false, s.Handler(), "success" })
	v = form("burst")
	v.Set("do", "burst")
	send(t, s, v)
	says(t, s, "/", "all answered", "20 of them heard of by callback")
}

// state returns a shop's lines on disk.
func state(t testing.TB, folder string) string {
	t.Helper()
	lines, err := os.ReadFile(filepath.Join(folder, demo.StateFile))
	if err != nil {
		t.Fatal(err)
	}
	return string(lines)
}

func TestOneWay(t *testing.T) {
	gate := newGate(t)
	s := open(t, gate.URL, t.TempDir())
	gate.set(func(g *fakeGate) { g.callback = s.Handler() })
	if page := plainWords(get(s, "/")); !strings.Contains(page, "Nothing has been paid yet") || strings.Contains(page, "did not answer") {
		t.Errorf("the empty page says: %s", page)
	}
	w := send(t, s, form("salary-1"))
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/payouts/1" {
		t.Fatalf("the form was answered %d to %q: %s", w.Code, w.Header().Get("Location"), plainWords(w.Body.String()))
	}
	says(t, s, "/payouts/1",
		"1,000.00 KGS to 00004598", "salary-1",
		`"amount": 100000`, "account:number:00004598;", "general:payment_id:salary-1;",
		"HTTP 200 OK", `"request_id":`, "Accepted: the platform has stored the payout",
		"Signature verified", "payment:status:success;", "0 Success. Its signature fits in natural order. Stored, then answered 200.")
	says(t, s, "/", "1 succeeded", "1 callback verified", "Success")
	if w := press(t, s, "1", "status"); w.Code != http.StatusSeeOther {
		t.Errorf("status: %d", w.Code)
	}
	says(t, s, "/payouts/1", "The answer's signature is verified.")
	if strings.Contains(get(s, "/payouts/1"), key) {
		t.Error("the page shows the key")
	}
}

func TestFormFaults(t *testing.T) {
	gate := newGate(t)
	s := open(t, gate.URL, t.TempDir())
	for _, c := range []struct{ field, value, says string }{
		{"amount", "", "Enter an amount, such as 1,000.00."},
		{"amount", "12,34,56", "This is not an amount"},
		{"amount", "14.99", "Enter an amount from 15.00 to 15,000.00."},
		{"amount", "15000.01", "Enter an amount from 15.00 to 15,000.00."},
		{"account", " ", "Enter the account number to pay to."},
		{"payment_id", "", "Enter an id for this payout."},
		{"payment_id", strings.Repeat("x", 256), "This has 256 characters; at most 255 fit."},
	} {
		v := form("p")
		v.Set(c.field, c.value)
		w := send(t, s, v)
		page := w.Body.String()
		if w.Code != http.StatusUnprocessableEntity || !errorAt(page, c.field, c.says) {
			t.Errorf("%s %q: answered %d, error at the field: %v", c.field, c.value, w.Code, errorAt(page, c.field, c.says))
		}
	}
	if n := gate.count(); n != 0 {
		t.Errorf("%d requests were sent", n)
	}
	v := form("p")
	v.Set("amount", "1")
	v.Set("unchecked", "yes")
	if w := send(t, s, v); w.Code != http.StatusSeeOther || gate.count() != 1 {
		t.Errorf("unchecked: answered %d, %d requests sent", w.Code, gate.count())
	}
}

// errorAt reports whether a page marks a field as wrong and says so beside it.
func errorAt(page, field, words string) bool {
	input := regexp.MustCompile(`<input id="` + field + `"[^>]* aria-invalid="true"`)
	_, rest, _ := strings.Cut(page, `<div id="`+field+`-error">`)
	beside, _, _ := strings.Cut(rest, "</div>")
	return input.MatchString(page) && strings.Contains(plainWords(beside), words)
}

func TestFaultsThatGateFinds(t *testing.T) {
	gate := newGate(t)
	s := open(t, gate.URL, t.TempDir())
	v := form("p-1")
	v.Set("account", "bad!")
	w := send(t, s, v)
	page := w.Body.String()
	const fault = "Validation error: only letters and digits, at most 34 of them (code 702)"
	if w.Code != http.StatusUnprocessableEntity || !errorAt(page, "account", fault) {
		t.Fatalf("answered %d: %s", w.Code, plainWords(page))
	}
	if !strings.Contains(page, `value="p-1"`) || !strings.Contains(page, `value="bad!"`) || !strings.Contains(page, `href="/payouts/1"`) {
		t.Error("the form has lost what was typed, or does not lead to the refused payout")
	}
	says(t, s, "/payouts/1", "HTTP 400 Bad Request", "Refused: nothing was created", "account.number · 702")

	// The id is free: the corrected request goes out under it.
	if w := send(t, s, form("p-1")); w.Code != http.StatusSeeOther {
		t.Errorf("corrected: %d", w.Code)
	}
	says(t, s, "/payouts/1", "The request, corrected", "Accepted: the platform has stored the payout")
}

func TestSubmitTwice(t *testing.T) {
	gate := newGate(t)
	s := open(t, gate.URL, t.TempDir())
	gate.set(func(g *fakeGate) { g.hold = make(chan struct{}) })
	answers := make(chan *httptest.ResponseRecorder)
	for range 8 {
		go func() { answers <- send(t, s, form("once")) }()
	}
	time.Sleep(20 * time.Millisecond)
	gate.set(func(g *fakeGate) { close(g.hold) })
	for range 8 {
		if w := <-answers; w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/payouts/1" {
			t.Errorf("answered %d to %q", w.Code, w.Header().Get("Location"))
		}
	}
	send(t, s, form("once"))
	send(t, s, form("ONCE")) // ids are compared without regard to case
	if n := gate.count(); n != 1 {
		t.Errorf("%d requests were sent, want 1", n)
	}
	v := form("once")
	v.Set("amount", "2000")
	w := send(t, s, v)
	if w.Code != http.StatusUnprocessableEntity || !errorAt(w.Body.String(), "payment_id", "“once” was used for another payout") {
		t.Errorf("other content: %d %s", w.Code, plainWords(w.Body.String()))
	}
	if strings.Contains(w.Body.String(), `value="once"`) || gate.count() != 1 {
		t.Error("the form kept the used id, or the request was sent")
	}
}

func TestRepeatAndChange(t *testing.T) {
	gate := newGate(t)
	s := open(t, gate.URL, t.TempDir())
	send(t, s, form("p-1"))
	press(t, s, "1", "repeat")
	says(t, s, "/payouts/1", "The same request again", "The same request_id as before")
	if gate.requests[0] != gate.requests[1] {
		t.Error("the repeat has other bytes")
	}
	press(t, s, "1", "change")
	says(t, s, "/payouts/1", "3041", "Refused, as it should be", `"amount": 100100`)
	if page := plainWords(get(s, "/")); !strings.Contains(page, "1 under way") || strings.Contains(page, "not accepted") {
		t.Errorf("the refused change has become the payout's state: %s", page)
	}
}

func TestGateDown(t *testing.T) {
	gate := newGate(t)
	gate.set(func(g *fakeGate) { g.down = true })
	s := open(t, gate.URL, t.TempDir())
	send(t, s, form("p-1"))
	says(t, s, "/payouts/1", "Outcome unknown", "the connection broke before an answer came", "never under another id", "Send the same request again")
	says(t, s, "/", "Gate did not answer.", "One payout has no usable answer", "1 not accepted")
	press(t, s, "1", "status")
	says(t, s, "/payouts/1", "No usable answer:")

	gate.set(func(g *fakeGate) { g.down = false })
	if w := do(s, http.MethodPost, "/again", ""); w.Code != http.StatusSeeOther {
		t.Errorf("again: %d", w.Code)
	}
	page := says(t, s, "/payouts/1", "Accepted: the platform has stored the payout")
	if strings.Contains(page, "did not answer") || strings.Contains(page, "Outcome unknown") && strings.Contains(page, "no usable answer.") {
		t.Errorf("the trouble is over and still told: %s", page)
	}
	gate.Close()
	s = open(t, gate.URL, t.TempDir()) // it has no connection to Gate that might have taken the request along
	send(t, s, form("p-2"))
	says(t, s, "/payouts/1", "Not sent", "connection refused", "so nothing was created")
}

func TestManyAtOnce(t *testing.T) {
	gate := newGate(t)
	s := open(t, gate.URL, t.TempDir())
	gate.set(func(g *fakeGate) { g.callback = s.Handler() })
	v := form("b")
	v.Set("do", "burst")
	send(t, s, v)
	says(t, s, "/", "20 at once: all answered in", "20 of them heard of by callback", "20 succeeded")
	send(t, s, v)
	if n := gate.count(); n != 20 {
		t.Errorf("%d requests were sent, want 20", n)
	}
	v = form("each")
	v.Set("do", "each")
	send(t, s, v)
	page := says(t, s, "/", "20 at once: all answered", "40 succeeded")
	for _, ending := range []string{"00000001", "00000008", "00000015", "00004598"} {
		if !strings.Contains(page, ending) {
			t.Errorf("no payout to %s", ending)
		}
	}
	for i := range 20 {
		send(t, s, form(fmt.Sprintf("more-%d", i)))
	}
	older := regexp.MustCompile(`/\?before=(\d+)`).FindStringSubmatch(get(s, "/"))
	if older == nil || !strings.Contains(get(s, older[0]), `id="row-1"`) || strings.Contains(get(s, "/"), `id="row-1"`) {
		t.Errorf("the older payouts are not behind the link %v", older)
	}
}

func TestCallbacks(t *testing.T) {
	gate := newGate(t)
	folder := t.TempDir()
	s := open(t, gate.URL, folder)
	send(t, s, form("p-1"))
	body := gate.signed("p-1", "operation")
	for range 3 {
		if code := post(s.Handler(), body); code != http.StatusOK {
			t.Errorf("answered %d, want 200", code)
		}
	}
	page := says(t, s, "/payouts/1", "Received 3 times; each time answered 200.")
	if strings.Count(page, "Signature verified") != 1 {
		t.Error("a repeat is shown as another callback")
	}
	if !strings.Contains(state(t, folder), `"kind":"callback"`) {
		t.Error("the callback is not on disk")
	}
	gate.set(func(g *fakeGate) { g.callback = s.Handler() })
	// What is late does not undo what is final.
	gate.set(func(g *fakeGate) { g.status, g.code = "awaiting retry", "29999" })
	gate.tell("p-1")
	says(t, s, "/payouts/1", "Awaiting retry")
	says(t, s, "/", "1 succeeded")
	gate.set(func(g *fakeGate) { g.status = "reversed" })
	gate.tell("p-1")
	says(t, s, "/", "1 reversed", "3 callbacks verified")

	// A payout that somebody else requested under the same project.
	gate.tell("curl-1")
	says(t, s, "/payouts/2", "requested elsewhere", "Signature verified", "1,000.00 KGS to 00******98")
	if w := press(t, s, "2", "repeat"); w.Code != http.StatusConflict {
		t.Errorf("repeat of a request that was never seen: %d", w.Code)
	}
	if w := do(s, http.MethodGet, "/callback", ""); w.Code != http.StatusMethodNotAllowed {
		t.Errorf("GET: %d", w.Code)
	}
	s.Close()
	if code := post(s.Handler(), gate.signed("p-9", "operation")); code != http.StatusInternalServerError {
		t.Errorf("a callback that cannot be stored is answered %d, want 500", code)
	}
}

func TestRefusedCallbacks(t *testing.T) {
	gate := newGate(t)
	s := open(t, gate.URL, t.TempDir())
	send(t, s, form("p-1"))
	good := string(gate.signed("p-1", "operation"))
	for _, c := range []struct{ name, body, says string }{
		{"changed", strings.Replace(good, `"amount":100000`, `"amount":900000`, 1), "does not fit its body"},
		{"no signature", strings.Replace(good, `"signature"`, `"sig"`, 1), "It has no signature."},
		{"other key", string(sign(`{"payment":{"id":"p-1","status":"success"}}`, "another key")), "does not fit its body"},
		{"malformed", `{"payment":{"id":"p-1"},"signature":"x"}`, "cannot be one under any key"},
	} {
		if code := post(s.Handler(), []byte(c.body)); code != http.StatusBadRequest {
			t.Errorf("%s: answered %d, want 400", c.name, code)
		}
		says(t, s, "/payouts/1", "Not verified", c.says)
	}
	page := says(t, s, "/payouts/1", "It claims: success, 9,000.00 KGS.")
	if strings.Contains(page, "Signature verified") {
		t.Error("one of them counts as verified")
	}
	says(t, s, "/", "1 under way", "4 callbacks refused")
	for _, body := range []string{"{", "\xff\xfe", strings.Replace(good, "p-1", "nobody's", 2)} {
		if code := post(s.Handler(), []byte(body)); code != http.StatusBadRequest {
			t.Errorf("%q: answered %d, want 400", body, code)
		}
	}
	says(t, s, "/", "Refused callbacks that name no payout", "It cannot be read")

	gate.set(func(g *fakeGate) { g.callback = s.Handler() })
	if w := press(t, s, "1", "forge"); w.Code != http.StatusConflict {
		t.Errorf("forged without a callback: %d", w.Code)
	}
	gate.tell("p-1")
	press(t, s, "1", "forge")
	says(t, s, "/payouts/1", "Signature verified", "It claims: success, 10,000.00 KGS.")
}

func TestStartedAgain(t *testing.T) {
	gate := newGate(t)
	folder := t.TempDir()
	s := open(t, gate.URL, folder)
	gate.set(func(g *fakeGate) { g.callback = s.Handler() })
	fill(t, gate, s)
	var before []string
	paths := []string{"/", "/payouts/1", "/payouts/3", "/payouts/6"}
	for _, path := range paths {
		before = append(before, main(get(s, path)))
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, gate.URL, folder)
	for i, path := range paths {
		if now := main(get(s, path)); now != before[i] {
			t.Errorf("%s says other things after a restart:\n%s\nbefore:\n%s", path, now, before[i])
		}
	}
}

// main is what a page says of payouts.
func main(page string) string {
	_, page, _ = strings.Cut(page, "<main")
	return plainWords(page)
}

func TestGoesOnWithWhatWasUnderWay(t *testing.T) {
	gate := newGate(t)
	folder := t.TempDir()
	s := open(t, gate.URL, folder)
	gate.set(func(g *fakeGate) { g.hold = make(chan struct{}) })
	v := form("b")
	v.Set("do", "burst")
	send(t, s, v)
	says(t, s, "/payouts/1", "Waiting for Gate's answer.")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	gate.set(func(g *fakeGate) { g.hold = nil })
	s = open(t, gate.URL, folder)
	says(t, s, "/", "20 at once: all answered", "20 accepted")
	if n := len(gate.accepted); n != 20 {
		t.Errorf("%d payouts were accepted, want 20", n)
	}
}

func TestBrokenState(t *testing.T) {
	gate := newGate(t)
	folder := t.TempDir()
	s := open(t, gate.URL, folder)
	send(t, s, form("p-1"))
	s.Close()
	whole := state(t, folder)
	name := filepath.Join(folder, demo.StateFile)
	for _, tail := range []string{`{"kind":"req`, "{\n", "\x00\x00\x00", "null and void\n"} {
		if err := os.WriteFile(name, []byte(whole+tail), 0o600); err != nil {
			t.Fatal(err)
		}
		s := open(t, gate.URL, folder)
		says(t, s, "/payouts/1", "Accepted: the platform has stored the payout")
		if got := state(t, folder); got != whole {
			t.Errorf("tail %q: %q is left", tail, strings.TrimPrefix(got, whole))
		}
		send(t, s, form("after"+strconv.Itoa(len(tail))))
		s.Close()
		s = open(t, gate.URL, folder)
		says(t, s, "/payouts/2", "after")
		s.Close()
	}
	if err := os.WriteFile(name, []byte("{\n"+whole), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := demo.New(demo.Config{GateURL: gate.URL, ProjectID: project, Key: key, State: folder, Logger: quiet(t)})
	if err == nil || !strings.Contains(err.Error(), "line 1 of") || !strings.Contains(err.Error(), "mend or remove") {
		t.Errorf("a broken line in the middle: %v", err)
	}
}

func TestNewRefuses(t *testing.T) {
	for _, c := range []struct {
		cfg  demo.Config
		says string
	}{
		{demo.Config{GateURL: "http://127.0.0.1:1", ProjectID: 1, Key: "k"}, "Config.State is empty"},
		{demo.Config{GateURL: "gate", ProjectID: 1, Key: "k", State: t.TempDir()}, "GateURL"},
		{demo.Config{GateURL: "http://127.0.0.1:1", Key: "k", State: t.TempDir()}, "ProjectID"},
		{demo.Config{GateURL: "http://127.0.0.1:1", ProjectID: 1, State: t.TempDir()}, "Key"},
	} {
		if _, err := demo.New(c.cfg); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%+v: %v, want %q", c.cfg, err, c.says)
		}
	}
}

func TestAnswersKeepToThemselves(t *testing.T) {
	s := open(t, newGate(t).URL, t.TempDir())
	h := do(s, http.MethodGet, "/", "").Header()
	if csp := h.Get("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") {
		t.Errorf("policy %q", csp)
	}
	r := httptest.NewRequest(http.MethodPost, "/payouts", strings.NewReader(form("x").Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	if w.Code != http.StatusForbidden {
		t.Errorf("a form of another site is answered %d", w.Code)
	}
	for path, status := range map[string]int{"/payouts/1": 404, "/payouts/x": 404, "/nothing": 404, "/payouts": 303, "/static/shop.css": 200} {
		if w := do(s, http.MethodGet, path, ""); w.Code != status {
			t.Errorf("%s: %d, want %d", path, w.Code, status)
		}
	}
	if w := press(t, s, "7", "repeat"); w.Code != http.StatusNotFound {
		t.Errorf("repeat of nothing: %d", w.Code)
	}
	// What others wrote is text, never markup.
	v := form("<img src=x>")
	v.Set("description", "</code><script>alert(1)</script>")
	send(t, s, v)
	for _, path := range []string{"/", "/payouts/1"} {
		if page := get(s, path); strings.Contains(page, "<img") || strings.Contains(page, "<script>") {
			t.Errorf("%s has markup in it that others wrote", path)
		}
	}
}
