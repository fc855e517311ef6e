package process

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"flashpay/internal/payout"
	"flashpay/internal/provider"
	"flashpay/internal/store"
	"flashpay/signature"
)

// source says where an outcome comes from.
type source struct {
	call         string // submit, inquire or notification
	notification int64  // the stored notification's id
	late         bool   // somebody else has moved the operation since the call began, and goes on with it
}

// settle turns an outcome into a step of its operation. A final one is applied until it is first or says nothing new.
// What else a call told is true of the state that was asked about: where somebody else has moved the operation, it is
// dropped. stored is true where a step was committed. An error means that what was heard is not stored.
func (e *Engine) settle(ctx context.Context, w *store.Work, out provider.Outcome, from source) (stored bool, err error) {
	for range 8 {
		step := e.decide(w, out, from)
		if step == nil {
			return false, nil
		}
		err := e.apply(ctx, w, *step)
		if !errors.Is(err, store.ErrMoved) {
			return err == nil, err
		}
		if from.call != "notification" && !final(out) {
			return false, nil // its lease has ended, or the result came first: who has it now goes on
		}
		if w, err = e.reload(ctx, w); err != nil {
			return false, err
		}
		from.late = true
	}
	return false, fmt.Errorf("process: operation %d: %w eight times", w.Operation.ID, store.ErrMoved)
}

// settleAnew settles an outcome on what is there now, after somebody else has moved the operation.
func (e *Engine) settleAnew(ctx context.Context, w *store.Work, out provider.Outcome, from source) (stored bool, err error) {
	fresh, err := e.reload(ctx, w)
	if err != nil {
		return false, err
	}
	return e.settle(ctx, fresh, out, from)
}

// reload reads an operation again.
func (e *Engine) reload(ctx context.Context, w *store.Work) (*store.Work, error) {
	fresh, err := e.store.Reload(ctx, w.Operation.ProjectID, w.Operation.ID)
	if err != nil {
		return nil, fmt.Errorf("process: loading operation %d again: %w", w.Operation.ID, err)
	}
	return fresh, nil
}

// decide says which step an outcome asks for; nil for none.
func (e *Engine) decide(w *store.Work, out provider.Outcome, from source) *store.Step {
	now := e.store.Now()
	step := store.Step{
		Detail: e.detail(w, out, from), ProviderPaymentID: out.PaymentID, AuthCode: out.AuthCode, Notification: from.notification,
		NextAt: w.Operation.NextAt, Inquired: from.call == "inquire",
	}
	if w.Operation.Stage.Open() && from.call != "notification" && !from.late { // these must not put inquiries off
		step.NextAt = e.nextInquiry(w, now)
	}
	if said := e.differs(w, out); said != "" {
		step.Kind, step.Discrepancy = "mismatch", payout.Mismatch
		step.Detail = step.Detail.Text("differs", said)
		return e.atThreshold(w, &step, from, now)
	}
	if from.call == "notification" && !final(out) {
		return notedOnly(w, &step)
	}
	switch out.Kind {
	case provider.Succeeded:
		return e.definite(w, &step, payout.Succeeded, payout.CodeSuccess)
	case provider.Declined:
		return e.declined(w, &step, out, from)
	case provider.Returned:
		return e.returned(w, &step, out)
	case provider.NotSent:
		return e.notSent(w, &step, from, now)
	case provider.Accepted:
		return e.notFinished(w, &step, from, now)
	}
	return e.unknown(w, &step, from, now)
}

// final tells whether an outcome settles an operation, whoever tells it and whenever.
func final(out provider.Outcome) bool {
	switch out.Kind {
	case provider.Succeeded, provider.Returned:
		return true
	case provider.Declined:
		return out.Code != payout.CodeProviderOutOfFunds
	}
	return false
}

// notedOnly is what a notification does that settles nothing. It may be late, or an old copy that somebody plays back,
// so it moves nothing and puts nothing off; where something is known already it is journalled.
func notedOnly(w *store.Work, step *store.Step) *store.Step {
	if w.Operation.Stage.Open() {
		return nil
	}
	step.Kind = "repeated"
	return step
}

// hear settles what a call told, and logs where that could not be stored: the lease ends, and it is asked again.
func (e *Engine) hear(ctx context.Context, w *store.Work, out provider.Outcome, call string) {
	if _, err := e.settle(ctx, w, out, source{call: call}); err != nil {
		e.log.Error("process: an outcome was not stored", "operation", w.Operation.ID, "call", call, "outcome", out.Kind.String(), "err", err)
	}
}

// definite applies a definite event, or keeps it where it says nothing new: the same again changes nothing and is
// journalled (product.md §3.6).
func (e *Engine) definite(w *store.Work, step *store.Step, event payout.Event, code int) *store.Step {
	step.Event, step.Kind, step.Code = event, event.String(), code
	if _, moves := (payout.State{Status: w.Payment.Status, Stage: w.Operation.Stage}).On(event); !moves {
		step.Event, step.Kind = 0, "repeated"
	}
	return step
}

// returned applies a return. Of what had come back already the same return says nothing new; another one is for people.
func (e *Engine) returned(w *store.Work, step *store.Step, out provider.Outcome) *store.Step {
	step.Returned = out.ReturnID
	if w.Payment.Status == payout.Reversed && out.ReturnID != "" && out.ReturnID != w.Returned {
		return e.definite(w, step, payout.ReturnedAgain, 0)
	}
	return e.definite(w, step, payout.Returned, 0)
}

// declined applies a refusal.
func (e *Engine) declined(w *store.Work, step *store.Step, out provider.Outcome, from source) *store.Step {
	code := out.Code
	if code == payout.CodeProviderOutOfFunds {
		return e.outOfFunds(w, step, from)
	}
	if _, known := payout.LookUp(code); !known || code == payout.CodeSuccess {
		code = payout.CodeGeneralDecline
	}
	return e.definite(w, step, payout.Declined, code)
}

// outOfFunds handles a bank without funds of its own: it refuses nobody, so the payout waits and is sent again. The same
// words may come twice, late, or be replayed, when the operation has been sent again meanwhile. So they count where they
// answer the very submit that waits for them; else only an inquiry confirms them, under the conditions of notSent.
func (e *Engine) outOfFunds(w *store.Work, step *store.Step, from source) *store.Step {
	now := e.store.Now()
	switch {
	case !w.Operation.Stage.Open():
		return nil
	case from.call == "inquire" && !e.mayBeSentAgain(w, now):
		return e.notSent(w, step, from, now)
	case w.Operation.Stage == payout.Disputed:
		return e.definite(w, step, payout.Declined, payout.CodeProviderOutOfFunds)
	}
	step.Event, step.Kind = payout.NotSent, kindOutOfFunds
	step.NextAt = earlier(now.Add(jitter(e.times.OutOfFunds)), w.Operation.ThresholdAt)
	return step
}

// kindOutOfFunds is the journal's word for a bank that has no funds of its own.
const kindOutOfFunds = "provider out of funds"

// mayBeSentAgain tells whether what an inquiry finds not to be paid can be believed for sending it again: nothing of ours
// can still be on its way, and a key that is sent again is never paid again (product.md §3.2).
func (e *Engine) mayBeSentAgain(w *store.Work, now time.Time) bool {
	traits := e.banks[w.Operation.Provider].traits
	return traits.Idempotent && !now.Before(w.Operation.SubmitDeadline.Add(traits.SettleTime))
}

// notSent applies «certainly not with the provider». From an inquiry that is believed only when nothing of ours can
// still be on its way, and only of a provider where sending a key again is safe (product.md §3.2).
func (e *Engine) notSent(w *store.Work, step *store.Step, from source, now time.Time) *store.Step {
	o := &w.Operation
	if from.call == "submit" {
		step.Event, step.Kind = payout.NotSent, payout.NotSent.String()
		step.NextAt = earlier(now.Add(jitter(min(e.times.Resubmit<<min(o.Submits, 10), e.times.OutOfFunds))), o.ThresholdAt)
		return step
	}
	traits := e.banks[o.Provider].traits
	settled := o.SubmitDeadline.Add(traits.SettleTime)
	switch {
	case now.Before(settled) && settled.Before(o.ThresholdAt) && o.Stage == payout.Sending:
		step.NextAt = settled.Add(time.Millisecond)
		return step
	case now.Before(settled) || !traits.Idempotent:
		return e.unknown(w, step, from, now)
	}
	if _, moves := (payout.State{Status: w.Payment.Status, Stage: o.Stage}).On(payout.NotSent); !moves {
		return nil
	}
	step.Event, step.Kind, step.NextAt = payout.NotSent, payout.NotSent.String(), now
	return step
}

// notFinished handles «accepted»: time passes.
func (e *Engine) notFinished(w *store.Work, step *store.Step, from source, now time.Time) *store.Step {
	if !w.Operation.Stage.Open() {
		return nil
	}
	return e.atThreshold(w, step, from, now)
}

// unknown handles an answer that was lost or made no sense: only an inquiry can tell.
func (e *Engine) unknown(w *store.Work, step *store.Step, from source, now time.Time) *store.Step {
	if !w.Operation.Stage.Open() {
		return nil
	}
	if from.call == "submit" {
		step.Kind = "unknown"
		return step
	}
	return e.atThreshold(w, step, from, now)
}

// atThreshold lets time pass, or declines where the threshold has come and this was the last inquiry: no other word of
// the provider stands for it.
func (e *Engine) atThreshold(w *store.Work, step *store.Step, from source, now time.Time) *store.Step {
	if from.call == "inquire" && w.Payment.Status == payout.Processing && !now.Before(w.Operation.ThresholdAt) {
		step.Event, step.Kind, step.Code = payout.Threshold, payout.Threshold.String(), payout.CodeAutoDecline
		step.NextAt = now.Add(jitter(e.times.Disputed))
	}
	return step
}

// thresholdStep declines an operation at its threshold; where it may be with the provider, inquiries go on.
func (e *Engine) thresholdStep(w *store.Work) store.Step {
	return store.Step{
		Event: payout.Threshold, Kind: payout.Threshold.String(), Code: payout.CodeAutoDecline, NextAt: e.store.Now().Add(jitter(e.times.Disputed)),
		Detail: store.Detail{}.Int("submits", int64(w.Operation.Submits)).Int("inquiries", int64(w.Operation.Inquiries)),
	}
}

// blockedStep declines an operation that was never sent, or certainly is not with its provider, because its project was
// blocked meanwhile.
func blockedStep() store.Step {
	return store.Step{
		Event: payout.Declined, Kind: payout.Declined.String(), Code: payout.CodeMerchantBlocked,
		Detail: store.Detail{}.Text("by", "block").Int("code", payout.CodeMerchantBlocked),
	}
}

// step applies a step and logs what goes wrong.
func (e *Engine) step(ctx context.Context, w *store.Work, step store.Step) { _ = e.apply(ctx, w, step) }

// apply commits a step of an operation.
func (e *Engine) apply(ctx context.Context, w *store.Work, step store.Step) error {
	step.Payment, step.Operation = w.Payment, w.Operation
	after, err := e.store.Apply(ctx, step)
	e.applied(w, &step, after, err)
	if b := e.banks[w.Operation.Provider]; err == nil && step.Kind == kindOutOfFunds && e.isNews(w, b) {
		e.pause(b, kindOutOfFunds)
	}
	return err
}

// isNews tells whether an operation was submitted so lately that what the bank says of its own funds holds now.
func (e *Engine) isNews(w *store.Work, b *bank) bool {
	submitted := w.Operation.SubmitDeadline.Add(-b.traits.SubmitDeadline)
	return e.store.Now().Sub(submitted) < e.times.OutOfFunds
}

// applied notes what became of a step, and logs it.
func (e *Engine) applied(w *store.Work, step *store.Step, after store.StepResult, err error) {
	e.forget(w.Operation.Key)
	switch {
	case err == nil:
		e.log.LogAttrs(context.Background(), slog.LevelInfo, "step",
			slog.Int64("project_id", w.Payment.ProjectID), slog.String("payment_id", w.Payment.PaymentID), slog.Int64("operation", w.Operation.ID),
			slog.String("kind", step.Kind), slog.String("status", string(after.Payment.Status)),
			slog.String("stage", string(after.Operation.Stage)), slog.Int("code", after.Operation.Code))
		if step.Event == payout.NotSent && after.Operation.Stage == payout.New {
			e.wakeAt(after.Operation.NextAt)
		}
	case !errors.Is(err, store.ErrMoved):
		e.log.Error("process: a step could not be committed; its lease ends and it is taken up again", "operation", w.Operation.ID, "err", err)
	}
}

// wakeAt has the loop look when something becomes due that the interval would find late.
func (e *Engine) wakeAt(at time.Time) {
	if in := at.Sub(e.store.Now()); in < e.times.Poll {
		time.AfterFunc(max(in, 0), e.Wake)
	}
}

// differs compares what the provider says it was asked to pay with what it was asked; empty where nothing differs.
func (e *Engine) differs(w *store.Work, out provider.Outcome) string {
	var said []string
	if out.Amount != 0 && out.Amount != w.Operation.Amount {
		said = append(said, "amount "+strconv.FormatInt(out.Amount, 10))
	}
	if out.Currency != "" && out.Currency != w.Operation.Currency {
		said = append(said, "currency "+out.Currency)
	}
	if out.Account != "" && out.Account != w.Account {
		said = append(said, "account")
	}
	if out.Kind == provider.Returned && out.Returned != 0 && out.Returned != w.Operation.Amount {
		said = append(said, "returned "+strconv.FormatInt(out.Returned, 10))
	}
	return strings.Join(said, ", ")
}

func (e *Engine) detail(w *store.Work, out provider.Outcome, from source) store.Detail {
	return store.Detail{}.Text("by", from.call).Text("outcome", out.Kind.String()).Int("code", int64(out.Code)).Text("message", out.Message).
		Text("provider_payment_id", out.PaymentID).Text("return_id", out.ReturnID).Int("submits", int64(w.Operation.Submits)).Int("inquiries", int64(w.Operation.Inquiries))
}

// reference names a payout for people at the provider.
func reference(w *store.Work) string {
	return strconv.FormatInt(w.Payment.ProjectID, 10) + "/" + w.Payment.PaymentID
}

// details are the texts about sender and customer in a request, by path, of those fields that are known: where the path
// of another member ends and its value begins is open in the signing string, and nothing that has an effect may be.
func details(body []byte, known func(path string) bool) map[string]string {
	tree, err := signature.Parse(body)
	if err != nil || known == nil {
		return nil
	}
	out := make(map[string]string)
	for _, name := range []string{"sender", "customer"} {
		collect(out, name, tree.Get(name), known)
	}
	return out
}

func collect(out map[string]string, path string, v *signature.Value, known func(path string) bool) {
	switch {
	case v == nil || !known(path):
	case v.Kind == signature.String:
		out[path] = v.Text
	case v.Kind == signature.Object:
		for i := range v.Members {
			if m := &v.Members[i]; !strings.Contains(m.Name, ".") {
				collect(out, path+"."+m.Name, &m.Value, known)
			}
		}
	}
}
