package gate

import (
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"flashpay/internal/masspayout"
	"flashpay/internal/payout"
)

const (
	// parametersHeader holds the signed parameters of a request whose body is a file, as JSON.
	parametersHeader = "Flashpay-Parameters"
	maxParameters    = 8 << 10

	fileIdle = 30 * time.Second // that may pass between two pieces of a file, either way
	fileTime = 20 * time.Minute // that a file may take in all
)

// readParameters looks at the header of a request whose body is a file, and takes what is signed for the body that Gate knows.
// Nothing of the file is read before the sender is known.
func (x *exchange) readParameters() *failure {
	if x.r.ContentLength > masspayout.MaxBytes {
		return fileTooLarge()
	}
	media, _, _ := strings.Cut(x.r.Header.Get("Content-Type"), ";")
	switch strings.ToLower(strings.TrimSpace(media)) {
	case "", "text/csv", "text/plain":
	default:
		return fail(http.StatusUnsupportedMediaType, payout.CodeMalformed, "", "send the file as it is, with the header Content-Type: text/csv")
	}
	switch strings.ToLower(strings.Join(x.r.Header.Values("Content-Encoding"), ",")) {
	case "", "identity", "gzip":
	default:
		return fail(http.StatusUnsupportedMediaType, payout.CodeMalformed, "", "the file may be packed with gzip, with the header Content-Encoding: gzip, and in no other way")
	}
	sent := x.r.Header.Values(parametersHeader)
	if len(sent) != 1 || sent[0] == "" {
		return fail(http.StatusBadRequest, payout.CodeRequired, parametersHeader, "send the signed parameters as JSON in one header "+parametersHeader)
	}
	if len(sent[0]) > maxParameters {
		return fail(http.StatusRequestEntityTooLarge, payout.CodeMalformed, parametersHeader, "the parameters may have "+strconv.Itoa(maxParameters)+" bytes at most")
	}
	x.body = []byte(sent[0])
	return nil
}

func fileTooLarge() *failure {
	return fail(http.StatusRequestEntityTooLarge, payout.CodeMalformed, "", fmt.Sprintf("the file may have %d MB at most, packed and unpacked; divide it into several", masspayout.MaxBytes>>20))
}

// bodyError is why a file could not be taken in, as its reader finds it.
type bodyError struct{ f *failure }

func (e *bodyError) Error() string {
	if e.f.cause != nil {
		return e.f.cause.Error()
	}
	return e.f.items[0].Description
}

// file reads the body of a request as the file that its parameters are signed for: unpacked, bounded, and its digest compared
// before it ends.
type file struct {
	in       io.Reader // as it is sent
	unpacked io.Reader // nil: not begun
	packed   bool
	content  hash.Hash
	want     [sha256.Size]byte
	read     int64
	err      error
}

// fileOf is the file of a request that was authenticated.
func (x *exchange) fileOf() *file {
	now := time.Now()
	sent := &sentBody{x: x, control: http.NewResponseController(x.w), until: now.Add(fileTime)}
	f := &file{in: sent, packed: strings.EqualFold(x.r.Header.Get("Content-Encoding"), "gzip"), content: sha256.New()}
	_, _ = hex.Decode(f.want[:], []byte(x.tree.Get("body_sha256").Text)) // the table knows its form
	return f
}

// Read implements io.Reader. Errors are *bodyError.
func (f *file) Read(p []byte) (int, error) {
	if f.err != nil {
		return 0, f.err
	}
	n, err := f.next(p)
	_, _ = f.content.Write(p[:n]) // a hash never fails
	if f.read += int64(n); f.read > masspayout.MaxBytes {
		n, err = 0, &bodyError{fileTooLarge()}
	}
	var known *bodyError
	switch {
	case err == nil:
		return n, nil
	case errors.As(err, &known):
		f.err = known
	case !errors.Is(err, io.EOF):
		f.err = &bodyError{fail(http.StatusBadRequest, payout.CodeMalformed, "", "the body cannot be unpacked as gzip: "+err.Error())}
	case !f.fits():
		f.err = &bodyError{fail(http.StatusBadRequest, payout.CodeSignature, "body_sha256", "the file has another SHA-256 than the one that is signed; "+
			"it is that of the file before it is packed; nothing was sent")}
	default:
		f.err = io.EOF
	}
	return n, f.err
}

func (f *file) fits() bool {
	var got [sha256.Size]byte
	return [sha256.Size]byte(f.content.Sum(got[:0])) == f.want
}

func (f *file) next(p []byte) (int, error) {
	if f.unpacked == nil {
		f.unpacked = f.in
		if f.packed {
			unpacked, err := gzip.NewReader(f.in)
			if err != nil {
				if errors.Is(err, io.EOF) {
					err = io.ErrUnexpectedEOF
				}
				return 0, err
			}
			f.unpacked = unpacked
		}
	}
	return f.unpacked.Read(p)
}

// sentBody reads a body that takes as long as it takes, as long as it comes on.
type sentBody struct {
	x       *exchange
	control *http.ResponseController
	until   time.Time
	set     time.Time // when the deadline was set
	read    int64
}

func (b *sentBody) Read(p []byte) (int, error) {
	if now := time.Now(); now.Sub(b.set) > time.Second {
		b.set = now
		_ = b.control.SetReadDeadline(earlier(now.Add(fileIdle), b.until)) // not every connection has one
	}
	n, err := b.x.r.Body.Read(p)
	if b.read += int64(n); b.read > masspayout.MaxBytes {
		return 0, &bodyError{fileTooLarge()}
	}
	switch {
	case errors.Is(err, io.EOF):
		_ = b.control.SetReadDeadline(time.Time{}) // or the request would end while it is worked on
	case err != nil:
		f := fail(http.StatusBadRequest, payout.CodeMalformed, "", "the body ended early, or came too slowly; send it again whole")
		f.cause = err
		return n, &bodyError{f}
	}
	return n, err
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// giveTime has the answer of a long request have its time, however long the request took.
func (x *exchange) giveTime() {
	_ = http.NewResponseController(x.w).SetWriteDeadline(time.Now().Add(fileIdle)) // not every connection has one
}

// resultWriter writes a result as it comes.
type resultWriter struct {
	x     *exchange
	until time.Time
	set   time.Time
}

func (w *resultWriter) Write(p []byte) (int, error) {
	if now := time.Now(); now.Sub(w.set) > time.Second {
		w.set = now
		_ = http.NewResponseController(w.x.w).SetWriteDeadline(earlier(now.Add(fileIdle), w.until))
	}
	if !w.x.streamed {
		w.x.streamed, w.x.status = true, http.StatusOK
		w.x.w.Header().Set("Content-Type", "text/csv; charset=UTF-8")
		w.x.w.WriteHeader(http.StatusOK)
	}
	return w.x.w.Write(p)
}

const (
	projectFiles = 2 // files of one project that are on their way at once
	processFiles = 6 // of all
)

// slots bound the files that are on their way, since each takes some megabytes and a processor for seconds.
type slots struct {
	mu       sync.Mutex
	projects map[int64]int
	all      int
}

func newSlots() *slots { return &slots{projects: make(map[int64]int)} }

// enter takes a place for a file of a project.
func (s *slots) enter(project int64) (leave func(), f *failure) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.projects[project] >= projectFiles {
		f := tooManyRequests(5 * time.Second)
		f.items[0].Description = fmt.Sprintf("%d files of this project are on their way already; nothing was stored, send the same request again when one of them has ended", projectFiles)
		return nil, f
	}
	if s.all >= processFiles {
		return nil, later(errCrowded, 5*time.Second, "too many files are on their way; nothing was stored, send the same request again")
	}
	s.projects[project]++
	s.all++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.projects[project]--; s.projects[project] == 0 {
			delete(s.projects, project)
		}
		s.all--
	}, nil
}
