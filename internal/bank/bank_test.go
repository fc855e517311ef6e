package bank

import (
	"fmt"
	"math"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"flashpay/internal/pgtest"
)

// TestTable walks every row of the table of endings: each submission's answer (0: the connection breaks), what an
// inquiry says after it, and in the end the notices and the counts.
func TestTable(t *testing.T) {
	type sub struct {
		answers int
		status  string // of the answer
		inquiry string // the status right after, "unknown" for 404
	}
	tests := []struct {
		ending   string
		subs     []sub
		notices  string
		ends     string // what the last inquiry says
		executed int64
	}{
		{"0001", []sub{{200, "ACCP", "RJCT"}}, "RJCT/MS03", "RJCT/MS03", 0},
		{"0002", []sub{{200, "ACCP", "RJCT"}}, "RJCT/AC01", "RJCT/AC01", 0},
		{"0003", []sub{{200, "ACCP", "RJCT"}}, "RJCT/AC04", "RJCT/AC04", 0},
		{"0004", []sub{{200, "ACCP", "RJCT"}}, "RJCT/AC06", "RJCT/AC06", 0},
		{"0005", []sub{{200, "ACCP", "RJCT"}}, "RJCT/NARR", "RJCT/NARR", 0},
		{"0006", []sub{{503, "", "unknown"}, {503, "", "unknown"}, {200, "ACCP", "ACSC"}}, "ACSC", "ACSC", 1},
		{"0007", []sub{{0, "", "ACSC"}, {200, "ACSC", "ACSC"}}, "", "ACSC", 1},
		{"0008", []sub{{0, "", "unknown"}, {200, "ACCP", "ACSC"}}, "ACSC", "ACSC", 1},
		{"0009", []sub{{200, "ACCP", "PDNG"}, {200, "ACCP", "PDNG"}}, "", "PDNG", 0},
		{"0010", []sub{{200, "ACCP", "ACSC"}}, "ACSC ACSC ACSC", "ACSC", 1},
		{"0011", []sub{{200, "ACCP", "ACSC"}}, "ACSC", "ACSC", 1},
		{"0012", []sub{{200, "ACCP", "ACSC"}}, "ACSC ACSC/returned", "ACSC/returned", 1},
		{"0013", []sub{{200, "ACCP", "PDNG"}, {200, "ACCP", "PDNG"}}, "ACSC", "ACSC", 1},
		{"0014", []sub{{200, "ACSC", "ACSC"}}, "", "ACSC", 1},
		{"0015", []sub{{200, "ACCP", "PDNG"}}, "ACSC", "ACSC", 1},
		{"0016", []sub{{200, "ACCP", "ACSC"}, {200, "ACSC", "ACSC"}}, "ACSC", "ACSC", 1},
		{"0020", []sub{{200, "ACCP", "ACSC"}}, "ACSC ACSC/returned", "ACSC/returned", 1},
		{"0021", []sub{{200, "ACCP", "ACSC"}}, "ACSC ACSC/returned ACSC/returned", "ACSC/returned", 1},
		{"0022", []sub{{200, "ACCP", "RJCT"}}, "RJCT/MS03 ACSC/returned", "ACSC/returned", 0},
		{"7", []sub{{200, "ACCP", "ACSC"}}, "ACSC", "ACSC", 1},
	}
	engines(t, func(t *testing.T, state string) {
		w := newWorld(t, Config{State: state, ReturnAfter: 10 * time.Second, LateAfter: 10 * time.Second})
		for _, tt := range tests {
			key := "KEY" + tt.ending
			f := transferOf(key, "12345678"+tt.ending)
			if tt.ending == "7" {
				f["account"] = "7"
			}
			for i, s := range tt.subs {
				r := w.submit(f)
				if r.status != s.answers || r.Status != s.status {
					t.Errorf("%s: submission %d answered %d %s, want %d %s", tt.ending, i+1, r.status, r.Status, s.answers, s.status)
				}
				if s.status != "" {
					checkEcho(t, r.arrival, f)
				}
				q := w.inquire(key)
				got := q.Status
				if q.status == http.StatusNotFound && q.Error.Code == "unknown_key" && q.Error.Key == key {
					got = "unknown"
				}
				if got != s.inquiry {
					t.Errorf("%s: inquiry after submission %d says %d %s, want %s", tt.ending, i+1, q.status, got, s.inquiry)
				}
			}
		}
		for _, tt := range tests {
			key := "KEY" + tt.ending
			w.eventually(tt.ending+" ends as "+tt.ends, func() bool { return statuses([]arrival{w.inquire(key).arrival}) == tt.ends })
			w.eventually(tt.ending+" notifies "+tt.notices, func() bool { return statuses(w.inbox.of(key)) == tt.notices })
		}
		w.settle()
		for _, tt := range tests {
			key := "KEY" + tt.ending
			if got := statuses(w.inbox.of(key)); got != tt.notices {
				t.Errorf("%s: notified %q, want %q", tt.ending, got, tt.notices)
			}
			for _, a := range w.inbox.of(key) {
				if a.ID != bankID(key) || a.Reference != "1/"+key || a.Amount != 10000 || a.Currency != "KGS" {
					t.Errorf("%s: the notice says %+v", tt.ending, a)
				}
			}
			c := w.counts(key)
			if c.Submissions != int64(len(tt.subs)) || c.Executed != tt.executed || c.Reference != "1/"+key || c.Amount != 10000 {
				t.Errorf("%s: listed as %+v, want %d submissions, %d executions", tt.ending, c, len(tt.subs), tt.executed)
			}
		}
	})
}

func checkEcho(t *testing.T, got arrival, sent fields) {
	t.Helper()
	if got.Key != sent["key"] || got.Reference != sent["reference"] || got.Amount != int64(sent["amount"].(int)) ||
		got.Currency != sent["currency"] || got.Account != sent["account"] || got.ID == "" || got.At.IsZero() {
		t.Errorf("the answer %+v does not echo %v", got, sent)
	}
}

// TestTimes measures, in virtual time, when the timed rows act.
func TestTimes(t *testing.T) {
	state := filepath.Join(t.TempDir(), "bank")
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Config{State: state})
		began := time.Now()
		for _, ending := range []string{"0011", "0012", "0013", "0015", "0016"} {
			f := transferOf("K"+ending, ending)
			f["threshold"] = began.Add(time.Hour)
			w.submit(f)
			if n := len(w.inbox.of("K0011")); n != 1 {
				t.Errorf("0011 was answered before it was notified")
			}
		}
		time.Sleep(2 * time.Hour)
		want := map[string][]time.Duration{
			"K0011": {0}, "K0016": {0},
			"K0012": {0, 10 * time.Second},
			"K0013": {time.Hour + 10*time.Second},
			"K0015": {3 * time.Second},
		}
		for key, want := range want {
			var got []time.Duration
			for _, a := range w.inbox.of(key) {
				got = append(got, a.came.Sub(began).Round(time.Millisecond))
				if d := a.came.Sub(a.At); d < 0 || d > time.Second {
					t.Errorf("%s: the notice gives %v as its time and came at %v", key, a.At, a.came)
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s was notified after %v, want %v", key, got, want)
			}
		}
	})
}

// TestNoDedup shows that a bank without mercy executes what it is sent, each time.
func TestNoDedup(t *testing.T) {
	engines(t, func(t *testing.T, state string) {
		w := newWorld(t, Config{State: state, NoDedup: true, LateAfter: time.Millisecond, ReturnAfter: 50 * time.Millisecond})
		want := map[string]int64{"0001": 0, "0006": 2, "0007": 4, "0008": 3, "0009": 0, "0010": 4, "0012": 4, "0013": 4, "0014": 4, "0015": 4, "1234": 4}
		for ending := range want {
			f := transferOf("K"+ending, ending)
			f["threshold"] = time.Now()
			for range 4 {
				w.submit(f)
			}
		}
		for ending, executed := range want {
			w.eventually(fmt.Sprintf("%s is executed %d times", ending, executed), func() bool {
				c := w.counts("K" + ending)
				return c.Executed == executed && c.Submissions == 4
			})
		}
		w.settle()
		for ending, executed := range want {
			if c := w.counts("K" + ending); c.Executed != executed {
				t.Errorf("%s: executed %d times, want %d", ending, c.Executed, executed)
			}
		}
		if got := statuses(w.inbox.of("K1234")); got != "ACSC ACSC ACSC ACSC" {
			t.Errorf("four executions notified %q", got)
		}
	})
}

func TestRefusals(t *testing.T) {
	state := filepath.Join(t.TempDir(), "bank")
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Config{State: state})
		change := func(name string, value any) string {
			f := transferOf("K1", "1234")
			if value == nil {
				delete(f, name)
			} else {
				f[name] = value
			}
			var members []string
			for name, value := range f {
				members = append(members, fmt.Sprintf("%q:%s", name, mustJSON(value)))
			}
			return "{" + strings.Join(members, ",") + "}"
		}
		tests := map[string]struct {
			body   string
			status int
			code   string
			says   string
		}{
			"no JSON":           {"key=K1", 400, "bad_request", "not the JSON object"},
			"empty":             {"", 400, "bad_request", "not the JSON object"},
			"cut short":         {`{"key":"K1"`, 400, "bad_request", "not the JSON object"},
			"an array":          {`[]`, 400, "bad_request", "not the JSON object"},
			"something behind":  {change("key", "K1") + "{}", 400, "bad_request", "goes on"},
			"no key":            {change("key", nil), 400, "bad_request", "key:"},
			"a slash in key":    {change("key", "A/B"), 400, "bad_request", "key:"},
			"a long key":        {change("key", strings.Repeat("K", 36)), 400, "bad_request", "key:"},
			"no reference":      {change("reference", ""), 400, "bad_request", "reference:"},
			"NUL in reference":  {change("reference", "a\x00b"), 400, "bad_request", "reference:"},
			"no amount":         {change("amount", nil), 400, "bad_request", "amount:"},
			"a negative amount": {change("amount", -1), 400, "bad_request", "amount:"},
			"a fraction":        {change("amount", 1.5), 400, "bad_request", "amount"},
			"a huge amount":     {change("amount", math.MaxFloat64), 400, "bad_request", "amount"},
			"currency":          {change("currency", "kgs"), 400, "bad_request", "currency:"},
			"no account":        {change("account", ""), 400, "bad_request", "account:"},
			"threshold":         {change("threshold", "tomorrow"), 400, "bad_request", "tomorrow"},
			"no secret":         {change("notify_secret", nil), 400, "bad_request", "notify_secret:"},
			"a relative URL":    {change("notify_url", "/bank"), 400, "bad_request", "notify_url:"},
			"another scheme":    {change("notify_url", "ftp://platform/"), 400, "bad_request", "notify_url:"},
			"too large":         {change("reference", strings.Repeat("x", 70000)), 413, "too_large", "65536"},
		}
		for name, tt := range tests {
			r := w.do("POST", "/transfers", []byte(tt.body))
			if r.status != tt.status || r.Error.Code != tt.code || !strings.Contains(r.Error.Message, tt.says) {
				t.Errorf("%s: answered %d %+v, want %d %s, saying %q", name, r.status, r.Error, tt.status, tt.code, tt.says)
			}
		}
		if r := w.do("GET", "/transfers/a*b", nil); r.status != 400 {
			t.Errorf("inquiry by an impossible key: %d", r.status)
		}
		for _, n := range []string{"", "0", "-1", "x", "10001"} {
			if r := w.do("GET", "/transfers?newest="+n, nil); r.status != 400 {
				t.Errorf("the newest %q transfers: %d", n, r.status)
			}
		}
		if l := w.list(); len(l) != 0 {
			t.Errorf("refused submissions are in the books: %+v", l)
		}
		if r := w.do("GET", "/healthz", nil); r.status != 200 {
			t.Errorf("healthz: %d", r.status)
		}
	})
}

func TestAKeyBelongsToOneTransfer(t *testing.T) {
	engines(t, func(t *testing.T, state string) {
		w := newWorld(t, Config{State: state, NoDedup: true})
		w.submit(transferOf("K1", "1234"))
		for name, value := range map[string]any{"amount": 10001, "currency": "EUR", "account": "12345"} {
			f := transferOf("K1", "1234")
			f[name] = value
			if r := w.submit(f); r.status != http.StatusConflict || r.Error.Code != "key_conflict" || r.Error.Key != "K1" {
				t.Errorf("another %s: answered %d %+v", name, r.status, r.Error)
			}
		}
		if c := w.counts("K1"); c.Submissions != 1 || c.Executed != 1 || c.Amount != 10000 || c.Account != "1234" {
			t.Errorf("the transfer has become %+v", c)
		}
	})
}

// TestOneKeyAtOnce sends each of some keys from many callers at the same time, to two banks where they share books.
func TestOneKeyAtOnce(t *testing.T) {
	engines(t, func(t *testing.T, state string) {
		w := newWorld(t, Config{State: state})
		banks := []*Bank{w.bank}
		if w.bank.store.postgres {
			other, err := Open(t.Context(), w.bank.cfg)
			if err != nil {
				t.Fatal(err)
			}
			defer other.Close()
			banks = append(banks, other)
		}
		const keys, copies = 20, 30
		// 0006 fails twice before it is recorded, whoever sends.
		endings := []string{"1234", "0006"}
		var wg sync.WaitGroup
		for k := range keys {
			for c := range copies {
				wg.Go(func() {
					in := request{
						Key: fmt.Sprint("K", k), Reference: "r", Amount: 5, Currency: "KGS", Account: endings[k%2],
						NotifyURL: "http://platform/bank", NotifySecret: testSecret,
					}
					s := &submission{request: in, endpoint: newEndpoint(in.NotifyURL, in.NotifySecret), does: behaviourOf(in.Account), at: time.Now()}
					if err := banks[c%len(banks)].batch.Do(t.Context(), op{submits: []*submission{s}}); err != nil {
						t.Error(err)
					}
				})
			}
		}
		wg.Wait()
		for k := range keys {
			key := fmt.Sprint("K", k)
			if c := w.counts(key); c.Submissions != copies || c.Executed != 1 {
				t.Errorf("%s: %+v, want %d submissions and one execution", key, c, copies)
			}
			w.eventually("one notice of "+key, func() bool { return statuses(w.inbox.of(key)) == "ACSC" })
		}
	})
}

// TestRestart closes the bank with timed steps, failures and notices pending, and finds them in the books.
func TestRestart(t *testing.T) {
	engines(t, func(t *testing.T, state string) {
		w := newWorld(t, Config{State: state, ReturnAfter: 700 * time.Millisecond, LateAfter: 100 * time.Millisecond})
		w.inbox.mu.Lock()
		w.inbox.refuse = math.MaxInt
		w.inbox.mu.Unlock()
		for _, ending := range []string{"0006", "0008", "0010", "0012", "0013", "0015", "1234"} {
			f := transferOf("K"+ending, ending)
			f["threshold"] = time.Now().Add(500 * time.Millisecond)
			w.submit(f)
		}
		w.restart()
		if r := w.submit(transferOf("K0006", "0006")); r.status != 503 {
			t.Errorf("0006: the second submission, after a restart, answered %d", r.status)
		}
		if r := w.inquire("K0008"); r.status != 404 {
			t.Errorf("0008: inquiry after a restart answered %d", r.status)
		}
		w.restart()
		for _, ending := range []string{"0006", "0008"} {
			if r := w.submit(transferOf("K"+ending, ending)); r.status != 200 {
				t.Errorf("%s: the next submission, after a restart, answered %d", ending, r.status)
			}
		}
		w.inbox.mu.Lock()
		w.inbox.refuse = 0
		w.inbox.mu.Unlock()
		w.restart()
		want := map[string]string{
			"K0006": "ACSC", "K0008": "ACSC", "K0010": "ACSC ACSC ACSC", "K0013": "ACSC", "K0015": "ACSC", "K1234": "ACSC",
		}
		for key, notices := range want {
			w.eventually(key+" notifies "+notices, func() bool { return statuses(w.inbox.of(key)) == notices })
		}
		// The two notices of 0012 may change places, because the first was put off.
		w.eventually("K0012 notifies both", func() bool {
			return len(w.inbox.of("K0012")) == 2 && strings.Contains(statuses(w.inbox.of("K0012")), "/returned")
		})
		w.settle()
		for key := range want {
			if c := w.counts(key); c.Executed != 1 {
				t.Errorf("%s: executed %d times", key, c.Executed)
			}
		}
	})
}

// TestCrash leaves a bank with notices under way and opens its file again: the leases of the first are void at once.
func TestCrash(t *testing.T) {
	state := filepath.Join(t.TempDir(), "bank")
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Config{State: state})
		w.inbox.delay = 5 * time.Second
		for i := range 100 {
			w.submit(transferOf(fmt.Sprint("K", i), "1234"))
		}
		time.Sleep(time.Second)
		began := time.Now()
		second, err := Open(t.Context(), w.bank.cfg)
		if err != nil {
			t.Fatal(err)
		}
		for w.waiting(second) == 0 {
			time.Sleep(time.Millisecond)
		}
		if waited := time.Since(began); waited > 100*time.Millisecond {
			t.Errorf("the second bank took up the notices after %v", waited)
		}
		w.eventually("all are notified", func() bool {
			for i := range 100 {
				if len(w.inbox.of(fmt.Sprint("K", i))) == 0 {
					return false
				}
			}
			return true
		})
		if err := second.Close(); err != nil {
			t.Error(err)
		}
		second.cfg.Client.CloseIdleConnections()
	})
}

// TestLeasesRunOut has a node of a shared bank die with tasks leased: another takes them when the leases end.
func TestLeasesRunOut(t *testing.T) {
	w := newWorld(t, Config{State: pgtest.URL(t)})
	w.inbox.refuse = math.MaxInt
	w.submit(transferOf("K1", "1234"))
	w.submit(transferOf("K2", "0015"))
	w.stop()
	w.inbox.mu.Lock()
	w.inbox.refuse = 0
	w.inbox.mu.Unlock()
	// As if it had died holding them, a lease ago.
	s, err := openStore(t.Context(), w.bank.cfg.State, seals(t))
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	free := time.Now().Add(500 * time.Millisecond)
	if _, err := s.writer.Exec("UPDATE sandbox_bank.tasks SET due_at = 1, next_at = $1", free.UnixMicro()); err != nil {
		t.Fatal(err)
	}
	w.start(w.bank.cfg)
	for _, key := range []string{"K1", "K2"} {
		w.eventually(key+" is notified", func() bool { return statuses(w.inbox.of(key)) == "ACSC" })
	}
	if early := time.Until(free); early > 0 {
		t.Errorf("the tasks were taken %v before their leases had run out", early)
	}
}

// TestSchedule has the receiver refuse for a day: the waits are those of the schedule, and then the bank gives up.
func TestSchedule(t *testing.T) {
	state := filepath.Join(t.TempDir(), "bank")
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Config{State: state})
		w.inbox.refuse = math.MaxInt
		w.submit(transferOf("K1", "1234"))
		time.Sleep(30 * time.Hour)
		w.inbox.mu.Lock()
		defer w.inbox.mu.Unlock()
		var waits []time.Duration
		for i := 1; i < len(w.inbox.refused); i++ {
			waits = append(waits, w.inbox.refused[i].Sub(w.inbox.refused[i-1]).Round(100*time.Millisecond))
		}
		want := slices.Clone(retryAfter[:])
		if len(waits) < len(want) || !slices.Equal(waits[:len(want)], want) {
			t.Fatalf("the waits were %v, want %v and then hours", waits, want)
		}
		last := w.inbox.refused[len(waits)].Sub(w.inbox.refused[0])
		if last < 24*time.Hour || last > 25*time.Hour {
			t.Errorf("the last attempt came after %v", last)
		}
	})
}

// TestWaitingNoticesShareANotification has a slow receiver, so that notices gather.
func TestWaitingNoticesShareANotification(t *testing.T) {
	state := filepath.Join(t.TempDir(), "bank")
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Config{State: state})
		w.inbox.delay = time.Second
		const n = 200
		for i := range n {
			f := transferOf(fmt.Sprint("K", i), "1234")
			f["reference"] = strings.Repeat("\u00e9", 1+i%2*399)
			w.submit(f)
		}
		w.submit(transferOf("K0010", "0010"))
		w.eventually("all are notified", func() bool {
			w.inbox.mu.Lock()
			defer w.inbox.mu.Unlock()
			return len(w.inbox.arrivals) == n+3
		})
		if w.inbox.posts > 4+2*sendersPerURL {
			t.Errorf("%d notices took %d notifications", n+3, w.inbox.posts)
		}
		if w.inbox.largest > 49<<10 || w.inbox.largest < 16<<10 {
			t.Errorf("the largest notification had %d bytes", w.inbox.largest)
		}
	})
}

func TestTwoBanksFinishEachOthersWork(t *testing.T) {
	url := pgtest.URL(t)
	w := newWorld(t, Config{State: url})
	other, err := Open(t.Context(), w.bank.cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	for i := range 20 {
		w.submit(transferOf(fmt.Sprint("K", i), "0015"))
	}
	w.stop() // the one that took them is gone when they are due
	w.eventually("the other bank executes and notifies", func() bool {
		for i := range 20 {
			if statuses(w.inbox.of(fmt.Sprint("K", i))) != "ACSC" {
				return false
			}
		}
		return true
	})
	for i := range 20 {
		row, _, err := other.store.transfer(t.Context(), fmt.Sprint("K", i))
		if err != nil || row.executed != 1 {
			t.Errorf("K%d was executed %d times (%v)", i, row.executed, err)
		}
	}
}

func TestOpenAtOnceOnAnEmptyDatabase(t *testing.T) {
	url := pgtest.URL(t)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			b, err := Open(t.Context(), Config{State: url, Vault: seals(t)})
			if err != nil {
				t.Error(err)
				return
			}
			if err := b.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func TestOpenErrors(t *testing.T) {
	tests := map[string]Config{
		"no state":         {},
		"no such folder":   {State: filepath.Join(t.TempDir(), "none", "bank")},
		"a folder":         {State: t.TempDir()},
		"no such server":   {State: "postgres://nobody@127.0.0.1:1/none?sslmode=disable&connect_timeout=1"},
		"no address":       {State: "postgres://%zz"},
		"a negative delay": {State: filepath.Join(t.TempDir(), "bank"), ReturnAfter: -1},
	}
	for name, cfg := range tests {
		t.Run(name, func(t *testing.T) {
			b, err := Open(t.Context(), cfg)
			if err == nil {
				b.Close()
				t.Fatal("opened")
			}
			if !strings.HasPrefix(err.Error(), "bank: ") {
				t.Errorf("the error does not say whose it is: %v", err)
			}
		})
	}
}

// TestDurable reads what the writer's connection is set to: a test that kills a process cannot show it, because
// the page cache survives.
func TestDurable(t *testing.T) {
	b, err := Open(t.Context(), Config{State: filepath.Join(t.TempDir(), "a file with spaces?.bank")})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	var mode string
	var synchronous int
	if err := b.store.writer.QueryRow("PRAGMA journal_mode").Scan(&mode); err != nil {
		t.Fatal(err)
	}
	if err := b.store.writer.QueryRow("PRAGMA synchronous").Scan(&synchronous); err != nil {
		t.Fatal(err)
	}
	if mode != "wal" || synchronous != 2 {
		t.Errorf("journal_mode %s, synchronous %d; want wal, 2 (FULL)", mode, synchronous)
	}
}
