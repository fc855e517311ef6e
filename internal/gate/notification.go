package gate

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"flashpay/internal/payout"
	"flashpay/internal/provider"
)

// NotificationResult is what became of a provider's message at the door.
type NotificationResult string

// The results. Only what is stored costs more than the moment; all but stored and repeated are for the provider to repeat.
const (
	NotificationStored     NotificationResult = "stored"
	NotificationRepeated   NotificationResult = "repeated"   // the same bytes were stored just before
	NotificationElsewhere  NotificationResult = "elsewhere"  // from an address that is not the provider's: 403
	NotificationUnreadable NotificationResult = "unreadable" // too large, or cut short: 413, 400
	NotificationUnsigned   NotificationResult = "unsigned"   // its proof does not fit, or is too old: 401
	NotificationTooFast    NotificationResult = "too fast"   // 429
	NotificationBacklog    NotificationResult = "backlog"    // too many wait to be read: 503
	NotificationFailed     NotificationResult = "failed"     // the database did not take it: 503
)

// Notified is what the hook learns about a message at a provider's door.
type Notified struct {
	Provider string
	Result   NotificationResult
	Bytes    int // of the body, as far as it was read
}

const (
	// notificationsPerSecond is how many notifications of one provider a node stores each second, by default.
	notificationsPerSecond = 2000
	// notificationBacklog is how many notifications may wait to be read, by default: 3 GB, if all are as large as they may be.
	notificationBacklog = 50_000
	// backlogBeat is how often they are counted.
	backlogBeat = time.Second
	// maxKeptHeader bounds the bytes kept of a header's value.
	maxKeptHeader = 1024
	// remembered is how many stored notifications a door knows again.
	remembered = 1 << 14
)

// door is a provider's door with what is measured at it.
type door struct {
	provider.Door
	rate *rate.Limiter
	seen *recent
}

func newDoor(d provider.Door, perSecond int) *door {
	return &door{Door: d, rate: rate.NewLimiter(rate.Limit(perSecond), perSecond), seen: newRecent(remembered)}
}

// serveNotification looks at what is cheap to look at, stores a provider's message, and says that it arrived. What it
// means is read later, by the provider's adapter: what is stored is not lost, whatever becomes of this process.
func serveNotification(ctx context.Context, x *exchange, dst []byte) ([]byte, *failure) {
	d := x.gate.doors[x.param]
	if d == nil {
		return dst, fail(http.StatusNotFound, payout.CodeMalformed, "", "there is no provider "+strconv.Quote(cut(x.param, 100))+" here; the name stands in the path "+notificationPath)
	}
	result, f := x.takeNotification(ctx, d)
	if x.gate.Notified != nil {
		x.gate.Notified(Notified{Provider: x.param, Result: result, Bytes: len(x.body)})
	}
	if f != nil {
		return dst, f
	}
	return append(dst, `{"status":"success"}`...), nil
}

// takeNotification asks first what costs least.
func (x *exchange) takeNotification(ctx context.Context, d *door) (NotificationResult, *failure) {
	if !d.Admits(x.from()) {
		return NotificationElsewhere, fail(http.StatusForbidden, payout.CodeAccessDenied, "", "notifications of this provider may not come from "+x.from().String())
	}
	if f := x.readBody(d.MaxBody); f != nil {
		return NotificationUnreadable, f
	}
	n := provider.Notification{Header: make(map[string]string, len(d.Headers)), Body: x.body}
	for _, name := range d.Headers {
		if values := x.r.Header[name]; len(values) > 0 {
			n.Header[name] = cut(strings.ToValidUTF8(values[0], "\uFFFD"), maxKeptHeader)
		}
	}
	if f := x.inTurn(ctx, func() *failure { return unproven(d.Verify(n, x.started)) }); f != nil {
		if f.status == http.StatusUnauthorized {
			return NotificationUnsigned, f
		}
		return NotificationFailed, f
	}
	digest := d.digest(n)
	if d.seen.has(digest) {
		return NotificationRepeated, nil
	}
	if !d.rate.Allow() {
		f := fail(http.StatusTooManyRequests, codeTryAgain, "", "more notifications come than this node stores; nothing was stored, send it again")
		f.retryAfter = time.Second
		return NotificationTooFast, f
	}
	if err := x.gate.backlog.check(ctx, x.started); err != nil {
		return NotificationBacklog, later(err, time.Minute, "too many notifications wait to be read; nothing was stored, send it again")
	}
	if err := x.gate.Notifications.SaveNotification(ctx, x.param, n); err != nil {
		return NotificationFailed, later(err, 5*time.Second, "the notification could not be stored; send it again")
	}
	d.seen.add(digest)
	return NotificationStored, nil
}

// unproven is the refusal of a notification whose proof does not fit.
func unproven(err error) *failure {
	if err == nil {
		return nil
	}
	f := fail(http.StatusUnauthorized, payout.CodeSignature, "", "the notification is not the provider's: "+err.Error()+"; nothing was stored")
	f.challenge, f.cause = "Signature", err
	return f
}

// digest is what a door knows a notification again by.
func (d *door) digest(n provider.Notification) (sum [sha256.Size]byte) {
	h := sha256.New()
	var length [8]byte
	for _, name := range d.Headers {
		value := n.Header[name]
		h.Write(binary.BigEndian.AppendUint64(length[:0], uint64(len(value))))
		h.Write([]byte(value))
	}
	h.Write(n.Body)
	h.Sum(sum[:0])
	return sum
}

// recent knows the last digests that were added. It is safe for concurrent use.
type recent struct {
	mu    sync.Mutex
	known map[[sha256.Size]byte]struct{}
	ring  [][sha256.Size]byte // in the order in which they came
	next  int
}

func newRecent(size int) *recent {
	return &recent{known: make(map[[sha256.Size]byte]struct{}), ring: make([][sha256.Size]byte, 0, size)}
}

func (r *recent) has(digest [sha256.Size]byte) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, ok := r.known[digest]
	return ok
}

func (r *recent) add(digest [sha256.Size]byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, ok := r.known[digest]; ok {
		return
	}
	r.known[digest] = struct{}{}
	if len(r.ring) < cap(r.ring) {
		r.ring = append(r.ring, digest)
		return
	}
	delete(r.known, r.ring[r.next])
	r.ring[r.next] = digest
	r.next = (r.next + 1) % len(r.ring)
}

var errBacklog = errors.New("gate: too many notifications wait to be read")

// backlog bounds the notifications that wait to be read, of the whole database.
type backlog struct {
	most    int64
	count   func(ctx context.Context, most int64) (int64, error)
	waiting atomic.Int64 // as last counted
	counted atomic.Int64 // when, in nanoseconds since 1970
}

// check fails where too many wait. One request a beat counts them, and the others go by what it found.
func (b *backlog) check(ctx context.Context, now time.Time) error {
	last := b.counted.Load()
	if now.UnixNano()-last >= int64(backlogBeat) && b.counted.CompareAndSwap(last, now.UnixNano()) {
		n, err := b.count(ctx, b.most)
		if err != nil {
			b.counted.Store(last)
			return err
		}
		b.waiting.Store(n)
	}
	if b.waiting.Load() >= b.most {
		return errBacklog
	}
	return nil
}
