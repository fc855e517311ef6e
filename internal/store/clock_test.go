package store_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"flashpay/internal/store"
	"flashpay/internal/storetest"
)

// A clock set back an hour: time goes on, and what was due is due; the jump is logged and counted. A node that starts
// then goes on from there, too.
func TestClockSetBack(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		var log bytes.Buffer
		open := func() *store.Store {
			s, err := store.Open(t.Context(), store.Config{
				URL: url, Keyset: storetest.Keyset(), Serve: true, Follow: time.Hour, Logger: slog.New(slog.NewTextHandler(&log, nil)),
			})
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		s := open()
		before := s.Now()
		s.ShiftClock(-time.Hour)
		if after := s.Now(); after.Before(before) || after.Sub(before) > time.Minute {
			t.Errorf("an hour back: from %s to %s", before, after)
		}
		if n := s.Stats().ClockJumps; n != 1 || !strings.Contains(log.String(), "the clock jumped") {
			t.Errorf("%d jumps were counted; log %s", n, log.String())
		}
		s.ShiftClock(0)
		if after := s.Now(); after.Sub(before) > time.Minute || s.Stats().ClockJumps != 2 {
			t.Errorf("set right again: %s after %s, %d jumps", after, before, s.Stats().ClockJumps)
		}
		if err := s.AddNode(t.Context(), 8000, before.Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(t.Context()); err != nil {
			t.Error(err)
		}
		s = open()
		if ahead := s.Now().Sub(before); ahead < 59*time.Minute || ahead > 61*time.Minute {
			t.Errorf("beside a node that is an hour ahead, a new one is %s ahead", ahead)
		}
		if err := s.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// The lead over a clock that was set back shrinks by a hundredth of what passes, and never by a step.
func TestALeadShrinksSlowly(t *testing.T) {
	url := storetest.URL(t, storetest.SQLite)
	synctest.Test(t, func(t *testing.T) {
		s, err := store.Open(t.Context(), store.Config{URL: url, Keyset: storetest.Keyset()})
		if err != nil {
			t.Fatal(err)
		}
		s.Now()
		s.ShiftClock(-time.Minute)
		last := s.Now()
		for range 99 {
			time.Sleep(time.Minute)
			now := s.Now()
			if step := now.Sub(last); step != time.Minute*99/100 {
				t.Fatalf("a minute took %s", step)
			}
			last = now
		}
		time.Sleep(2 * time.Minute)
		if now := s.Now(); !now.Equal(time.Now().Add(-time.Minute).UTC()) {
			t.Errorf("after a hundred minutes %s, want the clock's %s", now, time.Now().Add(-time.Minute))
		}
		if err := s.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
