package ops

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/pprof"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Check is one condition of readiness.
type Check struct {
	Name string
	// Ready says why this process should get no requests now; nil means that it should.
	Ready func(ctx context.Context) error
}

// checkTimeout bounds all checks of one answer together: an orchestrator that gets none assumes the worst.
const checkTimeout = 2 * time.Second

// Server answers on the operators' listener. Its paths are not for strangers: profiles slow the process down.
type Server struct {
	metrics  *Metrics
	checks   []Check
	draining atomic.Bool
	mux      *http.ServeMux
}

// New makes a Server that is ready where all checks are.
func New(m *Metrics, checks ...Check) *Server {
	s := &Server{metrics: m, checks: checks, mux: http.NewServeMux()}
	s.mux.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{}))
	s.mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, map[string]any{"alive": true}) })
	s.mux.HandleFunc("GET /readyz", s.ready)
	s.mux.HandleFunc("GET /version", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, ReadBuild()) })
	s.mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	s.mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	s.mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	s.mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	s.mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	s.mux.HandleFunc("GET /{$}", index)
	return s
}

// Drain makes the process not ready for good, so that no new requests are sent to it while it finishes what runs.
func (s *Server) Drain() { s.draining.Store(true) }

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

func (s *Server) ready(w http.ResponseWriter, r *http.Request) {
	reasons := s.reasons(r.Context())
	if len(reasons) > 0 {
		answer(w, http.StatusServiceUnavailable, map[string]any{"ready": false, "reasons": reasons})
		return
	}
	answer(w, http.StatusOK, map[string]any{"ready": true})
}

// reasons runs all checks at once and returns what those that failed said, by name.
func (s *Server) reasons(ctx context.Context) map[string]string {
	found := make(map[string]string)
	if s.draining.Load() {
		found["server"] = "it is stopping"
		return found
	}
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	var mu sync.Mutex
	var done sync.WaitGroup
	for _, c := range s.checks {
		done.Go(func() {
			if err := c.Ready(ctx); err != nil {
				mu.Lock()
				defer mu.Unlock()
				found[c.Name] = err.Error()
			}
		})
	}
	done.Wait()
	return found
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client has gone: nobody is left to tell
}

func index(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte("/metrics\n/healthz\n/readyz\n/version\n/debug/pprof/\n"))
}
