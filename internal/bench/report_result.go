package bench

import (
	"fmt"
	"io"
)

// ReportResult is what was measured of a report of operations. Figures are medians of the rounds, ratios medians of the rounds' ratios.
type ReportResult struct {
	Rows int64 `json:"rows"`

	ReportSeconds    float64 `json:"report_s"` // writing it into a file
	ReportCPUSeconds float64 `json:"report_cpu_s"`
	ClientSeconds    float64 `json:"client_s,omitempty"` // the engine's own client, which writes the same columns; absent: it is not installed
	ClientCPUSeconds float64 `json:"client_cpu_s,omitempty"`
	Speed            float64 `json:"speed,omitempty"` // of the client's
	FirstByte        float64 `json:"first_byte_ms"`   // the slowest of the rounds

	ServedSeconds float64 `json:"served_s"`          // from the request until a server has it ready
	Idle          int64   `json:"idle_memory"`       // of that server before
	AboveIdle     int64   `json:"memory_above_idle"` // bytes that it had more at most, while it made the report and nothing else

	Pace          float64 `json:"paced_per_s"` // Gate's, for the latencies
	GateP99       float64 `json:"gate_p99_ms"`
	GateP99Beside float64 `json:"gate_p99_beside_ms"`
	P99Ratio      float64 `json:"p99_ratio"`

	report, client     []spent
	first, quiet, busy []float64
}

func (m *ReportResult) finish() {
	took := func(s spent) float64 { return s.took.Seconds() }
	cpu := func(s spent) float64 { return s.cpu.Seconds() }
	m.ReportSeconds, m.ReportCPUSeconds = median(valuesOf(m.report, took)), median(valuesOf(m.report, cpu))
	for _, first := range m.first {
		m.FirstByte = max(m.FirstByte, first)
	}
	if len(m.client) > 0 {
		m.ClientSeconds, m.ClientCPUSeconds = median(valuesOf(m.client, took)), median(valuesOf(m.client, cpu))
		m.Speed = median(ratios(valuesOf(m.client, took), valuesOf(m.report, took)))
	}
	m.GateP99, m.GateP99Beside, m.P99Ratio = median(m.quiet), median(m.busy), median(ratios(m.busy, m.quiet))
}

func (m *ReportResult) print(w io.Writer, r *Result) error {
	fmt.Fprintf(w, "%s, a report of %s operations, %d connections, %d processors%s\n\n", r.Engine, grouped(float64(m.Rows)), r.Concurrency, r.Processors, r.sync())
	fmt.Fprintf(w, "report         %.1f s, %.1f s of CPU; first byte after %.1f ms at most\n", m.ReportSeconds, m.ReportCPUSeconds, m.FirstByte)
	if m.Speed > 0 {
		fmt.Fprintf(w, "its client     %.1f s, %.1f s of CPU: the report has %.2f of its speed\n", m.ClientSeconds, m.ClientCPUSeconds, m.Speed)
	}
	fmt.Fprintf(w, "by a server    %.1f s; %d MB of memory above %d MB\n", m.ServedSeconds, m.AboveIdle>>20, m.Idle>>20)
	_, err := fmt.Fprintf(w, "Gate's p99     %.1f ms at %s/s, %.1f ms beside a report: %.2f times as long\n", m.GateP99, grouped(m.Pace), m.GateP99Beside, m.P99Ratio)
	return err
}
