package signature_test

import (
	"errors"
	"fmt"

	"flashpay/signature"
)

// The request of the method's page, signed with the key "secret".
func Example() {
	body := []byte(`{
	  "general":  {"project_id": 210, "payment_id": "test_payment", "signature": ""},
	  "payment":  {"amount": 100000, "currency": "KGS"},
	  "customer": {"id": "customer123", "ip_address": "192.0.2.0"},
	  "account":  {"number": "00004598"}
	}`)
	sig, err := signature.Sign(body, "secret")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(sig)
	// Output:
	// u9Gt5ENX5uH5sJPAiknW45ir2Ft1UTywQsY3LvxHKe79X3mBQzuumsBd5kADSH/v/zhuKn9x9M5DFEGVTqlXxA==
}

// When two sides disagree about a signature, compare their signing strings.
func ExampleForm_SigningString() {
	v, err := signature.Parse([]byte(`{"payment":{"currency":"KGS","amount":100000},"list":["a",true,null],"signature":""}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s\n", signature.Canonical(v).SigningString(signature.Natural))
	// Output:
	// list:0:a;list:1:1;list:2:;payment:amount:100000;payment:currency:KGS
}

// A callback is read only after its signature was verified.
func ExampleVerify() {
	callback := []byte(`{"payment":{"id":"test-payment","status":"success"},` +
		`"signature":"UGzKT0NC26f4u0niyJSQPx5q3kFFIndwLXeJVXahfCFwbY+Svg1WoXIxzrIyyjWUSLFhT8wAQ5SfBDRHnwm6Yg=="}`)

	order, err := signature.Verify(callback, "qwerty")
	fmt.Println(order, err)

	_, err = signature.Verify(callback, "another key")
	fmt.Println(errors.Is(err, signature.ErrMismatch))
	// Output:
	// natural <nil>
	// true
}

// A tree can be built instead of parsed, and sent as it was signed.
func ExampleObj() {
	root := signature.Obj(
		signature.Field("project_id", signature.Int(210)),
		signature.Field("request_id", signature.Str("5f1d-00000001")),
	)
	sig := signature.Canonical(&root).Sign("secret")
	root.Members = append(root.Members, signature.Field("signature", signature.Str(sig)))
	fmt.Printf("%.60s…\n", root.AppendJSON(nil))
	// Output:
	// {"project_id":210,"request_id":"5f1d-00000001","signature":"…
}
