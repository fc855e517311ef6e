package dataapi_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"flashpay/internal/dataapi"
	"flashpay/internal/pgtest"
	"flashpay/internal/staff"
	"flashpay/internal/storetest"
)

// is checks an answer byte for byte.
func (a answer) is(want string) {
	a.t.Helper()
	if string(a.Raw) != want || a.Header.Get("Content-Type") != "application/json" {
		a.t.Errorf("answered %s of type %s, want %s", a.Raw, a.Header.Get("Content-Type"), want)
	}
}

// TestErrorBodies holds the form of each error, byte for byte: protocol.md §13.2's, and those of HTTP.
func TestErrorBodies(t *testing.T) {
	t.Parallel()
	d := newDesk(t, storetest.URL(t, storetest.SQLite))
	api := dataapi.New(dataapi.Config{Store: d.store})
	d.handler = api.Handler()
	support := d.newToken(d.addUser("support@example.kg", staff.User{MerchantID: 1, Roles: []staff.Role{staff.Support}, AllProjects: true}))
	d.ask("/v1/operations/get", `"project_id":[22]`).is(`{"status":401,"name":"Authorization Required","message":"You have no access to project_id = 22","code":0}`)
	d.send("POST", "/v1/balance/get", `{"token":"x","signature":"y"}`).
		is(`{"status":401,"name":"Authorization Required","message":"the token is not valid, or the signature is not made with its secret","code":0}`)
	d.ask("/v1/operations/get-by-payment", "").is(`{"status":400,"name":"Bad Request","message":"payment_id: a string is wanted","code":0}`)
	d.send("POST", "/v1/balance/get", "[]").is(`{"status":400,"name":"Bad Request","message":"the body has to be a JSON object","code":0}`)
	d.askAs(support, "/v1/balance/get", "").is(`{"status":403,"name":"Forbidden","message":"this account has no right to it: its role has to include finance.view","code":0}`)
	d.ask("/v1/nothing", "").is(`{"status":404,"name":"Not Found","message":"there is no endpoint \"/v1/nothing\"; GET /openapi.yaml describes all of them","code":0}`)
	got := d.send("GET", "/v1/balance/get", "")
	got.is(`{"status":405,"name":"Method Not Allowed","message":"send the request with POST","code":0}`)
	if got.Header.Get("Allow") != http.MethodPost {
		t.Errorf("Allow %q", got.Header.Get("Allow"))
	}
	d.send("POST", "/v1/balance/get", `{"a":"`+strings.Repeat("x", 64<<10)+`"}`).
		is(`{"status":413,"name":"Request Entity Too Large","message":"the body may have 65536 bytes at most","code":0}`)
	for range 59 { // one was answered
		d.askAs(support, "/v1/balance/get", "")
	}
	d.askAs(support, "/v1/balance/get", "").is(`{"status":429,"name":"Too Many Requests","message":"an account may send 60 requests a minute","code":0}`)
	d.must(api.HoldTurn(d.user))
	impatient, stop := context.WithTimeout(t.Context(), 3*time.Second) // else it is answered after 40 s
	defer stop()
	d.within = impatient
	got = d.ask("/v1/operations/get", "")
	got.is(`{"status":429,"name":"Too Many Requests","message":"another request of this account over a long interval runs: send one at a time, 10 s apart","code":0}`)
	if got.Header.Get("Retry-After") != "10" {
		t.Errorf("Retry-After %q", got.Header.Get("Retry-After"))
	}
	d.within = nil
	_, err := d.store.DB().Writes.ExecContext(t.Context(), "ALTER TABLE balances RENAME TO balances_of_before")
	d.must(err)
	d.ask("/v1/balance/get", "").is(`{"status":500,"name":"Internal Error","message":"a fault of the platform; try again later","code":0}`)
}

// A body that ends before its length is the sender's fault, and is told to whoever still listens.
func TestABodyThatEndsEarly(t *testing.T) {
	t.Parallel()
	d := newDesk(t, storetest.URL(t, storetest.SQLite))
	w := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(t.Context(), "POST", "/v1/balance/get", strings.NewReader(`{"token":`))
	r.ContentLength = 100
	d.handler.ServeHTTP(w, r)
	answer{t, w.Code, w.Header(), w.Body.Bytes(), nil}.is(`{"status":400,"name":"Bad Request","message":"the body ended early; send it again whole","code":0}`)
}

const unavailable = `{"status":503,"name":"Service Unavailable","message":"the database does not answer; try again","code":0}`

// everyEndpoint asks each endpoint, which cannot read what it needs.
func (d *desk) everyEndpoint() {
	d.t.Helper()
	for path, members := range map[string]string{
		"/v1/operations/get": `"interval":{"from":"2026-03-01 00:00:00","to":"2026-03-02 00:00:00"}`, "/v1/operations/get-by-payment": `"payment_id":"p"`,
		"/v1/financial-reporting/operations": `"interval":{"from":"2026-03-01 00:00:00","to":"2026-03-02 00:00:00"}`,
		"/v1/balance/get":                    "", "/v1/currency-rates/get": "",
	} {
		a := d.ask(path, members)
		a.is(unavailable)
		if a.Status != http.StatusServiceUnavailable || a.Header.Get("Retry-After") != "3" {
			d.t.Errorf("%s: %d, Retry-After %q", path, a.Status, a.Header.Get("Retry-After"))
		}
	}
}

// TestAPlatformWithoutItsDatabase provokes 503 at each endpoint: the file is gone from under a server, or somebody holds the tables
// of PostgreSQL; and it ends with its cause.
func TestAPlatformWithoutItsDatabase(t *testing.T) {
	t.Parallel()
	t.Run("the file is gone", func(t *testing.T) {
		t.Parallel()
		url := storetest.URL(t, storetest.SQLite)
		d := newDesk(t, url)
		dir := filepath.Dir(strings.TrimPrefix(url, "sqlite:"))
		d.must(os.Rename(dir, dir+".away"))
		d.store.DB().Lists.SetMaxIdleConns(0) // what is open reads on
		d.store.DB().Reads.SetMaxIdleConns(0)
		d.everyEndpoint()
		d.must(os.Rename(dir+".away", dir))
		if a := d.ask("/v1/balance/get", ""); a.Status != http.StatusOK {
			t.Errorf("with its file again: %d %s", a.Status, a.Raw)
		}
	})
	t.Run("tables that others hold", func(t *testing.T) {
		t.Parallel()
		url := storetest.URL(t, storetest.Postgres)
		d := newDesk(t, url)
		release := pgtest.HoldLock(t, url, "LOCK TABLE counters, payments, balances, rates IN ACCESS EXCLUSIVE MODE")
		d.everyEndpoint()
		release()
		if a := d.ask("/v1/balance/get", ""); a.Status != http.StatusOK {
			t.Errorf("with the lock released: %d %s", a.Status, a.Raw)
		}
	})
}
