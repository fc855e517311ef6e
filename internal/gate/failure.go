package gate

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"flashpay/internal/accept"
	"flashpay/internal/payout"
	"flashpay/internal/store"
	"flashpay/internal/wire"
)

// codeTryAgain is the registry's code for what may be sent again as it is.
const codeTryAgain = 601

// failure is why a request is refused, with all that its answer needs.
type failure struct {
	status     int // HTTP
	code       int // of the body
	items      []wire.ErrorItem
	allow      string        // 405
	challenge  string        // 401: what kind of proof is missing
	retryAfter time.Duration // 429, 503
	cause      error         // for the log
	final      bool          // no change of a project would lift it
	mismatch   bool          // the signature does not fit: advise says the rest
}

func final(f *failure) *failure {
	f.final = true
	return f
}

// fail makes a failure that one item explains.
func fail(status, code int, field, description string) *failure {
	return &failure{status: status, code: code, items: []wire.ErrorItem{
		{Code: code, Message: payout.Message(code), Field: field, Description: description},
	}}
}

// faulty makes a failure of field faults.
func faulty(status, code int, faults []accept.Fault) *failure {
	f := &failure{status: status, code: code, items: make([]wire.ErrorItem, len(faults))}
	for i := range faults {
		f.items[i] = wire.ErrorItem{
			Code: faults[i].Code, Message: faults[i].Message, Field: faults[i].Field, Description: faults[i].Description,
		}
	}
	return f
}

func noEndpoint() *failure {
	var known []string
	for i := range routes {
		if !routes[i].other {
			known = append(known, routes[i].method+" "+routes[i].name)
		}
	}
	return fail(http.StatusNotFound, payout.CodeMalformed, "", "there is nothing under this path; there is "+strings.Join(known, ", "))
}

func wrongMethod(r *route) *failure {
	f := fail(http.StatusMethodNotAllowed, payout.CodeMalformed, "", r.name+" takes "+r.method+" only")
	f.allow = r.method
	if r.method == http.MethodGet {
		f.allow = "GET, HEAD"
	}
	return f
}

func unknownMethod(x *exchange) *failure {
	words := "the payment method of this path is not known or not enabled here"
	if x.param != "" {
		words = "the payment method " + strconv.Quote(cut(x.param, 100)) + " of this path is not known or not enabled here"
	}
	return fail(http.StatusBadRequest, payout.CodeUnknownMethod, "", words+"; ask "+methodsPath+" which ones are")
}

func tooManyRequests(wait time.Duration) *failure {
	f := fail(http.StatusTooManyRequests, codeTryAgain, "", "this project sends more requests than are agreed; nothing was stored, "+
		"send the same request again after the time in Retry-After")
	f.retryAfter = wait
	return f
}

func panicked(cause any) *failure {
	return internal(fmt.Errorf("panic: %v\n%s", cause, debug.Stack()))
}

func internal(err error) *failure {
	f := fail(http.StatusInternalServerError, payout.CodeInternal, "", "this is the platform's fault and says nothing about the "+
		"payment; send the same request again, and give the request_id to support if it happens again")
	f.cause = err
	return f
}

// failed turns an error of the store into a failure: the one place that decides which errors mean «later».
func failed(err error) *failure {
	var refusal *accept.Refusal
	var network net.Error
	switch {
	case errors.As(err, &refusal):
		return refused(refusal)
	case errors.Is(err, store.ErrQueueFull):
		return later(err, time.Second, "too many requests are waiting; nothing was stored, send the same request again")
	case errors.Is(err, store.ErrDiskFull):
		return later(err, 30*time.Second, "no new payouts are taken now; nothing was stored, send the same request again later")
	case store.Unavailable(err), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded),
		errors.As(err, &network):
		return later(err, 2*time.Second, "the database does not answer, and whether something was stored is not known; "+
			"send the same request again: it is never paid twice")
	default:
		return internal(err)
	}
}

func later(err error, wait time.Duration, words string) *failure {
	f := fail(http.StatusServiceUnavailable, codeTryAgain, "", words)
	f.retryAfter, f.cause = wait, err
	return f
}

func refused(r *accept.Refusal) *failure {
	status := http.StatusBadRequest
	if r.Code == payout.CodeInvalidJSON {
		status = http.StatusUnprocessableEntity
	}
	f := faulty(status, r.Code, r.Faults)
	if r.Code == payout.CodePaymentIDExists {
		f.cause = store.ErrOtherData
	}
	return f
}
