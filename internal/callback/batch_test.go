package callback

import (
	"context"
	"net/http"
	"testing"
	"time"

	"flashpay/client"
	"flashpay/internal/store"
)

// The callback of a batch's end goes the way of all callbacks: signed at each attempt, by the schedule until it is acknowledged, and
// again when somebody asks for it.
func TestCallbackOfABatch(t *testing.T) {
	virtual(t, nil, func(t *testing.T, r *road) {
		shop := &inbox{answer: func(n int, w http.ResponseWriter) {
			switch n {
			case 1:
				w.WriteHeader(http.StatusInternalServerError)
			case 2:
				w.WriteHeader(http.StatusAccepted) // only 200 acknowledges
			}
		}}
		r.net.serve("shop", shop.ServeHTTP)
		end := store.BatchEnd{Batch: 17, State: "done", Rows: 9, Sent: 4, PaidAlready: 2, Refused: 1, WithFaults: 2}
		err := r.s.Do(t.Context(), "", func(_ context.Context, tx *store.Tx) error {
			tx.AddBatchEvent(project, end)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		made := time.Now()
		time.Sleep(time.Minute)
		r.want(1, store.CallbackDelivered, 3)
		times, paths := shop.when()
		for i, at := range times {
			if late := at.Sub(made.Add(time.Duration(i) * 10 * time.Second)); late < 0 || late > 50*time.Millisecond || paths[i] != "/project" {
				t.Errorf("attempt %d to %s, %s late", i+1, paths[i], late)
			}
		}
		number, err := r.s.ResendCallback(t.Context(), "", project, "", 1, "test")
		if err != nil || number != 1 {
			t.Fatal(number, err)
		}
		time.Sleep(time.Second)
		got := shop.got()
		if len(got) != 4 {
			t.Fatalf("%d attempts came; want 4", len(got))
		}
		for i, body := range got {
			cb, err := client.ParseCallback(body, "key-1")
			if err != nil {
				t.Fatal(err)
			}
			want := client.BatchEnd{ID: 17, Status: "done", Date: cb.Batch.Date, Rows: 9, Sent: 4, PaidAlready: 2, Refused: 1, WithFaults: 2}
			if cb.Batch == nil || *cb.Batch != want || cb.ID != "" || unsigned(t, body) != unsigned(t, got[0]) {
				t.Errorf("attempt %d tells %+v", i+1, cb.Batch)
			}
		}
	})
}
