package store

import (
	"testing"
	"time"
)

// TestManualPlans holds that the lists of payouts by hand walk their own indexes, however many payments entered by Gate.
func TestManualPlans(t *testing.T) {
	t.Parallel()
	many := make([]int64, 60)
	for i := range many {
		many[i] = int64(200 + i)
	}
	for _, engine := range engineNames {
		t.Run(engine, func(t *testing.T) {
			s := filled(t, engine)
			middle := &Cursor{At: s.Now().Add(-180 * 24 * time.Hour).UnixMicro(), ID: 1 << 50}
			for name, projects := range map[string][]int64{"all": nil, "one": fillProjects[:1], "many": many} {
				for _, after := range []*Cursor{nil, middle} {
					checkPlan(t, s, name, manualQuery(projects, after, 26))
					if list, err := s.ManualPayments(t.Context(), projects, after, 26); err != nil || len(list) == 0 {
						t.Errorf("%s: %d payments, %v", name, len(list), err)
					}
				}
			}
			if list, err := s.ManualPayments(t.Context(), fillProjects, middle, 26); err != nil || len(list) != 26 {
				t.Errorf("some: %d payments, %v", len(list), err)
			}
		})
	}
}
