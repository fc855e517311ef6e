package client

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"flashpay/signature"
)

var (
	// ErrUnknown: no answer says what became of a payout request. It may have
	// been accepted. Send it again under the same payment id, or ask for its
	// status; under another id it could be paid twice.
	ErrUnknown = errors.New("outcome unknown: repeat with the same payment id or ask for its status")

	// ErrNotFound: the platform knows no such payment or request (code 3061, or
	// HTTP status 404 to a status request). Found with errors.Is on an [*Error].
	ErrNotFound = errors.New("payment not found")
)

// Error is a refusal by the platform. Unless the error also is [ErrUnknown],
// nothing was created.
type Error struct {
	HTTPStatus int          // of the answer
	Code       string       // of the code registry, e.g. "2004"; empty where the answer had none
	Message    string       // the code's text
	RequestID  string       // name it to the platform's support; may be empty
	Fields     []FieldError // every fault of the request, where the platform named them
}

// FieldError is one fault of a request or of a payout.
type FieldError struct {
	Code        string
	Message     string
	Field       string // path of the member, e.g. "account.number"; may be empty
	Description string
}

// Error says what was refused, why, and where.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "platform answered %d", e.HTTPStatus)
	if text := http.StatusText(e.HTTPStatus); text != "" {
		b.WriteString(" " + text)
	}
	if e.Code != "" {
		b.WriteString(", code " + e.Code)
	}
	if e.Message != "" {
		b.WriteString(": " + e.Message)
	}
	for i, f := range e.Fields {
		if i == 0 {
			b.WriteString(" (")
		} else {
			b.WriteString("; ")
		}
		if f.Field != "" {
			b.WriteString(f.Field + ": ")
		}
		b.WriteString(f.Message)
		if f.Description != "" {
			b.WriteString(", " + f.Description)
		}
	}
	if len(e.Fields) > 0 {
		b.WriteString(")")
	}
	return b.String()
}

// Is makes errors.Is(err, ErrNotFound) work.
func (e *Error) Is(target error) bool {
	return target == ErrNotFound && e.Code == codeNotFound
}

const codeNotFound = "3061" // Transaction not found

// refusal reads an answer that is no success. The body may be anything: what
// stands between client and platform answers too.
func refusal(status int, body []byte) *Error {
	e := &Error{HTTPStatus: status}
	v, err := signature.Parse(body)
	if err != nil {
		return e
	}
	e.Code = text(v, "code")
	e.Message = text(v, "message")
	e.RequestID = text(v, "request_id")
	e.Fields = fieldErrors(v.Get("errors"))
	if e.Code == "" && len(e.Fields) > 0 {
		e.Code, e.Message = e.Fields[0].Code, e.Fields[0].Message
	}
	return e
}

func fieldErrors(v *signature.Value) []FieldError {
	if v == nil {
		return nil
	}
	var out []FieldError
	for i := range v.Items {
		item := &v.Items[i]
		out = append(out, FieldError{
			Code:        text(item, "code"),
			Message:     text(item, "message"),
			Field:       text(item, "field"),
			Description: text(item, "description"),
		})
	}
	return out
}

// text returns a string as it is and a number as written: the platform and its
// clients send ids and codes either way. Everything else is empty.
func text(v *signature.Value, path ...string) string {
	v = v.Get(path...)
	if v == nil || v.Kind != signature.String && v.Kind != signature.Number {
		return ""
	}
	return v.Text
}

// integer reads a number, or a string of digits, and 0 where there is none.
func integer(v *signature.Value, path ...string) (int64, error) {
	s := text(v, path...)
	if s == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%s: %q is not an integer", strings.Join(path, "."), s)
	}
	return n, nil
}
