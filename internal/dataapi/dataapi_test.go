package dataapi_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"

	"flashpay/client"
	"flashpay/internal/dataapi"
	"flashpay/internal/merchant"
	"flashpay/internal/payout"
	"flashpay/internal/rule"
	"flashpay/internal/staff"
	"flashpay/internal/store"
	"flashpay/internal/store/people"
	"flashpay/internal/storetest"
	"flashpay/openapi"
	"flashpay/signature"
)

var router = func() routers.Router {
	doc, err := openapi3.NewLoader().LoadFromData(openapi.Data)
	if err == nil {
		doc.Servers = nil
		err = doc.Validate(context.Background())
	}
	if err != nil {
		panic("openapi/data.yaml: " + err.Error())
	}
	r, err := legacy.NewRouter(doc)
	if err != nil {
		panic(err)
	}
	return r
}()

// desk is a Data API over a store with payouts in it, and a program that reads from it.
type desk struct {
	t       *testing.T
	store   *store.Store
	people  *people.Directory
	handler http.Handler
	token   people.Token
	user    int64
	within  context.Context // of requests; nil: the test's
}

func newDesk(t *testing.T, url string) *desk {
	t.Helper()
	d := &desk{t: t, store: storetest.Open(t, url)}
	d.people = people.New(d.store)
	for _, id := range []int64{210, 211, 220} {
		p := &merchant.Project{ID: id, MerchantID: 1, Name: fmt.Sprint("Shop ", id), Mode: merchant.Test, Settings: merchant.Settings{CallbackURL: "http://192.0.2.1/callback"}}
		if id == 220 {
			p.MerchantID = 2
		}
		d.must(d.store.CreateProject(t.Context(), p, "secret", map[string]int64{"KGS": 1_000_000}, "test"))
	}
	d.user = d.addUser("aida@example.kg", staff.User{MerchantID: 1, Roles: []staff.Role{staff.Finance}, AllProjects: true, Zone: "Asia/Bishkek"})
	d.token = d.newToken(d.user)
	d.handler = dataapi.New(dataapi.Config{Store: d.store}).Handler()
	return d
}

func (d *desk) must(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

func (d *desk) addUser(email string, u staff.User) int64 {
	d.t.Helper()
	u.Email = email
	a := &people.UserRecord{User: u}
	d.must(d.people.CreateUser(d.t.Context(), email, a, nil, "cli:root"))
	return a.ID
}

func (d *desk) newToken(user int64) people.Token {
	d.t.Helper()
	token := people.NewToken()
	d.must(d.people.SetToken(d.t.Context(), "", user, token, "cli:root"))
	return token
}

// accept makes a payout that its bank has not ended.
func (d *desk) accept(project int64, id string, amount int64) {
	d.t.Helper()
	body := fmt.Sprintf(`{"general":{"project_id":%d,"payment_id":%q},"customer":{"id":"c-%s","ip_address":"192.0.2.7","email":"%s@example.kg"},"account":{"number":"00004598"}}`, project, id, id, id)
	_, err := d.store.Accept(d.t.Context(), &store.NewPayout{
		ProjectID: project, PaymentID: id, Method: "bank-transfer/kyrgyzstan", MethodTitle: "Bank transfer Kyrgyzstan", Amount: amount, Currency: "KGS",
		Account: "00004598", AccountMask: "00******98", CustomerID: "c-" + id, Email: id + "@example.kg", Description: "salary", IP: "192.0.2.7", Request: []byte(body), Interface: 1,
		Check: rule.Item{Method: "bank-transfer/kyrgyzstan", Currencies: []string{"KGS"}, MinAmount: 1, MaxAmount: 1 << 40, Amount: amount, Currency: "KGS"}, Threshold: time.Hour, Provider: "bank-" + id, ProviderID: 7,
	})
	d.must(err)
}

// pay makes a payout and ends it.
func (d *desk) pay(project int64, id string, amount int64, event payout.Event, code int) {
	d.t.Helper()
	d.accept(project, id, amount)
	work, err := d.store.LeaseOperations(d.t.Context(), store.Lease{ProjectID: project, Provider: "bank-" + id, N: 1, Submit: true, SubmitDeadline: time.Second, Duration: time.Minute})
	d.must(err)
	_, err = d.store.Apply(d.t.Context(), store.Step{Payment: work[0].Payment, Operation: work[0].Operation, Event: event, Kind: event.String(), Code: code, ProviderPaymentID: "B-" + id, AuthCode: "123456"})
	d.must(err)
}

// answer is what the API answered.
type answer struct {
	t      *testing.T
	Status int
	Header http.Header
	Raw    []byte
	tree   *signature.Value
}

// ask signs members, given as JSON without braces, sends them, and checks the answer against the description.
func (d *desk) ask(path, members string) answer {
	d.t.Helper()
	return d.askAs(d.token, path, members)
}

func (d *desk) askAs(token people.Token, path, members string) answer {
	d.t.Helper()
	body := `{"token":` + strconv.Quote(token.Token)
	if members != "" {
		body += "," + members
	}
	sig, err := signature.Sign([]byte(body+"}"), token.Secret)
	d.must(err)
	a := d.send("POST", path, body+`,"signature":`+strconv.Quote(sig)+"}")
	if a.Status == http.StatusOK {
		if _, err := signature.Verify(a.Raw, token.Secret); err != nil {
			d.t.Errorf("%s: the answer's signature: %v: %s", path, err, a.Raw)
		}
	}
	return a
}

func (d *desk) send(verb, path, body string) answer {
	d.t.Helper()
	r := httptest.NewRequestWithContext(cmp.Or(d.within, d.t.Context()), verb, "http://127.0.0.1"+path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	d.handler.ServeHTTP(w, r)
	a := answer{d.t, w.Code, w.Header(), w.Body.Bytes(), nil}
	if a.Header.Get("Content-Type") == "application/json" {
		var err error
		if a.tree, err = signature.Parse(a.Raw); err != nil {
			d.t.Fatalf("%s answered %s: %v", path, a.Raw, err)
		}
	}
	if route, params, err := router.FindRoute(r); err == nil {
		in := &openapi3filter.RequestValidationInput{Request: r, PathParams: params, Route: route}
		out := &openapi3filter.ResponseValidationInput{RequestValidationInput: in, Status: w.Code, Header: w.Header()}
		out.SetBodyBytes(a.Raw)
		if err := openapi3filter.ValidateResponse(context.Background(), out); err != nil {
			d.t.Errorf("%s %s is not as described: %v", path, a.Raw, err)
		}
	}
	return a
}

// list is a member of all operations of an answer.
func (a answer) list(member ...string) (out []string) {
	a.t.Helper()
	if a.Status != http.StatusOK {
		a.t.Fatalf("answered %d %s", a.Status, a.Raw)
	}
	for i := range a.tree.Get("operations").Items {
		v := a.tree.Get("operations").Items[i].Get(member...)
		if v == nil {
			a.t.Fatalf("no %v in %s", member, a.Raw)
		}
		out = append(out, v.Text)
	}
	return out
}

// refused checks an answer that refuses: its status and part of its message.
func (a answer) refused(status int, words string) {
	a.t.Helper()
	if a.Status != status || a.tree == nil || a.tree.Get("status").Text != strconv.Itoa(status) || a.tree.Get("code").Text != "0" || !strings.Contains(a.tree.Get("message").Text, words) {
		a.t.Errorf("answered %d %s, want %d with %q", a.Status, a.Raw, status, words)
	}
}

func (d *desk) wants(got []string, want ...string) {
	d.t.Helper()
	if strings.Join(got, ",") != strings.Join(want, ",") {
		d.t.Errorf("got %v, want %v", got, want)
	}
}

func TestOperations(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		d := newDesk(t, url)
		d.accept(210, "open", 500)
		d.pay(210, "first", 100, payout.Succeeded, 0)
		d.pay(211, "other", 200, payout.Succeeded, 0)
		d.pay(210, "second", 300, payout.Declined, 20105)
		d.pay(220, "stranger", 400, payout.Succeeded, 0)

		whole := d.store.Now().In(time.UTC)
		interval := fmt.Sprintf(`"tz":"UTC","interval":{"from":%q,"to":%q}`, whole.Add(-time.Hour).Format(time.DateTime), whole.Add(time.Hour).Format(time.DateTime))
		all := d.ask("/v1/operations/get", interval)
		d.wants(all.list("payment_id"), "first", "second", "open", "other")
		d.wants(all.list("operation_status"), "success", "decline", "processing", "success")
		d.wants(all.list("sum_initial", "amount"), "100", "300", "500", "200")
		d.wants(all.list("customer_ip"), "192.0.2.7", "192.0.2.7", "192.0.2.7", "192.0.2.7")
		if names := memberNames(&all.tree.Get("operations").Items[0]); names[0] != "project_id" || names[1] != "operation_id" || names[len(names)-1] != "payment_provider_message" {
			t.Errorf("columns %v", names)
		}
		d.wants(d.ask("/v1/operations/get", "").list("payment_id"), "other", "open", "second", "first")
		for query, want := range map[string][]string{
			`"project_id":[211]`:                      {"other"},
			`"project_id":"211"`:                      {"other"},
			`"operation_status":"decline"`:            {"second"},
			`"operation_status":["success"]`:          {"first", "other"},
			`"operation_type":"payout"`:               {"first", "second", "open", "other"},
			`"operation_type":["refund"]`:             nil,
			`"customer_id":["c-first"]`:               {"first"},
			`"customer_email":"OTHER@example.kg"`:     {"other"},
			`"limit":0`:                               nil,
			`"limit":"2","offset":"1"`:                {"second", "open"},
			`"limit":2,"offset":3`:                    {"other"},
			`"offset":4`:                              nil,
			`"operation_status":"success","offset":1`: {"other"},
		} {
			d.wants(d.ask("/v1/operations/get", interval+","+query).list("payment_id"), want...)
		}
		d.wants(d.ask("/v1/operations/get", `"interval":{"from":"2020-01-01 00:00:00","to":"2020-12-31 00:00:00"}`).list("payment_id"))

		few := d.ask("/v1/operations/get", interval+`,"fields":["sum_converted.currency","payment_id","sum_converted.amount"],"limit":1`)
		if want := `{"operations":[{"payment_id":"first","sum_converted":{"amount":100,"currency":"KGS"}}],`; !bytes.HasPrefix(few.Raw, []byte(want)) {
			t.Errorf("answered %s, want %s", few.Raw, want)
		}
		one := d.ask("/v1/operations/get-by-payment", `"payment_id":"FIRST"`)
		d.wants(one.list("amount"), "100")
		d.wants(d.ask("/v1/operations/get-by-payment", `"payment_id":"stranger"`).list("amount"))
	})
}

func memberNames(v *signature.Value) (names []string) {
	for _, m := range v.Members {
		names = append(names, m.Name)
	}
	return names
}

// TestTimesAreOfTheZone holds the zone in what is chosen and in what is answered.
func TestTimesAreOfTheZone(t *testing.T) {
	t.Parallel()
	d := newDesk(t, storetest.URL(t, storetest.SQLite))
	d.pay(210, "p", 100, payout.Succeeded, 0)
	ended, err := time.Parse(time.RFC3339, d.ask("/v1/operations/get", `"tz":"UTC"`).list("operation_completed_at")[0])
	d.must(err)
	for zone, offset := range map[string]string{"Asia/Bishkek": "+06:00", "+10:30": "+10:30", "-03:00": "-03:00", "": "+06:00"} {
		at, err := time.Parse("-07:00", offset)
		d.must(err)
		_, seconds := at.Zone()
		local := ended.In(time.FixedZone("", seconds))
		second := local.Format(time.DateTime)
		query := fmt.Sprintf(`"tz":%q,"interval":{"from":%q,"to":%q}`, zone, second, second)
		if zone == "" {
			query = query[len(`"tz":"",`):]
		}
		d.wants(d.ask("/v1/operations/get", query).list("operation_completed_at"), local.Format("2006-01-02T15:04:05")+offset)
	}
}

// TestEveryPageOnce walks a list page by page: each operation comes once, however the pages are cut.
func TestEveryPageOnce(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		d := newDesk(t, url)
		var want []string
		for i := range 23 {
			id := fmt.Sprintf("p%02d", i)
			d.pay(210, id, 100, payout.Succeeded, 0)
			want = append(want, id)
		}
		for _, interval := range []string{
			`"tz":"UTC","interval":{"from":"2020-01-01 00:00:00","to":"2120-01-01 00:00:00"}`, // its ends are far: places are numbers
			fmt.Sprintf(`"tz":"UTC","interval":{"from":%q,"to":"2120-01-01 00:00:00"}`, d.store.Now().UTC().Add(-4*time.Second).Format(time.DateTime)),
		} {
			all := d.ask("/v1/operations/get", interval).list("payment_id")
			var got []string
			for offset := 0; offset < len(all); offset += 7 {
				d.handler = dataapi.New(dataapi.Config{Store: d.store}).Handler() // neither pace nor turn
				got = append(got, d.ask("/v1/operations/get", fmt.Sprintf(`%s,"limit":7,"offset":%d`, interval, offset)).list("payment_id")...)
			}
			d.wants(got, all...)
			d.handler = dataapi.New(dataapi.Config{Store: d.store}).Handler()
		}
		d.wants(d.ask("/v1/operations/get", `"tz":"UTC","interval":{"from":"2020-01-01 00:00:00","to":"2120-01-01 00:00:00"}`).list("payment_id"), want...)
	})
}

// What the public client reads is what there is.
func TestTheClientReads(t *testing.T) {
	t.Parallel()
	d := newDesk(t, storetest.URL(t, storetest.SQLite))
	d.pay(210, "a", 1000, payout.Succeeded, 0)
	d.pay(211, "b", 2000, payout.Declined, 20105)
	d.accept(210, "c", 3000)
	s := httptest.NewServer(d.handler)
	t.Cleanup(s.Close)
	reader, err := client.NewData(client.DataConfig{URL: s.URL, Token: d.token.Token, Secret: d.token.Secret})
	d.must(err)
	now := d.store.Now()
	q := client.OperationsQuery{From: now.Add(-time.Hour), To: now.Add(time.Hour), Statuses: []string{"success", "decline"}, ProjectIDs: []int64{210, 211}}
	var got []string
	for row, err := range reader.Operations(t.Context(), q) {
		d.must(err)
		at, err := row.Time("operation_completed_at")
		d.must(err)
		if at.Before(q.From) || at.After(q.To) {
			t.Errorf("completed at %s", at)
		}
		got = append(got, row["payment_id"]+" "+row["operation_status"]+" "+row["sum_initial.amount"])
	}
	d.wants(got, "a success 1000", "b decline 2000")
	for _, err := range reader.Operations(t.Context(), client.OperationsQuery{From: q.From, To: q.To, ProjectIDs: []int64{220}}) {
		var refused *client.Error
		if !errors.As(err, &refused) || refused.HTTPStatus != http.StatusUnauthorized || !strings.Contains(refused.Message, "220") {
			t.Errorf("another merchant's: %v", err)
		}
	}
}

func TestBalanceAndRates(t *testing.T) {
	t.Parallel()
	d := newDesk(t, storetest.URL(t, storetest.SQLite))
	d.pay(210, "p", 100, payout.Succeeded, 0)
	a := d.ask("/v1/balance/get", "")
	var got struct{ Balance []map[string]string }
	d.must(json.Unmarshal(a.Raw, &got))
	if len(got.Balance) != 2 || got.Balance[0]["name"] != "Shop 210 (210)" || got.Balance[0]["KGS"] != "999900" || got.Balance[1]["KGS"] != "1000000" {
		t.Errorf("balances %s", a.Raw)
	}
	if a := d.ask("/v1/currency-rates/get", `"filter":{"currency":"USD","interval":{"from":"2999-01-01 00:00:00","to":"2999-01-02 00:00:00"}}`); string(a.Raw[:12]) != `{"rates":[],` {
		t.Errorf("rates of the future: %s", a.Raw)
	}
}

// TestRefusals provokes every error.
func TestRefusals(t *testing.T) {
	t.Parallel()
	d := newDesk(t, storetest.URL(t, storetest.SQLite))
	for members, want := range map[string]string{
		`"project_id":[22]`: "You have no access to project_id = 22", `"project_id":[220]`: "You have no access to project_id = 220",
	} {
		d.ask("/v1/operations/get", members).refused(http.StatusUnauthorized, want)
	}
	for members, want := range map[string]string{
		`"limit":1001`: "limit", `"limit":-1`: "limit", `"limit":"x"`: "limit", `"limit":1.5`: "limit", `"offset":"-1"`: "offset",
		`"tz":"Mars/Olympus"`: "tz", `"tz":"Local"`: "tz", `"interval":"today"`: "interval", `"interval":{"from":"2026-03-01"}`: "interval.from",
		`"interval":{"from":"2026-03-02 00:00:00","to":"2026-03-01 00:00:00"}`: "from is later than to",
		`"operation_status":"paid"`: "operation_status", `"fields":["payment_id","nothing"]`: "there is no column nothing", `"fields":[1]`: "fields",
		`"project_id":["x"]`: "project_id", `"project_id":{"a":1}`: "project_id", `"customer_id":"x;token:y"`: "two readings",
	} {
		d.handler = dataapi.New(dataapi.Config{Store: d.store}).Handler()
		d.ask("/v1/operations/get", members).refused(http.StatusBadRequest, want)
	}
	d.ask("/v1/operations/get-by-payment", "").refused(http.StatusBadRequest, "payment_id")
	d.ask("/v1/nothing", "").refused(http.StatusNotFound, "/v1/nothing")
	d.send("GET", "/v1/balance/get", "").refused(http.StatusMethodNotAllowed, "POST")
	d.send("POST", "/v1/balance/get", "{").refused(http.StatusBadRequest, "JSON")
	d.send("POST", "/v1/balance/get", "[]").refused(http.StatusBadRequest, "object")
	d.send("POST", "/v1/balance/get", `{"a":"`+strings.Repeat("x", 64<<10)+`"}`).refused(http.StatusRequestEntityTooLarge, "65536")
	for range 20 { // of two faults the same one is told each time
		d.send("POST", "/v1/balance/get", `{}`).refused(http.StatusUnauthorized, "token is missing")
	}
	d.send("POST", "/v1/balance/get", `{"signature":"x"}`).refused(http.StatusUnauthorized, "token is missing")
	d.send("POST", "/v1/balance/get", `{"token":"x"}`).refused(http.StatusUnauthorized, "signature is missing")
	d.askAs(people.Token{Token: d.token.Token, Secret: "wrong"}, "/v1/balance/get", "").refused(http.StatusUnauthorized, "not valid")
	d.askAs(people.NewToken(), "/v1/balance/get", "").refused(http.StatusUnauthorized, "not valid")
	if a := d.send("GET", "/openapi.yaml", ""); a.Status != http.StatusOK || !bytes.Equal(a.Raw, openapi.Data) {
		t.Errorf("the description: %d", a.Status)
	}
}

// TestTokensFollowTheirAccount: the newest token alone is valid, rights count at each request, and what was void stays so.
func TestTokensFollowTheirAccount(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		d := newDesk(t, url)
		old := d.token
		d.token = d.newToken(d.user)
		d.askAs(old, "/v1/balance/get", "").refused(http.StatusUnauthorized, "not valid")
		if a := d.ask("/v1/balance/get", ""); a.Status != http.StatusOK {
			t.Fatalf("%s", a.Raw)
		}
		d.must(d.people.SetActive(t.Context(), "off", d.user, false, true, "cli:root"))
		d.ask("/v1/balance/get", "").refused(http.StatusUnauthorized, "not valid")
		d.must(d.people.SetActive(t.Context(), "on", d.user, true, true, "cli:root"))
		d.ask("/v1/balance/get", "").refused(http.StatusUnauthorized, "not valid")

		support := d.newToken(d.addUser("support@example.kg", staff.User{MerchantID: 1, Roles: []staff.Role{staff.Support}, Projects: []int64{211}}))
		d.askAs(support, "/v1/balance/get", "").refused(http.StatusForbidden, "finance.view")
		d.askAs(support, "/v1/operations/get", `"project_id":[210]`).refused(http.StatusUnauthorized, "210")
		d.must(d.people.RevokeToken(t.Context(), d.user+1, "cli:root"))
		d.askAs(support, "/v1/operations/get", "").refused(http.StatusUnauthorized, "not valid")
	})
}

func TestSixtyRequestsAMinute(t *testing.T) {
	t.Parallel()
	d := newDesk(t, storetest.URL(t, storetest.SQLite))
	for i := range 60 {
		if a := d.ask("/v1/balance/get", ""); a.Status != http.StatusOK {
			t.Fatalf("request %d: %d %s", i+1, a.Status, a.Raw)
		}
	}
	a := d.ask("/v1/balance/get", "")
	a.refused(http.StatusTooManyRequests, "60 requests a minute")
	if wait, err := strconv.Atoi(a.Header.Get("Retry-After")); err != nil || wait < 3 || wait > 60 {
		t.Errorf("Retry-After %q", a.Header.Get("Retry-After"))
	}
}
