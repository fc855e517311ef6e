package bank

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// maxBody is the largest request body that the bank reads, in bytes.
const maxBody = 64 << 10

// The statuses that the bank answers with: ISO 20022's payment transaction status codes.
const (
	statusAccepted  = "ACCP" // accepted, answer to a submission
	statusPending   = "PDNG" // accepted and not finished, answer to an inquiry
	statusSucceeded = "ACSC"
	statusDeclined  = "RJCT"
)

// request is the body of POST /transfers.
type request struct {
	Key          string    `json:"key"`
	Reference    string    `json:"reference"`
	Amount       int64     `json:"amount"`
	Currency     string    `json:"currency"`
	Account      string    `json:"account"`
	Threshold    time.Time `json:"threshold"`
	NotifyURL    string    `json:"notify_url"`
	NotifySecret string    `json:"notify_secret"`
}

// readRequest reads a submission; its error is fit to be shown to the sender.
func readRequest(body io.Reader) (request, error) {
	var r request
	d := json.NewDecoder(body)
	if err := d.Decode(&r); err != nil {
		return r, fmt.Errorf("the body is not the JSON object that POST /transfers takes: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return r, errors.New("the body goes on after the JSON object")
	}
	return r, r.check()
}

func (r *request) check() error {
	switch {
	case !validKey(r.Key):
		return errors.New("key: must be 1 to 35 characters of A-Z a-z 0-9 - _")
	case !validText(r.Reference, 400):
		return errors.New("reference: must have 1 to 400 characters, none of them NUL")
	case r.Amount <= 0:
		return errors.New("amount: must be an integer above 0, in minor units")
	case !validCurrency(r.Currency):
		return errors.New("currency: must be three letters A-Z")
	case !validText(r.Account, 64):
		return errors.New("account: must have 1 to 64 characters, none of them NUL")
	case r.NotifyURL == "":
		return nil
	case !validText(r.NotifySecret, 400):
		return errors.New("notify_secret: must be given with notify_url: 1 to 400 characters, none of them NUL")
	}
	u, err := url.Parse(r.NotifyURL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return errors.New("notify_url: must be an absolute http or https address")
	}
	return nil
}

// validKey keeps the slash out, which parts a task's id.
func validKey(key string) bool {
	for i := range len(key) {
		c := key[i]
		switch {
		case 'A' <= c && c <= 'Z', 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '-', c == '_':
		default:
			return false
		}
	}
	return len(key) >= 1 && len(key) <= 35
}

// validText keeps NUL out, which PostgreSQL does not store.
func validText(s string, most int) bool {
	return s != "" && utf8.RuneCountInString(s) <= most && strings.IndexByte(s, 0) < 0
}

func validCurrency(s string) bool {
	for i := range len(s) {
		if s[i] < 'A' || s[i] > 'Z' {
			return false
		}
	}
	return len(s) == 3
}

// view is what a message says about a transfer.
type view struct {
	status   string
	returned bool
	again    bool  // it is another return than the first
	at       int64 // microseconds
}

// current is the transfer as it stands.
func (t *transfer) current() view {
	switch t.state {
	case succeeded:
		return view{status: statusSucceeded, at: t.resultAt}
	case returned:
		return view{status: statusSucceeded, returned: true, at: t.returnedAt}
	case declined:
		return view{status: statusDeclined, at: t.resultAt}
	default:
		return view{status: statusPending, at: t.acceptedAt}
	}
}

// noticeView is what the notice of that name says: the result, also when the money came back since, or the return.
func (t *transfer) noticeView(name string) view {
	if name == stepReturnNotice || name == stepReturnAgain {
		return view{status: statusSucceeded, returned: true, again: name == stepReturnAgain, at: t.returnedAt}
	}
	v := t.current()
	v.returned, v.at = false, t.resultAt
	if t.reason != "" { // also where it has said since that money came back
		v.status = statusDeclined
	}
	return v
}

// appendTransfer appends the JSON object that answers, inquiries and notices share.
func appendTransfer(b []byte, t *transfer, v view) []byte {
	does := behaviourOf(t.account)
	b = append(b, `{"key":`...)
	b = appendString(b, t.key)
	b = append(b, `,"id":`...)
	b = appendString(b, bankID(t.key))
	b = append(b, `,"status":`...)
	b = appendString(b, v.status)
	if v.status == statusDeclined {
		b = append(b, `,"reason":`...)
		b = appendString(b, t.reason)
		b = append(b, `,"narrative":`...)
		b = appendString(b, narratives[t.reason])
	}
	if v.returned {
		b = append(b, `,"returned":true,"return_id":`...)
		id := "R" + bankID(t.key)
		if v.again {
			id += "-2"
		}
		b = appendString(b, id)
		if does.inPart {
			b = append(b, `,"returned_amount":`...)
			b = strconv.AppendInt(b, max(1, t.amount/2), 10)
		}
	}
	b = append(b, `,"at":"`...)
	b = fromMicros(v.at).AppendFormat(b, time.RFC3339Nano)
	b = append(b, '"', ',')
	said := *t
	if does.misstates && v.status == statusSucceeded {
		said.amount++
	}
	b = appendContent(b, &said)
	return append(b, '}')
}

// appendContent appends the members that say what the bank was asked to pay.
func appendContent(b []byte, t *transfer) []byte {
	b = append(b, `"reference":`...)
	b = appendString(b, t.reference)
	b = append(b, `,"amount":`...)
	b = strconv.AppendInt(b, t.amount, 10)
	b = append(b, `,"currency":`...)
	b = appendString(b, t.currency)
	b = append(b, `,"account":`...)
	return appendString(b, t.account)
}

// appendListLine appends one line of GET /transfers. State tells what the counts do not: a return lowers none.
func appendListLine(b []byte, t *transfer) []byte {
	b = append(b, `{"key":`...)
	b = appendString(b, t.key)
	b = append(b, ',')
	b = appendContent(b, t)
	b = append(b, `,"submissions":`...)
	b = strconv.AppendInt(b, t.submissions, 10)
	b = append(b, `,"executed":`...)
	b = strconv.AppendInt(b, t.executed, 10)
	b = append(b, `,"state":`...)
	b = appendString(b, [...]string{"unrecorded", "accepted", "succeeded", "declined", "returned"}[t.state])
	b = append(b, `,"accepted_at":"`...)
	b = fromMicros(t.acceptedAt).AppendFormat(b, time.RFC3339Nano)
	return append(b, "\"}\n"...)
}

// appendError appends the body of every refusal.
func appendError(b []byte, code, key, message string) []byte {
	b = append(b, `{"error":{"code":`...)
	b = appendString(b, code)
	if key != "" {
		b = append(b, `,"key":`...)
		b = appendString(b, key)
	}
	b = append(b, `,"message":`...)
	b = appendString(b, message)
	return append(b, "}}\n"...)
}

// appendNotices joins rendered transfers into the body of one notification.
func appendNotices(b []byte, entries [][]byte) []byte {
	b = append(b, `{"notifications":[`...)
	b = append(b, bytes.Join(entries, []byte{','})...)
	return append(b, "]}"...)
}

// appendString appends s as a JSON string.
func appendString(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			quoted, err := json.Marshal(s)
			if err != nil {
				panic(err) // cannot happen: every string has a JSON form
			}
			return append(b, quoted...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}
