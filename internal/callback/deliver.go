package callback

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"flashpay/internal/merchant"
	"flashpay/internal/store"
	"flashpay/internal/wire"
)

const (
	// saveTime is kept of a lease for saving an attempt's result.
	saveTime = 2 * time.Second
	// fresh is how long a lease needs no look at the database before the first attempt.
	fresh = time.Second
	// savePatience is how long a result waits for the database; later the lease has ended, and it is sent again.
	savePatience = 25 * time.Second
	// saveAtStop is how long it waits once the server stops and attempts are cut off.
	saveAtStop = time.Second
)

// deliver makes one attempt, closes ended, and saves what came of it.
func (d *Dispatcher) deliver(ctx context.Context, t task, ended chan<- struct{}) {
	job := t.job
	if !d.held(ctx, job) {
		close(ended)
		return
	}
	at, start := d.config.Store.Now(), time.Now()
	status, answer, err := d.send(ctx, job)
	a := store.Attempt{
		ProjectID: job.Event.ProjectID, Number: job.Event.Number, Attempt: job.Attempts + 1, Scheduled: job.Scheduled, URL: job.URL,
		At: at, Duration: time.Since(start), HTTPStatus: status, Error: logged(err), Answer: answer,
	}
	d.lanes.mark(t.lane, a.Duration < slowAfter)
	state, next := d.become(job, status, at.Add(a.Duration))
	d.saving <- struct{}{}
	close(ended) // the next attempt need not wait for this one's commit: so more of them share one
	saved := d.save(ctx, a, state, next)
	<-d.saving
	if saved == nil && state == store.CallbackPending {
		d.alarm.set(next, d.config.Store.Now())
	}
	d.report(ctx, job, a, state, next, errors.Unwrap(err), saved)
}

// save saves what came of an attempt, also of one that was cut off because the server stops.
func (d *Dispatcher) save(ctx context.Context, a store.Attempt, state store.CallbackState, next time.Time) error {
	saving, cancel := context.WithTimeout(context.WithoutCancel(ctx), savePatience)
	defer cancel()
	stopped := context.AfterFunc(ctx, func() { time.AfterFunc(saveAtStop, cancel) })
	defer stopped()
	return d.config.Store.SaveAttempt(saving, a, state, next)
}

// held says whether a callback is still ours to send. What another process, a newer event or a person has taken up
// meanwhile is left to them.
func (d *Dispatcher) held(ctx context.Context, job *store.CallbackJob) bool {
	if job.Attempts == 0 && job.LeasedUntil.Sub(d.config.Store.Now()) > store.CallbackLease-fresh {
		return true
	}
	ok, err := d.config.Store.ConfirmCallbackLease(ctx, job, attemptTimeout+saveTime)
	if err != nil && ctx.Err() == nil {
		d.config.Logger.Error("callback: looking at a callback before its attempt failed; it is sent once its lease has ended",
			"project_id", job.Event.ProjectID, "number", job.Event.Number, "err", err)
	}
	return ok && err == nil
}

// become says where a callback stands after an attempt that ended at end.
func (d *Dispatcher) become(job *store.CallbackJob, status int, end time.Time) (store.CallbackState, time.Time) {
	if status == http.StatusOK {
		return store.CallbackDelivered, time.Time{}
	}
	if next, ok := d.config.Schedule(job.Scheduled+1, end); ok {
		return store.CallbackPending, next
	}
	return store.CallbackGivenUp, time.Time{}
}

// send signs and posts a callback. err is nil only where it is acknowledged.
func (d *Dispatcher) send(ctx context.Context, job *store.CallbackJob) (status int, answer []byte, err error) {
	project, ok := d.config.Store.Project(job.Event.ProjectID)
	if !ok {
		return 0, nil, errors.New("not sent: the project is not known")
	}
	to, err := address(project, job.URL)
	if err != nil {
		return 0, nil, err
	}
	key, ok := project.SigningKey()
	if !ok {
		return 0, nil, errors.New("not sent: the project has no live key to sign with: add one")
	}
	body := wire.SignedJSON(job.Body(), key.Secret)
	hook := webhook(webhookID(project.ID, job.Event.Number), d.config.Store.Now(), project.Keys, body)
	status, answer, err = d.sender.post(ctx, ownerOf(project), to, body, hook)
	switch {
	case err != nil || status == http.StatusOK:
	case status >= 300 && status < 400:
		err = fmt.Errorf("answered %d: redirects are not followed, and only 200 acknowledges", status)
	default:
		err = fmt.Errorf("answered %d: only 200 acknowledges", status)
	}
	return status, answer, err
}

// address is where a callback may go, by the project's mode of now. Its errors do not show the URL, which can hold
// secrets.
func address(project *merchant.Project, callbackURL string) (*url.URL, error) {
	to, err := url.Parse(callbackURL)
	switch {
	case err != nil, to.Hostname() == "":
		return nil, errors.New("not sent: the callback URL cannot be read")
	case to.Scheme == "https", to.Scheme == "http" && project.Mode != merchant.Live:
		return to, nil
	case to.Scheme == "http":
		return nil, errors.New("not sent: callbacks of a live project go to https addresses only")
	}
	return nil, errors.New("not sent: the callback URL is neither http nor https")
}

// report logs an attempt: one line with all of it, without body, secrets and what the URL may hold of them.
func (d *Dispatcher) report(ctx context.Context, job *store.CallbackJob, a store.Attempt, state store.CallbackState, next time.Time, cause, saved error) {
	level := slog.LevelInfo
	if state == store.CallbackGivenUp {
		level = slog.LevelWarn
	}
	attributes := []slog.Attr{
		slog.Int64("project_id", a.ProjectID), slog.Int64("number", a.Number), slog.String("payment_id", job.Payment.PaymentID),
		slog.Int64("operation", job.Event.Operation), slog.String("payment_status", string(job.Event.PaymentStatus)),
		slog.String("host", host(job.URL)), slog.Int("attempt", a.Attempt), slog.Int("http_status", a.HTTPStatus),
		slog.Int64("took_us", a.Duration.Microseconds()), slog.String("state", string(state)),
	}
	if a.Error != "" {
		attributes = append(attributes, slog.String("reason", a.Error))
	}
	if cause != nil {
		attributes = append(attributes, slog.String("cause", cause.Error()))
	}
	if !next.IsZero() {
		attributes = append(attributes, slog.Time("next_at", next))
	}
	if saved != nil {
		level = slog.LevelError
		attributes = append(attributes, slog.String("err", "the result could not be saved; the callback is sent again: "+saved.Error()))
	}
	d.config.Logger.LogAttrs(ctx, level, "callback attempt", attributes...)
	if d.config.Observe != nil {
		d.config.Observe(a, state)
	}
}

func host(callbackURL string) string {
	u, err := url.Parse(callbackURL)
	if err != nil {
		return ""
	}
	return u.Host
}
