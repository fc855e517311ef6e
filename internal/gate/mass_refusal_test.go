package gate

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"flashpay/internal/massbatch"
	"flashpay/internal/masspayout"
	"flashpay/internal/merchant"
	"flashpay/internal/store"
	"flashpay/internal/store/batches"
	"flashpay/internal/storetest"
)

// TestRefusalsOfFiles sends each of the four endpoints what every one refuses alike, and the two of files what they refuse before
// they read the body.
func TestRefusalsOfFiles(t *testing.T) {
	t.Parallel()
	file := massFile(massRow("a", 150_000))
	idle := func(c *Config) { c.Mass = &massbatch.Service{} }
	for action, path := range map[string]string{"check": massCheckPath, "send": massSendPath, "status": massStatusPath, "result": massResultPath} {
		whole := parameters(action, `,"batch":1`)
		if path == massCheckPath || path == massSendPath {
			whole = parameters(action, about(file))
		}
		ask := func(g *Gate, parameters string, options ...option) *answer {
			t.Helper()
			if path == massCheckPath || path == massSendPath {
				return upload(t, g, path, parameters, file, append(options, func(r *http.Request) { r.Body = unread{t} })...)
			}
			return post(t, g, path, parameters, options...)
		}
		g, m := setup(t, idle)
		good := signed(t, whole, key)
		wantRefused(t, ask(g, edit2(t, good, "x", `"`+longText+`"`)), 413, "702")
		wantRefused(t, ask(g, good, setHeader("Content-Type", "application/pdf")), 415, "702")
		wantRefused(t, ask(g, "{"), 422, "2003")
		wantRefused(t, ask(g, edit2(t, good, "project_id", "")), 400, "2004", "2004 project_id")
		wantRefused(t, ask(g, edit2(t, good, "signature", "")), 400, "2004", "3262 signature")
		wantRefused(t, ask(g, signed(t, whole, "other")), 400, "3261", "3261 signature")
		wantRefused(t, ask(g, signed(t, edit2(t, whole, "project_id", "999"), key)), 404, "2442", "2442 project_id")
		wantRefused(t, ask(g, signed(t, edit2(t, whole, "timestamp", ""), key)), 400, "2004", "2004 timestamp")
		wantRefused(t, ask(g, signed(t, edit2(t, whole, "action", ""), key)), 400, "2004", "2004 action")
		wantRefused(t, ask(g, signed(t, edit2(t, whole, "any", "1"), key)), 400, "702", "702 any")
		m.projects[210].Settings.AllowIP = prefixes(t, "203.0.113.0/24")
		wantRefused(t, ask(g, good, from("198.51.100.1:1")), 403, "303")
		m.projects[210].Settings.AllowIP = nil
		broken, _ := setup(t, idle, func(c *Config) { c.Projects = panicking{} })
		wantRefused(t, ask(broken, good), 500, "501")
		limited, _ := setup(t, idle, func(c *Config) { c.Limiter = PerProject(time.Minute, 1) })
		ask(limited, signed(t, edit2(t, whole, "any", "1"), key))
		wantRefused(t, ask(limited, good), 429, "601")
		m.refreshErr = errDatabase
		wantRefused(t, ask(g, signed(t, whole, "other")), 503, "601")
		nobody, _ := setup(t)
		wantRefused(t, ask(nobody, good), 404, "702")
		a := send(t, g, http.MethodGet, path, "")
		wantRefused(t, a, 405, "702")
	}
	g, _ := setup(t, idle)
	big := func(r *http.Request) { r.ContentLength = masspayout.MaxBytes + 1 }
	wantRefused(t, upload(t, g, massSendPath, signed(t, parameters("send", about(file)), key), file, big), 413, "702")
	wantRefused(t, post(t, g, massSendPath, file, setHeader("Content-Type", "text/csv")), 400, "2004", "2004 "+parametersHeader)
	good := signed(t, parameters("send", about(file)), key)
	wantRefused(t, upload(t, g, massSendPath, good, file, header(parametersHeader, good)), 400, "2004", "2004 "+parametersHeader)
}

// unread is a body that nobody may read.
type unread struct{ t *testing.T }

func (u unread) Read([]byte) (int, error) {
	u.t.Error("the body of a request that is refused was read")
	return 0, io.EOF
}

func (u unread) Close() error { return nil }

func TestFilesThatCannotBeRead(t *testing.T) {
	t.Parallel()
	g, mass := node(t, storetest.URL(t, storetest.SQLite))
	for name, file := range map[string]string{"empty": "", "no rows": massHead, "a sheet": "PK\x03\x04 and so on", "no columns": "a;b\n1;2\n"} {
		wantRefused(t, check(t, g, file), 422, "702")
		a := sendFile(t, g, file, "")
		wantRefused(t, a, 422, "702")
		if len(a.items()) != 1 || a.descriptions() == "" {
			t.Errorf("%s: %s", name, a.raw)
		}
	}
	wantRefused(t, resultOf(t, g, 5), 404, "3061", "3061 batch")
	r := httptest.NewRequest(http.MethodPost, "http://gate"+massSendPath, io.MultiReader(strings.NewReader(massHead), broken{}))
	file := massFile(massRow("a", 150_000))
	r.Header.Set(parametersHeader, signed(t, parameters("send", about(file)), key))
	w := httptest.NewRecorder()
	g.Handler().ServeHTTP(w, r)
	if w.Code != 400 || !strings.Contains(w.Body.String(), "the body ended early") {
		t.Errorf("cut off: %d %s", w.Code, w.Body)
	}
	if list, err := batches.List(t.Context(), mass.Store, batches.Filter{Limit: 10}); err != nil || len(list) != 0 {
		t.Errorf("%d batches, %v", len(list), err)
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestFilesOnTheirWayAreBounded(t *testing.T) {
	t.Parallel()
	s := newSlots()
	var leave []func()
	for project := int64(1); len(leave) < processFiles; project++ {
		for range projectFiles {
			l, f := s.enter(project)
			if f != nil {
				t.Fatal(f.items)
			}
			leave = append(leave, l)
		}
	}
	if _, f := s.enter(1); f == nil || f.status != 429 {
		t.Errorf("one more of a project: %+v", f)
	}
	if _, f := s.enter(100); f == nil || f.status != 503 {
		t.Errorf("one more: %+v", f)
	}
	for _, l := range leave {
		l()
	}
	if len(s.projects) != 0 || s.all != 0 {
		t.Errorf("left over: %+v", s)
	}
	g, _ := node(t, storetest.URL(t, storetest.SQLite))
	for range projectFiles {
		if _, f := g.files.enter(210); f != nil {
			t.Fatal(f.items)
		}
	}
	wantRefused(t, check(t, g, massFile(massRow("a", 150_000))), 429, "601")
}

// TestAResultThatBreaksIsNotWhole has the kept file damaged in its middle: who reads the answer sees that it has no end.
func TestAResultThatBreaksIsNotWhole(t *testing.T) {
	t.Parallel()
	g, mass := node(t, storetest.URL(t, storetest.SQLite))
	rows := make([]string, 30_000)
	for i := range rows {
		rows[i] = massRow("p"+strconv.Itoa(i), 150_000)
	}
	file := massFile(rows...)
	id := integer(t, sendFile(t, g, file, ""), "batch")
	server := httptest.NewServer(g.Handler())
	defer server.Close()
	whole := func() (int, error) {
		resp, err := http.Post(server.URL+massResultPath, "application/json", strings.NewReader(signed(t, parameters("result", fmt.Sprintf(`,"batch":%d`, id)), key)))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		text, err := io.ReadAll(resp.Body)
		return len(text), err
	}
	if n, err := whole(); err != nil || n < len(file) {
		t.Errorf("whole: %d bytes, %v", n, err)
	}
	damage(t, mass.Store)
	if n, err := whole(); err == nil || n == 0 {
		t.Errorf("damaged: %d bytes, %v", n, err)
	}
}

// damage changes a byte of the only kept file, well behind its beginning.
func damage(t *testing.T, s *store.Store) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(s.Path()+".files", "*"))
	if err != nil || len(names) != 1 {
		t.Fatalf("files %v, %v", names, err)
	}
	content, err := os.ReadFile(names[0])
	if err != nil {
		t.Fatal(err)
	}
	content[len(content)-1000] ^= 1
	if err := os.WriteFile(names[0], content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func revokeAll(t *testing.T, s *store.Store) {
	t.Helper()
	p, _ := s.Project(210)
	if err := s.AddKey(t.Context(), 210, merchant.Key{Secret: "another"}, store.By{}); err != nil {
		t.Fatal(err)
	}
	for _, k := range p.Keys {
		if err := s.RevokeKey(t.Context(), 210, k.ID, store.By{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
}
