package audit_test

import (
	"strings"
	"testing"

	"flashpay/internal/audit"
	"flashpay/internal/storetest"
)

// TestRollups holds that rollups which do not fit the journal are named, that lines which nobody has followed yet are no
// fault, and that rows of a project are missed.
func TestRollups(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := open(t, url, true)
		check := func(want string) {
			t.Helper()
			report, err := audit.Rollups(t.Context(), s)
			if err != nil {
				t.Fatal(err)
			}
			if found := list(report); report.OK != (want == "") || !strings.Contains(found, want) {
				t.Errorf("found %s, want %q", found, want)
			}
		}
		execute := func(text string) {
			t.Helper()
			if _, err := s.DB().Writes.ExecContext(t.Context(), text); err != nil {
				t.Fatal(err)
			}
		}
		check("")
		build(t, s)
		check("") // nothing is followed yet
		if err := s.FollowJournal(t.Context()); err != nil {
			t.Fatal(err)
		}
		check("")
		execute("UPDATE rollups SET currency = 'EUR' WHERE cube = 1 AND hours = 1")
		check("payments of 1 h in rollups come to")
		execute("DELETE FROM rollups WHERE cube = 4")
		check("results in detail of 24 h in rollups come to 0 with a sum of 0; the journal makes ")
		if _, err := s.RebuildRollups(t.Context(), "test"); err != nil {
			t.Fatal(err)
		}
		if err := s.CatchUpRollups(t.Context()); err != nil {
			t.Fatal(err)
		}
		check("")
	})
}
