package dataapi

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// Requests of one account over a long interval run one after another, 10 s apart; who does not get its turn in time is told so, and
// other accounts wait for nobody.
func TestLongIntervalsTakeTurns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q, begun := newQueue(), time.Now()
		enter := func(user int64) (leave func()) {
			t.Helper()
			leave, err := q.enter(t.Context(), user)
			if err != nil {
				t.Fatal(err)
			}
			return leave
		}
		leave := enter(1)
		enter(2)()
		if waited := time.Since(begun); waited != 0 {
			t.Errorf("the first requests waited %s", waited)
		}
		impatient, stop := context.WithTimeout(t.Context(), longWait)
		defer stop()
		if _, err := q.enter(impatient, 1); err == nil {
			t.Error("two requests of one account run at once")
		}
		leave()
		left := time.Now()
		enter(1)()
		if waited := time.Since(left); waited != longPause {
			t.Errorf("the next request waited %s, want %s", waited, longPause)
		}
	})
}
