package bench

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha512"
	"encoding/base64"
	"fmt"
	"hash"
	"strconv"
	"strings"
	"sync"

	"flashpay/client"
	"flashpay/signature"
)

// amount is what each payout pays, in minor units of currency.
const (
	amount   = 150000
	currency = "KGS"
)

// What a payout that is converted asks for: at askedRate and askedMargin it pays amount.
const (
	askedAmount   = 2000
	askedCurrency = "USD"
	askedRate     = "75.7576"
	askedMargin   = 1 // percent
)

// digits is how many digits the number of a payout has in its payment id, customer and account.
const digits = 10

// placeholder stands in a template where the number of a payout goes.
const placeholder = "9753186420"

// template makes signed requests of one project at a small and constant cost: all but the number of the payout and the
// signature is laid out once.
type template struct {
	key       string
	wire      []byte // request line, headers and body
	numbers   []int  // where the number goes in wire
	signature int    // where the signature goes in wire
	text      []byte // the signing string
	textAt    []int  // where the number goes in text
	macs      sync.Pool
}

// newTemplate lays out a project's requests. run is what makes payment ids of this run differ from another's.
func newTemplate(p project, run string, amount int64, currency string) (*template, error) {
	c, err := client.New(client.Config{GateURL: "http://127.0.0.1", ProjectID: p.ID, Key: p.Key})
	if err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	req, err := c.Build(client.Payout{
		Method: "kyrgyzstan", PaymentID: paymentPrefix(run) + placeholder, Amount: amount, Currency: currency,
		Customer: client.Customer{ID: "customer-" + placeholder, IPAddress: "203.0.113.7", FirstName: "Aida", LastName: "Bench"},
		// The last four digits do not ask the simulated bank for anything special.
		Account:     client.Account{Number: "125" + placeholder + "777"},
		Description: "bench",
	})
	if err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	head := "POST " + req.Path + " HTTP/1.1\r\nHost: gate\r\nContent-Type: application/json\r\nContent-Length: " +
		strconv.Itoa(len(req.Body)) + "\r\n\r\n"
	t := &template{key: p.Key, wire: append([]byte(head), req.Body...), text: []byte(req.SigningString)}
	t.macs.New = func() any { return hmac.New(sha512.New, []byte(t.key)) }
	t.numbers, t.textAt = places(t.wire), places(t.text)
	t.signature = bytes.Index(t.wire, []byte(req.Signature))
	if len(t.numbers) != 3 || len(t.textAt) != 3 || t.signature < 0 || len(req.Signature) != signature.Size {
		return nil, fmt.Errorf("bench: the request has %d and %d numbers, signature at %d: want 3, 3 and a place", len(t.numbers), len(t.textAt), t.signature)
	}
	return t, t.check(len(head))
}

// check sees that what a template makes is what Gate will verify.
func (t *template) check(head int) error {
	body := t.request(&request{}, 1)[head:]
	if _, err := signature.Verify(body, t.key); err != nil {
		return fmt.Errorf("bench: a request made of the template does not verify: %w", err)
	}
	return nil
}

func places(text []byte) (at []int) {
	for from := 0; ; {
		i := bytes.Index(text[from:], []byte(placeholder))
		if i < 0 {
			return at
		}
		at = append(at, from+i)
		from += i + digits
	}
}

// request is the room in which one sender makes its requests.
type request struct{ wire, text, sum []byte }

// request makes the signed request of a payout, ready to be written to a connection. It is good until r's next one.
func (t *template) request(r *request, number int64) []byte {
	r.wire = append(r.wire[:0], t.wire...)
	r.text = append(r.text[:0], t.text...)
	for _, at := range t.numbers {
		putNumber(r.wire[at:at+digits], number)
	}
	for _, at := range t.textAt {
		putNumber(r.text[at:at+digits], number)
	}
	// What signature.SignString does, with a key that is laid out once.
	mac := t.macs.Get().(hash.Hash)
	mac.Reset()
	mac.Write(r.text)
	r.sum = mac.Sum(r.sum[:0])
	t.macs.Put(mac)
	base64.StdEncoding.Encode(r.wire[t.signature:t.signature+signature.Size], r.sum)
	return r.wire
}

func putNumber(to []byte, number int64) {
	for i := len(to) - 1; i >= 0; i-- {
		to[i] = byte('0' + number%10)
		number /= 10
	}
}

func paymentPrefix(run string) string { return "bench-" + run + "-" }

// numberOf reads the number of a payout out of its payment id; false where it is not this run's.
func numberOf(paymentID, run string) (int64, bool) {
	text, ok := strings.CutPrefix(paymentID, paymentPrefix(run))
	if !ok || len(text) != digits {
		return 0, false
	}
	n, err := strconv.ParseInt(text, 10, 64)
	return n, err == nil && n >= 0
}
