package main

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"strings"

	"flashpay/internal/account"
	"flashpay/internal/bank"
	"flashpay/internal/merchant"
	"flashpay/internal/report"
)

type serveCmd struct {
	databaseFlag
	Gate                  string   `var:"FLASHPAY_GATE" default:"127.0.0.1:8080" placeholder:"ADDR" help:"Where Gate listens; port 0 takes a free one. Default: 127.0.0.1:8080."`
	Ops                   string   `var:"FLASHPAY_OPS" default:"127.0.0.1:8090" placeholder:"ADDR" help:"Where metrics, health and profiles are; not for strangers. Default: 127.0.0.1:8090."`
	Dashboard             string   `var:"FLASHPAY_DASHBOARD" default:"127.0.0.1:8083" placeholder:"ADDR" help:"Where Dashboard listens; port 0 takes a free one. Default: 127.0.0.1:8083."`
	DashboardURL          string   `name:"dashboard-url" var:"FLASHPAY_DASHBOARD_URL" placeholder:"URL" help:"Dashboard's address as browsers reach it, such as https://pay.example.kg. Default: where it listens."`
	DataAPI               string   `name:"data-api" var:"FLASHPAY_DATA_API" placeholder:"ADDR" help:"Serve the Data API here; port 0 takes a free one. Default: nowhere, or 127.0.0.1:8084 with the role dataapi."`
	Roles                 []string `var:"FLASHPAY_ROLES" default:"gate,engine,dashboard" placeholder:"gate" help:"What this node does: gate takes requests, engine processes payouts and sends callbacks, dashboard is the web site of staff, dataapi the interface from which programs read. Default: the first three, and dataapi with --data-api."`
	Bank                  string   `var:"FLASHPAY_BANK" xor:"bank" placeholder:"ADDR" help:"Where the simulated bank in this process listens. Default: 127.0.0.1 and a free port."`
	BankURL               string   `name:"bank-url" var:"FLASHPAY_BANK_URL" xor:"bank" placeholder:"URL" help:"Use a simulated bank that runs elsewhere (flashpay bank)."`
	BankState             string   `name:"bank-state" var:"FLASHPAY_BANK_STATE" secret:"" placeholder:"PATH" help:"Books of the simulated bank. Default: beside a SQLite database its file plus .bank, in PostgreSQL the schema sandbox_bank."`
	NotificationURL       string   `name:"notification-url" var:"FLASHPAY_NOTIFICATION_URL" placeholder:"URL" help:"Gate's address as the bank reaches it, such as http://gate.internal:8080. Default: this node's own."`
	Methods               string   `var:"FLASHPAY_METHODS" type:"existingdir" placeholder:"DIR" help:"A folder of method files, beside those that ship with the program."`
	Banks                 string   `var:"FLASHPAY_BANKS" type:"existingfile" placeholder:"FILE" help:"Names of banks for the account doctor: CSV with the first row digits,bank, then the first three digits of a bank's accounts and its name."`
	TrustedProxy          []string `name:"trusted-proxy" var:"FLASHPAY_TRUSTED_PROXY" placeholder:"CIDR" help:"Proxies whose X-Forwarded-For is believed; may be repeated."`
	NotificationsFrom     []string `name:"notifications-from" var:"FLASHPAY_NOTIFICATIONS_FROM" placeholder:"CIDR" help:"Networks from which the simulated bank posts results; may be repeated. Default: anywhere, the signature decides."`
	AllowPrivateCallbacks bool     `name:"allow-private-callbacks" var:"FLASHPAY_ALLOW_PRIVATE_CALLBACKS" help:"Send callbacks to private and loopback addresses, too."`
	RequestsPerSecond     int      `name:"requests-per-second" var:"FLASHPAY_REQUESTS_PER_SECOND" placeholder:"N" help:"How many requests of one project this node takes per second; more are answered 429 with Retry-After. Default: 0, no limit."`
	MailServer            string   `name:"mail-server" var:"FLASHPAY_MAIL_SERVER" secret:"" placeholder:"URL" help:"Server that sends e-mail: smtp://user:password@host:587, smtps://user:password@host:465, or smtp://localhost:25?tls=off. Default: none is sent."`
	MailFrom              string   `name:"mail-from" var:"FLASHPAY_MAIL_FROM" placeholder:"ADDRESS" help:"Sender of e-mail, such as reports@pay.example.kg."`
	New                   bool     `help:"Begin with an empty SQLite database although the keyset of another one stands beside it."`
	LogLevel              string   `name:"log-level" var:"FLASHPAY_LOG_LEVEL" default:"info" placeholder:"LEVEL" help:"debug, info, warn or error. Default: info."`
}

// Help is shown by --help.
func (c *serveCmd) Help() string {
	return `When everything listens, one line of JSON on stdout says where; the log goes to stderr. SIGTERM or Ctrl-C: takes no more
requests, finishes what runs within 10 s, gives its leases back, and ends with exit code 0. One serve works on a SQLite
file, any number on a PostgreSQL database; other commands work beside it. Where the bank has payouts that the database does not
know of, as after a restore, the line says how many ("bank_ahead"), and the log which.

  flashpay serve --database sqlite:flashpay.db --gate 127.0.0.1:8080 --dashboard 127.0.0.1:8083 --ops 127.0.0.1:8090
  {"ready":true,"gate":"http://127.0.0.1:8080","dashboard":"http://127.0.0.1:8083","ops":"http://127.0.0.1:8090","bank":"http://127.0.0.1:41873"}

  flashpay serve --database postgres://flashpay@db/flashpay --roles gate --gate :8080 --ops :8090
  flashpay serve --database postgres://flashpay@db/flashpay --roles engine --ops :8090 --notification-url http://gate.internal:8080
  flashpay serve --database postgres://flashpay@db/flashpay --roles dashboard --dashboard :8083 --dashboard-url https://pay.example.kg --ops :8090

Sealed data needs the database's keyset. It stands beside a SQLite file (PATH.keyset), for PostgreSQL in your configuration
folder; FLASHPAY_KEYSET holds it or its path instead, and must be the same for all nodes. Back it up: without it nobody
can read the data.`
}

// addresses is the line that says that a server is ready.
type addresses struct {
	Ready     bool   `json:"ready"`
	Gate      string `json:"gate,omitempty"`
	Dashboard string `json:"dashboard,omitempty"`
	DataAPI   string `json:"data_api,omitempty"`
	Ops       string `json:"ops,omitempty"`
	Bank      string `json:"bank,omitempty"`
	BankAhead int    `json:"bank_ahead,omitempty"` // payouts that the bank has and the database does not know of, as after a restore
}

// Run serves until the program is asked to stop.
func (c *serveCmd) Run(a *app) error {
	config, err := c.platform(a)
	if err != nil {
		return err
	}
	if err := c.listen(config); err != nil {
		return errors.Join(err, config.closeListeners())
	}
	p, err := startPlatform(a.ctx, config)
	if err != nil {
		return err
	}
	if err = a.printJSON(p.addresses()); err == nil {
		select {
		case <-a.ctx.Done():
		case err = <-p.failed:
		}
	}
	return errors.Join(err, p.stop(withGrace(a.ctx, stopGrace)))
}

// maxRequestsPerSecond is beyond what a node can take; an interval of whole nanoseconds still tells such limits apart.
const maxRequestsPerSecond = 1_000_000

// platform turns the flags into a platform's configuration, without opening anything.
func (c *serveCmd) platform(a *app) (*platformConfig, error) {
	database, err := c.config(a)
	if err != nil {
		return nil, err
	}
	level, err := parseLevel(c.LogLevel)
	if err != nil {
		return nil, err
	}
	database.New = c.New
	p := &platformConfig{
		Store: database, Methods: c.Methods, AllowPrivateCallbacks: c.AllowPrivateCallbacks, Logger: a.newLogger(a.stderr, level), LogDropped: a.logDropped,
		BankURL: strings.TrimRight(c.BankURL, "/"), Bank: bank.Config{State: bankState(c.BankState)},
	}
	if p.Banks, err = readBanks(c.Banks); err != nil {
		return nil, err
	}
	if err := c.readRoles(p); err != nil {
		return nil, err
	}
	if p.TrustedProxies, err = parseNetworks("--trusted-proxy", c.TrustedProxy); err != nil {
		return nil, err
	}
	if p.NotificationsFrom, err = parseNetworks("--notifications-from", c.NotificationsFrom); err != nil {
		return nil, err
	}
	if c.RequestsPerSecond < 0 || c.RequestsPerSecond > maxRequestsPerSecond {
		return nil, usagef("--requests-per-second=%d: want a number from 1 to %d, or 0 for no limit", c.RequestsPerSecond, maxRequestsPerSecond)
	}
	p.RequestsPerSecond = c.RequestsPerSecond
	if err := checkAddress("--bank-url", c.BankURL); err != nil {
		return nil, err
	}
	if err := checkAddress("--notification-url", c.NotificationURL); err != nil {
		return nil, err
	}
	if err := checkAddress("--dashboard-url", c.DashboardURL); err != nil {
		return nil, err
	}
	p.DashboardURL = strings.TrimRight(c.DashboardURL, "/")
	if p.Mail, err = c.mail(p.DashboardURL); err != nil {
		return nil, err
	}
	if p.NotificationURL = strings.TrimRight(c.NotificationURL, "/"); p.NotificationURL != "" && !strings.HasSuffix(p.NotificationURL, notificationPath) {
		p.NotificationURL += notificationPath
	}
	return p, nil
}

// parseNetworks reads the values of a flag that names networks.
func parseNetworks(flag string, texts []string) (networks []netip.Prefix, err error) {
	for _, text := range texts {
		network, err := merchant.ParseNetwork(text)
		if err != nil {
			return nil, usagef("%s=%s: %v", flag, text, err)
		}
		networks = append(networks, network)
	}
	return networks, nil
}

// readBanks reads the operator's list of banks; without a file, there is none.
func readBanks(path string) (account.Banks, error) {
	if path == "" {
		return nil, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("--banks: %w", err)
	}
	defer func() { _ = f.Close() }()
	banks, err := account.ReadBanks(f)
	if err != nil {
		return nil, usagef("--banks=%s: %v", path, err)
	}
	return banks, nil
}

// checkAddress checks the form of an HTTP address; an empty one is not given.
func checkAddress(flag, text string) error {
	u, err := url.Parse(text)
	if text != "" && (err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https") {
		return usagef("%s=%s: want an address such as http://127.0.0.1:8084", flag, text)
	}
	return nil
}

// mail is how e-mail is sent; nil: it is not. Links in it need an address that readers reach.
func (c *serveCmd) mail(dashboard string) (*report.Mail, error) {
	switch {
	case c.MailServer == "":
		return nil, nil
	case dashboard == "":
		return nil, usagef("--mail-server: links in e-mails need --dashboard-url, Dashboard's address as browsers reach it")
	case c.MailFrom == "":
		return nil, usagef("--mail-server: give --mail-from, the sender's address")
	}
	m, err := report.NewMail(c.MailServer, c.MailFrom, dashboard+"/reports/link/")
	if err != nil {
		return nil, usagef("--mail-server, --mail-from: %v", err)
	}
	return m, nil
}

// readRoles reads what this node does.
func (c *serveCmd) readRoles(p *platformConfig) error {
	for _, role := range c.Roles {
		switch role = strings.TrimSpace(role); role {
		case "gate":
			p.TakeRequests = true
		case "engine":
			p.Process = true
		case "dashboard":
			p.ServeDashboard = true
		case "dataapi":
			p.ServeDataAPI = true
		default:
			return usagef("--roles: there is no role %q: want gate, engine, dashboard, dataapi, or several of them", role)
		}
	}
	if c.DataAPI != "" {
		p.ServeDataAPI = true
	}
	if !p.TakeRequests && !p.Process && !p.ServeDashboard && !p.ServeDataAPI {
		return usagef("--roles: none given: want gate, engine, dashboard, dataapi, or several of them")
	}
	return nil
}

// listen opens the listeners of this node's roles.
func (c *serveCmd) listen(p *platformConfig) (err error) {
	if p.TakeRequests {
		if p.Gate, err = listen("--gate", c.Gate); err != nil {
			return err
		}
	}
	if p.ServeDashboard {
		if p.Dashboard, err = listen("--dashboard", c.Dashboard); err != nil {
			return err
		}
	}
	if p.ServeDataAPI {
		if p.DataAPI, err = listen("--data-api", cmp.Or(c.DataAPI, "127.0.0.1:8084")); err != nil {
			return err
		}
	}
	if p.Ops, err = listen("--ops", c.Ops); err != nil {
		return err
	}
	if c.Bank != "" || p.Process && c.BankURL == "" {
		p.BankListener, err = listen("--bank", cmp.Or(c.Bank, "127.0.0.1:0"))
	}
	return err
}
