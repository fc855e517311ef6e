package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"

	"flashpay/internal/store/sqldb"
)

// troubles are the two ways in which a callback c fails, as the partial indexes of the operators' desk have them.
var troubles = []string{"c.state = '" + string(CallbackGivenUp) + "'", "c.next_at IS NOT NULL AND c.attempts > 0"}

// failingCallbacks are the callbacks c of a payment that fail: they are repeated or were given up, and no newer one of the
// payment was delivered. Events come first, as they are few for each payment.
func failingCallbacks(payment string) string {
	return `events e CROSS JOIN callbacks c WHERE e.payment = ` + payment + `.id AND +e.project_id = ` + payment + `.project_id
		AND c.project_id = e.project_id AND c.number = e.number AND (` + troubles[0] + ` OR ` + troubles[1] + `)
		AND NOT EXISTS (SELECT 1 FROM events n CROSS JOIN callbacks d WHERE n.payment = e.payment AND +n.project_id = e.project_id AND n.number > e.number
			AND d.project_id = n.project_id AND d.number = n.number AND d.state = '` + string(CallbackDelivered) + `')`
}

// FailingCallback names a callback that fails, the newest such one of its payment.
type FailingCallback struct {
	ProjectID int64 `json:"p"`
	Number    int64 `json:"n"`
}

// FailingPayment names a payment whose callback is looked for.
type FailingPayment struct{ ProjectID, ID int64 }

// maxFailingReads bounds how far one call of FailingCallbacks looks through the register.
const maxFailingReads = 100

var readFailing = sqldb.NewBulk(keysHead, keysRow,
	") SELECT v.project_id, v.id, MAX(c.number) FROM v CROSS JOIN "+failingCallbacks("v")+" GROUP BY v.project_id, v.id")

// FailingCallbacks names the callback of each payment that the filter chooses and whose callback fails, newest payment first,
// at most `most`. more: there are, or may be, others.
func (s *Store) FailingCallbacks(ctx context.Context, f RegisterFilter, most int) (out []FailingCallback, more bool, err error) {
	if f.Situation != "" && f.Situation != SituationFailing {
		return nil, false, errors.New("store: failing callbacks are a situation of their own")
	}
	f.Situation = SituationFailing
	page := RegisterPage{Limit: 1000}
	for range maxFailingReads {
		found, err := s.Register(ctx, f, page)
		if err != nil {
			return nil, false, err
		}
		payments := make([]FailingPayment, len(found.Rows))
		for i, r := range found.Rows {
			payments[i] = FailingPayment{r.ProjectID, r.ID}
		}
		some, err := s.FailingCallbacksOf(ctx, payments)
		if err != nil {
			return nil, false, err
		}
		if out = append(out, some...); len(out) >= most {
			return out[:most], len(out) > most || found.More || found.Until != nil, nil
		}
		switch n := len(found.Rows); {
		case found.Until != nil:
			page.Place = found.Until
		case !found.More:
			return out, false, nil
		default:
			last := found.Rows[n-1].Place()
			page.Place = &last
		}
	}
	return out, true, nil
}

// FailingCallbacksOf names the callbacks that fail of the payments, in their order.
func (s *Store) FailingCallbacksOf(ctx context.Context, payments []FailingPayment) (out []FailingCallback, err error) {
	keys := make([]callbackKey, len(payments))
	for i, p := range payments {
		keys[i] = callbackKey{p.ProjectID, p.ID}
	}
	keys = distinct(keys)
	found := make(map[callbackKey]int64)
	err = readFailing.Split(s.DB().Dialect, keyArgs(keys), func(text string, args []any) error {
		return s.DB().List(ctx, text, func(r *sql.Rows) error {
			var k callbackKey
			var number int64
			err := r.Scan(&k.project, &k.number, &number)
			found[k] = number
			return err
		}, args...)
	})
	for _, k := range keys {
		if number, ok := found[k]; ok {
			out = append(out, FailingCallback{k.project, number})
		}
	}
	return out, s.DB().Unavailable(err)
}

// FailingBatch is a callback that fails and tells the end of a batch of payouts.
type FailingBatch struct {
	FailingCallback
	Batch   int64
	GivenUp bool // else it is repeated
}

// FailingBatches names the callbacks of batches that fail, in whose project's name they were sent; of each project the newest
// first, at most `most`.
func (s *Store) FailingBatches(ctx context.Context, projects []int64, most int) (out []FailingBatch, err error) {
	find := `SELECT c.project_id, c.number, b.batch, c.state FROM batch_events b CROSS JOIN callbacks c WHERE b.project_id = $1
		AND c.project_id = b.project_id AND c.number = b.number AND (` + troubles[0] + ` OR ` + troubles[1] + `) ORDER BY b.number DESC LIMIT $2`
	for _, project := range projects {
		err := s.DB().Read(ctx, find, func(r *sql.Rows) error {
			var f FailingBatch
			var state string
			err := r.Scan(&f.ProjectID, &f.Number, &f.Batch, &state)
			f.GivenUp = CallbackState(state) == CallbackGivenUp
			out = append(out, f)
			return err
		}, project, int64(most))
		if err != nil {
			return nil, s.DB().Unavailable(err)
		}
	}
	return out, nil
}

// ResendFailing prepares to make callbacks due at once, each as ResendCallback does, and returns the act for a commit, which
// says how many it made due. Left alone are those that do not fail any more, those of which a newer one is under way, and
// those that nobody wants by the settings of now.
func (s *Store) ResendFailing(ctx context.Context, callbacks []FailingCallback) (act func(ctx context.Context, t *Tx) (resent int, err error), err error) {
	keys := make([]callbackKey, len(callbacks))
	for i, c := range callbacks {
		keys[i] = callbackKey{c.ProjectID, c.Number}
	}
	jobs, err := s.callbackJobs(ctx, distinct(keys), time.Time{})
	if err != nil {
		return nil, err
	}
	// One order for all, so that two such commits do not wait for each other.
	slices.SortFunc(jobs, func(a, b *CallbackJob) int {
		return cmp.Or(cmp.Compare(a.Event.ProjectID, b.Event.ProjectID), cmp.Compare(a.Event.Number, b.Event.Number))
	})
	jobs = slices.DeleteFunc(jobs, func(job *CallbackJob) bool {
		job.URL = s.callbackTarget(job)
		return job.URL == ""
	})
	return func(ctx context.Context, t *Tx) (resent int, err error) {
		for _, job := range jobs {
			done, err := t.resendFailing(ctx, job)
			if err != nil {
				return 0, err
			}
			if done {
				resent++
			}
		}
		return resent, nil
	}, nil
}

// resendFailing makes a callback due where it fails still.
func (t *Tx) resendFailing(ctx context.Context, job *CallbackJob) (bool, error) {
	e := &job.Event
	fails := false
	// The row is locked on PostgreSQL until the commit: an attempt that is under way cannot acknowledge it in between.
	const find = "SELECT number FROM callbacks c WHERE project_id = $1 AND number = $2 AND (state = 'given up' OR next_at IS NOT NULL AND attempts > 0){{for_update}}"
	err := t.Query(ctx, find, func(r *sql.Rows) error {
		fails = true
		return r.Scan(new(int64))
	}, e.ProjectID, e.Number)
	if err != nil || !fails {
		return false, err
	}
	err = t.resend(ctx, job)
	if errors.Is(err, ErrNewerCallback) {
		return false, nil
	}
	return err == nil, err
}

// WakeCallbacks has this process look for callbacks that are due.
func (s *Store) WakeCallbacks() {
	if s.callbacks != nil {
		s.callbacks.Wake()
	}
}
