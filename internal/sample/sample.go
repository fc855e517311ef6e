// Package sample makes a year of believable payouts, so that whoever tries Flashpay finds a Dashboard that has something to
// show. Every row comes into the database by the calls that the stations use, at a time that is told by a clock of the
// past: payments, ledger, journal, seals, events, callbacks and attempts are what they would be had it all happened, and
// the audit finds nothing to say about them.
//
// Names, accounts, addresses and telephone numbers are made up: the addresses are of the ranges kept for documentation,
// the numbers of an area that nobody has. The payouts went through a bank of their own, [Provider], which exists in no
// process: nothing of the sample is ever submitted or inquired, and an audit that is given the sandbox's books does not
// look for it there. No payout is left open at its end.
package sample

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"flashpay/internal/accept"
	"flashpay/internal/merchant"
	"flashpay/internal/method"
	"flashpay/internal/store"
)

// The bank of the sample's operations.
const (
	Provider   = "sample-bank"
	ProviderID = 21440
)

// ErrTaken says that what is there under the numbers of the sample's projects is not this sample: it is left as it is.
var ErrTaken = errors.New("sample: the number of one of its projects is taken")

const (
	methodPath     = "bank-transfer/kyrgyzstan"
	actor          = "sample" // in the audit log
	days           = 365
	defaultPayouts = 5000
	least          = 50 // payouts: fewer do not show everything
)

// Project is one of the sample's projects, which Fill makes.
type Project struct {
	ID          int64
	Name        string
	Key         string // the secret key that its requests are signed with
	CallbackURL string // where its callbacks went; nothing is sent there
}

// Config says what Fill makes.
type Config struct {
	Store    store.Config // where; Serve, Migrate and Clock are Fill's own
	Shop     Project      // pays customers and sellers back through Gate, all day long
	Salaries Project      // pays wages on the 5th and the 20th, mostly through Dashboard, some by file, for a fee
	Market   Project      // pays sellers: asks in dollars and euros, has dollars, pays som, for a fee; number 0: there is none
	Waiting  bool         // files are left that wait for somebody: one for a second person, one with faults
	End      time.Time    // the year ends with the last full hour before it; zero: now
	Payouts  int          // about so many, at least 50; 0: 5,000
	Seed     uint64       // the same seed, end and number make the same payouts
	Progress func(made, all int)
}

// Result is what Fill did.
type Result struct {
	Made     int // payouts that were not there before
	From, To time.Time
}

// projects lists those that are asked for.
func (c *Config) projects() []*Project {
	all := []*Project{&c.Shop, &c.Salaries}
	if c.Market.ID != 0 {
		all = append(all, &c.Market)
	}
	return all
}

// Fill makes the projects and their payouts. No server may work on the database meanwhile. Called again, it goes on
// where it was interrupted, and does nothing where everything is there: the year is the one that the first call chose.
// ErrTaken where another project has one of the numbers, or a sample of another seed or number of payouts is there.
func Fill(ctx context.Context, c Config) (Result, error) {
	if c.Payouts == 0 {
		c.Payouts = defaultPayouts
	}
	if c.Payouts < least {
		return Result{}, fmt.Errorf("sample: %d payouts are too few: at least %d", c.Payouts, least)
	}
	if c.End.IsZero() {
		c.End = time.Now()
	}
	clock := newClock(c.End)
	c.Store.Serve, c.Store.Migrate, c.Store.Clock = true, true, clock.now
	s, err := store.Open(ctx, c.Store)
	if err != nil {
		return Result{}, err
	}
	result, err := fill(ctx, s, clock, &c)
	return result, errors.Join(err, s.Close(context.WithoutCancel(ctx)))
}

func fill(ctx context.Context, s *store.Store, clock *clock, c *Config) (Result, error) {
	start, err := startOf(s, c)
	if err != nil {
		return Result{}, err
	}
	methods, err := method.Load(accept.Payout.Known)
	if err != nil {
		return Result{}, err
	}
	m, ok := methods.Get(methodPath)
	if !ok {
		return Result{}, fmt.Errorf("sample: there is no method %s", methodPath)
	}
	year := newPlan(c, start, m)
	result := Result{From: start, To: year.end}
	r := newRunner(s, clock, methods, m, year, c)
	if done, err := r.finished(ctx); done || err != nil {
		return result, err
	}
	if err := r.checkBegun(ctx); err != nil {
		return result, err
	}
	clock.set(start)
	if err := createProjects(ctx, s, c); err != nil {
		return result, err
	}
	err = r.run(ctx)
	clock.set(year.end)
	result.Made = r.made
	return result, err
}

// startOf is when the sample begins: a year before its end, or when a call before this one has made the projects. Theirs
// are the only ones that were made on the hour, to the microsecond.
func startOf(s *store.Store, c *Config) (time.Time, error) {
	start := c.End.Truncate(time.Hour).AddDate(0, 0, -days).UTC()
	for _, p := range c.projects() {
		known, ok := s.Project(p.ID)
		if !ok {
			continue
		}
		if !known.CreatedAt.Equal(known.CreatedAt.Truncate(time.Hour)) {
			return start, fmt.Errorf("%w: by project %d, «%s»", ErrTaken, p.ID, known.Name)
		}
		start = known.CreatedAt
	}
	return start, nil
}

func createProjects(ctx context.Context, s *store.Store, c *Config) error {
	for _, p := range c.projects() {
		if _, ok := s.Project(p.ID); ok {
			continue
		}
		made := &merchant.Project{ID: p.ID, MerchantID: 1, Name: p.Name, Mode: merchant.Test, Settings: c.settings(p)}
		if err := s.CreateProject(ctx, made, p.Key, nil, actor); err != nil {
			return err
		}
	}
	return nil
}

// clock tells the time of the past that is being made.
type clock struct{ at atomic.Pointer[time.Time] }

func newClock(at time.Time) *clock {
	c := &clock{}
	c.set(at)
	return c
}

func (c *clock) set(at time.Time) { c.at.Store(&at) }

func (c *clock) now() time.Time { return *c.at.Load() }
