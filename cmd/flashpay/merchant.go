package main

import (
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"flashpay/internal/merchant"
	"flashpay/internal/store"
)

type merchantCmd struct {
	Create  merchantCreateCmd  `cmd:"" help:"Create a merchant."`
	List    merchantListCmd    `cmd:"" help:"List the merchants."`
	Show    merchantShowCmd    `cmd:"" help:"Show a merchant and its projects."`
	Block   merchantBlockCmd   `cmd:"" help:"Decline new payouts of all of a merchant's projects, and those that wait unsent."`
	Unblock merchantUnblockCmd `cmd:"" help:"End a block. Projects that are blocked themselves stay so."`
	Pause   merchantPauseCmd   `cmd:"" help:"Accept payouts of all of a merchant's projects and let them wait."`
	Resume  merchantResumeCmd  `cmd:"" help:"End a pause. Projects that are paused themselves stay so."`
}

type merchantCreateCmd struct {
	databaseFlag
	ID   int64  `placeholder:"N" help:"The merchant's number. Default: the next one that is free."`
	Name string `required:"" placeholder:"TEXT" help:"Its name."`
	JSON bool   `help:"Print JSON."`
}

// Run creates the merchant.
func (c *merchantCreateCmd) Run(a *app) error {
	if c.ID < 0 {
		return usagef("--id=%d: want a number from 1 on", c.ID)
	}
	if strings.TrimSpace(c.Name) == "" {
		return usagef("--name: this must not be empty")
	}
	if err := checkLine("--name", c.Name); err != nil {
		return err
	}
	return c.withNew(a, func(s *store.Store) error {
		id, err := s.CreateMerchant(a.ctx, c.ID, strings.TrimSpace(c.Name), store.By{Actor: actor()})
		if errors.Is(err, store.ErrMerchantExists) {
			return fmt.Errorf("merchant %d exists already: choose another --id, or see it with `flashpay merchant show --id %d`", c.ID, c.ID)
		}
		if err != nil {
			return err
		}
		if c.JSON {
			return printMerchant(a, s, id, true)
		}
		fmt.Fprintf(a.stdout, "Merchant %d %q is created. Give it a project: flashpay project create --merchant %d --id N\n", id, c.Name, id)
		return nil
	})
}

// merchantView is a merchant as the command line shows it.
type merchantView struct {
	ID        int64     `json:"id"`
	Name      string    `json:"name"`
	Blocked   bool      `json:"blocked"`
	Paused    bool      `json:"paused"`
	CreatedAt time.Time `json:"created_at"`
	Projects  []int64   `json:"projects"`
}

func showMerchant(s *store.Store, m *merchant.Merchant) merchantView {
	v := merchantView{ID: m.ID, Name: m.Name, Blocked: m.Restrictions.Blocked, Paused: m.Restrictions.Paused, CreatedAt: m.CreatedAt, Projects: []int64{}}
	for _, p := range s.Projects() {
		if p.MerchantID == m.ID {
			v.Projects = append(v.Projects, p.ID)
		}
	}
	return v
}

type merchantListCmd struct {
	databaseFlag
	JSON bool `help:"Print JSON."`
}

// Run lists the merchants.
func (c *merchantListCmd) Run(a *app) error {
	return c.with(a, func(s *store.Store) error {
		views := []merchantView{}
		for _, m := range s.Merchants() {
			views = append(views, showMerchant(s, m))
		}
		if c.JSON {
			return a.printJSON(views)
		}
		w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "ID\tSTATE\tPROJECTS\tNAME\tCREATED")
		for _, v := range views {
			fmt.Fprintf(w, "%d\t%s\t%d\t%s\t%s\n", v.ID, stopsText(v.Blocked, v.Paused), len(v.Projects), v.Name, v.CreatedAt.Format(time.RFC3339))
		}
		return w.Flush()
	})
}

// stopsText says in words what is stopped.
func stopsText(blocked, paused bool) string {
	switch {
	case blocked && paused:
		return "blocked, paused"
	case blocked:
		return "blocked"
	case paused:
		return "paused"
	}
	return "open"
}

type merchantShowCmd struct {
	databaseFlag
	ID   int64 `required:"" placeholder:"N" help:"The merchant's number."`
	JSON bool  `help:"Print JSON."`
}

// Run shows one merchant.
func (c *merchantShowCmd) Run(a *app) error {
	return c.with(a, func(s *store.Store) error { return printMerchant(a, s, c.ID, c.JSON) })
}

func printMerchant(a *app, s *store.Store, id int64, asJSON bool) error {
	m, ok := s.Merchant(id)
	if !ok {
		return unknownMerchant(id)
	}
	v := showMerchant(s, m)
	if asJSON {
		return a.printJSON(v)
	}
	fmt.Fprintf(a.stdout, "Merchant %d %q, %s, created %s\n", v.ID, v.Name, stopsText(v.Blocked, v.Paused), v.CreatedAt.Format(time.RFC3339))
	for _, p := range s.Projects() {
		if p.MerchantID == id {
			fmt.Fprintf(a.stdout, "Project %d %q, %s, %s\n", p.ID, p.Name, p.Mode, stopsText(p.Blocked, p.Paused))
		}
	}
	return nil
}

// unknownMerchant is the error for a merchant that the database does not have.
func unknownMerchant(id int64) error {
	return fmt.Errorf("there is no merchant %d in this database: see `flashpay merchant list`, or make it with `flashpay merchant create --id %d --name TEXT`", id, id)
}

// stopFlags are what all commands that stop or let go take.
type stopFlags struct {
	databaseFlag
	ID     int64  `required:"" placeholder:"N" help:"Its number."`
	Reason string `placeholder:"TEXT" help:"Why; kept in the audit log."`
	JSON   bool   `help:"Print JSON."`
}

func (c *stopFlags) merchant(a *app, way store.Restriction, on bool) error {
	return c.with(a, func(s *store.Store) error {
		err := s.RestrictMerchant(a.ctx, c.ID, way, on, c.Reason, store.By{Actor: actor()})
		if errors.Is(err, store.ErrNotFound) {
			return unknownMerchant(c.ID)
		}
		if err != nil {
			return err
		}
		return printMerchant(a, s, c.ID, c.JSON)
	})
}

func (c *stopFlags) project(a *app, way store.Restriction, on bool) error {
	return c.with(a, func(s *store.Store) error {
		err := s.RestrictProject(a.ctx, c.ID, way, on, c.Reason, store.By{Actor: actor()})
		if errors.Is(err, store.ErrNotFound) {
			return unknownProject(c.ID)
		}
		if err != nil {
			return err
		}
		p, ok := s.Project(c.ID)
		if !ok {
			return unknownProject(c.ID)
		}
		if c.JSON {
			return a.printJSON(showProject(p))
		}
		fmt.Fprintf(a.stdout, "Project %d is %s; servers know it within a second.\n", p.ID, stopsText(p.Blocked, p.Paused))
		if m, ok := s.Merchant(p.MerchantID); ok && !on && (m.Restrictions.Blocked || m.Restrictions.Paused) {
			fmt.Fprintf(a.stdout, "Its merchant %d is %s: see flashpay merchant show --id %d\n", m.ID, stopsText(m.Restrictions.Blocked, m.Restrictions.Paused), m.ID)
		}
		return nil
	})
}

type (
	merchantBlockCmd   struct{ stopFlags }
	merchantUnblockCmd struct{ stopFlags }
	merchantPauseCmd   struct{ stopFlags }
	merchantResumeCmd  struct{ stopFlags }
	projectBlockCmd    struct{ stopFlags }
	projectUnblockCmd  struct{ stopFlags }
	projectPauseCmd    struct{ stopFlags }
	projectResumeCmd   struct{ stopFlags }
)

// Run blocks the merchant.
func (c *merchantBlockCmd) Run(a *app) error { return c.merchant(a, store.Blocked, true) }

// Run ends the block.
func (c *merchantUnblockCmd) Run(a *app) error { return c.merchant(a, store.Blocked, false) }

// Run pauses the merchant.
func (c *merchantPauseCmd) Run(a *app) error { return c.merchant(a, store.Paused, true) }

// Run ends the pause.
func (c *merchantResumeCmd) Run(a *app) error { return c.merchant(a, store.Paused, false) }

// Run blocks the project.
func (c *projectBlockCmd) Run(a *app) error { return c.project(a, store.Blocked, true) }

// Run ends the block.
func (c *projectUnblockCmd) Run(a *app) error { return c.project(a, store.Blocked, false) }

// Run pauses the project.
func (c *projectPauseCmd) Run(a *app) error { return c.project(a, store.Paused, true) }

// Run ends the pause.
func (c *projectResumeCmd) Run(a *app) error { return c.project(a, store.Paused, false) }
