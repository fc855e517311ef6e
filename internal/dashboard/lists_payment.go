package dashboard

import (
	"encoding/hex"
	"strconv"
	"time"

	"flashpay/internal/record"
	"flashpay/internal/store"
	"flashpay/internal/tariff"
)

// The lists of a payment's page, of tariffs, of the overview and of totals as files.

// callbackAttempt is an attempt to send a callback; one that was not attempted yet has none.
type callbackAttempt struct {
	*store.PaymentCallback
	Attempt store.Attempt
}

// paymentLists are the lists of a payment's page.
func (v *visit) paymentLists(data *paymentData) map[string]func() (sender, error) {
	name := "payment_" + strconv.FormatInt(data.Payment.ID, 10) + "_"
	return map[string]func() (sender, error){
		"operations": func() (sender, error) { return paymentOperationsFile(name, data.Operations), nil },
		"callbacks":  func() (sender, error) { return attemptsFile(name, data), nil },
		"timeline":   func() (sender, error) { return timelineFile(name, data.Timeline), nil },
	}
}

func paymentOperationsFile(name string, rows []operationView) listFile[operationView] {
	return listFile[operationView]{name + "operations", plain(
		idColumn("operation_id", func(o *operationView) int64 { return o.ID }),
		textColumn("operation_type", func(o *operationView) string { return o.Type() }),
		textColumn("operation_status", func(o *operationView) string { return string(o.Status) }),
		textColumn("stage", func(o *operationView) string { return string(o.Stage) }),
		sumColumn("amount", func(o *operationView) (int64, string) { return o.Amount, o.Currency }),
		textColumn("currency", func(o *operationView) string { return o.Currency }),
		countColumn("code", func(o *operationView) int64 { return int64(o.Code) }),
		textColumn("message", func(o *operationView) string { return o.Message }),
		textColumn("provider", func(o *operationView) string { return o.Provider }),
		textColumn("provider_payment_id", func(o *operationView) string { return o.ProviderPaymentID }),
		textColumn("auth_code", func(o *operationView) string { return o.AuthCode }),
		momentColumn("created_at", func(o *operationView) time.Time { return o.CreatedAt }),
		momentColumn("updated_at", func(o *operationView) time.Time { return o.UpdatedAt }),
		momentColumn("threshold_at", func(o *operationView) time.Time { return o.ThresholdAt }),
	), eachOf(rows)}
}

// attemptsFile is the callbacks of a payment, newest first, each attempt a row.
func attemptsFile(name string, data *paymentData) listFile[callbackAttempt] {
	var rows []callbackAttempt
	for i := range data.Callbacks {
		c := &data.Callbacks[i].PaymentCallback
		for _, a := range c.Attempts {
			rows = append(rows, callbackAttempt{c, a})
		}
		if len(c.Attempts) == 0 {
			rows = append(rows, callbackAttempt{PaymentCallback: c})
		}
	}
	return listFile[callbackAttempt]{name + "callbacks", plain(
		idColumn("number", func(c *callbackAttempt) int64 { return c.Job.Event.Number }),
		momentColumn("event_at", func(c *callbackAttempt) time.Time { return c.Job.Event.At }),
		textColumn("payment_status", func(c *callbackAttempt) string { return string(c.Job.Event.PaymentStatus) }),
		textColumn("url", func(c *callbackAttempt) string { return data.Address(c.Job.URL) }),
		textColumn("delivery", func(c *callbackAttempt) string { return string(c.State) }),
		momentColumn("next_at", func(c *callbackAttempt) time.Time { return c.NextAt }),
		idColumn("attempt", func(c *callbackAttempt) int64 { return int64(c.Attempt.Attempt) }),
		momentColumn("at", func(c *callbackAttempt) time.Time { return c.Attempt.At }),
		countColumn("duration_ms", func(c *callbackAttempt) int64 { return c.Attempt.Duration.Milliseconds() }),
		idColumn("http_status", func(c *callbackAttempt) int64 { return int64(c.Attempt.HTTPStatus) }),
		textColumn("error", func(c *callbackAttempt) string { return c.Attempt.Error }),
		textColumn("answer", func(c *callbackAttempt) string { return data.AnswerText(c.Attempt.Answer) }),
	), eachOf(rows)}
}

func timelineFile(name string, rows []timelineLine) listFile[timelineLine] {
	return listFile[timelineLine]{name + "journal", plain(
		countColumn("number", func(l *timelineLine) int64 { return l.Seq }),
		momentColumn("at", func(l *timelineLine) time.Time { return l.At }),
		textColumn("kind", func(l *timelineLine) string { return l.Kind }),
		idColumn("operation_id", func(l *timelineLine) int64 { return l.Operation }),
		textColumn("detail", func(l *timelineLine) string { return l.Detail }),
		textColumn("hash", func(l *timelineLine) string { return hex.EncodeToString(l.Hash[:]) }),
	), eachOf(rows)}
}

// tariffLists are what holds of each project, and of one project all versions.
func (v *visit) tariffLists(page *tariffsPage) map[string]func() (sender, error) {
	return map[string]func() (sender, error){
		"now": func() (sender, error) {
			return listFile[tariffRow]{"tariffs", plain(
				idColumn("project_id", func(r *tariffRow) int64 { return r.Project.ID }),
				textColumn("project_name", func(r *tariffRow) string { return r.Project.Name }),
				textColumn("method", func(r *tariffRow) string { return r.Method }),
				textColumn("currency", func(r *tariffRow) string { return r.Currency }),
				textColumn("tariff", func(r *tariffRow) string { return r.Terms }),
				momentColumn("valid_from", func(r *tariffRow) time.Time { return r.Since }),
				textColumn("next_tariff", func(r *tariffRow) string { return r.Next }),
				momentColumn("next_from", func(r *tariffRow) time.Time { return r.From }),
			), eachOf(page.Rows)}, nil
		},
		"versions": func() (sender, error) {
			columns := []record.Column[tariffLine]{
				momentColumn("valid_from", func(l *tariffLine) time.Time { return l.From }),
				textColumn("method", func(l *tariffLine) string { return l.Method }),
				textColumn("currency", func(l *tariffLine) string { return l.Currency }),
				idColumn("version", func(l *tariffLine) int64 { return l.Version }),
				tariffColumn("fixed", func(t *tariff.Tariff) int64 { return t.Fixed }),
				textColumn("percent", func(l *tariffLine) string { return v.inFile(l.Percent.String()) }),
				tariffColumn("least", func(t *tariff.Tariff) int64 { return t.Min }),
				tariffColumn("most", func(t *tariff.Tariff) int64 { return t.Max }),
				textColumn("state", func(l *tariffLine) string { return l.State }),
			}
			if v.user.Operator() {
				columns = append(columns, textColumn("actor", func(l *tariffLine) string { return l.Actor }),
					momentColumn("at", func(l *tariffLine) time.Time { return l.RecordedAt }))
			}
			return listFile[tariffLine]{"tariff_versions", plain(columns...), eachOf(page.Versions)}, nil
		},
	}
}

func tariffColumn(name string, of func(*tariff.Tariff) int64) record.Column[tariffLine] {
	return sumColumn(name, func(l *tariffLine) (int64, string) { return of(&l.Tariff), l.Currency })
}

// lastingFile is the balances of the overview, with how long they last.
func lastingFile(rows []lastingBalance) listFile[lastingBalance] {
	return listFile[lastingBalance]{"overview", plain(
		idColumn("project_id", func(b *lastingBalance) int64 { return b.Project.ID }),
		textColumn("project_name", func(b *lastingBalance) string { return b.Project.Name }),
		textColumn("currency", func(b *lastingBalance) string { return b.Currency }),
		sumColumn("available", func(b *lastingBalance) (int64, string) { return b.Available, b.Currency }),
		sumColumn("pace", func(b *lastingBalance) (int64, string) { return b.Pace, b.Currency }),
		textColumn("days_left", func(b *lastingBalance) string {
			if b.Days < 0 {
				return ""
			}
			return strconv.FormatInt(b.Days, 10)
		}),
	), eachOf(rows)}
}

// totalsFile is how many payments the register's filter chooses, and their sums.
func totalsFile(lines []store.Total) listFile[store.Total] {
	return listFile[store.Total]{"totals", plain(
		textColumn("currency", func(t *store.Total) string { return t.Currency }),
		textColumn("status", func(t *store.Total) string { return string(t.Status) }),
		countColumn("payments", func(t *store.Total) int64 { return t.Payments }),
		sumColumn("amount", func(t *store.Total) (int64, string) { return t.Amount, t.Currency }),
	), eachOf(lines)}
}
