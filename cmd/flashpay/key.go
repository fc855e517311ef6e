package main

import (
	"errors"
	"fmt"
	"slices"

	"flashpay/internal/merchant"
	"flashpay/internal/store"
)

type projectKeyCmd struct {
	Add    keyAddCmd    `cmd:"" help:"Add a secret key. Callbacks stay signed with the oldest one."`
	Revoke keyRevokeCmd `cmd:"" help:"End a key at once. The oldest that is left signs callbacks."`
}

type keyAddCmd struct {
	databaseFlag
	ID    int64  `required:"" placeholder:"N" help:"The project's number."`
	Key   string `var:"FLASHPAY_PROJECT_KEY" secret:"" placeholder:"SECRET" help:"The new key. Default: one is made and printed once."`
	Label string `placeholder:"TEXT" help:"What uses it, for people: web shop, payroll."`
	JSON  bool   `help:"Print JSON."`
}

// Help is shown by --help.
func (c *keyAddCmd) Help() string {
	return `To change a key without a pause: add the new one, teach your web service to sign with it and to verify callbacks under
both, then revoke the old one.

  flashpay project key add --database sqlite:flashpay.db --id 210
  flashpay project key revoke --database sqlite:flashpay.db --id 210 --key OLD`
}

// Run adds the key.
func (c *keyAddCmd) Run(a *app) error {
	made := ""
	if c.Key == "" {
		made = newKey()
		c.Key = made
	}
	if err := checkKey(c.Key); err != nil {
		return err
	}
	if err := checkLine("--label", c.Label); err != nil {
		return err
	}
	return c.with(a, func(s *store.Store) error {
		err := s.AddKey(a.ctx, c.ID, merchant.Key{Secret: c.Key, Label: c.Label}, store.By{Actor: actor()})
		switch {
		case errors.Is(err, store.ErrNotFound):
			return unknownProject(c.ID)
		case errors.Is(err, store.ErrKeyExists):
			return fmt.Errorf("project %d has this key already: give another one", c.ID)
		case err != nil:
			return err
		}
		p, ok := s.Project(c.ID)
		if !ok || len(p.Keys) == 0 {
			return unknownProject(c.ID)
		}
		id := p.Keys[len(p.Keys)-1].ID
		if c.JSON {
			return a.printJSON(struct {
				ID    int64  `json:"id"`
				KeyID int64  `json:"key_id"`
				Key   string `json:"key,omitempty"` // where it was made here
			}{c.ID, id, made})
		}
		fmt.Fprintf(a.stdout, "Key %d is added to project %d; servers take it within a second.\n", id, c.ID)
		if made != "" {
			fmt.Fprintf(a.stdout, "The key, shown only now: %s\n", made)
		}
		return nil
	})
}

type keyRevokeCmd struct {
	databaseFlag
	ID    int64  `required:"" placeholder:"N" help:"The project's number."`
	Key   string `var:"FLASHPAY_PROJECT_KEY" secret:"" placeholder:"SECRET" xor:"key" help:"The key to revoke."`
	KeyID int64  `name:"key-id" placeholder:"N" xor:"key" help:"Its number, as project show lists it, where the key itself is not at hand."`
	JSON  bool   `help:"Print JSON."`
}

// Run revokes the key.
func (c *keyRevokeCmd) Run(a *app) error {
	if c.Key == "" && c.KeyID == 0 {
		return usagef("no key: give --key SECRET, set FLASHPAY_PROJECT_KEY, or give --key-id N as `flashpay project show --id %d` lists it", c.ID)
	}
	return c.with(a, func(s *store.Store) error {
		p, ok := s.Project(c.ID)
		if !ok {
			return unknownProject(c.ID)
		}
		i := slices.IndexFunc(p.Keys, func(k merchant.Key) bool { return k.ID == c.KeyID || c.Key != "" && k.Secret == c.Key })
		if i < 0 {
			return fmt.Errorf("project %d has no such key (or it is revoked already): see `flashpay project show --id %d`", c.ID, c.ID)
		}
		err := s.RevokeKey(a.ctx, c.ID, p.Keys[i].ID, store.By{Actor: actor()})
		if errors.Is(err, store.ErrLastKey) {
			return fmt.Errorf("this is the only key of project %d: add another one first, with `flashpay project key add --id %d`", c.ID, c.ID)
		}
		if err != nil {
			return err
		}
		if c.JSON {
			return a.printJSON(struct {
				ID    int64 `json:"id"`
				KeyID int64 `json:"key_id"`
			}{c.ID, p.Keys[i].ID})
		}
		fmt.Fprintf(a.stdout, "Key %d of project %d is revoked; servers refuse it within a second.\n", p.Keys[i].ID, c.ID)
		return nil
	})
}
