package dashboard

import (
	"errors"
	"net/http"
	"strings"

	"flashpay/internal/money"
	"flashpay/internal/rates"
	"flashpay/internal/staff"
	"flashpay/internal/store"
)

// rateRoutes are where operators set rates by hand, two of them each.
var rateRoutes = []route{
	{pattern: "GET /operate/rates", right: staff.OperateFunds, serve: serveRateDesk},
	{pattern: "POST /operate/rates", right: staff.OperateFunds, fresh: true, serve: serveRateAsk},
	{pattern: "POST /operate/rates/{approval}/decide", right: staff.OperateFunds, fresh: true, serve: serveRateDecide},
}

var rateKinds = []string{store.ApprovalRate}

type rateDesk struct {
	desk
	Feeds   []feedView
	Waiting []waitingRate
	Decided []approvalRow
}

// waitingRate is a rate by hand that waits for a second person.
type waitingRate struct {
	approvalRow
	From, To, Rate string
	Known          []ratedNow
	Lonely         bool // no operator may decide it
}

// ratedNow is what a source says now of the currencies of a rate that waits.
type ratedNow struct {
	Source       rates.Source
	Rate, Change string // Change is how far the rate that waits is from it, in percent
	Far          bool
}

// farRate is from how many percent on a rate that waits looks like a slip of the hand.
const farRate = 10

func (v *visit) rateDesk() (*rateDesk, error) {
	page := &rateDesk{desk: v.desk("rates")}
	var err error
	if page.Feeds, err = v.feeds(); err != nil {
		return nil, err
	}
	waiting, err := v.d.Store.Approvals(v.ctx(), store.ApprovalFilter{Kinds: rateKinds, State: store.ApprovalWaiting, Limit: listMost})
	if err != nil {
		return nil, err
	}
	for i := range waiting {
		row, err := v.waitingRate(waiting[i].ID)
		if err != nil {
			return nil, err
		}
		page.Waiting = append(page.Waiting, *row)
	}
	lately, err := v.d.Store.Approvals(v.ctx(), store.ApprovalFilter{Kinds: rateKinds, Limit: listMost})
	for _, a := range lately {
		if a.State != store.ApprovalWaiting {
			page.Decided = append(page.Decided, v.approvalRow(a))
		}
	}
	return page, err
}

func (v *visit) waitingRate(id int64) (*waitingRate, error) {
	a, err := v.d.Store.Approval(v.ctx(), id)
	if err != nil {
		return nil, err
	}
	q, err := a.Rate()
	if err != nil {
		return nil, err
	}
	row := &waitingRate{approvalRow: v.approvalRow(*a), From: q.Base, To: q.Term, Rate: v.decimal(q.Value)}
	if row.say, err = v.sayOn(a, true); err != nil {
		return nil, err
	}
	for _, source := range rates.Sources() {
		if r, ok := v.d.Store.Rates().Rate(q.Base, q.Term, v.d.Store.Now(), rates.MaxAge, []rates.Source{source}); ok {
			known := r.Value()
			percent := q.Value.Sub(known).Shift(2).Quo(known, 3)
			row.Known = append(row.Known, ratedNow{source, v.decimal(known), v.change(percent), percent.Abs().Cmp(money.Whole(farRate)) >= 0})
		}
	}
	others, err := v.d.Store.RateDeciders(v.ctx(), a.RequestedBy)
	row.Lonely = others == 0
	return row, err
}

// change writes a difference in percent with its sign.
func (v *visit) change(percent money.Decimal) string {
	sign := map[int]string{-1: "−", 0: "", 1: "+"}[percent.Sign()]
	return sign + v.decimal(percent.Abs()) + "\u00a0%"
}

func serveRateDesk(_ *Dashboard, v *visit) error { return v.showRateDesk(newForm()) }

func (v *visit) showRateDesk(f *Form) error {
	page, err := v.rateDesk()
	if err != nil {
		return err
	}
	status := http.StatusOK
	if !f.OK() {
		status = http.StatusUnprocessableEntity
	}
	return v.renderStatus(status, "operate_rates", Page{Title: v.t("rates.title"), Form: f, Data: page, Wide: true})
}

func serveRateAsk(d *Dashboard, v *visit) error {
	f, err := v.form()
	if err != nil {
		return err
	}
	q := v.readRate(f)
	if f.OK() {
		_, err := d.Store.RequestRateApproval(v.ctx(), &q, v.user, store.By{Actor: v.actor(), IdempotencyKey: f.IdempotencyKey})
		switch {
		case errors.Is(err, store.ErrApprovalWaits):
			f.Fault("", v.t("rates.waits_already", "pair", q.Base+"/"+q.Term))
		case err != nil:
			return err
		}
	}
	if !f.OK() {
		return v.showRateDesk(f)
	}
	return v.redirect("/operate/rates", "operate.asked")
}

// readRate reads a rate by the rules of `flashpay rates set`, with each fault at its field.
func (v *visit) readRate(f *Form) (q rates.Quote) {
	for _, name := range []string{"from", "to"} {
		code := strings.ToUpper(f.Get(name))
		f.Values.Set(name, code)
		if !money.Valid(code) {
			f.Fault(name, v.t("rates.currency_fault"))
		}
	}
	q = rates.Quote{Source: rates.Manual, Series: rates.ByHand, Base: f.Get("from"), Term: f.Get("to")}
	if f.OK() && q.Base == q.Term {
		f.Fault("to", v.t("rates.same_currency"))
	}
	var err error
	if q.Value, err = money.ParseTypedDecimal(f.Get("rate")); err != nil {
		f.Fault("rate", v.decimalFault(err, "rates.rate_fault"))
	}
	if f.OK() && q.Check() != nil {
		f.Fault("rate", v.t("rates.range_fault", "count", rates.MaxDigits))
	}
	return q
}

func serveRateDecide(d *Dashboard, v *visit) error {
	decision, by, err := v.operatorDecision()
	if err != nil {
		return err
	}
	if err := fundsFault(d.Store.DecideRate(v.ctx(), decision, by)); err != nil {
		return err
	}
	return v.redirect("/operate/rates", "rates.decided."+decision.State)
}
