package crashtest

import (
	"context"
	"maps"
	"slices"
	"strings"

	"flashpay/internal/audit"
	"flashpay/internal/store"
)

// auditResult is what the audit of the whole database found.
type auditResult struct {
	report *audit.Report
	fresh  bool // the database held nothing before this test, so that nothing may be left in it
}

// runAudit audits the database of a test, with the bank's books.
func runAudit(ctx context.Context, s *store.Store, bankURL string, fresh bool) (auditResult, error) {
	report, err := audit.Run(ctx, audit.Config{Store: s, BankURL: bankURL})
	return auditResult{report: report, fresh: fresh}, err
}

// notSealed is what may remain: journal lines are sealed once a minute.
const notSealed = "journal lines that no seal covers yet"

// violations are the audit's findings by kind, and what it says is left over.
func (a auditResult) violations() []Violation {
	if a.report == nil {
		return nil
	}
	v := &verdict{found: make(map[string]*Violation)}
	for _, f := range a.report.Findings {
		_, id, _ := strings.Cut(f.Name(), "/")
		v.add("audit: "+f.Kind, id, "%s", f.What)
	}
	for _, what := range slices.Sorted(maps.Keys(a.report.Information)) {
		if a.fresh && what != notSealed {
			v.add("audit: left over", "", "%s: %d", what, a.report.Information[what])
		}
	}
	if !a.report.OK && len(v.kinds) == 0 {
		v.add("audit", "", "it is not in order, and names nothing")
	}
	return v.list()
}

// counts is what the audit looked at, by table.
func (a auditResult) counts() map[string]int64 {
	if a.report == nil {
		return nil
	}
	return a.report.Checked
}

// waiting counts notifications of the bank that the platform has and has not read.
func waiting(ctx context.Context, s *store.Store) (int, error) {
	report, err := audit.Run(ctx, audit.Config{Store: s})
	if err != nil {
		return 0, err
	}
	return int(report.Information["notifications waiting"]), nil
}
