package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"flashpay/internal/ledger"
	"flashpay/internal/store/sqldb"
)

// PaymentByID finds a payment of a project by the platform's own id. ErrNotFound where there is none.
func (s *Store) PaymentByID(ctx context.Context, projectID, id int64) (*View, error) {
	return s.viewByID(ctx, projectID, id)
}

// OpenRequest opens the request of a payment, as it was received.
func (s *Store) OpenRequest(ctx context.Context, v *View) ([]byte, error) {
	p := &v.Payment
	var sealed []byte
	err := sqldb.One(ctx, s.DB().Reads, "SELECT sealed FROM requests WHERE project_id = $1 AND payment = $2", p.ProjectID, p.ID).Scan(&sealed)
	if err != nil {
		return nil, s.DB().Unavailable(sqldb.NotFound(err))
	}
	return s.Vault().Unseal(sealed, RequestPlace(p.ProjectID, p.PaymentKey))
}

// Journal reads the journal of a payment, from its beginning.
func (s *Store) Journal(ctx context.Context, projectID, payment int64) (lines []JournalLine, err error) {
	const find = "SELECT id, seq, at, kind, operation, detail, hash FROM journal WHERE project_id = $1 AND payment = $2 ORDER BY seq"
	err = s.DB().List(ctx, find, func(r *sql.Rows) error {
		l := JournalLine{ProjectID: projectID, Payment: payment}
		var at int64
		var hash []byte
		err := r.Scan(&l.ID, &l.Seq, &at, &l.Kind, &l.Operation, &l.Detail, &hash)
		l.At = sqldb.FromMicros(at)
		copy(l.Hash[:], hash)
		lines = append(lines, l)
		return err
	}, projectID, payment)
	return lines, s.DB().Unavailable(err)
}

// transfersBehind is how many row numbers behind a journal line's its transfers can stand: a commit gives a line its
// number and then, at once, those of what the same step moves.
const transfersBehind = 8

// PaymentTransfers reads the ledger's rows of a payment. They have no index by payment: each stands right behind the
// journal line of the step that made it.
func (s *Store) PaymentTransfers(ctx context.Context, lines []JournalLine) (out []ledger.Transfer, err error) {
	const find = `SELECT id, project_id, currency, debit, credit, amount, kind, payment, operation, reason, at FROM transfers
		WHERE project_id = $1 AND id > $2 AND id <= $3 AND payment = $4 ORDER BY id`
	seen := make(map[int64]bool)
	for i := range lines {
		l := &lines[i]
		err := s.DB().List(ctx, find, func(r *sql.Rows) error {
			var t ledger.Transfer
			var at int64
			err := r.Scan(&t.ID, &t.ProjectID, &t.Currency, &t.Debit, &t.Credit, &t.Amount, &t.Kind, &t.Payment, &t.Operation, &t.Reason, &at)
			t.At = sqldb.FromMicros(at)
			if !seen[t.ID] {
				seen[t.ID] = true
				out = append(out, t)
			}
			return err
		}, l.ProjectID, l.ID, l.ID+transfersBehind, l.Payment)
		if err != nil {
			return nil, s.DB().Unavailable(err)
		}
	}
	return out, nil
}

// PaymentDiscrepancies reads the discrepancies of a payment, oldest first.
func (s *Store) PaymentDiscrepancies(ctx context.Context, projectID, payment int64) (out []Discrepancy, err error) {
	const find = "SELECT " + discrepancyColumns + " FROM discrepancies d WHERE d.project_id = $1 AND d.payment = $2 ORDER BY d.opened_at, d.id"
	err = sqldb.Query(ctx, s.DB().Reads, find, projectID, payment).Each(func(r *sql.Rows) error {
		d, err := scanDiscrepancy(r)
		out = append(out, d)
		return err
	})
	return out, s.DB().Unavailable(err)
}

// PaymentCallback is a callback of a payment with all of its attempts, oldest first.
type PaymentCallback struct {
	Job      *CallbackJob
	State    CallbackState
	NextAt   time.Time // zero: none is due
	Attempts []Attempt
}

// PaymentCallbacks reads the callbacks of a payment, newest first.
func (s *Store) PaymentCallbacks(ctx context.Context, projectID, payment int64) ([]PaymentCallback, error) {
	var keys []callbackKey
	var out []PaymentCallback
	const find = `SELECT n.number, c.state, c.next_at FROM events n JOIN callbacks c ON c.project_id = n.project_id AND c.number = n.number
		WHERE n.payment = $1 AND +n.project_id = $2 ORDER BY n.number DESC`
	err := s.DB().List(ctx, find, func(r *sql.Rows) error {
		k, c := callbackKey{project: projectID}, PaymentCallback{}
		var next sql.NullInt64
		err := r.Scan(&k.number, (*string)(&c.State), &next)
		c.NextAt = sqldb.FromMicros(next.Int64)
		keys, out = append(keys, k), append(out, c)
		return err
	}, payment, projectID)
	if err != nil {
		return nil, s.DB().Unavailable(err)
	}
	for i, k := range keys {
		if out[i].Job, err = s.CallbackJob(ctx, k.project, k.number); err != nil {
			return nil, err
		}
		if out[i].Attempts, err = s.DeliveryAttempts(ctx, k.project, k.number); err != nil {
			return nil, s.DB().Unavailable(err)
		}
	}
	return out, nil
}

// Proof shows that a journal line is under a seal: hashed together with its neighbours, step by step, it makes the root.
type Proof struct {
	Line     int64       // the journal line's id
	Seal     JournalSeal // the one that covers it
	Previous [32]byte    // the hash of the seal before; zero: it is the shard's first
	Path     []ProofStep
}

// ProofStep is a neighbour on the way from a leaf to the root.
type ProofStep struct {
	Hash [32]byte
	Left bool // it stands left of what is hashed with it
}

// SealProof proves that a journal line is sealed. ErrNotFound: it is not yet; a minute after it was written it is.
func (s *Store) SealProof(ctx context.Context, line int64) (*Proof, error) {
	p := &Proof{Line: line, Seal: JournalSeal{Shard: line / shardSpan}}
	var root, hash []byte
	var at int64
	const covering = "SELECT number, last_row, lines, root, hash, at FROM seals WHERE shard = $1 AND last_row >= $2 ORDER BY last_row LIMIT 1"
	err := sqldb.One(ctx, s.DB().Lists, covering, p.Seal.Shard, line).Scan(&p.Seal.Number, &p.Seal.LastRow, &p.Seal.Lines, &root, &hash, &at)
	if err != nil {
		return nil, s.DB().Unavailable(sqldb.NotFound(err))
	}
	copy(p.Seal.Root[:], root)
	copy(p.Seal.Hash[:], hash)
	p.Seal.At = sqldb.FromMicros(at)
	after := p.Seal.Shard * shardSpan
	const before = "SELECT last_row, hash FROM seals WHERE shard = $1 AND number = $2"
	err = sqldb.One(ctx, s.DB().Lists, before, p.Seal.Shard, p.Seal.Number-1).Scan(&after, &hash)
	switch {
	case err == nil:
		copy(p.Previous[:], hash)
	case !errors.Is(err, sql.ErrNoRows):
		return nil, s.DB().Unavailable(err)
	}
	leaves, place, err := s.sealedLeaves(ctx, after, p.Seal.LastRow, line)
	if err != nil {
		return nil, s.DB().Unavailable(err)
	}
	p.Path = pathOf(leaves, place)
	return p, nil
}

// sealedLeaves are the hashes of the lines under a seal, and the place of one among them.
func (s *Store) sealedLeaves(ctx context.Context, after, last, line int64) (leaves [][32]byte, place int, err error) {
	place = -1
	for n := 1; n > 0; {
		n = 0
		err := s.DB().List(ctx, "SELECT id, hash FROM journal WHERE id > $1 AND id <= $2 ORDER BY id LIMIT 10000", func(r *sql.Rows) error {
			var hash []byte
			if err := r.Scan(&after, &hash); err != nil {
				return err
			}
			if after == line {
				place = len(leaves)
			}
			n++
			leaves = append(leaves, [32]byte(hash))
			return nil
		}, after, last)
		if err != nil {
			return nil, 0, err
		}
	}
	if place < 0 {
		return nil, 0, fmt.Errorf("%w: journal line %d", ErrNotFound, line)
	}
	return leaves, place, nil
}
