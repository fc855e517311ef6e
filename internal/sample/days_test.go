package sample

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"flashpay/internal/accept"
	"flashpay/internal/method"
	"flashpay/internal/payout"
	"flashpay/internal/store"
	"flashpay/internal/storetest"
)

// ends are the days on which somebody may try the demo for the first time: month ends, both paydays of each month, a leap
// day, a new year, and each hour of one day.
func ends() []time.Time {
	at := []time.Time{
		time.Date(2028, 2, 29, 11, 5, 0, 0, time.UTC), time.Date(2029, 2, 28, 23, 59, 59, 0, time.UTC),
		time.Date(2026, 12, 31, 23, 59, 59, 0, time.UTC), time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2027, 1, 1, 9, 0, 0, 0, time.UTC),
	}
	for month := time.January; month <= time.December; month++ {
		at = append(at,
			time.Date(2027, month+1, 0, 18, 30, 0, 0, time.UTC),
			time.Date(2027, month, 5, 6, 15, 0, 0, time.UTC),
			time.Date(2027, month, 20, 12, 45, 0, 0, time.UTC))
	}
	for hour := range 24 {
		at = append(at, time.Date(2026, 11, 27, hour, 59, 30, 0, time.UTC))
	}
	return at
}

// TestDemoSampleCanBeMadeOnAnyDay makes, of the demo's own number of payouts, those that the store leases again and all
// that are open meanwhile, which may be leased along: what else the year holds has no say in it, and takes long to make.
func TestDemoSampleCanBeMadeOnAnyDay(t *testing.T) {
	t.Parallel()
	for _, end := range ends() {
		t.Run(end.Format(time.RFC3339), func(t *testing.T) {
			t.Parallel()
			fillLeased(t, end)
		})
	}
}

func fillLeased(t *testing.T, end time.Time) {
	c := &Config{
		Shop:     Project{ID: 210, Name: "Demo shop", Key: "secret", CallbackURL: "https://shop.example.kg/callbacks"},
		Salaries: Project{ID: 211, Name: "Demo salaries", Key: "other secret", CallbackURL: "https://shop.example.kg/callbacks"},
		Market:   Project{ID: 212, Name: "Demo marketplace", Key: "third secret", CallbackURL: "https://shop.example.kg/callbacks"},
		End:      end, Payouts: defaultPayouts, Waiting: true,
	}
	clock := newClock(end)
	s, err := store.Open(t.Context(), store.Config{
		URL: "sqlite:" + filepath.Join(t.TempDir(), "flashpay.db"), Keyset: storetest.Keyset(), Serve: true, Migrate: true, Clock: clock.now,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	start, err := startOf(s, c)
	if err != nil {
		t.Fatal(err)
	}
	methods, err := method.Load(accept.Payout.Known)
	if err != nil {
		t.Fatal(err)
	}
	m, _ := methods.Get(methodPath)
	year := newPlan(c, start, m)
	if len(year.payouts) < defaultPayouts*95/100 || !year.end.Equal(end.Truncate(time.Hour)) {
		t.Errorf("%d payouts until %s are planned", len(year.payouts), year.end)
	}
	keepLeased(year)
	clock.set(start)
	if err := createProjects(t.Context(), s, c); err != nil {
		t.Fatal(err)
	}
	r := newRunner(s, clock, methods, m, year, c)
	if err := r.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i, f := range r.flights {
		if i.fate == again && (f.payment.Status != payout.Success || f.operation.Submits != 2) {
			t.Errorf("%s is %s after %d submits", i.id, f.payment.Status, f.operation.Submits)
		}
		if !f.payment.Status.Final() || f.operation.Stage.Open() || !f.quiet {
			t.Errorf("%s is left open", i.id)
		}
	}
	if len(r.flights) < 20 {
		t.Errorf("only %d payouts were made", len(r.flights))
	}
}

// keepLeased takes all payouts out of a plan but those that are leased, and those of their projects that are open when it
// happens, with what stands in a file with them, and the rates by which they are paid.
func keepLeased(p *plan) {
	leases := map[*Project][]time.Time{}
	for _, a := range p.acts {
		if a.kind == moveAct && a.payout.moves[a.number].lease {
			leases[a.payout.project] = append(leases[a.payout.project], a.at)
		}
	}
	kept, files, rated := map[*planned]bool{}, map[*file]bool{}, map[*imported]bool{}
	for _, i := range p.payouts {
		for _, at := range leases[i.project] {
			if len(i.moves) > 0 && !at.Before(i.at) && !at.After(i.moves[len(i.moves)-1].at) {
				kept[i] = true
				files[i.file] = i.file != nil
			}
		}
	}
	for _, i := range p.payouts {
		kept[i] = kept[i] || files[i.file]
	}
	var recent []*imported
	for _, a := range p.acts {
		if a.kind == ratesAct {
			recent = append(recent, a.rates)
		}
		if a.kind == acceptAct && kept[a.payout] && a.payout.project == &p.config.Market {
			for _, q := range recent[max(0, len(recent)-3):] { // what holds from tomorrow on, and what holds now
				rated[q] = true
			}
		}
	}
	p.acts = slices.DeleteFunc(p.acts, func(a act) bool {
		switch a.kind {
		case tariffAct, topUpAct:
			return false
		case ratesAct:
			return !rated[a.rates]
		case fileAct:
			return a.file.rows != nil && !files[a.file]
		}
		return !kept[a.payout]
	})
}
