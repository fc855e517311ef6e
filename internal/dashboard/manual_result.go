package dashboard

import (
	"errors"
	"net/http"
	"strconv"
	"unicode/utf8"

	"flashpay/internal/manual"
	"flashpay/internal/merchant"
	"flashpay/internal/payout"
	"flashpay/internal/staff"
	"flashpay/internal/store"
)

// payoutResult is a payout whose result is followed.
type payoutResult struct {
	payout.Payment
	Project   *merchant.Project
	Operation payout.Operation // the newest
	Final     bool
	Code      codeNote
	Funds     bool // it was declined for want of funds
	Sum       manual.Sum
	Href      string // of the payment in the register
}

// codeNote explains a code.
type codeNote struct {
	Code    int
	Message string // of the registry
	Advice  string // what to do now
}

// adviceOn is what to do about a payout now; where its sum was more than the balance, that comes first.
func (v *visit) adviceOn(p *payout.Payment, o *payout.Operation) string {
	if p.Status == payout.Decline && o.Code == payout.CodeInsufficientFunds {
		return v.t("manual.advice_funds")
	}
	return v.t(adviceFor(p, o, nil))
}

// serveManualPayout shows a payout, and follows it until its status is final.
func serveManualPayout(d *Dashboard, v *visit) error {
	p, err := v.project(v.r.PathValue("project"))
	if err != nil {
		return err
	}
	view, err := d.Store.PaymentViewByRequest(v.ctx(), p.ID, v.r.PathValue("request"))
	if err != nil {
		return err
	}
	newest := view.Operations[len(view.Operations)-1]
	result := payoutResult{
		Payment: view.Payment, Project: p, Operation: newest, Final: view.Payment.Status.Final(),
		Sum: manual.Sum{Amount: view.Payment.Amount, Currency: view.Payment.Currency}, Href: paymentAddress(p.ID, view.Payment.ID, ""),
	}
	if result.Final {
		result.Code = codeNote{newest.Code, payout.Message(newest.Code), v.adviceOn(&view.Payment, &newest)}
		result.Funds = newest.Code == payout.CodeInsufficientFunds
	}
	page := Page{Title: v.t("manual.result_title"), Data: result}
	if v.isFragment() {
		return v.fragment("manual_result", "live", page)
	}
	return v.render("manual_result", page)
}

// approvalView is an order that waits for a second person, or did.
type approvalView struct {
	*store.Approval
	say
	Order   *orderView
	Project *merchant.Project
	Blocked string   // why it cannot be sent as things stand
	Sent    string   // where the payout is
	Code    codeNote // why it was refused when it was sent
	Sending bool     // approved, and about to be sent
}

func approvalPath(id int64) string { return "/manual/approvals/" + strconv.FormatInt(id, 10) }

// approval finds an approval of a payout that the user may see.
func (v *visit) approval() (*store.Approval, *merchant.Project, error) {
	id, err := strconv.ParseInt(v.r.PathValue("id"), 10, 64)
	if err != nil {
		return nil, nil, errNotFound
	}
	a, err := v.d.Store.Approval(v.ctx(), id)
	if err != nil {
		return nil, nil, err
	}
	p, ok := v.d.Store.Project(a.ProjectID)
	if a.Kind != store.ApprovalPayout || !ok || !v.user.Sees(p) {
		return nil, nil, errNotFound
	}
	return a, p, nil
}

func serveApproval(_ *Dashboard, v *visit) error { return v.showApproval(http.StatusOK, newForm()) }

func (v *visit) showApproval(status int, f *Form) error {
	a, p, err := v.approval()
	if err != nil {
		return err
	}
	order, refusal, err := v.d.manual().Waiting(a)
	if err != nil {
		return err
	}
	view := &approvalView{Approval: a, Project: p}
	if view.say, err = v.sayOn(a, v.user.Can(staff.IssuePayouts)); err != nil {
		return err
	}
	view.Sending = a.State == store.ApprovalApproved && a.DoneAt.IsZero()
	if view.Order, err = v.orderView(order); err != nil {
		return err
	}
	switch {
	case a.State != store.ApprovalWaiting: // what speaks for it and against it was of then
		view.Order.Balance, view.Order.Doctor, view.Order.PossibleDuplicates = nil, nil, nil
	case refusal != nil:
		view.Blocked = v.t("manual.blocked", "code", refusal.Code, "message", v.words().code(refusal.Code).either())
	}
	if code, ok := manual.RefusedOutcome(a.Outcome); ok {
		view.Code = codeNote{Code: code, Message: payout.Message(code)}
	}
	if a.Outcome == manual.OutcomeAccepted {
		sent, err := v.d.Store.PaymentView(v.ctx(), a.ProjectID, a.Subject)
		if err != nil {
			return err
		}
		view.Sent = manualPath(p.ID, sent.Payment.RequestID)
	}
	page := Page{Title: v.t("manual.approval_title"), Form: f, Data: view}
	if v.isFragment() {
		return v.fragment("manual_approval", "state", page)
	}
	return v.renderStatus(status, "manual_approval", page)
}

// decide makes a decision of the form.
func (v *visit) decide(state string) (*Form, store.Decision, error) {
	a, _, err := v.approval()
	if err != nil {
		return nil, store.Decision{}, err
	}
	f, err := v.form()
	if err != nil {
		return nil, store.Decision{}, err
	}
	return f, store.Decision{ID: a.ID, State: state, By: v.user.ID, Decider: v.user.Name, Reason: f.Get("reason")}, nil
}

// maxReason is how long a reason may be, in characters.
const maxReason = 1000

func serveApprove(d *Dashboard, v *visit) error {
	f, decision, err := v.decide(store.ApprovalApproved)
	if err != nil {
		return err
	}
	if utf8.RuneCountInString(decision.Reason) > maxReason {
		f.Fault("reason", v.t("manual.reason_long"))
		return v.showApproval(http.StatusUnprocessableEntity, f)
	}
	err = d.manual().Approve(v.ctx(), f.IdempotencyKey, decision, v.actor())
	if _, refused := manual.Refused(err); refused { // the page says why
		return v.showApproval(http.StatusConflict, f)
	}
	return v.decided(decision, err)
}

func serveReject(d *Dashboard, v *visit) error {
	f, decision, err := v.decide(store.ApprovalRejected)
	if err != nil {
		return err
	}
	switch {
	case decision.Reason == "":
		f.Fault("reason", v.t("manual.reason_missing"))
	case utf8.RuneCountInString(decision.Reason) > maxReason:
		f.Fault("reason", v.t("manual.reason_long"))
	}
	if !f.OK() {
		return v.showApproval(http.StatusUnprocessableEntity, f)
	}
	return v.decided(decision, d.Store.DecideApproval(v.ctx(), f.IdempotencyKey, decision, v.actor()))
}

func serveWithdraw(d *Dashboard, v *visit) error {
	f, decision, err := v.decide(store.ApprovalWithdrawn)
	if err != nil {
		return err
	}
	return v.decided(decision, d.Store.DecideApproval(v.ctx(), f.IdempotencyKey, decision, v.actor()))
}

// decided goes back to the approval's page, which shows what has become of it, whoever decided.
func (v *visit) decided(d store.Decision, err error) error {
	return v.decidedAt(approvalPath(d.ID), "manual.decided.", d, err)
}

// decidedAt goes back to a page; words begins the id of what it says then.
func (v *visit) decidedAt(path, words string, d store.Decision, err error) error {
	switch {
	case errors.Is(err, store.ErrSamePerson):
		return &userError{ID: "manual.same_person", Status: http.StatusForbidden}
	case errors.Is(err, store.ErrPossiblySamePerson):
		return &userError{ID: "manual.not_another", Status: http.StatusForbidden}
	case errors.Is(err, store.ErrRequesterGone):
		return &userError{ID: "manual.requester_gone", Status: http.StatusConflict}
	case errors.Is(err, store.ErrNotRequester):
		return &userError{ID: "manual.not_requester", Status: http.StatusForbidden}
	case errors.Is(err, store.ErrMoved), errors.Is(err, store.ErrLapsed): // the page says what
		return v.redirect(path, "manual.decided_before")
	case err != nil:
		return err
	}
	return v.redirect(path, words+d.State)
}
