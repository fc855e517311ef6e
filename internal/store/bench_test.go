package store_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"flashpay/internal/store"
	"flashpay/internal/storetest"
)

// BenchmarkAccept is the store's part of intake: 256 callers, one hot project.
func BenchmarkAccept(b *testing.B) {
	for _, engine := range storetest.Engines() {
		b.Run(engine, func(b *testing.B) {
			s := openBench(b, storetest.URL(b, engine))
			var n atomic.Int64
			b.SetParallelism(128)
			b.ReportAllocs()
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if _, err := s.Accept(b.Context(), newPayout(210, fmt.Sprint("p", n.Add(1)), 100)); err != nil {
						b.Error(err)
						return
					}
				}
			})
			b.StopTimer()
			stats := s.Stats()
			b.ReportMetric(float64(stats.Items)/float64(stats.Commits), "items/commit")
		})
	}
}

func openBench(b *testing.B, url string) *store.Store {
	b.Helper()
	s, err := store.Open(b.Context(), store.Config{URL: url, Keyset: storetest.Keyset(), Serve: true})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close(b.Context()) })
	createProject(b, s, 210, 1<<50)
	return s
}
