package bank

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"
)

const (
	// Header names of a notification: seconds since 1970, and the lower-case hexadecimal HMAC-SHA256, under the
	// secret that the submission gave, of the timestamp, a full stop and the body.
	headerTimestamp = "Bank-Timestamp"
	headerSignature = "Bank-Signature"

	maxNotices     = 64               // of different transfers in one notification; a larger queue makes fuller ones
	maxNoticeBytes = 48 << 10         // of one notification; receivers commonly take 64 KiB
	maxQueued      = 4096             // notices that one process holds; the rest waits in the books
	sendersPerURL  = 8                // notifications under way to one address
	maxSenders     = 32               // notifications under way in all
	notifyTimeout  = 10 * time.Second // for one notification
	giveUpAfter    = 24 * time.Hour   // from a notice's birth
	acknowledgment = http.StatusOK
)

// retryAfter is the wait after the n-th failure, from the end of the attempt; past its end, the last one.
var retryAfter = [...]time.Duration{
	time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 30 * time.Second, time.Minute,
	2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 30 * time.Minute, time.Hour,
}

// endpoint is where notices of some transfers go. Its id follows from the rest; 0 is nowhere.
type endpoint struct {
	id     int64
	url    string
	secret string
}

func newEndpoint(url, secret string) endpoint {
	if url == "" {
		return endpoint{}
	}
	sum := sha256.Sum256([]byte(strconv.Itoa(len(url)) + ":" + url + secret))
	return endpoint{id: int64(binary.BigEndian.Uint64(sum[:])>>1 | 1), url: url, secret: secret}
}

// notice is one thing to tell about one transfer. It is a task that this process has leased.
type notice struct {
	task  task
	entry []byte        // its JSON object
	tried chan struct{} // closed when the first attempt has ended, however it did
}

func newNotice(t task, row *transfer) *notice {
	return &notice{task: t, entry: appendTransfer(nil, row, row.noticeView(t.name())), tried: make(chan struct{})}
}

// notifier sends notices. Those that wait for one address go out together in one notification.
type notifier struct {
	bank   *Bank
	ctx    context.Context // ends when close has run out of patience
	cancel context.CancelFunc
	active sync.WaitGroup // senders

	mu      sync.Mutex
	closed  bool
	outlets map[int64]*outlet
	held    map[string]bool // ids of the notices that wait or are under way
	queued  int             // notices that wait
	senders int
}

// outlet is the queue of one address.
type outlet struct {
	endpoint
	queue   []*notice
	senders int
}

func newNotifier(b *Bank) *notifier {
	ctx, cancel := context.WithCancel(context.Background())
	return &notifier{bank: b, ctx: ctx, cancel: cancel, outlets: map[int64]*outlet{}, held: map[string]bool{}}
}

func newClient() *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			DialContext:         (&net.Dialer{Timeout: 3 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
			MaxIdleConnsPerHost: sendersPerURL,
			IdleConnTimeout:     90 * time.Second,
			TLSHandshakeTimeout: 5 * time.Second,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// knows reports whether the books hold the endpoint for certain.
func (n *notifier) knows(id int64) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.outlets[id] != nil
}

// learn adds an endpoint that is in the books.
func (n *notifier) learn(e endpoint) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.outlets[e.id] == nil {
		n.outlets[e.id] = &outlet{endpoint: e}
	}
}

// room is how many more notices may be pushed.
func (n *notifier) room() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return 0
	}
	return max(0, maxQueued-n.queued)
}

// push queues notices, whose endpoints it must know. One that is held already, because its lease ran out while it
// waited here, is not queued twice.
func (n *notifier) push(notices []*notice) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return
	}
	for _, x := range notices {
		o := n.outlets[x.task.endpoint]
		if o == nil || n.held[x.task.id] {
			continue
		}
		n.held[x.task.id] = true
		o.queue = append(o.queue, x)
		n.queued++
		if o.senders == 0 || len(o.queue) == 1 && o.senders < sendersPerURL {
			n.startSender(o)
		}
	}
}

// startSender is called with the lock held.
func (n *notifier) startSender(o *outlet) {
	if n.senders >= maxSenders {
		return
	}
	n.senders++
	o.senders++
	n.active.Go(func() {
		for o := o; o != nil; {
			batch := n.take(o)
			if batch != nil {
				n.send(o, batch)
				continue
			}
			o = n.next(o)
		}
	})
}

// take removes what goes into the next notification: never two notices of one transfer.
func (n *notifier) take(o *outlet) []*notice {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed || len(o.queue) == 0 {
		return nil
	}
	var batch []*notice
	size := 0
	keys := make(map[string]bool, min(len(o.queue), maxNotices))
	rest := o.queue[:0]
	for i, x := range o.queue {
		if len(batch) == maxNotices || len(batch) > 0 && size+len(x.entry) > maxNoticeBytes {
			rest = append(rest, o.queue[i:]...)
			break
		}
		if key := x.task.key(); !keys[key] {
			keys[key] = true
			batch = append(batch, x)
			size += len(x.entry) + 1
		} else {
			rest = append(rest, x)
		}
	}
	clear(o.queue[len(rest):])
	o.queue = rest
	n.queued -= len(batch)
	return batch
}

// next moves a sender that has nothing left to an outlet that waits for one, or ends it.
func (n *notifier) next(from *outlet) *outlet {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(from.queue) > 0 && !n.closed {
		return from // something came in since take looked
	}
	from.senders--
	if !n.closed {
		for _, o := range n.outlets {
			if len(o.queue) > 0 && o.senders == 0 {
				o.senders++
				return o
			}
		}
	}
	n.senders--
	return nil
}

// send makes one attempt and books its result.
func (n *notifier) send(o *outlet, batch []*notice) {
	err := n.post(o.endpoint, batch)
	var result op
	now := time.Now()
	for _, x := range batch {
		close(x.tried)
		t := x.task
		switch {
		case err == nil:
			result.done = append(result.done, t.id)
		case now.Sub(fromMicros(t.bornAt)) >= giveUpAfter:
			n.bank.cfg.Logger.Warn("bank: a notice was never acknowledged and is given up", "task", t.id, "err", err)
			result.done = append(result.done, t.id)
		default:
			t.dueAt = micros(now.Add(retryAfter[min(int(t.attempts), len(retryAfter)-1)]))
			t.attempts++
			result.retry = append(result.retry, t)
		}
	}
	if err != nil {
		n.bank.cfg.Logger.Info("bank: notification not acknowledged", "url", o.url, "notices", len(batch), "err", err)
	}
	n.book(result, batch)
}

// book stores what became of a batch, and lets go of it. What cannot be stored is sent again when its lease ends.
func (n *notifier) book(result op, batch []*notice) {
	ended := make(chan error, 1)
	err := n.bank.hand(result, func(err error) { ended <- err })
	if err == nil {
		err = <-ended
	}
	if err != nil {
		n.bank.cfg.Logger.Error("bank: the result of a notification was not stored", "notices", len(batch), "err", err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, x := range batch {
		delete(n.held, x.task.id)
	}
}

// post sends one notification; nil means that it was acknowledged.
func (n *notifier) post(e endpoint, batch []*notice) error {
	entries := make([][]byte, len(batch))
	for i, x := range batch {
		entries[i] = x.entry
	}
	body := appendNotices(nil, entries)
	ctx, cancel := context.WithTimeout(n.ctx, notifyTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, e.url, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("make the request: %w", err)
	}
	timestamp := strconv.FormatInt(time.Now().Unix(), 10)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set(headerTimestamp, timestamp)
	request.Header.Set(headerSignature, sign(e.secret, timestamp, body))
	answer, err := n.bank.cfg.Client.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	// A little is read, so that the connection can be used again.
	if _, err := io.CopyN(io.Discard, answer.Body, 4<<10); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read the answer: %w", err)
	}
	if answer.StatusCode != acknowledgment {
		return fmt.Errorf("answered %s", answer.Status)
	}
	return nil
}

func sign(secret, timestamp string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(timestamp))
	mac.Write([]byte{'.'})
	mac.Write(body)
	return hex.EncodeToString(mac.Sum(nil))
}

// close lets notifications under way finish, until ctx ends, and gives back the leases of those that wait.
func (n *notifier) close(ctx context.Context) {
	n.mu.Lock()
	n.closed = true
	var waiting []task
	for _, o := range n.outlets {
		for _, x := range o.queue {
			waiting = append(waiting, x.task)
		}
		o.queue = nil
	}
	n.queued = 0
	n.mu.Unlock()
	if len(waiting) > 0 {
		if err := n.bank.batch.Do(ctx, op{retry: waiting}); err != nil {
			n.bank.cfg.Logger.Error("bank: leases were not given back and have to run out", "notices", len(waiting), "err", err)
		}
	}
	// Attempts are cut short well before ctx ends, so that their results can still be booked.
	cut := context.AfterFunc(ctx, n.cancel)
	early := time.AfterFunc(closeTime/2, n.cancel)
	n.active.Wait()
	cut()
	early.Stop()
	n.cancel()
}
