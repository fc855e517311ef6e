package main

import (
	"errors"
	"fmt"
	"io"

	"flashpay/signature"
)

// keyFlag is the secret key of a merchant's project.
type keyFlag struct {
	Key string `var:"FLASHPAY_KEY" secret:"" placeholder:"SECRET" help:"The project's secret key."`
}

func (k *keyFlag) check() error {
	if k.Key == "" {
		return usagef("no key: give --key SECRET, set FLASHPAY_KEY, or name a file that holds it in FLASHPAY_KEY_FILE")
	}
	return nil
}

// maxInput is the longest body that sign and verify read.
const maxInput = 16 << 20

func (a *app) readBody() ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(a.stdin, maxInput+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("reading stdin: %w", err)
	case len(body) > maxInput:
		return nil, fmt.Errorf("stdin has more than %d bytes: that is no request or callback", maxInput)
	case len(body) == 0:
		return nil, errors.New("stdin is empty: give the JSON body there, such as `flashpay verify --key K < callback.json`")
	}
	return body, nil
}

type signCmd struct {
	keyFlag
	JSON bool `xor:"form" help:"Print JSON: the signature and the signing string."`
	Body bool `xor:"form" help:"Print the body with the signature in it: in general where there is one, else at the root."`
}

// Help is shown by --help.
func (c *signCmd) Help() string {
	return `Prints the signature. A signature that the body has already does not count and, with --body, is replaced.

  flashpay sign --key K < request.json
  flashpay sign --key K --body < request.json | curl -H 'Content-Type: application/json' -d @- http://localhost:8080/v2/payment/bank-transfer/kyrgyzstan/payout
  echo '{"b":[true,null],"a":"x"}' | flashpay sign --key K --json
  {"signature":"…","signing_string":"a:x;b:0:1;b:1:"}`
}

// Run signs stdin.
func (c *signCmd) Run(a *app) error {
	if err := c.check(); err != nil {
		return err
	}
	body, err := a.readBody()
	if err != nil {
		return err
	}
	tree, err := signature.Parse(body)
	if err != nil {
		return fmt.Errorf("stdin: %w", err)
	}
	form := signature.Canonical(tree)
	sig := form.Sign(c.Key)
	switch {
	case c.JSON:
		return a.printJSON(struct {
			Signature     string `json:"signature"`
			SigningString string `json:"signing_string"`
		}{sig, string(form.SigningString(signature.Natural))})
	case c.Body:
		if tree.Kind != signature.Object {
			return fmt.Errorf("stdin: a signature has its place in an object, not in %s", tree.Kind)
		}
		placeSignature(tree, sig)
		sig = string(tree.AppendJSON(nil))
	}
	fmt.Fprintln(a.stdout, sig)
	return nil
}

// placeSignature puts the signature where Gate looks for it.
func placeSignature(root *signature.Value, sig string) {
	at := root
	if general := root.Get("general"); general != nil && general.Kind == signature.Object {
		at = general
	}
	if old := at.Get("signature"); old != nil {
		*old = signature.Str(sig)
		return
	}
	at.Members = append(at.Members, signature.Field("signature", signature.Str(sig)))
}

type verifyCmd struct {
	keyFlag
}

// Help is shown by --help.
func (c *verifyCmd) Help() string {
	return `Looks for the signature at the root and in general, and tries the orders of all known clients. Prints which one
fits, and ends with exit code 0; else says why not on stderr, and ends with 1.

  flashpay verify --key K < callback.json
  {"valid":true,"order":"natural"}`
}

// Run verifies stdin.
func (c *verifyCmd) Run(a *app) error {
	if err := c.check(); err != nil {
		return err
	}
	body, err := a.readBody()
	if err != nil {
		return err
	}
	order, err := signature.Verify(body, c.Key)
	answer := struct {
		Valid bool    `json:"valid"`
		Order *string `json:"order"` // null where none fits
	}{Valid: err == nil}
	if answer.Valid {
		name := order.String()
		answer.Order = &name
	}
	if err := a.printJSON(answer); err != nil {
		return err
	}
	if err != nil {
		fmt.Fprintf(a.stderr, "flashpay: %v%s\n", err, verifyAdvice(err))
		return errNo
	}
	return nil
}

func verifyAdvice(err error) string {
	switch {
	case errors.Is(err, signature.ErrMismatch):
		return ": check that the key is the project's and that the body is exactly what was received; `flashpay sign --json` shows what is signed"
	case errors.Is(err, signature.ErrMissing):
		return ": the body has no member signature at its root or in general"
	}
	return ""
}
