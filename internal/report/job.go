package report

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"flashpay/internal/store"
	"flashpay/internal/store/files"
	"flashpay/internal/store/jobs"
	"flashpay/internal/store/people"
	"flashpay/internal/work"
)

// The kinds of the jobs here, and of their files.
const (
	JobReport   = "report"
	JobSchedule = "report schedule"
	JobMail     = "report mail"
	fileKind    = "report"
)

// Order is a request with whose it is.
type Order struct {
	Request    Request `json:"request"`
	Mail       bool    `json:"mail,omitempty"`     // the owner is sent a link when it is ready
	Schedule   int64   `json:"schedule,omitempty"` // that it was made by
	UserID     int64   `json:"-"`                  // 0: the command line
	MerchantID int64   `json:"-"`                  // the user's
	Actor      string  `json:"-"`                  // for the audit log
}

// position is how far a report has come: nothing before its file is whole.
type position struct {
	Made
	File     int64   `json:"file"`
	Projects []int64 `json:"projects"` // whose rows are in it
}

// Report is a report that was asked for, whatever has become of it.
type Report struct {
	ID        int64
	Order     Order
	State     jobs.State
	Rows      int64 // written so far
	Expected  int64 // about; 0: not known
	AsOf      time.Time
	Outcome   string // why it failed, or is tried again
	CreatedAt time.Time
	EndedAt   time.Time // zero: not yet
	KeptUntil time.Time // zero: there is nothing to download
	Key       string

	file     int64
	projects []int64
}

// Add asks for a report. once names the act, such as the token of a form, so that the report is made once however often it is
// asked for; empty: each call asks for another. It returns the report's id.
func (s *Service) Add(ctx context.Context, idempotencyKey string, o Order) (id int64, err error) {
	params, err := json.Marshal(o)
	if err != nil {
		return 0, fmt.Errorf("report: %w", err)
	}
	err = s.Store.Do(ctx, "", func(ctx context.Context, t *store.Tx) error {
		var added bool
		id, added, err = jobs.Add(ctx, t, jobs.New{
			Kind: JobReport, Key: keyOf(o.UserID, idempotencyKey), MerchantID: o.MerchantID, UserID: o.UserID, Params: params, KeepFor: KeepFor,
		})
		if err != nil || !added {
			return err
		}
		return t.Audit(ctx, o.Actor, "report create", object(id), store.Detail{}.Text("kind", o.Request.Kind))
	})
	return id, err
}

// keyOf names an act of a user.
func keyOf(userID int64, idempotencyKey string) string {
	if idempotencyKey == "" {
		idempotencyKey = rand.Text()
	}
	return strconv.FormatInt(userID, 10) + "/" + idempotencyKey
}

func object(id int64) string { return "report " + strconv.FormatInt(id, 10) }

// Get reads a report of a user; user 0 sees them all. ErrNotFound where there is none, or it is another's.
func (s *Service) Get(ctx context.Context, userID, id int64) (*Report, error) {
	j, err := jobs.Get(ctx, s.Store, id)
	if err == nil && (j.Kind != JobReport || userID != 0 && j.UserID != userID) {
		err = fmt.Errorf("%w: report %d", store.ErrNotFound, id)
	}
	if err != nil {
		return nil, err
	}
	return reportOf(j)
}

func reportOf(j *jobs.Job) (*Report, error) {
	r := &Report{
		ID: j.ID, State: j.State, Rows: j.Done, Expected: j.Total, Outcome: j.Outcome, CreatedAt: j.CreatedAt, EndedAt: j.EndedAt, Key: j.Key,
	}
	if err := json.Unmarshal(j.Params, &r.Order); err != nil {
		return nil, fmt.Errorf("report: report %d: %w", j.ID, err)
	}
	r.Order.UserID, r.Order.MerchantID = j.UserID, j.MerchantID
	if p, err := positionOf(j); err != nil || p.File == 0 {
		return r, err
	} else if r.State == jobs.Done {
		r.Rows, r.Expected, r.AsOf, r.file, r.projects, r.KeptUntil = p.Rows, p.Rows, p.AsOf, p.File, p.Projects, j.EndedAt.Add(KeepFor)
	}
	return r, nil
}

func positionOf(j *jobs.Job) (p position, err error) {
	if len(j.Position) > 0 {
		if err = json.Unmarshal(j.Position, &p); err != nil {
			err = fmt.Errorf("report: position of report %d: %w", j.ID, err)
		}
	}
	return p, err
}

// List lists the reports of a user, newest first; user 0 sees them all. behind continues a list behind a report.
func (s *Service) List(ctx context.Context, userID int64, behind *Report, limit int) (out []*Report, err error) {
	f := jobs.Filter{Kind: JobReport, UserID: userID, Limit: limit}
	if behind != nil {
		f.Behind = &jobs.Job{ID: behind.ID, CreatedAt: behind.CreatedAt}
	}
	found, err := jobs.List(ctx, s.Store, f)
	if err != nil {
		return nil, err
	}
	for i := range found {
		r, err := s.Get(ctx, userID, found[i].ID)
		if errors.Is(err, store.ErrNotFound) { // deleted just now
			continue
		}
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
}

// Cancel ends a report of a user that is not ready. jobs.ErrEnded where it has ended, ErrNotFound where there is none.
func (s *Service) Cancel(ctx context.Context, userID, id int64, actor string) error {
	if _, err := s.Get(ctx, userID, id); err != nil {
		return err
	}
	return s.cancel(ctx, id, actor, "report cancel")
}

func (s *Service) cancel(ctx context.Context, id int64, actor, action string) error {
	return s.Store.Do(ctx, "", func(ctx context.Context, t *store.Tx) error {
		if err := jobs.Cancel(ctx, t, id); err != nil {
			return err
		}
		return t.Audit(ctx, actor, action, object(id), nil)
	})
}

// Open opens the file of a report for its owner, from its beginning, and notes it in the audit log. ErrNotReady and ErrGone;
// another error where the owner may not see all of it any more.
func (s *Service) Open(ctx context.Context, userID, id int64, actor string) (*Report, io.ReadCloser, error) {
	r, err := s.Get(ctx, userID, id)
	if err != nil {
		return nil, nil, err
	}
	file, err := s.open(ctx, r)
	if err != nil {
		return nil, nil, err
	}
	if err := people.New(s.Store).LogDownload(ctx, actor, "report", object(id), store.Detail{}.Text("kind", r.Order.Request.Kind)); err != nil {
		return nil, nil, errors.Join(err, file.Close())
	}
	return r, file, nil
}

func (s *Service) open(ctx context.Context, r *Report) (io.ReadCloser, error) {
	if r.State != jobs.Done || r.file == 0 {
		return nil, ErrNotReady
	}
	seen, err := s.seen(ctx, r.Order.UserID)
	if err != nil {
		return nil, err
	}
	if len(intersect(r.projects, seen)) < len(r.projects) {
		return nil, ErrNoRight
	}
	file, err := files.Open(ctx, s.Store, r.file, 0)
	if errors.Is(err, store.ErrNotFound) {
		return nil, ErrGone
	}
	return file, err
}

// Jobs are the kinds of jobs that make, schedule and mail reports.
func (s *Service) Jobs() []work.JobKind {
	return []work.JobKind{
		{Name: JobReport, Run: s.make, AtOnce: 1, Attempts: 5},
		{Name: JobSchedule, Run: s.schedule, AtOnce: 4},
		{Name: JobMail, Run: s.mail, AtOnce: 2, Attempts: MailAttempts},
	}
}

// progressBeat is how often a report that is being made says how far it is.
const progressBeat = 2 * time.Second

// make makes a report. What a node leaves half made another one begins anew: the state that it shows is gone.
func (s *Service) make(ctx context.Context, r *jobs.Run) error {
	if p, err := positionOf(&r.Job); err != nil || p.File != 0 { // the file is whole: only the end was not committed
		return err
	}
	var o Order
	if err := json.Unmarshal(r.Params, &o); err != nil {
		return r.Fail(ctx, "its request cannot be read")
	}
	projects, err := s.projects(ctx, r.UserID, o.Request.Projects)
	if errors.Is(err, ErrNoRight) || errors.Is(err, store.ErrNotFound) {
		return r.Fail(ctx, "its owner may not have reports any more")
	}
	if err != nil {
		return err
	}
	file, err := files.Create(ctx, s.Store, files.New{Kind: fileKind, MerchantID: r.MerchantID, UserID: r.UserID, KeepFor: KeepFor})
	if err != nil {
		return err
	}
	p, err := s.fill(ctx, r, &o.Request, projects, file)
	if err == nil {
		err = s.keep(ctx, r, &o, p, file)
	}
	if err != nil {
		file.Abort(ctx)
	}
	return err
}

// fill writes the report into its file.
func (s *Service) fill(ctx context.Context, r *jobs.Run, q *Request, projects []int64, file *files.Writer) (p position, err error) {
	expected, err := s.expected(ctx, q, projects)
	if err != nil {
		return p, err
	}
	said := time.Now()
	p.Made, err = s.Write(ctx, file.With(ctx), q, projects, func(rows int64) error {
		if time.Since(said) < progressBeat {
			return nil
		}
		said = time.Now()
		return r.Checkpoint(ctx, nil, rows, max(rows, expected), nil)
	})
	p.Projects, p.File = slices.Clone(projects), file.ID()
	if err != nil {
		return p, err
	}
	return p, file.Close(ctx)
}

// keep commits the file with the job's position, and the e-mail that tells of it.
func (s *Service) keep(ctx context.Context, r *jobs.Run, o *Order, p position, file *files.Writer) error {
	text, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return r.Checkpoint(ctx, text, p.Rows, p.Rows, func(ctx context.Context, t *store.Tx) error {
		if _, err := file.Commit(ctx, t); err != nil {
			return err
		}
		if !o.Mail || r.UserID == 0 {
			return nil
		}
		_, _, err := jobs.Add(ctx, t, jobs.New{Kind: JobMail, Key: strconv.FormatInt(r.ID, 10), UserID: r.UserID, MerchantID: r.MerchantID, KeepFor: KeepFor})
		return err
	})
}
