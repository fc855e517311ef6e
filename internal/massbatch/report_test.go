package massbatch_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"flashpay/internal/massbatch"
	"flashpay/internal/merchant"
	"flashpay/internal/storetest"
)

// What a check found is read back as it was, and its faults' download can be had later; rows of a project that the clerk does
// not see are refused as if there were none.
func TestReportIsKept(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := setup(t, url)
		p, _ := s.Store.Project(210)
		sees := func(p *merchant.Project) bool { return p.ID == 210 }
		text := file(row(210, "a", 1), row(210, "b", 1), row(211, "not mine", 1), row(210, "a", 2))
		u := massbatch.Upload{Project: p, Name: "wages.csv", By: clerk(), Sees: sees}
		b, report, err := s.CreateBatch(t.Context(), strings.NewReader(text), u)
		if err != nil || b == nil || report.Good != 2 || report.Bad != 2 || len(report.Warnings) == 0 {
			t.Fatalf("%+v, %+v, %v", b, report, err)
		}
		kept, err := s.Report(t.Context(), b)
		if err != nil {
			t.Fatal(err)
		}
		report.Digest = [32]byte{} // the batch has it
		if diff := cmp.Diff(report, kept); diff != "" {
			t.Error(diff)
		}
		if !strings.HasPrefix(kept.Faults[0].Message, "Project_id does not exist") {
			t.Errorf("the row of a project that is not seen: %+v", kept.Faults[0])
		}
		var faults strings.Builder
		if err := s.Faults(t.Context(), b, u, &faults); err != nil {
			t.Fatal(err)
		}
		if got := faults.String(); !strings.Contains(got, `"error";"advice"`) || !strings.Contains(got, "Project_id does not exist (line# 4)") {
			t.Error(got)
		}
	})
}
