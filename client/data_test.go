package client_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"flashpay/client"
	"flashpay/signature"
)

// dataOf is a Data API that has so many operations in any interval. It fails once in a while.
func dataOf(t *testing.T, operations int, asked *atomic.Int64) *client.Data {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		n := asked.Add(1)
		v, err := signature.Parse(b)
		if err == nil {
			_, err = signature.Verify(b, key)
		}
		if err != nil || r.URL.Path != "/v1/operations/get" || v.Get("token").Text != "token-1" || v.Get("interval", "from").Text != "2026-01-31 18:00:00" {
			answer(w, 401, `{"status":401,"name":"Authorization Required","message":"the token is not valid","code":0}`)
			return
		}
		switch n {
		case 2:
			w.Header().Set("Retry-After", "0")
			answer(w, 429, `{"status":429,"name":"Too Many Requests","message":"an account may send 60 requests a minute","code":0}`)
			return
		case 3:
			hangUp(w)
			return
		}
		var limit, offset int
		_, _ = fmt.Sscan(v.Get("limit").Text+" "+v.Get("offset").Text, &limit, &offset)
		var items []string
		for i := offset; i < min(operations, offset+limit); i++ {
			items = append(items, fmt.Sprintf(`{"operation_id":"%d","operation_completed_at":"2026-02-01T00:00:00+00:00","sum_initial":{"amount":%d,"currency":"KGS"},"arn":""}`, i+1, i))
		}
		answer(w, 200, signFeed(`{"operations":[`+strings.Join(items, ",")+`]}`))
	}))
	t.Cleanup(s.Close)
	d, err := client.NewData(client.DataConfig{URL: s.URL, Token: "token-1", Secret: key, Backoff: time.Microsecond})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// february is given in a zone of its own; it is asked for in UTC.
func february() client.OperationsQuery {
	bishkek := time.FixedZone("", 6*3600)
	return client.OperationsQuery{From: time.Date(2026, 2, 1, 0, 0, 0, 0, bishkek), To: time.Date(2026, 2, 28, 23, 59, 59, 0, bishkek)}
}

func TestOperationsPageByThemselves(t *testing.T) {
	for _, count := range []int{0, 1, 999, 1000, 1001, 2500} {
		var asked atomic.Int64
		read := 0
		for row, err := range dataOf(t, count, &asked).Operations(t.Context(), february()) {
			if err != nil {
				t.Fatal(err)
			}
			at, err := row.Time("operation_completed_at")
			if row["operation_id"] != fmt.Sprint(read+1) || row["sum_initial.amount"] != fmt.Sprint(read) || row["sum_initial.currency"] != "KGS" || err != nil || at.Day() != 1 {
				t.Fatalf("row %d: %v, %v", read, row, err)
			}
			read++
		}
		if pages := int64(count/1000 + 1); read != count || asked.Load() < pages || asked.Load() > pages+2 {
			t.Errorf("%d operations of %d, asked %d times", read, count, asked.Load())
		}
	}
}

func TestOperationsStopWithAnError(t *testing.T) {
	var asked atomic.Int64
	d := dataOf(t, 5, &asked)
	march := february()
	march.From = march.From.AddDate(0, 0, 1)
	for name, q := range map[string]client.OperationsQuery{
		"401": march, "From and To": {}, "in this order": {From: march.To, To: march.From}, "several ways": {From: february().From, To: march.To, CustomerEmail: "a;b:c"},
	} {
		n := 0
		for row, err := range d.Operations(t.Context(), q) {
			if n++; row != nil || err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("%s: %v, %v", name, row, err)
			}
		}
		if n != 1 {
			t.Errorf("%s: %d results", name, n)
		}
	}
	for _, c := range []client.DataConfig{{URL: "http://x", Token: "t"}, {URL: "http://x", Secret: "s"}, {URL: "x", Token: "t", Secret: "s"}} {
		if _, err := client.NewData(c); err == nil {
			t.Errorf("%+v is taken", c)
		}
	}
}
