package dashboard

import (
	"net"
	"net/http"
	"strconv"
	"testing"

	"flashpay/internal/access"
	"flashpay/internal/browsertest"
	"flashpay/internal/staff"
)

// newServedSite is a site that a browser reaches, by a host name: passkeys need one.
func newServedSite(t *testing.T) (s *site, address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address = "http://localhost:" + strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
	s = newSite(t, func(c *Config) {
		c.URL = address
		if c.Access, err = access.New(c.Store, access.Config{URL: address, HashMemory: 64}); err != nil {
			t.Fatal(err)
		}
	})
	server := &http.Server{Handler: s.handler}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	return s, address
}

// A passkey of a real browser: as the first second factor, as sign-in alone, and as fresh second factor.
func TestPasskeys(t *testing.T) {
	s, address := newServedSite(t)
	u := &staff.User{MerchantID: 1, Email: "aida@example.kg", Name: "Aida", Roles: []staff.Role{staff.MerchantAdmin}}
	if err := s.Access.CreateWithPassword(t.Context(), u, sitePassword, "test"); err != nil {
		t.Fatal(err)
	}
	p := browsertest.Start(t).Open(t, browsertest.View{})
	device := p.Passkeys()
	p.Goto(address + "/profile")
	p.Type("#f-email", u.Email)
	p.Type("#f-password", sitePassword)
	p.Click(`form[action="/sign-in"] button`)
	p.Wait("Every account has a second factor")
	p.Click(`form[data-passkey="create"] button`)
	p.Wait("Recovery codes")
	p.Click(`a[href="/profile"].btn-primary`)
	p.Wait("My recent actions", "added a second factor")

	p.Goto(address + "/sign-in?next=/team")
	p.Wait("My team") // signed in already
	browsertest.Eval[bool](p, `document.querySelector('form[action="/sign-out"]').requestSubmit(), true`)
	p.Wait("You are signed out")
	p.Click(`form[data-passkey="get"] button`)
	p.Wait("Aida", "My profile")

	s.stale(u)
	p.Goto(address + "/profile")
	p.Click(`form[action="/profile/recovery"] button`)
	p.Wait("Confirm that it is you")
	p.Click(`form[data-passkey="get"] button`)
	p.Wait("Recovery codes")

	// What answered once answers nothing again.
	p.Goto(address + "/profile")
	browsertest.Eval[bool](p, `document.querySelector('form[action="/sign-out"]').requestSubmit(), true`)
	p.Wait("You are signed out")
	browsertest.Eval[bool](p, `(async () => {
		const form = document.querySelector('form[data-passkey]')
		const options = PublicKeyCredential.parseRequestOptionsFromJSON(JSON.parse(form.dataset.options))
		form.elements.answer.value = JSON.stringify(await navigator.credentials.get({publicKey: options}))
		const send = async () => (await fetch(form.action, {method: 'POST', body: new URLSearchParams(new FormData(form))})).status
		document.querySelector('main').append('answered ' + await send() + ' and ' + await send())
	})(), true`)
	p.Wait("answered 200 and 401")

	p.Goto(address + "/profile")
	browsertest.Eval[bool](p, `document.querySelector('form[action="/sign-out"]').requestSubmit(), true`)
	p.Wait("You are signed out")
	device.Lock()
	p.Click(`form[data-passkey="get"] button`)
	p.Wait("The browser gave no passkey")
}

// Where there is no script, or no passkey, the other ways in remain; and a page never scrolls sideways.
func TestSignInWithoutScriptOnAPhone(t *testing.T) {
	s, address := newServedSite(t)
	s.userNamed("aida@example.kg", staff.Operations)
	p := browsertest.Start(t).Open(t, browsertest.View{Width: 360, Height: 740, Dark: true, NoScript: true})
	p.Goto(address + "/profile")
	p.Type("#f-email", "aida@example.kg")
	p.Type("#f-password", sitePassword)
	p.Click(`form[action="/sign-in"] button`)
	p.Wait("Six digits from your authenticator")
	p.Type("#f-code", s.code(0))
	p.Click(`form[action="/sign-in/factor"] button`)
	p.Wait("My recent actions")
}
