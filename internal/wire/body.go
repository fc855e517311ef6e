package wire

import (
	"errors"
	"io"
	"net/http"
)

// Errors of ReadBody.
var (
	ErrTooLarge   = errors.New("wire: the body is too large")
	ErrEndedEarly = errors.New("wire: the body ended early")
)

// ReadBody reads at most limit bytes of a signed request: ErrTooLarge where there are more, known by the header or found out,
// ErrEndedEarly where fewer came than were said. What was read is returned with either. It is memory of the request's own, as
// a body may be kept as long as its payout is worked on.
func ReadBody(r *http.Request, limit int) (body []byte, err error) {
	n := r.ContentLength
	if n > int64(limit) {
		return nil, ErrTooLarge
	}
	if n > 0 {
		body = make([]byte, n)
		var got int
		got, err = io.ReadFull(r.Body, body)
		body = body[:got]
	} else {
		body, err = io.ReadAll(io.LimitReader(r.Body, int64(limit)+1))
	}
	if len(body) > limit {
		return body, ErrTooLarge
	}
	if err != nil {
		err = errors.Join(ErrEndedEarly, err)
	}
	return body, err
}
