package bench

import (
	"cmp"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// Result is what was measured. Rates are payouts a second, medians of the rounds; ratios are quotients of them.
type Result struct {
	BareHTTP  float64 `json:"bare_http_per_s"`
	NullGate  float64 `json:"null_gate_per_s"`
	Intake    float64 `json:"intake_per_s"`
	EndToEnd  float64 `json:"end_to_end_per_s"`
	GateRatio float64 `json:"null_gate_ratio"` // null gate to bare HTTP

	IntakeRatio   float64 `json:"intake_ratio"`     // intake to null gate
	EndToEndRatio float64 `json:"end_to_end_ratio"` // end to end to null gate

	// The same ratios of CPU time for each payout, of all processes together: what they would be if nothing waited, and
	// nobody else used the machine.
	GateCPURatio     float64 `json:"null_gate_cpu_ratio"`
	IntakeCPURatio   float64 `json:"intake_cpu_ratio"`
	EndToEndCPURatio float64 `json:"end_to_end_cpu_ratio"`

	Conversion *ConversionResult `json:"conversion,omitempty"` // only where it was asked for
	Mass       *MassResult       `json:"mass,omitempty"`       // likewise
	Report     *ReportResult     `json:"report,omitempty"`     // likewise

	Engine           string         `json:"database"`
	Seconds          float64        `json:"seconds"`
	Concurrency      int            `json:"concurrency"`
	Projects         int            `json:"projects"`
	Processors       int            `json:"processors"`
	SyncMicroseconds float64        `json:"sync_us,omitempty"` // one durable write in SQLite's folder
	Payouts          int64          `json:"payouts"`           // paid and called back, all stages together
	LeftOver         int64          `json:"left_over"`         // payouts that are not; a run that leaves some over fails
	Backlog          float64        `json:"backlog_per_s"`     // payouts of intake, paid and called back afterwards
	Stages           []*StageResult `json:"stages"`

	backlog []float64
}

// ConversionResult is what tariffs and conversion cost, end to end.
type ConversionResult struct {
	PerSecond float64 `json:"per_s"`    // payouts with them
	Cost      float64 `json:"cost"`     // by how much fewer that is, as a share
	CPUCost   float64 `json:"cpu_cost"` // how much more CPU time each takes, as a share
}

// StageResult is one stage's.
type StageResult struct {
	Name  string    `json:"name"`
	Rates []float64 `json:"rates_per_s"` // of the rounds

	// Latencies in milliseconds, counted from the moment at which a payout was due in a paced open loop at this rate.
	PacedRate float64  `json:"paced_per_s"`
	Answer    Latency  `json:"answer_ms"`
	Callback  *Latency `json:"callback_ms,omitempty"` // to the arrival of the callback

	// Of the closed loop, by process, for each payout.
	CPU         map[string]float64 `json:"cpu_us"`      // microseconds
	Allocations map[string]float64 `json:"allocations"` // heap objects
	Allocated   map[string]float64 `json:"allocated"`   // heap bytes
	Peak        map[string]int64   `json:"peak_memory"` // bytes resident at most

	title      string
	measures   []measure
	pacedRates []float64
	answers    []time.Duration
	callbacks  []time.Duration
}

// Latency is a distribution, in milliseconds.
type Latency struct {
	P50 float64 `json:"p50"`
	P95 float64 `json:"p95"`
	P99 float64 `json:"p99"`
}

type measure struct {
	payouts       int64
	before, after usages
}

func newResult(c *Config) *Result {
	return &Result{Seconds: c.Time.Seconds(), Concurrency: c.Concurrency, Projects: c.Projects, Processors: runtime.GOMAXPROCS(0)}
}

// stage finds or makes the result of a stage.
func (r *Result) stage(s stage) *StageResult {
	for _, known := range r.Stages {
		if known.Name == s.name {
			return known
		}
	}
	fresh := &StageResult{
		Name: s.name, title: s.title, CPU: map[string]float64{}, Allocations: map[string]float64{}, Allocated: map[string]float64{},
		Peak: map[string]int64{},
	}
	r.Stages = append(r.Stages, fresh)
	return fresh
}

func (s *StageResult) measured(perSecond float64, payouts int64, before, after usages) {
	s.Rates = append(s.Rates, perSecond)
	s.measures = append(s.measures, measure{payouts, before, after})
}

func (s *StageResult) paced(perSecond float64, answers, callbacks []time.Duration) {
	s.pacedRates = append(s.pacedRates, perSecond)
	s.answers = append(s.answers, answers...)
	s.callbacks = append(s.callbacks, callbacks...)
}

func (s *StageResult) peak(u usages) {
	for name, of := range map[string]Usage{"platform": u.platform, "bank": u.bank, "load": u.load} {
		if of.Peak > 0 {
			s.Peak[name] = max(s.Peak[name], of.Peak)
		}
	}
}

// finish computes what follows from the rounds.
func (r *Result) finish() {
	cpu := map[string]float64{}
	for _, s := range r.Stages {
		s.finish()
		cpu[s.Name] = s.cpu()
		rate := median(s.Rates)
		switch s.Name {
		case "bare_http":
			r.BareHTTP = rate
		case "null_gate":
			r.NullGate = rate
		case "intake":
			r.Intake = rate
		case "end_to_end":
			r.EndToEnd = rate
		case "conversion":
			r.Conversion = &ConversionResult{PerSecond: rate}
		}
	}
	r.GateCPURatio = ratio(cpu["bare_http"], cpu["null_gate"])
	r.IntakeCPURatio, r.EndToEndCPURatio = ratio(cpu["null_gate"], cpu["intake"]), ratio(cpu["null_gate"], cpu["end_to_end"])
	r.GateRatio, r.IntakeRatio, r.EndToEndRatio = ratio(r.NullGate, r.BareHTTP), ratio(r.Intake, r.NullGate), ratio(r.EndToEnd, r.NullGate)
	if with := cpu["conversion"]; r.Conversion != nil {
		r.Conversion.Cost, r.Conversion.CPUCost = 1-ratio(r.Conversion.PerSecond, r.EndToEnd), ratio(with, cpu["end_to_end"])-1
	}
	r.Backlog = median(r.backlog)
}

// ratio is 0 where there is nothing to compare with: the stage was not measured, or the system does not tell CPU time.
func ratio(less, more float64) float64 {
	if more == 0 {
		return 0
	}
	return less / more
}

// cpu is that of all processes.
func (s *StageResult) cpu() (sum float64) {
	for _, v := range s.CPU {
		sum += v
	}
	return sum
}

func (s *StageResult) finish() {
	s.PacedRate = median(s.pacedRates)
	s.Answer = latency(s.answers)
	if len(s.callbacks) > 0 {
		l := latency(s.callbacks)
		s.Callback = &l
	}
	var payouts float64
	for _, m := range s.measures {
		payouts += float64(m.payouts)
	}
	for _, m := range s.measures {
		for _, p := range []struct {
			name          string
			before, after Usage
		}{
			{"platform", m.before.platform, m.after.platform},
			{"bank", m.before.bank, m.after.bank},
			{"load", m.before.load, m.after.load},
			{"database", Usage{CPU: m.before.database}, Usage{CPU: m.after.database}},
		} {
			if p.after.CPU == 0 {
				continue
			}
			s.CPU[p.name] += float64((p.after.CPU - p.before.CPU).Microseconds()) / payouts
			if p.after.Allocations > 0 {
				s.Allocations[p.name] += float64(p.after.Allocations-p.before.Allocations) / payouts
				s.Allocated[p.name] += float64(p.after.Allocated-p.before.Allocated) / payouts
			}
		}
	}
}

// latency sorts durations and takes the percentiles.
func latency(all []time.Duration) Latency {
	slices.Sort(all)
	at := func(share float64) float64 {
		if len(all) == 0 {
			return 0
		}
		i := min(len(all)-1, int(share*float64(len(all))))
		return float64(all[i].Microseconds()) / 1000
	}
	return Latency{P50: at(0.50), P95: at(0.95), P99: at(0.99)}
}

// Print writes the result as a table for people.
func (r *Result) Print(w io.Writer) error {
	if r.Mass != nil {
		return r.Mass.print(w, r)
	}
	if r.Report != nil {
		return r.Report.print(w, r)
	}
	fmt.Fprintf(w, "%s, %d connections, %s, %d processors%s\n\n", cmp.Or(r.Engine, "no database"), r.Concurrency, count(r.Projects, "project"), r.Processors, r.sync())
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "\tpayouts/s\tratio\tby CPU\tat\tp50 ms\tp95 ms\tp99 ms\tCPU µs\t of it\tallocations\tpeak MB\t")
	for _, s := range r.Stages {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s/s\t%.1f\t%.1f\t%.1f\t%.0f\t%s\t%.0f\t%d\t\n", s.title, grouped(median(s.Rates)), r.ratio(s), r.cpuRatio(s),
			grouped(s.PacedRate), s.Answer.P50, s.Answer.P95, s.Answer.P99, s.cpu(), shares(s.CPU), s.Allocations["platform"], s.Peak["platform"]>>20)
		if s.Callback != nil {
			fmt.Fprintf(t, "to the callback\t\t\t\t\t%.1f\t%.1f\t%.1f\t\t\t\t\t\n", s.Callback.P50, s.Callback.P95, s.Callback.P99)
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if c := r.Conversion; c != nil {
		_, err := fmt.Fprintf(w, "\nWith tariffs and conversion: %+.1f %% payouts a second, %+.1f %% CPU time for each.\n%s payouts, %d left over.\n",
			-100*c.Cost, 100*c.CPUCost, grouped(float64(r.Payouts)), r.LeftOver)
		return err
	}
	_, err := fmt.Fprintf(w, "\nRatios: null gate to bare HTTP, intake and end to end to null gate; by CPU: of CPU time, whatever waits or disturbs.\n"+
		"Latencies from a paced open loop, from the moment a payout was due. CPU, allocations and memory: a payout of the closed\n"+
		"loop; allocations and memory are the platform's. What intake had left over was paid and called back at %s/s.\n"+
		"%s payouts, %d left over.\n",
		grouped(r.Backlog), grouped(float64(r.Payouts)), r.LeftOver)
	return err
}

func (r *Result) sync() string {
	if r.SyncMicroseconds == 0 {
		return ""
	}
	return fmt.Sprintf(", %.0f µs a durable write", r.SyncMicroseconds)
}

func (r *Result) ratio(s *StageResult) string {
	return ratioOf(s.Name, r.GateRatio, r.IntakeRatio, r.EndToEndRatio)
}

func (r *Result) cpuRatio(s *StageResult) string {
	return ratioOf(s.Name, r.GateCPURatio, r.IntakeCPURatio, r.EndToEndCPURatio)
}

func ratioOf(stage string, gate, intake, endToEnd float64) string {
	switch stage {
	case "null_gate":
		return fmt.Sprintf("%.2f", gate)
	case "intake":
		return fmt.Sprintf("%.2f", intake)
	case "end_to_end":
		return fmt.Sprintf("%.3f", endToEnd)
	}
	return ""
}

// shares says how CPU is spread over the processes.
func shares(cpu map[string]float64) string {
	var out []string
	for _, name := range []string{"platform", "database", "bank", "load"} {
		if v, ok := cpu[name]; ok {
			out = append(out, fmt.Sprintf("%s %.0f", name, v))
		}
	}
	return strings.Join(out, ", ")
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}

// grouped is a whole number with commas.
func grouped(v float64) string {
	text := strconv.FormatInt(int64(v+0.5), 10)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
