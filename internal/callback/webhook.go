package callback

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"flashpay/internal/merchant"
	"flashpay/signature"
)

// maxWebhookKeys is how many live keys sign a callback's header, so that headers stay small.
const maxWebhookKeys = 8

// webhookID names a callback to its receiver: the same at each attempt and when it is sent again, another for each other
// callback of the installation. It holds no dot, which separates what is signed.
func webhookID(projectID, number int64) string { return fmt.Sprintf("evt_%d_%d", projectID, number) }

// webhook is what Standard Webhooks put on top of an attempt. Every live key signs, so that a receiver who knows one
// secret only goes over to the next at any time while both live.
func webhook(id string, at time.Time, keys []merchant.Key, body []byte) http.Header {
	secrets := make([]string, 0, maxWebhookKeys)
	for _, k := range keys[:min(len(keys), maxWebhookKeys)] {
		secrets = append(secrets, k.Secret)
	}
	h := make(http.Header, 3)
	h.Set(signature.WebhookID, id)
	h.Set(signature.WebhookTimestamp, strconv.FormatInt(at.Unix(), 10))
	h.Set(signature.WebhookSignature, signature.SignWebhook(secrets, id, at, body))
	return h
}
