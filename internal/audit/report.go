package audit

import (
	"fmt"
	"strconv"

	"flashpay/internal/store"
)

// The kinds of findings: the part of the database that does not hold.
const (
	KindBalance      = "balance"
	KindTransfer     = "transfer"
	KindPayment      = "payment"
	KindOperation    = "operation"
	KindRequest      = "request"
	KindJournal      = "journal"
	KindSeal         = "seal"
	KindEvent        = "event"
	KindCallback     = "callback"
	KindAttempt      = "attempt"
	KindDiscrepancy  = "discrepancy"
	KindNotification = "notification"
	KindJob          = "job"
	KindApproval     = "approval"
	KindFile         = "file"
	KindBatch        = "batch"
	KindRollup       = "rollup"
	KindShard        = "shard"
	KindBank         = "bank"
)

// Names of information that programs look at. The others are words for people.
const (
	NotSealed            = "journal lines that no seal covers yet"
	NotificationsWaiting = "notifications waiting"
)

// Report is what an audit found.
type Report struct {
	OK          bool             `json:"ok"`
	Engine      string           `json:"engine"` // sqlite or postgres
	DurationMS  int64            `json:"duration_ms"`
	Checked     map[string]int64 `json:"checked"`     // rows by table
	Failures    map[string]int64 `json:"failures"`    // findings by kind: invariants that do not hold
	Findings    []Finding        `json:"findings"`    // the first of them, at most MaxFindings
	Information map[string]int64 `json:"information"` // what is open or waits, and breaks no invariant
}

// Finding is one thing that should not be so.
type Finding struct {
	Kind      string `json:"kind"`
	ProjectID int64  `json:"project_id,omitempty"` // 0: it belongs to none
	PaymentID string `json:"payment_id,omitempty"` // empty: it belongs to none, or its payment is not there
	What      string `json:"what"`
}

// Name is the payment's name as the bank's reference spells it, project/payment_id; without a payment the project's
// number, or nothing.
func (f Finding) Name() string {
	switch {
	case f.PaymentID != "":
		return strconv.FormatInt(f.ProjectID, 10) + "/" + f.PaymentID
	case f.ProjectID != 0:
		return "project " + strconv.FormatInt(f.ProjectID, 10)
	}
	return ""
}

func newReport(s *store.Store) *Report {
	return &Report{
		Engine: s.DialectName(), Checked: make(map[string]int64), Failures: make(map[string]int64), Findings: []Finding{},
		Information: make(map[string]int64),
	}
}

func (r *Report) add(f Finding) {
	r.Failures[f.Kind]++
	if len(r.Findings) < MaxFindings {
		r.Findings = append(r.Findings, f)
	}
}

func (r *run) fail(kind string, project int64, payment, format string, args ...any) {
	r.report.add(Finding{Kind: kind, ProjectID: project, PaymentID: payment, What: fmt.Sprintf(format, args...)})
}

func (r *run) checked(table string, rows int64) { r.report.Checked[table] += rows }

func (r *run) inform(what string, n int64) {
	if n > 0 {
		r.report.Information[what] += n
	}
}
