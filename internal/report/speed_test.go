package report_test

import (
	"bytes"
	"context"
	"flag"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"flashpay/internal/report"
	"flashpay/internal/store"
	"flashpay/internal/storetest"
)

var (
	speedRows   = flag.Int("report-rows", 20_000, "payments in the database that BenchmarkOperations reads")
	speedURL    = flag.String("report-database", "", "a database to make for BenchmarkOperations, and to keep; empty: one that goes")
	speedKeyset = flag.String("report-keyset", "", "the file of its keyset")
)

const (
	speedColumns = "project_id,operation_id,payment_id,operation_type,operation_status,account_number,payment_method_name,payment_method_type,payment_description," +
		"operation_created_at,operation_completed_at,sum_initial.amount,sum_initial.currency,payment_provider_code,payment_provider_message,customer_id,provider_payment_id,auth_code"
	// speedQuery is the same rows and columns for the engine's own client.
	speedQuery = "SELECT p.project_id, o.id, p.payment_id, 'payout', o.status, p.account_mask, p.method_title, p.method, p.description, " +
		"o.created_at, o.updated_at, p.amount, p.currency, o.code, 'Success', p.customer_id, o.provider_payment_id, o.auth_code " +
		"FROM payments p JOIN operations o ON o.id = p.id AND o.project_id = p.project_id ORDER BY p.project_id, p.created_at, p.id"
)

// speedStore is a database with many payments.
func speedStore(b *testing.B, engine string) (s *store.Store, url string) {
	b.Helper()
	c := store.Config{URL: storetest.URL(b, engine), Keyset: storetest.Keyset(), Serve: true, Migrate: true}
	if *speedURL != "" {
		c.URL, c.Keyset = *speedURL, *speedKeyset
	}
	s = storetest.OpenAs(b, c)
	if _, made := s.Project(210); !made {
		if err := storetest.FillOperations(b.Context(), s, *speedRows); err != nil {
			b.Fatal(err)
		}
	}
	return s, c.URL
}

// BenchmarkOperations writes all operations of a database into a file, and has the engine's own client write them, in turn.
// docs/performance.md says how it is run over a million.
func BenchmarkOperations(b *testing.B) {
	for _, engine := range storetest.Engines() {
		b.Run(engine, func(b *testing.B) {
			if *speedURL != "" && !strings.HasPrefix(*speedURL, engine) {
				return // it is the other engine's
			}
			s, url := speedStore(b, engine)
			idle := resident(b)
			peak := watchMemory(b)
			var ours, theirs spent
			first := time.Duration(0)
			for b.Loop() {
				ours.add(func() { first = max(first, writeReport(b, s)) }, syscall.RUSAGE_SELF)
				theirs.add(func() { runClient(b, engine, url) }, syscall.RUSAGE_CHILDREN)
			}
			n := float64(b.N)
			b.ReportMetric(ours.wall.Seconds()/n, "report-s")
			b.ReportMetric(ours.cpu.Seconds()/n, "report-cpu-s")
			b.ReportMetric(theirs.wall.Seconds()/n, "client-s")
			b.ReportMetric(theirs.cpu.Seconds()/n, "client-cpu-s")
			b.ReportMetric(theirs.wall.Seconds()/ours.wall.Seconds(), "of-client's-speed")
			b.ReportMetric(float64(first.Microseconds())/1000, "first-byte-ms")
			b.ReportMetric(float64(peak()-idle)/(1<<20), "MiB-above-idle")
		})
	}
}

// spent is time on the clock and of processors.
type spent struct{ wall, cpu time.Duration }

func (s *spent) add(f func(), whose int) {
	began, before := time.Now(), processor(whose)
	f()
	s.wall, s.cpu = s.wall+time.Since(began), s.cpu+processor(whose)-before
}

func processor(whose int) time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(whose, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// firstByte notes when something is first written.
type firstByte struct {
	io.Writer
	at time.Time
}

func (f *firstByte) Write(p []byte) (int, error) {
	if f.at.IsZero() {
		f.at = time.Now()
	}
	return f.Writer.Write(p)
}

func writeReport(b *testing.B, s *store.Store) (first time.Duration) {
	file, err := os.Create(filepath.Join(b.TempDir(), "report.csv"))
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	began := time.Now()
	out := &firstByte{Writer: file}
	q := &report.Request{Kind: "operations", Columns: strings.Split(speedColumns, ","), Zone: "Asia/Bishkek"}
	made, err := (&report.Service{Store: s}).Write(context.Background(), out, q, []int64{210, 211}, nil)
	if err != nil || made.Rows != int64(*speedRows) {
		b.Fatal(made, err)
	}
	return out.at.Sub(began)
}

func runClient(b *testing.B, engine, url string) {
	path := filepath.Join(b.TempDir(), "client.csv")
	args := []string{"psql", "--quiet", url, "--command", `\copy (` + speedQuery + ") to '" + path + "' csv"}
	if engine == storetest.SQLite {
		args = []string{"sqlite3", "-csv", strings.TrimPrefix(url, "sqlite:"), ".output " + path, speedQuery}
	}
	if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
		b.Fatalf("%s: %v: %s", args[0], err, out)
	}
	if info, err := os.Stat(path); err != nil || info.Size() == 0 {
		b.Fatal("the client wrote nothing", err)
	}
}

// resident is the memory of the process that is resident.
func resident(b *testing.B) int64 {
	status, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		b.Fatal(err)
	}
	fields := bytes.Fields(status)
	pages := int64(0)
	for _, c := range fields[1] {
		pages = pages*10 + int64(c-'0')
	}
	return pages * int64(os.Getpagesize())
}

// watchMemory looks at the resident memory until its answer is asked for: the most that there was.
func watchMemory(b *testing.B) (peak func() int64) {
	stop, most := make(chan struct{}), make(chan int64)
	go func() {
		high := int64(0)
		for {
			high = max(high, resident(b))
			select {
			case <-stop:
				most <- high
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	return func() int64 {
		close(stop)
		return <-most
	}
}
