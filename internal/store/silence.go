package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"flashpay/internal/store/sqldb"
)

const (
	silence    = 600 * time.Millisecond // of a commit, after which PostgreSQL is asked whether it is there
	answerTime = 800 * time.Millisecond // in which it must have answered
)

// errSilent is the cause of the end of a try to commit on a server that answers nobody.
var errSilent = errors.New("the server does not answer, on a new connection either")

// whileItAnswers bounds a try to commit: it may be slow, for lockPatience, as long as the server answers others meanwhile.
// A network that swallows everything gives no error, and callers must not wait for its end.
func (s *Store) whileItAnswers(ctx context.Context) (trying context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	ctx, end := context.WithTimeout(ctx, lockPatience)
	timer := time.AfterFunc(silence, func() {
		for ; ctx.Err() == nil; sleep(ctx, silence) {
			asking, done := context.WithTimeout(ctx, answerTime)
			err := s.db.Answers(asking)
			done()
			if err != nil {
				cancel(errSilent)
			}
		}
	})
	return ctx, func() {
		timer.Stop()
		end()
		cancel(nil)
	}
}

// silent says of a try that was ended what it was ended for: the connection is lost.
func silent(ctx context.Context, err error) error {
	if err != nil && errors.Is(context.Cause(ctx), errSilent) {
		return fmt.Errorf("%w: %w (%w)", sqldb.ErrLost, errSilent, err)
	}
	return err
}

// sleep waits for some time, or for the end of ctx.
func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}
