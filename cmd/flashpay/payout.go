package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"flashpay/client"
	"flashpay/internal/money"
)

type payoutCmd struct {
	Create payoutCreateCmd `cmd:"" help:"Request a payout, as a merchant's web service does."`
	Status payoutStatusCmd `cmd:"" help:"Ask what became of a payout."`
	Show   payoutShowCmd   `cmd:"" help:"Show a payout of a database with what it costs: fee, rates and margin."`
	List   payoutListCmd   `cmd:"" help:"List payouts of a database, newest first."`
}

// gateAddress says which Gate is asked, and by whom.
type gateAddress struct {
	keyFlag
	Gate    string `var:"FLASHPAY_GATE_URL" default:"http://127.0.0.1:8080" placeholder:"URL" help:"Gate's address. Default: http://127.0.0.1:8080, where serve has it."`
	Project int64  `var:"FLASHPAY_PROJECT" placeholder:"N" help:"Your project's number."`
}

// gateFlags also say for how long.
type gateFlags struct {
	gateAddress
	Timeout time.Duration `default:"30s" placeholder:"30s" help:"How long to try and to repeat where no answer comes. Default: 30s."`
}

func (g *gateAddress) client() (*client.Client, error) {
	if g.Project < 1 {
		return nil, usagef("no project: give --project N, or set FLASHPAY_PROJECT")
	}
	if err := g.check(); err != nil {
		return nil, err
	}
	gate := g.Gate
	if !strings.Contains(gate, "://") {
		gate = "http://" + gate
	}
	c, err := client.New(client.Config{GateURL: gate, ProjectID: g.Project, Key: g.Key})
	if err != nil {
		return nil, usagef("--gate=%s: want an address such as http://127.0.0.1:8080", g.Gate)
	}
	return c, nil
}

type payoutCreateCmd struct {
	gateFlags
	PaymentID     string        `name:"payment-id" aliases:"payment" placeholder:"ID" help:"Your id of the payout: one id is paid once. Default: one is made and printed."`
	Method        string        `default:"kyrgyzstan" placeholder:"NAME" help:"Payment method, as in the endpoint's address. Default: kyrgyzstan."`
	Amount        string        `required:"" placeholder:"1000.00" help:"Sum, with all decimals of its currency; the request carries it in minor units."`
	Currency      string        `default:"KGS" placeholder:"CUR" help:"Its currency. Default: KGS."`
	Account       string        `required:"" aliases:"account-number" placeholder:"NUMBER" help:"The customer's bank account; zeros in front count."`
	CustomerID    string        `name:"customer-id" default:"customer-1" placeholder:"ID" help:"Your id of the customer. Default: customer-1."`
	CustomerIP    string        `name:"customer-ip" default:"127.0.0.1" placeholder:"IP" help:"The address the customer asked from. Default: 127.0.0.1."`
	Description   string        `placeholder:"TEXT" help:"Echoed in callbacks."`
	CallbackURL   string        `name:"callback-url" placeholder:"URL" help:"Where this payout's results go, instead of the project's address."`
	CallbackDelay time.Duration `name:"callback-delay" placeholder:"10s" help:"Postpones callbacks; whole seconds."`
	Set           []string      `sep:"none" placeholder:"PATH=VALUE" help:"Sets any other member, such as customer.first_name=Aida; may be repeated. A value that is JSON is sent as such."`
	Wait          time.Duration `placeholder:"30s" help:"Wait up to this long for the final status and print it."`
	DryRun        bool          `name:"dry-run" help:"Send nothing: print the request as JSON, with what was signed."`
	JSON          bool          `help:"Print JSON."`
}

// Help is shown by --help.
func (c *payoutCreateCmd) Help() string {
	return `Where no answer comes, the same request is sent again, which is safe: one payment id is paid once. Ends with exit code 0
when the platform has taken the request (with --wait: when its status is final, whatever that is).

  flashpay payout create --gate http://127.0.0.1:8080 --project 210 --key K --payment-id salary-42 --amount 1000.00 --account 00004598
  flashpay payout create --project 210 --amount 1000.00 --account 00004598 --set customer.first_name=Aida --wait 30s --json

In test projects the last four digits of the account choose what the simulated bank does: 0001 to 0005 decline, 0007 loses
the answer, 0009 never finishes, 0012 returns the money, 0020 to 0023 and (after the threshold) 0013 make a
discrepancy for an operator; anything else succeeds.`
}

// Run requests the payout.
func (c *payoutCreateCmd) Run(a *app) error {
	gate, err := c.client()
	if err != nil {
		return err
	}
	if c.PaymentID == "" {
		c.PaymentID = "cli-" + strings.ToLower(rand.Text()[:16])
		fmt.Fprintf(a.stderr, "flashpay: payment id %s\n", c.PaymentID)
	}
	p, err := c.payout()
	if err != nil {
		return err
	}
	request, err := gate.Build(p)
	if err != nil {
		return usagef("%v", err)
	}
	if c.DryRun {
		return a.printJSON(struct {
			Path          string          `json:"path"`
			Body          json.RawMessage `json:"body"`
			SigningString string          `json:"signing_string"`
			Signature     string          `json:"signature"`
		}{request.Path, request.Body, request.SigningString, request.Signature})
	}
	ctx, cancel := context.WithTimeout(a.ctx, c.Timeout)
	defer cancel()
	receipt, err := gate.Send(ctx, request)
	if errors.Is(err, client.ErrUnknown) {
		return fmt.Errorf("%w: ask with `flashpay payout status --payment-id %s`, or run the same command with --payment-id %s", err, c.PaymentID, c.PaymentID)
	}
	if err != nil {
		return err
	}
	if c.Wait > 0 {
		return c.await(a, gate)
	}
	return c.printReceipt(a, receipt)
}

func (c *payoutCreateCmd) payout() (client.Payout, error) {
	amount, err := parseSum(c.Amount, c.Currency)
	if err != nil {
		return client.Payout{}, usagef("--amount: %v", err)
	}
	p := client.Payout{
		Method: c.Method, PaymentID: c.PaymentID, Amount: amount, Currency: c.Currency, Description: c.Description,
		Customer: client.Customer{ID: c.CustomerID, IPAddress: c.CustomerIP}, Account: client.Account{Number: c.Account},
		CallbackURL: c.CallbackURL, CallbackDelay: c.CallbackDelay,
	}
	for _, text := range c.Set {
		path, value, ok := strings.Cut(text, "=")
		if !ok || path == "" {
			return p, usagef("--set=%s: want a path and a value, such as customer.first_name=Aida", text)
		}
		if p.Extra == nil {
			p.Extra = make(map[string]any)
		}
		p.Extra[path] = value
		if json.Valid([]byte(value)) {
			p.Extra[path] = json.RawMessage(value)
		}
	}
	return p, nil
}

func (c *payoutCreateCmd) printReceipt(a *app, r client.Receipt) error {
	if c.JSON {
		return a.printJSON(struct {
			Status    string `json:"status"`
			RequestID string `json:"request_id"`
			ProjectID int64  `json:"project_id"`
			PaymentID string `json:"payment_id"`
		}{"success", r.RequestID, r.ProjectID, r.PaymentID})
	}
	fmt.Fprintf(a.stdout, "Accepted: payment %s, request %s. The result comes as a callback, or ask `flashpay payout status --payment-id %s`.\n", r.PaymentID, r.RequestID, r.PaymentID)
	return nil
}

// await asks for the status until it is final.
func (c *payoutCreateCmd) await(a *app, gate *client.Client) error {
	ctx, cancel := context.WithTimeout(a.ctx, c.Wait)
	defer cancel()
	ticker := time.NewTicker(200 * time.Millisecond)
	defer ticker.Stop()
	for {
		p, err := gate.Status(ctx, c.PaymentID)
		if err == nil && p.Status.Final() {
			return printPayment(a, p, c.JSON)
		}
		if err != nil && !errors.Is(err, client.ErrNotFound) && ctx.Err() == nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("payment %s was accepted and is not final after %s: ask again with `flashpay payout status --payment-id %s`", c.PaymentID, c.Wait, c.PaymentID)
		case <-ticker.C:
		}
	}
}

type payoutStatusCmd struct {
	gateFlags
	PaymentID string `name:"payment-id" aliases:"payment" xor:"what" placeholder:"ID" help:"Your id of the payout."`
	RequestID string `name:"request-id" xor:"what" placeholder:"ID" help:"The request's id, as Gate answered it: tells of refused requests, too."`
	JSON      bool   `help:"Print the platform's answer as it came."`
}

// Help is shown by --help.
func (c *payoutStatusCmd) Help() string {
	return `Examples:

  flashpay payout status --gate http://127.0.0.1:8080 --project 210 --key K --payment-id salary-42
  flashpay payout status --project 210 --request-id 5f0a… --json`
}

// Run asks for the status.
func (c *payoutStatusCmd) Run(a *app) error {
	gate, err := c.client()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(a.ctx, c.Timeout)
	defer cancel()
	var p *client.Payment
	switch {
	case c.PaymentID != "":
		p, err = gate.Status(ctx, c.PaymentID)
	case c.RequestID != "":
		p, err = gate.StatusByRequest(ctx, c.RequestID)
	default:
		return usagef("no payout: give --payment-id ID or --request-id ID")
	}
	if err != nil {
		return err
	}
	return printPayment(a, p, c.JSON)
}

func printPayment(a *app, p *client.Payment, asJSON bool) error {
	if asJSON {
		return a.printJSON(json.RawMessage(p.Raw))
	}
	fmt.Fprintf(a.stdout, "Payment %s: %s, %s, account %s\n", p.ID, p.Status, money.Format(p.Sum.Amount, p.Sum.Currency), p.AccountNumber)
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	for _, o := range p.Operations {
		fmt.Fprintf(w, "  operation %d\t%s\t%s\tcode %s %s\t%s\n", o.ID, o.Type, o.Status, o.Code, o.Message, o.Date.Format(time.RFC3339))
	}
	return w.Flush()
}
