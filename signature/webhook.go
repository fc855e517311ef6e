package signature

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"strings"
	"time"
)

// Headers of Standard Webhooks (https://www.standardwebhooks.com) that every callback carries beside the signature in its
// body: who verifies webhooks by a library need know nothing of ours.
const (
	WebhookID        = "webhook-id"        // of the callback, the same at each attempt
	WebhookTimestamp = "webhook-timestamp" // of the attempt, Unix seconds
	WebhookSignature = "webhook-signature" // one for each live key, oldest first
)

// webhookLabel is what a project's key signs to make the secret of its webhooks: the key itself goes into no library.
const webhookLabel = "standard-webhooks"

// WebhookSecret is the secret with which Standard Webhooks libraries verify callbacks of a project that has this key:
// whsec_ and the base64 of HMAC-SHA-256 over "standard-webhooks" under the key. Nothing can be requested with it.
func WebhookSecret(key string) string {
	return "whsec_" + base64.StdEncoding.EncodeToString(webhookKey(key))
}

// SignWebhook returns the value of the header webhook-signature: for each key one signature, separated by blanks. A key
// that is empty signs nothing.
func SignWebhook(keys []string, id string, at time.Time, body []byte) string {
	signed := make([]string, 0, len(keys))
	for _, key := range keys {
		if key == "" {
			continue
		}
		mac := hmac.New(sha256.New, webhookKey(key))
		mac.Write([]byte(id + "." + strconv.FormatInt(at.Unix(), 10) + "."))
		mac.Write(body)
		signed = append(signed, "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	}
	return strings.Join(signed, " ")
}

func webhookKey(key string) []byte {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(webhookLabel))
	return mac.Sum(nil)
}
