package dashboard

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"flashpay/internal/report"
	"flashpay/internal/staff"
	"flashpay/internal/store"
	"flashpay/internal/store/jobs"
)

// reportRoutes are reports, of which everybody has their own, and the links of e-mails: who has one needs no sign-in.
var reportRoutes = []route{
	{pattern: "GET /reports", right: staff.ManageReports, serve: serveReports},
	{pattern: "POST /reports", right: staff.ManageReports, serve: serveMakeReport, again: serveReportAgain},
	{pattern: "GET /reports/new", right: staff.ManageReports, serve: serveReportForm},
	{pattern: "POST /reports/templates", right: staff.ManageReports, serve: serveSaveTemplate, again: serveReportAgain},
	{pattern: "POST /reports/templates/delete", right: staff.ManageReports, serve: serveDropTemplate},
	{pattern: "GET /reports/file/{id}", right: staff.ManageReports, serve: serveReportFile},
	{pattern: "POST /reports/cancel/{id}", right: staff.ManageReports, serve: serveCancelReport},
	{pattern: "GET /reports/link/{link}", right: anyone, serve: serveReportLink},
	{pattern: "POST /reports/link/{link}", right: anyone, serve: serveReportByLink},
}

// reportList is the page of one's reports.
type reportList struct {
	Rows  []reportRow
	Links pageLinks
	Live  bool // one of them changes by itself
}

// reportRow is a report in the list.
type reportRow struct {
	*report.Report
	Period string // of which it is, in words
}

// Percent is how much of a report is made; 0: not known.
func (r *reportRow) Percent() int64 {
	if r.Expected == 0 {
		return 0
	}
	return min(99, r.Rows*100/r.Expected)
}

// Ready tells whether there is a file to download.
func (r *reportRow) Ready() bool { return r.State == jobs.Done }

// serveReports shows one's reports. While one of them is being made the page asks for the list again by itself.
func serveReports(d *Dashboard, v *visit) error {
	if v.wantsFile() {
		return v.reportsFile().send(v)
	}
	var behind *report.Report
	if place := v.listPlace(); place != nil {
		behind = &report.Report{ID: place.ID, CreatedAt: time.UnixMicro(place.At)}
	}
	found, err := d.Reports.List(v.ctx(), v.user.ID, behind, listLength+1)
	if err != nil {
		return err
	}
	list, next := reportList{}, ""
	if len(found) > listLength {
		found = found[:listLength]
		last := found[listLength-1]
		next = store.Cursor{At: last.CreatedAt.UnixMicro(), ID: last.ID}.String()
	}
	for _, r := range found {
		list.Rows = append(list.Rows, reportRow{r, v.period(&r.Order.Request)})
		list.Live = list.Live || !r.State.Ended()
	}
	list.Links = v.pageLinks(next)
	p := Page{Title: v.t("report.title"), Data: list, Wide: true, Files: true}
	if v.asksFor("live") {
		return v.fragment("report_list", "live", p)
	}
	return v.render("report_list", p)
}

// period says of which time a report is, in its own zone, which is named where it is not the visitor's.
func (v *visit) period(q *report.Request) string {
	zone, err := time.LoadLocation(q.Zone)
	if err != nil {
		zone = time.UTC
	}
	day, moment := v.d.pages[v.lang].words.layouts()
	midnight := func(at time.Time) bool { return at.IsZero() || at.In(zone).Format(time.TimeOnly) == "00:00:00" }
	layout := moment
	if midnight(q.From) && midnight(q.To) {
		layout = day
	}
	from, to := q.From.In(zone).Format(layout), q.To.Add(-time.Second).In(zone).Format(layout)
	text := from + " – " + to
	switch {
	case q.From.IsZero() && q.To.IsZero():
		return v.t("report.period_all")
	case q.From.IsZero():
		text = v.t("report.period_to", "to", to)
	case q.To.IsZero():
		text = v.t("report.period_from", "from", from)
	case from == to:
		text = from
	}
	if q.Zone != v.zone.String() {
		text += " · " + q.Zone
	}
	return text
}

// number is the number that a path names.
func (v *visit) number(name string) (int64, error) {
	id, err := strconv.ParseInt(v.r.PathValue(name), 10, 64)
	if err != nil {
		return 0, errNotFound
	}
	return id, nil
}

// serveReportFile downloads a report of one's own.
func serveReportFile(d *Dashboard, v *visit) error {
	id, err := v.number("id")
	if err != nil {
		return err
	}
	r, file, err := d.Reports.Open(v.ctx(), v.user.ID, id, v.actor())
	switch {
	case errors.Is(err, report.ErrNotReady):
		return &userError{ID: "report.not_ready", Status: http.StatusConflict}
	case errors.Is(err, report.ErrGone):
		return &userError{ID: "report.gone", Status: http.StatusGone}
	case errors.Is(err, report.ErrNoRight):
		return &userError{ID: "report.no_right", Status: http.StatusForbidden}
	case err != nil:
		return err
	}
	return v.sendReport(r, file)
}

// serveCancelReport ends a report of one's own that is not ready.
func serveCancelReport(d *Dashboard, v *visit) error {
	id, err := v.number("id")
	if err != nil {
		return err
	}
	err = d.Reports.Cancel(v.ctx(), v.user.ID, id, v.actor())
	if errors.Is(err, jobs.ErrEnded) {
		return v.redirect("/reports", "report.ended_before")
	}
	if err != nil {
		return err
	}
	return v.redirect("/reports", "report.cancelled")
}
