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
	"flashpay/internal/money"
	"flashpay/internal/store"
)

type projectCmd struct {
	Create projectCreateCmd `cmd:"" help:"Create a project."`
	List   projectListCmd   `cmd:"" help:"List the projects."`
	Show   projectShowCmd   `cmd:"" help:"Show a project's settings. Secrets are never shown."`
	Key    projectKeyCmd    `cmd:"" help:"Add and revoke secret keys."`
}

type projectCreateCmd struct {
	databaseFlag
	ID           int64         `required:"" placeholder:"N" help:"The project's number, 1 to 4294967295."`
	Name         string        `placeholder:"TEXT" help:"Its name. Default: Project N."`
	Mode         string        `default:"test" placeholder:"test|live" help:"test pays through the simulated bank, live through real ones. Default: test."`
	Key          string        `var:"FLASHPAY_PROJECT_KEY" secret:"" placeholder:"SECRET" help:"Its secret key. Default: one is made and printed once."`
	CallbackURL  string        `name:"callback-url" placeholder:"URL" help:"Where results are posted; https in live mode."`
	Balance      []string      `placeholder:"KGS=100000000" help:"Opening balances in minor units; may be repeated."`
	Threshold    time.Duration `placeholder:"24h" help:"How long the platform waits for a final result. Default: the method's own."`
	AllowIP      []string      `name:"allow-ip" placeholder:"CIDR" help:"Addresses or networks that may send requests; may be repeated. Default: all."`
	AccountCheck string        `name:"account-check" placeholder:"off|warn|strict" help:"What a wrong Kyrgyz account number (16 digits, the last two check the others) does: nothing, a remark kept with the payout, or a decline 20102 at once. Default: off in test mode, in live mode the method's own."`
	JSON         bool          `help:"Print JSON."`
}

// Help is shown by --help.
func (c *projectCreateCmd) Help() string {
	return `Examples:

  flashpay project create --database sqlite:flashpay.db --id 210 --name Shop --mode test --callback-url http://localhost:8082/callback --balance KGS=100000000

  flashpay project create --id 211 --balance KGS=5000000,USD=100000 --allow-ip 192.0.2.7 --allow-ip 2001:db8::/32 --json

  flashpay project create --id 212 --account-check strict --balance KGS=5000000

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
	return c.with(a, func(s *store.Store) error {
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

// ownMerchant is the one merchant whose projects the command line makes.
const ownMerchant = 1

// maxProjectID is the largest number that a request may name as its project (openapi/gate.yaml, general.project_id).
const maxProjectID = math.MaxUint32

// project checks the flags.
func (c *projectCreateCmd) project() (*merchant.Project, error) {
	p := &merchant.Project{ID: c.ID, MerchantID: ownMerchant, Name: cmp.Or(c.Name, "Project "+strconv.FormatInt(c.ID, 10)), Mode: merchant.Mode(c.Mode)}
	if c.ID < 1 || c.ID > maxProjectID {
		return nil, usagef("--id=%d: want a number from 1 to %d: requests cannot name another", c.ID, maxProjectID)
	}
	if p.Mode != merchant.Test && p.Mode != merchant.Live {
		return nil, usagef("--mode=%s: want test or live", c.Mode)
	}
	if err := checkCallbackURL(c.CallbackURL, p.Mode); err != nil {
		return nil, err
	}
	if c.Threshold < 0 {
		return nil, usagef("--threshold=%s: want a duration such as 24h or 90m", c.Threshold)
	}
	check := account.Policy(c.AccountCheck)
	if check != "" && !check.Valid() {
		return nil, usagef("--account-check=%s: want off, warn or strict", c.AccountCheck)
	}
	p.Settings = merchant.Settings{CallbackURL: c.CallbackURL, Threshold: merchant.Duration(c.Threshold), AccountCheck: check}
	for _, text := range c.AllowIP {
		network, err := parseNetwork(text)
		if err != nil {
			return nil, usagef("--allow-ip=%s: %v", text, err)
		}
		p.Settings.AllowIP = append(p.Settings.AllowIP, network)
	}
	return p, nil
}

// parseNetwork reads a network, or an address as the network that holds only it.
func parseNetwork(text string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(text); err == nil && addr.Zone() == "" {
		addr = addr.Unmap()
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	network, err := netip.ParsePrefix(text)
	if err != nil {
		return network, errors.New("want an address such as 192.0.2.7, or a network such as 192.0.2.0/24 or 2001:db8::/32")
	}
	if network != network.Masked() {
		return network, fmt.Errorf("the address has bits beyond its network: did you mean %s?", network.Masked())
	}
	return network, nil
}

func checkCallbackURL(text string, mode merchant.Mode) error {
	if text == "" {
		return nil
	}
	if err := checkAddress("--callback-url", text); err != nil {
		return err
	}
	if mode == merchant.Live && !strings.HasPrefix(strings.ToLower(text), "https:") {
		return usagef("--callback-url=%s: the callbacks of live projects go to https addresses only", text)
	}
	return nil
}

// parseSums reads sums such as KGS=100000, each currency once.
func parseSums(texts []string) (map[string]int64, error) {
	sums := make(map[string]int64)
	for _, text := range texts {
		currency, digits, ok := strings.Cut(text, "=")
		amount, err := strconv.ParseInt(digits, 10, 64)
		switch _, twice := sums[currency]; {
		case !ok || err != nil || amount < 0:
			return nil, usagef("%q is not a sum: want a currency and a whole number of minor units, such as KGS=100000 for 1,000.00 KGS", text)
		case !money.Valid(currency):
			return nil, usagef("%q: %q is no ISO 4217 currency code, such as KGS", text, currency)
		case twice:
			return nil, usagef("%s stands twice: give each currency once", currency)
		}
		sums[currency] = amount
	}
	return sums, nil
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
	Blocked      bool                               `json:"blocked"`
	CreatedAt    time.Time                          `json:"created_at"`
	CallbackURL  string                             `json:"callback_url"`
	Rules        []merchant.CallbackRule            `json:"callback_rules,omitempty"`
	Threshold    string                             `json:"threshold,omitempty"` // absent: the method's own
	AllowIP      []netip.Prefix                     `json:"allow_ip"`
	AccountCheck account.Policy                     `json:"account_check,omitempty"`
	Methods      map[string]merchant.MethodSettings `json:"methods,omitempty"`
	Keys         []keyView                          `json:"keys"`
	Key          string                             `json:"key,omitempty"` // of project create, where it was made there
}

type keyView struct {
	ID             int64     `json:"id"`
	CreatedAt      time.Time `json:"created_at"`
	SignsCallbacks bool      `json:"signs_callbacks"`
}

func showProject(p *merchant.Project) *projectView {
	v := &projectView{
		ID: p.ID, Name: p.Name, Mode: p.Mode, Blocked: p.Blocked, CreatedAt: p.CreatedAt, CallbackURL: p.Settings.CallbackURL,
		Rules: p.Settings.CallbackRules, AllowIP: append([]netip.Prefix{}, p.Settings.AllowIP...), AccountCheck: p.Settings.AccountCheck,
		Methods: p.Settings.Methods, Keys: []keyView{},
	}
	if t := time.Duration(p.Settings.Threshold); t > 0 {
		v.Threshold = t.String()
	}
	for i, k := range p.Keys {
		v.Keys = append(v.Keys, keyView{ID: k.ID, CreatedAt: k.CreatedAt, SignsCallbacks: i == 0})
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
			fmt.Fprintln(w, "Blocked\tnew payouts are declined")
		}
		fmt.Fprintf(w, "Callbacks\t%s\n", cmp.Or(v.CallbackURL, "no URL: only payouts that name one get callbacks"))
		fmt.Fprintf(w, "Threshold\t%s\n", cmp.Or(v.Threshold, "the method's own"))
		fmt.Fprintf(w, "Account check\t%s\n", checkPolicy(v))
		fmt.Fprintf(w, "Admitted\t%s\n", admitted(v.AllowIP))
		for _, k := range v.Keys {
			fmt.Fprintf(w, "Key %d\tadded %s%s\n", k.ID, k.CreatedAt.Format(time.RFC3339), map[bool]string{true: ", signs callbacks"}[k.SignsCallbacks])
		}
		return w.Flush()
	})
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
