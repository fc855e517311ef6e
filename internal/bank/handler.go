package bank

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"flashpay/internal/batch"
)

// listPage is how many transfers GET /transfers reads at a time.
const listPage = 1000

// mostNewest is how many transfers are listed by their age, at most.
const mostNewest = 10_000

// Handler serves the bank's API:
//
//	POST /transfers        a submission: key, reference, amount, currency, account, threshold, notify_url, notify_secret;
//	                       with the content type application/x-ndjson several of them, one a line (handleSeveral)
//	GET  /transfers/{key}  an inquiry; 404 with error code unknown_key where the bank knows no such transfer
//	GET  /transfers        the books as JSON lines, in order of keys; with ?newest=N, up to 10000, those that came last, newest first
//	GET  /healthz          200 while the books can be read
//
// Refusals are {"error":{"code","key","message"}}.
func (b *Bank) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /transfers", b.handleSubmit)
	mux.HandleFunc("GET /transfers", b.handleList)
	mux.HandleFunc("GET /transfers/{key}", b.handleInquiry)
	mux.HandleFunc("GET /healthz", b.handleHealth)
	return mux
}

func (b *Bank) handleSubmit(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Content-Type") == typeLines {
		b.handleSeveral(w, r)
		return
	}
	in, err := readRequest(http.MaxBytesReader(w, r.Body, maxBody))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		refuse(w, http.StatusRequestEntityTooLarge, "too_large", "", "the body is larger than 65536 bytes")
		return
	case err != nil:
		refuse(w, http.StatusBadRequest, "bad_request", "", err.Error())
		return
	}
	s := newSubmission(in)
	if status, code, message := b.take(r.Context(), []*submission{s}); status != 0 {
		refuse(w, status, code, in.Key, message)
		return
	}
	if s.waitsForNotice() {
		awaitNotice(r.Context(), s.notice)
	}
	status, body := s.answer()
	if status == 0 {
		panic(http.ErrAbortHandler) // net/http breaks the connection without an answer
	}
	write(w, status, body)
}

func newSubmission(in request) *submission {
	return &submission{request: in, endpoint: newEndpoint(in.NotifyURL, in.NotifySecret), does: behaviourOf(in.Account), at: time.Now()}
}

// take has the submissions of one request committed; status is not 0 where that failed, and how that is answered.
func (b *Bank) take(ctx context.Context, all []*submission) (status int, code, message string) {
	switch err := b.batch.Do(ctx, op{submits: all}); {
	case errors.Is(err, batch.ErrQueueFull), errors.Is(err, batch.ErrClosed):
		return http.StatusServiceUnavailable, "busy", "the bank takes no more transfers at the moment; nothing was recorded"
	case err != nil:
		return http.StatusInternalServerError, "failed", "the bank does not know whether the transfer was recorded: inquire"
	}
	return 0, "", ""
}

// waitsForNotice says whether the answer comes after the notice of the result.
func (s *submission) waitsForNotice() bool { return s.first && s.does.noticeFirst && s.notice != nil }

// answer is what became of a submission, told in the way that the account asked for; status 0: the connection is to be
// broken.
func (s *submission) answer() (status int, body []byte) {
	switch {
	case s.verdict == unavailable:
		return http.StatusServiceUnavailable, appendError(nil, "unavailable", s.Key, "the bank is out of order, as this account asks")
	case s.verdict == conflict:
		return http.StatusConflict, appendError(nil, "key_conflict", s.Key, "this key belongs to a transfer with another amount, currency or account")
	case s.verdict == broken, s.first && s.does.breaks:
		return 0, nil
	}
	v := s.row.current()
	if s.row.state == accepted || s.first && !s.does.tellsResult {
		v = view{status: statusAccepted, at: s.row.acceptedAt}
	}
	return http.StatusOK, appendTransfer(nil, &s.row, v)
}

// awaitNotice waits until the notice was sent, or could not be.
func awaitNotice(ctx context.Context, n *notice) {
	timer := time.NewTimer(notifyTimeout)
	defer timer.Stop()
	select {
	case <-n.tried:
	case <-timer.C:
	case <-ctx.Done():
	}
}

func (b *Bank) handleInquiry(w http.ResponseWriter, r *http.Request) {
	key := r.PathValue("key")
	if !validKey(key) {
		refuse(w, http.StatusBadRequest, "bad_request", "", "key: must be 1 to 35 characters of A-Z a-z 0-9 - _")
		return
	}
	t, found, err := b.store.transfer(r.Context(), key)
	switch {
	case err != nil:
		b.logUnless(r.Context(), "bank: inquiry failed", err, "key", key)
		refuse(w, http.StatusInternalServerError, "failed", key, "the bank cannot read its books")
	case !found || t.state == unrecorded:
		refuse(w, http.StatusNotFound, "unknown_key", key, "the bank knows no transfer with this key")
	default:
		write(w, http.StatusOK, appendTransfer(nil, &t, t.current()))
	}
}

// handleList streams the books. When they cannot be read to the end, the connection is broken, so that nobody takes
// a part for the whole.
func (b *Bank) handleList(w http.ResponseWriter, r *http.Request) {
	if r.URL.Query().Has("newest") {
		b.handleNewest(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	control := http.NewResponseController(w)
	var line []byte
	for after, n := "", listPage; n == listPage; {
		page, err := b.store.page(r.Context(), after, listPage)
		if err != nil {
			b.logUnless(r.Context(), "bank: listing failed", err)
			panic(http.ErrAbortHandler)
		}
		// Not every writer has deadlines; one without does not time out.
		_ = control.SetWriteDeadline(time.Now().Add(30 * time.Second))
		for i := range page {
			line = appendListLine(line[:0], &page[i])
			if _, err := w.Write(line); err != nil {
				return
			}
			after = page[i].key
		}
		n = len(page)
	}
}

// handleNewest lists the transfers that came last, without those of which nothing but their number was recorded.
func (b *Bank) handleNewest(w http.ResponseWriter, r *http.Request) {
	n, err := strconv.Atoi(r.URL.Query().Get("newest"))
	if err != nil || n < 1 || n > mostNewest {
		refuse(w, http.StatusBadRequest, "bad_request", "", "newest: must be a number from 1 to "+strconv.Itoa(mostNewest))
		return
	}
	found, err := b.store.newest(r.Context(), n)
	if err != nil {
		b.logUnless(r.Context(), "bank: listing failed", err)
		refuse(w, http.StatusInternalServerError, "failed", "", "the bank cannot read its books")
		return
	}
	var lines []byte
	for i := range found {
		lines = appendListLine(lines, &found[i])
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.Header().Set("Content-Length", strconv.Itoa(len(lines))) // a part is not taken for the whole
	_, _ = w.Write(lines)
}

func (b *Bank) handleHealth(w http.ResponseWriter, r *http.Request) {
	if _, _, err := b.store.soonest(r.Context()); err != nil {
		b.logUnless(r.Context(), "bank: not healthy", err)
		refuse(w, http.StatusServiceUnavailable, "failed", "", "the bank cannot read its books")
		return
	}
	write(w, http.StatusOK, []byte(`{"status":"ok"}`+"\n"))
}

func refuse(w http.ResponseWriter, status int, code, key, message string) {
	if code == "busy" {
		w.Header().Set("Retry-After", "1")
	}
	write(w, status, appendError(nil, code, key, message))
}

func write(w http.ResponseWriter, status int, body []byte) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // who has gone gets no answer, and will inquire
}
