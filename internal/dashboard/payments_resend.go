package dashboard

import (
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"flashpay/internal/resend"
	"flashpay/internal/staff"
	"flashpay/internal/store"
)

// resendRoutes send the callbacks of many payments again: those that were chosen in the register, or all that its filter
// leaves.
var resendRoutes = []route{
	{pattern: "GET /payments/resend", right: staff.ResendCallbacks, serve: serveResendMany},
	{pattern: "POST /payments/resend", right: staff.ResendCallbacks, serve: serveResendOrder},
	{pattern: "GET /payments/resend/{job}", right: staff.ResendCallbacks, serve: serveResendProgress},
}

// resending is what an order would send again.
type resending struct {
	Callbacks []store.FailingCallback
	More      bool     // the filter leaves more than one order may have
	Rows      []string // the payments that were chosen
	All       bool     // all of the filter were
	List      string   // the register that it was chosen in
	Members   url.Values
}

// Count is how many callbacks an order would send again.
func (r *resending) Count() int { return len(r.Callbacks) }

// Query is what was chosen, as it stands in addresses.
func (r *resending) Query() string {
	q := maps.Clone(r.Members)
	if !r.All {
		q["row"], q["chosen"] = r.Rows, []string{"yes"}
	}
	return q.Encode()
}

// readResending reads what the address, or the form, chooses.
func (v *visit) readResending() (*resending, error) {
	l, err := readListing(v)
	if err != nil {
		return nil, err
	}
	if !l.Form.OK() {
		return nil, &userError{ID: "payments.fault_resend"}
	}
	l.filter.Situation = store.SituationFailing
	q := l.query()
	q.Set("situation", string(store.SituationFailing))
	given := v.r.URL.Query()
	out := &resending{Rows: given["row"], All: !given.Has("row") && !given.Has("chosen"), List: "/payments?" + q.Encode(), Members: q}
	if out.All {
		out.Callbacks, out.More, err = v.d.Store.FailingCallbacks(v.ctx(), l.filter, resend.Most)
		return out, err
	}
	var payments []store.FailingPayment
	for _, name := range out.Rows[:min(len(out.Rows), pageRows)] {
		project, id, ok := rowNamed(name)
		if ok && slices.Contains(l.filter.Projects, project) {
			payments = append(payments, store.FailingPayment{ProjectID: project, ID: id})
		}
	}
	out.Callbacks, err = v.d.Store.FailingCallbacksOf(v.ctx(), payments)
	return out, err
}

// rowNamed reads a payment's name in addresses.
func rowNamed(name string) (project, id int64, ok bool) {
	first, second, _ := strings.Cut(name, ".")
	project, err := strconv.ParseInt(first, 10, 64)
	if err != nil {
		return 0, 0, false
	}
	id, err = strconv.ParseInt(second, 10, 64)
	return project, id, err == nil
}

// serveResendMany asks whether so many callbacks are to be sent again.
func serveResendMany(_ *Dashboard, v *visit) error {
	r, err := v.readResending()
	if err != nil {
		return err
	}
	return v.render("payments_resend", Page{Title: v.t("payments.resend_many"), Form: newForm(), Data: r})
}

// serveResendOrder has callbacks sent again: those that are chosen now, and no more than were agreed to.
func serveResendOrder(d *Dashboard, v *visit) error {
	f, err := v.form()
	if err != nil {
		return err
	}
	v.r.URL.RawQuery = f.Get("query") // the filter and the rows, as the question had them
	r, err := v.readResending()
	if err != nil {
		return err
	}
	agreed, err := strconv.Atoi(f.Get("count"))
	if err != nil || agreed < 1 {
		return v.redirect(r.List, "")
	}
	id, err := v.orderResend(d, f.IdempotencyKey, r, agreed)
	if err != nil {
		return err
	}
	return v.redirect("/payments/resend/"+strconv.FormatInt(id, 10)+withQuery(r.Members.Encode()), "")
}

func (v *visit) orderResend(d *Dashboard, once string, r *resending, agreed int) (id int64, err error) {
	filter := "rows chosen"
	if r.All {
		l := &listing{Form: &Form{Values: r.Members}}
		filter = strings.Join(l.described(), " ")
	}
	// What began to fail since is newer, and stands before what was agreed to.
	order := resend.Order{Callbacks: r.Callbacks[max(0, len(r.Callbacks)-agreed):], UserID: v.user.ID, Actor: v.actor(), Filter: filter}
	id, err = resend.Add(v.ctx(), d.Store, once, order)
	if isAny(err, resend.ErrNone) { // a second click, by which the first one's callbacks are through
		if id, err = resend.Find(v.ctx(), d.Store, v.user.ID, once); isAny(err, store.ErrNotFound) {
			return 0, &userError{ID: "payments.resend_none", Status: 409}
		}
	}
	return id, err
}

// resendProgress is how far an order has come.
type resendProgress struct {
	*resend.Progress
	List string
	Here string
}

// serveResendProgress shows how far an order has come.
func serveResendProgress(d *Dashboard, v *visit) error {
	id, err := strconv.ParseInt(v.r.PathValue("job"), 10, 64)
	if err != nil {
		return errNotFound
	}
	p, err := resend.Get(v.ctx(), d.Store, v.user.ID, id)
	if err != nil {
		return err
	}
	page := Page{Title: v.t("payments.resend_many"), Data: &resendProgress{p, localPath("/payments" + withQuery(v.r.URL.RawQuery)), v.r.URL.RequestURI()}}
	if v.asksFor("live") {
		return v.fragment("payments_resend_progress", "live", page)
	}
	return v.render("payments_resend_progress", page)
}
