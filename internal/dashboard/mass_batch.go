package dashboard

import (
	"cmp"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"flashpay/internal/manual"
	"flashpay/internal/massbatch"
	"flashpay/internal/merchant"
	"flashpay/internal/payout"
	"flashpay/internal/staff"
	"flashpay/internal/store"
	"flashpay/internal/store/batches"
)

// batchView is the page of a batch.
type batchView struct {
	*massbatch.Status
	say
	Project  *merchant.Project
	Report   *reportView     // nil: none is kept
	Approval *store.Approval // nil: it needed none
	Callback *store.Delivery // that tells its end; nil: there is none
	Counts   []countView
	Live     string // what the page asks for by itself; empty: nothing changes any more
	Rate     int64  // rows a minute; 0: not known
	Left     time.Duration
	Sums     []manual.Sum // that approval lets go
}

// Handled is how many rows that may be sent were dealt with.
func (b *batchView) Handled() int64 { return b.Good - b.ByStatus[massbatch.NotSent] }

// Unsent is how many rows are still to be sent.
func (b *batchView) Unsent() int64 { return b.ByStatus[massbatch.NotSent] }

// Percent is how much of the batch was sent.
func (b *batchView) Percent() int64 {
	if b.Good == 0 {
		return 100
	}
	return b.Handled() * 100 / b.Good
}

// Declined is how many of its payouts were declined or refused.
func (b *batchView) Declined() int64 { return (&batchRow{Status: b.Status}).Declined() }

// Word is the id of the words about where the batch stands.
func (b *batchView) Word() string { return batchWord(b.State) }

func batchWord(s batches.State) string {
	return "mass.state." + strings.ReplaceAll(string(s), " ", "_")
}

// Word is the id of the words about where a batch in the list stands.
func (r *batchRow) Word() string { return batchWord(r.State) }

// Percent is how much of a batch in the list was sent.
func (r *batchRow) Percent() int64 { return (&batchView{Status: r.Status}).Percent() }

// countView counts the rows of one status.
type countView struct {
	Name   string // as the filter of rows has it
	Status payout.Status
	Word   string // of rows that made no payment; else the status says it
	Rows   int64
	Sums   []manual.Sum
}

// ID is a part of elements' ids, by which htmx keeps the focus.
func (c countView) ID() string { return strings.ReplaceAll(c.Name, " ", "-") }

// countOrder is the order in which statuses are told: what needs somebody comes before what is well.
var countOrder = []string{
	string(payout.Success), string(payout.Processing), massbatch.NotSent, string(payout.Decline), massbatch.Refused, massbatch.WithFaults,
	string(batches.PaidAlready),
}

// counts are the batch's rows by status, with their sums.
func (b *batchView) counts() []countView {
	sums := make(map[string][]manual.Sum)
	for _, c := range b.Totals {
		if c.Amount > 0 && c.Status != string(batches.Good) {
			sums[c.Status] = addSum(sums[c.Status], c.Amount, c.Currency)
		}
	}
	rows := map[string]int64{string(batches.PaidAlready): b.PaidAlready}
	for name, n := range b.ByStatus {
		rows[name] += n
	}
	var out []countView
	for name, n := range rows {
		if n == 0 {
			continue
		}
		c := countView{Name: name, Status: payout.Status(name), Rows: n, Sums: sums[name]}
		switch name {
		case massbatch.NotSent, massbatch.WithFaults, massbatch.Refused, string(batches.PaidAlready):
			c.Word = rowWord(name)
		}
		out = append(out, c)
	}
	place := func(c countView) int {
		if i := slices.Index(countOrder, c.Name); i >= 0 {
			return i
		}
		return len(countOrder)
	}
	slices.SortFunc(out, func(a, b countView) int { return cmp.Or(cmp.Compare(place(a), place(b)), cmp.Compare(a.Name, b.Name)) })
	return out
}

// moves tells whether something of the batch still changes by itself.
func (b *batchView) moves() bool {
	return b.State == batches.Sending || b.State == batches.Awaiting || b.State != batches.Checked && b.ByStatus[string(payout.Processing)] > 0
}

const (
	rateLeast    = 2 * time.Second  // shorter measures say nothing
	rateMeasured = 20 * time.Second // what a rate is measured over
)

// follow says what the page asks for next, and from what it asked before how fast the batch goes.
func (b *batchView) follow(v *visit) {
	if !b.moves() {
		return
	}
	now, from, since := v.d.Store.Now(), b.Handled(), v.d.Store.Now()
	q := v.r.URL.Query()
	at, errAt := strconv.ParseInt(q.Get("at"), 10, 64)
	done, errDone := strconv.ParseInt(q.Get("done"), 10, 64)
	if began := time.UnixMilli(at); errAt == nil && errDone == nil && b.State == batches.Sending && done <= b.Handled() && now.After(began) {
		over := now.Sub(began)
		if over >= rateLeast {
			b.Rate = (b.Handled() - done) * int64(time.Minute) / max(1, int64(over))
		}
		if b.Rate > 0 {
			b.Left = time.Duration(b.Unsent() * int64(time.Minute) / b.Rate)
		}
		if over < rateMeasured {
			from, since = done, began
		}
	}
	next := url.Values{"was": {string(b.State)}, "done": {strconv.FormatInt(from, 10)}, "at": {strconv.FormatInt(since.UnixMilli(), 10)}}
	b.Live = batchPath(b.ID) + "?" + next.Encode()
}

// serveBatch shows a batch: what the check found, where it stands, and what became of its rows.
func serveBatch(_ *Dashboard, v *visit) error { return v.showBatch(http.StatusOK, newForm()) }

func (v *visit) showBatch(status int, f *Form) error {
	found, err := v.batch()
	if err != nil {
		return err
	}
	b := &batchView{Status: found}
	b.Counts = b.counts()
	b.follow(v)
	p := Page{Title: v.t("mass.batch", "number", strconv.FormatInt(b.ID, 10)), Form: f, Data: b}
	if v.asksFor("live") {
		if was := v.r.URL.Query().Get("was"); was != string(b.State) { // what stands around the fragment is another now
			v.w.Header().Set("HX-Redirect", batchPath(b.ID))
			v.w.WriteHeader(http.StatusNoContent)
			return nil
		}
		return v.fragment("mass_batch", "live", p)
	}
	if err := b.complete(v); err != nil {
		return err
	}
	return v.renderStatus(status, "mass_batch", p)
}

// complete reads what stands around the part that is live.
func (b *batchView) complete(v *visit) (err error) {
	b.Project, _ = v.d.Store.Project(b.ProjectID)
	if b.Report, err = v.report(b.Status); err != nil {
		return err
	}
	if told, err := v.d.Store.Deliveries(v.ctx(), store.DeliveryFilter{ProjectID: b.ProjectID, Batch: b.ID, Limit: 1}); err != nil {
		return err
	} else if len(told) > 0 {
		b.Callback = &told[0]
	}
	if b.Status.Approval == 0 {
		return nil
	}
	if b.Approval, err = v.d.Store.Approval(v.ctx(), b.Status.Approval); err != nil {
		if errors.Is(err, store.ErrNotFound) {
			err = nil
		}
		return err
	}
	for _, c := range b.Totals {
		if c.Status == string(batches.Good) {
			b.Sums = addSum(b.Sums, c.Amount, c.Currency)
		}
	}
	b.say, err = v.sayOn(b.Approval, v.user.Can(staff.IssuePayouts))
	return err
}

// move moves a batch by a form, and comes back to its page, which says where it stands, whoever moved it.
func (v *visit) move(move func(id int64, by massbatch.By) (*batches.Batch, error)) error {
	b, f, err := v.batchForm()
	if err != nil {
		return err
	}
	_, err = move(b.ID, v.by(f))
	if errors.Is(err, store.ErrMoved) {
		return v.redirect(batchPath(b.ID), "mass.moved_before")
	}
	if err != nil {
		return err
	}
	return v.redirect(batchPath(b.ID), "")
}

func serveBatchPause(d *Dashboard, v *visit) error {
	return v.move(func(id int64, by massbatch.By) (*batches.Batch, error) { return d.mass().Pause(v.ctx(), id, by) })
}

func serveBatchResume(d *Dashboard, v *visit) error {
	return v.move(func(id int64, by massbatch.By) (*batches.Batch, error) { return d.mass().Resume(v.ctx(), id, by) })
}

func serveBatchCancel(d *Dashboard, v *visit) error {
	return v.move(func(id int64, by massbatch.By) (*batches.Batch, error) { return d.mass().Cancel(v.ctx(), id, by) })
}

// CallbackWord is the id of the words about where its callback stands.
func (b *batchView) CallbackWord() string {
	return "payments.callback." + strings.ReplaceAll(string(b.Callback.State), " ", "_")
}

// serveBatchResend makes the callback of a batch's end due again.
func serveBatchResend(d *Dashboard, v *visit) error {
	b, f, err := v.batchForm()
	if err != nil {
		return err
	}
	told, err := d.Store.Deliveries(v.ctx(), store.DeliveryFilter{ProjectID: b.ProjectID, Batch: b.ID, Limit: 1})
	if err == nil && len(told) == 0 {
		err = errNotFound
	}
	if err != nil {
		return err
	}
	number, err := d.Store.ResendCallback(v.ctx(), f.IdempotencyKey, b.ProjectID, "", told[0].Number, v.actor())
	if errors.Is(err, store.ErrNoCallbackURL) {
		return &userError{ID: "payments.fault_no_url", Status: http.StatusConflict}
	}
	if err != nil {
		return err
	}
	return v.redirect(batchPath(b.ID), "payments.resent", "number", number)
}

func serveBatchApprove(_ *Dashboard, v *visit) error { return v.decideBatch(store.ApprovalApproved) }

func serveBatchReject(_ *Dashboard, v *visit) error { return v.decideBatch(store.ApprovalRejected) }

func serveBatchWithdraw(_ *Dashboard, v *visit) error {
	return v.decideBatch(store.ApprovalWithdrawn)
}

// decideBatch decides a batch that waits for a second person.
func (v *visit) decideBatch(state string) error {
	b, f, err := v.batchForm()
	if err != nil {
		return err
	}
	decision := store.Decision{ID: b.Approval, State: state, By: v.user.ID, Decider: v.user.Name, Reason: f.Get("reason")}
	switch {
	case b.Approval == 0:
		return v.redirect(batchPath(b.ID), "mass.moved_before")
	case state == store.ApprovalRejected && decision.Reason == "":
		f.Fault("reason", v.t("manual.reason_missing"))
	case utf8.RuneCountInString(decision.Reason) > maxReason:
		f.Fault("reason", v.t("manual.reason_long"))
	}
	if !f.OK() {
		return v.showBatch(http.StatusUnprocessableEntity, f)
	}
	err = v.d.mass().Decide(v.ctx(), decision, v.by(f))
	return v.decidedAt(batchPath(b.ID), "mass.decided.", decision, err)
}
