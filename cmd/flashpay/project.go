package main

import (
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"flashpay/internal/account"
	"flashpay/internal/merchant"
	"flashpay/internal/store"
)

type projectCmd struct {
	Create   projectCreateCmd   `cmd:"" help:"Create a project."`
	List     projectListCmd     `cmd:"" help:"List the projects."`
	Show     projectShowCmd     `cmd:"" help:"Show a project. Secrets are never shown."`
	Settings projectSettingsCmd `cmd:"" help:"List a project's settings by name, as project set takes them."`
	Set      projectSetCmd      `cmd:"" help:"Change settings of a project."`
	History  projectHistoryCmd  `cmd:"" help:"List the versions of a project's settings, and what differs."`
	Block    projectBlockCmd    `cmd:"" help:"Decline new payouts of a project, and those that wait unsent."`
	Unblock  projectUnblockCmd  `cmd:"" help:"End a block."`
	Pause    projectPauseCmd    `cmd:"" help:"Accept a project's payouts and let them wait."`
	Resume   projectResumeCmd   `cmd:"" help:"End a pause: what waits is sent."`
	Key      projectKeyCmd      `cmd:"" help:"Add and revoke secret keys."`
}

type projectCreateCmd struct {
	databaseFlag
	ID           int64         `required:"" placeholder:"N" help:"The project's number, 1 to 4294967295."`
	Merchant     int64         `default:"1" placeholder:"N" help:"Its merchant's number; made where there is none of it. Default: 1."`
	Name         string        `placeholder:"TEXT" help:"Its name. Default: Project N."`
	Mode         string        `default:"test" placeholder:"test|live" help:"test pays through the simulated bank, live through real ones. Default: test."`
	Key          string        `var:"FLASHPAY_PROJECT_KEY" secret:"" placeholder:"SECRET" help:"Its secret key. Default: one is made and printed once."`
	CallbackURL  string        `name:"callback-url" placeholder:"URL" help:"Where results are posted; https in live mode."`
	Balance      []string      `placeholder:"KGS=1000000.00" help:"Opening balances; may be repeated."`
	Threshold    time.Duration `placeholder:"24h" help:"How long the platform waits for a final result. Default: the method's own."`
	AllowIP      []string      `name:"allow-ip" placeholder:"CIDR" help:"Addresses or networks that may send requests; may be repeated. Default: all."`
	AccountCheck string        `name:"account-check" placeholder:"off|warn|strict" help:"What a wrong Kyrgyz account number (16 digits, the last two check the others) does: nothing, a remark kept with the payout, or a decline 20102 at once. Default: off in test mode, in live mode the method's own."`
	JSON         bool          `help:"Print JSON."`
}

// Help is shown by --help.
func (c *projectCreateCmd) Help() string {
	return `Examples:

  flashpay project create --database sqlite:flashpay.db --id 210 --name Shop --mode test --callback-url http://localhost:8082/callback --balance KGS=1000000.00

  flashpay project create --id 211 --balance KGS=50000.00,USD=1000.00 --allow-ip 192.0.2.7 --allow-ip 2001:db8::/32 --json

  flashpay project create --id 212 --account-check strict --balance KGS=50000.00

A server that runs on the same database knows the project within a second.`
}

// Run creates the project.
func (c *projectCreateCmd) Run(a *app) error {
	p, err := c.project()
	if err != nil {
		return err
	}
	opening, err := parseSums(c.Balance)
	if err != nil {
		return err
	}
	made := ""
	if c.Key == "" {
		made = newKey()
		c.Key = made
	}
	if err := checkKey(c.Key); err != nil {
		return err
	}
	return c.withNew(a, func(s *store.Store) error {
		err := s.CreateProject(a.ctx, p, c.Key, opening, actor())
		if errors.Is(err, store.ErrProjectExists) {
			return fmt.Errorf("project %d exists already: choose another --id, or see it with `flashpay project show --id %d`", c.ID, c.ID)
		}
		if err != nil {
			return err
		}
		stored, ok := s.Project(c.ID)
		if !ok {
			return unknownProject(c.ID)
		}
		if c.JSON {
			shown := showProject(stored)
			shown.Key = made
			return a.printJSON(shown)
		}
		fmt.Fprintf(a.stdout, "Project %d %q (%s) is created.\n", p.ID, p.Name, p.Mode)
		if made != "" {
			fmt.Fprintf(a.stdout, "Its secret key, shown only now: %s\n", made)
		}
		return nil
	})
}

// maxProjectID is the largest number that a request may name as its project (openapi/gate.yaml, general.project_id).
const maxProjectID = math.MaxUint32

// project checks the flags. The settings among them are checked as project set checks them.
func (c *projectCreateCmd) project() (*merchant.Project, error) {
	p := &merchant.Project{ID: c.ID, MerchantID: c.Merchant, Mode: merchant.Mode(c.Mode)}
	if c.ID < 1 || c.ID > maxProjectID {
		return nil, usagef("--id=%d: want a number from 1 to %d: requests cannot name another", c.ID, maxProjectID)
	}
	if p.Mode != merchant.Test && p.Mode != merchant.Live {
		return nil, usagef("--mode=%s: want test or live", c.Mode)
	}
	if c.Merchant < 1 {
		return nil, usagef("--merchant=%d: want a number from 1 on", c.Merchant)
	}
	values := map[string]string{
		"name": cmp.Or(c.Name, "Project "+strconv.FormatInt(c.ID, 10)), "callback_url": c.CallbackURL,
		"threshold": merchant.PeriodText(c.Threshold), "account_check": c.AccountCheck, "allow_ip": strings.Join(c.AllowIP, ","),
	}
	made, faults := merchant.Change(p, nil, values, anySetting)
	if len(faults) > 0 {
		flag := "--" + strings.ReplaceAll(faults[0].Key, "_", "-")
		return nil, usagef("%s=%s: %v", flag, values[faults[0].Key], faults[0])
	}
	return made, nil
}

// newKey makes a secret key: 52 characters, 260 bits.
func newKey() string { return rand.Text() + rand.Text() }

func checkKey(key string) error {
	if key != strings.TrimSpace(key) || strings.ContainsFunc(key, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return usagef("the key has white space at an end or control characters in it: give it without")
	}
	return nil
}

// projectView is a project as the command line shows it.
type projectView struct {
	ID           int64                              `json:"id"`
	Name         string                             `json:"name"`
	Mode         merchant.Mode                      `json:"mode"`
	Merchant     int64                              `json:"merchant"`
	Blocked      bool                               `json:"blocked"`
	Paused       bool                               `json:"paused"`
	CreatedAt    time.Time                          `json:"created_at"`
	CallbackURL  string                             `json:"callback_url"`
	Rules        []merchant.CallbackRule            `json:"callback_rules,omitempty"`
	Threshold    string                             `json:"threshold,omitempty"` // absent: the method's own
	AllowIP      []netip.Prefix                     `json:"allow_ip"`
	AccountCheck account.Policy                     `json:"account_check,omitempty"`
	Approval     merchant.Sums                      `json:"approval,omitempty"` // minor units
	Methods      map[string]merchant.MethodSettings `json:"methods,omitempty"`
	Keys         []keyView                          `json:"keys"`
	Key          string                             `json:"key,omitempty"` // of project create, where it was made there
}

type keyView struct {
	ID             int64     `json:"id"`
	Label          string    `json:"label,omitempty"`
	CreatedAt      time.Time `json:"created_at"`
	SignsCallbacks bool      `json:"signs_callbacks"`
}

func showProject(p *merchant.Project) *projectView {
	v := &projectView{
		ID: p.ID, Name: p.Name, Mode: p.Mode, Merchant: p.MerchantID, Blocked: p.Blocked, Paused: p.Paused, Approval: p.Settings.Approval, CreatedAt: p.CreatedAt, CallbackURL: p.Settings.CallbackURL,
		Rules: p.Settings.CallbackRules, AllowIP: append([]netip.Prefix{}, p.Settings.AllowIP...), AccountCheck: p.Settings.AccountCheck,
		Methods: p.Settings.Methods, Keys: []keyView{},
	}
	if t := time.Duration(p.Settings.Threshold); t > 0 {
		v.Threshold = t.String()
	}
	for i, k := range p.Keys {
		v.Keys = append(v.Keys, keyView{ID: k.ID, Label: k.Label, CreatedAt: k.CreatedAt, SignsCallbacks: i == 0})
	}
	return v
}

type projectListCmd struct {
	databaseFlag
	JSON bool `help:"Print JSON."`
}

// Run lists the projects.
func (c *projectListCmd) Run(a *app) error {
	return c.with(a, func(s *store.Store) error {
		views := []*projectView{}
		for _, p := range s.Projects() {
			views = append(views, showProject(p))
		}
		if c.JSON {
			return a.printJSON(views)
		}
		w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "ID\tMODE\tNAME\tKEYS\tCALLBACK URL\tCREATED")
		for _, v := range views {
			fmt.Fprintf(w, "%d\t%s\t%s\t%d\t%s\t%s\n", v.ID, v.Mode, v.Name, len(v.Keys), v.CallbackURL, v.CreatedAt.Format(time.RFC3339))
		}
		return w.Flush()
	})
}

type projectShowCmd struct {
	databaseFlag
	ID   int64 `required:"" placeholder:"N" help:"The project's number."`
	JSON bool  `help:"Print JSON."`
}

// Run shows one project.
func (c *projectShowCmd) Run(a *app) error {
	return c.with(a, func(s *store.Store) error {
		p, ok := s.Project(c.ID)
		if !ok {
			return unknownProject(c.ID)
		}
		v := showProject(p)
		if c.JSON {
			return a.printJSON(v)
		}
		w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintf(w, "Project\t%d %q, %s, created %s\n", v.ID, v.Name, v.Mode, v.CreatedAt.Format(time.RFC3339))
		if v.Blocked {
			fmt.Fprintln(w, "Blocked\tnew payouts are declined, and so is what waits unsent")
		}
		if v.Paused {
			fmt.Fprintln(w, "Paused\tpayouts are accepted and wait")
		}
		fmt.Fprintf(w, "Callbacks\t%s\n", cmp.Or(v.CallbackURL, "no URL: only payouts that name one get callbacks"))
		fmt.Fprintf(w, "Threshold\t%s\n", cmp.Or(v.Threshold, "the method's own"))
		fmt.Fprintf(w, "Account check\t%s\n", checkPolicy(v))
		fmt.Fprintf(w, "Admitted\t%s\n", admitted(v.AllowIP))
		for _, k := range v.Keys {
			fmt.Fprintf(w, "Key %d\t%sadded %s%s\n", k.ID, labelled(k.Label), k.CreatedAt.Format(time.RFC3339), map[bool]string{true: ", signs callbacks"}[k.SignsCallbacks])
		}
		return w.Flush()
	})
}

// labelled is a key's label as a list begins with it.
func labelled(label string) string {
	if label == "" {
		return ""
	}
	return label + ", "
}

func admitted(networks []netip.Prefix) string {
	if len(networks) == 0 {
		return "requests from any address"
	}
	words := make([]string, 0, len(networks))
	for _, n := range networks {
		words = append(words, n.String())
	}
	return strings.Join(words, ", ")
}

// checkPolicy is the account doctor's policy in words.
func checkPolicy(v *projectView) string {
	switch {
	case v.AccountCheck != "":
		return string(v.AccountCheck)
	case v.Mode == merchant.Test:
		return string(account.Off)
	}
	return "the method's own"
}
