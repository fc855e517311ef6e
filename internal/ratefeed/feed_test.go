package ratefeed

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"flashpay/internal/rates"
	"flashpay/internal/store"
	"flashpay/internal/store/jobs"
	"flashpay/internal/storetest"
	"flashpay/internal/work"
)

// bankSite is a bank's site: files by their paths, and how often each was fetched.
type bankSite struct {
	*httptest.Server
	mu      sync.Mutex
	files   map[string]string
	fetched map[string]int
	during  func() // while a file is fetched; nil: nothing
}

func newBankSite(t *testing.T) *bankSite {
	b := &bankSite{files: make(map[string]string), fetched: make(map[string]int)}
	b.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.mu.Lock()
		file, during := b.files[r.URL.Path], b.during
		b.fetched[r.URL.Path]++
		b.mu.Unlock()
		if during != nil {
			during()
		}
		if file == "" {
			http.Error(w, "no such file", http.StatusServiceUnavailable)
			return
		}
		_, _ = fmt.Fprint(w, file)
	}))
	t.Cleanup(b.Close)
	return b
}

func (b *bankSite) put(path, file string, during func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.files[path], b.during = file, during
}

func (b *bankSite) count(path string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.fetched[path]
}

// bankFile is a file of the National Bank.
func bankFile(name, day string, pairs ...string) string {
	var rows strings.Builder
	for i := 0; i+1 < len(pairs); i += 2 {
		fmt.Fprintf(&rows, `<Currency ISOCode="%s"><Nominal>1</Nominal><Value>%s</Value></Currency>`, pairs[i], pairs[i+1])
	}
	return `<?xml version="1.0" encoding="windows-1251"?><CurrencyRates Name="` + name + ` Exchange Rates" Date="` + day + `">` + rows.String() + `</CurrencyRates>`
}

func open(t *testing.T, url string, clock *storetest.Clock) *store.Store {
	t.Helper()
	return storetest.OpenAs(t, store.Config{URL: url, Keyset: storetest.Keyset(), Serve: true, Clock: clock.Now})
}

func add(t *testing.T, s *store.Store, f Feed) int64 {
	t.Helper()
	id, err := Add(t.Context(), s, f, "cli:root")
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// turn leases what is due and runs it as a work.Runner does; it returns the error of the job.
func (s *Service) turn(t *testing.T) (ran bool, failure error) {
	t.Helper()
	runs, err := jobs.Lease(t.Context(), s.Store, Kind, 1, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if len(runs) == 0 {
		return false, nil
	}
	err = s.run(t.Context(), runs[0])
	var pause *work.JobPause
	switch {
	case errors.As(err, &pause):
		failure, err = nil, runs[0].Postpone(t.Context(), pause.Until, "", false)
	case errors.Is(err, jobs.ErrLost):
		return true, err
	default:
		failure, err = err, runs[0].Postpone(t.Context(), s.Store.Now().Add(10*time.Second), err.Error(), true)
	}
	if err != nil {
		t.Fatal(err)
	}
	return true, failure
}

func feeds(t *testing.T, s *store.Store) []*Info {
	t.Helper()
	found, err := Feeds(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func som(s *store.Store, code string) string {
	r, ok := s.Rates().Rate(code, "KGS", s.Now(), rates.MaxAge, []rates.Source{rates.NBKR})
	if !ok {
		return "none"
	}
	return r.Value().String()
}

// A feed imports each day's file once, the first one at once; a page in its place is told, tried again, and the file then imported.
func TestAFeedImportsEachDayOnce(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		clock := storetest.NewClock(time.Date(2026, 5, 23, 4, 0, 0, 0, time.UTC)) // 10:00 in Bishkek
		s, site := open(t, url, clock), newBankSite(t)
		service := &Service{Store: s, Client: New(site.Client().Transport)}
		site.put("/daily.xml", bankFile("Daily", "23.05.2026", "USD", "87,4500", "EUR", "95,1106"), nil)
		site.put("/weekly.xml", bankFile("Weekly", "23.05.2026", "GBP", "117,8214", "EUR", "90"), nil)
		daily := Feed{Source: rates.NBKR, URL: site.URL + "/daily.xml", At: "16:30", Zone: "Asia/Bishkek"}
		weekly := Feed{Source: rates.NBKR, URL: site.URL + "/weekly.xml", At: "16:35", Zone: "Asia/Bishkek"}
		id := add(t, s, daily)
		add(t, s, weekly)
		if _, err := Add(t.Context(), s, daily, "cli:root"); !errors.Is(err, ErrFeedExists) {
			t.Errorf("the same file again: %v", err)
		}
		for range 3 {
			if _, err := service.turn(t); err != nil {
				t.Fatal(err)
			}
		}
		if site.count("/daily.xml") != 1 || site.count("/weekly.xml") != 1 || som(s, "USD") != "87.4500" || som(s, "EUR") != "95.1106" || som(s, "GBP") != "117.8214" {
			t.Errorf("fetched %v; USD %s, EUR %s, GBP %s", site.fetched, som(s, "USD"), som(s, "EUR"), som(s, "GBP"))
		}
		first := feeds(t, s)[0]
		if first.Next != time.Date(2026, 5, 23, 10, 30, 0, 0, time.UTC) || first.Failing() || first.Last.Added != 2 || first.Last.Rates != 2 {
			t.Errorf("after the first day: %+v", first)
		}

		clock.Advance(6*time.Hour + 31*time.Minute) // 16:31 in Bishkek
		site.put("/daily.xml", "<!DOCTYPE html><html>later</html>", nil)
		for range 2 {
			if ran, err := service.turn(t); !ran || err == nil {
				t.Fatalf("of a page: ran %v, %v", ran, err)
			}
			clock.Advance(10 * time.Second)
		}
		first = feeds(t, s)[0]
		if !first.Failing() || first.Why != Maintenance || first.Attempts != 2 || first.Due != time.Date(2026, 5, 23, 10, 30, 0, 0, time.UTC) || !strings.Contains(first.Fault, "HTML page") {
			t.Errorf("of a page: %+v", first)
		}
		site.put("/daily.xml", bankFile("Daily", "24.05.2026", "USD", "88"), nil)
		for range 3 {
			if _, err := service.turn(t); err != nil {
				t.Fatal(err)
			}
		}
		first = feeds(t, s)[0]
		if first.Failing() || first.Last.Added != 1 || site.count("/daily.xml") != 4 || first.Next != time.Date(2026, 5, 24, 10, 30, 0, 0, time.UTC) {
			t.Errorf("after the page: %+v, fetched %v", first, site.fetched)
		}

		clock.Advance(72 * time.Hour) // the platform was away for days: the file of today is what there is
		for range 3 {
			if _, err := service.turn(t); err != nil {
				t.Fatal(err)
			}
		}
		if site.count("/daily.xml") != 5 || som(s, "USD") != "88" {
			t.Errorf("after days away: fetched %v, USD %s", site.fetched, som(s, "USD"))
		}
		if f := feeds(t, s)[0]; f.Stale(clock.Now()) || !f.Stale(clock.Now().Add(8*24*time.Hour)) {
			t.Errorf("a file of %s is stale: %v", f.Last.Newest, f.Stale(clock.Now()))
		}
		if err := Remove(t.Context(), s, id, "cli:root"); err != nil {
			t.Fatal(err)
		}
		if err := Remove(t.Context(), s, id, "cli:root"); !errors.Is(err, store.ErrNotFound) || len(feeds(t, s)) != 1 {
			t.Errorf("removed twice: %v", err)
		}
		if again := add(t, s, daily); again == id {
			t.Error("a feed that was removed cannot be added again")
		}
	})
}

// A node that fetched a file and then was away too long commits nothing: another one has imported the day.
func TestADayIsImportedByOneNode(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		clock := storetest.NewClock(time.Date(2026, 5, 23, 4, 0, 0, 0, time.UTC))
		s, site := open(t, url, clock), newBankSite(t)
		other := s
		if s.Path() == "" { // PostgreSQL has any number of nodes
			other = open(t, url, clock)
		}
		client := New(site.Client().Transport)
		first, second := &Service{Store: s, Client: client}, &Service{Store: other, Client: client}
		file := bankFile("Daily", "23.05.2026", "USD", "87,4500")
		var takenOver error
		site.put("/daily.xml", file, func() {
			site.put("/daily.xml", file, nil)
			clock.Advance(2 * time.Minute) // the lease has ended
			_, takenOver = second.turn(t)
		})
		add(t, s, Feed{Source: rates.NBKR, URL: site.URL + "/daily.xml", At: "16:30", Zone: "Asia/Bishkek"})
		if _, err := first.turn(t); !errors.Is(err, jobs.ErrLost) {
			t.Errorf("the first node: %v", err)
		}
		if takenOver != nil {
			t.Errorf("the second node: %v", takenOver)
		}
		stored, err := s.RateQuotes(t.Context(), time.Time{}, clock.Now())
		if err != nil || len(stored) != 1 || stored[0].Actor != "feed:nbkr" {
			t.Errorf("stored %+v, %v", stored, err)
		}
		lines, err := s.AuditLog(t.Context(), store.AuditFilter{Action: "rates add", Limit: 10})
		if err != nil || len(lines) != 1 {
			t.Errorf("%d lines in the audit log, %v", len(lines), err)
		}
		if done := feeds(t, s)[0]; done.Last.Added != 1 || done.Failing() || site.count("/daily.xml") != 2 {
			t.Errorf("the feed: %+v, fetched %v", done, site.fetched)
		}
	})
}

// The work of a process that ended between fetching and committing is done again by the next one.
func TestACrashAfterFetching(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		clock := storetest.NewClock(time.Date(2026, 5, 23, 4, 0, 0, 0, time.UTC))
		s, site := open(t, url, clock), newBankSite(t)
		ctx, crash := context.WithCancel(t.Context())
		file := bankFile("Daily", "23.05.2026", "USD", "87,4500")
		site.put("/daily.xml", file, nil)
		add(t, s, Feed{Source: rates.NBKR, URL: site.URL + "/daily.xml", At: "16:30", Zone: "Asia/Bishkek"})
		service := &Service{Store: s, Client: New(site.Client().Transport)}
		runs, err := jobs.Lease(t.Context(), s, Kind, 1, time.Minute)
		if err != nil || len(runs) != 1 {
			t.Fatal(runs, err)
		}
		fetched, err := service.Client.Fetch(ctx, rates.NBKR, site.URL+"/daily.xml")
		if err != nil {
			t.Fatal(err)
		}
		crash()
		if err := service.take(ctx, runs[0], &Feed{Source: rates.NBKR}, fetched, clock.Now()); err == nil || som(s, "USD") != "none" {
			t.Fatalf("the process went on after its end: %v", err)
		}
		if ran, _ := service.turn(t); ran {
			t.Error("the job is leased twice")
		}
		clock.Advance(2 * time.Minute)
		if ran, err := service.turn(t); !ran || err != nil || som(s, "USD") != "87.4500" {
			t.Errorf("taken over: %v, %v; USD %s", ran, err, som(s, "USD"))
		}
	})
}

func TestWhenFeedsAreDue(t *testing.T) {
	t.Parallel()
	at := func(text string) time.Time {
		when, err := time.Parse("2006-01-02 15:04", text)
		if err != nil {
			t.Fatal(err)
		}
		return when
	}
	for _, c := range []struct{ at, zone, now, newest, next string }{
		{"16:30", "Asia/Bishkek", "2026-05-23 10:29", "2026-05-22 10:30", "2026-05-23 10:30"},
		{"16:30", "Asia/Bishkek", "2026-05-23 10:30", "2026-05-23 10:30", "2026-05-24 10:30"},
		{"00:10", "Pacific/Kiritimati", "2026-05-23 10:09", "2026-05-22 10:10", "2026-05-23 10:10"},
		{"23:50", "Pacific/Pago_Pago", "2026-05-23 10:51", "2026-05-23 10:50", "2026-05-24 10:50"},
		{"16:15", "Europe/Berlin", "2026-03-28 15:15", "2026-03-28 15:15", "2026-03-29 14:15"},
	} {
		f := Feed{At: c.at, Zone: c.zone}
		newest, next, err := f.turns(at(c.now))
		if err != nil || !newest.Equal(at(c.newest)) || !next.Equal(at(c.next)) {
			t.Errorf("%+v: %s, %s, %v", c, newest, next, err)
		}
	}
	good := Feed{Source: rates.ECB, URL: "https://www.ecb.europa.eu/eurofxref.xml", At: "16:30", Zone: "Europe/Berlin"}
	if err := good.Check(); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(f *Feed){
		"source": func(f *Feed) { f.Source = rates.Manual }, "http": func(f *Feed) { f.URL = "http://www.ecb.europa.eu/" },
		"long": func(f *Feed) { f.URL += strings.Repeat("x", maxAddress) }, "time": func(f *Feed) { f.At = "24:00" }, "short": func(f *Feed) { f.At = "4:30" },
		"zone": func(f *Feed) { f.Zone = "Bishkek" }, "none": func(f *Feed) { f.Zone = "" }, "local": func(f *Feed) { f.Zone = "Local" },
	} {
		bad := good
		if change(&bad); !errors.Is(bad.Check(), ErrFeed) {
			t.Errorf("%s: %v", name, bad.Check())
		}
	}
}
