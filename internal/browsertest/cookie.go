package browsertest

import (
	"context"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// Cookie returns the value of a cookie that the page's address is sent, those that scripts cannot read included; empty
// where there is none.
func (p *Page) Cookie(name string) string {
	p.t.Helper()
	value, err := chromedp.Run(p.ctx, func(ctx context.Context, tab *chromedp.Target) (string, error) {
		found, err := cdp.Call(ctx, tab, network.GetCookies, network.GetCookiesParams{})
		for _, c := range found.Cookies {
			if c.Name == name {
				return c.Value, err
			}
		}
		return "", err
	})
	if err != nil {
		p.t.Fatalf("browsertest: cookie %s: %v", name, err)
	}
	return value
}

// SetCookie gives the browser a cookie for an address, as its server could: so a test begins with a session that it has
// made without the pages of sign-in. The browser's other tabs have it too.
func (p *Page) SetCookie(address, name, value string) {
	p.t.Helper()
	yes := true
	p.Do(chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error {
		_, err := cdp.Call(ctx, tab, network.SetCookie, network.SetCookieParams{
			Name: name, Value: value, URL: address, Path: "/", HTTPOnly: &yes, SameSite: network.CookieSameSiteLax,
		})
		return err
	}))
}
