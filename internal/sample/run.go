package sample

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"flashpay/internal/accept"
	"flashpay/internal/ledger"
	"flashpay/internal/massbatch"
	"flashpay/internal/merchant"
	"flashpay/internal/method"
	"flashpay/internal/payout"
	"flashpay/internal/store"
	"flashpay/signature"
)

// runner makes happen what is planned, one act after the other. It stands in the place of the stations: the store hands
// it what is accepted and what is to be told, as it hands them to the engine and the dispatcher.
type runner struct {
	store   *store.Store
	clock   *clock
	method  *method.Method
	plan    *plan
	config  *Config
	service *accept.Service
	batches *massbatch.Service

	saving []saving

	mu      sync.Mutex
	flights map[*planned]*flight
	work    map[key]*store.Work        // what the store has started and nobody has asked for
	jobs    map[key]*store.CallbackJob // likewise
	seen    int                        // payouts accepted, or found accepted
	made    int
}

// key names a payout.
type key struct {
	project int64
	payment string
}

func (i *planned) key() key { return key{i.project.ID, i.id} }

// flight is a payout as it stands.
type flight struct {
	payment   payout.Payment
	operation payout.Operation
	job       *store.CallbackJob // nil: not known
	quiet     bool               // its callback is not pending any more
}

// saving is an attempt that waits to be saved.
type saving struct {
	flight  *flight
	attempt *attempt
}

const (
	submitDeadline = 10 * time.Second
	savingAtOnce   = 200
	leasedAtOnce   = 1000
)

func newRunner(s *store.Store, clock *clock, methods *method.Registry, m *method.Method, p *plan, c *Config) *runner {
	r := &runner{
		store: s, clock: clock, method: m, plan: p, config: c,
		flights: make(map[*planned]*flight), work: make(map[key]*store.Work), jobs: make(map[key]*store.CallbackJob),
	}
	route := func(*merchant.Project, *method.Method) (string, int64, bool) { return Provider, ProviderID, true }
	r.service = &accept.Service{Acceptor: s, Route: route, Rates: s.Rates}
	r.batches = &massbatch.Service{Store: s, Payouts: r.service, Methods: methods}
	s.SetEngine(engine{r})
	s.SetDispatcher(dispatcher{r})
	return r
}

// finished tells whether a call before this one has made everything: the last act of all is done.
func (r *runner) finished(ctx context.Context) (bool, error) {
	last := r.plan.acts[len(r.plan.acts)-1]
	for k := len(r.plan.acts) - 1; last.payout == nil; k-- {
		last = r.plan.acts[k]
	}
	f, err := r.find(ctx, last.payout)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return false, nil
	case err != nil:
		return false, err
	}
	return f.payment.Head.Seq >= last.payout.lines(len(last.payout.moves)) && f.quiet, nil
}

// checkBegun sees to it that what a call before this one has made is of the same plan: the first payout of the plan is
// there, accepted at its time, or none is.
func (r *runner) checkBegun(ctx context.Context) error {
	first := r.plan.payouts[0]
	f, err := r.find(ctx, first)
	if err == nil && f.payment.CreatedAt.Equal(first.at) {
		return nil
	}
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	for _, p := range r.config.projects() {
		told, err := r.store.Deliveries(ctx, store.DeliveryFilter{ProjectID: p.ID, Limit: 1})
		if err != nil {
			return err
		}
		if len(told) > 0 {
			return fmt.Errorf("%w: project %d has payouts of another seed or number", ErrTaken, p.ID)
		}
	}
	return nil
}

// lines is how long a payout's journal is after so many of its moves.
func (i *planned) lines(moves int) int64 {
	n := int64(1)
	for _, m := range i.moves[:moves] {
		if m.step.Kind != "" {
			n++
		}
	}
	return n
}

func (r *runner) run(ctx context.Context) error {
	for acts := r.plan.acts; len(acts) > 0; {
		n := together(acts)
		r.clock.set(acts[0].at)
		if err := each(acts[:n], func(a *act) error { return r.do(ctx, a) }); err != nil {
			return err
		}
		acts = acts[n:]
	}
	return r.save(ctx)
}

// together says how many of the first acts happen at once, and so go into few commits: those of one sending of wages.
func together(acts []act) int {
	n := 1
	for n < len(acts) && acts[0].sharesCommit() && acts[n].sharesCommit() && acts[n].kind == acts[0].kind && acts[n].at.Equal(acts[0].at) {
		n++
	}
	return n
}

// sharesCommit tells whether an act may happen beside others of its kind. A lease may not: it touches other flights.
func (a *act) sharesCommit() bool {
	return a.kind == acceptAct || a.kind == moveAct && !a.payout.moves[a.number].lease
}

// each does something with all of a list at once.
func each[T any](list []T, do func(*T) error) error {
	if len(list) == 1 {
		return do(&list[0])
	}
	errs := make([]error, len(list))
	var done sync.WaitGroup
	for k := range list {
		done.Go(func() { errs[k] = do(&list[k]) })
	}
	done.Wait()
	return errors.Join(errs...)
}

func (r *runner) do(ctx context.Context, a *act) error {
	var err error
	switch a.kind {
	case tariffAct:
		err = r.agree(ctx, a.tariff)
	case ratesAct:
		_, err = r.store.AddRates(ctx, a.rates.quotes, store.By{Actor: actor})
	case topUpAct:
		err = r.topUp(ctx, &a.top)
	case fileAct:
		err = r.upload(ctx, a.file)
	case acceptAct:
		err = r.accept(ctx, a.payout)
	case moveAct:
		err = r.move(ctx, a.payout, a.number)
	case attemptAct:
		err = r.attempt(ctx, a.payout, a.number)
	case sealAct:
		err = r.store.SealJournal(ctx)
	}
	if err != nil && a.payout != nil {
		return fmt.Errorf("sample: payout %s of project %d: %w", a.payout.id, a.payout.project.ID, err)
	}
	return err
}

// topUp tops a balance up, unless the sum of all top-ups says that it was done.
func (r *runner) topUp(ctx context.Context, t *topUp) error {
	balances, err := r.store.Balances(ctx, t.project.ID)
	if err != nil {
		return err
	}
	if b, ok := balances[t.in]; ok && -b.Sum(ledger.Funding) >= t.before+t.amount {
		return nil
	}
	return r.store.TopUp(ctx, t.project.ID, t.in, t.amount, t.reason, actor)
}

func (r *runner) accept(ctx context.Context, i *planned) error {
	project, _ := r.store.Project(i.project.ID)
	body := i.request()
	tree, err := signature.Parse(body)
	if err != nil {
		return err
	}
	receipt, err := r.service.Payout(ctx, accept.In{
		Project: project, Method: r.method, Tree: tree, Form: signature.Canonical(tree), Body: body, Interface: i.hands,
	})
	if err != nil {
		return err
	}
	f := &flight{}
	work, job := r.handed(i)
	switch {
	case work != nil:
		f.payment, f.operation = work.Payment, work.Operation
	case job != nil:
		f.payment, f.operation, f.job = job.Payment, job.Operation, job
	default:
		if f, err = r.find(ctx, i); err != nil {
			return err
		}
	}
	r.took(i, f, receipt.Repeat)
	if !receipt.Repeat {
		if code := i.declined(); (code != 0) != (f.payment.Status == payout.Decline) {
			return fmt.Errorf("it is %s: funds or settings of the project were changed while the sample was made", f.payment.Status)
		}
	}
	return nil
}

// took counts a payout that is accepted.
func (r *runner) took(i *planned, f *flight, repeat bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.flights[i] = f
	if !repeat {
		r.made++
	}
	if r.seen++; r.config.Progress != nil && (r.seen%50 == 0 || r.seen == len(r.plan.payouts)) {
		r.config.Progress(r.seen, len(r.plan.payouts))
	}
}

func (r *runner) flight(i *planned) *flight {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.flights[i]
}

// handed returns what the store has handed over of a payout since it was last asked.
func (r *runner) handed(i *planned) (*store.Work, *store.CallbackJob) {
	r.mu.Lock()
	defer r.mu.Unlock()
	work, job := r.work[i.key()], r.jobs[i.key()]
	delete(r.work, i.key())
	delete(r.jobs, i.key())
	return work, job
}

// find loads a payout that is there already.
func (r *runner) find(ctx context.Context, i *planned) (*flight, error) {
	v, err := r.store.PaymentView(ctx, i.project.ID, i.id)
	if err != nil {
		return nil, err
	}
	f := &flight{payment: v.Payment, operation: v.Operations[0]}
	told, err := r.store.Deliveries(ctx, store.DeliveryFilter{ProjectID: i.project.ID, PaymentID: i.id, Limit: 1})
	if err != nil || len(told) == 0 {
		return f, err
	}
	if f.quiet = told[0].State != store.CallbackPending; !f.quiet {
		f.job, err = r.store.CallbackJob(ctx, i.project.ID, told[0].Number)
	}
	return f, err
}

// move makes a payout's next move, unless it was made before.
func (r *runner) move(ctx context.Context, i *planned, number int) error {
	f, m := r.flight(i), &i.moves[number]
	if f.payment.Head.Seq > i.lines(number) {
		return nil
	}
	if m.lease {
		return r.lease(ctx, i)
	}
	err := r.apply(ctx, i, number)
	if errors.Is(err, store.ErrMoved) { // its lease was taken or freed while the sample was interrupted
		if f.payment, f.operation, err = r.reload(ctx, f); err == nil {
			err = r.apply(ctx, i, number)
		}
	}
	return err
}

func (r *runner) apply(ctx context.Context, i *planned, number int) error {
	f, m := r.flight(i), &i.moves[number]
	step := m.step
	step.Payment, step.Operation = f.payment, f.operation
	if number+1 < len(i.moves) {
		step.NextAt = i.moves[number+1].at.Add(time.Minute) // nobody but us may take it up
		if i.moves[number+1].lease {
			step.NextAt = i.moves[number+1].at
		}
	}
	if step.Kind != "" {
		step.Detail = store.Detail{}.Text("by", m.call).Text("outcome", m.outcome).Int("code", int64(step.Code)).Text("message", m.message).
			Text("provider_payment_id", step.ProviderPaymentID).Int("submits", int64(f.operation.Submits)).Int("inquiries", int64(f.operation.Inquiries))
	}
	after, err := r.store.Apply(ctx, step)
	if err != nil {
		return err
	}
	f.payment, f.operation = after.Payment, after.Operation
	if _, job := r.handed(i); job != nil {
		f.job = job
	}
	return nil
}

func (r *runner) reload(ctx context.Context, f *flight) (payout.Payment, payout.Operation, error) {
	w, err := r.store.Reload(ctx, f.operation.ProjectID, f.operation.ID)
	if err != nil {
		return f.payment, f.operation, err
	}
	return w.Payment, w.Operation, nil
}

// lease commits the intent to hand an operation to the bank once more. The store leases whatever of the project is due,
// so that others of the same sending may be leased along: each of them is noted.
func (r *runner) lease(ctx context.Context, i *planned) error {
	f := r.flight(i)
	if f.operation.Stage == payout.Sending {
		return nil
	}
	leased, err := r.store.LeaseOperations(ctx, store.Lease{
		ProjectID: f.operation.ProjectID, Provider: Provider, N: leasedAtOnce, Submit: true, SubmitDeadline: submitDeadline, Duration: submitDeadline + 2*time.Second,
	})
	if err != nil {
		return err
	}
	r.noteLeased(leased)
	if f.operation.Stage != payout.Sending {
		return fmt.Errorf("its operation was not leased among %d that were due", len(leased))
	}
	return nil
}

// noteLeased brings the flights of leased operations up to date.
func (r *runner) noteLeased(leased []*store.Work) {
	byKey := make(map[key]*store.Work, len(leased))
	for _, w := range leased {
		byKey[key{w.Payment.ProjectID, w.Payment.PaymentID}] = w
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, f := range r.flights {
		if w := byKey[i.key()]; w != nil {
			f.payment, f.operation = w.Payment, w.Operation
		}
	}
}

// attempt notes an attempt to deliver a callback, unless it was made before. Attempts carry their own times, so that many
// are saved in one commit; of one callback only one at a time.
func (r *runner) attempt(ctx context.Context, i *planned, number int) error {
	f := r.flight(i)
	if f.quiet || f.job == nil || f.job.Attempts > number {
		return nil
	}
	for _, s := range r.saving {
		if s.flight == f {
			if err := r.save(ctx); err != nil {
				return err
			}
			break
		}
	}
	r.saving = append(r.saving, saving{f, &i.attempts[number]})
	if len(r.saving) < savingAtOnce {
		return nil
	}
	return r.save(ctx)
}

// save saves the attempts that wait.
func (r *runner) save(ctx context.Context) error {
	err := each(r.saving, func(s *saving) error { return r.saveOne(ctx, s.flight, s.attempt) })
	r.saving = r.saving[:0]
	return err
}

func (r *runner) saveOne(ctx context.Context, f *flight, a *attempt) error {
	job := f.job
	err := r.store.SaveAttempt(ctx, store.Attempt{
		ProjectID: job.Event.ProjectID, Number: job.Event.Number, Attempt: job.Attempts + 1, Scheduled: job.Scheduled, URL: job.URL,
		At: a.at, Duration: a.duration, HTTPStatus: a.status, Error: a.fault, Answer: []byte(a.answer),
	}, a.state, a.next)
	if err == nil {
		job.Attempts++
		job.Scheduled++
		f.quiet = a.state != store.CallbackPending
	}
	return err
}

// engine is the runner as the store's engine: it takes every operation.
type engine struct{ *runner }

func (e engine) Reserve(int64, string) (time.Duration, bool) { return submitDeadline, true }
func (e engine) Release(int64, string)                       {}
func (e engine) Wake()                                       {}
func (e engine) Notify(*store.StoredNotification)            {}

// Start keeps an operation for whoever has accepted its payout.
func (e engine) Start(w *store.Work) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.work[key{w.Payment.ProjectID, w.Payment.PaymentID}] = w
}

// dispatcher is the runner as what sends callbacks: it takes every one.
type dispatcher struct{ *runner }

func (d dispatcher) Reserve(int64, int64) bool { return true }
func (d dispatcher) Release(int64, int64)      {}
func (d dispatcher) Wake()                     {}

// Start keeps a callback for whoever has made its event.
func (d dispatcher) Start(job *store.CallbackJob) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.jobs[key{job.Payment.ProjectID, job.Payment.PaymentID}] = job
}
