package signature_test

import (
	"net/http"
	"strconv"
	"testing"
	"time"

	webhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"flashpay/signature"
)

// The vectors were made by the npm package standardwebhooks 1.1.1 (and Node's own HMAC for the secret); the project's
// library for Go agrees with them, and verifies what we make.
func TestStandardWebhooks(t *testing.T) {
	type vector struct {
		Key, ID, Body, Secret, Signature string
		Timestamp                        int64
	}
	for _, v := range load[vector](t, "standard-webhooks.json") {
		at := time.Unix(v.Timestamp, 0)
		if got := signature.WebhookSecret(v.Key); got != v.Secret {
			t.Errorf("the secret of %q is %s, want %s", v.Key, got, v.Secret)
		}
		if got := signature.SignWebhook([]string{v.Key}, v.ID, at, []byte(v.Body)); got != v.Signature {
			t.Errorf("%s under %q: %s, want %s", v.ID, v.Key, got, v.Signature)
		}
		library, err := webhooks.NewWebhook(v.Secret)
		if err != nil {
			t.Fatal(err)
		}
		both := signature.SignWebhook([]string{"another", "", v.Key}, v.ID, at, []byte(v.Body))
		headers := http.Header{}
		headers.Set(signature.WebhookID, v.ID)
		headers.Set(signature.WebhookTimestamp, strconv.FormatInt(v.Timestamp, 10))
		headers.Set(signature.WebhookSignature, both)
		if err := library.VerifyIgnoringTimestamp([]byte(v.Body), headers); err != nil {
			t.Errorf("%s: %v", both, err)
		}
		if err := library.VerifyIgnoringTimestamp([]byte(v.Body+" "), headers); err == nil {
			t.Errorf("%s: a changed body verifies", v.ID)
		}
	}
}
