package store

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"flashpay/internal/payout"
	"flashpay/internal/store/sqldb"
)

// Rollups, lookups and the counters of mass batches are filled behind the road: a worker follows the journal of each shard, whose ids rise in commit
// order, and commits what it writes together with how far it has come. So each line counts once, whatever crashes and
// however many nodes follow.

const (
	followBatch = 2000 // journal lines that are taken in together
	followBeat  = 5 * time.Second
	followLook  = 500 * time.Millisecond // whether so many lines wait that the beat is not waited for
	// followSettled is how old a line of the commands' shard must be: several of them share it, so that its ids may
	// become visible out of order.
	followSettled = time.Minute
	// FollowLag is how far totals and searches by customer, provider's id and account stand behind, where nothing is wrong.
	FollowLag = followBeat
)

// Buckets of lookups keep what is written together on few pages: a commit of the follower writes ten keys of each of some hundred
// payments, whose order is none, and touches most pages of the bucket. A search looks into each bucket.
const (
	lookupBucket      = 20_000 // ids of payments that share a bucket
	formerBucket      = 100_000
	lookupBucketsFrom = 1 << 40 // the first one of so many payments; databases that are older have those of the former size below
)

// LookupBucket is the bucket of lookups to which a payment belongs.
func LookupBucket(payment int64) int64 { return lookupBucketsFrom + payment/lookupBucket }

// LookupsFrom is the first of the payments that belong to a bucket of lookups, and the first one behind them. An older program had
// larger buckets.
func LookupsFrom(bucket int64) (first, end int64) {
	if bucket < lookupBucketsFrom {
		return bucket * formerBucket, (bucket + 1) * formerBucket
	}
	return (bucket - lookupBucketsFrom) * lookupBucket, (bucket - lookupBucketsFrom + 1) * lookupBucket
}

// followedLine is what rollups and lookups need to know of a journal line.
type followedLine struct {
	id, seq, project, payment, created, amount int64
	at                                         int64 // of the line
	method, currency, providerID               string
	bank                                       string
	accountKey                                 int64         // of a payment that is new
	listed                                     []int64       // the directory's keys of a payment that is new; nil where the line was read
	byHand                                     bool          // the payment entered by Dashboard
	before, after                              result        // before is empty for a payment that is new, after where nothing changes
	ended                                      payout.Status // of the operation whose result the line is; empty: it is none
	first                                      payout.Status // of another one that ended by the same line before it: paid, where the return was heard of first
}

// followInTime follows the journal at each beat, and before it where much is to be taken in.
func (s *Store) followInTime(beat time.Duration) func(context.Context) error {
	last := time.Now()
	return func(ctx context.Context) error {
		if time.Since(last) < beat && s.journalTail.length() < followBatch {
			return nil
		}
		last = time.Now()
		return s.FollowJournal(ctx)
	}
}

// FollowJournal brings rollups and lookups up to what is committed: of this node's shard, and of those that nobody owns. On a
// disk that is almost full they wait: what room there is belongs to the steps of accepted payouts.
func (s *Store) FollowJournal(ctx context.Context) error {
	if s.roomForMore() != nil {
		return nil
	}
	s.following.Lock() // two of this process would only be in each other's way
	defer s.following.Unlock()
	shards, err := s.db.Numbers(ctx, "SELECT shard FROM shards WHERE owner = '' OR owner = 'commands' OR shard = $1 ORDER BY shard", s.shard.Load())
	if err != nil {
		return err
	}
	for _, piece := range []func(context.Context, int64) (bool, error){s.followPiece, s.listPiece} {
		for _, shard := range shards {
			if err := catchUp(ctx, shard, piece); err != nil {
				return fmt.Errorf("store: following the journal of shard %d: %w", shard, err)
			}
		}
	}
	return nil
}

// catchUp takes in piece after piece, while there are more.
func catchUp(ctx context.Context, shard int64, piece func(context.Context, int64) (bool, error)) error {
	for {
		began := time.Now()
		more, err := piece(ctx, shard)
		if err != nil || !more {
			return err
		}
		select { // catching up leaves the road its turn
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Since(began)):
		}
	}
}

// followPosition is how far a shard's followers have come.
type followPosition struct{ followed, listed int64 }

// followedTo reads the positions. A shard without them is new: its first line is not taken in yet.
func (s *Store) followedTo(ctx context.Context, shard int64) (at followPosition, err error) {
	const read = `SELECT COALESCE((SELECT last_row FROM followed WHERE shard = $1), $2), COALESCE((SELECT last_row FROM directory WHERE shard = $3), $4)`
	err = sqldb.One(ctx, s.db.Lists, read, shard, shard*shardSpan, shard, shard*shardSpan).Scan(&at.followed, &at.listed)
	return at, err
}

// followPiece takes in the next lines of a shard, and says whether there are more. What takes time is done before the commit by
// which it counts. Builds of rollups that stand where the shard does go along; the others catch up (rollup_build.go). So does the
// directory, where the lines were heard.
func (s *Store) followPiece(ctx context.Context, shard int64) (more bool, err error) {
	position, err := s.followedTo(ctx, shard)
	if err != nil {
		return false, err
	}
	at := position.followed
	lines, heard := s.journalTail.after(shard, at, followBatch)
	if !heard {
		lines, err = s.readFollowed(ctx, shard, at, (shard+1)*shardSpan, followBatch)
	}
	if err != nil || len(lines) == 0 {
		return false, err
	}
	listed := heard && position.listed == at
	if err := s.writeLookups(ctx, s.gatherLookups(lines, listed)); err != nil {
		return false, err
	}
	sums := rollUp(lines)
	counts, err := s.batchCounts(ctx, lines)
	if err != nil {
		return false, err
	}
	last := lines[len(lines)-1].id
	err = s.offWriter(ctx, func(ctx context.Context, on *sqldb.Conn) error {
		first, err := s.advance(ctx, on, "followed", shard, at, last)
		if err != nil || !first {
			return err
		}
		if listed {
			if _, err := s.advance(ctx, on, "directory", shard, at, last); err != nil {
				return err
			}
		}
		builds, err := s.advanceBuilds(ctx, on, shard, at, last)
		if err != nil {
			return err
		}
		if err := addRollups.Later(ctx, on, rollupArgs(builds, sums), nil); err != nil {
			return err
		}
		return AddBatchCounts.Run(ctx, on, counts, nil)
	})
	if err == nil && !heard && position.listed == at { // so that it goes along with the next lines, which may be heard
		_, err = s.listPiece(ctx, shard)
	}
	return len(lines) == followBatch, err
}

// advance moves a shard's position in a table of them. false: somebody else has moved it, and with it taken in what is behind.
func (s *Store) advance(ctx context.Context, on *sqldb.Conn, table string, shard, from, to int64) (bool, error) {
	now := s.Now().UnixMicro()
	begin := "INSERT INTO " + table + " (shard, last_row, at) VALUES ($1, $2, $3) ON CONFLICT (shard) DO NOTHING"
	if _, err := on.Exec(ctx, begin, shard, shard*shardSpan, now); err != nil {
		return false, err
	}
	n, err := on.Exec(ctx, "UPDATE "+table+" SET last_row = $1, at = $2 WHERE shard = $3 AND last_row = $4", to, now, shard, from)
	return n == 1, err
}

// A status changes with an event, which carries the time of its journal line. Each line comes with all events of its
// payment, once for each; by their payment: the sign keeps both engines from reading the project's.
const readFollowed = `SELECT j.id, j.seq, j.at, j.project_id, j.payment, j.detail, p.created_at, p.method, p.currency, p.amount, p.interface = 5,
	p.account_mask, COALESCE(o.provider_payment_id, ''), COALESCE(e.at, 0), COALESCE(e.payment_status, ''), COALESCE(e.operation_status, ''), COALESCE(e.code, 0)
	FROM (SELECT id, seq, at, project_id, payment, operation, detail FROM journal
		WHERE id > $1 AND id < $2 AND at <= $3 ORDER BY id LIMIT $4) j
	JOIN payments p ON p.project_id = j.project_id AND p.id = j.payment
	LEFT JOIN operations o ON o.project_id = j.project_id AND o.id = j.operation
	LEFT JOIN events e ON e.payment = j.payment AND +e.project_id = j.project_id
	ORDER BY j.id, e.number`

// settledAt is the newest moment of lines of a shard that are all to be seen.
func (s *Store) settledAt(shard int64) int64 {
	if shard == CommandShard {
		return s.Now().Add(-followSettled).UnixMicro()
	}
	return s.Now().Add(time.Hour).UnixMicro()
}

// readFollowed reads a shard's next lines behind one, before another.
func (s *Store) readFollowed(ctx context.Context, shard, after, before int64, most int) ([]followedLine, error) {
	var lines []followedLine
	err := sqldb.Query(ctx, s.db.Lists, readFollowed, after, before, s.settledAt(shard), most).Each(func(r *sql.Rows) error {
		var l followedLine
		var mask string
		var e followedEvent
		var detail sql.RawBytes
		err := r.Scan(&l.id, &l.seq, &l.at, &l.project, &l.payment, &detail, &l.created, &l.method, &l.currency, &l.amount, &l.byHand,
			&mask, &l.providerID, &e.at, (*string)(&e.payment), (*string)(&e.operation), &e.code)
		if n := len(lines); n == 0 || lines[n-1].id != l.id {
			if l.seq == 1 {
				l.accountKey = accountKeyIn(detail)
			}
			l.bank = bankOf(mask)
			lines = append(lines, l)
		}
		lines[len(lines)-1].changed(&e)
		return err
	})
	return lines, err
}

// accountKeyIn is the keyed index of the account number, which the first line of a journal holds.
func accountKeyIn(detail []byte) int64 {
	var first struct {
		AccountKey int64 `json:"account_key"`
	}
	if json.Unmarshal(detail, &first) != nil { // damaged: the audit says so
		return 0
	}
	return first.AccountKey
}

// followedEvent is what a line's changes need to know of an event.
type followedEvent struct {
	at, code           int64
	payment, operation payout.Status // empty: there is none
}

// changed takes in an event of the line's payment, in their order: one before the line, of the line, or after it.
func (l *followedLine) changed(e *followedEvent) {
	switch {
	case l.seq == 1 && l.after.status == "":
		l.after.status = payout.Processing
	case l.seq > 1 && l.before.status == "":
		l.before.status = payout.Processing
	}
	switch {
	case e.payment == "":
	case e.at < l.at:
		l.before = result{e.payment, e.code}
	case e.at == l.at:
		l.first, l.after, l.ended = l.ended, result{e.payment, e.code}, e.operation
	}
}

var insertLookups = sqldb.NewBulk("INSERT INTO lookups (bucket, key, project_id, payment) VALUES ", "(%i, %i, %i, %i)",
	" ON CONFLICT (bucket, key, project_id, payment) DO NOTHING")

// lookupsAtOnce are written in a commit of SQLite's writer, for which others wait. They are neighbours: what many lines bring is
// sorted first, and lies on few pages then.
const lookupsAtOnce = 1024

// writeLookups writes rows of lookups. They say nothing that is not so whether or not their lines are taken in, so that they may
// stand before these are, and may come again.
func (s *Store) writeLookups(ctx context.Context, rows []any) error {
	atOnce := max(len(rows), 1)
	if s.db.Dialect == &sqldb.SQLite {
		atOnce = lookupsAtOnce * insertLookups.Columns
	}
	for piece := range slices.Chunk(rows, atOnce) {
		err := s.offWriter(ctx, func(ctx context.Context, on *sqldb.Conn) error { return insertLookups.Run(ctx, on, piece, nil) })
		if err != nil {
			return err
		}
	}
	return nil
}

// gatherLookups are the rows of lookups that lines make: with those of the directory, or without.
func (s *Store) gatherLookups(lines []followedLine, listed bool) []any {
	perLine := 1
	if listed {
		perLine = 5
	}
	keys := make([]lookupKey, 0, perLine*len(lines))
	for i := range lines {
		l := &lines[i]
		if keys = s.lookupsOf(keys, l); listed {
			keys = addLookups(keys, l.project, l.payment, l.listed)
		}
	}
	return lookupRows(keys)
}

// addLookups adds keys under which a payment shall be found.
func addLookups(to []lookupKey, project, payment int64, keys []int64) []lookupKey {
	for _, key := range keys {
		to = append(to, lookupKey{LookupBucket(payment), key, project, payment})
	}
	return to
}

// lookupRows are the rows of lookups, in the order of their keys.
func lookupRows(keys []lookupKey) []any {
	slices.SortFunc(keys, lookupKey.compare)
	keys = slices.Compact(keys)
	rows := make([]any, 0, len(keys)*insertLookups.Columns)
	for _, k := range keys {
		rows = append(rows, k.bucket, k.key, k.project, k.payment)
	}
	return rows
}

type lookupKey struct{ bucket, key, project, payment int64 }

func (k lookupKey) compare(o lookupKey) int {
	return cmp.Or(cmp.Compare(k.bucket, o.bucket), cmp.Compare(k.key, o.key), cmp.Compare(k.project, o.project), cmp.Compare(k.payment, o.payment))
}

// The kinds of what lookups find, beside those of the directory. Older databases have customers and providers' ids under
// the first two, as they were spelled.
const (
	lookupCustomer = "customer"
	lookupProvider = "provider payment"
	lookupAccount  = "account"
)

// lookupsOf adds the keys under which a line's payment shall be found.
func (s *Store) lookupsOf(keys []lookupKey, l *followedLine) []lookupKey {
	k := lookupKey{bucket: LookupBucket(l.payment), project: l.project, payment: l.payment}
	if l.providerID != "" {
		k.key = s.vault.Index(lookupBank, payout.Fold(strings.TrimSpace(l.providerID)))
		keys = append(keys, k)
	}
	if l.seq > 1 {
		return keys
	}
	if l.accountKey != 0 {
		k.key = l.accountKey
		keys = append(keys, k)
	}
	return keys
}

// offWriter commits something that has nothing to do with the road. On PostgreSQL it has a connection of its own, so that
// the writer's next commit does not wait for it; SQLite has one writer. f may run again, from the beginning.
func (s *Store) offWriter(ctx context.Context, f func(ctx context.Context, on *sqldb.Conn) error) error {
	if s.db.Dialect == &sqldb.SQLite {
		c := &command{exec: func(ctx context.Context, t *Tx) error { return f(ctx, t.conn) }, since: time.Now()}
		return outcome(ctx, s.batcher.DoBackground(ctx, c, followedWeight))
	}
	on, err := sqldb.Connect(ctx, s.db.Dialect, s.db.Writes)
	if err != nil {
		return err
	}
	defer on.Close()
	if err := on.Begin(ctx); err != nil {
		return err
	}
	if err = f(ctx, on); err == nil {
		err = on.Commit(ctx)
	}
	if err != nil {
		_ = on.Rollback(context.WithoutCancel(ctx)) // a connection that is broken has ended it already
	}
	return err
}
