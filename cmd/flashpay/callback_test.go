package main

import (
	"context"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"flashpay/internal/merchant"
	"flashpay/internal/store"
	"flashpay/internal/vault"
)

// The command says that more callbacks fail than it orders, also where all are of batches.
func TestMoreBatchesFailThanAreOrdered(t *testing.T) {
	t.Parallel()
	keyset, err := vault.Generate()
	if err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(t.Context(), store.Config{URL: "sqlite:" + filepath.Join(t.TempDir(), "flashpay.db"), Keyset: string(keyset), Serve: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close(context.Background()) }()
	p := &merchant.Project{ID: 210, Name: "shop", Mode: merchant.Test, Settings: merchant.Settings{CallbackURL: "http://127.0.0.1:1/callback"}}
	if err := s.CreateProject(t.Context(), p, "key", map[string]int64{"KGS": 1}, "test"); err != nil {
		t.Fatal(err)
	}
	err = s.Do(t.Context(), "", func(_ context.Context, tx *store.Tx) error {
		for batch := range int64(3) {
			tx.AddBatchEvent(210, store.BatchEnd{Batch: batch + 1, State: "done", Rows: 1, Sent: 1})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for number := range int64(3) {
		a := store.Attempt{ProjectID: 210, Number: number + 1, Attempt: 1, At: s.Now(), HTTPStatus: http.StatusInternalServerError}
		if err := s.SaveAttempt(t.Context(), a, store.CallbackGivenUp, time.Time{}); err != nil {
			t.Fatal(err)
		}
	}
	for most, wantMore := range map[int]bool{2: true, 3: false} {
		got, more, err := failingOf(t.Context(), s, 210, most)
		if err != nil || len(got) != most || more != wantMore {
			t.Errorf("of 3 at most %d: %v, more %v, %v", most, got, more, err)
		}
	}
}
