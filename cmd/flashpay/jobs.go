package main

import (
	"flashpay/internal/accept"
	"flashpay/internal/manual"
	"flashpay/internal/work"
)

// acceptor is the way in of payouts that do not come through Gate.
func (p *platform) acceptor() *accept.Service {
	return &accept.Service{Acceptor: p.store, Route: route, Banks: p.config.Banks}
}

// newRunner runs rare work, on every node that has the role engine.
func (p *platform) newRunner() *work.Runner {
	payouts := &manual.Service{Store: p.store, Payouts: p.acceptor(), Methods: p.methods, Banks: p.config.Banks}
	return work.NewRunner(work.RunnerConfig{Store: p.store, Logger: p.config.Logger, Kinds: []work.JobKind{payouts.Job()}})
}
