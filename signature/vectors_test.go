package signature_test

import (
	"encoding/json"
	"errors"
	"os"
	"slices"
	"testing"

	"flashpay/signature"
)

func load[T any](t testing.TB, file string) []T {
	t.Helper()
	b, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	var v []T
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	if len(v) == 0 {
		t.Fatalf("%s: no vectors", file)
	}
	return v
}

type vector struct{ Name, Body, Secret, Signature string }

// allVectors are the bodies on which the SDKs agree.
func allVectors(t testing.TB) []vector {
	return append(load[vector](t, "signatures.json"), load[vector](t, "signatures-sdk.json")...)
}

func TestVectorsOfSDKs(t *testing.T) {
	for _, v := range allVectors(t) {
		t.Run(v.Name, func(t *testing.T) {
			tree, err := signature.Parse([]byte(v.Body))
			if err != nil {
				t.Fatal(err)
			}
			form := signature.Canonical(tree)
			if got := form.Sign(v.Secret); got != v.Signature {
				t.Errorf("Sign = %s, want %s\nsigning string %q", got, v.Signature, form.SigningString(signature.Natural))
			}
			if order, err := form.Verify(v.Signature, v.Secret); err != nil || order != signature.Natural {
				t.Errorf("Verify = %v, %v", order, err)
			}
			for _, o := range signature.Orders()[1:5] {
				if got, want := string(form.SigningString(o)), string(form.SigningString(signature.Natural)); got != want {
					t.Errorf("SDKs agree, but order %v gives %q, natural order %q", o, got, want)
				}
			}
		})
	}
}

func TestVectorsOfSortOrders(t *testing.T) {
	type answer struct {
		Signature string
		Signed    string `json:"signed_string"`
		SDKs      []string
	}
	sdk := map[string]signature.Order{
		"php": signature.Natural, "js": signature.PerLevel, "py": signature.PathBytes,
		"go": signature.LineBytes, "java": signature.LineBytes,
	}
	for _, v := range load[struct {
		vector
		Answers []answer
	}](t, "sort-orders.json") {
		tree, err := signature.Parse([]byte(v.Body))
		if err != nil {
			t.Fatal(err)
		}
		form := signature.Canonical(tree)
		for _, a := range v.Answers {
			for _, name := range a.SDKs {
				order, known := sdk[name]
				if !known {
					t.Fatalf("no order known for SDK %q", name)
				}
				if got := string(form.SigningString(order)); got != a.Signed {
					t.Errorf("%s, %s (%v):\n got %s\nwant %s", v.Name, name, order, got, a.Signed)
				}
			}
			order, err := form.Verify(a.Signature, v.Secret)
			if err != nil {
				t.Errorf("%s: signature of %v: %v", v.Name, a.SDKs, err)
			}
			if got := string(form.SigningString(order)); got != a.Signed {
				t.Errorf("%s: Verify names order %v, whose string is %s", v.Name, order, got)
			}
		}
	}
}

// TestVectorsOfFieldClients holds what clients in use sign beyond the official SDKs' sort orders: whole lines in natural
// order, and numbers as they are written.
func TestVectorsOfFieldClients(t *testing.T) {
	for _, v := range load[struct {
		vector
		Order  string
		Signed string `json:"signed_string"`
	}](t, "field-clients.json") {
		form := signature.Canonical(parse(t, v.Body))
		order, err := form.Verify(v.Signature, v.Secret) // the first that fits: several may have one string
		if err != nil {
			t.Errorf("%s: %v", v.Name, err)
		}
		named := slices.IndexFunc(signature.Orders(), func(o signature.Order) bool { return o.String() == v.Order })
		for _, o := range []signature.Order{order, signature.Orders()[named]} {
			if got := string(form.SigningString(o)); got != v.Signed {
				t.Errorf("%s, order %v:\n got %s\nwant %s", v.Name, o, got, v.Signed)
			}
		}
		if _, err := form.Verify(v.Signature, "another"); !errors.Is(err, signature.ErrMismatch) {
			t.Errorf("%s, another key: %v", v.Name, err)
		}
	}
}

func TestVectorsOfCallbacks(t *testing.T) {
	for _, v := range load[struct {
		vector
		Verifies      bool
		PaymentID     string `json:"payment_id"`
		PaymentStatus string `json:"payment_status"`
	}](t, "callbacks.json") {
		t.Run(v.Name, func(t *testing.T) {
			_, err := signature.Verify([]byte(v.Body), v.Secret)
			if (err == nil) != v.Verifies {
				t.Fatalf("Verify: %v, want verified: %v", err, v.Verifies)
			}
			if err != nil {
				return
			}
			tree, err := signature.Parse([]byte(v.Body))
			if err != nil {
				t.Fatal(err)
			}
			for name, want := range map[string]string{"id": v.PaymentID, "status": v.PaymentStatus} {
				got := tree.Get("payment", name)
				if got == nil && want == "" {
					continue
				}
				if got == nil || got.Text != want {
					t.Errorf("payment.%s = %+v, want %q", name, got, want)
				}
			}
		})
	}
}

// TestNamedErrors holds each refused callback vector to its reason.
func TestNamedErrors(t *testing.T) {
	want := map[string]error{
		"cb-tampered-amount":                     signature.ErrMismatch,
		"cb-tampered-payment-id":                 signature.ErrMismatch,
		"cb-tampered-case":                       signature.ErrMismatch,
		"cb-field-removed":                       signature.ErrMismatch,
		"cb-wrong-secret":                        signature.ErrMismatch,
		"cb-signature-empty":                     signature.ErrMissing,
		"cb-signature-number":                    signature.ErrMalformed,
		"cb-signature-trailing-newline":          signature.ErrMalformed,
		"cb-signature-unpadded":                  signature.ErrMalformed,
		"cb-signature-hex":                       signature.ErrMalformed,
		"cb-signature-root-garbage-general-good": signature.ErrMalformed,
		"json-string":                            signature.ErrMissing,
	}
	for _, v := range load[vector](t, "callbacks.json") {
		reason, ok := want[v.Name]
		if !ok {
			continue
		}
		delete(want, v.Name)
		if _, err := signature.Verify([]byte(v.Body), v.Secret); !errors.Is(err, reason) {
			t.Errorf("%s: %v, want %v", v.Name, err, reason)
		}
	}
	if len(want) > 0 {
		t.Errorf("vectors not found: %v", want)
	}
	for _, body := range []string{"{sfsggsg", ""} {
		var syntax *signature.SyntaxError
		if _, err := signature.Verify([]byte(body), "k"); !errors.As(err, &syntax) {
			t.Errorf("%q: %v, want a *SyntaxError", body, err)
		}
	}
}

func TestProtocolTable(t *testing.T) {
	for _, v := range protocolVectors {
		t.Run(v.name, func(t *testing.T) {
			tree, err := signature.Parse([]byte(v.body))
			if err != nil {
				t.Fatal(err)
			}
			form := signature.Canonical(tree)
			if got := string(form.SigningString(signature.Natural)); got != v.signingString {
				t.Errorf("signing string\n got %s\nwant %s", got, v.signingString)
			}
			if got, err := signature.Sign([]byte(v.body), v.key); err != nil || got != v.signature {
				t.Errorf("Sign = %s, %v, want %s", got, err, v.signature)
			}
			if _, err := form.Verify(v.signature, v.key); err != nil {
				t.Error(err)
			}
		})
	}
}
