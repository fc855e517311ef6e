package dashboard

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"flashpay/internal/ledger"
	"flashpay/internal/merchant"
	"flashpay/internal/money"
	"flashpay/internal/store"
)

// fundsKinds are the acts on funds that take two people.
var fundsKinds = []string{store.ApprovalTopUp, store.ApprovalCorrection}

type fundsList struct {
	desk
	Waiting  []approvalRow
	Decided  []approvalRow
	Projects []*merchant.Project
}

func serveFundsList(d *Dashboard, v *visit) error {
	if v.wantsFile() {
		return v.approvalsFile("funds", store.ApprovalFilter{Kinds: fundsKinds}).send(v)
	}
	page := fundsList{desk: v.desk("funds"), Projects: v.projects()}
	for _, part := range []struct {
		into  *[]approvalRow
		state string
	}{{&page.Waiting, store.ApprovalWaiting}, {&page.Decided, ""}} {
		found, err := d.Store.Approvals(v.ctx(), store.ApprovalFilter{Kinds: fundsKinds, State: part.state, Limit: listMost})
		if err != nil {
			return err
		}
		for _, a := range found {
			if part.state == "" && a.State == store.ApprovalWaiting {
				continue
			}
			row := v.approvalRow(a)
			if row.say, err = v.sayOn(&a, true); err != nil {
				return err
			}
			*part.into = append(*part.into, row)
		}
	}
	return v.render("operate_funds", Page{Title: v.t("operate.funds"), Form: newForm(), Data: page, Wide: true, Files: true})
}

// fundsPage is where a top-up or correction of one project is asked for.
type fundsPage struct {
	desk
	Project    *merchant.Project
	Balances   []balanceView
	Kinds      []option
	Currencies []option
}

func (v *visit) fundsPage(p *merchant.Project) (*fundsPage, error) {
	page := &fundsPage{desk: v.desk("funds"), Project: p}
	for _, kind := range fundsKinds {
		page.Kinds = append(page.Kinds, option{Value: kind, Label: v.t("operate.kind." + kind), Help: v.t("operate.kind_text." + kind)})
	}
	var err error
	if page.Balances, err = v.balances([]*merchant.Project{p}); err != nil {
		return nil, err
	}
	var codes []string
	for _, b := range page.Balances {
		codes = append(codes, b.Currency)
	}
	for _, m := range v.d.Methods.All() {
		if m.Enabled {
			codes = append(codes, currenciesOf(merchant.Field{Method: m})...)
		}
	}
	slices.Sort(codes)
	for _, code := range slices.Compact(codes) {
		page.Currencies = append(page.Currencies, option{Value: code, Label: code})
	}
	return page, nil
}

func serveFundsForm(_ *Dashboard, v *visit) error {
	p, err := v.project(v.r.PathValue("project"))
	if err != nil {
		return err
	}
	return v.showFunds(http.StatusOK, p, newForm("kind", store.ApprovalTopUp))
}

// serveFundsAgain shows the form with what was entered.
func serveFundsAgain(_ *Dashboard, v *visit) error {
	p, f, err := v.projectForm()
	if err != nil {
		return err
	}
	return v.showFunds(http.StatusOK, p, f)
}

func (v *visit) showFunds(status int, p *merchant.Project, f *Form) error {
	page, err := v.fundsPage(p)
	if err != nil {
		return err
	}
	return v.renderStatus(status, "operate_topup", Page{Title: v.t("operate.funds_of", "project", p.Name), Form: f, Data: page})
}

func serveFundsAsk(d *Dashboard, v *visit) error {
	p, f, err := v.projectForm()
	if err != nil {
		return err
	}
	a := v.checkFunds(p, f)
	if !f.OK() {
		return v.showFunds(http.StatusUnprocessableEntity, p, f)
	}
	if _, err := d.Store.RequestApproval(v.ctx(), f.IdempotencyKey, a, v.actor()); err != nil {
		return err
	}
	return v.redirect("/operate/funds", "operate.asked")
}

// checkFunds reads what is asked for. A correction may begin with a minus.
func (v *visit) checkFunds(p *merchant.Project, f *Form) store.Approval {
	a := store.Approval{
		Kind: f.Get("kind"), ProjectID: p.ID, MerchantID: p.MerchantID, Title: f.Get("reason"), Currency: f.Get("currency"),
		RequestedBy: v.user.ID, Requester: v.user.Name,
	}
	if !slices.Contains(fundsKinds, a.Kind) {
		f.Fault("kind", v.t("operate.kind_fault"))
	}
	if !money.Valid(a.Currency) {
		f.Fault("currency", v.t("operate.currency_fault"))
		return a
	}
	digits, negative := f.Get("amount"), false
	if a.Kind == store.ApprovalCorrection {
		digits, negative = strings.CutPrefix(strings.Replace(digits, "−", "-", 1), "-")
	}
	amount, err := money.ParseTyped(digits, a.Currency)
	switch {
	case err != nil:
		f.Fault("amount", v.typedFault(err, a.Currency))
	case amount == 0:
		f.Fault("amount", v.t("operate.amount_fault"))
	case negative:
		a.Amount = -amount
	default:
		a.Amount = amount
	}
	if a.Title == "" || utf8.RuneCountInString(a.Title) > 200 || strings.ContainsFunc(a.Title, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		f.Fault("reason", v.t("operate.reason_fault"))
	}
	return a
}

// fundsFaults are the words for what can be in the way of a decision.
var fundsFaults = []struct {
	err error
	id  string
}{
	{store.ErrSamePerson, "operate.same_person"},
	{store.ErrPossiblySamePerson, "manual.not_another"},
	{store.ErrRequesterGone, "manual.requester_gone"},
	{store.ErrNotRequester, "operate.not_requester"},
	{store.ErrLapsed, "operate.lapsed"},
	{store.ErrMoved, "operate.decided_already"},
	{ledger.ErrTransfer, "operate.too_much"},
}

func serveFundsDecide(d *Dashboard, v *visit) error {
	decision, by, err := v.operatorDecision()
	if err != nil {
		return err
	}
	if err := fundsFault(d.Store.DecideFunds(v.ctx(), decision, by)); err != nil {
		return err
	}
	return v.redirect("/operate/funds", "operate.decided."+decision.State)
}

// operatorDecision reads what an operator decides of the approval that the path names.
func (v *visit) operatorDecision() (decision store.Decision, by store.By, err error) {
	id, err := strconv.ParseInt(v.r.PathValue("approval"), 10, 64)
	if err != nil {
		return decision, by, errNotFound
	}
	f, err := v.form()
	if err != nil {
		return decision, by, err
	}
	state := f.Get("state")
	if !slices.Contains([]string{store.ApprovalApproved, store.ApprovalRejected, store.ApprovalWithdrawn}, state) {
		return decision, by, &userError{ID: "form.unreadable"}
	}
	decision = store.Decision{ID: id, State: state, By: v.user.ID, Decider: v.user.Name, Reason: f.Get("reason")}
	return decision, store.By{Actor: v.actor(), IdempotencyKey: f.IdempotencyKey}, nil
}

// fundsFault is what an operator is told where a decision was not taken.
func fundsFault(err error) error {
	for _, fault := range fundsFaults {
		if errors.Is(err, fault.err) {
			return &userError{ID: fault.id, Status: http.StatusConflict}
		}
	}
	return err
}
