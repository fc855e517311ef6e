package main

import (
	"context"
	"errors"
	"slices"

	"flashpay/internal/access"
	"flashpay/internal/callback"
	"flashpay/internal/dashboard"
	"flashpay/internal/method"
)

// startDashboard starts the web site of staff.
func (p *platform) startDashboard() error {
	c := p.config
	address := c.DashboardURL
	if address == "" {
		address = localURL(c.Dashboard.Addr())
	}
	var err error
	p.users, err = access.New(p.store, access.Config{URL: address, Logger: c.Logger, Mails: c.Mail != nil})
	if err != nil {
		return err
	}
	p.tester = callback.NewTester(callback.Config{AllowPrivate: c.AllowPrivateCallbacks, Logger: c.Logger})
	site, err := dashboard.New(dashboard.Config{
		Store: p.store, Access: p.users, Accept: p.acceptor(), Methods: p.methods, Reports: p.reports(),
		URL: address, TrustedProxies: c.TrustedProxies, TestCallback: p.testCallback, Logger: c.Logger,
	})
	if err != nil {
		return err
	}
	p.dashboard = startServer(c.Dashboard, site.Handler(), c.Logger, p.failed)
	return nil
}

// testCallback sends a sample to where a project's callbacks go, under the same rules as callbacks.
func (p *platform) testCallback(ctx context.Context, projectID int64) (dashboard.SampleAnswer, error) {
	project, ok := p.store.Project(projectID)
	if !ok {
		return dashboard.SampleAnswer{}, unknownProject(projectID)
	}
	all := p.methods.All()
	i := slices.IndexFunc(all, func(m *method.Method) bool { return m.Enabled })
	if i < 0 {
		return dashboard.SampleAnswer{}, errors.New("no payout method is enabled: there is nothing to make a sample of")
	}
	m := all[i]
	sample, err := p.tester.Send(ctx, project, m.Path, m.Title, m.MainCurrency(), p.store.Now())
	answer := dashboard.SampleAnswer{URL: sample.URL, Body: sample.Body, HTTPStatus: sample.HTTPStatus, Answer: sample.Answer}
	if err != nil {
		answer.Error = err.Error()
	}
	return answer, nil
}
