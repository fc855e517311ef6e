package dashboard

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"flashpay/internal/report"
	"flashpay/internal/staff"
)

// scheduleEntries are those of a form that is filled in; pairs of name and value come on top.
func scheduleEntries(pairs ...string) []string {
	return reportEntries(append([]string{"every", "month", "hour", "6", "monthday", "31", "weekday", "1"}, pairs...)...)
}

// schedules are those of somebody, newest first.
func (b *browser) schedules() []*report.ScheduleInfo {
	b.site.t.Helper()
	found, err := b.site.Reports.Schedules(b.site.t.Context(), b.user.ID, 100)
	if err != nil {
		b.site.t.Fatal(err)
	}
	return found
}

// A schedule from its form to its end: all that was chosen arrives, a second click begins no second one, and nobody else
// gets at it.
func TestAScheduleBeginsAndEnds(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b, other := s.signedIn(staff.Finance), s.signedIn(staff.MerchantAdmin)
	b.get("/reports/schedules").wants(http.StatusOK).says("No schedules yet")
	idempotencyKey := b.get("/reports/schedules/new?kind=payments").wants(http.StatusOK).field("once")
	for range 2 {
		b.post("/reports/schedules", scheduleEntries("once", idempotencyKey, "name", "For the accountant", "from", "2026-03-01", "to", "2026-03-31", "project", "210")...).wants(http.StatusSeeOther)
	}
	found := b.schedules()
	if len(found) != 1 {
		t.Fatalf("two clicks began %d schedules", len(found))
	}
	got := found[0]
	if q := &got.Order.Request; got.Every != report.Month || got.Hour != 6 || got.On != 31 || q.Kind != "payments" || fmt.Sprintf("%v %v %s %v", q.Projects, q.Columns, q.Zone, q.From.IsZero()) != "[210] [payment_id amount] Asia/Bishkek true" {
		t.Errorf("the schedule is %+v", got.Schedule)
	}
	b.get("/reports/schedules").says("For the accountant", "Payments · 210", "Every month: day 31, 06:00 (Asia/Bishkek)", "goes on")
	end := fmt.Sprintf("/reports/schedules/end/%d", got.ID)
	other.get("/reports/schedules").saysNot("accountant")
	other.post(end).wants(http.StatusNotFound)
	b.post(fmt.Sprintf("/reports/cancel/%d", got.ID)).wants(http.StatusNotFound) // it is no report
	for range 2 {
		b.post(end).wants(http.StatusSeeOther)
	}
	b.get("/reports/schedules").says("The schedule has ended", "ended").saysNot("goes on")
}

// Of the days of the week and of the month the one counts that the period has.
func TestTheTurnsOfASchedule(t *testing.T) {
	t.Parallel()
	b := newSite(t).signedIn(staff.Support)
	for _, c := range []struct {
		entries []string
		says    string
	}{
		{[]string{"every", "day", "hour", "23", "monthday", "99"}, "Every day at 23:00 (Asia/Bishkek)"},
		{[]string{"every", "week", "hour", "0", "weekday", "7", "monthday", ""}, "Every week: Sunday, 00:00 (Asia/Bishkek)"},
		{[]string{"every", "month", "hour", "6", "weekday", "7", "monthday", ""}, "Every month: day 1, 06:00 (Asia/Bishkek)"},
	} {
		b.post("/reports/schedules", reportEntries(c.entries...)...).wants(http.StatusSeeOther)
		b.get("/reports/schedules").says(c.says)
	}
}

// What is wrong stands beside its field, all at once, and what was typed stays.
func TestFaultsOfAScheduleStandBesideTheirFields(t *testing.T) {
	t.Parallel()
	b := newSite(t).signedIn(staff.Risks)
	for _, c := range []struct {
		entries []string
		says    []string
	}{
		{[]string{"every", "month", "hour", "24", "monthday", "32"}, []string{"no such choice: 24", "no such choice: 32"}},
		{[]string{"every", "week", "hour", "6", "weekday", "8"}, []string{"no such choice: 8"}},
		{[]string{"every", "year", "hour", "6", "name", fmt.Sprintf("%061d", 0)}, []string{"no such choice: year", "more than 60 characters"}},
	} {
		page := b.post("/reports/schedules", reportEntries(c.entries...)...).wants(http.StatusUnprocessableEntity)
		page.says(c.says...)
		if !strings.Contains(page.Body, `name="column" value="amount" checked`) || len(b.schedules()) > 0 {
			t.Errorf("%v: what was ticked is gone, or one of %d schedules has begun", c.entries, len(b.schedules()))
		}
	}
	for range maxSchedules {
		b.post("/reports/schedules", scheduleEntries()...).wants(http.StatusSeeOther)
	}
	b.post("/reports/schedules", scheduleEntries()...).wants(http.StatusUnprocessableEntity).says("You have 50 schedules")
	b.post(fmt.Sprintf("/reports/schedules/end/%d", b.schedules()[0].ID)).wants(http.StatusSeeOther)
	b.post("/reports/schedules", scheduleEntries()...).wants(http.StatusSeeOther)
}
