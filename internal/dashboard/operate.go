package dashboard

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"flashpay/internal/merchant"
	"flashpay/internal/staff"
	"flashpay/internal/store"
)

// operateRoutes are the operators' desk.
var operateRoutes = []route{
	{pattern: "GET /operate", right: staff.OperateWork, serve: serveWork},
	{pattern: "GET /operate/work/{project}", right: staff.OperateWork, serve: serveProjectWork},
	{pattern: "GET /operate/merchants", right: staff.OperateMerchants, serve: serveMerchants},
	{pattern: "POST /operate/merchants", right: staff.OperateMerchants, fresh: true, serve: serveMerchantCreate},
	{pattern: "GET /operate/merchants/{merchant}", right: staff.OperateMerchants, serve: serveMerchant},
	{pattern: "POST /operate/merchants/{merchant}", right: staff.OperateMerchants, fresh: true, serve: serveMerchantRename},
	{pattern: "POST /operate/merchants/{merchant}/stop", right: staff.OperateMerchants, fresh: true, serve: serveMerchantStop},
	{pattern: "GET /operate/merchants/{merchant}/project", right: staff.OperateMerchants, serve: serveProjectForm},
	{pattern: "POST /operate/merchants/{merchant}/project", right: staff.OperateMerchants, fresh: true, serve: serveProjectCreate},
	{pattern: "POST /operate/projects/{project}/stop", right: staff.OperateMerchants, fresh: true, serve: serveProjectStop},
	{pattern: "GET /operate/funds", right: staff.OperateFunds, serve: serveFundsList},
	{pattern: "GET /operate/funds/{project}", right: staff.OperateFunds, serve: serveFundsForm},
	{pattern: "POST /operate/funds/{project}", right: staff.OperateFunds, fresh: true, serve: serveFundsAsk, again: serveFundsAgain},
	{pattern: "POST /operate/funds/{approval}/decide", right: staff.OperateFunds, fresh: true, serve: serveFundsDecide},
	{pattern: "GET /operate/audit", right: staff.ViewAuditLog, serve: serveAuditLog},
}

// deskTab is a tab of the operators' desk, shown to those who have its right.
type deskTab struct{ Name, Path, Right string }

// deskTabs are the tabs of the operators' desk.
var deskTabs = []deskTab{
	{"work", "/operate", string(staff.OperateWork)},
	{"merchants", "/operate/merchants", string(staff.OperateMerchants)},
	{"funds", "/operate/funds", string(staff.OperateFunds)},
	{"rates", "/operate/rates", string(staff.OperateFunds)},
	{"audit", "/operate/audit", string(staff.ViewAuditLog)},
}

// desk is what every page of the operators' desk begins with.
type desk struct {
	Tab  string
	Tabs []deskTab
}

func (v *visit) desk(tab string) desk {
	d := desk{Tab: tab}
	for _, t := range deskTabs {
		if v.user.Can(staff.Right(t.Right)) {
			d.Tabs = append(d.Tabs, t)
		}
	}
	return d
}

// How much of the work that should have been done is looked at.
const (
	overdueBy  = time.Minute // past its time
	nearWithin = time.Hour   // before its threshold
	countMost  = 1000        // counted up to this
	listMost   = 50          // listed up to this
)

// backlogView is work of one project that should have been done.
type backlogView struct {
	store.Backlog
	Project *merchant.Project // nil: it is not known
	More    bool              // there are more than were counted
}

type workPage struct {
	desk
	Overdue, Near, Repeated, GivenUp []backlogView
	Refused                          []store.RefusedNotification
	Discrepancies                    []openCase
	Settlements                      []*settlementView // wait for a second person
	Quiet                            bool              // nothing is out of the ordinary
}

func (v *visit) backlogViews(all []store.Backlog) []backlogView {
	var out []backlogView
	for _, b := range all {
		p, _ := v.d.Store.Project(b.ProjectID)
		out = append(out, backlogView{b, p, b.Count == countMost})
	}
	return out
}

// backlog is a list of work by project.
type backlog struct {
	name string
	find func() ([]store.Backlog, error)
}

// backlogs are the lists of work that should have been done, each counted up to most.
func (v *visit) backlogs(most int) []backlog {
	s, now := v.d.Store, v.d.Store.Now()
	return []backlog{
		{"overdue", func() ([]store.Backlog, error) { return s.CountOverdueOperations(v.ctx(), now.Add(-overdueBy), most) }},
		{"near", func() ([]store.Backlog, error) {
			return s.CountOperationsNearThreshold(v.ctx(), now.Add(nearWithin), most)
		}},
		{"repeated", func() ([]store.Backlog, error) { return s.CountRepeatedCallbacks(v.ctx(), store.AnyCallback, most) }},
		{"given_up", func() ([]store.Backlog, error) { return s.CountGivenUpCallbacks(v.ctx(), store.AnyCallback, most) }},
	}
}

func serveWork(d *Dashboard, v *visit) error {
	if v.wantsFile() {
		return v.sendOf(v.workLists())
	}
	page := workPage{desk: v.desk("work")}
	into := map[string]*[]backlogView{"overdue": &page.Overdue, "near": &page.Near, "repeated": &page.Repeated, "given_up": &page.GivenUp}
	for _, part := range v.backlogs(countMost) {
		found, err := part.find()
		if err != nil {
			return err
		}
		*into[part.name] = v.backlogViews(found)
	}
	var err error
	if page.Refused, err = d.Store.RefusedNotifications(v.ctx(), listMost); err != nil {
		return err
	}
	if err := v.addCases(&page); err != nil {
		return err
	}
	page.Quiet = len(page.Overdue)+len(page.Near)+len(page.Repeated)+len(page.GivenUp)+len(page.Refused)+len(page.Discrepancies)+len(page.Settlements) == 0
	return v.render("operate", Page{Title: v.t("operate.title"), Data: page, Wide: true})
}

// openCase is a discrepancy that nobody has settled.
type openCase struct {
	store.OpenDiscrepancy
	Word string // of its kind: the end of an id of words
}

// addCases adds what people have to settle.
func (v *visit) addCases(page *workPage) error {
	found, err := v.d.Store.OpenDiscrepancies(v.ctx(), nil, listMost)
	if err != nil {
		return err
	}
	for _, d := range found {
		page.Discrepancies = append(page.Discrepancies, openCase{d, v.kindWord(d.Kind)})
	}
	page.Settlements, err = v.waitingSettlements()
	return err
}

type projectWork struct {
	desk
	Project       *merchant.Project
	Overdue, Near []store.OpenOperation
	Troubled      []store.Delivery
}

func serveProjectWork(d *Dashboard, v *visit) error {
	p, err := v.project(v.r.PathValue("project"))
	if err != nil {
		return err
	}
	if v.wantsFile() {
		return v.sendOf(v.projectWorkLists(p))
	}
	page := projectWork{desk: v.desk("work"), Project: p}
	now := d.Store.Now()
	if page.Overdue, err = d.Store.OverdueOperations(v.ctx(), p.ID, now.Add(-overdueBy), listMost); err != nil {
		return err
	}
	if page.Near, err = d.Store.OperationsNearThreshold(v.ctx(), p.ID, now.Add(nearWithin), listMost); err != nil {
		return err
	}
	if page.Troubled, err = d.Store.UnacknowledgedCallbacks(v.ctx(), p.ID, listMost); err != nil {
		return err
	}
	return v.render("operate_work", Page{Title: v.t("operate.work_of", "project", p.Name), Data: page, Wide: true})
}

// auditPage is the audit log, filtered.
type auditPage struct {
	desk
	Lines   []logLine
	Actions []option
	Links   pageLinks
}

// logLine is a line of the audit log with its detail taken apart.
type logLine struct {
	store.AuditEntry
	What    string // the act in words
	Details []logDetail
}

type logDetail struct{ Name, Value string }

// auditActions are the acts that the filter offers.
var auditActions = []string{
	"project create", "project settings", "project block", "project unblock", "project pause", "project resume",
	"key add", "key revoke", "download webhook secrets", "merchant create", "merchant rename", "merchant block", "merchant unblock", "merchant pause", "merchant resume",
	"balance top-up", "balance correction", "tariff set", "rates add", "rate feed add", "rate feed remove", "approval request", "approval decide", "sign-in failed", "user confirm", "callback resend",
	"callbacks resend",
	"discrepancy note", "discrepancy settle",
}

func serveAuditLog(d *Dashboard, v *visit) error {
	q := v.r.URL.Query()
	f := &Form{Values: q}
	filter := store.AuditFilter{
		Actor: f.Get("actor"), Action: f.Get("action"), Object: f.Get("object"), From: v.momentOf(f, "from", 0), Until: v.momentOf(f, "until", 1),
		After: v.listPlace(), Limit: listLength + 1,
	}
	if v.wantsFile() {
		return v.auditFile(filter).send(v)
	}
	page := auditPage{desk: v.desk("audit"), Actions: []option{{Value: "", Label: v.t("operate.any_action")}}}
	for _, a := range auditActions {
		page.Actions = append(page.Actions, option{Value: a, Label: v.actWord(a)})
	}
	lines, err := d.Store.AuditLog(v.ctx(), filter)
	if err != nil {
		return err
	}
	next := ""
	if len(lines) > listLength {
		lines = lines[:listLength]
		next = lines[listLength-1].Place().String()
	}
	for _, l := range lines {
		page.Lines = append(page.Lines, logLine{l, v.actWord(l.Action), v.withSum(detailsOf(l.Detail))})
	}
	page.Links = v.pageLinks(next)
	return v.render("operate_audit", Page{Title: v.t("operate.audit"), Form: f, Data: page, Wide: true, Files: true})
}

// momentOf reads a bound of a period: a day, or a moment in a field of its own or beside the day, in the visitor's zone. A
// day alone is the whole day: days are added to it, 1 for the end. One that cannot be read is a fault, and filters nothing.
func (v *visit) momentOf(f *Form, name string, days int) time.Time {
	text, clock := f.Get(name), f.Get(name+"_time")
	if text == "" {
		return time.Time{}
	}
	if day, ok := parseIn(v.zone, dayLayouts, text); ok && clock == "" {
		return day.AddDate(0, 0, days)
	}
	if clock != "" {
		text += "T" + clock
	}
	at, ok := parseIn(v.zone, momentLayouts, text)
	if !ok {
		f.Fault(name, v.t("operate.moment_fault"))
		return time.Time{}
	}
	day, hours := at.Format(time.DateOnly), at.Format(time.TimeOnly)
	f.Values.Set(name, day) // as the fields take them
	f.Values.Set(name+"_time", hours)
	return at.Add(time.Duration(days) * time.Second) // the second that is named belongs to the period
}

// detailsOf takes the detail of a line apart: its members in their order.
func detailsOf(text string) []logDetail {
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	if _, err := decoder.Token(); err != nil {
		return []logDetail{{Value: text}}
	}
	var out []logDetail
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return []logDetail{{Value: text}}
		}
		var value any
		if err := decoder.Decode(&value); err != nil {
			return []logDetail{{Value: text}}
		}
		out = append(out, logDetail{fmt.Sprint(name), fmt.Sprint(value)})
	}
	return out
}
