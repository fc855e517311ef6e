package masspayout

import (
	"context"
	"errors"
	"hash/maphash"
	"io"
	"runtime"
	"sync"
	"time"

	"flashpay/internal/payout"
	"flashpay/internal/store/paid"
)

// Kept is how many faults and warnings a report holds. The faults' download has all faults.
const Kept = 1000

// Report is what a check finds. Nothing was sent.
type Report struct {
	Rows        int64
	Good        int64 // may be sent
	Bad         int64
	PaidAlready int64 // of the good: they will not be paid again
	Totals      []Total
	Faults      []Fault // the first of them, in the order of lines
	AllFaults   int64
	Warnings    []Warning // the first of them
	AllWarnings int64
	SeenBefore  *Seen
	Unreadable  *Unreadable // not nil: nothing of the file may be paid; what stands before it was counted
	Digest      [32]byte    // SHA-256 of the file, where it could be read to its end
}

// Total is what the good rows of a project ask for in a currency, and what the balance in that currency pays for rows in
// whatever currency: mostly the two are one. Rows that were paid already do not count.
type Total struct {
	ProjectID int64
	Currency  string
	Rows      int64
	Amount    int64 // minor units, like the sums below
	Debit     int64 // what the balance pays for payouts
	Fee       int64 // and for their fees, by the tariffs of then
	Available int64 // on the balance
	Missing   int64 // what the balance is short of
}

// Miss says what the balance is short of.
func (t *Total) Miss() { t.Missing = max(0, t.Debit-max(0, t.Available)+t.Fee) }

// Whole is what the balance pays in all.
func (t *Total) Whole() int64 { return t.Debit + t.Fee }

// Converts tells whether another balance pays for some of the rows, or this one for rows in other currencies.
func (t *Total) Converts() bool { return t.Debit != t.Amount }

// Seen says that the same file, byte for byte, was uploaded before.
type Seen struct {
	Batch string
	At    time.Time
	By    string
}

// Checker checks files. Its fields are set once and then only read.
type Checker struct {
	Rules Rules
	// Paid knows what was paid before; nil: nobody does.
	Paid *paid.Payments
	// Balance is what is available of a project's currency; nil: nothing is.
	Balance func(ctx context.Context, projectID int64, currency string) (int64, error)
	// SeenBefore finds a batch by the digest of its file; nil: none is kept.
	SeenBefore func(ctx context.Context, digest [32]byte) (*Seen, error)
}

// Options are what one check is asked for.
type Options struct {
	Name     string                     // of the file; empty where it has none
	Faults   io.Writer                  // gets the faults' download; nil: nobody wants it
	Advise   func(advice string) string // says an advice in the language of that download; nil: it is English
	Progress func(read int64)           // is told how many bytes were read; nil likewise
	// Each is told what the check found of each row that is not empty, in the file's order; nil likewise.
	Each func(*CheckedRow) error
}

// CheckedRow is the result of the check for one row. Its texts share memory with neighbouring rows: copy what outlives the call.
type CheckedRow struct {
	Line        int64
	Faults      []Fault // none: it may be sent
	Payout      Payout  // counts where there are none
	PaidAlready bool    // it will not be paid again
}

// piece is a block on its way through the check.
type piece struct {
	block block
	rows  []checked
	err   error
	done  chan struct{}
}

// checked is a row with what only the store knows of it.
type checked struct {
	row
	raw    string
	id     uint64 // hash of project and payment id
	twin   uint64 // hash of project, account, currency and sum
	before *paid.Payment
	same   bool // before has the same content
	other  *paid.Payment
}

// Check reads a file to its end. The error is the reader's, the store's or Faults'; whatever is wrong with the file stands in
// the report.
func (c *Checker) Check(ctx context.Context, in io.Reader, o Options) (*Report, error) {
	t := &tally{checker: c, report: &Report{}, each: o.Each, advise: o.Advise, seed: maphash.MakeSeed()}
	s := newSource(in, o.Progress)
	h, err := readHead(s, o.Name)
	if err == nil {
		err = t.read(ctx, s, h, o)
	}
	var u *Unreadable
	switch {
	case errors.As(err, &u):
		t.fault(u.Fault)
		t.report.Unreadable = u
	case err != nil:
		return nil, err
	default:
		s.digest.Sum(t.report.Digest[:0])
		if c.SeenBefore != nil {
			if t.report.SeenBefore, err = c.SeenBefore(ctx, t.report.Digest); err != nil {
				return nil, err
			}
		}
	}
	return t.report, t.finish(ctx)
}

// ahead is how many blocks for each of those who judge may wait: on a busy machine each stands still now and then, and the others go
// on meanwhile.
const ahead = 8

// read judges all rows: blocks are judged side by side, and told in their order.
func (t *tally) read(ctx context.Context, s *source, h *head, o Options) error {
	t.head = h
	t.warn(h.warnings...)
	if err := t.beginFaults(o.Faults); err != nil {
		return err
	}
	var running sync.WaitGroup
	defer running.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	workers := runtime.GOMAXPROCS(0)
	work, order := make(chan *piece, ahead*workers), make(chan *piece, ahead*workers)
	running.Go(func() { cut(ctx, s, order, work) })
	for range workers {
		running.Go(func() {
			j := newJudge(&t.checker.Rules, h)
			for p := range work {
				p.err = t.judge(ctx, j, p)
				close(p.done)
			}
		})
	}
	if err := t.tell(ctx, order); err != nil {
		return err
	}
	if t.report.Rows == 0 {
		return unreadable(FileEmpty, 0, "", "The file has column names, and no row below them.")
	}
	return t.endFaults()
}

// cut hands out the blocks of a file: in their order to who tells of them, and each to one of those who judge. The last piece
// has the error that ended the file.
func cut(ctx context.Context, s *source, order, work chan<- *piece) {
	defer close(work)
	defer close(order)
	for {
		p := &piece{done: make(chan struct{})}
		if p.block, p.err = s.next(); p.err != nil {
			close(p.done)
		}
		select {
		case order <- p:
		case <-ctx.Done():
			return
		}
		if p.err != nil {
			return
		}
		select {
		case work <- p:
		case <-ctx.Done():
			return
		}
	}
}

// tell adds up the pieces in the order of the file.
func (t *tally) tell(ctx context.Context, order <-chan *piece) error {
	for p := range order {
		select {
		case <-p.done:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		for i := range p.rows {
			t.ids.touch(p.rows[i].id)
			t.twins.touch(p.rows[i].twin)
		}
		for i := range p.rows {
			if err := t.row(&p.rows[i]); err != nil {
				return err
			}
		}
		if errors.Is(p.err, io.EOF) {
			return nil
		}
		if p.err != nil {
			return p.err
		}
		clear(p.rows)
		t.spare.Put(&p.rows)
	}
	return context.Cause(ctx)
}

// judge judges a block's rows and asks the store about the good ones.
func (t *tally) judge(ctx context.Context, j *judge, p *piece) error {
	if spare, ok := t.spare.Get().(*[]checked); ok {
		p.rows = (*spare)[:0]
	}
	err := j.block(p.block, func(r *row, raw string) error {
		p.rows = append(p.rows, checked{row: *r, raw: raw})
		if r.good {
			c, p := &p.rows[len(p.rows)-1], &r.payout
			c.id = t.hash(p.Project.ID, payout.Fold(p.PaymentID))
			c.twin = mix(t.hash(p.Project.ID, p.Account) + t.hash(p.Amount, p.Currency))
		}
		return nil
	})
	var u *Unreadable
	if err != nil && !errors.As(err, &u) || t.checker.Paid == nil {
		return err
	}
	return errors.Join(t.lookUp(ctx, j, p.rows), err)
}

// hash is of a number and a text.
func (t *tally) hash(n int64, s string) uint64 {
	return mix(maphash.String(t.seed, s) ^ mix(uint64(n)))
}

// mix spreads what differs in few bits over all of them (the finalizer of MurmurHash3).
func mix(h uint64) uint64 {
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}
