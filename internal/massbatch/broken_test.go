package massbatch_test

import (
	"strings"
	"testing"

	"flashpay/internal/massbatch"
	"flashpay/internal/store/batches"
	"flashpay/internal/storetest"
)

// TestAFileThatCannotBeReadToItsEndMakesNoBatch, however many good rows come before what is wrong: nobody can send them.
func TestAFileThatCannotBeReadToItsEndMakesNoBatch(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := setup(t, url)
		p, _ := s.Store.Project(210)
		good := many(210, 2000)
		for name, end := range map[string]string{
			"a quote that is never closed": strings.Replace(row(210, "q", 1), "KGS;", `KGS;"`, 1) + "\n" + row(210, "r", 1) + "\n",
			"another character set":        strings.Replace(row(210, "q", 1), "c-1", "\xc0\xe9\xe3\xf3\xeb\xfc", 1) + "\n",
			"a character NUL":              strings.Replace(row(210, "q", 1), "c-1", "c\x00", 1) + "\n",
		} {
			b, report, err := s.CreateBatch(t.Context(), strings.NewReader(good+end), massbatch.Upload{Project: p, Name: "wages.csv", By: clerk()})
			if err != nil || b != nil || report.Unreadable == nil || report.Unreadable.Fault.Line != 2002 {
				t.Errorf("%s: batch %+v, report %+v, %v", name, b, report, err)
			}
		}
		if all, err := batches.List(t.Context(), s.Store, batches.Filter{Limit: 10}); err != nil || len(all) != 0 {
			t.Errorf("batches: %+v, %v", all, err)
		}
		if err := batches.DeleteExpired(t.Context(), s.Store); err != nil {
			t.Fatal(err)
		}
		if rows, err := s.Store.DB().Numbers(t.Context(), "SELECT COUNT(*) FROM batch_rows"); err != nil || rows[0] != 0 {
			t.Errorf("%d rows are left of files that made no batch: %v", rows, err)
		}
	})
}
