package massbatch

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"flashpay/internal/ledger"
	"flashpay/internal/masspayout"
	"flashpay/internal/merchant"
	"flashpay/internal/store"
	"flashpay/internal/store/batches"
	"flashpay/internal/store/files"
	"flashpay/internal/store/paid"
)

// Upload describes a file of which a batch is created.
type Upload struct {
	Project  *merchant.Project // in whose name it is sent
	Name     string            // of the file
	Progress func(read int64)  // is told how many bytes were read; nil: nobody
	By       By
	// Sees reports whether the uploading user may pay from a project; rows that name another project are refused as if it did not
	// exist. nil: any project of the merchant.
	Sees func(p *merchant.Project) bool
	// Advise translates an advice for the download of faults; nil: it stays English.
	Advise func(advice string) string
}

// Checker returns a checker of files that are sent in a project's name. It compares them with what is stored.
func (s *Service) Checker(sender *merchant.Project) *masspayout.Checker {
	return &masspayout.Checker{
		Rules: s.rules(sender), Paid: paid.New(s.Store),
		Balance: func(ctx context.Context, project int64, currency string) (int64, error) {
			all, err := s.Store.Balances(ctx, project)
			if err != nil {
				return 0, err
			}
			b := all[currency]
			return b.Sum(ledger.Available), nil
		},
		SeenBefore: func(ctx context.Context, digest [sha256.Size]byte) (*masspayout.Seen, error) {
			b, err := batches.SameFile(ctx, s.Store, sender.MerchantID, s.Store.Vault().Digest("file", digest[:]))
			if errors.Is(err, store.ErrNotFound) {
				return nil, nil
			}
			if err != nil {
				return nil, err
			}
			return &masspayout.Seen{Batch: strconv.FormatInt(b.ID, 10), At: b.CreatedAt, By: b.User}, nil
		},
	}
}

// CreateBatch reads a file, checks it and stores it as a checked batch. It sends nothing. The batch is nil where the file is
// unreadable; the report says why. The error is one of reading in or of the store.
func (s *Service) CreateBatch(ctx context.Context, in io.Reader, u Upload) (*batches.Batch, *masspayout.Report, error) {
	return s.createBatch(ctx, in, u, "")
}

// FileBatch finds the batch that was made of a file with this SHA-256 in a project's name. It is nil where there is none, or
// where it was cancelled before anything was sent. key is the idempotency key under which the next batch of this file is created.
func (s *Service) FileBatch(ctx context.Context, p *merchant.Project, sum [sha256.Size]byte) (b *batches.Batch, key string, err error) {
	list, err := batches.OfFile(ctx, s.Store, p.ID, p.MerchantID, s.Store.Vault().Digest("file", sum[:]))
	if err != nil {
		return nil, "", err
	}
	newest := int64(0)
	for i := range list {
		newest = max(newest, list[i].ID)
		if b == nil && (list[i].State != batches.Cancelled || !list[i].SentAt.IsZero()) {
			b = &list[i]
		}
	}
	return b, fmt.Sprintf("mass file %d %x after %d", p.ID, sum, newest), nil
}

// CreateBatchOnce is CreateBatch for callers that repeat a file when they got no answer. Of several calls with the same file, at
// once or later and on whatever node, one creates the batch and all return it; the report is nil where another call had created
// it. sum is the file's SHA-256; in must return an error at its end where its content differs.
func (s *Service) CreateBatchOnce(ctx context.Context, in io.Reader, u Upload, sum [sha256.Size]byte) (*batches.Batch, *masspayout.Report, error) {
	b, key, err := s.FileBatch(ctx, u.Project, sum)
	if err != nil || b != nil {
		return b, nil, err
	}
	b, report, err := s.createBatch(ctx, in, u, key)
	if errors.Is(err, errTakenBefore) {
		b, _, err = s.FileBatch(ctx, u.Project, sum)
		report = nil
		if err == nil && b == nil { // and was cancelled at once
			err = fmt.Errorf("massbatch: %w: the batch of this file was made and cancelled meanwhile", store.ErrMoved)
		}
	}
	return b, report, err
}

// errTakenBefore: the act that the key names was done by another.
var errTakenBefore = errors.New("massbatch: the file was taken in meanwhile")

// createBatch is CreateBatch under an idempotency key.
func (s *Service) createBatch(ctx context.Context, in io.Reader, u Upload, key string) (*batches.Batch, *masspayout.Report, error) {
	keep := Retention(u.Project)
	w, err := files.Create(ctx, s.Store, files.New{
		Kind: batches.FileKind, ProjectID: u.Project.ID, MerchantID: u.Project.MerchantID, UserID: u.By.User, KeepFor: keep,
	})
	if err != nil {
		return nil, nil, err
	}
	abort := true
	defer func() {
		if abort {
			w.Abort(ctx)
		}
	}()
	id, err := batches.NewID(ctx, s.Store)
	if err != nil {
		return nil, nil, err
	}
	rows := &intake{ctx: ctx, store: s.Store, batch: id, totals: make(map[batches.Total]batches.Total)}
	checker := s.Checker(u.Project)
	if u.Sees != nil {
		checker.Rules.Project = s.seen(u.Sees)
	}
	report, err := checker.Check(ctx, io.TeeReader(in, w.With(ctx)), masspayout.Options{Name: u.Name, Progress: u.Progress, Each: rows.add})
	if err != nil || report.Unreadable != nil {
		return nil, report, err
	}
	if err := errors.Join(rows.flush(), w.Close(ctx)); err != nil {
		return nil, nil, err
	}
	n := batches.New{
		ID: id, ProjectID: u.Project.ID, Merchant: u.Project.MerchantID, Name: u.Name, Rows: report.Rows, Good: report.Good, Bad: report.Bad,
		UserID: u.By.User, User: u.By.Name, KeepFor: keep,
	}
	if n.Report, err = keepReport(report); err != nil {
		return nil, nil, err
	}
	for _, c := range rows.totals {
		n.Totals = append(n.Totals, c)
	}
	err = s.Store.Do(ctx, key, func(ctx context.Context, t *store.Tx) error {
		f, err := w.Commit(ctx, t)
		if err != nil {
			return err
		}
		n.File, n.Digest, n.Size = f.ID, f.Digest, f.Size
		if err := batches.Create(ctx, t, n); err != nil {
			return err
		}
		about := store.Detail{}.Int("batch", id).Int("rows", report.Rows).Int("good", report.Good)
		return t.Audit(ctx, u.By.Actor, "batch upload", "project "+strconv.FormatInt(u.Project.ID, 10), about)
	})
	if err != nil {
		abort = !store.Unavailable(err) // else it may have been committed, and the clean-up takes it away if it was not
		return nil, nil, err
	}
	abort = false
	b, err := batches.Get(ctx, s.Store, id)
	if key != "" && errors.Is(err, store.ErrNotFound) {
		abort, err = true, errTakenBefore
	}
	return b, report, err
}

// seen finds the projects that somebody sees.
func (s *Service) seen(sees func(p *merchant.Project) bool) func(id int64) (*merchant.Project, bool) {
	return func(id int64) (*merchant.Project, bool) {
		p, ok := s.Store.Project(id)
		if !ok || !sees(p) {
			return nil, false
		}
		return p, true
	}
}

// intakePiece is how many rows one commit takes in.
const intakePiece = 500

// intake keeps the rows of a file that is being checked.
type intake struct {
	ctx    context.Context
	store  *store.Store
	batch  int64
	rows   []batches.Row
	totals map[batches.Total]batches.Total
}

// add takes a row in, in the order of the file.
func (i *intake) add(j *masspayout.CheckedRow) error {
	r := batches.Row{Line: j.Line, State: batches.Good}
	switch {
	case len(j.Faults) > 0:
		r.State, r.Message = batches.Bad, j.Faults[0].Message
		if j.Payout.Project != nil { // who does not see the project does not see the batch
			r.ProjectID = j.Payout.Project.ID
		}
	default:
		p := &j.Payout
		r.ProjectID, r.PaymentID, r.Amount, r.Currency = p.Project.ID, strings.Clone(p.PaymentID), p.Amount, strings.Clone(p.Currency)
		if j.PaidAlready {
			r.State = batches.PaidAlready
		}
	}
	k := batches.Total{ProjectID: r.ProjectID, Currency: r.Currency, Status: string(r.State)}
	c, known := i.totals[k]
	if !known {
		c = k
	}
	c.Rows, c.Amount = c.Rows+1, c.Amount+r.Amount
	i.totals[k] = c
	if i.rows = append(i.rows, r); len(i.rows) < intakePiece {
		return nil
	}
	return i.flush()
}

func (i *intake) flush() error {
	if len(i.rows) == 0 {
		return nil
	}
	err := batches.AddRows(i.ctx, i.store, i.batch, i.rows)
	i.rows = i.rows[:0]
	return err
}
