package gate

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"flashpay/internal/accept"
	"flashpay/openapi"
	"flashpay/signature"
)

// lines is a log in memory.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (l *lines) to(c *Config) { c.Logger = slog.New(slog.NewJSONHandler(l, nil)) }

func TestOneLogLineWithoutSecrets(t *testing.T) {
	log := &lines{}
	var answers []Answer
	g, _ := setup(t, log.to, func(c *Config) { c.Answered = func(a Answer) { answers = append(answers, a) } })
	post(t, g, kyrgyzstan, request(t))
	post(t, g, kyrgyzstan, request(t))
	post(t, g, kyrgyzstan, signed(t, seedBody, "other-key"))
	post(t, g, kyrgyzstan, request(t, "account.number", `"0000 4598"`))
	post(t, g, "/nothing", "")
	text := log.String()
	if n := strings.Count(text, "\n"); n != 5 {
		t.Errorf("%d lines for 5 requests:\n%s", n, text)
	}
	for _, secret := range []string{"4598", key + `"`, "other-key", "192.0.2.0"} {
		if strings.Contains(text, secret) {
			t.Errorf("the log has %q:\n%s", secret, text)
		}
	}
	for _, want := range []string{`"request_id":"accepted-1"`, `"project_id":210`, `"payment_id":"test_payment"`, `"code":3261`, `"endpoint":"` + payoutPath, `"repeat":true`, `"path":"/nothing"`} {
		if !strings.Contains(text, want) {
			t.Errorf("the log lacks %s:\n%s", want, text)
		}
	}
	var got []string
	for _, a := range answers {
		got = append(got, fmt.Sprint(a.Endpoint, " ", a.Status, " ", a.Code, " ", a.Repeat))
		if a.Took <= 0 {
			t.Errorf("an answer took %s", a.Took)
		}
	}
	want := []string{payoutPath + " 200 0 false", payoutPath + " 200 0 true", payoutPath + " 400 3261 false", payoutPath + " 400 702 false", "other 404 702 false"}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("answers\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestDocumentFitsTheTables compares openapi/gate.yaml with the field tables, both ways.
func TestDocumentFitsTheTables(t *testing.T) {
	for path, table := range Tables {
		if path == "any method" {
			continue
		}
		item := document.Paths.Value(path)
		if item == nil {
			t.Errorf("%s is not documented", path)
			continue
		}
		content := item.Post.RequestBody.Value.Content
		if p := item.Post.Parameters.GetByInAndName("header", parametersHeader); p != nil {
			content = p.Content
		}
		schema := content["application/json"].Schema.Value
		rows := map[string]accept.Row{}
		for _, row := range table.Rows() {
			rows[row.Path] = row
		}
		compareSchema(t, path, "", schema, rows)
		for p := range rows {
			t.Errorf("%s: %s is not documented", path, p)
		}
	}
	for i := range routes {
		if !routes[i].other && document.Paths.Value(routes[i].name) == nil {
			t.Errorf("%s is not documented", routes[i].name)
		}
	}
	for path := range document.Paths.Map() {
		if !strings.Contains(fmt.Sprint(noEndpoint().items[0].Description), path) {
			t.Errorf("%s is documented, and no endpoint", path)
		}
	}
}

// compareSchema takes the rows that it finds documented out of rows.
func compareSchema(t *testing.T, endpoint, path string, s *openapi3.Schema, rows map[string]accept.Row) {
	t.Helper()
	required := map[string]bool{}
	for _, name := range s.Required {
		required[name] = true
	}
	children := map[string]*openapi3.Schema{}
	for name, ref := range s.Properties {
		children[name] = ref.Value
	}
	if s.Items != nil {
		children["[]"] = s.Items.Value
	}
	for name, child := range children {
		at := strings.TrimPrefix(path+"."+name, ".")
		row, ok := rows[at]
		if !ok {
			t.Errorf("%s: %s is documented, and no field", endpoint, at)
			continue
		}
		delete(rows, at)
		if got, want := documentedRow(at, child), (accept.Row{
			Path: at, Type: row.Type, Required: row.Required, MinLength: row.MinLength, MaxLength: row.MaxLength, Minimum: row.Minimum,
			Maximum: row.Maximum, Pattern: row.Pattern, Description: row.Description,
		}); !sameRow(got, want, required[name]) {
			t.Errorf("%s: %s is documented as\n%+v, required %t, and is\n%+v", endpoint, at, got, required[name], want)
		}
		if child.Nullable == row.Required {
			t.Errorf("%s: %s: nullable is %t", endpoint, at, child.Nullable)
		}
		compareSchema(t, endpoint, at, child, rows)
	}
}

func sameRow(got, want accept.Row, required bool) bool {
	got.Required = required
	return got == want
}

func documentedRow(path string, s *openapi3.Schema) accept.Row {
	row := accept.Row{Path: path, Type: (*s.Type)[0], Description: s.Description, Pattern: s.Pattern}
	number := func(set bool, n uint64) string {
		if !set {
			return ""
		}
		return strconv.FormatUint(n, 10)
	}
	row.MinLength = number(s.MinLength > 0, s.MinLength)
	switch {
	case s.MaxLength != nil:
		row.MaxLength = number(true, *s.MaxLength)
	case s.MaxItems != nil:
		row.MaxLength = number(true, *s.MaxItems)
	case s.Extensions["x-max-digits"] != nil:
		row.MaxLength = fmt.Sprint(s.Extensions["x-max-digits"])
	}
	if s.Min != nil {
		row.Minimum = fmt.Sprintf("%.0f", *s.Min)
	}
	if s.Max != nil {
		row.Maximum = fmt.Sprintf("%.0f", *s.Max)
	}
	if s.Format != "" {
		row.Pattern = "format:" + s.Format
	}
	if len(s.Enum) > 0 {
		var words []string
		for _, word := range s.Enum {
			words = append(words, fmt.Sprint(word))
		}
		row.Pattern = strings.Join(words, "|")
	}
	return row
}

func TestTheSeedsRequestFitsTheDocument(t *testing.T) {
	schema := document.Paths.Value(payoutPath).Post.RequestBody.Value.Content["application/json"].Schema.Value
	v := map[string]any{
		"general":  map[string]any{"project_id": 210, "payment_id": "test_payment", "signature": "s"},
		"customer": map[string]any{"id": "customer123", "ip_address": "192.0.2.0"},
		"payment":  map[string]any{"amount": 100000, "currency": "KGS"},
		"account":  map[string]any{"number": "00004598"},
	}
	if err := schema.VisitJSON(v); err != nil {
		t.Error(err)
	}
	if len(openapi.Gate) == 0 {
		t.Error("nothing is embedded")
	}
}

// FuzzHandler sends arbitrary bodies, as they are and signed: no panic, no 500, always a JSON error with a code.
func FuzzHandler(f *testing.F) {
	f.Add(seedBody, uint8(0))
	f.Add(`{"general":{"project_id":"210","payment_id":7,"signature":null},"payment":[],"a":{"":{"b":1e999}}}`, uint8(1))
	f.Add(`{"project_id":210,"request_id":"x","signature":{"a":[]}}`, uint8(2))
	f.Add(`{"general":{"project_id":210,"payment_id":"x"},"payment":{"amount":1,"currency":"KGS"}}`, uint8(3))
	f.Add(`{"general":{"project_id":210},"payment_method_list":[null,{"payment_method":"kyrgyzstan","amount":null}]}`, uint8(4))
	f.Add("\x00", uint8(5))
	f.Add(`{"project_id":210,"after":0,"limit":null,"wait":0}`, uint8(6))
	paths := []string{kyrgyzstan, statusPath, requestPath, "/v2/info/banks/bank-transfer/kyrgyzstan/payout/list", methodsPath, "/v2/payment/card/payout", eventsPath}
	g, _ := setup(f)
	f.Fuzz(func(t *testing.T, body string, which uint8) {
		path := paths[int(which)%len(paths)]
		bodies := []string{body}
		if v, err := signature.Parse([]byte(body)); err == nil && v.Kind == signature.Object {
			if general := v.Get("general"); general == nil || general.Kind == signature.Object {
				bodies = append(bodies, signed(t, body, key))
			}
		}
		for _, b := range bodies {
			if a := post(t, g, path, b); a.status >= 500 || a.status != 200 && a.code() == "" {
				t.Errorf("%s\n%q\nanswered %d %s", path, b, a.status, a.raw)
			}
		}
	})
}

// nothing is a response writer that keeps nothing.
type nothing struct {
	header http.Header
	status int
}

func (n *nothing) Header() http.Header         { return n.header }
func (n *nothing) Write(b []byte) (int, error) { return len(b), nil }
func (n *nothing) WriteHeader(status int)      { n.status = status }

// BenchmarkPayout is the whole of Gate but for the connection and the store: parse, verify, check, hash, answer.
func BenchmarkPayout(b *testing.B) {
	g, m := setup(b)
	m.onAccept = func() { clear(m.accepted) }
	body := request(b)
	handler := g.Handler()
	reader := strings.NewReader(body)
	r := httptest.NewRequest(http.MethodPost, kyrgyzstan, reader)
	r.Header.Set("Content-Type", "application/json")
	r.Body = io.NopCloser(reader)
	w := &nothing{header: http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		reader.Reset(body)
		handler.ServeHTTP(w, r)
		if w.status != http.StatusOK {
			b.Fatal(w.status)
		}
	}
}
