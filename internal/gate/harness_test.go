package gate

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"flashpay/internal/accept"
	"flashpay/internal/merchant"
	"flashpay/internal/method"
	"flashpay/internal/payout"
	"flashpay/internal/provider"
	"flashpay/internal/store"
	"flashpay/openapi"
	"flashpay/signature"
)

const key = "secret"

var (
	document = loadDocument()
	seen     sync.Map // "POST path status" of every answer that a test got
)

func loadDocument() *openapi3.T {
	doc, err := openapi3.NewLoader().LoadFromData(openapi.Gate)
	if err == nil {
		err = doc.Validate(context.Background())
	}
	if err != nil {
		panic("openapi/gate.yaml: " + err.Error())
	}
	return doc
}

// TestMain fails the whole run where a documented answer was never seen. A run of chosen tests only is not asked.
func TestMain(m *testing.M) {
	flag.Parse()
	result := m.Run()
	for _, name := range []string{"test.run", "test.skip", "test.list", "test.fuzz"} {
		if flag.Lookup(name).Value.String() != "" {
			os.Exit(result)
		}
	}
	for path, item := range document.Paths.Map() {
		for verb, op := range item.Operations() {
			for status := range op.Responses.Map() {
				documented := verb + " " + path + " " + status
				if _, ok := seen.Load(documented); !ok {
					fmt.Println("no test got the documented answer", documented)
					result = 1
				}
			}
		}
	}
	os.Exit(result)
}

// memory stands in for the store behind Gate's small interfaces. Gate's behaviour with the real store is tested where
// both meet.
type memory struct {
	mu         sync.Mutex
	projects   map[int64]*merchant.Project // what Project shows
	committed  map[int64]*merchant.Project // what Refresh brings; nil: nothing new
	refreshes  int
	refreshErr error

	accepted  map[string]*store.NewPayout
	receipts  map[string]store.Receipt
	acceptErr error
	onAccept  func()
	views     map[string]*store.View
	viewErr   error

	ids           int
	rejections    map[string]store.Rejection
	rejectionErr  error
	notifications []provider.Notification
	notifyErr     error
	waiting       int64 // notifications that nobody has read
	waitingErr    error
	events        []*store.CallbackJob // of project 210
	eventsErr     error
	eventReads    int
	listeners     map[string]func()
}

func (m *memory) EventsAfter(_ context.Context, projectID, after int64, limit int) ([]*store.CallbackJob, int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.eventReads++
	if projectID != 210 || m.eventsErr != nil {
		return nil, 0, m.eventsErr
	}
	last := int64(len(m.events))
	return m.events[min(after, last):min(after+int64(limit), last)], last, nil
}

func (m *memory) Listen(topic string, f func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.listeners[topic] = f
}

func (m *memory) Project(id int64) (*merchant.Project, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p, ok := m.projects[id]
	return p, ok
}

func (m *memory) Refresh(context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.refreshes++
	if m.committed != nil && m.refreshErr == nil {
		m.projects = m.committed
	}
	return m.refreshErr
}

func (m *memory) Accept(_ context.Context, p *store.NewPayout) (store.Receipt, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.onAccept != nil {
		m.onAccept()
	}
	if m.acceptErr != nil {
		return store.Receipt{}, m.acceptErr
	}
	k := payout.Fold(p.PaymentID)
	if p.ProjectID != 210 {
		k = fmt.Sprint(p.ProjectID, "/", k)
	}
	if first, ok := m.accepted[k]; ok {
		if first.ContentHash != p.ContentHash {
			return store.Receipt{}, store.ErrOtherData
		}
		r := m.receipts[k]
		r.Repeat = true
		return r, nil
	}
	m.ids++
	r := store.Receipt{RequestID: "accepted-" + strconv.Itoa(m.ids), PaymentID: p.PaymentID}
	m.accepted[k], m.receipts[k] = p, r
	return r, nil
}

func (m *memory) view(k string) (*store.View, error) {
	if m.viewErr != nil {
		return nil, m.viewErr
	}
	if v := m.views[k]; v != nil {
		return v, nil
	}
	return nil, store.ErrNotFound
}

func (m *memory) PaymentView(_ context.Context, projectID int64, paymentID string) (*store.View, error) {
	return m.view(fmt.Sprint(projectID, "/", payout.Fold(paymentID)))
}

func (m *memory) PaymentViewByRequest(_ context.Context, projectID int64, requestID string) (*store.View, error) {
	return m.view(fmt.Sprint(projectID, "?", requestID))
}

func (m *memory) NewRequestID() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ids++
	return "refused-" + strconv.Itoa(m.ids)
}

func (m *memory) SaveRejection(_ context.Context, r store.Rejection) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.rejectionErr == nil {
		m.rejections[r.RequestID] = r
	}
	return m.rejectionErr
}

func (m *memory) RejectionByRequest(_ context.Context, projectID int64, requestID string) (*store.Rejection, error) {
	r, ok := m.rejections[requestID]
	switch {
	case m.rejectionErr != nil:
		return nil, m.rejectionErr
	case !ok || r.ProjectID != projectID:
		return nil, store.ErrNotFound
	}
	return &r, nil
}

func (m *memory) WaitingNotifications(context.Context, int64) (int64, error) {
	return m.waiting, m.waitingErr
}

func (m *memory) SaveNotification(_ context.Context, name string, n provider.Notification) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.notifyErr == nil {
		m.notifications = append(m.notifications, n)
	}
	return m.notifyErr
}

// proof is the header that makes a notification the provider's, where its value is the body's length.
const proof = "X-Bank-Signature"

func verifyProof(n provider.Notification, _ time.Time) error {
	if n.Header[proof] != strconv.Itoa(len(n.Body)) {
		return errors.New("the length is another one")
	}
	return nil
}

// setup is a Gate with a test project 210 and a live project 211, both with one key.
func setup(t testing.TB, change ...func(*Config)) (*Gate, *memory) {
	t.Helper()
	methods, err := method.Load(accept.Payout.Known)
	if err != nil {
		t.Fatal(err)
	}
	m := &memory{
		accepted: map[string]*store.NewPayout{}, receipts: map[string]store.Receipt{}, views: map[string]*store.View{},
		rejections: map[string]store.Rejection{}, listeners: map[string]func(){},
		projects: map[int64]*merchant.Project{
			210: {ID: 210, Mode: merchant.Test, Keys: []merchant.Key{{ID: 1, Secret: key}}},
			211: {ID: 211, Mode: merchant.Live, Keys: []merchant.Key{{ID: 2, Secret: key}}},
		},
	}
	c := Config{
		Projects: m, Acceptor: m, Payments: m, Rejections: m, Notifications: m, Events: m, Methods: methods,
		Doors:        map[string]provider.Door{"sandbox": {MaxBody: maxBody, Headers: []string{proof}, Verify: verifyProof}},
		Route:        func(*merchant.Project, *method.Method) (string, int64, bool) { return "sandbox", 6, true },
		RefreshEvery: time.Microsecond,
	}
	for _, f := range change {
		f(&c)
	}
	return New(c), m
}

// answer is what a test got.
type answer struct {
	status int
	header http.Header
	raw    []byte
	json   map[string]any // of an object
}

func (a *answer) code() string {
	code, _ := a.json["code"].(string)
	return code
}

// items lists "code field" of errors[].
func (a *answer) items() []string {
	var all []string
	list, _ := a.json["errors"].([]any)
	for _, item := range list {
		m := item.(map[string]any)
		field, _ := m["field"].(string)
		all = append(all, strings.TrimSpace(fmt.Sprintf("%v %s", m["code"], field)))
	}
	return all
}

func (a *answer) descriptions() string {
	var all []string
	list, _ := a.json["errors"].([]any)
	for _, item := range list {
		text, _ := item.(map[string]any)["description"].(string)
		all = append(all, text)
	}
	return strings.Join(all, "\n")
}

type option func(*http.Request)

func header(name, value string) option { return func(r *http.Request) { r.Header.Add(name, value) } }
func from(address string) option       { return func(r *http.Request) { r.RemoteAddr = address } }

// send makes one request and checks the answer against openapi/gate.yaml.
func send(t testing.TB, g *Gate, verb, path, body string, options ...option) *answer {
	t.Helper()
	r := httptest.NewRequest(verb, "http://gate"+path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	for _, o := range options {
		o(r)
	}
	w := httptest.NewRecorder()
	g.Handler().ServeHTTP(w, r)
	a := &answer{status: w.Code, header: w.Header(), raw: w.Body.Bytes()}
	checkAnswer(t, r, a)
	return a
}

func post(t testing.TB, g *Gate, path, body string, options ...option) *answer {
	t.Helper()
	return send(t, g, http.MethodPost, path, body, options...)
}

func checkAnswer(t testing.TB, r *http.Request, a *answer) {
	t.Helper()
	schema := document.Components.Schemas["Error"].Value
	mediaType := "application/json"
	found, _, f := findRoute(r)
	if f == nil && !found.other {
		op := document.Paths.Value(found.name).GetOperation(strings.Replace(r.Method, "HEAD", "GET", 1))
		response := op.Responses.Value(strconv.Itoa(a.status))
		if response == nil {
			t.Fatalf("%s %s: status %d is not documented: %s", r.Method, found.name, a.status, a.raw)
		}
		seen.Store(r.Method+" "+found.name+" "+strconv.Itoa(a.status), true)
		for kind, media := range response.Value.Content {
			mediaType, schema = kind, media.Schema.Value
		}
		for name := range response.Value.Headers {
			if n, err := strconv.Atoi(a.header.Get(name)); name == "Retry-After" && (err != nil || n < 1) {
				t.Errorf("%s %s %d: header %s is %q, want whole seconds", r.Method, found.name, a.status, name, a.header.Get(name))
			}
		}
	}
	if got := a.header.Get("Content-Type"); !strings.HasPrefix(got, mediaType) {
		t.Errorf("Content-Type is %q, want %s", got, mediaType)
	}
	if mediaType != "application/json" {
		return
	}
	if got, want := a.header.Get("Content-Type"), "application/json; charset=UTF-8"; got != want {
		t.Errorf("Content-Type is %q, want %q", got, want)
	}
	var v any
	decoder := json.NewDecoder(bytes.NewReader(a.raw))
	if err := decoder.Decode(&v); err != nil {
		t.Fatalf("answer is not JSON: %v: %s", err, a.raw)
	}
	if err := schema.VisitJSON(v); err != nil {
		t.Errorf("%s %s: answer does not fit openapi/gate.yaml: %v\n%s", r.Method, r.URL.Path, err, a.raw)
	}
	a.json, _ = v.(map[string]any)
}

const kyrgyzstan = "/v2/payment/bank-transfer/kyrgyzstan/payout"

const seedBody = `{"general":{"project_id":210,"payment_id":"test_payment"},
"customer":{"id":"customer123","ip_address":"192.0.2.0"},"payment":{"amount":100000,"currency":"KGS"},
"account":{"number":"00004598"}}`

// edited gives the seed's request, unsigned, with the members at the given paths set to JSON texts; an empty text
// removes the member.
func edited(t testing.TB, pairs ...string) string { return edit2(t, seedBody, pairs...) }

func edit2(t testing.TB, body string, pairs ...string) string {
	t.Helper()
	v := parsed(t, body)
	for i := 0; i+1 < len(pairs); i += 2 {
		put(t, v, pairs[i], pairs[i+1])
	}
	return string(v.AppendJSON(nil))
}

func parsed(t testing.TB, body string) *signature.Value {
	t.Helper()
	v, err := signature.Parse([]byte(body))
	if err != nil {
		t.Fatalf("%v\n%s", err, body)
	}
	return v
}

func put(t testing.TB, v *signature.Value, path, text string) {
	t.Helper()
	names := strings.Split(path, ".")
	for _, name := range names[:len(names)-1] {
		if v.Get(name) == nil {
			v.Members = append(v.Members, signature.Field(name, signature.Obj()))
		}
		v = v.Get(name)
	}
	last := names[len(names)-1]
	v.Members = slices.DeleteFunc(slices.Clone(v.Members), func(m signature.Member) bool { return m.Name == last })
	if text != "" {
		v.Members = append(v.Members, signature.Field(last, *parsed(t, text)))
	}
}

// signed puts the signature of a body under k where Gate looks for it.
func signed(t testing.TB, body, k string) string {
	t.Helper()
	v := parsed(t, body)
	sig := strconv.Quote(signature.Canonical(v).Sign(k))
	if v.Get("general") != nil {
		put(t, v, "general.signature", sig)
	} else {
		put(t, v, "signature", sig)
	}
	return string(v.AppendJSON(nil))
}

// seedString is the signing string of the seed's request.
const seedString = "account:number:00004598;customer:id:customer123;customer:ip_address:192.0.2.0;general:payment_id:test_payment;" +
	"general:project_id:210;payment:amount:100000;payment:currency:KGS"

// signedAs puts the signature of a text into a body, as a client does that makes the signing string itself.
func signedAs(t testing.TB, body, text string) string {
	t.Helper()
	return edit2(t, body, "general.signature", strconv.Quote(mac(key, []byte(text))))
}

func request(t testing.TB, pairs ...string) string {
	t.Helper()
	return signed(t, edited(t, pairs...), key)
}

func wantRefused(t testing.TB, a *answer, status int, code string, items ...string) {
	t.Helper()
	if a.status != status || a.code() != code {
		t.Errorf("answered %d with code %s, want %d with %s: %s", a.status, a.code(), status, code, a.raw)
	}
	if items != nil && !slices.Equal(a.items(), items) {
		t.Errorf("errors %q, want %q: %s", a.items(), items, a.raw)
	}
}

var errDatabase = errors.New("database is on fire")
