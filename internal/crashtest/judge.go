package crashtest

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"

	"flashpay/client"
	"flashpay/internal/ledger"
	"flashpay/internal/store"
)

// Violation is a promise that was not kept.
type Violation struct {
	Kind     string   `json:"kind"`
	Payments []string `json:"payments,omitempty"` // payment ids, the first ones
	Count    int      `json:"count"`              // of payments, or of whatever Detail names
	Detail   string   `json:"detail,omitempty"`
}

// String is the violation in one line.
func (v Violation) String() string {
	var b strings.Builder
	b.WriteString(v.Kind)
	if v.Count > 1 {
		fmt.Fprintf(&b, " (%d)", v.Count)
	}
	if len(v.Payments) > 0 {
		b.WriteString(": " + strings.Join(v.Payments, ", "))
	}
	if v.Detail != "" {
		b.WriteString(": " + v.Detail)
	}
	return b.String()
}

// verdict gathers violations: one for each kind, with all its payments.
type verdict struct {
	kinds []string
	found map[string]*Violation
}

// add notes that a payment breaks a promise; detail is kept of the first.
func (v *verdict) add(kind, payment, format string, args ...any) {
	const most = 20
	known := v.found[kind]
	if known == nil {
		known = &Violation{Kind: kind, Detail: fmt.Sprintf(format, args...)}
		v.found[kind] = known
		v.kinds = append(v.kinds, kind)
	}
	known.Count++
	if payment != "" && len(known.Payments) < most {
		known.Payments = append(known.Payments, payment)
	}
}

func (v *verdict) list() []Violation {
	var out []Violation
	for _, kind := range v.kinds {
		out = append(out, *v.found[kind])
	}
	return out
}

// judge holds the facts against the promises.
func judge(f *facts) []Violation {
	v := &verdict{found: make(map[string]*Violation)}
	spent := int64(0)
	for i := range f.orders {
		f.judgeAnswers(v, &f.orders[i])
		f.judgeCallbacks(v, &f.orders[i])
		f.judgeView(v, &f.orders[i])
		if o := &f.orders[i]; f.statuses[o.wish.id].status == client.StatusSuccess {
			spent += o.wish.amount
		}
	}
	f.judgeBook(v)
	f.judgeBalance(v, spent)
	f.judgeDeliveries(v)
	for _, text := range f.badCallbacks {
		v.add("callback does not verify", "", "%s", text)
	}
	for _, d := range f.discrepancies {
		v.add("discrepancy", f.nameOf(d.Payment), "%s: %s", d.Kind, d.Detail)
	}
	return append(v.list(), f.audit.violations()...)
}

// judgeAnswers: every request is answered, with one request id, and what was answered is final, as its account asks.
func (f *facts) judgeAnswers(v *verdict, o *order) {
	id, now := o.wish.id, f.statuses[o.wish.id]
	switch {
	case o.refused != "":
		v.add("refused", id, "%s", o.refused)
		return
	case o.requestID == "":
		v.add("never answered", id, "requested %d times", o.requests)
		return
	case o.differs != "":
		v.add("repeat answered differently", id, "%s", o.differs)
	}
	switch want := f.want(o); {
	case now.notFound:
		v.add("lost", id, "it was answered with success, and Gate does not know it")
	case now.err != "":
		v.add("status cannot be asked", id, "%s", now.err)
	case !now.status.Final():
		v.add("not final", id, "status %s after %s; %s", now.status, f.waited.Round(time.Second), f.stands(id))
	case now.status != want.status || now.code != want.code || now.amount != o.wish.amount:
		v.add("wrong result", id, "status %s, code %s, amount %d; an account ending in %s makes %s, code %s, amount %d",
			now.status, now.code, now.amount, o.wish.ending.digits, want.status, want.code, o.wish.amount)
	}
}

// want is what an order's account makes of it.
func (f *facts) want(o *order) news {
	want := news{status: client.StatusSuccess, code: "0", amount: o.wish.amount, currency: currency}
	if o.wish.ending.code != 0 {
		want.status, want.code = client.StatusDecline, strconv.Itoa(o.wish.ending.code)
	}
	return want
}

// stands tells where the database's operation stands, for messages.
func (f *facts) stands(id string) string {
	v, ok := f.views[id]
	if !ok || len(v.Operations) == 0 {
		return "the database has no operation"
	}
	o := &v.Operations[0]
	return fmt.Sprintf("stage %s, %d submits, %d inquiries, next step at %s", o.Stage, o.Submits, o.Inquiries, o.NextAt.Format("15:04:05.000"))
}

// judgeCallbacks: each final status had a callback that was acknowledged, and every callback told the truth.
func (f *facts) judgeCallbacks(v *verdict, o *order) {
	id := o.wish.id
	heard := f.heard[id]
	if now := f.statuses[id]; now.status.Final() && len(heard) == 0 {
		v.add("no callback", id, "it is %s, and no verified callback was acknowledged", now.status)
	}
	for _, n := range heard {
		if now := f.statuses[id]; n != (news{status: now.status, code: now.code, amount: o.wish.amount, currency: currency}) {
			v.add("callback tells something else", id, "callback: %+v; Gate: status %s, code %s", n, now.status, now.code)
		}
	}
}

// judgeView: the platform has no step left.
func (f *facts) judgeView(v *verdict, o *order) {
	view, ok := f.views[o.wish.id]
	if !ok {
		if o.requestID != "" && !f.statuses[o.wish.id].notFound {
			v.add("lost", o.wish.id, "the database does not have it")
		}
		return
	}
	if !settled(&view) {
		v.add("left over", o.wish.id, "%s", f.stands(o.wish.id))
	}
	if view.Payment.RequestID != o.requestID && o.requestID != "" {
		v.add("repeat answered differently", o.wish.id, "answered %s, stored %s", o.requestID, view.Payment.RequestID)
	}
}

// judgeBook: the bank executed exactly those that succeeded, each once, with the sum and account that were asked for.
func (f *facts) judgeBook(v *verdict) {
	booked := make(map[string][]transfer)
	for _, tr := range f.book {
		id := tr.Reference[strings.IndexByte(tr.Reference, '/')+1:]
		booked[id] = append(booked[id], tr)
	}
	for i := range f.orders {
		o := &f.orders[i]
		id, executed := o.wish.id, 0
		for _, tr := range booked[id] {
			executed += tr.Executed
			if tr.Amount != o.wish.amount || tr.Currency != currency || tr.Account != o.wish.account {
				v.add("bank was asked for something else", id, "%d %s to %s; requested %d %s to %s",
					tr.Amount, tr.Currency, tr.Account, o.wish.amount, currency, o.wish.account)
			}
		}
		switch paid := f.statuses[id].status == client.StatusSuccess; {
		case len(booked[id]) > 1:
			v.add("more than one key", id, "the bank knows %d keys for it, executed %d times", len(booked[id]), executed)
		case executed > 1:
			v.add("paid twice", id, "the bank executed it %d times", executed)
		case executed == 1 && !paid:
			v.add("paid, and not a success", id, "status %s", cmp.Or(string(f.statuses[id].status), "unknown"))
		case executed == 0 && paid:
			v.add("a success that was not paid", id, "the bank did not execute it")
		}
		delete(booked, id)
	}
	for _, id := range keysOf(booked) {
		v.add("paid without a request", id, "the bank's book has it")
	}
}

// judgeBalance: what is available is the opening balance less what was paid, and nothing else is anywhere.
func (f *facts) judgeBalance(v *verdict, spent int64) {
	b := &f.balance
	if b.Sum(ledger.Available) != f.opening-spent || b.Sum(ledger.Held) != 0 || b.Sum(ledger.Disputed) != 0 || b.Owed() != 0 {
		v.add("balance", "", "available %d, held %d, disputed %d, receivable %d; the opening balance %d less %d paid is %d",
			b.Sum(ledger.Available), b.Sum(ledger.Held), b.Sum(ledger.Disputed), b.Owed(), f.opening, spent, f.opening-spent)
	}
}

// judgeDeliveries: callbacks are numbered without gaps, one for each payment, and all are delivered.
func (f *facts) judgeDeliveries(v *verdict) {
	seen := make(map[string]int)
	for i, d := range f.deliveries { // newest first
		if want := int64(len(f.deliveries) - i); d.Number != want {
			v.add("gap in the numbers of callbacks", d.PaymentID, "number %d stands where %d is due", d.Number, want)
			break
		}
	}
	for _, d := range f.deliveries {
		seen[d.PaymentID]++
		if d.State != store.CallbackDelivered {
			v.add("callback not delivered", d.PaymentID, "number %d is %s after %d attempts: %s", d.Number, d.State, d.Attempts, d.Error)
		}
		if seen[d.PaymentID] > 1 {
			v.add("more than one final status", d.PaymentID, "it has %d callbacks", seen[d.PaymentID])
		}
	}
}

// nameOf is the merchant's id of a payment, by the platform's own.
func (f *facts) nameOf(payment int64) string {
	for id, v := range f.views {
		if v.Payment.ID == payment {
			return id
		}
	}
	return ""
}
