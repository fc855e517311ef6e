package signature_test

import (
	"strings"
	"testing"

	"flashpay/signature"
)

// request is the seed's request as Gate receives it, with the members that a
// real one adds.
const request = `{"general":{"project_id":210,"payment_id":"test_payment","signature":"%"},` +
	`"payment":{"amount":100000,"currency":"KGS","description":"Айлык акы"},` +
	`"customer":{"id":"customer123","ip_address":"192.0.2.0","first_name":"Айгүл","last_name":"Асанова"},` +
	`"account":{"number":"00004598","bank_id":14}}`

func signedRequest(b *testing.B) []byte {
	sig, err := signature.Sign([]byte(request), "secret")
	if err != nil {
		b.Fatal(err)
	}
	return []byte(strings.Replace(request, "%", sig, 1))
}

func BenchmarkParse(b *testing.B) {
	body := signedRequest(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := signature.Parse(body); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkVerify is what Gate does for each request: parse, flatten, sort, HMAC.
func BenchmarkVerify(b *testing.B) {
	body := signedRequest(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := signature.Verify(body, "secret"); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkVerifyWrongKey tries all orders in vain.
func BenchmarkVerifyWrongKey(b *testing.B) {
	body := signedRequest(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := signature.Verify(body, "other"); err == nil {
			b.Fatal("verified")
		}
	}
}

// BenchmarkSign is what a callback costs, whose tree is built and not parsed.
func BenchmarkSign(b *testing.B) {
	v, err := signature.Parse(signedRequest(b))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if signature.Canonical(v).Sign("secret") == "" {
			b.Fatal("no signature")
		}
	}
}
