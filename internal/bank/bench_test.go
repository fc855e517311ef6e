package bank

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"flashpay/internal/pgtest"
)

// BenchmarkTransfer sends transfers over loopback and waits until all are notified. CPU is that of this process:
// bank, sender and receiver together, without PostgreSQL's.
func BenchmarkTransfer(b *testing.B) {
	b.Run("sqlite", func(b *testing.B) { benchmarkTransfer(b, filepath.Join(b.TempDir(), "bank")) })
	b.Run("postgres", func(b *testing.B) { benchmarkTransfer(b, pgtest.URL(b)) })
}

func benchmarkTransfer(b *testing.B, state string) {
	var notified, posts atomic.Int64
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			b.Error(err)
		}
		notified.Add(int64(strings.Count(string(body), `"key"`)))
		posts.Add(1)
	}))
	defer receiver.Close()
	bank, err := Open(b.Context(), Config{State: state, Vault: seals(b), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	defer bank.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- bank.Serve(ctx, l) }()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 128}}
	defer func() {
		client.CloseIdleConnections()
		cancel()
		if err := <-served; err != nil {
			b.Error(err)
		}
	}()

	var next atomic.Int64
	cpu := cpuTime(b)
	b.SetParallelism(64)
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			body := fmt.Sprintf(`{"key":"BENCHMARKKEY%023d","reference":"438385/ORDER_%d","amount":10000,"currency":"KGS",`+
				`"account":"1234567890123456","threshold":"2030-01-01T00:00:00Z","notify_url":%q,"notify_secret":"secret"}`,
				next.Add(1)*7919%1_000_003, next.Load(), receiver.URL+"/provider/sandbox/notification")
			answer, err := client.Post("http://"+l.Addr().String()+"/transfers", "application/json", strings.NewReader(body))
			if err != nil {
				b.Error(err)
				return
			}
			_, _ = io.Copy(io.Discard, answer.Body)
			answer.Body.Close()
			if answer.StatusCode != http.StatusOK {
				b.Error(answer.Status)
			}
		}
	})
	for notified.Load() < int64(b.N) {
		time.Sleep(time.Millisecond)
	}
	b.StopTimer()
	b.ReportMetric(float64(cpuTime(b)-cpu)/float64(b.N)/1000, "cpu-µs/op")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "transfers/s")
	b.ReportMetric(float64(b.N)/float64(posts.Load()), "notices/post")
}

func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
