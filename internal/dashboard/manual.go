package dashboard

import (
	"fmt"
	"net/url"
	"strconv"

	"flashpay/internal/manual"
	"flashpay/internal/merchant"
	"flashpay/internal/payout"
	"flashpay/internal/staff"
	"flashpay/internal/store"
)

// manualRoutes are payouts by hand.
var manualRoutes = []route{
	{pattern: "GET /manual", right: staff.ViewManual, serve: serveManualList},
	{pattern: "GET /manual/waiting", right: staff.ViewManual, serve: serveWaitingList},
	{pattern: "GET /manual/new", right: staff.IssuePayouts, serve: serveManualForm},
	{pattern: "POST /manual/new", right: staff.IssuePayouts, serve: serveManualForm, again: serveManualForm},
	{pattern: "POST /manual/account", right: staff.IssuePayouts, serve: serveAccountDoctor},
	{pattern: "POST /manual/check", right: staff.IssuePayouts, serve: serveManualCheck, again: serveManualForm},
	{pattern: "POST /manual/send", right: staff.IssuePayouts, fresh: true, serve: serveManualSend, again: serveManualCheck},
	{pattern: "GET /manual/payouts/{project}/{request}", right: staff.ViewManual, serve: serveManualPayout},
	{pattern: "GET /manual/approvals/{id}", right: staff.ViewManual, serve: serveApproval},
	{pattern: "POST /manual/approvals/{id}/approve", right: staff.IssuePayouts, fresh: true, serve: serveApprove},
	{pattern: "POST /manual/approvals/{id}/reject", right: staff.IssuePayouts, serve: serveReject},
	{pattern: "POST /manual/approvals/{id}/withdraw", right: staff.IssuePayouts, serve: serveWithdraw},
}

// manual makes payouts by hand.
func (d *Dashboard) manual() *manual.Service {
	return &manual.Service{Store: d.Store, Payouts: d.Accept, Methods: d.Methods, Banks: d.Banks}
}

// manualTabs are the tabs above the lists of this section.
type manualTabs struct {
	Here    string // "payouts", "mass" or "waiting"
	Waiting string // how many wait for a second person; empty: none
}

// most is up to how many waiting approvals are counted.
const most = 99

func (v *visit) manualTabs(here string) (manualTabs, error) {
	filter := v.waitingFilter(store.ApprovalWaiting)
	filter.Limit = most + 1
	waiting, err := v.d.Store.Approvals(v.ctx(), filter)
	tabs := manualTabs{Here: here}
	switch n := len(waiting); {
	case n > most:
		tabs.Waiting = strconv.Itoa(most) + "+"
	case n > 0:
		tabs.Waiting = strconv.Itoa(n)
	}
	return tabs, err
}

// projectIDs are the projects that the user sees; nil for operators, who see all.
func (v *visit) projectIDs() []int64 {
	if v.user.Operator() {
		return nil
	}
	ids := []int64{}
	for _, p := range v.projects() {
		ids = append(ids, p.ID)
	}
	return ids
}

// listLength is how many rows a page of this section's lists has.
const listLength = 25

// listPlace is where the page that is asked for begins; nil: at the newest.
func (v *visit) listPlace() *store.Cursor {
	place, err := store.ParseCursor(v.r.URL.Query().Get("after"))
	if err != nil {
		return nil
	}
	return &place
}

// pageLinks are the addresses beside a list's page; empty: there is none.
type pageLinks struct{ Newest, Next string }

func (v *visit) pageLinks(next string) pageLinks {
	var links pageLinks
	q := v.r.URL.Query()
	if q.Get("after") != "" {
		first := url.Values{}
		for name, values := range q {
			if name != "after" {
				first[name] = values
			}
		}
		links.Newest = v.r.URL.Path + "?" + first.Encode()
	}
	if next != "" {
		q.Set("after", next)
		links.Next = v.r.URL.Path + "?" + q.Encode()
	}
	return links
}

// manualRow is a payout in the list.
type manualRow struct {
	payout.Payment
	Project *merchant.Project
	Href    string
}

type manualList struct {
	Tabs  manualTabs
	Rows  []manualRow
	Links pageLinks
}

func serveManualList(d *Dashboard, v *visit) error {
	if v.wantsFile() {
		return v.manualFile().send(v)
	}
	payments, err := d.Store.ManualPayments(v.ctx(), v.projectIDs(), v.listPlace(), listLength+1)
	if err != nil {
		return err
	}
	list := manualList{}
	if list.Tabs, err = v.manualTabs("payouts"); err != nil {
		return err
	}
	next := ""
	if len(payments) > listLength {
		payments = payments[:listLength]
		last := payments[listLength-1]
		next = store.Cursor{At: last.CreatedAt.UnixMicro(), ID: last.ID}.String()
	}
	for _, p := range payments {
		project, _ := d.Store.Project(p.ProjectID)
		list.Rows = append(list.Rows, manualRow{p, project, manualPath(p.ProjectID, p.RequestID)})
	}
	list.Links = v.pageLinks(next)
	return v.render("manual", Page{Title: v.t("manual.title"), Data: list, Wide: true, Files: true})
}

// manualPath is the page of a payout by hand.
func manualPath(projectID int64, requestID string) string {
	return fmt.Sprintf("/manual/payouts/%d/%s", projectID, url.PathEscape(requestID))
}

// waitingFilter is what the list of approvals shows to this user.
func (v *visit) waitingFilter(state string) store.ApprovalFilter {
	f := store.ApprovalFilter{
		Projects: v.projectIDs(), Kinds: []string{store.ApprovalPayout, store.ApprovalBatch, store.ApprovalSettings, store.ApprovalKey}, State: state, Limit: listLength + 1,
	}
	if v.user.Can(staff.ViewTeam) {
		f.Kinds, f.Merchant = append(f.Kinds, store.ApprovalAccount), v.user.MerchantID
	}
	return f
}

type waitingList struct {
	Tabs   manualTabs
	State  string
	States []string
	Rows   []approvalRow
	Links  pageLinks
}

var approvalStates = []string{
	store.ApprovalWaiting, store.ApprovalApproved, store.ApprovalRejected, store.ApprovalWithdrawn, store.ApprovalLapsed,
}

func serveWaitingList(d *Dashboard, v *visit) error {
	list := waitingList{State: store.ApprovalWaiting, States: approvalStates}
	for _, state := range approvalStates {
		if v.r.URL.Query().Get("state") == state {
			list.State = state
		}
	}
	var err error
	if list.Tabs, err = v.manualTabs("waiting"); err != nil {
		return err
	}
	filter := v.waitingFilter(list.State)
	if v.wantsFile() {
		return v.approvalsFile("approvals", filter).send(v)
	}
	filter.After = v.listPlace()
	approvals, err := d.Store.Approvals(v.ctx(), filter)
	if err != nil {
		return err
	}
	next := ""
	if len(approvals) > listLength {
		approvals = approvals[:listLength]
		next = approvals[listLength-1].Place().String()
	}
	for _, a := range approvals {
		list.Rows = append(list.Rows, v.approvalRow(a))
	}
	list.Links = v.pageLinks(next)
	return v.render("manual_waiting", Page{Title: v.t("manual.title"), Data: list, Wide: true, Files: true})
}
