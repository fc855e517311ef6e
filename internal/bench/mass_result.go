package bench

import (
	"fmt"
	"io"
)

// MassResult is what was measured of a file of payouts. Figures are medians of the rounds, ratios medians of the rounds' ratios.
type MassResult struct {
	Rows int64 `json:"rows"`

	CSVSeconds    float64 `json:"csv_s"` // encoding/csv alone, which reads the same file
	CheckSeconds  float64 `json:"check_s"`
	CheckRatio    float64 `json:"check_ratio"`     // how much longer the check takes
	CheckCPURatio float64 `json:"check_cpu_ratio"` // of CPU time
	CheckPeak     int64   `json:"check_peak_memory"`

	TakeSeconds float64 `json:"take_s"` // checking the file, and keeping it with its rows
	TakePeak    int64   `json:"take_peak_memory"`

	GatePerSecond float64 `json:"gate_per_s"` // payouts that Gate takes, alone
	FilePerSecond float64 `json:"file_per_s"` // rows that are accepted, alone
	AcceptRatio   float64 `json:"accept_ratio"`

	GateMicroseconds float64 `json:"gate_cpu_us"` // of CPU for a payout that Gate takes: platform and database
	FileMicroseconds float64 `json:"file_cpu_us"` // for a row
	AcceptCPURatio   float64 `json:"accept_cpu_ratio"`

	Pace                float64 `json:"paced_per_s"` // Gate's, for the latencies
	GateP99             float64 `json:"gate_p99_ms"`
	GateP99Beside       float64 `json:"gate_p99_beside_ms"`
	P99Ratio            float64 `json:"p99_ratio"`
	FilePerSecondBeside float64 `json:"file_beside_per_s"`

	PaidPerSecond float64 `json:"paid_per_s"` // end to end, to the callback
	ResultSeconds float64 `json:"result_s"`
	ResultPeak    int64   `json:"result_peak_memory"`
	Peak          int64   `json:"peak_memory"` // of the servers that sent the file

	csv, check                       []spent
	take, outcome                    spent
	gate, file, gateCost, fileCost   []float64
	fileBeside, alone, beside, paces []float64
}

func (m *MassResult) finish() {
	took := func(s spent) float64 { return s.took.Seconds() }
	cpu := func(s spent) float64 { return s.cpu.Seconds() }
	m.CSVSeconds, m.CheckSeconds = median(valuesOf(m.csv, took)), median(valuesOf(m.check, took))
	m.CheckRatio = median(ratios(valuesOf(m.check, took), valuesOf(m.csv, took)))
	m.CheckCPURatio = median(ratios(valuesOf(m.check, cpu), valuesOf(m.csv, cpu)))
	for _, s := range m.check {
		m.CheckPeak = max(m.CheckPeak, s.peak)
	}
	m.TakeSeconds, m.TakePeak = took(m.take), m.take.peak
	m.GatePerSecond, m.FilePerSecond, m.FilePerSecondBeside = median(m.gate), median(m.file), median(m.fileBeside)
	m.AcceptRatio = median(ratios(m.file, m.gate))
	m.GateMicroseconds, m.FileMicroseconds = median(m.gateCost), median(m.fileCost)
	m.AcceptCPURatio = median(ratios(m.gateCost, m.fileCost))
	m.Pace, m.GateP99, m.GateP99Beside = median(m.paces), median(m.alone), median(m.beside)
	m.P99Ratio = median(ratios(m.beside, m.alone))
	m.ResultSeconds, m.ResultPeak = took(m.outcome), m.outcome.peak
}

func valuesOf(all []spent, of func(spent) float64) (values []float64) {
	for _, s := range all {
		values = append(values, of(s))
	}
	return values
}

// ratios are those of each round.
func ratios(these, those []float64) (all []float64) {
	for i := range min(len(these), len(those)) {
		all = append(all, ratio(these[i], those[i]))
	}
	return all
}

func (m *MassResult) print(w io.Writer, r *Result) error {
	mb := func(bytes int64) string { return fmt.Sprintf("%d MB", bytes>>20) }
	fmt.Fprintf(w, "%s, a file of %s rows, %d connections, %d processors%s\n\n", r.Engine, grouped(float64(m.Rows)), r.Concurrency, r.Processors, r.sync())
	fmt.Fprintf(w, "check          %.2f s, encoding/csv alone %.2f s: %.1f times as long, %.1f of CPU time; %s of memory at most\n",
		m.CheckSeconds, m.CSVSeconds, m.CheckRatio, m.CheckCPURatio, mb(m.CheckPeak))
	fmt.Fprintf(w, "taking it in   %.1f s; %s\n", m.TakeSeconds, mb(m.TakePeak))
	if len(m.file) > 0 {
		fmt.Fprintf(w, "accepting      %s rows/s, Gate alone %s/s: %.2f times as fast; %.0f µs of CPU to %.0f: %.2f\n",
			grouped(m.FilePerSecond), grouped(m.GatePerSecond), m.AcceptRatio, m.FileMicroseconds, m.GateMicroseconds, m.AcceptCPURatio)
	}
	if len(m.beside) > 0 {
		fmt.Fprintf(w, "Gate's p99     %.1f ms at %s/s, %.1f ms beside the file, which goes on at %s rows/s: %.2f times as long\n",
			m.GateP99, grouped(m.Pace), m.GateP99Beside, grouped(m.FilePerSecondBeside), m.P99Ratio)
	} else {
		fmt.Fprintln(w, "Gate's p99     not measured: the file was sent too soon")
	}
	_, err := fmt.Fprintf(w, "end to end     %s payouts/s to the callback; servers had %s of memory at most\nresult         %.1f s; %s\n",
		grouped(m.PaidPerSecond), mb(m.Peak), m.ResultSeconds, mb(m.ResultPeak))
	return err
}
