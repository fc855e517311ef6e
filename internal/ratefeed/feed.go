package ratefeed

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"flashpay/internal/rates"
	"flashpay/internal/store"
	"flashpay/internal/store/jobs"
	"flashpay/internal/work"
)

// Kind is the kind of the jobs that import rates by themselves.
const Kind = "rate feed"

const (
	maxAddress = 500
	maxFeeds   = 1000
)

// Feed is a file of rates that is fetched once a day.
type Feed struct {
	Source rates.Source `json:"source"`
	URL    string       `json:"url"`
	At     string       `json:"at"`   // the time of the day in Zone, such as 16:30
	Zone   string       `json:"zone"` // IANA name
}

// Errors of feeds.
var (
	ErrFeedExists = errors.New("ratefeed: this file is fetched already")
	ErrFeed       = errors.New("ratefeed: the feed cannot be")
)

// Check tells what is wrong with a feed; nil: nothing.
func (f *Feed) Check() error {
	if f.Source != rates.NBKR && f.Source != rates.ECB {
		return fmt.Errorf("%w: source %q: want %s or %s", ErrFeed, f.Source, rates.NBKR, rates.ECB)
	}
	if err := CheckAddress(f.URL); err != nil || len(f.URL) > maxAddress {
		return fmt.Errorf("%w: %w", ErrFeed, errors.Join(err, tooLong(f.URL)))
	}
	if _, err := time.Parse("15:04", f.At); err != nil || len(f.At) != len("15:04") {
		return fmt.Errorf("%w: time %q: want one such as 16:30", ErrFeed, f.At)
	}
	if _, err := time.LoadLocation(f.Zone); err != nil || f.Zone == "" || f.Zone == "Local" {
		return fmt.Errorf("%w: zone %q: want one such as Asia/Bishkek", ErrFeed, f.Zone)
	}
	return nil
}

func tooLong(address string) error {
	if len(address) > maxAddress {
		return fmt.Errorf("the address has more than %d characters", maxAddress)
	}
	return nil
}

// turn is when the file is fetched on the day of a moment, with so many days added.
func (f *Feed) turn(now time.Time, days int) (time.Time, error) {
	zone, err := time.LoadLocation(f.Zone)
	if err != nil {
		return time.Time{}, fmt.Errorf("ratefeed: %w", err)
	}
	at, err := time.Parse("15:04", f.At)
	if err != nil {
		return time.Time{}, fmt.Errorf("ratefeed: %w", err)
	}
	day := now.In(zone)
	return time.Date(day.Year(), day.Month(), day.Day()+days, at.Hour(), at.Minute(), 0, 0, zone).UTC(), nil
}

// turns are the newest time that has come for fetching the file, and the next one.
func (f *Feed) turns(now time.Time) (newest, next time.Time, err error) {
	for days := -2; days <= 2; days++ { // where clocks are moved, a day's time may be beyond its neighbours'
		at, err := f.turn(now, days)
		if err != nil {
			return newest, next, err
		}
		if !at.After(now) {
			newest = at
		} else if next.IsZero() {
			next = at
		}
	}
	return newest, next, nil
}

// Done is what a feed imported last.
type Done struct {
	Turn   time.Time `json:"turn"`   // the time of which day it was
	At     time.Time `json:"at"`     // when it was; zero: never yet
	Rates  int       `json:"rates"`  // of the file
	Added  int       `json:"added"`  // of them, what was new
	Newest time.Time `json:"newest"` // from when the newest of them hold
}

// Service imports rates by themselves.
type Service struct {
	Store  *store.Store
	Client *Client
}

// Job is the kind of jobs that import rates. A feed that fails is tried again, and never given up.
func (s *Service) Job() work.JobKind { return work.JobKind{Name: Kind, Run: s.run, AtOnce: 2} }

// run imports a feed's file where its time has come, and waits for the next one. The rates and that the day is done are one commit
// under the job's lease: so each day is imported once, whichever node dies when.
func (s *Service) run(ctx context.Context, r *jobs.Run) error {
	f, done, err := read(&r.Job)
	if err != nil {
		return r.Fail(ctx, "it cannot be read")
	}
	newest, next, err := f.turns(s.Store.Now())
	if err != nil {
		return err
	}
	if newest.After(done.Turn) {
		file, err := s.Client.Fetch(ctx, f.Source, f.URL)
		if err != nil {
			return err
		}
		if err := s.take(ctx, r, f, file, newest); err != nil {
			return err
		}
	}
	return &work.JobPause{Until: next}
}

// take commits the rates of a file.
func (s *Service) take(ctx context.Context, r *jobs.Run, f *Feed, file *rates.File, turn time.Time) error {
	done := Done{Turn: turn, At: s.Store.Now(), Rates: len(file.Quotes)}
	for i := range file.Quotes {
		if at := file.Quotes[i].ValidFrom; at.After(done.Newest) {
			done.Newest = at
		}
	}
	err := r.Step(ctx, r.Done+1, 0, func(ctx context.Context, t *store.Tx) (position []byte, err error) {
		if done.Added, err = t.AddRates(ctx, file.Quotes, "feed:"+string(f.Source), store.Detail{}.Int("feed", r.ID)); err != nil {
			return nil, err
		}
		return json.Marshal(done)
	})
	if err != nil {
		return err
	}
	return s.Store.Refresh(ctx)
}

// read reads a job's feed, and what it imported last.
func read(j *jobs.Job) (f *Feed, done Done, err error) {
	f = &Feed{}
	if err = json.Unmarshal(j.Params, f); err == nil && len(j.Position) > 0 {
		err = json.Unmarshal(j.Position, &done)
	}
	if err != nil {
		return nil, done, fmt.Errorf("ratefeed: feed %d: %w", j.ID, err)
	}
	return f, done, nil
}

// Info is a feed with what becomes of it.
type Info struct {
	ID int64
	Feed
	Last     Done
	Next     time.Time // when it is fetched next, or tried again
	Fault    string    // the newest error since; empty: none
	Why      Why       // what kind of error it is; empty: none
	Due      time.Time // of a feed that fails: since when its file is missing
	Attempts int
}

// Failing tells whether the file of the day could not be imported.
func (i *Info) Failing() bool { return i.Fault != "" }

// staleAfter is how old the newest rates of a file can be: a weekly file after holidays is not older.
const staleAfter = 10 * 24 * time.Hour

// Stale tells whether the file is there and says nothing new: the bank may publish it elsewhere now.
func (i *Info) Stale(now time.Time) bool {
	return !i.Last.At.IsZero() && now.Sub(i.Last.Newest) > staleAfter
}

// Feeds lists the feeds, the oldest first.
func Feeds(ctx context.Context, s *store.Store) (out []*Info, err error) {
	found, err := jobs.List(ctx, s, jobs.Filter{Kind: Kind, Limit: maxFeeds})
	if err != nil {
		return nil, err
	}
	for i := len(found) - 1; i >= 0; i-- {
		if found[i].State.Ended() {
			continue
		}
		j, err := jobs.Get(ctx, s, found[i].ID)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		f, done, err := read(j)
		if err != nil {
			return nil, err
		}
		info := &Info{ID: j.ID, Feed: *f, Last: done, Next: j.NextAt, Attempts: j.Attempts}
		if j.Outcome != "" {
			info.Why, info.Fault = whyOf(j.Outcome)
			if info.Due, _, err = f.turns(s.Now()); err != nil {
				return nil, err
			}
		}
		out = append(out, info)
	}
	return out, nil
}

// Add begins a feed: its file is fetched at once, then each day. ErrFeedExists where the same file is fetched already.
func Add(ctx context.Context, s *store.Store, f Feed, actor string) (id int64, err error) {
	if err := f.Check(); err != nil {
		return 0, err
	}
	params, err := json.Marshal(f)
	if err != nil {
		return 0, fmt.Errorf("ratefeed: %w", err)
	}
	known, err := jobs.List(ctx, s, jobs.Filter{Kind: Kind, Limit: maxFeeds})
	if err != nil {
		return 0, err
	}
	name, ended := string(f.Source)+" "+f.URL+" ", 0
	for i := range known {
		switch {
		case !strings.HasPrefix(known[i].Key, name):
		case known[i].State.Ended():
			ended++
		default:
			return 0, ErrFeedExists
		}
	}
	err = s.Do(ctx, "", func(ctx context.Context, t *store.Tx) error {
		var added bool
		if id, added, err = jobs.Add(ctx, t, jobs.New{Kind: Kind, Key: fmt.Sprint(name, ended), Params: params}); err != nil {
			return err
		}
		if !added { // at the same time by somebody else
			return ErrFeedExists
		}
		detail := store.Detail{}.Int("feed", id).Text("url", f.URL).Text("at", f.At).Text("zone", f.Zone)
		return t.Audit(ctx, actor, "rate feed add", "rates "+string(f.Source), detail)
	})
	return id, err
}

// Remove ends a feed; its rates stay. store.ErrNotFound where there is none.
func Remove(ctx context.Context, s *store.Store, id int64, actor string) error {
	j, err := jobs.Get(ctx, s, id)
	if err == nil && (j.Kind != Kind || j.State.Ended()) {
		err = fmt.Errorf("%w: feed %d", store.ErrNotFound, id)
	}
	if err != nil {
		return err
	}
	f, _, err := read(j)
	if err != nil {
		return err
	}
	return s.Do(ctx, "", func(ctx context.Context, t *store.Tx) error {
		if err := jobs.Cancel(ctx, t, id); err != nil {
			return err
		}
		return t.Audit(ctx, actor, "rate feed remove", "rates "+string(f.Source), store.Detail{}.Int("feed", id).Text("url", f.URL))
	})
}
