package providertest

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
)

// Fault is something that goes wrong between an adapter and its bank, for one request.
type Fault int

// The faults. Each is one of the ways in which an answer gets lost or makes no sense.
const (
	None          Fault = iota
	Refused             // no connection can be made
	LostRequest         // the connection breaks before the bank has the request
	LostAnswer          // the bank acts, and the connection breaks before it answers
	CutAnswer           // the bank acts, and its answer breaks off
	TruncatedBody       // the bank acts, and its answer is half its body, as if complete
	Hang                // nothing happens until the caller gives up
	ActThenHang         // the bank acts, and its answer does not come
	Garbage             // somebody answers 200 with a page
	EmptyAnswer         // somebody answers 200 with nothing
	ServerError         // somebody answers 502 with a page
	ActThenError        // the bank acts, and somebody answers 504
	NotFoundPage        // somebody answers 404 with a page
	Redirect            // somebody answers 307 to the same address
	OtherAnswer         // the bank acts, and the answer is that to the previous request
)

func (f Fault) String() string {
	return [...]string{
		"no fault", "connection refused", "request lost", "answer lost", "answer cut", "body truncated", "hang",
		"act, then hang", "garbage", "empty answer", "502", "act, then 504", "404 page", "redirect", "other answer",
	}[f]
}

// Line is an http.RoundTripper that stands between an adapter and its bank and injects faults.
type Line struct {
	base http.RoundTripper

	mu       sync.Mutex
	next     Fault
	requests int
	previous *http.Response // with its body in memory
	body     []byte
}

// NewLine makes a line over base, without faults.
func NewLine(base http.RoundTripper) *Line { return &Line{base: base} }

// Fail arms a fault for the next request; those after it pass.
func (l *Line) Fail(f Fault) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.next = f
}

// Requests is how many requests the adapter has made so far.
func (l *Line) Requests() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.requests
}

var errBroken = errors.New("connection reset by peer")

// RoundTrip makes one request, or what the fault leaves of it.
func (l *Line) RoundTrip(r *http.Request) (*http.Response, error) {
	l.mu.Lock()
	fault := l.next
	l.next = None
	l.requests++
	l.mu.Unlock()
	if answer, err, done := before(fault, r); done {
		if r.Body != nil {
			r.Body.Close()
		}
		return answer, err
	}
	answer, body, err := l.pass(r)
	if err != nil {
		return nil, err
	}
	switch fault {
	case LostAnswer:
		return nil, &net.OpError{Op: "read", Net: "tcp", Err: errBroken}
	case ActThenHang:
		<-r.Context().Done()
		return nil, r.Context().Err()
	case ActThenError:
		return page(r, http.StatusGatewayTimeout, "<html>Gateway Timeout</html>"), nil
	case TruncatedBody:
		answer.Body = io.NopCloser(bytes.NewReader(body[:len(body)/2]))
	case CutAnswer:
		answer.Body = io.NopCloser(io.MultiReader(bytes.NewReader(body[:len(body)/2]), broken{}))
	case OtherAnswer:
		return l.swap(answer, body), nil
	}
	if fault == None {
		l.swap(answer, body)
	}
	return answer, nil
}

// before is what happens in the bank's stead; done is false where the request gets through.
func before(f Fault, r *http.Request) (answer *http.Response, err error, done bool) {
	switch f {
	case Refused:
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}, true
	case LostRequest:
		return nil, &net.OpError{Op: "write", Net: "tcp", Err: errBroken}, true
	case Hang:
		<-r.Context().Done()
		return nil, r.Context().Err(), true
	case Garbage:
		return page(r, http.StatusOK, "<html>Welcome to the hotel's network</html>"), nil, true
	case EmptyAnswer:
		return page(r, http.StatusOK, ""), nil, true
	case ServerError:
		return page(r, http.StatusBadGateway, "<html>Bad Gateway</html>"), nil, true
	case NotFoundPage:
		return page(r, http.StatusNotFound, "<html>Not Found</html>"), nil, true
	case Redirect:
		answer := page(r, http.StatusTemporaryRedirect, "")
		answer.Header.Set("Location", r.URL.String())
		return answer, nil, true
	}
	return nil, nil, false
}

func page(r *http.Request, status int, body string) *http.Response {
	return &http.Response{
		Status: http.StatusText(status), StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"text/html"}}, Request: r,
		Body: io.NopCloser(bytes.NewReader([]byte(body))), ContentLength: int64(len(body)),
	}
}

// pass lets the request through and reads the whole answer.
func (l *Line) pass(r *http.Request) (*http.Response, []byte, error) {
	answer, err := l.base.RoundTrip(r)
	if err != nil {
		return nil, nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, nil, err
	}
	answer.Body = io.NopCloser(bytes.NewReader(body))
	return answer, body, nil
}

// swap keeps an answer and gives out the one that was kept before, or this one where there is none.
func (l *Line) swap(answer *http.Response, body []byte) *http.Response {
	l.mu.Lock()
	defer l.mu.Unlock()
	other, otherBody := l.previous, l.body
	kept := *answer
	l.previous, l.body = &kept, body
	if other == nil {
		return answer
	}
	other.Body = io.NopCloser(bytes.NewReader(otherBody))
	return other
}

// broken is the end of a body whose connection broke.
type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
