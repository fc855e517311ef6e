package main

import (
	"encoding/json"
)

type eventsCmd struct {
	gateAddress
	After  int64 `placeholder:"N" help:"Only events with numbers above N. Default: all."`
	Follow bool  `help:"Go on with each event that comes, until Ctrl-C."`
}

// Help is shown by --help.
func (c *eventsCmd) Help() string {
	return `One line of JSON for each event: its number, and what its callback tells. Numbers have no gaps within a project, and are
in the order in which the results came about; events whose callback was superseded or switched off are among them. Each
answer's signature is verified, and that no number is missing: exit code 0 says that what was printed is all there is.

  flashpay events --project 210 --key K
  flashpay events --project 210 --key K --after 17 --follow`
}

// Run prints the events.
func (c *eventsCmd) Run(a *app) error {
	if c.After < 0 {
		return usagef("--after=%d: want the number of an event, or 0 for all", c.After)
	}
	asker, err := c.client()
	if err != nil {
		return err
	}
	events := asker.Events
	if c.Follow {
		events = asker.FollowEvents
	}
	for e, err := range events(a.ctx, c.After) {
		switch {
		case err != nil && c.Follow && a.ctx.Err() != nil:
			return nil // as it was asked to
		case err != nil:
			return err
		}
		if err := a.printJSON(eventView{e.Number, json.RawMessage(e.Callback.Raw)}); err != nil {
			return err
		}
	}
	return nil
}

// eventView is an event as the command line shows it.
type eventView struct {
	Number   int64           `json:"number"`
	Callback json.RawMessage `json:"callback"`
}
