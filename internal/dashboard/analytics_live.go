package dashboard

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"flashpay/internal/store/figures"
	"flashpay/internal/store/people"
)

// A board that stays open asks for new figures again and again. It says what it shows; where nothing of that has changed, the answer
// is empty, and no figure is read.

// seenHeader is what the board that asks shows: a State.
const seenHeader = "Seen"

// boardState is as of when the figures of a board are, and a name for all that they depend on.
type boardState struct {
	AsOf  time.Time
	State string
}

// figures are those of this page.
func (v *visit) figures() *figures.Reading {
	if v.reading == nil {
		v.reading = figures.Of(v.d.Store).Read()
	}
	return v.reading
}

// ofCallbacks tells whether a dataset is of callbacks, whose figures change without those of payments.
func ofCallbacks(dataset string) bool { return strings.HasPrefix(dataset, "callback") }

// boardStateOf is the state of somebody's board.
func (v *visit) boardStateOf(b *people.Board) (boardState, error) {
	shown, callbacks := fmt.Sprint(b.Name, b.Shared), false
	for _, t := range b.Tiles {
		shown += fmt.Sprint(" ", t.ID, " ", t.Query)
		given, err := url.ParseQuery(t.Query)
		callbacks = callbacks || err == nil && ofCallbacks(given.Get("dataset"))
	}
	return v.boardState(shown, callbacks)
}

// boardState reads as of when figures are, before any of them. It changes with them, with the days that «today» means, with what is
// shown, and with the projects that the reader sees.
func (v *visit) boardState(shown string, callbacks bool) (s boardState, err error) {
	mark, err := v.figures().Mark(v.ctx())
	if err != nil {
		return s, err
	}
	s.AsOf = mark.At
	build, err := v.figures().Build(v.ctx(), figures.Payments)
	if err != nil && !errors.Is(err, figures.ErrCounting) {
		return s, err
	}
	now, attempts := v.d.Store.Now().In(v.zone), int64(0)
	if callbacks {
		attempts, err = v.figures().Attempts(v.ctx(), projectIDs(v.projects()), now.AddDate(0, 0, -1))
		if err != nil {
			return s, err
		}
		if _, err = v.figures().Build(v.ctx(), figures.Callbacks); err != nil && !errors.Is(err, figures.ErrCounting) {
			return s, err
		}
	}
	hash := sha256.Sum256(fmt.Append(nil, mark.At.UnixMicro(), mark.Lines, build, attempts, err, now.Format(time.DateOnly), v.zone, v.lang, projectIDs(v.projects()), shown))
	s.State = base64.RawURLEncoding.EncodeToString(hash[:12])
	return s, nil
}

// hasSeen answers a board that shows this state already.
func (v *visit) hasSeen(s boardState) bool {
	if !v.asksFor("board") || v.r.Header.Get(seenHeader) != s.State {
		return false
	}
	v.w.WriteHeader(http.StatusNoContent)
	return true
}
