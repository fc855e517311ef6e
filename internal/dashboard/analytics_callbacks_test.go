package dashboard

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"flashpay/internal/payout"
	"flashpay/internal/staff"
	"flashpay/internal/store"
)

// TestTilesOfCallbacks holds that the tiles of callbacks show the attempts that were made, of the projects that the reader sees, as soon as
// they are logged.
func TestTilesOfCallbacks(t *testing.T) {
	s := newSite(t)
	for _, id := range []int64{210, 211} {
		known, _ := s.Store.Project(id)
		p := *known
		p.Settings.CallbackURL = fmt.Sprintf("https://merchant-%d.example.kg/", id)
		if err := s.Store.UpdateProject(t.Context(), &p, "test"); err != nil {
			t.Fatal(err)
		}
		s.pay(id, fmt.Sprint("told-", id), 10_000, payout.Succeeded)
		s.attempt(id, 1, 0, 500)
		if id == 210 {
			s.attempt(id, 2, 3*time.Second, http.StatusOK)
		}
	}
	admin := s.signedIn(staff.MerchantAdmin)
	admin.get("/analytics?board=callbacks&period=today").wants(http.StatusOK).
		says("Acknowledged Not acknowledged Attempts", "1 2 3 33.3 %", "210 Shop 1")
	one := s.signedInAs(&staff.User{MerchantID: 1, Email: "one@example.kg", Name: "One", Roles: []staff.Role{staff.Finance}, Projects: []int64{211}})
	one.get("/analytics?board=callbacks&period=today").wants(http.StatusOK).says("0 1 1 0.0 %").saysNot("210 Shop")
	a := admin.get("/analytics/csv?tile=callbacks&period=today&rows=project&compare=on").wants(http.StatusOK)
	for _, row := range []string{`"210 Shop","1","1","2","50.0","0"`, `"211 Salaries","0","1","1","0.0","0"`} {
		if !strings.Contains(a.Body, row) {
			t.Errorf("CSV lacks %s:\n%s", row, a.Body)
		}
	}
	board := admin.makesBoard("Callbacks", "callbacks")
	for fields, status := range map[string]int{"rows=project": http.StatusSeeOther, "rows=bank": http.StatusUnprocessableEntity, "currency=KGS": http.StatusUnprocessableEntity} {
		name, value, _ := strings.Cut(fields, "=")
		admin.post(board+"/tile", "dataset", "callbacks", name, value).wants(status)
	}
}

// attempt logs an attempt of the first callback of a project.
func (s *site) attempt(project int64, number int, took time.Duration, status int) {
	s.t.Helper()
	a := store.Attempt{
		ProjectID: project, Number: 1, Attempt: number, Scheduled: number - 1, URL: "https://merchant.example.kg/", At: s.Store.Now(), Duration: took, HTTPStatus: status,
	}
	state, next := store.CallbackPending, s.Store.Now()
	if status == http.StatusOK {
		state, next = store.CallbackDelivered, time.Time{}
	}
	if err := s.Store.SaveAttempt(s.t.Context(), a, state, next); err != nil {
		s.t.Fatal(err)
	}
}
