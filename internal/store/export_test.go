package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"flashpay/internal/payout"
	"flashpay/internal/store/sqldb"
)

// AnnounceAgain makes another event of a payment's first operation. The table of moves makes one event a payment today;
// what supersedes is there for the statuses that will make more of them.
func (s *Store) AnnounceAgain(ctx context.Context, v *View) error {
	p, o := v.Payment, v.Operations[0]
	p.Events = 2
	return s.do(ctx, &command{exec: func(_ context.Context, t *Tx) error {
		t.announce(&p, &o, t.now)
		return nil
	}})
}

// Subtrees says how many subtrees the tree keeps: its memory.
func (m *Merkle) Subtrees() int { return len(m.subtrees) }

// ApproveTopUp approves with an act in the commit of the decision: the top-up that was asked for, and then fail's answer.
func (s *Store) ApproveTopUp(ctx context.Context, idempotencyKey string, d Decision, fail func() error) error {
	return s.decideApproval(ctx, idempotencyKey, d, "test", func(ctx context.Context, t *Tx, a *Approval) error {
		if err := t.topUp(ctx, a.ProjectID, a.Currency, a.Amount, a.Title); err != nil {
			return err
		}
		return fail()
	})
}

// SetDropPiece has a commit of DeleteExpired delete fewer rows, and returns what undoes it.
func SetDropPiece(n int64) (undo func()) {
	before := dropPiece
	dropPiece = n
	return func() { dropPiece = before }
}

// AddPassing enters rows of all kinds that are deleted after a while, n of each, dated now, and returns how many of each
// are kept.
func (s *Store) AddPassing(ctx context.Context, name string, n int) (kept map[string]int, err error) {
	kept = make(map[string]int)
	now := s.Now().UnixMicro()
	err = s.do(ctx, &command{exec: func(ctx context.Context, t *Tx) error {
		for i := range n {
			id := fmt.Sprint(name, "-", i)
			const reject = "INSERT INTO rejections (request_id, project_id, status, body, at) VALUES ($1, 210, 400, $2, $3)"
			if _, err := t.Exec(ctx, reject, id, []byte("{}"), now); err != nil {
				return err
			}
			if _, err := t.Exec(ctx, "INSERT INTO commands_done (name, at) VALUES ($1, $2)", id, now); err != nil {
				return err
			}
			for _, state := range []string{"done", "refused"} {
				const insert = "INSERT INTO notifications (id, shard, provider, sealed, received_at, state, error, tries) VALUES ($1, 0, 'bank', $2, $3, $4, '', 1)"
				if _, err := t.Exec(ctx, insert, t.RowID(), []byte("{}"), now, state); err != nil {
					return err
				}
			}
		}
		return nil
	}})
	if err != nil {
		return nil, err
	}
	for kind, count := range map[string]string{
		"rejections": "SELECT COUNT(*) FROM rejections", "commands": "SELECT COUNT(*) FROM commands_done",
		"read": "SELECT COUNT(*) FROM notifications WHERE state = 'done'", "refused": "SELECT COUNT(*) FROM notifications WHERE state = 'refused'",
	} {
		var n int
		if err := s.db.Reads.QueryRowContext(ctx, count).Scan(&n); err != nil {
			return nil, err
		}
		kept[kind] = n
	}
	return kept, nil
}

// SetRegisterBounds makes pages of the register give up earlier, and returns what undoes it.
func SetRegisterBounds(candidates, found int) (undo func()) {
	before := bounds
	bounds.candidates, bounds.found, bounds.failing, bounds.counted = candidates, found, found, 2*candidates
	return func() { bounds = before }
}

// CheckRollups compares the rollups that are read with a recount of payments and events; empty: they are equal.
func (s *Store) CheckRollups(ctx context.Context) (wrong string, err error) {
	want, have := make(map[RollupKey]RollupDelta), make(map[RollupKey]RollupDelta)
	const payments = `SELECT p.project_id, p.created_at, p.method, p.currency, p.amount, p.status, p.account_mask, COALESCE(e.at, 0),
		COALESCE(e.operation_status, ''), COALESCE(e.code, 0), COALESCE(e.number, 0), p.id, (SELECT MAX(n.number) FROM events n WHERE n.payment = p.id)
		FROM payments p LEFT JOIN events e ON e.payment = p.id AND e.project_id = p.project_id ORDER BY p.id, e.number`
	last := int64(0)
	err = sqldb.Query(ctx, s.db.Reads, payments).Each(func(r *sql.Rows) error {
		var made, amount, at, number, id int64
		var newest sql.NullInt64
		var mask string
		var ended, status payout.Status
		var k RollupKey
		err := r.Scan(&k.Project, &made, &k.Method, &k.Currency, &amount, (*string)(&status), &mask, &at, (*string)(&ended), &k.Code, &number, &id, &newest)
		count := func(cube Cube, at int64, k RollupKey) {
			lengths := []int64{1, 6, 24}
			if cube != CubePayments && cube != CubeResults {
				lengths = []int64{1, 24, 384}
			}
			for _, hours := range lengths {
				length := hours * 3_600_000_000
				k.Cube, k.Hours, k.Start = cube, hours, at/length*length
				want[k] = want[k].plus(1, amount)
			}
		}
		slim := k
		slim.Code = 0
		if k.Bank = ""; len(mask) >= 12 && strings.Trim(mask[:3], "0123456789") == "" {
			k.Bank = mask[:3]
		}
		if number == newest.Int64 {
			k.Status, slim.Status = status, status
			count(CubePayments, made, slim)
			count(CubePaymentsDetailed, made, k)
		}
		if number == 0 {
			return err
		}
		k.Status, slim.Status = ended, ended
		count(CubeResults, at, slim)
		count(CubeResultsDetailed, at, k)
		if id != last {
			last = id
			slim.Bucket = TimeBucket(time.Duration(at-made) * time.Microsecond)
			count(CubeTimes, made, slim)
		}
		return err
	})
	if err != nil {
		return "", err
	}
	const rows = `SELECT cube, project_id, hours, start, method, currency, status, code, bank, bucket, payments, amount FROM rollups
		WHERE build = (SELECT build FROM rollup_builds WHERE state = 'live') AND (payments <> 0 OR amount <> 0)`
	err = sqldb.Query(ctx, s.db.Reads, rows).Each(func(r *sql.Rows) error {
		var k RollupKey
		var d RollupDelta
		err := r.Scan(&k.Cube, &k.Project, &k.Hours, &k.Start, &k.Method, &k.Currency, (*string)(&k.Status), &k.Code, &k.Bank, &k.Bucket, &d.Payments, &d.Amount)
		have[k] = d
		return err
	})
	return cmp.Diff(want, have), err
}

// ShiftClock sets the clock that the store reads.
func (s *Store) ShiftClock(by time.Duration) { s.shifted.Store(int64(by)) }

// AddNode enters a node whose lease on its shard ends at the given time.
func (s *Store) AddNode(ctx context.Context, shard int64, until time.Time) error {
	_, err := s.db.Writes.ExecContext(ctx, "INSERT INTO shards (shard, owner, lease_until, next_number, next_row) VALUES ($1, 'node', $2, 1, 1)", shard, until.UnixMicro())
	return err
}

// Execute runs a statement, or several.
func (s *Store) Execute(t *testing.T, text string) {
	t.Helper()
	if _, err := s.db.Writes.ExecContext(t.Context(), text); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
}

// Migration is the text of the migration whose name ends so.
func (s *Store) Migration(t *testing.T, name string) string {
	t.Helper()
	for _, file := range migrationFiles {
		if !strings.HasSuffix(file, "_"+name+".sql") {
			continue
		}
		text, err := migrations.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return s.db.Dialect.SQL(string(text))
	}
	t.Fatalf("no migration %s", name)
	return ""
}

// EmptyDirectory makes the database one whose payments are found by their accounts alone, and which the directory has not
// begun to follow.
func (s *Store) EmptyDirectory(ctx context.Context) error {
	return errors.Join(s.do(ctx, &command{exec: func(ctx context.Context, t *Tx) error {
		if _, err := t.Exec(ctx, `DELETE FROM lookups WHERE NOT EXISTS (SELECT 1 FROM requests r
			WHERE r.project_id = lookups.project_id AND r.payment = lookups.payment AND r.account_key = lookups.key)`); err != nil {
			return err
		}
		return nil
	}}), s.ForgetDirectory(ctx))
}

// ForgetDirectory forgets how far the directory has come.
func (s *Store) ForgetDirectory(ctx context.Context) error {
	return s.do(ctx, &command{exec: func(ctx context.Context, t *Tx) error {
		_, err := t.Exec(ctx, "DELETE FROM directory")
		return err
	}})
}

// DirectoryReads is how often the directory has read payments that were not heard.
func (s *Store) DirectoryReads() int64 { return s.listReads.Load() }

// LogCopies is how often SQLite's log was copied beside the writer.
func (s *Store) LogCopies() int64 { return s.logCopies.Load() }

// MoveNewestLine takes the newest line that this node has committed for one of a later shard, and returns what undoes it.
func (s *Store) MoveNewestLine(shards int64) (undo func()) {
	s.lastCommittedRow.Add(shards * shardSpan)
	return func() { s.lastCommittedRow.Add(-shards * shardSpan) }
}
