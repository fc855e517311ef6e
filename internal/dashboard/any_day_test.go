package dashboard

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"flashpay/internal/payout"
	"flashpay/internal/staff"
)

// TestPagesOnAnyDay has the platform's clock say another day: whoever pays then finds it in the register, in the totals,
// and in the file, on pages at the time that a clock on their wall shows, wherever they and the machine are.
func TestPagesOnAnyDay(t *testing.T) {
	t.Parallel()
	for now, walls := range map[string]map[string]string{
		"2027-12-31T20:59:30Z": {"Asia/Bishkek": "1 Jan 2028, 02:59", "America/New_York": "31 Dec 2027, 15:59", "UTC": "31 Dec 2027, 20:59"}, // the year ends between them
		"2028-02-29T18:00:00Z": {"Asia/Bishkek": "1 Mar 2028, 00:00", "America/New_York": "29 Feb 2028, 13:00"},                              // a leap day
		"2027-03-14T06:59:58Z": {"Asia/Bishkek": "14 Mar 2027, 12:59", "America/New_York": "14 Mar 2027, 01:59"},                             // two hours become three
		"2027-11-07T06:30:00Z": {"Asia/Bishkek": "7 Nov 2027, 12:30", "America/New_York": "7 Nov 2027, 01:30"},                               // an hour comes twice
		"2040-01-05T00:00:00Z": {"Asia/Bishkek": "5 Jan 2040, 06:00", "America/New_York": "4 Jan 2040, 19:00"},                               // far from any day of writing
	} {
		t.Run(now, func(t *testing.T) {
			t.Parallel()
			begin, err := time.Parse(time.RFC3339, now)
			if err != nil {
				t.Fatal(err)
			}
			s := newSiteAt(t, func() time.Time { return begin })
			v := s.pay(210, "order-of-the-day", 150_000, payout.Succeeded)
			if err := s.Store.FollowJournal(t.Context()); err != nil {
				t.Fatal(err)
			}
			for zone, wall := range walls {
				b := s.signedInAs(&staff.User{
					MerchantID: 1, Email: strings.ReplaceAll(zone, "/", ".") + "@example.kg", Name: "Aida", Roles: []staff.Role{staff.MerchantAdmin},
					AllProjects: true, Language: "en", Zone: zone,
				})
				b.get("/payments").wants(http.StatusOK).says("order-of-the-day", "1,500.00")
				b.get("/payments/totals").wants(http.StatusOK).says("1,500.00")
				if file := b.get("/payments/export").wants(http.StatusOK); !strings.Contains(file.Body, `"`+now+`"`) || !strings.Contains(file.Body, "order-of-the-day") {
					t.Errorf("%s: the file does not say %s:\n%s", zone, now, file.Body)
				}
				b.get(pageOf(v)).wants(http.StatusOK).says("order-of-the-day", wall)
				for i := range routes {
					verb, path := example(&routes[i])
					if verb != http.MethodGet || routes[i].endsSession() {
						continue
					}
					if a := b.get(path); a.Status >= http.StatusInternalServerError {
						t.Errorf("%s: GET %s answers %d", zone, path, a.Status)
					}
				}
			}
		})
	}
}
