package main

import (
	"errors"
	"fmt"

	"flashpay/internal/store"
	"flashpay/internal/store/people"
)

type tokenCmd struct {
	Create tokenCreateCmd `cmd:"" help:"Give a user a token for the Data API, and print it with its secret. The user's earlier token is void."`
	Revoke tokenRevokeCmd `cmd:"" help:"Void a user's token."`
}

type tokenCreateCmd struct {
	databaseFlag
	Email string `required:"" placeholder:"ADDRESS" help:"The user's e-mail address: the token sees what the user sees."`
	JSON  bool   `help:"Print JSON."`
}

// Help is shown by --help.
func (c *tokenCreateCmd) Help() string {
	return `Token and secret are shown only now. Requests to the Data API carry the token and are signed with the secret; there is no
expiry, and the account's rights count at each request.

  flashpay token create --database sqlite:flashpay.db --email aida@example.kg --json
  {"token":"…","secret":"…"}`
}

// Run makes the token.
func (c *tokenCreateCmd) Run(a *app) error {
	return c.with(a, func(s *store.Store) error {
		user, err := people.New(s).UserByEmail(a.ctx, c.Email)
		if err != nil {
			return explainUser(err, c.Email)
		}
		if !user.Deactivated.IsZero() {
			return fmt.Errorf("%s is deactivated: `flashpay user reactivate` first", user.Email)
		}
		token := people.NewToken()
		if err := people.New(s).SetToken(a.ctx, "", user.ID, token, actor()); err != nil {
			return err
		}
		if c.JSON {
			return a.printJSON(token)
		}
		_, err = fmt.Fprintf(a.stdout, "token:  %s\nsecret: %s\nBoth are shown only now. An earlier token of %s is void.\n", token.Token, token.Secret, user.Email)
		return err
	})
}

type tokenRevokeCmd struct {
	databaseFlag
	Email string `required:"" placeholder:"ADDRESS" help:"The user's e-mail address."`
}

// Run voids the token.
func (c *tokenRevokeCmd) Run(a *app) error {
	return c.with(a, func(s *store.Store) error {
		user, err := people.New(s).UserByEmail(a.ctx, c.Email)
		if err != nil {
			return explainUser(err, c.Email)
		}
		err = people.New(s).RevokeToken(a.ctx, user.ID, actor())
		if errors.Is(err, store.ErrNotFound) {
			return fmt.Errorf("%s has no token", user.Email)
		}
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(a.stdout, "The token of %s is void.\n", user.Email)
		return err
	})
}
