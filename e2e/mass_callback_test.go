package e2e

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"flashpay/client"
	"flashpay/internal/store"
)

// batchEndpoint is a merchant's endpoint that takes the callbacks of payments, and those of batches as the test says.
type batchEndpoint struct {
	*httptest.Server
	answer chan int // what the next ones of batches are answered; until then they are not

	mu      sync.Mutex
	ended   []client.BatchEnd // as they came
	waiting int               // of them, that were not answered yet, and whose sender is there
	bad     []error
}

func newBatchEndpoint(t *testing.T) *batchEndpoint {
	e := &batchEndpoint{answer: make(chan int, 10)}
	e.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // the server was killed while it wrote
		}
		cb, err := client.ParseCallback(body, "secret")
		e.mu.Lock()
		if err != nil {
			e.bad = append(e.bad, err)
		}
		batch := err == nil && cb.Batch != nil
		if batch {
			e.ended = append(e.ended, *cb.Batch)
			e.waiting++
		}
		e.mu.Unlock()
		if !batch {
			return
		}
		defer func() {
			e.mu.Lock()
			defer e.mu.Unlock()
			e.waiting--
		}()
		select {
		case status := <-e.answer:
			w.WriteHeader(status)
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(e.Close)
	return e
}

// came are the callbacks of batches that came so far.
func (e *batchEndpoint) came() []client.BatchEnd {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]client.BatchEnd(nil), e.ended...)
}

// nobodyWaits tells that no sender waits for an answer: that the killed ones are known to be gone.
func (e *batchEndpoint) nobodyWaits() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.waiting == 0
}

// TestTheCallbackOfABatchArrives though the server is killed as the batch ends and once more while its callback is delivered, and
// though the endpoint fails: the end is told under one number, with one content, and again when somebody asks for that.
func TestTheCallbackOfABatchArrives(t *testing.T) {
	t.Parallel()
	engines(t, func(t *testing.T, db database) {
		const rows = 40
		bank := db.start(t, "bank", "--listen", "127.0.0.1:0", "--state", db.dir+"/bank")
		endpoint := newBatchEndpoint(t)
		db.flashpay(t, "project", "create", "--id", "210", "--name", "shop", "--mode", "test", "--key", "secret", "--callback-url", endpoint.URL, "--balance", "KGS=10000.00")
		db.flashpay(t, "project", "set", "--id", "210", "batch_callback=on")
		file := filepath.Join(db.dir, "wages.csv")
		if err := os.WriteFile(file, []byte(wages(rows)), 0o600); err != nil {
			t.Fatal(err)
		}
		id := strings.TrimSpace(db.flashpay(t, "mass", "send", file, "--project", "210"))
		s := db.open(t)
		made := func() int64 {
			n, err := s.DB().Numbers(t.Context(), "SELECT COUNT(1) FROM batch_rows WHERE state = 'made'")
			if err != nil {
				t.Fatal(err)
			}
			return n[0]
		}
		server := db.serve(t, "--bank-url", bank.Bank)
		progress(t, "all rows are sent", made, func() bool { return made() == rows })
		server.kill() // the commit that ends the batch is in it, or not

		before := len(endpoint.came())
		server = db.serve(t, "--bank-url", bank.Bank)
		eventually(t, "the callback of the batch", func() bool { return len(endpoint.came()) > before })
		server.kill() // whether it was acknowledged, nobody knows
		eventually(t, "the endpoint notices", endpoint.nobodyWaits)

		for _, status := range []int{http.StatusInternalServerError, http.StatusOK} {
			endpoint.answer <- status
		}
		db.serve(t, "--bank-url", bank.Bank)
		number := int64(0)
		eventually(t, "that the callback of the batch is acknowledged", func() bool {
			batch, err := strconv.ParseInt(id, 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			list, err := s.Deliveries(t.Context(), store.DeliveryFilter{ProjectID: 210, Batch: batch})
			if err != nil || len(list) > 1 {
				t.Fatal(list, err)
			}
			if len(list) == 1 {
				number = list[0].Number
			}
			return len(list) == 1 && list[0].State == store.CallbackDelivered && list[0].HTTPStatus == http.StatusOK
		})
		before = len(endpoint.came())
		endpoint.answer <- http.StatusOK
		db.flashpay(t, "callback", "resend", "--id", "210", "--number", strconv.FormatInt(number, 10))
		eventually(t, "the callback that was asked for again", func() bool { return len(endpoint.came()) > before })

		all := endpoint.came()
		for i, end := range all {
			if end != all[0] || strconv.FormatInt(end.ID, 10) != id || end.Status != "done" || end.Rows != rows || end.Sent != rows {
				t.Errorf("callback %d tells %+v", i+1, end)
			}
		}
		if len(all) < 4 || len(endpoint.bad) > 0 { // not answered, failed, acknowledged, again
			t.Errorf("%d callbacks of the batch; bad: %v", len(all), endpoint.bad)
		}
		ended := func() int64 {
			n, err := s.DB().Numbers(t.Context(), "SELECT COUNT(1) FROM payments WHERE status = 'success'")
			if err != nil {
				t.Fatal(err)
			}
			return n[0]
		}
		progress(t, "all payouts are paid", ended, func() bool { return ended() == rows })
		if list := book(t, bank.Bank); len(list) != rows {
			t.Errorf("%d transfers; want %d", len(list), rows)
		}
		if list := db.flashpay(t, "callback", "list", "--id", "210"); strings.Count(list, fmt.Sprint("batch ", id)) != 1 {
			t.Errorf("the list of callbacks: %s", list)
		}
		db.clean(t, bank.Bank)
	})
}
