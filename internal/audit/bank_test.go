package audit_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"flashpay/internal/audit"
	"flashpay/internal/payout"
	"flashpay/internal/store"
	"flashpay/internal/storetest"
)

// bookLine is a line of a bank's books, before it is text.
type bookLine struct {
	key, reference    string
	amount            int64
	currency, account string
	executed          int64
}

func (l bookLine) String() string {
	return fmt.Sprintf(`{"key":%q,"reference":%q,"amount":%d,"currency":%q,"account":%q,"submissions":1,"executed":%d,"state":"succeeded"}`,
		l.key, l.reference, l.amount, l.currency, l.account, l.executed)
}

// booksOf are the books of a bank that did everything right.
func booksOf(t *testing.T, s *store.Store, ids ...string) []bookLine {
	t.Helper()
	var lines []bookLine
	for _, id := range ids {
		v, err := s.PaymentView(t.Context(), 210, id)
		if err != nil {
			t.Fatal(err)
		}
		o := v.Operations[0]
		l := bookLine{o.Key, "210/" + v.Payment.PaymentID, o.Amount, o.Currency, "1090000000000000", 0}
		if v.Payment.Status == payout.Success || o.Stage == payout.Unsettled {
			l.executed = 1
		}
		lines = append(lines, l)
	}
	return lines
}

func serveBooks(t *testing.T, text func() string) string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/transfers" {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write([]byte(text()))
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

func TestBooksOfTheBank(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := open(t, url, true)
		r := &road{t, s}
		r.project(210, 1<<40)
		for _, id := range []string{"One", "two", "three"} {
			r.succeed(r.send(newPayout(210, id, 1000)))
		}
		r.step(r.send(newPayout(210, "declined", 1000)), store.Step{Event: payout.Declined, Code: 20000})
		w := r.send(newPayout(210, "paid-after-no", 1000))
		r.step(w, store.Step{Event: payout.Declined, Code: 20000})
		r.step(w, store.Step{Event: payout.Succeeded})
		p := newPayout(210, "late", 1000)
		p.Threshold = soon
		w = r.send(p)
		r.send(newPayout(210, "sending", 1000))
		r.pass(w.Operation.ThresholdAt)
		r.step(w, store.Step{Event: payout.Threshold, Code: payout.CodeAutoDecline})
		r.step(w, store.Step{Event: payout.Succeeded})
		ids := []string{"one", "two", "three", "declined", "paid-after-no", "late", "sending"}
		const one, two, declined, afterNo, sending = 0, 1, 3, 4, 6
		for name, c := range map[string]struct {
			change func([]bookLine) []bookLine
			want   string // the only finding; empty: none
			of     string // whose it is
		}{
			"as it should be":    {func(l []bookLine) []bookLine { return l }, "", ""},
			"in any order":       {func(l []bookLine) []bookLine { slices.Reverse(l); return l }, "", ""},
			"a discrepancy":      {func(l []bookLine) []bookLine { l[afterNo].executed = 1; return l }, "", ""},
			"not heard of yet":   {func(l []bookLine) []bookLine { l[sending].executed = 1; return l }, "", ""},
			"not received":       {func(l []bookLine) []bookLine { return slices.Delete(l, declined, declined+1) }, "", ""},
			"a try of strangers": {func(l []bookLine) []bookLine { return append(l, bookLine{key: "OTHER", reference: "9/x"}) }, "", ""},
			"paid twice":         {func(l []bookLine) []bookLine { l[one].executed = 2; return l }, "paid twice", "210/One"},
			"paid, but declined": {func(l []bookLine) []bookLine { l[declined].executed = 1; return l }, "paid, but declined", "210/declined"},
			"never executed":     {func(l []bookLine) []bookLine { l[two].executed = 0; return l }, "success without execution", "210/two"},
			"not listed":         {func(l []bookLine) []bookLine { return slices.Delete(l, two, two+1) }, "success without execution", "210/two"},
			"listed twice":       {func(l []bookLine) []bookLine { return append(l, l[two]) }, "lists key", "210/two"},
			"not ours":           {func(l []bookLine) []bookLine { return append(l, bookLine{"OTHER", "9/x", 5, "KGS", "1", 1}) }, "no operation of ours", "9/x"},
			"another amount":     {func(l []bookLine) []bookLine { l[one].amount++; return l }, "the operation is of 1000 KGS", "210/One"},
			"another currency":   {func(l []bookLine) []bookLine { l[one].currency = "USD"; return l }, "the operation is of 1000 KGS", "210/One"},
			"another account":    {func(l []bookLine) []bookLine { l[one].account = "1"; return l }, "to another account", "210/One"},
			"another name":       {func(l []bookLine) []bookLine { l[one].reference = "210/two"; return l }, "knows key", "210/One"},
		} {
			t.Run(name, func(t *testing.T) {
				var text strings.Builder
				for _, l := range c.change(booksOf(t, s, ids...)) {
					fmt.Fprintln(&text, l)
				}
				report := run(t, audit.Config{Store: s, BankURL: serveBooks(t, text.String) + "/", Patience: 30 * time.Millisecond})
				if c.want == "" {
					clean(t, report)
					return
				}
				if report.OK || len(report.Findings) != 1 || report.Failures[audit.KindBank] != 1 || report.Findings[0].Name() != c.of ||
					!strings.Contains(report.Findings[0].What, c.want) {
					t.Errorf("want «%s» of %s, found %v\n%s", c.want, c.of, report.Failures, list(report))
				}
			})
		}
	})
}

// TestResultOnItsWay audits while the bank has paid what was declined, and the notification that opens the discrepancy
// comes a moment later.
func TestResultOnItsWay(t *testing.T) {
	s := open(t, storetest.URL(t, storetest.SQLite), true)
	r := &road{t, s}
	r.project(210, 1<<40)
	w := r.send(newPayout(210, "p", 1000))
	r.step(w, store.Step{Event: payout.Declined, Code: 20000})
	lines := booksOf(t, s, "p")
	lines[0].executed = 1
	var notified sync.WaitGroup
	address := serveBooks(t, func() string {
		notified.Go(func() {
			time.Sleep(50 * time.Millisecond)
			r.step(w, store.Step{Event: payout.Succeeded})
		})
		return lines[0].String() + "\n"
	})
	report := run(t, audit.Config{Store: s, BankURL: address, Patience: 3 * time.Second})
	notified.Wait()
	clean(t, report)
}

func TestBooksThatCannotBeRead(t *testing.T) {
	s := open(t, storetest.URL(t, storetest.SQLite), false)
	broken := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintln(w, bookLine{key: "K", reference: "1/a"})
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}))
	defer broken.Close()
	for name, address := range map[string]string{
		"no address":     "127.0.0.1:1",
		"nobody there":   "http://127.0.0.1:1",
		"not a bank":     serveBooks(t, func() string { return "<html>" }),
		"another path":   serveBooks(t, func() string { return "" }) + "/bank",
		"a line too big": serveBooks(t, func() string { return strings.Repeat("x", 1<<17) }),
		"broken off":     broken.URL,
	} {
		if report, err := audit.Run(t.Context(), audit.Config{Store: s, BankURL: address}); err == nil || !strings.Contains(err.Error(), "bank") {
			t.Errorf("%s: %v, %+v", name, err, report)
		}
	}
}
