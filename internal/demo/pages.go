package demo

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"strconv"
	"time"
)

//go:embed page.html way.html
var pages embed.FS

//go:embed static
var static embed.FS

var page = template.Must(template.New("page.html").ParseFS(pages, "page.html", "way.html"))

// firstAnswer is how long a form waits for Gate before it shows the payout on its
// way. An answer that came meanwhile can show faults at their fields.
const firstAnswer = 2 * time.Second

// burst is how many payouts are sent at once to show load.
const burst = 20

func (s *Shop) routes() http.Handler {
	acts := http.NewServeMux()
	acts.HandleFunc("GET /{$}", s.serveHome)
	acts.HandleFunc("GET /payouts", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/", http.StatusSeeOther) })
	acts.HandleFunc("POST /payouts", s.serveSend)
	acts.HandleFunc("POST /again", s.serveAgain)
	acts.HandleFunc("GET /payouts/{number}", s.servePayout)
	acts.HandleFunc("POST /payouts/{number}/{act}", s.serveAct)
	acts.HandleFunc("GET /events", s.serveEvents)
	acts.Handle("GET /static/", http.FileServerFS(static))

	mux := http.NewServeMux()
	mux.HandleFunc("/callback", s.serveCallback)
	mux.Handle("/", guarded(http.NewCrossOriginProtection().Handler(acts)))
	return mux
}

// guarded sets what keeps a page to itself.
func guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "+
			"form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cache-Control", "no-cache")
		r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
		next.ServeHTTP(w, r)
	})
}

func (s *Shop) serveHome(w http.ResponseWriter, r *http.Request) {
	before, _ := strconv.Atoi(r.URL.Query().Get("before"))
	s.render(w, http.StatusOK, s.home(newForm(r.URL.Query()), before))
}

func (s *Shop) servePayout(w http.ResponseWriter, r *http.Request) {
	view := s.home(newForm(r.URL.Query()), 0)
	view.Way = s.way(number(r))
	if view.Way == nil {
		s.fail(w, http.StatusNotFound, "There is no payout under this address. The list below has all that this shop knows.")
		return
	}
	s.render(w, http.StatusOK, view)
}

// serveSend takes the form: one payout, or many at once.
func (s *Shop) serveSend(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		s.fail(w, http.StatusBadRequest, "The form could not be read. Send it again.")
		return
	}
	f := readForm(r.PostForm)
	o := f.order(customerIP(r.RemoteAddr))
	if len(f.Errors) > 0 {
		s.render(w, http.StatusUnprocessableEntity, s.home(f, 0))
		return
	}
	switch r.PostForm.Get("do") {
	case "burst":
		s.sendMany(w, r, f, many(o, burst))
	case "each":
		s.sendMany(w, r, f, s.oneOfEach(o))
	default:
		s.sendOne(w, r, f, o)
	}
}

func (s *Shop) sendOne(w http.ResponseWriter, r *http.Request, f form, o order) {
	p, e, err := s.pay(o, "")
	if err != nil {
		s.refuseForm(w, f, p, err)
		return
	}
	await(r.Context(), e)
	s.book.mu.RLock()
	a := e.Answer
	s.book.mu.RUnlock()
	if a != nil && a.Outcome == outcomeRefused && len(a.Fields) > 0 {
		f.refuse(a)
		f.Link = linkTo(p.Number)
		s.render(w, http.StatusUnprocessableEntity, s.home(f, 0))
		return
	}
	http.Redirect(w, r, linkTo(p.Number), http.StatusSeeOther)
}

// await waits a little for an exchange's answer, so that a page without script
// shows it.
func await(ctx context.Context, e *exchange) {
	if e == nil {
		return
	}
	select {
	case <-e.Done:
	case <-time.After(firstAnswer):
	case <-ctx.Done():
	}
}

func (s *Shop) sendMany(w http.ResponseWriter, r *http.Request, f form, orders []order) {
	for _, o := range orders {
		if p, _, err := s.pay(o, f.PaymentID); err != nil {
			s.refuseForm(w, f, p, err)
			return
		}
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// many makes n orders of one; their ids follow from its id, so that a form that
// is sent twice is sent once.
func many(o order, n int) []order {
	orders := make([]order, n)
	for i := range orders {
		orders[i] = o
		orders[i].PaymentID = fmt.Sprintf("%s-%02d", o.PaymentID, i+1)
	}
	return orders
}

func (s *Shop) oneOfEach(o order) []order {
	var orders []order
	for _, g := range s.scenarios {
		for _, row := range g.Rows {
			next := o
			next.PaymentID = fmt.Sprintf("%s-%02d", o.PaymentID, len(orders)+1)
			next.Account = withEnding(o.Account, row.Ending)
			orders = append(orders, next)
		}
	}
	return orders
}

// refuseForm shows the form again with what the shop itself has against it.
func (s *Shop) refuseForm(w http.ResponseWriter, f form, p *payout, err error) {
	switch {
	case errors.Is(err, errUsed):
		f.Errors["payment_id"] = "“" + f.PaymentID + "” was used for another payout, so here is a new id. Send again if you mean a new payout."
		f.PaymentID = newPaymentID()
		f.Link = linkTo(p.Number)
	case errors.Is(err, errBusy):
		f.Errors[""] = "A request under this id is still under way."
		f.Link = linkTo(p.Number)
	default:
		f.Errors[""] = "Nothing was sent: " + err.Error() + "."
	}
	s.render(w, http.StatusUnprocessableEntity, s.home(f, 0))
}

// serveAct does what a payout's buttons ask for.
func (s *Shop) serveAct(w http.ResponseWriter, r *http.Request) {
	s.book.mu.RLock()
	p := s.book.number(number(r))
	s.book.mu.RUnlock()
	if p == nil {
		s.fail(w, http.StatusNotFound, "There is no payout under this address.")
		return
	}
	var e *exchange // of a request that was sent
	var err error
	switch r.PathValue("act") {
	case "repeat":
		e, err = s.repeat(p)
	case "change":
		e, err = s.change(p, customerIP(r.RemoteAddr))
	case "status":
		ctx, cancel := context.WithTimeout(r.Context(), 10*time.Second)
		defer cancel()
		err = s.ask(ctx, p)
	case "forge":
		err = s.forge(p)
	default:
		s.fail(w, http.StatusNotFound, "This page has no such button.")
		return
	}
	if err != nil && !errors.Is(err, errBusy) {
		s.fail(w, http.StatusConflict, "That was not possible: "+err.Error()+".")
		return
	}
	await(r.Context(), e)
	http.Redirect(w, r, linkTo(p.Number)+anchors[r.PathValue("act")], http.StatusSeeOther)
}

func (s *Shop) serveAgain(w http.ResponseWriter, r *http.Request) {
	if err := s.repeatOpen(); err != nil {
		s.fail(w, http.StatusConflict, "That was not possible: "+err.Error()+".")
		return
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// anchors are the steps where the outcome of a button is seen.
var anchors = map[string]string{"repeat": "#answers", "change": "#answers", "status": "#queries", "forge": "#callbacks"}

func number(r *http.Request) int {
	n, _ := strconv.Atoi(r.PathValue("number")) // 0 is no payout's number
	return n
}

func linkTo(n int) string { return "/payouts/" + strconv.Itoa(n) }

func (s *Shop) fail(w http.ResponseWriter, status int, words string) {
	view := s.home(newForm(nil), 0)
	view.Notice = words
	s.render(w, status, view)
}

func (s *Shop) render(w http.ResponseWriter, status int, view *view) {
	var b bytes.Buffer
	if err := page.Execute(&b, view); err != nil {
		s.log.Error("the page cannot be made", "err", err)
		http.Error(w, "the page cannot be made; the log says why", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes())
}
