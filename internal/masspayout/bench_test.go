package masspayout_test

import (
	"bufio"
	"context"
	"encoding/csv"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"flashpay/internal/ledger"
	"flashpay/internal/masspayout"
	"flashpay/internal/merchant"
	"flashpay/internal/store"
	"flashpay/internal/store/paid"
	"flashpay/internal/storetest"
)

var massRows = flag.Int("mass-rows", 10_000, "rows of the file that BenchmarkCheck checks")

// BenchmarkCheck measures a check with all its lookups beside encoding/csv, which only reads the same file: csv/s are rows a
// second of the one, ratio is how much longer the other takes. Peak memory is of the process, with what the store takes.
func BenchmarkCheck(b *testing.B) {
	path := salaries(b, *massRows)
	alone := time.Hour
	aloneCPU := time.Hour
	for range 3 {
		before := cpu()
		alone = min(alone, readAlone(b, path))
		aloneCPU = min(aloneCPU, cpu()-before)
	}
	for _, engine := range storetest.Engines() {
		b.Run(engine, func(b *testing.B) {
			s := openStore(b, storetest.URL(b, engine))
			p := &merchant.Project{ID: 210, MerchantID: 7, Name: "shop", Mode: merchant.Test, Settings: merchant.Settings{CallbackURL: "http://127.0.0.1:1/"}}
			if err := s.CreateProject(b.Context(), p, "key", map[string]int64{"KGS": 1000}, "test"); err != nil {
				b.Fatal(err)
			}
			c := checker(b, s)
			stop := make(chan struct{})
			peak := watchMemory(stop)
			before := cpu()
			b.ResetTimer()
			for b.Loop() {
				f, err := os.Open(path)
				if err != nil {
					b.Fatal(err)
				}
				r, err := c.Check(b.Context(), f, masspayout.Options{})
				if err != nil || int(r.Good) != *massRows {
					b.Fatalf("%v, %+v", err, r)
				}
				_ = f.Close()
			}
			close(stop)
			each := b.Elapsed() / time.Duration(b.N)
			b.ReportMetric(float64(*massRows)/alone.Seconds(), "csv/s")
			b.ReportMetric(float64(*massRows)/each.Seconds(), "rows/s")
			b.ReportMetric(each.Seconds()/alone.Seconds(), "ratio")
			b.ReportMetric((cpu()-before).Seconds()/float64(b.N)/aloneCPU.Seconds(), "cpuratio")
			b.ReportMetric((cpu()-before).Seconds()/float64(b.N), "cpu-s")
			b.ReportMetric(float64(<-peak>>20), "MiB")
		})
	}
}

// salaries writes a file of good rows of some 130 bytes each.
func salaries(b *testing.B, rows int) string {
	b.Helper()
	path := filepath.Join(b.TempDir(), "salaries.csv")
	f, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	w := bufio.NewWriter(f)
	fmt.Fprint(w, "operation_type;general.project_id;method;general.payment_id;payment.amount;payment.currency;payment.description;account.number;customer.id;customer.ip_address\n")
	for i := range rows {
		fmt.Fprintf(w, "payout;210;bank-transfer/kyrgyzstan;salary-2026-11-%07d;%d;KGS;Salary;109%011d%02d;customer-%d;192.0.2.%d\n",
			i, 150000+i%100000, i, i%97, i, i%250)
	}
	if err := errors.Join(w.Flush(), f.Close()); err != nil {
		b.Fatal(err)
	}
	return path
}

func readAlone(b *testing.B, path string) time.Duration {
	b.Helper()
	f, err := os.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	began := time.Now()
	r := csv.NewReader(bufio.NewReader(f))
	r.Comma = ';'
	for {
		if _, err := r.Read(); errors.Is(err, io.EOF) {
			return time.Since(began)
		} else if err != nil {
			b.Fatal(err)
		}
	}
}

// cpu is the processor time that the process has taken.
func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// watchMemory says in the end how much memory the process had from the system at most.
func watchMemory(stop <-chan struct{}) <-chan uint64 {
	peak := make(chan uint64, 1)
	go func() {
		most := uint64(0)
		for {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			most = max(most, m.Sys-m.HeapReleased)
			select {
			case <-stop:
				peak <- most
				return
			case <-time.After(50 * time.Millisecond):
			}
		}
	}()
	return peak
}

func openStore(t testing.TB, url string) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), store.Config{URL: url, Keyset: storetest.Keyset(), Serve: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return s
}

// checker checks files in the name of project 210 of a store.
func checker(t testing.TB, s *store.Store) *masspayout.Checker {
	t.Helper()
	r := rules(t)
	sender, ok := s.Project(210)
	if !ok {
		t.Fatal("no project")
	}
	r.Project, r.Sender, r.Now = s.Project, sender, s.Now()
	return &masspayout.Checker{
		Rules: r, Paid: paid.New(s),
		Balance: func(ctx context.Context, project int64, currency string) (int64, error) {
			all, err := s.Balances(ctx, project)
			b := all[currency]
			return b.Sum(ledger.Available), err
		},
	}
}
