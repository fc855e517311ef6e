package main

import (
	"context"
	"time"

	"flashpay/internal/accept"
	"flashpay/internal/manual"
	"flashpay/internal/report"
	"flashpay/internal/store/files"
	"flashpay/internal/work"
)

// acceptor is the way in of payouts that do not come through Gate.
func (p *platform) acceptor() *accept.Service {
	return &accept.Service{Acceptor: p.store, Route: route, Rates: p.store.Rates, Banks: p.config.Banks}
}

// newRunner runs rare work, on every node that has the role engine.
func (p *platform) newRunner() *work.Runner {
	payouts := &manual.Service{Store: p.store, Payouts: p.acceptor(), Methods: p.methods, Banks: p.config.Banks}
	return work.NewRunner(work.RunnerConfig{Store: p.store, Logger: p.config.Logger, Kinds: append(p.reports().Jobs(), payouts.Job())})
}

// reports makes reports and keeps them.
func (p *platform) reports() *report.Service {
	return &report.Service{Store: p.store, Mail: p.config.Mail}
}

// newFileKeeper deletes files whose time is over, and what crashes left half written.
func (p *platform) newFileKeeper() *work.Loop {
	return work.NewLoop(10*time.Minute, func(ctx context.Context) (more bool) {
		if err := files.DropOld(ctx, p.store); err != nil && ctx.Err() == nil {
			p.config.Logger.Error("old files could not be deleted", "err", err)
		}
		return false
	})
}
