package callback

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"flashpay/internal/payout"
	"flashpay/internal/storetest"
)

// BenchmarkCallbacks measures payouts that end at once, each with its callback acknowledged and saved: one project, one
// endpoint, SQLite, real sockets.
func BenchmarkCallbacks(b *testing.B) {
	var got atomic.Int64
	shop := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { got.Add(1) }))
	defer shop.Close()
	r := newRoad(b, storetest.URL(b, storetest.SQLite), func(c *Config) {
		c.Interval, c.DialContext, c.AllowPrivate, c.Logger, c.Observe = 0, nil, true, nil, nil
	})
	o := payout.Options{CallbackURL: shop.URL}
	r.decline("first", o)
	for got.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	b.ResetTimer()
	var wg sync.WaitGroup
	var next atomic.Int64
	for range 256 {
		wg.Go(func() {
			for i := next.Add(1); i <= int64(b.N); i = next.Add(1) {
				r.decline(fmt.Sprint("p", i), o)
			}
		})
	}
	wg.Wait()
	for got.Load() <= int64(b.N) || r.d.Taken() > 0 {
		time.Sleep(time.Millisecond)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "callbacks/s")
}
