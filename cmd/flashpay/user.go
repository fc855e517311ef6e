package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"flashpay/internal/access"
	"flashpay/internal/staff"
	"flashpay/internal/store"
	"flashpay/internal/store/people"
)

type userCmd struct {
	Create     userCreateCmd     `cmd:"" help:"Create a user of Dashboard, such as the first operator, and print the link to begin with."`
	List       userListCmd       `cmd:"" help:"List the users."`
	Show       userShowCmd       `cmd:"" help:"Show a user's roles, rights and second factors."`
	Invite     userInviteCmd     `cmd:"" help:"Print a new link for a user who has not begun yet. The one before ends."`
	Reset      userResetCmd      `cmd:"" help:"Print a link with which a user begins anew, with another password and other second factors."`
	Confirm    userConfirmCmd    `cmd:"" help:"Confirm who uses an account, so that it counts as another person's than the one who invited or reset it."`
	Deactivate userDeactivateCmd `cmd:"" help:"Deactivate a user. Their sessions end at once."`
	Reactivate userReactivateCmd `cmd:"" help:"Take a deactivation back."`
}

// dashboardFlag says where links lead.
type dashboardFlag struct {
	DashboardURL string `name:"dashboard-url" var:"FLASHPAY_DASHBOARD_URL" default:"http://127.0.0.1:8083" placeholder:"URL" help:"Dashboard's address as browsers reach it: links begin with it. Default: http://127.0.0.1:8083."`
}

// withUsers opens the database and what sees to its users.
func withUsers(a *app, open func(*app, func(*store.Store) error) error, address string, do func(s *store.Store, users *access.Service) error) error {
	if err := checkAddress("--dashboard-url", address); err != nil {
		return err
	}
	return open(a, func(s *store.Store) error {
		users, err := access.New(s, access.Config{URL: address})
		if err != nil {
			return err
		}
		return do(s, users)
	})
}

// noAddress stands for Dashboard's where no link is made.
const noAddress = "http://localhost"

type userCreateCmd struct {
	databaseFlag
	dashboardFlag
	Email       string   `required:"" placeholder:"ADDRESS" help:"The user's e-mail address: with it they sign in."`
	Name        string   `placeholder:"TEXT" help:"Their name. Default: they give it themselves."`
	Role        []string `required:"" placeholder:"ROLE" help:"operator, or, of a merchant's people, support, operations, finance, risks or merchant_admin; may be repeated."`
	Merchant    int64    `placeholder:"N" help:"Whose people they belong to. Default: the platform's own, for the role operator."`
	Project     []int64  `placeholder:"N" xor:"projects" help:"Projects that they see; may be repeated."`
	AllProjects bool     `name:"all-projects" xor:"projects" help:"They see all projects of the merchant, those to come too."`
	JSON        bool     `help:"Print JSON."`
}

// Help is shown by --help.
func (c *userCreateCmd) Help() string {
	return `The link that is printed leads to Dashboard, works once, and for 72 hours; with it the user chooses name, password and second
factor. Only its hash is stored, so it is shown only now. For automation, FLASHPAY_PASSWORD or FLASHPAY_PASSWORD_FILE can
hold a password: then there is no link, and the user is led to a second factor at the first sign-in.

  flashpay user create --database sqlite:flashpay.db --email ops@pay.example.kg --role operator --dashboard-url https://pay.example.kg
  flashpay user create --email aida@example.kg --role merchant_admin --merchant 1
  flashpay user create --email nurlan@example.kg --role support --role finance --merchant 1 --project 210`
}

// Run creates the user.
func (c *userCreateCmd) Run(a *app) error {
	u := &staff.User{MerchantID: c.Merchant, Email: c.Email, Name: c.Name, AllProjects: c.AllProjects, Projects: c.Project}
	for _, text := range c.Role {
		role := staff.Role(strings.TrimSpace(text))
		if !role.Valid() {
			return usagef("--role=%s: want operator, support, operations, finance, risks or merchant_admin", text)
		}
		u.Roles = append(u.Roles, role)
	}
	password, err := variable(a.env, "FLASHPAY_PASSWORD", true)
	if err != nil {
		return err
	}
	return withUsers(a, c.withNew, c.DashboardURL, func(s *store.Store, users *access.Service) error {
		if _, ok := s.Merchant(c.Merchant); !ok && c.Merchant != 0 {
			return unknownMerchant(c.Merchant)
		}
		for _, id := range c.Project {
			if p, ok := s.Project(id); !ok || p.MerchantID != c.Merchant {
				return fmt.Errorf("merchant %d has no project %d: see `flashpay project list`", c.Merchant, id)
			}
		}
		var link string
		var err error
		if password != "" {
			err = users.CreateWithPassword(a.ctx, u, password, actor())
		} else if link, err = users.Invite(a.ctx, newKey(), access.ByCommand(actor()), u); err == nil {
			link = users.Link(link)
		}
		if err != nil {
			return explainUser(err, c.Email)
		}
		account, err := people.New(s).User(a.ctx, u.ID)
		if err != nil {
			return err
		}
		return a.printUser(account, link, c.JSON, "is created")
	})
}

// explainUser says of an error what to do.
func explainUser(err error, email string) error {
	switch {
	case errors.Is(err, people.ErrUserExists):
		return fmt.Errorf("there is a user %s already: see `flashpay user show --email %s`, or give them a new link with `flashpay user invite` or `flashpay user reset`", email, email)
	case errors.Is(err, store.ErrNotFound):
		return fmt.Errorf("there is no user %s in this database: see `flashpay user list`, or make one with `flashpay user create --email %s`", email, email)
	case errors.Is(err, access.ErrEmail):
		return usagef("--email=%s: want an address such as aida@example.kg", email)
	case errors.Is(err, access.ErrName):
		return usagef("--name: want 1 to 100 characters without white space at the ends")
	case errors.Is(err, access.ErrRights):
		return usagef("--role: operator is a role of the platform, without --merchant; all others are a merchant's, with --merchant N")
	case errors.Is(err, people.ErrLastAdmin):
		return fmt.Errorf("%s is the last operator: nobody would be left to manage the accounts; create another one first", email)
	}
	return err
}

// userView is a user as the command line shows it.
type userView struct {
	ID          int64         `json:"id"`
	Email       string        `json:"email"`
	Name        string        `json:"name"`
	MerchantID  int64         `json:"merchant_id"` // 0: the platform
	Roles       []staff.Role  `json:"roles"`
	Added       []staff.Right `json:"added,omitempty"`
	Withheld    []staff.Right `json:"withheld,omitempty"`
	AllProjects bool          `json:"all_projects"`
	Projects    []int64       `json:"projects"`
	State       string        `json:"state"`
	Factors     []string      `json:"factors"`
	CodesLeft   int           `json:"recovery_codes_left"`
	CreatedAt   time.Time     `json:"created_at"`
	SignedInAt  *time.Time    `json:"signed_in_at,omitempty"`
	Link        string        `json:"link,omitempty"` // shown once
}

func showUser(account *people.UserRecord, now time.Time) *userView {
	v := &userView{
		ID: account.ID, Email: account.Email, Name: account.Name, MerchantID: account.MerchantID, Roles: account.Roles, Added: account.Added,
		Withheld: account.Withheld, AllProjects: account.AllProjects, Projects: append([]int64{}, account.Projects...), State: "active",
		Factors: []string{}, CodesLeft: account.CodesLeft, CreatedAt: account.CreatedAt,
	}
	for _, f := range account.Factors {
		v.Factors = append(v.Factors, string(f.Kind))
	}
	if !account.SignedInAt.IsZero() {
		v.SignedInAt = &account.SignedInAt
	}
	switch i := account.Invitation; {
	case !account.Deactivated.IsZero():
		v.State = "deactivated"
	case account.Password == "" && i != nil && i.ExpiresAt.After(now):
		v.State = "invited"
	case account.Password == "":
		v.State = "invitation ended"
	}
	return v
}

// printUser says what was done to a user, with the link that came of it.
func (a *app) printUser(account *people.UserRecord, link string, asJSON bool, done string) error {
	if asJSON {
		v := showUser(account, time.Now())
		v.Link = link
		return a.printJSON(v)
	}
	fmt.Fprintf(a.stdout, "User %d %s %s.\n", account.ID, account.Email, done)
	if link != "" {
		fmt.Fprintf(a.stdout, "The link, shown only now, works once and for %d hours:\n%s\n", int(access.InvitationLife/time.Hour), link)
	}
	return nil
}

type userListCmd struct {
	databaseFlag
	Merchant *int64 `placeholder:"N" help:"Only the people of one merchant; of 0, the platform's own. Default: all."`
	JSON     bool   `help:"Print one line of JSON for each."`
}

// Run lists the users.
func (c *userListCmd) Run(a *app) error {
	return c.with(a, func(s *store.Store) error {
		w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
		if !c.JSON {
			fmt.Fprintln(w, "ID\tE-MAIL\tNAME\tMERCHANT\tROLES\tSTATE\tLAST SIGN-IN")
		}
		for filter := (people.UserFilter{Merchant: c.Merchant}); ; {
			found, err := people.New(s).Users(a.ctx, filter)
			if err != nil {
				return err
			}
			for _, account := range found {
				if err := c.print(a, w, account); err != nil {
					return err
				}
				filter.After = account.ID
			}
			if len(found) == 0 {
				return w.Flush()
			}
		}
	})
}

func (c *userListCmd) print(a *app, w *tabwriter.Writer, account *people.UserRecord) error {
	v := showUser(account, time.Now())
	if c.JSON {
		return a.printJSON(v)
	}
	_, err := fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%s\t%s\n", v.ID, v.Email, printable([]byte(v.Name)), merchantText(v.MerchantID), joined(v.Roles), v.State, timeText(v.SignedInAt))
	return err
}

func merchantText(id int64) string {
	if id == 0 {
		return "platform"
	}
	return fmt.Sprint(id)
}

func timeText(at *time.Time) string {
	if at == nil {
		return "never"
	}
	return at.Format(time.RFC3339)
}

func joined[T ~string](list []T) string {
	var texts []string
	for _, item := range list {
		texts = append(texts, string(item))
	}
	if len(texts) == 0 {
		return "-"
	}
	return strings.Join(texts, ",")
}

// userFlag names a user.
type userFlag struct {
	Email string `required:"" placeholder:"ADDRESS" help:"The user's e-mail address."`
	JSON  bool   `help:"Print JSON."`
}

type userShowCmd struct {
	databaseFlag
	userFlag
}

// Run shows one user.
func (c *userShowCmd) Run(a *app) error {
	return c.with(a, func(s *store.Store) error {
		account, err := people.New(s).UserByEmail(a.ctx, c.Email)
		if err != nil {
			return explainUser(err, c.Email)
		}
		v := showUser(account, s.Now())
		if c.JSON {
			return a.printJSON(v)
		}
		projects := fmt.Sprint(v.Projects)
		if v.AllProjects || slices.Contains(v.Roles, staff.MerchantAdmin) || account.Operator() {
			projects = "all"
		}
		w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintf(w, "User\t%d\nE-mail\t%s\nName\t%s\nMerchant\t%s\nRoles\t%s\nRights added\t%s\nRights withheld\t%s\nProjects\t%s\nState\t%s\nSecond factors\t%s\nRecovery codes left\t%d\nCreated\t%s\nLast sign-in\t%s\n",
			v.ID, v.Email, printable([]byte(v.Name)), merchantText(v.MerchantID), joined(v.Roles), joined(v.Added), joined(v.Withheld), projects, v.State,
			joined(v.Factors), v.CodesLeft, v.CreatedAt.Format(time.RFC3339), timeText(v.SignedInAt))
		return w.Flush()
	})
}

type userInviteCmd struct {
	databaseFlag
	dashboardFlag
	userFlag
}

// Run makes the link.
func (c *userInviteCmd) Run(a *app) error { return c.link(a, c.dashboardFlag, c.userFlag, false) }

type userResetCmd struct {
	databaseFlag
	dashboardFlag
	userFlag
}

// Help is shown by --help.
func (c *userResetCmd) Help() string {
	return `Until the link is followed, the old password and second factors work; to end them at once, deactivate the user.`
}

// Run makes the link.
func (c *userResetCmd) Run(a *app) error { return c.link(a, c.dashboardFlag, c.userFlag, true) }

// link gives a user a new link: to begin with, or to begin anew.
func (d *databaseFlag) link(a *app, at dashboardFlag, who userFlag, reset bool) error {
	return withUsers(a, d.with, at.DashboardURL, func(s *store.Store, users *access.Service) error {
		account, err := people.New(s).UserByEmail(a.ctx, who.Email)
		switch {
		case err != nil:
			return explainUser(err, who.Email)
		case !account.Deactivated.IsZero():
			return fmt.Errorf("%s is deactivated: take that back first, with `flashpay user reactivate --email %s`", who.Email, who.Email)
		case reset && account.Password == "":
			return fmt.Errorf("%s has not begun yet: give them a new link with `flashpay user invite --email %s`", who.Email, who.Email)
		case !reset && account.Password != "":
			return fmt.Errorf("%s has begun already: to let them begin anew, use `flashpay user reset --email %s`", who.Email, who.Email)
		}
		path, err := users.NewLink(a.ctx, newKey(), access.ByCommand(actor()), account.ID)
		if err != nil {
			return explainUser(err, who.Email)
		}
		return a.printUser(account, users.Link(path), who.JSON, "has a new link")
	})
}

type userConfirmCmd struct {
	databaseFlag
	userFlag
}

// Help is shown by --help.
func (c *userConfirmCmd) Help() string {
	return `Whoever invites or resets an account sees its link, and might use the account. So until somebody else confirms whose it is, the two
count as one person where two must agree: on payouts by hand, top-ups and corrections. Another admin or operator can
confirm it in Dashboard, on the account's page; where there is none, this command does.`
}

// Run confirms it.
func (c *userConfirmCmd) Run(a *app) error {
	return withUsers(a, c.with, noAddress, func(s *store.Store, users *access.Service) error {
		account, err := people.New(s).UserByEmail(a.ctx, c.Email)
		if err != nil {
			return explainUser(err, c.Email)
		}
		if err := users.Confirm(a.ctx, access.ByCommand(actor()), account.ID); err != nil {
			return explainUser(err, c.Email)
		}
		return a.printUser(account, "", c.JSON, "is confirmed")
	})
}

type userDeactivateCmd struct {
	databaseFlag
	userFlag
}

// Run deactivates the user.
func (c *userDeactivateCmd) Run(a *app) error { return c.setActive(a, c.userFlag, false) }

type userReactivateCmd struct {
	databaseFlag
	userFlag
}

// Run takes a deactivation back.
func (c *userReactivateCmd) Run(a *app) error { return c.setActive(a, c.userFlag, true) }

func (d *databaseFlag) setActive(a *app, who userFlag, active bool) error {
	done := "is deactivated"
	if active {
		done = "is active"
	}
	return withUsers(a, d.with, noAddress, func(s *store.Store, users *access.Service) error {
		account, err := people.New(s).UserByEmail(a.ctx, who.Email)
		if err != nil {
			return explainUser(err, who.Email)
		}
		if err := users.SetActive(a.ctx, newKey(), access.ByCommand(actor()), account.ID, active); err != nil {
			return explainUser(err, who.Email)
		}
		if account, err = people.New(s).User(a.ctx, account.ID); err != nil {
			return err
		}
		return a.printUser(account, "", who.JSON, done)
	})
}
