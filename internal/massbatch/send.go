package massbatch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"flashpay/internal/accept"
	"flashpay/internal/masspayout"
	"flashpay/internal/payout"
	"flashpay/internal/store"
	"flashpay/internal/store/batches"
	"flashpay/internal/store/files"
	"flashpay/internal/store/jobs"
	"flashpay/internal/work"
)

const (
	// atOnce is how many rows of a batch are handed over at once, twice as many being on their way. How many a commit takes is
	// the store's affair.
	atOnce = 512
	// turn is how long a batch is sent before others that wait have their turn.
	turn = 30 * time.Second
)

// Job sends batches. Two of a process are sent at once; where more wait, they take turns.
func (s *Service) Job() work.JobKind {
	return work.JobKind{Name: JobKind, AtOnce: 2, Run: s.run}
}

// run sends a batch from where its last commit ended. Each row's payment is committed together with the row, so a row is
// paid once, whoever sends it how often.
func (s *Service) run(ctx context.Context, r *jobs.Run) error {
	first, _, _ := strings.Cut(r.Key, "/")
	id, err := strconv.ParseInt(first, 10, 64)
	if err != nil {
		return fmt.Errorf("massbatch: job %q names no batch: %w", r.Key, err)
	}
	b, err := batches.Get(ctx, s.Store, id)
	if err != nil {
		return err
	}
	if b.State != batches.Sending {
		return r.Finish(ctx, string(b.State), nil)
	}
	sender, err := s.sender(b)
	if err != nil {
		return err
	}
	file, err := files.Open(ctx, s.Store, b.File, 0)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	rules := s.rules(sender)
	reader, err := masspayout.NewReader(file, b.Name, &rules)
	if err != nil {
		return err
	}
	sending := &sending{service: s, job: r, batch: b, reader: reader, until: time.Now().Add(turn)}
	if err := sending.all(ctx); err != nil {
		if errors.Is(err, store.ErrBatchStopped) {
			return r.Finish(ctx, "stopped", nil)
		}
		return err
	}
	return r.Finish(ctx, "sent", func(ctx context.Context, t *store.Tx) error {
		done, err := batches.Apply(ctx, t, id, batches.Finish, batches.Change{})
		var moved *batches.MovedError
		if errors.As(err, &moved) && (moved.State == batches.Paused || moved.State == batches.Cancelled) {
			return nil // after its last row
		}
		if err != nil {
			return err
		}
		return t.Audit(ctx, "batch "+first, "batch done", object(done), detail(done))
	})
}

// sending is a batch on its way.
type sending struct {
	service *Service
	job     *jobs.Run
	batch   *batches.Batch
	reader  *masspayout.Reader
	until   time.Time    // when others have their turn
	read    int64        // rows
	noting  <-chan error // the commit that notes how far the batch has come; nil: none is under way
}

// window is some rows that are sent together.
type window struct {
	rows []masspayout.Row
	last int64 // line
	done int64 // rows of the file up to it
}

// flight is a window on its way.
type flight struct {
	last, done int64             // of the window
	landed     chan struct{}     // closed when all its rows are dealt with; then:
	outcomes   []batches.Outcome // of the rows that made no payment
	err        error             // that says nothing about a row
}

// all sends the rows behind the batch's position, window after window, behind everything that people and programs wait for.
func (s *sending) all(ctx context.Context) error {
	ctx = store.InBackground(ctx)
	return errors.Join(s.windows(ctx), s.noted())
}

// windows sends one window after the other. While one is being committed the next one is read and handed over, and what came
// of the one before is noted: a crash at any point leaves rows whose payment is committed with them, and those are not sent
// again.
func (s *sending) windows(ctx context.Context) error {
	var ahead *flight
	defer func() { ahead.wait() }()
	for {
		w, ended, err := s.next()
		if err != nil {
			return errors.Join(s.land(ctx, ahead), err)
		}
		next, err := s.launch(ctx, w)
		err = errors.Join(s.land(ctx, ahead), err)
		if ahead = next; err != nil {
			return err
		}
		if ended {
			return s.land(ctx, ahead)
		}
		if time.Now().Before(s.until) {
			continue
		}
		waiting, err := jobs.Waiting(ctx, s.service.Store, JobKind)
		if err != nil {
			return err
		}
		if waiting {
			if err := errors.Join(s.land(ctx, ahead), s.noted()); err != nil {
				return err
			}
			return &work.JobPause{Until: s.service.Store.Now()}
		}
	}
}

// next reads the next window; ended tells that there is none behind it.
func (s *sending) next() (w window, ended bool, err error) {
	for len(w.rows) < atOnce {
		row, err := s.reader.Next()
		if errors.Is(err, io.EOF) {
			return w, true, nil
		}
		if err != nil {
			return w, false, err
		}
		s.read++
		if row.Line <= s.batch.Position {
			continue
		}
		w.rows, w.last, w.done = append(w.rows, row), row.Line, s.read
	}
	return w, false, nil
}

// launch hands over a window's rows that are not sent yet; there is no flight of a window without rows.
func (s *sending) launch(ctx context.Context, w window) (*flight, error) {
	if w.last == 0 {
		return nil, nil
	}
	id := s.batch.ID
	unsent, err := batches.Unsent(ctx, s.service.Store, id, s.batch.Position, w.last)
	if err != nil {
		return nil, err
	}
	f := &flight{last: w.last, done: w.done, landed: make(chan struct{})}
	payouts := make([]*store.NewPayout, 0, len(w.rows))
	for i := range w.rows {
		row := &w.rows[i]
		if !unsent[row.Line] {
			continue
		}
		in, err := s.reader.Request(*row)
		if err != nil { // by the settings of now it has faults
			f.outcomes = append(f.outcomes, batches.Outcome{Line: row.Line, State: batches.Refused, Message: firstMessage(row)})
			continue
		}
		in.Batch.Batch, in.Batch.Line = id, row.Line
		p, refusal := s.service.Payouts.Prepare(in)
		if refusal != nil {
			f.outcomes = append(f.outcomes, refused(row.Line, refusal))
			continue
		}
		payouts = append(payouts, p)
	}
	go func() {
		defer close(f.landed)
		f.pay(ctx, s.service.Payouts, payouts)
	}()
	return f, nil
}

// pay has rows committed, and gathers what came of those that made no payment. An error says nothing about a row.
func (f *flight) pay(ctx context.Context, to *accept.Service, payouts []*store.NewPayout) {
	receipts, errs := to.PayoutAll(ctx, payouts)
	for i, p := range payouts {
		var refusal *accept.Refusal
		switch err := errs[i]; {
		case errors.As(err, &refusal):
			f.outcomes = append(f.outcomes, refused(p.Batch.Line, refusal))
		case err != nil:
			f.err = err
			return
		case receipts[i].Repeat: // by whomever, before; a row that this batch had paid keeps its payment
			f.outcomes = append(f.outcomes, batches.Outcome{Line: p.Batch.Line, State: batches.PaidAlready})
		}
	}
}

func refused(line int64, r *accept.Refusal) batches.Outcome {
	return batches.Outcome{Line: line, State: batches.Refused, Code: r.Code, Message: payout.Message(r.Code)}
}

// wait waits until no row of a flight is under way.
func (f *flight) wait() {
	if f != nil {
		<-f.landed
	}
}

// land waits for a window's rows, and notes what came of those that made no payment, together with how far the batch has come.
func (s *sending) land(ctx context.Context, f *flight) error {
	if f == nil {
		return nil
	}
	if f.wait(); f.err != nil {
		return f.err
	}
	if err := s.noted(); err != nil {
		return err
	}
	noting := make(chan error, 1)
	s.noting, s.batch.Position = noting, f.last
	go func() {
		noting <- s.job.Checkpoint(ctx, strconv.AppendInt(nil, f.last, 10), f.done, s.batch.Rows, settle(s.batch.ID, f.last, f.outcomes))
	}()
	return nil
}

// noted waits for the commit that is under way.
func (s *sending) noted() error {
	if s.noting == nil {
		return nil
	}
	err := <-s.noting
	s.noting = nil
	return err
}

func settle(batch, last int64, outcomes []batches.Outcome) func(context.Context, *store.Tx) error {
	return func(ctx context.Context, t *store.Tx) error { return batches.Settle(ctx, t, batch, last, outcomes) }
}

func firstMessage(row *masspayout.Row) string {
	if len(row.Faults) == 0 {
		return ""
	}
	return row.Faults[0].Message
}
