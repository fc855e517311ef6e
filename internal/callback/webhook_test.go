package callback

import (
	"io"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	webhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"flashpay/internal/merchant"
	"flashpay/internal/payout"
	"flashpay/internal/store"
	"flashpay/signature"
)

// Each attempt carries the headers of Standard Webhooks: one id for all attempts, the attempt's time, and a signature that
// the project's own library verifies under the secret of any live key, within its five minutes.
func TestStandardWebhooks(t *testing.T) {
	virtual(t, nil, func(t *testing.T, r *road) {
		type got struct {
			header http.Header
			body   []byte
			at     time.Time
			known  map[string]error // by key
		}
		keys := []string{"key-1", "key-2", "no key of it"}
		var mu sync.Mutex
		var all []got
		r.net.serve("shop", func(w http.ResponseWriter, req *http.Request) {
			body, _ := io.ReadAll(req.Body)
			g := got{req.Header, body, time.Now(), make(map[string]error)}
			for _, key := range keys {
				library, err := webhooks.NewWebhook(signature.WebhookSecret(key))
				if err == nil {
					err = library.Verify(body, req.Header)
				}
				g.known[key] = err
			}
			mu.Lock()
			defer mu.Unlock()
			if all = append(all, g); len(all) < 3 {
				w.WriteHeader(http.StatusNoContent)
			}
		})
		r.succeed("ORDER_1", payout.Options{})
		synctest.Wait()
		if err := r.s.AddKey(t.Context(), project, merchant.Key{Secret: "key-2"}, store.By{Actor: "test"}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		r.want(1, store.CallbackDelivered, 3)
		mu.Lock()
		defer mu.Unlock()
		for i, g := range all {
			if id := g.header.Get("Webhook-Id"); id != "evt_210_1" {
				t.Errorf("attempt %d has the id %q", i+1, id)
			}
			if g.known["key-1"] != nil || g.known["no key of it"] == nil {
				t.Errorf("attempt %d: %v\n%v", i+1, g.known, g.header)
			}
		}
		if last := all[len(all)-1]; last.known["key-2"] != nil || last.header.Get("Webhook-Timestamp") == all[0].header.Get("Webhook-Timestamp") {
			t.Errorf("the last attempt, with a second key: %v\n%v", last.known, last.header)
		}
	})
}
