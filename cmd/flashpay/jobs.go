package main

import (
	"context"
	"errors"
	"time"

	"flashpay/internal/accept"
	"flashpay/internal/access"
	"flashpay/internal/alert"
	"flashpay/internal/manual"
	"flashpay/internal/massbatch"
	"flashpay/internal/ratefeed"
	"flashpay/internal/report"
	"flashpay/internal/resend"
	"flashpay/internal/store/alerts"
	"flashpay/internal/store/batches"
	"flashpay/internal/store/files"
	"flashpay/internal/work"
)

// acceptor is the way in of payouts that do not come through Gate.
func (p *platform) acceptor() *accept.Service {
	return &accept.Service{Acceptor: p.store, Route: installed.Route, Rates: p.store.Rates, Banks: p.config.Banks}
}

// newRunner runs rare work, on every node that has the role engine.
func (p *platform) newRunner() *work.Runner {
	payouts := &manual.Service{Store: p.store, Payouts: p.acceptor(), Methods: p.methods, Banks: p.config.Banks}
	feeds := &ratefeed.Service{Store: p.store, Client: ratefeed.New(nil)}
	kinds := append(p.reports().Jobs(), payouts.Job(), p.mass().Job(), resend.Job(), feeds.Job(), p.alerts().Job())
	kinds = append(kinds, p.linkMail().Jobs()...)
	return work.NewRunner(work.RunnerConfig{Store: p.store, Logger: p.config.Logger, Kinds: kinds})
}

// reports makes reports and keeps them.
func (p *platform) reports() *report.Service {
	return &report.Service{Store: p.store, Mail: p.config.Mail}
}

// alerts tells users of what waits for them.
func (p *platform) alerts() *alert.Service {
	return &alert.Service{Store: p.store, Mail: p.config.Mail, URL: p.config.DashboardURL}
}

// linkMail sends users the links by which they begin.
func (p *platform) linkMail() *access.LinkMail {
	m := &access.LinkMail{Store: p.store, URL: p.config.DashboardURL}
	if p.config.Mail != nil {
		m.Send = p.config.Mail.Send
	}
	return m
}

// newWatch looks for what users are to be told of.
func (p *platform) newWatch() *work.Loop {
	return work.NewLoop(alert.Every, func(ctx context.Context) (more bool) {
		if err := p.alerts().Look(ctx); err != nil && ctx.Err() == nil {
			p.config.Logger.Error("users could not be told of what waits", "err", err)
		}
		return false
	})
}

// mass pays files.
func (p *platform) mass() *massbatch.Service {
	return &massbatch.Service{Store: p.store, Payouts: p.acceptor(), Methods: p.methods}
}

// newKeeper deletes files and batches whose time is over, and what crashes left half made; and it moves batches whose
// approval has lapsed.
func (p *platform) newKeeper() *work.Loop {
	return work.NewLoop(10*time.Minute, func(ctx context.Context) (more bool) {
		err := errors.Join(p.mass().Reconcile(ctx), files.DeleteExpired(ctx, p.store), batches.DeleteExpired(ctx, p.store), alerts.DropOld(ctx, p.store))
		if err != nil && ctx.Err() == nil {
			p.config.Logger.Error("old files and batches could not be cleared away", "err", err)
		}
		return false
	})
}
