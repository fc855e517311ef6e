package gate

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"flashpay/internal/accept"
	"flashpay/internal/massbatch"
	"flashpay/internal/masspayout"
	"flashpay/internal/merchant"
	"flashpay/internal/method"
	"flashpay/internal/store"
	"flashpay/internal/store/batches"
	"flashpay/internal/storetest"
	"flashpay/internal/work"
)

const massHead = "operation_type;general.project_id;method;general.payment_id;payment.amount;payment.currency;account.number;customer.id;customer.ip_address;note\n"

func massRow(id string, amount int) string {
	return fmt.Sprintf("payout;210;bank-transfer/kyrgyzstan;%s;%d;KGS;10900000%08d;c-1;192.0.2.1;n\n", id, amount, len(id))
}

func massFile(rows ...string) string { return massHead + strings.Join(rows, "") }

// parameters are those of a request about a file, or a batch, unsigned.
func parameters(action, more string) string {
	return fmt.Sprintf(`{"project_id":210,"action":%q,"timestamp":%q%s}`, action, stamp(0), more)
}

func stamp(ago time.Duration) string {
	return time.Now().Add(-ago).UTC().Format("2006-01-02T15:04:05-0700")
}

func about(file string) string {
	sum := sha256.Sum256([]byte(file))
	return `,"body_sha256":"` + hex.EncodeToString(sum[:]) + `","name":"wages.csv"`
}

func setHeader(name, value string) option {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

// upload sends a file with parameters that are signed already.
func upload(t testing.TB, g *Gate, path, parameters, file string, options ...option) *answer {
	t.Helper()
	all := append([]option{setHeader("Content-Type", "text/csv"), setHeader(parametersHeader, parameters)}, options...)
	return post(t, g, path, file, all...)
}

// check and sendFile do so as a merchant's program does.
func check(t testing.TB, g *Gate, file string, options ...option) *answer {
	t.Helper()
	return upload(t, g, massCheckPath, signed(t, parameters("check", about(file)), key), file, options...)
}

func sendFile(t testing.TB, g *Gate, file, more string) *answer {
	t.Helper()
	return upload(t, g, massSendPath, signed(t, parameters("send", about(file)+more), key), file)
}

func statusOf(t testing.TB, g *Gate, batch int64) *answer {
	t.Helper()
	return post(t, g, massStatusPath, signed(t, parameters("status", fmt.Sprintf(`,"batch":%d`, batch)), key))
}

func resultOf(t testing.TB, g *Gate, batch int64) *answer {
	t.Helper()
	return post(t, g, massResultPath, signed(t, parameters("result", fmt.Sprintf(`,"batch":%d`, batch)), key))
}

// node is a Gate with all of the store behind it.
func node(t *testing.T, url string, change ...func(*Config)) (*Gate, *massbatch.Service) {
	t.Helper()
	s := storetest.Open(t, url)
	if _, ok := s.Project(210); !ok {
		for _, p := range []*merchant.Project{{ID: 210, MerchantID: 7, Name: "shop", Mode: merchant.Test}, {ID: 211, MerchantID: 7, Name: "other", Mode: merchant.Test}} {
			if err := s.CreateProject(t.Context(), p, key, map[string]int64{"KGS": 1_000_000_000}, "test"); err != nil {
				t.Fatal(err)
			}
		}
	}
	methods, err := method.Load(accept.Payout.Known)
	if err != nil {
		t.Fatal(err)
	}
	route := func(*merchant.Project, *method.Method) (string, int64, bool) { return "sandbox", 6, true }
	mass := &massbatch.Service{Store: s, Payouts: &accept.Service{Acceptor: s, Route: route}, Methods: methods}
	c := Config{Projects: s, Acceptor: s, Payments: s, Rejections: s, Notifications: s, Events: s, Mass: mass, Methods: methods, Route: route, RefreshEvery: time.Millisecond}
	for _, f := range change {
		f(&c)
	}
	return New(c), mass
}

// pay has batches sent until the test ends.
func pay(t *testing.T, mass *massbatch.Service) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = work.NewRunner(work.RunnerConfig{Store: mass.Store, Kinds: []work.JobKind{mass.Job()}, Poll: 20 * time.Millisecond}).Run(ctx)
	}()
	t.Cleanup(func() { cancel(); <-done })
}

func integer(t testing.TB, a *answer, name string) int64 {
	t.Helper()
	n, ok := a.json[name].(float64)
	if !ok {
		t.Fatalf("the answer has no number %s: %d %s", name, a.status, a.raw)
	}
	return int64(n)
}

// TestAFileIsCheckedSentAndTold is a merchant's program's whole way.
func TestAFileIsCheckedSentAndTold(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		g, mass := node(t, url)
		file := massFile(massRow("a", 150_000), massRow("b", 1), massRow("c;x:1", 200_000), massRow("d", 0))
		a := check(t, g, file)
		wantSigned(t, a, key)
		if a.status != 200 || integer(t, a, "rows") != 4 || integer(t, a, "bad") < 2 || integer(t, a, "all_warnings") != 1 || a.json["seen_before"] != nil {
			t.Fatalf("check: %d %s", a.status, a.raw)
		}
		if list, err := batches.List(t.Context(), mass.Store, batches.Filter{Limit: 10}); err != nil || len(list) != 0 {
			t.Errorf("a check made %d batches, %v", len(list), err)
		}
		a = sendFile(t, g, file, "")
		wantRefused(t, a, 400, "702")
		if !strings.Contains(string(a.raw), "line 3: payment.amount") {
			t.Errorf("the faults are not told: %s", a.raw)
		}
		sent := sendFile(t, g, file, `,"good_only":true`)
		wantSigned(t, sent, key)
		id := integer(t, sent, "batch")
		if sent.status != 200 || sent.json["state"] != "sending" || sent.json["repeat"] != false {
			t.Fatalf("send: %d %s", sent.status, sent.raw)
		}
		if again := sendFile(t, g, file, ""); again.status != 200 || integer(t, again, "batch") != id || again.json["repeat"] != true {
			t.Errorf("sent again: %d %s", again.status, again.raw)
		}
		pay(t, mass)
		status := statusOf(t, g, id)
		for deadline := time.Now().Add(time.Minute); status.json["state"] != "done" && time.Now().Before(deadline); status = statusOf(t, g, id) {
			time.Sleep(20 * time.Millisecond)
		}
		wantSigned(t, status, key)
		if status.json["state"] != "done" || integer(t, status, "rows") != 4 {
			t.Errorf("status: %s", status.raw)
		}
		result := resultOf(t, g, id)
		lines := strings.Split(strings.ReplaceAll(string(result.raw), "\r\n", "\n"), "\n")
		if result.status != 200 || len(lines) < 5 || !strings.HasSuffix(lines[0], `"note";"result.status";"result.code";"result.message";"result.payment_id";"result.operation_id";"result.date"`) ||
			!strings.Contains(lines[1], `"n";"processing";"29999";`) || !strings.Contains(lines[2], `"n";"with faults"`) {
			t.Errorf("result: %d %s", result.status, result.raw)
		}
		if again := sendFile(t, g, file, `,"good_only":true`); integer(t, again, "batch") != id || again.json["state"] != "done" {
			t.Errorf("sent when it is done: %s", again.raw)
		}
		if seen := check(t, g, file); seen.json["seen_before"] == nil {
			t.Errorf("the check does not know the file: %s", seen.raw)
		}
		// Another project's key is told nothing of it.
		other := signed(t, strings.Replace(parameters("status", fmt.Sprintf(`,"batch":%d`, id)), "210", "211", 1), key)
		wantRefused(t, post(t, g, massStatusPath, other), 404, "3061", "3061 batch")
	})
}

// TestCopiesOfAFileAreOneBatch sends one file by several requests at once, over two nodes.
func TestCopiesOfAFileAreOneBatch(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		first, mass := node(t, url)
		gates := []*Gate{first, first}
		if strings.HasPrefix(url, "postgres") {
			second, _ := node(t, url)
			gates = append(gates, second)
		}
		file := massFile(massRow("a", 150_000), massRow("b", 150_000))
		ids := make([]int64, len(gates))
		var running sync.WaitGroup
		for i, g := range gates {
			running.Go(func() {
				for range 100 { // a copy that met another one is told to come again
					if a := sendFile(t, g, file, ""); a.status == 200 {
						ids[i] = integer(t, a, "batch")
						return
					} else if a.status != 503 && a.status != 429 {
						t.Errorf("%d %s", a.status, a.raw)
						return
					}
					time.Sleep(10 * time.Millisecond)
				}
			})
		}
		running.Wait()
		list, err := batches.List(t.Context(), mass.Store, batches.Filter{Limit: 10})
		if err != nil || len(list) != 1 || slices.ContainsFunc(ids, func(id int64) bool { return id != list[0].ID }) {
			t.Errorf("%d batches, answers %v, %v", len(list), ids, err)
		}
	})
}

func TestAFileIsPackedOrNot(t *testing.T) {
	t.Parallel()
	g, _ := node(t, storetest.URL(t, storetest.SQLite))
	file := massFile(massRow("a", 150_000))
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, _ = io.WriteString(w, file)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	signedParameters := signed(t, parameters("check", about(file)), key)
	encoded := setHeader("Content-Encoding", "gzip")
	if a := upload(t, g, massCheckPath, signedParameters, packed.String(), encoded); a.status != 200 || integer(t, a, "good") != 1 {
		t.Errorf("packed: %d %s", a.status, a.raw)
	}
	for name, body := range map[string]string{"not gzip": file, "cut off": packed.String()[:packed.Len()-9], "empty": "", "with more behind it": packed.String() + "x"} {
		if a := upload(t, g, massCheckPath, signedParameters, body, encoded); a.status != 400 || a.code() != "702" || !strings.Contains(a.descriptions(), "gzip") {
			t.Errorf("%s: %d %s", name, a.status, a.raw)
		}
	}
	wantRefused(t, upload(t, g, massCheckPath, signedParameters, file, setHeader("Content-Encoding", "br")), 415, "702")
	wantRefused(t, upload(t, g, massCheckPath, signedParameters, file, setHeader("Content-Encoding", "gzip, gzip")), 415, "702")
}

// TestABombIsNotUnpacked packs more than a file may have into a hundred kilobytes: it is unpacked as far as the bound.
func TestABombIsNotUnpacked(t *testing.T) {
	t.Parallel()
	var bomb bytes.Buffer
	w := gzip.NewWriter(&bomb)
	if _, err := io.Copy(w, io.LimitReader(zeros{}, masspayout.MaxBytes+1)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodPost, "http://gate"+massCheckPath, &bomb)
	r.Header.Set("Content-Encoding", "gzip")
	x := &exchange{r: r, w: httptest.NewRecorder(), tree: parsed(t, `{"body_sha256":""}`)}
	n, err := io.Copy(io.Discard, x.fileOf())
	var refused *bodyError
	if !errors.As(err, &refused) || refused.f.status != 413 || n > masspayout.MaxBytes {
		t.Errorf("%d bytes, %v", n, err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

func TestWhatIsSignedIsWhatIsRead(t *testing.T) {
	t.Parallel()
	g, mass := node(t, storetest.URL(t, storetest.SQLite))
	file := massFile(massRow("a", 150_000))
	other := massFile(massRow("a", 950_000))
	sending := signed(t, parameters("send", about(file)), key)
	wantRefused(t, upload(t, g, massSendPath, sending, other), 400, "3261", "3261 body_sha256")
	wantRefused(t, upload(t, g, massSendPath, sending, file[:len(file)-1]), 400, "3261", "3261 body_sha256")
	wantRefused(t, upload(t, g, massCheckPath, signed(t, parameters("check", about(file)), key), other), 400, "3261", "3261 body_sha256")
	// A signature serves one endpoint.
	wantRefused(t, upload(t, g, massSendPath, signed(t, parameters("check", about(file)), key), file), 400, "702", "702 action")
	wantRefused(t, post(t, g, massResultPath, signed(t, parameters("status", `,"batch":1`), key)), 400, "702", "702 action")
	// And for five minutes.
	for ago, want := range map[time.Duration]int{4 * time.Minute: 200, -4 * time.Minute: 200, 6 * time.Minute: 400, -6 * time.Minute: 400} {
		late := signed(t, fmt.Sprintf(`{"project_id":210,"action":"check","timestamp":%q%s}`, stamp(ago), about(file)), key)
		if a := upload(t, g, massCheckPath, late, file); a.status != want || want == 400 && (a.code() != "3261" || a.items()[0] != "3261 timestamp") {
			t.Errorf("signed %s ago: %d %s", ago, a.status, a.raw)
		}
	}
	strange := strings.Replace(parameters("check", about(file)), stamp(0)[:10], "2026-13-41", 1)
	wantRefused(t, upload(t, g, massCheckPath, signed(t, strange, key), file), 400, "702", "702 timestamp")
	// What the endpoint does not know is refused, and what could be cut elsewhere.
	for more, item := range map[string]string{
		`,"good_olny":true`: "702 good_olny", `,"batch":1`: "702 batch", `,"good_only":"1"`: "702 good_only", `,"good_only":1`: "702 good_only",
		`,"note":"x;good_only:1"`: "702 note", `,"frame_mode":1`: "702 frame_mode",
	} {
		a := upload(t, g, massSendPath, signed(t, parameters("send", about(file)+more), key), file)
		if a.status != 400 && a.status != 422 || !slices.Contains(a.items(), item) && !strings.HasSuffix(fmt.Sprint(a.items()), item[4:]+"]") {
			t.Errorf("%s: %d %s", more, a.status, a.raw)
		}
	}
	cut := strings.Replace(parameters("send", about(file)), "wages.csv", "x;good_only:1", 1)
	wantRefused(t, upload(t, g, massSendPath, signed(t, cut, key), file), 400, "702", "702 name")
	if list, err := batches.List(t.Context(), mass.Store, batches.Filter{Limit: 10}); err != nil || len(list) != 0 {
		t.Errorf("%d batches came of what was refused, %v", len(list), err)
	}
	// A key that is revoked while the file comes in sends nothing.
	revoked := &revoking{Reader: strings.NewReader(file), t: t, store: mass.Store}
	r := httptest.NewRequest(http.MethodPost, "http://gate"+massSendPath, revoked)
	r.Header.Set(parametersHeader, sending)
	recorder := httptest.NewRecorder()
	g.Handler().ServeHTTP(recorder, r)
	if recorder.Code != 400 || !strings.Contains(recorder.Body.String(), `"3261"`) {
		t.Errorf("revoked meanwhile: %d %s", recorder.Code, recorder.Body)
	}
	if list, err := batches.List(t.Context(), mass.Store, batches.Filter{Limit: 10}); err != nil || len(list) > 1 || len(list) == 1 && list[0].State != batches.Checked {
		t.Errorf("revoked meanwhile: %+v, %v", list, err)
	}
}

// revoking is a body during which the project's key is revoked.
type revoking struct {
	io.Reader
	t     *testing.T
	store *store.Store
}

func (r *revoking) Read(p []byte) (int, error) {
	if r.store != nil {
		revokeAll(r.t, r.store)
		r.store = nil
	}
	return r.Reader.Read(p)
}
