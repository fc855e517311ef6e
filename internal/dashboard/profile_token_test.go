package dashboard

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"flashpay/internal/staff"
	"flashpay/internal/store"
	"flashpay/internal/store/people"
)

// A token of the Data API is shown once, a second click shows the same, the next one voids it, and each of it is audited.
func TestTokenInMyProfile(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	users := people.New(s.Store)
	b := s.signedIn(staff.Support)
	b.get("/profile").wants(http.StatusOK).says("Data API token", "There is none.").saysNot("Revoke")
	made := func(idempotencyKey string) people.Token {
		t.Helper()
		a := b.post("/profile/token", "once", idempotencyKey).wants(http.StatusOK).says("Token and secret are shown only now")
		return people.Token{Token: between(a.Body, `id="token">`, "</code>"), Secret: between(a.Body, `id="secret">`, "</code>")}
	}
	first := made("once-of-the-token")
	if second := made("once-of-the-token"); second != first || len(first.Token) != 30 || len(first.Secret) != 52 {
		t.Fatalf("%+v, by a second click %+v", first, second)
	}
	if u, secret, err := users.ByToken(t.Context(), first.Digest()); err != nil || u.ID != b.user.ID || secret != first.Secret {
		t.Fatalf("%+v, %v", u, err)
	}
	if a := b.get("/profile").wants(http.StatusOK).says("Valid since", "Make a new one"); strings.Contains(a.Body, first.Token) || strings.Contains(a.Body, first.Secret) {
		t.Error("the token is shown again")
	}
	next := made("once-of-another-token")
	if _, _, err := users.ByToken(t.Context(), first.Digest()); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the earlier token: %v", err)
	}
	for range 2 {
		b.post("/profile/token/revoke").wants(http.StatusSeeOther)
	}
	if _, _, err := users.ByToken(t.Context(), next.Digest()); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the revoked token: %v", err)
	}
	b.get("/profile").says("There is none.", "had a token for the Data API made", "voided the token for the Data API")
	lines, err := s.Store.AuditLog(t.Context(), store.AuditFilter{Object: b.user.Object(), Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	var acts []string
	for _, l := range lines {
		if strings.HasPrefix(l.Action, "data api token") {
			acts = append(acts, l.Action)
		}
		if strings.Contains(l.Detail, first.Token) || strings.Contains(l.Detail, first.Secret) {
			t.Errorf("the audit log holds a token: %+v", l)
		}
	}
	if !slices.Equal(acts, []string{"data api token revoke", "data api token", "data api token"}) {
		t.Errorf("audited: %v", acts)
	}
}
