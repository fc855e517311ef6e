// Package resend sends many failing callbacks again. An order is a leased job, made once by its token however often it is asked
// for. It makes callbacks due; who sends callbacks then sends them, as ever.
package resend

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"flashpay/internal/store"
	"flashpay/internal/store/jobs"
	"flashpay/internal/work"
)

const (
	// Kind is the kind of the jobs here.
	Kind = "callback resend"
	// Most is how many callbacks one order may have.
	Most = 10_000

	chunk = 50 // callbacks that one commit makes due
)

// ErrNone says that an order names no callback.
var ErrNone = errors.New("resend: there is no failing callback to be sent again")

// Order is what is to be sent again, and for whom.
type Order struct {
	Callbacks []store.FailingCallback
	UserID    int64 // 0: the command line
	Actor     string
	Filter    string // by which they were chosen, for the audit log
}

// position is how many callbacks were made due, of those that were looked at.
type position struct {
	Resent int64 `json:"resent"`
}

// Add gives an order in a commit with its audit line, and returns the job's number. once names the act: the same one of the same
// user is one order. An empty once makes each call an act of its own.
func Add(ctx context.Context, s *store.Store, once string, o Order) (id int64, err error) {
	switch n := len(o.Callbacks); {
	case n == 0:
		return 0, ErrNone
	case n > Most:
		return 0, fmt.Errorf("resend: %d callbacks are too many for one order: %d at most", n, Most)
	}
	params, err := json.Marshal(o.Callbacks)
	if err != nil {
		return 0, fmt.Errorf("resend: %w", err)
	}
	if once == "" {
		once = rand.Text()
	}
	counts := make(map[int64]int64)
	for _, c := range o.Callbacks {
		counts[c.ProjectID]++
	}
	err = s.Do(ctx, "", func(ctx context.Context, t *store.Tx) error {
		var added bool
		id, added, err = jobs.Add(ctx, t, jobs.New{Kind: Kind, Key: key(o.UserID, once), UserID: o.UserID, Params: params})
		if err != nil || !added {
			return err
		}
		for _, project := range slices.Sorted(maps.Keys(counts)) {
			detail := store.Detail{}.Int("callbacks", counts[project]).Text("filter", o.Filter).Int("job", id)
			if err := t.Audit(ctx, o.Actor, "callbacks resend", fmt.Sprintf("project %d", project), detail); err != nil {
				return err
			}
		}
		return nil
	})
	return id, err
}

// Job is the kind of jobs that makes what was ordered due.
func Job() work.JobKind { return work.JobKind{Name: Kind, Run: run} }

func run(ctx context.Context, r *jobs.Run) error {
	var callbacks []store.FailingCallback
	if err := json.Unmarshal(r.Params, &callbacks); err != nil {
		return r.Fail(ctx, "the order cannot be read")
	}
	at, err := positionOf(&r.Job)
	if err != nil {
		return err
	}
	total := int64(len(callbacks))
	for r.Done < total {
		part := callbacks[r.Done:min(r.Done+chunk, total)]
		act, err := r.Store().ResendFailing(ctx, part)
		if err != nil {
			return err
		}
		// The commit can be run again: what counts is what its last run said.
		next := at
		err = r.Step(ctx, r.Done+int64(len(part)), total, func(ctx context.Context, t *store.Tx) ([]byte, error) {
			resent, err := act(ctx, t)
			if err != nil {
				return nil, err
			}
			next.Resent = at.Resent + int64(resent)
			return json.Marshal(next)
		})
		if err != nil {
			return err
		}
		at = next
		r.Store().WakeCallbacks()
	}
	return r.Finish(ctx, fmt.Sprintf("%d of %d sent again", at.Resent, total), nil)
}

func positionOf(j *jobs.Job) (at position, err error) {
	if j.Position != nil {
		err = json.Unmarshal(j.Position, &at)
	}
	return at, err
}

// Progress is how far an order has come.
type Progress struct {
	Total  int64
	Done   int64 // that were looked at
	Resent int64 // that were made due; the others did not fail any more, or a newer one of their payment was under way
	Ended  bool
	State  jobs.State
}

// Get reads an order of a user. store.ErrNotFound where there is none.
func Get(ctx context.Context, s *store.Store, userID, id int64) (*Progress, error) {
	j, err := jobs.Get(ctx, s, id)
	if err != nil {
		return nil, err
	}
	if j.Kind != Kind || j.UserID != userID {
		return nil, store.ErrNotFound
	}
	at, err := positionOf(j)
	if err != nil {
		return nil, err
	}
	p := &Progress{Total: j.Total, Done: j.Done, Resent: at.Resent, Ended: j.State.Ended(), State: j.State}
	if p.Total == 0 {
		var callbacks []store.FailingCallback
		if err := json.Unmarshal(j.Params, &callbacks); err != nil {
			return nil, fmt.Errorf("resend: %w", err)
		}
		p.Total = int64(len(callbacks))
	}
	return p, nil
}

// Find is the number of the order that a user gave under a token. store.ErrNotFound where there is none.
func Find(ctx context.Context, s *store.Store, userID int64, once string) (int64, error) {
	j, err := jobs.Find(ctx, s, Kind, key(userID, once))
	if err != nil {
		return 0, err
	}
	return j.ID, nil
}

func key(userID int64, once string) string { return strconv.FormatInt(userID, 10) + "/" + once }
