package dashboard

import (
	"context"
	"crypto/rand"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

// maxForm is how much a form may hold.
const maxForm = 64 << 10

const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'; object-src 'none'"

// guarded sets what keeps the pages to themselves, and logs each request.
func (d *Dashboard) guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		started := time.Now()
		h := w.Header()
		h.Set("Content-Security-Policy", contentPolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=()")
		if d.secure {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		if !strings.HasPrefix(r.URL.Path, "/static/") {
			h.Set("Cache-Control", "no-store")
		}
		seen := &observed{ResponseWriter: w, status: http.StatusOK}
		var user atomic.Int64
		r = r.WithContext(context.WithValue(r.Context(), userKey{}, &user))
		next.ServeHTTP(seen, r)
		if !strings.HasPrefix(r.URL.Path, "/static/") {
			d.Logger.Info("dashboard", "method", r.Method, "path", loggedPath(r), "status", seen.status, "user", user.Load(), "took_us", time.Since(started).Microseconds())
		}
	})
}

// loggedPath is the pattern of the path: paths can hold payment ids, and invitations their secrets.
func loggedPath(r *http.Request) string {
	if r.Pattern == "" || r.Pattern == "/" {
		return "other"
	}
	_, path, _ := strings.Cut(r.Pattern, " ")
	return path
}

type userKey struct{}

// note remembers for the log who it was.
func note(r *http.Request, userID int64) {
	if user, ok := r.Context().Value(userKey{}).(*atomic.Int64); ok {
		user.Store(userID)
	}
}

// observed remembers the status of an answer.
type observed struct {
	http.ResponseWriter
	status int
}

func (o *observed) WriteHeader(status int) {
	o.status = status
	o.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach the connection.
func (o *observed) Unwrap() http.ResponseWriter { return o.ResponseWriter }

// newReference names a log line, in a form that can be read out on the telephone.
func newReference() string { return rand.Text()[:10] }
