package dashboard

import (
	"context"
	"errors"
	"math/big"
	"net/url"
	"time"

	"flashpay/internal/ledger"
	"flashpay/internal/merchant"
	"flashpay/internal/payout"
	"flashpay/internal/staff"
	"flashpay/internal/store"
	"flashpay/internal/store/batches"
)

// overviewRoutes is the page after sign-in. It is shown to everybody who works with payments; its parts follow the rights.
var overviewRoutes = []route{
	{pattern: "GET /overview", right: staff.ViewPayments, serve: serveOverview},
}

// How much the overview looks at: rollups, daily sums, and the first few of what is open or waits.
const (
	paceDays    = 7  // whole days, whose outflow is the pace
	lowDays     = 3  // a balance that lasts shorter is marked
	overviewMax = 99 // waiting things are counted up to this
	lastBatches = 5
)

// headCount is how many payments there are of something, and their sums.
type headCount struct {
	Word  string
	Href  string
	Lines []store.Total // by currency
	More  bool          // there are more than were counted
}

// Payments is the number of all lines.
func (t *headCount) Payments() (n int64) {
	for _, l := range t.Lines {
		n += l.Payments
	}
	return n
}

// overviewPeriod is today, or this week, with what became of its payments.
type overviewPeriod struct {
	Word    string
	Tallies []*headCount
}

// lastingBalance is a balance and how long it lasts.
type lastingBalance struct {
	balanceView
	Pace int64 // a day
	Days int64 // below zero: nothing was paid out of it
}

// Low tells whether it will soon be spent.
func (b *lastingBalance) Low() bool { return b.Days >= 0 && b.Days < lowDays }

// errand is something that waits for who looks.
type errand struct {
	Word  string
	Count int
	More  bool // there are more than were counted
	Href  string
}

type overviewPage struct {
	Periods  []*overviewPeriod
	Now      []*headCount // what is open, and what is at risk
	Balances []lastingBalance
	Errands  []errand
	Batches  []batches.Batch
}

func serveOverview(_ *Dashboard, v *visit) error {
	page := &overviewPage{}
	for _, part := range []struct {
		right staff.Right
		read  func(*overviewPage) error
	}{
		{staff.ViewPayments, v.overviewPayments},
		{staff.ViewBalances, v.overviewBalances},
		{staff.ViewPayments, v.overviewErrands},
		{staff.ViewManual, v.overviewBatches},
	} {
		if !v.user.Can(part.right) {
			continue
		}
		if err := part.read(page); err != nil {
			return err
		}
	}
	if v.wantsFile() {
		return lastingFile(page.Balances).send(v)
	}
	p := Page{Title: v.t("overview.title"), Data: page, Wide: true, Files: v.user.Can(staff.ViewBalances)}
	if v.asksFor("live") {
		return v.fragment("overview", "live", p)
	}
	return v.render("overview", p)
}

// overviewPayments reads what was made today and this week from rollups, and what is open or at risk from the index of what is.
func (v *visit) overviewPayments(page *overviewPage) error {
	projects := projectIDs(v.projects())
	now := v.d.Store.Now().In(v.zone)
	today := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, v.zone)
	for _, period := range []struct {
		word string
		from time.Time
	}{
		{"overview.today", today},
		{"overview.week", today.AddDate(0, 0, -((int(today.Weekday()) + 6) % 7))},
	} {
		totals, err := v.d.Store.Totals(v.ctx(), store.RegisterFilter{Projects: projects, From: period.from.UTC()}, nil)
		if err != nil {
			return err
		}
		from := period.from.Format(time.DateOnly)
		p := &overviewPeriod{Word: period.word}
		for _, s := range []payout.Status{payout.Success, payout.Decline, payout.Processing} {
			t := &headCount{Word: "overview." + string(s), Href: "/payments?from=" + from + "&status=" + string(s)}
			for _, l := range totals.Lines {
				if l.Status == s && l.Payments > 0 {
					t.Lines = append(t.Lines, l)
				}
			}
			p.Tallies = append(p.Tallies, t)
		}
		page.Periods = append(page.Periods, p)
	}
	for _, situation := range []store.Situation{store.SituationOpen, store.SituationAtRisk} {
		t, err := v.situation(projects, situation)
		if err != nil {
			return err
		}
		page.Now = append(page.Now, t)
	}
	return nil
}

// situation counts payments in a situation, as far as one step of counting goes.
func (v *visit) situation(projects []int64, s store.Situation) (*headCount, error) {
	totals, err := v.d.Store.Totals(v.ctx(), store.RegisterFilter{Projects: projects, Situation: s}, nil)
	if err != nil {
		return nil, err
	}
	byCurrency := store.Totals{}
	for _, l := range totals.Lines {
		l.Status = ""
		byCurrency.Add([]store.Total{l})
	}
	return &headCount{Word: situationWord(s), Href: "/payments?from=&situation=" + string(s), Lines: byCurrency.Lines, More: len(totals.Rest) > 0}, nil
}

// overviewBalances reads balances, and their pace from the daily sums of the ledger.
func (v *visit) overviewBalances(page *overviewPage) error {
	projects := v.projects()
	all, err := v.balances(projects)
	if err != nil {
		return err
	}
	until := v.d.Store.Now().UTC().Truncate(24 * time.Hour)
	sums, err := v.d.Store.LedgerSums(v.ctx(), projectIDs(projects), until.AddDate(0, 0, -paceDays), until)
	if err != nil {
		return err
	}
	type balance struct {
		project  int64
		currency string
	}
	paid := make(map[balance]*ledger.Statement)
	for _, l := range sums.Within {
		k := balance{l.ProjectID, l.Currency}
		if paid[k] == nil {
			paid[k] = &ledger.Statement{}
		}
		paid[k].Move(l.Moved)
	}
	for _, b := range all {
		page.Balances = append(page.Balances, lasting(b, paid[balance{b.Project.ID, b.Currency}]))
	}
	return nil
}

// lasting says how long a balance lasts where as much is paid out a day as was in the days of the pace.
func lasting(b balanceView, paid *ledger.Statement) lastingBalance {
	out := lastingBalance{balanceView: b, Days: -1}
	if paid == nil {
		return out
	}
	spent := -paid.Of(ledger.Payouts, ledger.PayoutFees, ledger.Exchanges, ledger.Refunds, ledger.RefundedFees, ledger.ExchangeReturns).Total()
	if spent <= 0 {
		return out
	}
	out.Pace = spent / paceDays
	days := new(big.Int).Mul(big.NewInt(b.Available), big.NewInt(paceDays))
	if days.Div(days, big.NewInt(spent)); days.IsInt64() {
		out.Days = days.Int64()
	}
	return out
}

// decides is the right that deciding an approval of a kind asks for, beyond that of the list which it stands in.
var decides = map[string]staff.Right{
	store.ApprovalPayout: staff.IssuePayouts, store.ApprovalBatch: staff.IssuePayouts,
	store.ApprovalSettings: staff.EditProjects, store.ApprovalKey: staff.EditProjects, store.ApprovalAccount: staff.ManageTeam,
}

// waitingApprovals counts what this user may decide in the lists of approvals that they see: of the kinds that their rights are
// for, what was asked for by somebody who is surely another person.
func (v *visit) waitingApprovals(add func(word, href string, count int, more bool)) error {
	another := make(map[int64]bool) // by who asked
	for _, part := range []struct {
		right  staff.Right
		word   string
		href   string
		filter store.ApprovalFilter
	}{
		{staff.ViewManual, "overview.approvals", "/manual/waiting", v.waitingFilter(store.ApprovalWaiting)},
		{staff.OperateFunds, "overview.funds", "/operate/funds", store.ApprovalFilter{Kinds: fundsKinds, State: store.ApprovalWaiting}},
		{staff.OperateFunds, "overview.rates", "/operate/rates", store.ApprovalFilter{Kinds: rateKinds, State: store.ApprovalWaiting}},
	} {
		if !v.user.Can(part.right) {
			continue
		}
		part.filter.Limit = overviewMax + 1
		waiting, err := v.d.Store.Approvals(v.ctx(), part.filter)
		if err != nil {
			return err
		}
		count := 0
		for _, a := range waiting {
			if right, ok := decides[a.Kind]; ok && !v.user.Can(right) {
				continue
			}
			other, known := another[a.RequestedBy]
			if !known {
				if other, err = v.d.Store.DifferentPeople(v.ctx(), a.RequestedBy, v.user.ID); err != nil {
					return err
				}
				another[a.RequestedBy] = other
			}
			if other {
				count++
			}
		}
		add(part.word, part.href, min(count, overviewMax), count > overviewMax)
	}
	return nil
}

// overviewErrands are what waits for this user: what they may decide, and what goes wrong in their projects.
func (v *visit) overviewErrands(page *overviewPage) error {
	add := func(word, href string, count int, more bool) {
		if count > 0 {
			page.Errands = append(page.Errands, errand{word, count, more, href})
		}
	}
	if err := errors.Join(v.waitingApprovals(add), v.waitingFeeds(add)); err != nil {
		return err
	}
	disputes, err := v.situation(projectIDs(v.projects()), store.SituationDiscrepancy)
	if err != nil {
		return err
	}
	href := disputes.Href
	if v.user.Can(staff.OperateWork) {
		href = "/operate"
	}
	add("overview.discrepancies", href, int(disputes.Payments()), disputes.More)
	return v.overviewCallbacks(add)
}

// overviewCallbacks counts the callbacks in trouble of the user's projects: those that are repeated, and those given up. Those of
// batches are counted apart for whoever has the list of batches to go to. Operators see all of them at their desk.
func (v *visit) overviewCallbacks(add func(word, href string, count int, more bool)) error {
	if !v.user.Can(staff.ResendCallbacks) {
		return nil
	}
	kind, href := store.AnyCallback, "/payments?from=&situation="+url.QueryEscape(string(store.SituationFailing))
	switch {
	case v.user.Can(staff.OperateWork):
		href = "/operate"
	case v.user.Can(staff.ViewManual):
		kind = store.OfPayments
		failing, err := v.failingBatches(projectIDs(v.projects()), overviewMax)
		if err != nil {
			return err
		}
		add("overview.batch_callbacks", failingBatchesPath, len(failing.IDs), failing.More)
	}
	mine := make(map[int64]*merchant.Project)
	for _, p := range v.projects() {
		mine[p.ID] = p
	}
	for _, part := range []struct {
		word string
		find func(context.Context, store.CallbackKind, int) ([]store.Backlog, error)
	}{
		{"overview.repeated", v.d.Store.CountRepeatedCallbacks},
		{"overview.given_up", v.d.Store.CountGivenUpCallbacks},
	} {
		found, err := part.find(v.ctx(), kind, overviewMax+1)
		if err != nil {
			return err
		}
		count := 0
		for _, b := range found {
			if mine[b.ProjectID] != nil {
				count += b.Count
			}
		}
		add(part.word, href, min(count, overviewMax), count > overviewMax)
	}
	return nil
}

// newestBatches reads the newest files of payouts, and counts those that were checked and have faults: they wait for somebody
// who may send them.
func (v *visit) newestBatches() (found []batches.Batch, faulty int, err error) {
	found, err = batches.List(v.ctx(), v.d.Store, batches.Filter{Projects: v.projectIDs(), Limit: 50})
	for _, b := range found {
		if b.State == batches.Checked && b.Bad > 0 {
			faulty++
		}
	}
	return found, faulty, err
}

// overviewBatches shows the last batches, and that some wait for this user.
func (v *visit) overviewBatches(page *overviewPage) error {
	found, faulty, err := v.newestBatches()
	if err != nil {
		return err
	}
	if faulty > 0 && v.user.Can(staff.IssuePayouts) {
		page.Errands = append(page.Errands, errand{"overview.faulty_batches", faulty, false, "/manual/mass"})
	}
	page.Batches = found[:min(len(found), lastBatches)]
	return nil
}
