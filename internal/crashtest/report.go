package crashtest

import (
	"fmt"
	"io"
	"strings"
	"time"

	"flashpay/client"
)

// Report is what a crash test did and found.
type Report struct {
	Seed    uint64 `json:"seed"`
	Engine  string `json:"engine"` // sqlite or postgres
	Nodes   int    `json:"nodes"`
	Dedup   bool   `json:"dedup"` // whether the bank refuses to execute a key twice
	Clean   bool   `json:"clean"` // there are no violations
	Project int64  `json:"project_id"`

	Kills    map[string]int `json:"kills"`    // by role: platform, bank
	Restarts map[string]int `json:"restarts"` // orderly ones, by role

	Outages map[string]int `json:"outages"` // that nodes went through, by kind

	Payouts     int            `json:"payouts"`     // requested
	Answered    int            `json:"answered"`    // with success
	Statuses    map[string]int `json:"statuses"`    // at the end
	Requests    int            `json:"requests"`    // sent, repeats included
	Copies      int            `json:"copies"`      // payouts that two senders requested at once
	Submissions int            `json:"submissions"` // that the bank counted
	Executed    int            `json:"executed"`    // by the bank
	Callbacks   Callbacks      `json:"callbacks"`

	TakeOver *TakeOver        `json:"take_over,omitempty"` // PostgreSQL only
	Stop     float64          `json:"longest_stop_s"`      // of an orderly restart
	Seconds  Seconds          `json:"seconds"`
	Audit    map[string]int64 `json:"audit"` // rows that the audit of the whole database looked at, by table

	Violations []Violation `json:"violations"`
	Logs       string      `json:"logs,omitempty"` // folder of the processes' logs, where there are violations
}

// Callbacks counts callbacks as the merchant saw them.
type Callbacks struct {
	Acknowledged int `json:"acknowledged"` // verified and answered 200
	Refused      int `json:"refused"`      // answered with 500, as planned
	Payments     int `json:"payments"`     // that had at least one acknowledged
}

// TakeOver says how the work of dead nodes went on.
type TakeOver struct {
	Operations int     `json:"operations"` // that dead nodes had under their leases
	Worst      float64 `json:"worst_s"`    // from a node's death until somebody had moved the last of them
}

// Seconds are how long the parts of the test took.
type Seconds struct {
	Strikes float64 `json:"strikes"` // with the start
	Drain   float64 `json:"drain"`
	Total   float64 `json:"total"`
}

func seconds(d time.Duration) float64 { return float64(d.Milliseconds()) / 1000 }

// report puts together what was counted and found.
func (t *test) report(f *facts) *Report {
	t.mu.Lock()
	defer t.mu.Unlock()
	engine, _, _ := strings.Cut(t.config.Database, ":")
	r := &Report{
		Seed: t.config.Seed, Engine: strings.Replace(engine, "postgresql", "postgres", 1), Nodes: t.config.Nodes, Dedup: !t.config.NoDedup,
		Clean: len(t.violations) == 0, Project: f.project, Kills: t.counts.kills, Restarts: t.counts.restarts, Outages: t.counts.outages,
		Statuses: make(map[string]int), Copies: t.counts.copies, Stop: seconds(t.counts.standBy),
		Callbacks: Callbacks{Refused: f.refused}, Audit: f.audit.counts(), Violations: append([]Violation{}, t.violations...),
	}
	for _, o := range f.orders {
		r.Payouts++
		r.Requests += o.requests
		if o.requestID != "" {
			r.Answered++
		}
		if s := f.statuses[o.wish.id]; s.status != client.Status("") {
			r.Statuses[string(s.status)]++
		}
		if n := len(f.heard[o.wish.id]); n > 0 {
			r.Callbacks.Payments++
			r.Callbacks.Acknowledged += n
		}
	}
	for _, tr := range f.book {
		r.Submissions += tr.Submissions
		r.Executed += tr.Executed
	}
	if t.beside != nil {
		r.TakeOver = &TakeOver{Operations: t.counts.takeOvers, Worst: seconds(t.counts.worstTakeOver)}
	}
	return r
}

// Print writes the report for people.
func (r *Report) Print(w io.Writer) {
	dedup := "with dedup"
	if !r.Dedup {
		dedup = "without dedup"
	}
	fmt.Fprintf(w, "Crash test, seed %d: %s, platform processes: %d, bank %s\n", r.Seed, r.Engine, r.Nodes, dedup)
	fmt.Fprintf(w, "  kill -9     platform %d, bank %d; orderly restarts: platform %d, bank %d, the longest stop %.1f s\n",
		r.Kills["platform"], r.Kills["bank"], r.Restarts["platform"], r.Restarts["bank"], r.Stop)
	if len(r.Outages) > 0 {
		fmt.Fprintf(w, "  outages     %s\n", counted(r.Outages))
	}
	fmt.Fprintf(w, "  payouts     %d requested (%d requests, %d payouts by two senders at once), %d answered: %s\n",
		r.Payouts, r.Requests, r.Copies, r.Answered, counted(r.Statuses))
	fmt.Fprintf(w, "  bank        %d submissions, %d executed\n", r.Submissions, r.Executed)
	fmt.Fprintf(w, "  callbacks   %d acknowledged for %d payouts, %d answered with 500 first\n",
		r.Callbacks.Acknowledged, r.Callbacks.Payments, r.Callbacks.Refused)
	fmt.Fprintf(w, "  audit       %s\n", counted(r.Audit))
	if r.TakeOver != nil {
		fmt.Fprintf(w, "  take-over   %d operations of dead nodes, the last moved on after %.1f s\n", r.TakeOver.Operations, r.TakeOver.Worst)
	}
	fmt.Fprintf(w, "  time        %.1f s: %.1f s of kills, %.1f s to drain\n", r.Seconds.Total, r.Seconds.Strikes, r.Seconds.Drain)
	if r.Clean {
		fmt.Fprintln(w, "Clean: nothing lost, nothing paid twice, nothing left over.")
		return
	}
	for _, v := range r.Violations {
		fmt.Fprintf(w, "VIOLATION   %s\n", v)
	}
	fmt.Fprintf(w, "Logs, and a temporary database, are kept in %s\n", r.Logs)
}

func counted[N int | int64](m map[string]N) string {
	var words []string
	for _, k := range keysOf(m) {
		words = append(words, fmt.Sprintf("%d %s", m[k], k))
	}
	return strings.Join(words, ", ")
}
