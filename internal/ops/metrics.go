// Package ops is what those who run the platform look at: metrics for Prometheus, health, readiness, profiles and the
// build, on a listener of its own. Nothing here shows account numbers, names or secrets.
package ops

import (
	"context"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"flashpay/internal/provider"
)

// Metrics counts what the stations report. It is safe for use by many goroutines; a report costs well under a microsecond.
type Metrics struct {
	registry *prometheus.Registry

	dataAPI   *prometheus.CounterVec   // endpoint, status
	requests  *prometheus.CounterVec   // endpoint, status
	seconds   *prometheus.HistogramVec // endpoint
	accepted  *prometheus.CounterVec   // repeat
	refused   *prometheus.CounterVec   // code
	outcomes  *prometheus.CounterVec   // provider, call, outcome
	calls     *prometheus.HistogramVec // provider, call
	declined  *prometheus.CounterVec   // provider, code
	callbacks *prometheus.CounterVec   // result
	delivery  prometheus.Histogram

	notifications     *prometheus.CounterVec // provider, result
	notificationBytes *prometheus.CounterVec // provider, result
}

// NewMetrics makes a registry of its own, with the runtime's, the process's and the build's metrics in it.
func NewMetrics() *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		dataAPI:  counters("data_api_requests_total", "Requests that the Data API answered, by endpoint and HTTP status.", "endpoint", "status"),
		requests: counters("gate_requests_total", "Requests that Gate answered, by endpoint and HTTP status.", "endpoint", "status"),
		seconds:  timings("gate_request_seconds", "Time from a request's arrival at Gate to its answer.", "endpoint"),
		accepted: counters("gate_payouts_accepted_total", "Payout requests answered with success; repeat tells those that had been accepted before.", "repeat"),
		refused:  counters("gate_refused_total", "Requests that Gate refused, by the code of the answer.", "code"),
		outcomes: counters("provider_outcomes_total", "Calls to providers by their outcome.", "provider", "call", "outcome"),
		calls:    timings("provider_call_seconds", "Time that calls to providers take.", "provider", "call"),
		declined: counters("provider_declined_total", "Transfers that providers declined, by code.", "provider", "code"),
		callbacks: counters("callback_attempts_total",
			"Attempts to deliver a callback by their result.", "result"),
		delivery: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: "flashpay", Name: "callback_attempt_seconds", Help: "Time that attempts to deliver a callback take.",
			Buckets: secondBuckets,
		}),
		notifications:     counters("notifications_total", "Messages at providers' doors by what became of them: only those that are stored go on.", "provider", "result"),
		notificationBytes: counters("notification_bytes_total", "Bytes of their bodies, as far as they were read.", "provider", "result"),
	}
	build := ReadBuild()
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Namespace: "flashpay", Name: "build_info", Help: "Always 1; the labels tell the build.",
		ConstLabels: prometheus.Labels{"version": build.Version, "revision": build.Revision, "go": build.Go},
	})
	info.Set(1)
	m.registry.MustRegister(
		m.requests, m.dataAPI, m.seconds, m.accepted, m.refused, m.outcomes, m.calls, m.declined, m.callbacks, m.delivery, info, m.notifications, m.notificationBytes,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return m
}

// secondBuckets reach from what a commit takes to the longest attempt of a callback.
var secondBuckets = []float64{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15}

func counters(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "flashpay", Name: name, Help: help}, labels)
}

func timings(name, help string, labels ...string) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: "flashpay", Name: name, Help: help, Buckets: secondBuckets}, labels)
}

// Answered counts an answer of Gate. endpoint is a path pattern; code is the refusal's, 0 where nothing was refused.
func (m *Metrics) Answered(endpoint string, status, code int, took time.Duration) {
	m.requests.WithLabelValues(endpoint, strconv.Itoa(status)).Inc()
	m.seconds.WithLabelValues(endpoint).Observe(took.Seconds())
	if code != 0 {
		m.refused.WithLabelValues(strconv.Itoa(code)).Inc()
	}
}

// Accepted counts a payout request that was answered with success.
func (m *Metrics) Accepted(repeat bool) {
	m.accepted.WithLabelValues(strconv.FormatBool(repeat)).Inc()
}

// Notified counts a message at a provider's door. The results are few and fixed, such as "stored".
func (m *Metrics) Notified(provider, result string, bytes int) {
	m.notifications.WithLabelValues(provider, result).Inc()
	m.notificationBytes.WithLabelValues(provider, result).Add(float64(bytes))
}

// DataAPIAnswered counts an answer of the Data API. The endpoints are few and fixed.
func (m *Metrics) DataAPIAnswered(endpoint string, status int, _ time.Duration) {
	m.dataAPI.WithLabelValues(endpoint, strconv.Itoa(status)).Inc()
}

// CallbackAttempted counts an attempt to deliver a callback. The results are few and fixed, such as "delivered".
func (m *Metrics) CallbackAttempted(result string, took time.Duration) {
	m.callbacks.WithLabelValues(result).Inc()
	m.delivery.Observe(took.Seconds())
}

// Gauge shows a number that goes up and down, such as a queue's length. read is called at each scrape, so it must be
// cheap; it must be safe for concurrent use. name is without the prefix flashpay_; it may be registered once.
func (m *Metrics) Gauge(name, help string, read func() int64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(
		prometheus.GaugeOpts{Namespace: "flashpay", Name: name, Help: help}, func() float64 { return float64(read()) },
	))
}

// Counter shows a number that only rises, under the conditions of Gauge.
func (m *Metrics) Counter(name, help string, read func() int64) {
	m.registry.MustRegister(prometheus.NewCounterFunc(
		prometheus.CounterOpts{Namespace: "flashpay", Name: name, Help: help}, func() float64 { return float64(read()) },
	))
}

// Measure returns p with its calls counted and timed. It changes nothing about them.
func (m *Metrics) Measure(p provider.Provider) provider.Provider {
	return &measured{Provider: p, metrics: m, name: p.Name()}
}

type measured struct {
	provider.Provider
	metrics *Metrics
	name    string
}

// Submit implements provider.Provider.
func (p *measured) Submit(ctx context.Context, t provider.Transfer) provider.Outcome {
	started := time.Now()
	o := p.Provider.Submit(ctx, t)
	p.count("submit", o, time.Since(started))
	return o
}

// SubmitBulk implements provider.BulkSubmitter, for a provider that does.
func (p *measured) SubmitBulk(ctx context.Context, transfers []provider.Transfer, told func(i int, o provider.Outcome)) {
	started := time.Now()
	p.Provider.(provider.BulkSubmitter).SubmitBulk(ctx, transfers, func(i int, o provider.Outcome) {
		p.count("submit", o, time.Since(started))
		told(i, o)
	})
}

// Inquire implements provider.Provider.
func (p *measured) Inquire(ctx context.Context, q provider.Query) provider.Outcome {
	started := time.Now()
	o := p.Provider.Inquire(ctx, q)
	p.count("inquire", o, time.Since(started))
	return o
}

// ReadNotification implements provider.Provider.
func (p *measured) ReadNotification(ctx context.Context, n provider.Notification) ([]provider.Report, error) {
	started := time.Now()
	reports, err := p.Provider.ReadNotification(ctx, n)
	if err != nil {
		p.metrics.outcomes.WithLabelValues(p.name, "notification", "refused").Inc()
		return reports, err
	}
	took := time.Since(started)
	for i := range reports {
		p.count("notification", reports[i].Outcome, took)
	}
	return reports, nil
}

func (p *measured) count(call string, o provider.Outcome, took time.Duration) {
	p.metrics.outcomes.WithLabelValues(p.name, call, o.Kind.String()).Inc()
	p.metrics.calls.WithLabelValues(p.name, call).Observe(took.Seconds())
	if o.Kind == provider.Declined {
		p.metrics.declined.WithLabelValues(p.name, strconv.Itoa(o.Code)).Inc()
	}
}
