package dashboard

import (
	"bytes"

	"flashpay/internal/store"
)

// attemptRun is attempts one after another that ended alike: a line that opens.
type attemptRun struct {
	store.Attempt // the newest of them
	All           []store.Attempt
}

// First is the oldest of them.
func (r attemptRun) First() store.Attempt { return r.All[0] }

// Runs are the callback's attempts in the order of their numbers, those that ended alike together.
func (c callbackView) Runs() (runs []attemptRun) {
	for _, a := range c.Attempts {
		if n := len(runs) - 1; n >= 0 && alike(runs[n].Attempt, a) {
			runs[n].Attempt, runs[n].All = a, append(runs[n].All, a)
			continue
		}
		runs = append(runs, attemptRun{a, []store.Attempt{a}})
	}
	return runs
}

func alike(a, b store.Attempt) bool {
	return a.HTTPStatus == b.HTTPStatus && a.Error == b.Error && bytes.Equal(a.Answer, b.Answer)
}
