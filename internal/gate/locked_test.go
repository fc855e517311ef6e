package gate

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"flashpay/internal/ledger"
	"flashpay/internal/pgtest"
	"flashpay/internal/storetest"
)

// Another client of PostgreSQL holds a lock and does nothing: over HTTP whoever pays or asks is told 503 with the code that says
// «send the same again» while it still holds it. Once it has let go, the same request is accepted, once.
func TestALockThatOthersHoldIsAnswered(t *testing.T) {
	t.Parallel()
	for name, lock := range map[string]string{
		"a row":   "SELECT 1 FROM balances WHERE project_id = 210 FOR UPDATE",
		"a table": "LOCK TABLE payments, operations IN ACCESS EXCLUSIVE MODE",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			database := storetest.URL(t, storetest.Postgres)
			g, mass := node(t, database)
			web := httptest.NewServer(g.Handler())
			t.Cleanup(web.Close)
			overHTTP := func(path, body string) (status int, code, requestID string) {
				t.Helper()
				resp, err := http.Post(web.URL+path, "application/json", strings.NewReader(body))
				if err != nil {
					t.Fatal(err)
				}
				defer resp.Body.Close()
				var said struct {
					Code      string `json:"code"`
					RequestID string `json:"request_id"`
				}
				text, err := io.ReadAll(resp.Body)
				if err == nil {
					err = json.Unmarshal(text, &said)
				}
				if err != nil {
					t.Fatalf("%v: %s", err, text)
				}
				if (resp.StatusCode == http.StatusServiceUnavailable) != (resp.Header.Get("Retry-After") != "") {
					t.Errorf("%d with Retry-After %q", resp.StatusCode, resp.Header.Get("Retry-After"))
				}
				return resp.StatusCode, said.Code, said.RequestID
			}
			if status, code, _ := overHTTP(kyrgyzstan, signed(t, edited(t, "general.payment_id", `"before"`), key)); status != http.StatusOK {
				t.Fatal(status, code)
			}
			release := pgtest.HoldLock(t, database, lock)
			body := signed(t, edited(t, "general.payment_id", `"p"`), key)
			asked := map[string]string{kyrgyzstan: body}
			if name == "a table" {
				asked[statusPath] = statusBody(t, "before")
			}
			for path, body := range asked {
				if status, code, _ := overHTTP(path, body); status != http.StatusServiceUnavailable || code != "601" {
					t.Errorf("%s while another client holds its lock: %d, code %s", path, status, code)
				}
			}
			release()
			first := ""
			for first == "" {
				status, code, id := overHTTP(kyrgyzstan, body)
				switch {
				case status == http.StatusOK:
					first = id
				case status != http.StatusServiceUnavailable:
					t.Fatal(status, code)
				default:
					time.Sleep(20 * time.Millisecond) // the writer is connecting again
				}
			}
			if status, _, again := overHTTP(kyrgyzstan, body); status != http.StatusOK || again != first {
				t.Errorf("the same once more: %d, %s; want %s", status, again, first)
			}
			held := int64(0)
			for _, id := range []string{"before", "p"} {
				v, err := mass.Store.PaymentView(t.Context(), 210, id)
				if err != nil || len(v.Operations) != 1 {
					t.Fatalf("%s: %+v, %v", id, v, err)
				}
				held += v.Operations[0].Amount
			}
			all, err := mass.Store.Balances(t.Context(), 210)
			if b := all["KGS"]; err != nil || b.Sum(ledger.Held) != held {
				t.Errorf("held %+v, %v; want %d", all, err, held)
			}
		})
	}
}
