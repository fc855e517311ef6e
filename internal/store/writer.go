package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"flashpay/internal/batch"
	"flashpay/internal/rates"
	"flashpay/internal/store/sqldb"
	"flashpay/internal/vault"
)

// command is one item of a commit: exactly one of its members is set.
type command struct {
	exec           func(ctx context.Context, t *Tx) error // runs first, in the same transaction
	idempotencyKey string                                 // names an exec that must not run again after a commit of unknown outcome
	accept         *acceptItem
	step           *stepItem
	attempt        *attemptItem
	notification   *notificationItem
	rejection      *Rejection

	since time.Time // when it was handed over
	err   error     // what its caller is told
}

// Tx is a transaction under way, with what its commands have gathered so far. What it exports is for the packages below this one;
// none of it moves money or a status.
type Tx struct {
	conn  *sqldb.Conn
	store *Store
	now   time.Time

	// What is known of projects and rates, for all of the commit: an item that is judged twice is judged alike.
	settings *snapshot
	rates    *rates.Book

	funds         fundsBook
	lines         []any                // rows of the journal
	transfers     []any                // rows of transfers
	events        []*event             // that merchants are told of
	discrepancies []discrepancy        // to be opened
	headsPending  int                  // heads of payments that were to be moved and, as far as is known, were not
	newestEvents  map[int64]int64      // by project, the number of its newest event: of those whose counter is locked
	newPayments   []*acceptItem        // of each payment the first item that asks for it, in the order of their keys
	steps         []*command           // of each operation the first, in the order of their ids
	jobs          []*CallbackJob       // callbacks that this process sends itself, once committed
	tail          []followedLine       // the same rows of the journal, for the follower
	attempted     map[attemptKey]int64 // attempts whose callbacks were moved, and when these were made (known after a flush)
	wakes         []string             // topics whose listeners are called once it is committed
}

const (
	commitPatience = 1500 * time.Millisecond // how long commands wait for a database that is away, from when the first was handed over
	lockPatience   = 5 * time.Second         // of one try on PostgreSQL, as long as it answers
	filePatience   = 400 * time.Millisecond  // of one try on SQLite, where another program writes
	leastReconnect = 300 * time.Millisecond  // a new connection may take so long, although the patience is at its end
)

// Of what nobody waits for: rows of files, and what follows the journal. A payout of Gate waits for little more than its own
// commit beside them.
const (
	mostInBackground = 256 // commands in a commit, while there are no others
	besideOthers     = 32  // as long as there are

	followedWeight = besideOthers // of what follows the journal: beside others it goes alone
)

type inBackground struct{}

// InBackground has what is committed under the context that it returns wait behind everything that people and programs wait
// for, and go few at a time beside it.
func InBackground(ctx context.Context) context.Context {
	return context.WithValue(ctx, inBackground{}, true)
}

// do hands a command to the writer and waits for its commit.
func (s *Store) do(ctx context.Context, c *command) error {
	c.since = time.Now()
	if ctx.Value(inBackground{}) != nil {
		return outcome(ctx, s.batcher.DoBackground(ctx, c, 1))
	}
	return outcome(ctx, s.batcher.Do(ctx, c))
}

// outcome says in the store's words what the batcher answers.
func outcome(ctx context.Context, err error) error {
	switch {
	case errors.Is(err, batch.ErrQueueFull), errors.Is(err, batch.ErrClosed):
		return fmt.Errorf("%w (%w)", ErrQueueFull, err)
	case err != nil && ctx.Err() != nil:
		return fmt.Errorf("%w (%w)", ErrUnavailable, err)
	case errors.Is(err, batch.ErrOutcomeUnknown):
		return fmt.Errorf("%w (%w)", ErrUnavailable, err)
	}
	return err
}

// commit is the batcher's commit function: all commands in one transaction; where one of them is bad, it fails alone.
func (s *Store) commit(ctx context.Context, commands []*command) []error {
	s.commitAll(ctx, commands)
	errs := make([]error, len(commands))
	for i, c := range commands {
		errs[i] = c.err
	}
	return errs
}

func (s *Store) commitAll(ctx context.Context, commands []*command) {
	if len(s.held) > 0 {
		if commands = s.setHeldApart(ctx, commands); len(commands) == 0 {
			return
		}
	}
	deadline := firstOf(commands).Add(commitPatience)
	for pause := time.Millisecond; ; pause = min(2*pause, time.Second) {
		jobs, err := s.tryCommit(ctx, commands)
		if err == nil {
			s.went(jobs)
			return
		}
		if errors.Is(err, errStrayed) { // trying again would write more into files that nobody will read
			s.giveUp(commands, err)
			return
		}
		what := sqldb.Classify(err)
		if what == sqldb.FaultItem {
			s.commitApart(ctx, commands, err)
			return
		}
		if sqldb.IsLocked(err) && s.commitBesideHeld(ctx, commands, deadline) {
			return
		}
		s.trouble.Store(&err)
		if what == sqldb.FaultLost { // before it is given up as well: what comes next needs a connection
			s.reconnect(ctx, deadline)
		}
		if time.Now().After(deadline) || ctx.Err() != nil {
			s.giveUp(commands, err)
			return
		}
		if what == sqldb.FaultLost {
			s.logger.Warn("store: the outcome of a commit is not known; it runs again", "items", len(commands), "err", err)
		}
		time.Sleep(pause)
	}
}

// went does what follows a commit.
func (s *Store) went(jobs []*CallbackJob) {
	s.trouble.Store(nil)
	for _, job := range jobs {
		s.callbacks.Start(job)
	}
}

// firstOf is when the first of some commands was handed over: it may have waited while the commit before was tried.
func firstOf(commands []*command) time.Time {
	first := commands[0].since
	for _, c := range commands {
		if c.since.Before(first) {
			first = c.since
		}
	}
	return first
}

// giveUp tells all commands that nothing is known of them.
func (s *Store) giveUp(commands []*command, err error) {
	s.logger.Error("store: commit given up", "items", len(commands), "err", err)
	for _, c := range commands {
		c.err = fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
}

// commitApart finds the bad command: the commands are committed in halves, so that the good ones pass.
func (s *Store) commitApart(ctx context.Context, commands []*command, err error) {
	if len(commands) == 1 {
		commands[0].err = err
		return
	}
	half := len(commands) / 2
	s.commitAll(ctx, commands[:half])
	s.commitAll(ctx, commands[half:])
}

// reconnect replaces the writer's connection, and the readers' with it; the next try finds out whether that helped.
func (s *Store) reconnect(ctx context.Context, deadline time.Time) {
	s.db.DropConnections()
	s.conn.Close()
	ctx, cancel := context.WithTimeout(ctx, max(time.Until(deadline), leastReconnect))
	defer cancel()
	fresh, err := s.connectWriter(ctx)
	if err != nil {
		s.logger.Error("store: reconnecting failed", "err", err)
		return
	}
	s.conn = fresh
}

// connectWriter opens the writer's connection. On SQLite a server's waits for no lock of others so long that clients would
// wait with it.
func (s *Store) connectWriter(ctx context.Context) (*sqldb.Conn, error) {
	conn, err := sqldb.Connect(ctx, s.db.Dialect, s.db.Writes)
	if err != nil || s.room == nil {
		return conn, err
	}
	s.logPages = 0
	if _, err := conn.Exec(ctx, fmt.Sprintf("PRAGMA busy_timeout(%d)", filePatience.Milliseconds())); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

// limitLog measures the disk, and has the log copied into the file as early as that asks for; the log is cut to its limit
// when it begins anew.
func (s *Store) limitLog(ctx context.Context) error {
	if s.room == nil {
		return nil
	}
	s.room.measure()
	s.awaitCopy()
	pages := s.room.logPages.Load()
	if pages == s.logPages {
		return nil
	}
	for _, pragma := range []string{fmt.Sprintf("wal_autocheckpoint(%d)", pages), fmt.Sprintf("journal_size_limit(%d)", pages*pageSize)} {
		if _, err := s.conn.Exec(ctx, "PRAGMA "+pragma); err != nil {
			return err
		}
	}
	s.logPages = pages
	return nil
}

// tryAgain finds out whether an idle server can commit again: it writes what changes nothing.
func (s *Store) tryAgain(ctx context.Context) error {
	if s.trouble.Load() != nil {
		_ = s.do(ctx, &command{exec: func(ctx context.Context, t *Tx) error { // whether it failed is logged, and known to Ready
			_, err := t.Exec(ctx, renewShard, t.now.Add(shardLease).UnixMicro(), s.shard.Load(), s.owner)
			return err
		}})
	}
	return nil
}

func (s *Store) tryCommit(ctx context.Context, commands []*command) (jobs []*CallbackJob, err error) {
	if s.db.Dialect == &sqldb.SQLite {
		ctx = context.WithoutCancel(ctx) // it waits for its lock only, and a context that can end costs a goroutine a statement
	} else {
		var stop func()
		ctx, stop = s.whileItAnswers(ctx)
		defer stop()
		defer func() { err = silent(ctx, err) }()
	}
	if err := s.inPlace(); err != nil {
		return nil, err
	}
	if err := s.limitLog(ctx); err != nil {
		return nil, err
	}
	if err := s.ownShard(ctx); err != nil {
		return nil, err
	}
	if err := s.reserveNumbers(ctx, int64(len(commands)), int64(8*len(commands)+64)); err != nil {
		return nil, err
	}
	if err := s.conn.Begin(ctx); err != nil {
		return nil, fmt.Errorf("store: begin: %w", err)
	}
	t := &Tx{
		conn: s.conn, store: s, now: s.Now(), settings: s.snapshot.Load(), rates: s.Rates(),
		lines: make([]any, 0, len(commands)*insertLines.Columns), transfers: make([]any, 0, len(commands)*insertTransfers.Columns),
	}
	err = t.runSafely(ctx, commands)
	if err == nil {
		err = s.commitNow(ctx)
	}
	if err != nil {
		s.journalTail.forget()
		s.releaseJobs(t.jobs)
		if sqldb.Classify(err) != sqldb.FaultLost { // else the connection is replaced
			s.undo(context.WithoutCancel(ctx))
		}
		return nil, err
	}
	select {
	case s.logGrows <- struct{}{}:
	default:
	}
	s.commits.Add(1)
	s.items.Add(int64(len(commands)))
	if last := s.rows.next - 1; len(t.lines) > 0 {
		s.lastCommittedRow.Store(last)
	}
	if s.follows {
		s.journalTail.add(t.tail)
	}
	s.wake(t.wakes)
	return t.jobs, nil
}

// commitNow commits. Tests lose its answer.
func (s *Store) commitNow(ctx context.Context) error {
	err := s.conn.Commit(ctx)
	if err == nil {
		err = s.inPlace() // before anybody is told that it is stored
	}
	if answer := s.committed.Load(); err == nil && answer != nil {
		err = (*answer)()
	}
	if err != nil {
		return fmt.Errorf("store: commit: %w", err)
	}
	return nil
}

// undo rolls a transaction back that cannot be committed.
func (s *Store) undo(ctx context.Context) {
	if err := s.conn.Rollback(ctx); err != nil {
		s.reconnect(ctx, time.Now())
	}
}

// runSafely is run; a panic fails the commit like an error, so that its transaction is rolled back and the command that
// made it fails alone.
func (t *Tx) runSafely(ctx context.Context, commands []*command) (err error) {
	defer func() {
		if v := recover(); v != nil {
			t.store.logger.Error("store: a commit panicked", "panic", v, "stack", string(debug.Stack()))
			err = fmt.Errorf("store: a commit panicked: %v", v)
		}
	}()
	return t.run(ctx, commands)
}

// releaseJobs gives back the places that were reserved for callbacks of a transaction that was rolled back.
func (s *Store) releaseJobs(jobs []*CallbackJob) {
	for _, job := range jobs {
		s.callbacks.Release(job.Event.ProjectID, job.Lane)
	}
}

// run writes all commands, in the lock order of the house: batches, senders, new payments, operations, balances, heads of payments, counters.
// What waits in the connection goes out where an answer is needed: PostgreSQL is asked three times at most where nothing is
// out of the ordinary, and twice where there are new payments only.
func (t *Tx) run(ctx context.Context, commands []*command) error {
	for _, c := range commands {
		c.err = nil
		if c.exec == nil {
			continue
		}
		done, err := t.TakeIdempotencyKey(ctx, c.idempotencyKey)
		if err != nil {
			return err
		}
		if done {
			continue
		}
		if err := c.exec(ctx, t); err != nil {
			return err
		}
	}
	for _, phase := range []func(context.Context, []*command) error{ // of each: what goes in > what comes out
		t.checkBatches,       // accepts > err of those whose batch is not being sent; batches, locked
		t.checkSenders,       // accepts > err of those that need a second person; the others, counted for their senders
		t.insertPayments,     // accepts without err > newPayments; of each, whether it was inserted (known after a flush)
		t.moveOperations,     // steps > t.steps; of each, whether it won (known after a flush)
		t.lockFunds,          // newPayments, t.steps > funds, locked (known after a flush)
		t.resolveDuplicates,  // flushes. newPayments not inserted > receipt or err, of their repeats in this commit too
		t.resolveLostSteps,   // t.steps not won > err; of the others, the heads of their payments, moved > headsPending
		t.lockNumbers,        // t.steps that are told > newestEvents, locked (known after a flush)
		t.checkHeads,         // flushes. headsPending > an error that ends the commit, unless all heads were as they were seen
		t.decide,             // inserted accepts, t.steps won, funds > lines, transfers, events, discrepancies, tail
		t.forgetSenders,      // accepts declined > no more counted for their senders
		t.insertOperations,   // inserted accepts > rows of operations and requests, and of the audit log
		t.writeBatchRows,     // inserted accepts > their rows of batches
		t.writeFunds,         // funds, transfers > rows, and sums by day
		t.writeJournal,       // lines > rows
		t.writeAttempts,      // attempts > callbacks moved; attempted (known after a flush)
		t.writeNotifications, // notifications > rows
		t.writeRejections,    // rejections > rows
		t.writeDiscrepancies, // discrepancies > rows
		t.writeEvents,        // events, newestEvents > rows of events and callbacks; jobs
		t.logAttempts,        // flushes, where there are any. attempts that moved their callback > rows, and how many there were
	} {
		if err := phase(ctx, commands); err != nil {
			return err
		}
	}
	return nil
}

// TakeIdempotencyKey records a key in this transaction. It returns true where an earlier transaction had recorded the key, so
// that the act must not be repeated. An empty key is not recorded.
func (t *Tx) TakeIdempotencyKey(ctx context.Context, idempotencyKey string) (bool, error) {
	if idempotencyKey == "" {
		return false, nil
	}
	n, err := t.Exec(ctx, "INSERT INTO commands_done (name, at) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING", idempotencyKey, t.now.UnixMicro())
	return n == 0, err
}

// Do runs an act exactly once, in the next commit. key is its idempotency key, such as the token of the form that asks for it: a
// repeat under the same key within a day returns nil without running the act. An act that failed may be tried again. An empty key
// is for an act that only the writer itself may repeat, after a commit of unknown outcome.
func (s *Store) Do(ctx context.Context, key string, act func(ctx context.Context, t *Tx) error) error {
	return s.do(ctx, &command{exec: act, idempotencyKey: cmp.Or(key, newNonce()+newNonce())})
}

// DoRepeatable runs an act in the next commit without recording an idempotency key. It may run twice, after a commit of unknown
// outcome, so it must do no harm then.
func (s *Store) DoRepeatable(ctx context.Context, act func(ctx context.Context, t *Tx) error) error {
	return s.do(ctx, &command{exec: act})
}

// Exec runs a statement that returns no rows, and returns how many rows it changed.
func (t *Tx) Exec(ctx context.Context, text string, args ...any) (int64, error) {
	return t.conn.Exec(ctx, text, args...)
}

// Query runs a statement and calls scan for each row.
func (t *Tx) Query(ctx context.Context, text string, scan func(*sql.Rows) error, args ...any) error {
	return t.conn.Query(ctx, text, scan, args...)
}

// Vault returns the vault of this database's keyset.
func (t *Tx) Vault() *vault.Vault { return t.store.vault }

// Now returns the time of the commit by the database's clock; it is the same for all commands of the commit.
func (t *Tx) Now() time.Time { return t.now }

// Store returns the store to which the transaction belongs.
func (t *Tx) Store() *Store { return t.store }

// Shard returns the shard of this process, to which it leases what it works on.
func (t *Tx) Shard() int64 { return t.store.shard.Load() }

// Bulk runs a statement over many rows; args holds the values of all rows, one row after the other. scan, where not nil, is
// called for each row returned.
func (t *Tx) Bulk(ctx context.Context, b *sqldb.Bulk, args []any, scan func(sqldb.Row) error) error {
	return b.Run(ctx, t.conn, args, scan)
}

// Wake calls the listeners of a topic in this process once the transaction is committed.
func (t *Tx) Wake(topic string) { t.wakes = append(t.wakes, topic) }

// RowID returns the id of a new row, one of those that this process has reserved. Ids of one process rise.
func (t *Tx) RowID() int64 { return t.store.rows.take() }

// Listen makes f the listener of a topic: it is called after each commit of this process that wakes the topic, and must not
// block. A topic has one listener, the newest. Commits of other processes wake nobody here: poll for them.
func (s *Store) Listen(topic string, f func()) { s.listeners.Store(topic, f) }

func (s *Store) wake(topics []string) {
	for _, topic := range topics {
		if f, ok := s.listeners.Load(topic); ok {
			f.(func())()
		}
	}
}
