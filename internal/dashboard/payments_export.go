package dashboard

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"flashpay/internal/csvfile"
	"flashpay/internal/money"
	"flashpay/internal/payout"
	"flashpay/internal/store"
)

const (
	exportRows = 1000             // read at a time: memory stays the same however many there are
	exportTime = 30 * time.Second // within which the browser must take them
)

// exportHead names the columns of the CSV, which programs read: they are the same in all languages.
var exportHead = []string{
	"project_id", "payment_id", "type", "status", "amount", "currency", "method", "created_at", "updated_at", "code", "message", "customer_id",
	"account_number", "operation_id", "provider_payment_id", "interface_type", "description",
}

// serveExport streams what the filter chooses as CSV, newest first. Where it cannot go on, the connection breaks: a file
// that is cut off must not look whole.
func serveExport(d *Dashboard, v *visit) error {
	l := readListing(v)
	if !l.Form.OK() {
		return v.redirect(l.address(nil), "")
	}
	err := d.people.LogDownload(v.ctx(), v.actor(), "csv", v.user.Object(), store.Detail{}.Text("filter", strings.Join(l.described(), " ")))
	if err != nil {
		return err
	}
	v.w.Header().Set("Content-Type", "text/csv; charset=utf-8; header=present")
	v.w.Header().Set("Content-Disposition", `attachment; filename="`+l.fileName(d.Store.Now())+`"`)
	if err := v.export(l); err != nil {
		if v.ctx().Err() == nil {
			d.Logger.Error("dashboard: a CSV was cut off", "err", err)
		}
		panic(http.ErrAbortHandler)
	}
	return nil
}

func (v *visit) export(l *listing) error {
	out, err := csvfile.NewWriter(v.w, ',')
	if err != nil {
		return err
	}
	answer := http.NewResponseController(v.w)
	if err := out.Write(exportHead...); err != nil {
		return err
	}
	page := store.RegisterPage{Limit: exportRows}
	for {
		_ = answer.SetWriteDeadline(time.Now().Add(exportTime)) // where the connection has none, it needs none
		found, err := v.d.Store.Register(v.ctx(), l.filter, page)
		if err != nil {
			return err
		}
		for i := range found.Rows {
			if err := out.Write(exportRow(&found.Rows[i])...); err != nil {
				return err
			}
		}
		if err := out.Flush(); err != nil {
			return err
		}
		switch n := len(found.Rows); {
		case found.Until != nil:
			page.Place = found.Until
		case !found.More:
			return nil
		default:
			last := found.Rows[n-1].Place()
			page.Place = &last
		}
	}
}

func exportRow(r *store.RegisterRow) []string {
	amount, err := money.Major(r.Amount, r.Currency)
	if err != nil { // a currency that this version does not know: minor units say that they are
		amount = strconv.FormatInt(r.Amount, 10) + " minor units"
	}
	return []string{
		strconv.FormatInt(r.ProjectID, 10), r.PaymentID, payout.Type, string(r.Status), amount, r.Currency, r.Method,
		r.CreatedAt.UTC().Format(time.RFC3339), r.UpdatedAt.UTC().Format(time.RFC3339), strconv.Itoa(r.Code), payout.Message(r.Code), r.CustomerID,
		r.AccountMask, strconv.FormatInt(r.Operation, 10), r.ProviderPaymentID, strconv.Itoa(r.Interface), r.Description,
	}
}

// fileName says of which period the file is.
func (l *listing) fileName(now time.Time) string {
	from, to := "all", now.UTC()
	if !l.filter.From.IsZero() {
		from = l.filter.From.Format("2006-01-02")
	}
	if !l.filter.To.IsZero() {
		to = l.filter.To.Add(-time.Second)
	}
	return fmt.Sprintf("payments_%s_%s.csv", from, to.Format("2006-01-02"))
}

// described is the filter for the audit log, without what is searched for: it can be an account number.
func (l *listing) described() (out []string) {
	for _, name := range filterNames {
		switch values := l.Form.Values[name]; {
		case len(values) == 0:
		case name == "q":
			out = append(out, "search")
		default:
			out = append(out, name+"="+strings.Join(values, ","))
		}
	}
	return out
}
