package browsertest

import (
	"context"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"
)

// Passkeys is a device that keeps passkeys of a tab, and unlocks them for its user.
type Passkeys struct {
	p  *Page
	id webauthn.AuthenticatorID
}

// Passkeys gives the tab such a device. It recognises its user until Lock.
func (p *Page) Passkeys() *Passkeys {
	p.t.Helper()
	device := &Passkeys{p: p}
	p.Do(chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error {
		if _, err := cdp.Call(ctx, tab, webauthn.Enable, webauthn.EnableParams{}); err != nil {
			return err
		}
		made, err := cdp.Call(ctx, tab, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{
			Options: &webauthn.VirtualAuthenticatorOptions{
				Protocol: "ctap2", Transport: "internal", HasResidentKey: true, HasUserVerification: true, IsUserVerified: true,
				AutomaticPresenceSimulation: true,
			},
		})
		if err == nil {
			device.id = made.AuthenticatorID
		}
		return err
	}))
	return device
}

// Lock makes the device not recognise its user any more.
func (d *Passkeys) Lock() {
	d.p.t.Helper()
	d.p.Do(chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error {
		_, err := cdp.Call(ctx, tab, webauthn.SetUserVerified, webauthn.SetUserVerifiedParams{AuthenticatorID: d.id, IsUserVerified: false})
		return err
	}))
}
