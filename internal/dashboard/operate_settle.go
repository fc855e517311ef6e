package dashboard

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"flashpay/internal/ledger"
	"flashpay/internal/merchant"
	"flashpay/internal/payout"
	"flashpay/internal/staff"
	"flashpay/internal/store"
)

// settleRoutes are where operators settle discrepancies and disputed holds.
var settleRoutes = []route{
	{pattern: "GET /operate/discrepancies/{discrepancy}", right: staff.OperateWork, serve: serveCase},
	{pattern: "POST /operate/discrepancies/{discrepancy}", right: staff.OperateFunds, fresh: true, serve: serveSettle, again: serveCaseAgain},
	{pattern: "POST /operate/discrepancies/{discrepancy}/care", right: staff.OperateWork, serve: serveCare, again: serveCaseAgain},
	{pattern: "GET /operate/holds/{project}/{id}", right: staff.OperateWork, serve: serveCase},
	{pattern: "POST /operate/holds/{project}/{id}", right: staff.OperateFunds, fresh: true, serve: serveSettle, again: serveCaseAgain},
	{pattern: "POST /operate/settlements/{approval}/decide", right: staff.OperateFunds, fresh: true, serve: serveSettlementDecide},
}

func casePath(id int64) string { return "/operate/discrepancies/" + strconv.FormatInt(id, 10) }

func holdPath(project, payment int64) string {
	return fmt.Sprintf("/operate/holds/%d/%d", project, payment)
}

// settlementPath is the page of the case that a settlement is of.
func settlementPath(m *store.Settlement) string {
	if m.ID != 0 {
		return casePath(m.ID)
	}
	return holdPath(m.ProjectID, m.Payment)
}

// casePage is a discrepancy or disputed hold, with what either decision does.
type casePage struct {
	desk
	*store.Case
	Project *merchant.Project // nil: the payment is not known
	Name    string            // of the kind, in words; empty: it has none
	Word    string            // about the kind: the end of the ids of its words
	Details []logDetail
	Choices []choiceView    // while it is open
	Second  bool            // one person may not settle it
	Waiting *settlementView // a decision that waits for a second person
	Path    string
}

// choiceView is what a decision states and does.
type choiceView struct {
	Decision payout.Decision
	Funds    string // what it does with the sum: the end of the id of the words
	Rows     []balanceChange
	Currency string
}

// balanceChange is a part of the balance that pays, before a decision and after it.
type balanceChange struct {
	Word          string
	Before, After int64
}

// settlementView is a decision that waits for a second person.
type settlementView struct {
	*store.Approval
	say
	Decision payout.Decision
	Because  string // of who asks
	Path     string
}

// wordEnd makes a kind, or what becomes of funds, the end of the id of its words.
func wordEnd(text string) string { return strings.ReplaceAll(text, " ", "_") }

// kindWord is the end of the ids of a kind's words; a kind that a newer version has opened has none of its own.
func (v *visit) kindWord(kind string) string {
	if end := wordEnd(kind); v.words().has("settle.meaning." + end) {
		return end
	}
	return "other"
}

// FundsWord is the end of the id of the words about what the settlement did with the sum.
func (p *casePage) FundsWord() string { return wordEnd(cmp.Or(p.Funds, "nothing")) }

func choiceOf(c *store.Case, d payout.Decision) choiceView {
	e := c.Effect(d)
	view := choiceView{Decision: d, Funds: "nothing", Currency: c.Balance.Currency}
	if !e.Moves {
		return view
	}
	view.Funds = wordEnd(e.Move.Funds.String())
	view.Rows = []balanceChange{
		{"finance.available", c.Balance.Sum(ledger.Available), e.After.Sum(ledger.Available)},
		{"finance.disputed", c.Balance.Sum(ledger.Disputed), e.After.Sum(ledger.Disputed)},
		{"finance.owed", c.Balance.Owed(), e.After.Owed()},
	}
	return view
}

// findCase finds the case that the path names. errSettledHold where it is a hold that is disputed no longer.
func (v *visit) findCase() (*store.Case, error) {
	if text := v.r.PathValue("discrepancy"); text != "" {
		id, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return nil, errNotFound
		}
		return v.d.Store.Case(v.ctx(), id)
	}
	_, view, err := v.readPayment()
	if err != nil {
		return nil, err
	}
	return v.d.Store.DisputedCase(v.ctx(), view.Payment.ProjectID, view.Payment.PaymentID)
}

// leaveHold leads from a hold that is disputed no longer to its record, or to the payment.
func (v *visit) leaveHold() error {
	_, view, err := v.readPayment()
	if err != nil {
		return err
	}
	p := &view.Payment
	all, err := v.d.Store.PaymentDiscrepancies(v.ctx(), p.ProjectID, p.ID)
	if err != nil {
		return err
	}
	to := paymentAddress(p.ProjectID, p.ID, "")
	if i := slices.IndexFunc(all, func(d store.Discrepancy) bool { return d.Kind == payout.HoldDisputed }); i >= 0 {
		to = casePath(all[i].ID)
	}
	http.Redirect(v.w, v.r, to, http.StatusSeeOther) // not v.redirect: the notice is for the page behind it
	return nil
}

func (v *visit) casePage(c *store.Case) (*casePage, error) {
	page := &casePage{desk: v.desk("work"), Case: c, Word: v.kindWord(c.Kind), Path: v.r.URL.Path}
	if page.Word != "other" {
		page.Name = v.t("payments.discrepancy." + page.Word)
	}
	if c.Detail != "{}" {
		page.Details = detailsOf(c.Detail)
	}
	page.Project, _ = v.d.Store.Project(c.ProjectID)
	if !c.SettledAt.IsZero() {
		return page, nil
	}
	page.Choices = []choiceView{choiceOf(c, payout.BankIsRight), choiceOf(c, payout.WeAreRight)}
	page.Second = c.NeedsSecond(page.Project)
	waiting, err := v.d.Store.WaitingSettlement(v.ctx(), c)
	if errors.Is(err, store.ErrNotFound) {
		return page, nil
	}
	if err != nil {
		return nil, err
	}
	page.Waiting, err = v.settlementView(waiting)
	return page, err
}

func (v *visit) settlementView(a *store.Approval) (*settlementView, error) {
	m, err := a.Settlement()
	if err != nil {
		return nil, err
	}
	view := &settlementView{Approval: a, Decision: m.Decision, Because: m.Reason, Path: settlementPath(m)}
	view.say, err = v.sayOn(a, v.user.Can(staff.OperateFunds))
	return view, err
}

// waitingSettlements lists the decisions that wait for a second person.
func (v *visit) waitingSettlements() (out []*settlementView, err error) {
	filter := store.ApprovalFilter{Kinds: []string{store.ApprovalSettlement}, State: store.ApprovalWaiting, Limit: listMost}
	waiting, err := v.d.Store.Approvals(v.ctx(), filter)
	if err != nil {
		return nil, err
	}
	for _, w := range waiting {
		a, err := v.d.Store.Approval(v.ctx(), w.ID) // with its content
		if err != nil {
			return nil, err
		}
		view, err := v.settlementView(a)
		if err != nil {
			return nil, err
		}
		out = append(out, view)
	}
	return out, nil
}

func serveCase(_ *Dashboard, v *visit) error {
	c, err := v.findCase()
	if errors.Is(err, store.ErrNotDisputed) {
		return v.leaveHold()
	}
	if err != nil {
		return err
	}
	return v.showCase(http.StatusOK, c, newForm("owner", c.Owner, "note", c.Note))
}

// serveCaseAgain shows a case with what was entered.
func serveCaseAgain(_ *Dashboard, v *visit) error {
	c, err := v.findCase()
	if errors.Is(err, store.ErrNotDisputed) {
		return v.leaveHold()
	}
	if err != nil {
		return err
	}
	f, err := v.form()
	if err != nil {
		return err
	}
	return v.showCase(http.StatusOK, c, f)
}

func (v *visit) showCase(status int, c *store.Case, f *Form) error {
	page, err := v.casePage(c)
	if err != nil {
		return err
	}
	return v.renderStatus(status, "operate_case", Page{Title: v.t("settle.title"), Form: f, Data: page, Wide: true})
}

// serveSettle settles a case, or, where one person may not, lets the decision wait for a second one.
func serveSettle(d *Dashboard, v *visit) error {
	c, err := v.findCase()
	if errors.Is(err, store.ErrNotDisputed) {
		v.leaveNotice("settle.moved", nil)
		return v.leaveHold()
	}
	if err != nil {
		return err
	}
	f, err := v.form()
	if err != nil {
		return err
	}
	m := v.checkSettlement(c, f)
	if !f.OK() {
		return v.showCase(http.StatusUnprocessableEntity, c, f)
	}
	by := store.By{Actor: v.actor(), IdempotencyKey: f.IdempotencyKey}
	notice := "settle.done"
	err = d.Store.Settle(v.ctx(), m, by)
	if errors.Is(err, store.ErrNeedsSecond) {
		notice = "settle.asked"
		_, err = d.Store.RequestSettlementApproval(v.ctx(), c, m, v.user, by)
	}
	if errors.Is(err, store.ErrMoved) { // what was written stays; the balances are those of now
		if c, err = v.findCase(); errors.Is(err, store.ErrNotDisputed) {
			return v.redirect(v.r.URL.Path, "settle.moved")
		} else if err != nil {
			return err
		}
		f.Fault("", v.t("settle.moved"))
		return v.showCase(http.StatusConflict, c, f)
	}
	for _, fault := range []struct {
		err error
		id  string
	}{
		{store.ErrNotDisputed, "settle.moved"},
		{store.ErrSettled, "settle.settled_already"},
		{store.ErrApprovalWaits, "settle.waits_already"},
	} {
		if errors.Is(err, fault.err) {
			return v.redirect(v.r.URL.Path, fault.id)
		}
	}
	if err != nil {
		return err
	}
	return v.redirect(v.r.URL.Path, notice)
}

// Lengths of what people write, in characters.
const (
	reasonLength = 1000
	ownerLength  = 200
)

// checkSettlement reads a decision. It holds for the payout as the page has shown it.
func (v *visit) checkSettlement(c *store.Case, f *Form) store.Settlement {
	m := store.SettlementOf(c, payout.Decision(f.Get("decision")), f.Get("reason"))
	m.Owner, m.Note = f.Get("owner"), f.Get("note")
	if n, err := strconv.ParseInt(f.Get("version"), 10, 64); err == nil {
		m.Version = n
	}
	if m.Decision != payout.BankIsRight && m.Decision != payout.WeAreRight {
		f.Fault("decision", v.t("settle.decision_fault"))
	}
	if m.Reason == "" || utf8.RuneCountInString(m.Reason) > reasonLength {
		f.Fault("reason", v.t("settle.reason_fault"))
	}
	v.checkCare(f)
	return m
}

func (v *visit) checkCare(f *Form) {
	if utf8.RuneCountInString(f.Get("owner")) > ownerLength {
		f.Fault("owner", v.t("settle.long_fault"))
	}
	if utf8.RuneCountInString(f.Get("note")) > reasonLength {
		f.Fault("note", v.t("settle.long_fault"))
	}
}

// serveCare keeps who cares for a case, and their note.
func serveCare(d *Dashboard, v *visit) error {
	c, err := v.findCase()
	if err != nil {
		return err
	}
	f, err := v.form()
	if err != nil {
		return err
	}
	if v.checkCare(f); !f.OK() {
		return v.showCase(http.StatusUnprocessableEntity, c, f)
	}
	notice := "settle.care_saved"
	err = d.Store.AssignDiscrepancy(v.ctx(), c.ID, f.Get("owner"), f.Get("note"), store.By{Actor: v.actor(), IdempotencyKey: f.IdempotencyKey})
	if errors.Is(err, store.ErrSettled) {
		notice, err = "settle.settled_already", nil
	}
	if err != nil {
		return err
	}
	return v.redirect(casePath(c.ID), notice)
}

func serveSettlementDecide(d *Dashboard, v *visit) error {
	decision, by, err := v.operatorDecision()
	if err != nil {
		return err
	}
	a, err := d.Store.Approval(v.ctx(), decision.ID)
	if err != nil {
		return err
	}
	m, err := a.Settlement()
	if err != nil {
		return err
	}
	err = d.Store.DecideSettlement(v.ctx(), decision, by)
	if errors.Is(err, store.ErrStale) {
		return v.redirect(settlementPath(m), "settle.stale")
	}
	if err := fundsFault(err); err != nil {
		return err
	}
	return v.redirect(settlementPath(m), "settle.decided."+decision.State)
}
