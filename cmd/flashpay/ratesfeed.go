package main

import (
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"flashpay/internal/ratefeed"
	"flashpay/internal/rates"
	"flashpay/internal/store"
)

type ratesFeedCmd struct {
	Add    ratesFeedAddCmd    `cmd:"" help:"Import a central bank's file by itself, once a day."`
	List   ratesFeedListCmd   `cmd:"" help:"List the feeds with their last results."`
	Remove ratesFeedRemoveCmd `cmd:"" help:"End a feed. Its rates stay."`
}

type ratesFeedAddCmd struct {
	databaseFlag
	Source string `required:"" enum:"nbkr,ecb" placeholder:"SOURCE" help:"Whose file it is: nbkr or ecb."`
	URL    string `name:"url" required:"" placeholder:"URL" help:"The file's address, which begins with https://."`
	At     string `required:"" placeholder:"HH:MM" help:"The time of the day at which it is fetched."`
	Zone   string `required:"" placeholder:"ZONE" help:"Of which zone, such as Asia/Bishkek."`
}

// Help is shown by --help.
func (c *ratesFeedAddCmd) Help() string {
	return `A node that processes payouts fetches the file, the first time at once, then each day: choose a time at which the bank has published.
A file that cannot be fetched or read is tried again, from once a second to every ten minutes, until it can be; Dashboard shows it under
Operators' desk, Currency rates, with what to do. No redirect is followed, and the server's certificate must be valid. The daily and the
weekly file of the National Bank are two feeds.

  flashpay rates feed add --source nbkr --url https://www.nbkr.kg/XML/daily.xml --at 18:30 --zone Asia/Bishkek
  flashpay rates feed add --source nbkr --url https://www.nbkr.kg/XML/weekly.xml --at 18:35 --zone Asia/Bishkek
  flashpay rates feed add --source ecb --url https://www.ecb.europa.eu/stats/eurofxref/eurofxref-daily.xml --at 16:30 --zone Europe/Berlin`
}

// Run adds the feed.
func (c *ratesFeedAddCmd) Run(a *app) error {
	f := ratefeed.Feed{Source: rates.Source(c.Source), URL: c.URL, At: c.At, Zone: c.Zone}
	if err := f.Check(); err != nil {
		return usagef("%v", err)
	}
	return c.with(a, func(s *store.Store) error {
		id, err := ratefeed.Add(a.ctx, s, f, actor())
		switch {
		case errors.Is(err, ratefeed.ErrFeedExists):
			return errors.New("nothing was changed: this file is fetched already, see `flashpay rates feed list`; remove that feed to change its time")
		case err != nil:
			return err
		}
		fmt.Fprintf(a.stdout, "Feed %d: fetched at once by a node that processes payouts (flashpay serve), then daily at %s, %s.\n", id, f.At, f.Zone)
		return nil
	})
}

type ratesFeedListCmd struct {
	databaseFlag
	JSON bool `help:"Print JSON, one feed a line."`
}

// Help is shown by --help.
func (c *ratesFeedListCmd) Help() string {
	return `newest is from when the newest rates of the file hold that was imported last. A feed that fails says why, and when it is tried again.

  flashpay rates feed list --database sqlite:flashpay.db --json
  {"feed":4503599627370497,"source":"nbkr","url":"https://www.nbkr.kg/XML/daily.xml","at":"18:30","zone":"Asia/Bishkek","imported_at":"2026-05-22T12:30:01Z","rates":4,"added":4,"newest":"2026-05-22T18:00:00Z","next":"2026-05-23T12:30:00Z"}`
}

// feedView is a feed as --json shows it.
type feedView struct {
	Feed       int64        `json:"feed"`
	Source     rates.Source `json:"source"`
	URL        string       `json:"url"`
	At         string       `json:"at"`
	Zone       string       `json:"zone"`
	ImportedAt *time.Time   `json:"imported_at,omitempty"`
	Rates      int          `json:"rates"`
	Added      int          `json:"added"`
	Newest     *time.Time   `json:"newest,omitempty"`
	Next       time.Time    `json:"next"`
	Why        ratefeed.Why `json:"why,omitempty"`
	Error      string       `json:"error,omitempty"`
	Due        *time.Time   `json:"due,omitempty"`
	Attempts   int          `json:"attempts,omitempty"`
}

func feedViewOf(f *ratefeed.Info) feedView {
	v := feedView{Feed: f.ID, Source: f.Source, URL: f.URL, At: f.At, Zone: f.Zone, Rates: f.Last.Rates, Added: f.Last.Added, Next: f.Next, Why: f.Why, Error: f.Fault}
	if !f.Last.At.IsZero() {
		v.ImportedAt, v.Newest = &f.Last.At, &f.Last.Newest
	}
	if f.Failing() {
		v.Due, v.Attempts = &f.Due, f.Attempts
	}
	return v
}

// Run lists the feeds.
func (c *ratesFeedListCmd) Run(a *app) error {
	return c.with(a, func(s *store.Store) error {
		found, err := ratefeed.Feeds(a.ctx, s)
		if err != nil {
			return err
		}
		if c.JSON {
			for _, f := range found {
				if err := a.printJSON(feedViewOf(f)); err != nil {
					return err
				}
			}
			return nil
		}
		if len(found) == 0 {
			fmt.Fprintln(a.stdout, "There are no feeds: add one with `flashpay rates feed add`.")
			return nil
		}
		w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "feed\tfile\tdaily at\timported\tnewest\tnext")
		for _, f := range found {
			fmt.Fprintf(w, "%d\t%s %s\t%s %s\t%s\t%s\t%s\n", f.ID, f.Source, f.URL, f.At, f.Zone, momentText(f.Last.At), momentText(f.Last.Newest), momentText(f.Next))
		}
		if err := w.Flush(); err != nil {
			return err
		}
		for _, f := range found {
			if f.Failing() {
				fmt.Fprintf(a.stdout, "\nFeed %d fails since %s, %s: %s\n", f.ID, momentText(f.Due), f.Why, f.Fault)
			}
		}
		return nil
	})
}

// momentText is a moment in a table; "-" where there is none.
func momentText(at time.Time) string {
	if at.IsZero() {
		return "-"
	}
	return at.UTC().Format("2006-01-02 15:04 MST")
}

type ratesFeedRemoveCmd struct {
	databaseFlag
	ID int64 `arg:"" name:"FEED" help:"The feed's number."`
}

// Run ends the feed.
func (c *ratesFeedRemoveCmd) Run(a *app) error {
	return c.with(a, func(s *store.Store) error {
		err := ratefeed.Remove(a.ctx, s, c.ID, actor())
		switch {
		case errors.Is(err, store.ErrNotFound):
			return fmt.Errorf("there is no feed %d: see `flashpay rates feed list`", c.ID)
		case err != nil:
			return err
		}
		fmt.Fprintf(a.stdout, "Feed %d has ended. Its rates stay.\n", c.ID)
		return nil
	})
}
