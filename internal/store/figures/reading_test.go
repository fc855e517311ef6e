package figures_test

import (
	"testing"
	"time"

	"flashpay/internal/store/figures"
	"flashpay/internal/storetest"
)

// TestAPageReadsEachFigureOnce holds that what a page asks for again is what it had, as of the same instant, and that what it makes of it
// changes nothing for others.
func TestAPageReadsEachFigureOnce(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := filled(t, url)
		f := figures.Of(s)
		page := f.Read()
		q := figures.Query{What: figures.Results, Projects: projects, From: s.Now().AddDate(-1, 0, 0), To: s.Now().Add(time.Hour), By: []figures.Column{figures.Bank}}
		sum := func(rows []figures.Row, err error) (n int64) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
			for i := range rows {
				n += rows[i].Payments
				rows[i].Payments = 0
			}
			return n
		}
		mark, err := page.Mark(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		first := sum(page.Sum(t.Context(), q))
		if _, err := s.DB().Writes.ExecContext(t.Context(), "UPDATE rollups SET payments = payments + 1"); err != nil {
			t.Fatal(err)
		}
		if _, err := s.DB().Writes.ExecContext(t.Context(), "UPDATE rolled SET at = at + 1, line = line + 1"); err != nil {
			t.Fatal(err)
		}
		again, err := page.Mark(t.Context())
		if n := sum(page.Sum(t.Context(), q)); n != first || err != nil || again != mark {
			t.Errorf("%d at %v, then %d at %v, %v", first, mark, n, again, err)
		}
		q.To = q.To.Add(time.Hour)
		other := sum(page.Sum(t.Context(), q))
		if n := sum(f.Read().Sum(t.Context(), q)); n <= first || other != n {
			t.Errorf("another page reads %d, another question %d, after %d", n, other, first)
		}
	})
}
