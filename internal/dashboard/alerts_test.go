package dashboard

import (
	"context"
	"net/http"
	"testing"

	"flashpay/internal/staff"
	"flashpay/internal/store"
	"flashpay/internal/store/alerts"
)

// The bell counts what was told and is not seen; the profile has a switch for each kind that one's rights are for.
func TestAlertsOnPages(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := s.signedIn(staff.Operations)
	b.get("/alerts").wants(http.StatusOK).says("Nothing has happened")
	err := s.Store.Do(t.Context(), "", func(ctx context.Context, tx *store.Tx) error {
		_, err := alerts.Add(ctx, tx, &alerts.Alert{UserID: b.user.ID, Kind: alerts.Batch, Subject: "77", ProjectID: 210, Link: "/manual/mass/77"})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	s.shelf.forget(b.user.ID)
	b.get("/alerts/bell").wants(http.StatusOK).says("Not seen yet: 1")
	page := b.get("/alerts").wants(http.StatusOK).says("A mass payout has ended, and not all of it was paid", "Shop · 210", "new")
	if got := page.link("A mass payout has ended, and not all of it was paid"); got != "/manual/mass/77" {
		t.Errorf("it leads to %s", got)
	}
	s.signedIn(staff.Operations).get("/alerts").saysNot("Shop · 210")
	b.post("/alerts", "last", page.field("last")).wants(http.StatusSeeOther)
	b.get("/alerts/bell").saysNot("Not seen yet")

	b.get("/profile").says("requests that wait for my approval", "This platform sends no e-mail").saysNot("discrepancies that were opened")
	b.post("/profile/alerts", "alert", alerts.Batch, "alert", alerts.Discrepancy).wants(http.StatusSeeOther)
	off, err := alerts.Off(t.Context(), s.Store, b.user.ID)
	if err != nil || len(off) != 2 || off[0] != alerts.Approval || off[1] != alerts.Callbacks {
		t.Errorf("switched off: %v, %v", off, err)
	}
}
