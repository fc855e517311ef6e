package dashboard

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"flashpay/internal/record"
	"flashpay/internal/report"
	"flashpay/internal/staff"
	"flashpay/internal/store"
)

const (
	exportRows = 1000             // read at a time: memory stays the same however many there are
	exportTime = 30 * time.Second // within which the browser must take them
)

// exportColumns are the columns of the CSV. Their names are the same in all languages, and stand in the form for programs.
var exportColumns = []string{
	"project_id", "payment_id", "type", "status", "amount", "currency", "method", "created_at", "updated_at", "code", "message", "customer_id",
	"account_number", "operation_id", "provider_payment_id", "interface_type", "description",
}

// serveExport streams what the filter chooses as CSV, newest first. Where it cannot go on, the connection breaks: a file
// that is cut off must not look whole.
func serveExport(d *Dashboard, v *visit) error {
	l, err := readListing(v)
	if err != nil {
		return err
	}
	if !l.Form.OK() {
		return v.redirect(l.address(nil), "")
	}
	form, err := v.csvForm()
	if err != nil {
		return err
	}
	err = d.people.LogDownload(v.ctx(), v.actor(), "csv", v.user.Object(), store.Detail{}.Text("filter", strings.Join(l.described(), " ")))
	if err != nil {
		return err
	}
	v.w.Header().Set("Content-Type", "text/csv; charset=utf-8; header=present")
	v.w.Header().Set("Content-Disposition", `attachment; filename="`+l.fileName(d.Store.Now(), v.zone)+`"`)
	if err := v.export(l, form); err != nil {
		if v.ctx().Err() == nil {
			d.Logger.Error("dashboard: a CSV was cut off", "err", err)
		}
		panic(http.ErrAbortHandler)
	}
	return nil
}

func (v *visit) export(l *listing, form report.Format) error {
	columns, err := record.Payments.Choose(exportColumns)
	if err != nil {
		return err
	}
	zone := time.UTC
	if form.LocalTimes {
		zone = v.zone
	}
	out, err := report.NewRows(v.w, columns, form, zone)
	if err != nil {
		return err
	}
	answer := http.NewResponseController(v.w)
	page := store.RegisterPage{Limit: exportRows}
	for {
		_ = answer.SetWriteDeadline(time.Now().Add(exportTime)) // where the connection has none, it needs none
		found, err := v.d.Store.Register(v.ctx(), l.filter, page)
		if err != nil {
			return err
		}
		for i := range found.Rows {
			if err := out.Write(recordOf(&found.Rows[i])); err != nil {
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

// recordOf is a row of the register as a record.
func recordOf(r *store.RegisterRow) *record.Operation {
	return &record.Operation{
		Project: &record.Project{ID: r.ProjectID}, PaymentID: r.PaymentID, PaymentStatus: r.Status, Amount: r.Amount, Currency: r.Currency, Method: r.Method,
		PaymentCreatedAt: r.CreatedAt, PaymentUpdatedAt: r.UpdatedAt, Code: r.Code, CustomerID: r.CustomerID, AccountMask: r.AccountMask, ID: r.Operation,
		ProviderPaymentID: r.ProviderPaymentID, Interface: r.Interface, Description: r.Description,
	}
}

// fileName says of which days the file is, in the zone in which they were asked for.
func (l *listing) fileName(now time.Time, zone *time.Location) string {
	from, to := "all", now
	if !l.filter.From.IsZero() {
		from = l.filter.From.In(zone).Format(time.DateOnly)
	}
	if !l.filter.To.IsZero() {
		to = l.filter.To.Add(-time.Second)
	}
	return fmt.Sprintf("payments_%s_%s.csv", from, to.In(zone).Format(time.DateOnly))
}

// reportAddress is the form of a report of what the filter chooses: a large list is made in the background. Empty where reports cannot
// choose so, or the visitor has none.
func (l *listing) reportAddress(v *visit) string {
	if !l.Form.OK() || !v.user.Can(staff.ManageReports) {
		return ""
	}
	q := url.Values{"kind": {"payments"}, "zone": {v.zone.String()}}
	maps.Copy(q, l.shown) // the days as the filter shows them
	for name, values := range l.Form.Values {
		switch {
		case strings.HasPrefix(name, "from"), strings.HasPrefix(name, "to"):
		case slices.Contains(rowFields, name):
			q[name] = values
		case slices.Contains(filterNames, name) && l.Form.Get(name) != "":
			return ""
		}
	}
	return "/reports/new?" + q.Encode()
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
