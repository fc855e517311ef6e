package e2e

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"testing"

	"flashpay/client"
	"flashpay/internal/payout"
)

// Two account numbers of one length: the bank takes the second where it was asked to pay to the first.
const asked, paid = "10900000004598", "10900000012345"

// wrongBank leads to the bank, and on the way turns one account number into the other.
func wrongBank(t *testing.T, bank string) string {
	to, err := url.Parse(bank)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(to)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		r.Body = io.NopCloser(bytes.NewReader(bytes.ReplaceAll(body, []byte(asked), []byte(paid))))
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// A bank that pays to another account than it was asked to is never believed: no success, in none of its answers, inquiries
// or notifications, and somebody is told of the mismatch. Payouts beside it go through.
func TestAWrongPayeeIsNoSuccess(t *testing.T) {
	t.Parallel()
	engines(t, func(t *testing.T, db database) {
		bank := db.start(t, "bank", "--listen", "127.0.0.1:0", "--state", db.dir+"/bank")
		node := db.serve(t, "--bank-url", wrongBank(t, bank.Bank))
		web := newReceiver(t)
		db.project(t, 210, web, "--threshold", "30s")
		waitForProject(t, node.Gate, 210)
		for _, p := range []client.Payout{to(asked, "wrong"), to("20900000004598", "right")} {
			if _, err := shop(t, node.Gate, 210).Create(t.Context(), p); err != nil {
				t.Fatal(err)
			}
		}
		if cb := web.await(t, "right"); cb.Status != client.StatusSuccess {
			t.Errorf("the payout beside it: %+v", cb)
		}
		if cb := web.await(t, "wrong"); cb.Status != client.StatusDecline || cb.Operation.Code != "603" {
			t.Errorf("callback %s, code %s; want it declined at its threshold", cb.Status, cb.Operation.Code)
		}
		if tr := book(t, bank.Bank)["210/wrong"]; tr.Account != paid || tr.Executed != 1 {
			t.Errorf("the bank's book: %+v; want it paid to %s", tr, paid)
		}
		s := db.open(t)
		all, err := s.Discrepancies(t.Context(), 210)
		if err != nil || len(all) == 0 {
			t.Fatalf("discrepancies %+v, %v; want a mismatch", all, err)
		}
		for _, d := range all {
			if d.Kind != payout.Mismatch {
				t.Errorf("discrepancy %s, want %s", d.Kind, payout.Mismatch)
			}
		}
		if n := len(web.callbacks("wrong")); n != 1 {
			t.Errorf("%d callbacks", n)
		}
		if got, want := db.funds(t, 210), (funds{Available: 100000000 - 2*100000, Disputed: 100000}); got != want {
			t.Errorf("funds %+v, want %+v: the money of the wrong payout waits for people", got, want)
		}
	})
}
