// Package batches keeps mass payouts: batches of a file's rows, the rows, and their counters. A batch moves by one table;
// a row that made a payment says so in the commit that made it (store.NewPayout.Batch), so that each row is paid once, whoever
// sends it how often.
package batches

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"flashpay/internal/store"
	"flashpay/internal/store/sqldb"
)

// State is where a batch stands.
type State string

// The states of a batch. The last two are final.
const (
	Checked   State = "checked" // its rows are kept, and nothing was sent
	Awaiting  State = "awaiting approval"
	Sending   State = "sending"
	Paused    State = "paused"
	Done      State = "done" // every row was dealt with
	Cancelled State = "cancelled"
)

// Final tells whether a batch of this state never sends anything again.
func (s State) Final() bool { return s == Done || s == Cancelled }

// States lists them all.
func States() []State { return []State{Checked, Awaiting, Sending, Paused, Done, Cancelled} }

// Event is what moves a batch.
type Event string

// The events.
const (
	Ask     Event = "ask" // for a second person's approval
	Send    Event = "send"
	Approve Event = "approve"
	Reject  Event = "reject"
	Pause   Event = "pause"
	Resume  Event = "resume"
	Cancel  Event = "cancel" // the rest
	Finish  Event = "finish"
)

// Move is one move of the table.
type Move struct {
	From State
	On   Event
	To   State
}

// moves is every move there is. Statements are made of it, so that the database is the referee.
var moves = []Move{
	{Checked, Ask, Awaiting},
	{Checked, Send, Sending},
	{Awaiting, Approve, Sending},
	{Awaiting, Reject, Cancelled},
	{Sending, Pause, Paused},
	{Paused, Resume, Sending},
	{Checked, Cancel, Cancelled},
	{Awaiting, Cancel, Cancelled},
	{Sending, Cancel, Cancelled},
	{Paused, Cancel, Cancelled},
	{Sending, Finish, Done},
}

// Moves returns the table.
func Moves() []Move { return slices.Clone(moves) }

// Next is the state that a batch comes to; ok is false where the event does not move it.
func (s State) Next(on Event) (to State, ok bool) {
	for _, m := range moves {
		if m.From == s && m.On == on {
			return m.To, true
		}
	}
	return "", false
}

// RowState is what became of a row.
type RowState string

// The states of a row. All but Good are final.
const (
	Good        RowState = "good" // may be sent, and was not yet
	Bad         RowState = "bad"  // has faults
	Made        RowState = "made" // made a payment
	PaidAlready RowState = "paid already"
	Refused     RowState = "refused" // when it was sent
)

// RowStates lists them all.
func RowStates() []RowState { return []RowState{Good, Bad, Made, PaidAlready, Refused} }

// MovedError says that a batch does not stand where an event would move it from: somebody else moved it first.
type MovedError struct {
	ID    int64
	State State // in which it is
	On    Event
}

// Error says so.
func (e *MovedError) Error() string {
	return fmt.Sprintf("batches: batch %d is %s: it cannot be moved by «%s»", e.ID, e.State, e.On)
}

// Is tells that it is a store.ErrMoved.
func (e *MovedError) Is(target error) bool { return target == store.ErrMoved }

// Batch is a batch as it stands.
type Batch struct {
	ID         int64
	ProjectID  int64 // in whose name it is sent
	MerchantID int64
	State      State
	Version    int64  // rises with each move
	Name       string // the file's
	File       int64
	Digest     [32]byte // the file's (files.File.Digest)
	Size       int64    // of the file, in bytes
	Rows       int64
	Good       int64 // of the rows: those that may be sent
	Bad        int64
	GoodOnly   bool  // rows with faults are left out; else there may be none
	Position   int64 // the last line that was dealt with
	Approval   int64 // 0: it needed none
	Reason     string
	UserID     int64 // who uploaded it; 0: the command line
	User       string
	CreatedAt  time.Time
	SentAt     time.Time // when it began to be sent; zero: not yet
	UpdatedAt  time.Time
	EndedAt    time.Time // zero: not yet
	DropAt     time.Time
}

const columns = `id, project_id, merchant_id, state, version, sealed, file, digest, size, row_count, good, bad, good_only, position,
	COALESCE(approval, 0), reason, user_id, user_name, created_at, sent_at, updated_at, ended_at, drop_at`

// details are what is sealed of a batch.
type details struct {
	Name string `json:"name"`
}

func place(project, file int64) string {
	return "batch/" + strconv.FormatInt(project, 10) + "/" + strconv.FormatInt(file, 10)
}

func scan(s *store.Store, r *sql.Rows) (b Batch, err error) {
	var sealed, digest []byte
	var created, sent, updated, ended, drop int64
	err = r.Scan(&b.ID, &b.ProjectID, &b.MerchantID, &b.State, &b.Version, &sealed, &b.File, &digest, &b.Size, &b.Rows, &b.Good, &b.Bad,
		&b.GoodOnly, &b.Position, &b.Approval, &b.Reason, &b.UserID, &b.User, &created, &sent, &updated, &ended, &drop)
	if err != nil {
		return b, err
	}
	copy(b.Digest[:], digest)
	b.CreatedAt, b.SentAt, b.UpdatedAt = sqldb.FromMicros(created), sqldb.FromMicros(sent), sqldb.FromMicros(updated)
	b.EndedAt, b.DropAt = sqldb.FromMicros(ended), sqldb.FromMicros(drop)
	plain, err := s.Vault().Unseal(sealed, place(b.ProjectID, b.File))
	if err != nil {
		return b, err
	}
	var d details
	err = json.Unmarshal(plain, &d)
	b.Name = d.Name
	return b, err
}

// New is a batch that was checked.
type New struct {
	ID        int64 // of the rows that were added before (AddRows)
	ProjectID int64
	Merchant  int64
	Name      string
	File      int64
	Digest    [32]byte
	Size      int64
	Rows      int64
	Good      int64
	Bad       int64
	Totals    []Total // of the rows, by project, currency and state
	UserID    int64   // who uploads it; 0: the command line
	User      string
	KeepFor   time.Duration
	Report    []byte // of its check; empty: none is kept
}

// Total is a sum of rows.
type Total struct {
	ProjectID int64
	Currency  string
	Status    string // a payment's status, for rows that made one; else the rows' state
	Rows      int64
	Amount    int64 // minor units
}

// Create keeps a batch, in the transaction that makes its file whole: from then on its rows are there, too.
func Create(ctx context.Context, t *store.Tx, n New) error {
	text, err := json.Marshal(details{n.Name})
	if err != nil {
		return err
	}
	sealed, err := t.Vault().Seal(text, place(n.ProjectID, n.File))
	if err != nil {
		return err
	}
	const insert = `INSERT INTO batches (id, project_id, merchant_id, state, version, sealed, file, digest, size, row_count, good, bad, good_only,
		position, reason, user_id, user_name, created_at, sent_at, updated_at, ended_at, drop_at)
		VALUES ($1, $2, $3, 'checked', 0, $4, $5, $6, $7, $8, $9, $10, 0, 0, '', $11, $12, $13, 0, $14, 0, $15)`
	now := t.Now().UnixMicro()
	_, err = t.Exec(ctx, insert, n.ID, n.ProjectID, n.Merchant, sealed, n.File, n.Digest[:], n.Size, n.Rows, n.Good, n.Bad, n.UserID, n.User,
		now, now, t.Now().Add(n.KeepFor).UnixMicro())
	if err != nil {
		return err
	}
	if len(n.Report) > 0 {
		report, err := t.Vault().Seal(n.Report, place(n.ProjectID, n.File)+"/report")
		if err != nil {
			return err
		}
		if _, err := t.Exec(ctx, "INSERT INTO batch_reports (batch, sealed) VALUES ($1, $2)", n.ID, report); err != nil {
			return err
		}
	}
	return addCounts(ctx, t, n.ID, n.Totals)
}

// Report reads what the check of a batch's file found, as it was kept; nil: nothing was.
func Report(ctx context.Context, s *store.Store, b *Batch) (report []byte, err error) {
	err = s.DB().Read(ctx, "SELECT sealed FROM batch_reports WHERE batch = $1", func(r *sql.Rows) error {
		var sealed []byte
		if err := r.Scan(&sealed); err != nil {
			return err
		}
		report, err = s.Vault().Unseal(sealed, place(b.ProjectID, b.File)+"/report")
		return err
	}, b.ID)
	return report, s.DB().Unavailable(err)
}

// addCounts adds to a batch's counters.
func addCounts(ctx context.Context, t *store.Tx, batch int64, totals []Total) error {
	slices.SortFunc(totals, compareTotals)
	var args []any
	for _, c := range totals {
		if c.Rows != 0 || c.Amount != 0 {
			args = append(args, batch, c.ProjectID, c.Currency, c.Status, c.Rows, c.Amount)
		}
	}
	return t.Bulk(ctx, store.AddBatchCounts, args, nil)
}

func compareTotals(a, b Total) int {
	if a.ProjectID != b.ProjectID {
		if a.ProjectID < b.ProjectID {
			return -1
		}
		return 1
	}
	if c := strings.Compare(a.Currency, b.Currency); c != 0 {
		return c
	}
	return strings.Compare(a.Status, b.Status)
}

// Change is what a move brings along; what is zero stays as it is.
type Change struct {
	GoodOnly bool
	Approval int64
	Reason   string // replaces the one that was there, also where it is empty
}

// Apply moves a batch and returns it as it is then. A *MovedError where the event does not move it from where it stands,
// store.ErrNotFound where there is none.
func Apply(ctx context.Context, t *store.Tx, id int64, on Event, c Change) (*Batch, error) {
	b, err := lock(ctx, t, id)
	if err != nil {
		return nil, err
	}
	to, ok := b.State.Next(on)
	if !ok {
		return nil, &MovedError{id, b.State, on}
	}
	now := t.Now()
	from := b.State
	b.State, b.Version, b.Reason, b.UpdatedAt = to, b.Version+1, c.Reason, now
	b.GoodOnly = b.GoodOnly || c.GoodOnly
	if c.Approval != 0 {
		b.Approval = c.Approval
	}
	if to == Sending && b.SentAt.IsZero() {
		b.SentAt = now
	}
	if to.Final() {
		b.EndedAt = now
	}
	var approval any
	if b.Approval != 0 {
		approval = b.Approval
	}
	goodOnly := 0
	if b.GoodOnly {
		goodOnly = 1
	}
	const move = `UPDATE batches SET state = $1, version = $2, good_only = $3, approval = $4, reason = $5, sent_at = $6, updated_at = $7, ended_at = $8
		WHERE id = $9 AND state = $10 AND version = $11`
	n, err := t.Exec(ctx, move, string(to), b.Version, goodOnly, approval, b.Reason, sqldb.Micros(b.SentAt), now.UnixMicro(), sqldb.Micros(b.EndedAt),
		id, string(from), b.Version-1)
	if err == nil && n != 1 {
		err = &MovedError{id, from, on}
	}
	if err == nil && to.Final() && from != Checked {
		err = tell(ctx, t, b)
	}
	return b, err
}

// tell makes the event of a batch's end, where its project asks for it. One that nobody asked to send is not told.
func tell(ctx context.Context, t *store.Tx, b *Batch) error {
	if p, ok := t.Store().Project(b.ProjectID); !ok || !p.Settings.BatchCallback {
		return nil
	}
	end := store.BatchEnd{Batch: b.ID, State: string(b.State), Rows: b.Rows, WithFaults: b.Bad}
	const settled = "SELECT status, SUM(row_count) FROM batch_counts WHERE batch = $1 AND status IN ('paid already', 'refused') GROUP BY status"
	err := t.Query(ctx, settled, func(r *sql.Rows) error {
		var state RowState
		var rows int64
		err := r.Scan(&state, &rows)
		if state == Refused {
			end.Refused = rows
		} else {
			end.PaidAlready = rows
		}
		return err
	}, b.ID)
	if err == nil && b.State == Cancelled {
		const left = "SELECT COUNT(1) FROM batch_rows WHERE batch = $1 AND state = 'good'"
		err = t.Query(ctx, left, func(r *sql.Rows) error { return r.Scan(&end.NotSent) }, b.ID)
	}
	if err != nil {
		return err
	}
	end.Sent = b.Good - end.PaidAlready - end.Refused - end.NotSent
	t.AddBatchEvent(b.ProjectID, end)
	return nil
}

// lock reads a batch inside a transaction, and keeps others from moving it meanwhile.
func lock(ctx context.Context, t *store.Tx, id int64) (*Batch, error) {
	var found *Batch
	err := t.Query(ctx, "SELECT "+columns+" FROM batches WHERE id = $1{{for_update}}", func(r *sql.Rows) error {
		b, err := scan(t.Store(), r)
		found = &b
		return err
	}, id)
	if err == nil && found == nil {
		err = fmt.Errorf("%w: batch %d", store.ErrNotFound, id)
	}
	return found, err
}

// Get reads a batch. store.ErrNotFound where there is none.
func Get(ctx context.Context, s *store.Store, id int64) (*Batch, error) {
	list, err := find(ctx, s, "SELECT "+columns+" FROM batches WHERE id = $1", id)
	if err == nil && len(list) == 0 {
		err = fmt.Errorf("%w: batch %d", store.ErrNotFound, id)
	}
	if err != nil {
		return nil, err
	}
	return &list[0], nil
}

// SameFile finds the newest batch of a merchant with the same file that was not cancelled before anything of it was sent.
// store.ErrNotFound where there is none.
func SameFile(ctx context.Context, s *store.Store, merchant int64, digest [32]byte) (*Batch, error) {
	list, err := find(ctx, s, "SELECT "+columns+" FROM batches WHERE merchant_id = $1 AND digest = $2 ORDER BY created_at DESC, id DESC LIMIT 20", merchant, digest[:])
	if err != nil {
		return nil, err
	}
	for i := range list {
		if list[i].State != Cancelled || !list[i].SentAt.IsZero() {
			return &list[i], nil
		}
	}
	return nil, store.ErrNotFound
}

// OfFile finds the batches of a project that are made of a file, the newest first, 20 at most.
func OfFile(ctx context.Context, s *store.Store, project, merchant int64, digest [32]byte) ([]Batch, error) {
	const text = "SELECT " + columns + " FROM batches WHERE merchant_id = $1 AND digest = $2 AND project_id = $3 ORDER BY created_at DESC, id DESC LIMIT 20"
	return find(ctx, s, text, merchant, digest[:], project)
}

func find(ctx context.Context, s *store.Store, text string, args ...any) (out []Batch, err error) {
	err = s.DB().Read(ctx, text, func(r *sql.Rows) error {
		b, err := scan(s, r)
		out = append(out, b)
		return err
	}, args...)
	return out, s.DB().Unavailable(err)
}

// Filter says which batches are listed.
type Filter struct {
	Projects []int64 // in whose name they are sent; nil: of all
	IDs      []int64 // nil: any
	Behind   *Batch  // continue behind this one, of which CreatedAt and ID count; nil: from the newest
	Limit    int
}

// List lists batches, newest first.
func List(ctx context.Context, s *store.Store, f Filter) (out []Batch, err error) {
	if f.Projects != nil && len(f.Projects) == 0 || f.IDs != nil && len(f.IDs) == 0 {
		return nil, nil
	}
	q := &sqldb.Statement{}
	q.Text("SELECT " + columns + " FROM batches WHERE 1 = 1")
	if f.IDs != nil {
		q.Text(" AND ").In("id", sqldb.IntArgs(f.IDs))
	}
	if f.Projects != nil {
		q.Text(" AND ").In("project_id", sqldb.IntArgs(f.Projects))
	}
	if f.Behind != nil {
		q.Text(" AND (created_at, id) < (").Arg(f.Behind.CreatedAt.UnixMicro()).Text(", ").Arg(f.Behind.ID).Text(")")
	}
	q.Text(" ORDER BY created_at DESC, id DESC LIMIT ").Arg(int64(f.Limit))
	err = sqldb.Query(ctx, s.DB().Reads, q.String(), q.Args...).Each(func(r *sql.Rows) error {
		b, err := scan(s, r)
		out = append(out, b)
		return err
	})
	return out, s.DB().Unavailable(err)
}

// Projects are the projects that batches concern, by batch: in whose name each is sent, and those that its rows pay from. A batch
// that was deleted has none.
func Projects(ctx context.Context, s *store.Store, ids []int64) (map[int64][]int64, error) {
	out := make(map[int64][]int64)
	if len(ids) == 0 {
		return out, nil
	}
	q := &sqldb.Statement{}
	q.Text("SELECT id, project_id FROM batches WHERE ").In("id", sqldb.IntArgs(ids))
	q.Text(" UNION SELECT b.id, c.project_id FROM batches b JOIN batch_counts c ON c.batch = b.id WHERE c.project_id <> 0 AND ").In("b.id", sqldb.IntArgs(ids))
	err := sqldb.Query(ctx, s.DB().Reads, q.String(), q.Args...).Each(func(r *sql.Rows) error {
		var id, project int64
		err := r.Scan(&id, &project)
		out[id] = append(out[id], project)
		return err
	})
	return out, s.DB().Unavailable(err)
}

// Waiting lists the batches that wait for a second person, at most 100.
func Waiting(ctx context.Context, s *store.Store) ([]Batch, error) {
	return find(ctx, s, "SELECT "+columns+" FROM batches WHERE state = 'awaiting approval' ORDER BY id LIMIT 100")
}

// Totals reads a batch's counters. Rows that made a payment count under its status, a moment after it changed.
func Totals(ctx context.Context, s *store.Store, id int64) (out []Total, err error) {
	const find = "SELECT project_id, currency, status, row_count, amount FROM batch_counts WHERE batch = $1 ORDER BY project_id, currency, status"
	err = s.DB().Read(ctx, find, func(r *sql.Rows) error {
		var c Total
		err := r.Scan(&c.ProjectID, &c.Currency, &c.Status, &c.Rows, &c.Amount)
		out = append(out, c)
		return err
	}, id)
	return out, s.DB().Unavailable(err)
}

// ErrHasFaults says that a batch has rows with faults, and was to be sent whole.
var ErrHasFaults = errors.New("batches: the file has rows with faults: mend them, or send the good rows only")
