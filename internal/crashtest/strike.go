package crashtest

import (
	"context"
	"fmt"
	"sync"
	"time"

	"flashpay/internal/payout"
	"flashpay/internal/store"
)

// strikeAll sends the payouts and, in the middle of them, carries out the blows one after the other. It returns when
// all processes are ready again.
func (t *test) strikeAll(ctx, sending context.Context) error {
	kills := 0
	for i, b := range t.plan.blows {
		t.send(sending, t.plan.portion(i, false))
		if err := sleep(ctx, b.after); err != nil {
			return err
		}
		for _, v := range b.victims {
			if !b.early {
				if err := t.of(v).awaitReady(ctx); err != nil {
					return err
				}
			}
		}
		t.send(sending, t.plan.portion(i, true))
		if err := sleep(ctx, b.intoIt); err != nil {
			return err
		}
		if b.outage != "" {
			if err := t.suffer(ctx, b); err != nil {
				return err
			}
			continue
		}
		if !b.term {
			kills++
		}
		t.config.Progress(b.describe(kills, t.config.Kills))
		if err := t.strike(ctx, b); err != nil {
			return err
		}
	}
	t.send(sending, t.plan.portion(len(t.plan.blows), false))
	for _, c := range t.children() {
		if err := c.awaitReady(ctx); err != nil {
			return err
		}
	}
	return sleep(ctx, defaultGap)
}

// of is a victim's process.
func (t *test) of(v victim) *child {
	if v == bankVictim {
		return t.bank
	}
	return t.nodes[v]
}

// strike ends the victims of a blow, all at the same time, and starts them again.
func (t *test) strike(ctx context.Context, b *blow) error {
	var gone sync.WaitGroup
	for _, v := range b.victims {
		gone.Go(func() { t.end(v, b.term) })
	}
	gone.Wait()
	if !b.term {
		for _, v := range b.victims {
			if moved := t.watchTakeOver(ctx, v); b.holdDown {
				<-moved
			}
		}
	}
	for _, v := range b.victims {
		if err := t.of(v).start(); err != nil {
			return err
		}
	}
	return nil
}

// end ends one victim.
func (t *test) end(v victim, term bool) {
	role := "platform"
	if v == bankVictim {
		role = "bank"
	}
	if !term {
		t.of(v).kill()
		t.count(func(c *counts) { c.kills[role]++ })
		return
	}
	begun := time.Now()
	if err := t.of(v).terminate(); err != nil {
		t.violate(Violation{Kind: "orderly stop", Detail: err.Error()})
	}
	t.count(func(c *counts) {
		c.restarts[role]++
		c.standBy = max(c.standBy, time.Since(begun))
	})
}

func (b *blow) describe(n, of int) string {
	names := ""
	for i, v := range b.victims {
		if i > 0 {
			names += " and "
		}
		names += v.String()
	}
	switch {
	case b.term:
		return "SIGTERM: " + names
	case b.holdDown:
		return fmt.Sprintf("kill %d of %d: %s, which stays down until its work has moved on", n, of, names)
	}
	return fmt.Sprintf("kill %d of %d: %s", n, of, names)
}

// openBeside opens the database beside the platform, where that leaves its recovery alone: who holds a SQLite file open
// takes part in it.
func (t *test) openBeside(ctx context.Context) (err error) {
	if bankState(t.config.Database) == t.config.Database { // PostgreSQL
		t.beside, err = store.Open(ctx, store.Config{URL: t.config.Database, Keyset: t.config.Keyset})
	}
	return err
}

func (t *test) closeBeside() {
	t.takeOvers.Wait()
	if t.beside != nil {
		_ = closeStore(t.beside)
	}
}

// leaseLeft tells a lease from a scheduled step: the first inquiry comes 2 s after a submit, the lease of one lasts 12 s.
const leaseLeft = 4 * time.Second

// watchTakeOver looks, on PostgreSQL, which operations a dead node had under its lease, and measures how long it takes
// until somebody has moved the last of them. The channel is closed then.
func (t *test) watchTakeOver(ctx context.Context, dead victim) <-chan struct{} {
	moved := make(chan struct{})
	if t.beside == nil || dead == bankVictim {
		close(moved)
		return moved
	}
	died := time.Now()
	left := t.leftBy(ctx, int(dead), died)
	t.takeOvers.Go(func() {
		defer close(moved)
		t.awaitTakeOver(ctx, dead, left, died)
	})
	return moved
}

// leftBy are the operations, with their versions, that a dead node had under its lease.
func (t *test) leftBy(ctx context.Context, node int, died time.Time) map[string]int64 {
	left := make(map[string]int64)
	for _, o := range t.shop.list() {
		if o.asked != node || o.wish.copied > 0 || len(t.receiver.heard(o.wish.id)) > 0 {
			continue
		}
		v, err := t.beside.PaymentView(ctx, t.shop.project, o.wish.id)
		if err != nil || len(v.Operations) == 0 {
			continue
		}
		op := &v.Operations[0]
		if op.Stage == payout.Sending && op.Submits == 1 && op.Inquiries == 0 && op.NextAt.Sub(died) > leaseLeft {
			left[o.wish.id] = op.Version
		}
	}
	return left
}

func (t *test) awaitTakeOver(ctx context.Context, dead victim, left map[string]int64, died time.Time) {
	n, limit := len(left), takeOverLimit
	if len(t.nodes) == 1 {
		limit = takeOverLimitAlone
	}
	for len(left) > 0 {
		if sleep(ctx, 50*time.Millisecond) != nil {
			return
		}
		for id, version := range left {
			v, err := t.beside.PaymentView(ctx, t.shop.project, id)
			if err == nil && v.Operations[0].Version != version {
				delete(left, id)
			}
		}
		if took := time.Since(died); len(left) > 0 && took > limit {
			t.violate(Violation{
				Kind: "not taken over", Payments: keysOf(left),
				Detail: fmt.Sprintf("%s after the death of %s nobody has taken up what it had leased", took.Round(time.Second), dead),
			})
			return
		}
	}
	if n > 0 {
		took := time.Since(died)
		t.config.Progress(fmt.Sprintf("%d operations of the dead %s were taken over within %s", n, dead, took.Round(time.Millisecond)))
		t.count(func(c *counts) {
			c.takeOvers += n
			c.worstTakeOver = max(c.worstTakeOver, took)
		})
	}
}
