package dashboard

import (
	"net/http"
	"strconv"

	"flashpay/internal/report"
	"flashpay/internal/staff"
)

// scheduleRoutes are the schedules by which reports are made, of which everybody has their own.
var scheduleRoutes = []route{
	{pattern: "GET /reports/schedules", right: staff.ManageReports, serve: serveSchedules},
	{pattern: "POST /reports/schedules", right: staff.ManageReports, serve: serveBeginSchedule, again: serveScheduleAgain},
	{pattern: "GET /reports/schedules/new", right: staff.ManageReports, serve: serveScheduleForm},
	{pattern: "POST /reports/schedules/end/{id}", right: staff.ManageReports, serve: serveEndSchedule},
}

const (
	maxSchedules    = 50   // that one user has at a time
	shownSchedules  = 1000 // with those that have ended, which are forgotten after four days
	maxScheduleName = 60   // characters
)

// scheduleRow is a schedule in the list.
type scheduleRow struct {
	*report.ScheduleInfo
	When string // it makes reports, in words
}

// Goes tells whether it makes reports.
func (r *scheduleRow) Goes() bool { return !r.State.Ended() }

func serveSchedules(d *Dashboard, v *visit) error {
	found, err := d.Reports.Schedules(v.ctx(), v.user.ID, shownSchedules)
	if err != nil {
		return err
	}
	rows := make([]scheduleRow, 0, len(found))
	for _, s := range found {
		rows = append(rows, scheduleRow{s, v.turns(&s.Schedule)})
	}
	if v.wantsFile() {
		return v.schedulesFile(rows).send(v)
	}
	return v.render("report_schedules", Page{Title: v.t("report.title"), Data: rows, Wide: true, Files: true})
}

// turns says when a schedule makes reports.
func (v *visit) turns(s *report.Schedule) string {
	on, hour := max(s.On, 1), hourText(s.Hour)
	day := strconv.Itoa(on)
	if s.Every == report.Week {
		day = v.t("report.weekday." + day)
	}
	return v.t("report.turns."+string(s.Every), "day", day, "hour", hour, "zone", s.Order.Request.Zone)
}

func hourText(hour int) string {
	if hour < 10 {
		return "0" + strconv.Itoa(hour) + ":00"
	}
	return strconv.Itoa(hour) + ":00"
}

// scheduleForm is what the form of a schedule offers: the form of a report, and its turns.
type scheduleForm struct {
	*reportForm
	Every, Hours, Weekdays []option
}

func serveScheduleForm(_ *Dashboard, v *visit) error {
	if v.wantsFile() {
		return v.sendOf(v.formLists())
	}
	f, err := v.newReportForm()
	if err != nil {
		return err
	}
	f.Values.Set("every", string(report.Day))
	f.Values.Set("hour", "6")
	return v.showScheduleForm(http.StatusOK, f)
}

func (v *visit) showScheduleForm(status int, f *Form) error {
	offered, err := v.reportForm(f, "/reports/schedules/new")
	if err != nil {
		return err
	}
	form := &scheduleForm{reportForm: offered}
	for _, every := range []report.Every{report.Day, report.Week, report.Month} {
		form.Every = append(form.Every, option{Value: string(every), Label: v.t("report.every." + string(every))})
	}
	for hour := range 24 {
		form.Hours = append(form.Hours, option{Value: strconv.Itoa(hour), Label: hourText(hour)})
	}
	for day := 1; day <= 7; day++ {
		text := strconv.Itoa(day)
		form.Weekdays = append(form.Weekdays, option{Value: text, Label: v.t("report.weekday." + text)})
	}
	return v.renderStatus(status, "report_schedule_new", Page{Title: v.t("report.schedule_new"), Form: f, Data: form})
}

// serveScheduleAgain shows the form with what was entered.
func serveScheduleAgain(_ *Dashboard, v *visit) error {
	f, err := v.form()
	if err != nil {
		return err
	}
	return v.showScheduleForm(http.StatusOK, f)
}

// serveBeginSchedule begins a schedule.
func serveBeginSchedule(d *Dashboard, v *visit) error {
	f, err := v.form()
	if err != nil {
		return err
	}
	f.Values.Del("from") // a schedule's reports are of its periods
	f.Values.Del("to")
	q, s := v.readRequest(f), v.readTurns(f)
	if f.OK() {
		s.Order = v.order(q, f.Get("mail") != "")
		if err := s.Check(); err != nil {
			f.Fault("", v.t("report.fault.schedule"))
		} else if err := v.countSchedules(f); err != nil {
			return err
		}
	}
	if !f.OK() {
		return v.showScheduleForm(http.StatusUnprocessableEntity, f)
	}
	if _, err := d.Reports.AddSchedule(v.ctx(), f.IdempotencyKey, s); err != nil {
		return err
	}
	return v.redirect("/reports/schedules", "report.schedule_begun")
}

// readTurns reads of which periods reports are made, and when. Of the days of the week and of the month the one counts that
// the period has.
func (v *visit) readTurns(f *Form) (s report.Schedule) {
	wrong := func(field string) { f.Fault(field, v.t("report.fault.unknown", "value", f.Get(field))) }
	s.Every, s.Name = report.Every(f.Get("every")), f.Get("name")
	field, most := "", 0
	switch s.Every {
	case report.Day:
	case report.Week:
		field, most = "weekday", 7
	case report.Month:
		field, most = "monthday", 31
	default:
		wrong("every")
	}
	var err error
	if s.Hour, err = strconv.Atoi(f.Get("hour")); err != nil || s.Hour < 0 || s.Hour > 23 {
		wrong("hour")
	}
	if f.Get(field) != "" {
		if s.On, err = strconv.Atoi(f.Get(field)); err != nil || s.On < 1 || s.On > most {
			wrong(field)
		}
	}
	if len([]rune(s.Name)) > maxScheduleName {
		f.Fault("name", v.t("report.fault.name", "most", maxScheduleName))
	}
	return s
}

// countSchedules refuses one more than anybody looks after.
func (v *visit) countSchedules(f *Form) error {
	found, err := v.d.Reports.Schedules(v.ctx(), v.user.ID, shownSchedules)
	going := 0
	for _, s := range found {
		if !s.State.Ended() {
			going++
		}
	}
	if going >= maxSchedules {
		f.Fault("", v.t("report.fault.schedules", "most", maxSchedules))
	}
	return err
}

// serveEndSchedule ends a schedule of one's own.
func serveEndSchedule(d *Dashboard, v *visit) error {
	id, err := v.number("id")
	if err != nil {
		return err
	}
	if err := d.Reports.CancelSchedule(v.ctx(), v.user.ID, id, v.actor()); err != nil {
		return err
	}
	return v.redirect("/reports/schedules", "report.schedule_ended")
}
