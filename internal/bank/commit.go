package bank

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"time"
)

// verdict is how a submission is answered.
type verdict uint8

const (
	answered    verdict = iota
	unavailable         // 503
	broken              // the connection is broken
	conflict            // the key belongs to another transfer
)

// submission is one transfer that was sent, on its way through a commit, and what the commit made of it.
type submission struct {
	request
	endpoint endpoint
	does     behaviour
	at       time.Time

	verdict verdict
	first   bool // this is the submission that recorded the transfer
	row     transfer
	tasks   []task
	notice  *notice // the first notice of the result, where this process sends it
}

// op is one item of a commit. Exactly one field is set.
type op struct {
	submits []*submission // of one request
	fire    *firing
	done    []string // tasks that are finished, by id
	retry   []task   // notices that failed: due again at dueAt
	lease   *lease
}

// firing is the execution of a timed step that is due.
type firing struct {
	task  task
	row   transfer // as it stands
	after transfer // as the commit left it
	tasks []task
}

// lease takes tasks that are due for this process.
type lease struct {
	now, until int64 // microseconds
	limit      int
	tasks      []task
}

// commit makes one transaction of the given items. It is run by one goroutine at a time.
func (b *Bank) commit(ctx context.Context, ops []op) []error {
	if !b.store.postgres {
		// A context that can end costs the driver a goroutine for each statement, and a local file answers.
		ctx = context.WithoutCancel(ctx)
	}
	var tx *commit
	err := errors.New("not tried")
	for try := 0; try < 5 && (try == 0 || again(err)); try++ {
		tx = &commit{
			bank: b, ctx: ctx, room: b.notifier.room(),
			leasedUntil: micros(time.Now().Add(leaseTime)), wakeAt: math.MaxInt64,
		}
		err = tx.run(ops)
	}
	if err != nil {
		b.cfg.Logger.Error("bank: commit failed", "items", len(ops), "err", err)
		return slices.Repeat([]error{err}, len(ops))
	}
	b.afterCommit(tx)
	return nil
}

// commit is one transaction. Its phases, and the rows by key within each, come in one order everywhere, which
// makes deadlocks between processes on one database rare; one that happens is rolled back and run again.
type commit struct {
	bank *Bank
	ctx  context.Context
	tx   *sql.Tx

	room        int   // how many notices this process may take on
	leasedUntil int64 // until when those are leased, microseconds

	newEndpoints []endpoint
	tasks        []scheduled
	notices      []*notice
	wakeAt       int64 // the soonest nextAt that this commit stores, microseconds
}

// scheduled is a task with the time at which whoever is free may take it.
type scheduled struct {
	task
	nextAt int64 // microseconds
}

func (c *commit) run(ops []op) error {
	tx, err := c.bank.store.writer.BeginTx(c.ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	c.tx = tx
	for _, phase := range []func([]op) error{c.finishTasks, c.submit, c.fireTasks, c.insertTasks, c.retryTasks, c.leaseTasks} {
		if err := phase(ops); err != nil {
			return errors.Join(err, tx.Rollback())
		}
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// statement is a prepared one inside the transaction, which closes it.
type statement interface {
	ExecContext(ctx context.Context, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, args ...any) *sql.Row
}

func (c *commit) stmt(query string) statement {
	return c.tx.StmtContext(c.ctx, c.bank.store.prepared[query])
}

func (c *commit) exec(query string, args ...any) (int64, error) {
	result, err := c.stmt(query).ExecContext(c.ctx, args...)
	if err != nil {
		return 0, fmt.Errorf("%.60s…: %w", query, err)
	}
	n, err := result.RowsAffected()
	if err != nil {
		return 0, fmt.Errorf("%.60s…: %w", query, err)
	}
	return n, nil
}

// finishTasks removes the tasks that are done.
func (c *commit) finishTasks(ops []op) error {
	var ids []string
	for _, o := range ops {
		ids = append(ids, o.done...)
	}
	slices.Sort(ids)
	return inChunks(ids, func(ids []string) error {
		args := make([]any, len(ids))
		for i, id := range ids {
			args[i] = id
		}
		_, err := c.exec(deleteTasksOf[len(ids)], args...)
		return err
	})
}

// fireTasks executes the timed steps that are due. Who removes the task is who executes it, so a step whose lease
// ran out and that two processes hold happens once.
func (c *commit) fireTasks(ops []op) error {
	var due []*firing
	for _, o := range ops {
		if o.fire != nil {
			due = append(due, o.fire)
		}
	}
	slices.SortFunc(due, func(x, y *firing) int { return cmp.Compare(x.task.id, y.task.id) })
	now := time.Now()
	for _, f := range due {
		f.tasks = nil
		n, err := c.exec(deleteTask, f.task.id)
		if err != nil {
			return err
		}
		if n == 0 {
			continue
		}
		next, steps := c.bank.fire(f.task.name(), f.row.account, now)
		f.after = f.row
		f.after.apply(next)
		if err := c.move(&f.after, next); err != nil {
			return err
		}
		f.tasks = planTasks(&f.after, f.task.submission(), now, steps)
	}
	return nil
}

func (c *commit) move(row *transfer, next change) error {
	_, err := c.exec(moveTransfer, int64(row.state), next.executed, row.resultAt, row.returnedAt, row.key)
	return err
}

// submit stores the submissions: new keys in few statements, the rest one by one.
func (c *commit) submit(ops []op) error {
	var all []*submission
	for _, o := range ops {
		all = append(all, o.submits...)
	}
	// Stable: submissions of one key keep their order of arrival.
	slices.SortStableFunc(all, func(x, y *submission) int { return cmp.Compare(x.Key, y.Key) })
	var news, repeats []*submission
	for i, s := range all {
		s.reset()
		if i > 0 && all[i-1].Key == s.Key {
			repeats = append(repeats, s)
		} else {
			news = append(news, s)
		}
	}
	if err := c.storeEndpoints(all); err != nil {
		return err
	}
	known, err := c.insertTransfers(news)
	if err != nil {
		return err
	}
	repeats = append(repeats, known...)
	slices.SortStableFunc(repeats, func(x, y *submission) int { return cmp.Compare(x.Key, y.Key) })
	for _, s := range repeats {
		if err := c.repeat(s); err != nil {
			return err
		}
	}
	return nil
}

func (s *submission) reset() {
	s.verdict, s.first, s.row, s.tasks, s.notice = answered, false, transfer{}, nil, nil
}

// storeEndpoints keeps where notices go; in nearly every commit there is nothing new.
func (c *commit) storeEndpoints(all []*submission) error {
	news := map[int64]endpoint{}
	for _, s := range all {
		if s.endpoint.id != 0 && !c.bank.notifier.knows(s.endpoint.id) {
			news[s.endpoint.id] = s.endpoint
		}
	}
	for _, id := range slices.Sorted(maps.Keys(news)) {
		e := news[id]
		sealed, err := c.bank.store.sealSecret(e.id, e.secret)
		if err != nil {
			return err
		}
		if _, err := c.exec(insertEndpoint, e.id, e.url, sealed); err != nil {
			return err
		}
		c.newEndpoints = append(c.newEndpoints, e)
	}
	return nil
}

// insertTransfers records the submissions whose keys are new, and returns the others.
func (c *commit) insertTransfers(news []*submission) (known []*submission, err error) {
	err = inChunks(news, func(news []*submission) error {
		args := make([]any, 0, len(news)*transferWidth)
		for _, s := range news {
			s.firstRow(c.bank.cfg)
			r := &s.row
			args = append(args, r.key, r.reference, r.amount, r.currency, r.account, r.endpoint, r.submissions, r.executed,
				int64(r.state), r.reason, r.acceptedAt, r.resultAt, r.returnedAt)
		}
		inserted, err := c.insertedKeys(insertTransfersOf[len(news)], args)
		if err != nil {
			return err
		}
		for _, s := range news {
			if !inserted[s.Key] {
				known = append(known, s)
				continue
			}
			c.settle(s)
		}
		return nil
	})
	return known, err
}

func (c *commit) insertedKeys(query string, args []any) (map[string]bool, error) {
	rows, err := c.stmt(query).QueryContext(c.ctx, args...)
	if err != nil {
		return nil, fmt.Errorf("insert transfers: %w", err)
	}
	defer rows.Close()
	inserted := make(map[string]bool, len(args)/transferWidth)
	for rows.Next() {
		var key string
		if err := rows.Scan(&key); err != nil {
			return nil, fmt.Errorf("insert transfers: %w", err)
		}
		inserted[key] = true
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("insert transfers: %w", err)
	}
	return inserted, nil
}

// firstRow is the row that a key's first submission makes.
func (s *submission) firstRow(cfg Config) {
	s.row = transfer{
		key: s.Key, reference: s.Reference, amount: s.Amount, currency: s.Currency, account: s.Account,
		endpoint: s.endpoint.id, submissions: 1, reason: s.does.reason, acceptedAt: micros(s.at),
	}
	if s.does.failures == 0 {
		next, _ := s.does.begin(cfg, s.at, s.Threshold)
		s.row.apply(next)
	}
}

// settle decides how a submission is answered whose row, counted, is in s.row, and plans what follows. It reports
// the change that the row of an earlier submission still needs.
func (c *commit) settle(s *submission) (next change, changes bool) {
	nth := s.row.submissions - s.does.failures // 1: the one that records the transfer
	switch {
	case nth < 1:
		s.verdict = s.does.failsWith
		return change{}, false
	case nth > 1 && !c.bank.cfg.NoDedup:
		return change{}, false
	}
	s.first = nth == 1
	next, steps := s.does.begin(c.bank.cfg, s.at, s.Threshold)
	if next.state != accepted {
		steps = append(s.does.resultNotices(s.at), steps...)
	}
	s.tasks = planTasks(&s.row, strconv.FormatInt(s.row.submissions, 10), s.at, steps)
	// A result is not taken back because another execution was begun.
	return next, next.state != accepted || s.row.state <= accepted
}

// repeat counts a submission of a key that the bank has seen.
func (c *commit) repeat(s *submission) error {
	row, err := scanTransfer(c.stmt(countSubmission).QueryRowContext(c.ctx, s.Key, s.Amount, s.Currency, s.Account))
	if errors.Is(err, sql.ErrNoRows) {
		s.verdict = conflict
		return nil
	}
	if err != nil {
		return fmt.Errorf("count a submission: %w", err)
	}
	s.row = row
	next, changes := c.settle(s)
	if !changes {
		return nil
	}
	s.row.apply(next)
	return c.move(&s.row, next)
}

// planTasks makes tasks of a transfer's steps. Who gave no address is told nothing.
func planTasks(row *transfer, submission string, now time.Time, steps []step) []task {
	var tasks []task
	for _, s := range steps {
		if isNotice(s.name) && row.endpoint == 0 {
			continue
		}
		tasks = append(tasks, task{
			id: row.key + "/" + submission + "/" + s.name, endpoint: row.endpoint, bornAt: micros(now), dueAt: micros(s.due),
		})
	}
	return tasks
}

// insertTasks stores the tasks that submit and fireTasks planned. Notices are leased by this process at once, as
// far as it has room for them, and go out right after the commit.
func (c *commit) insertTasks(ops []op) error {
	for _, o := range ops {
		if o.fire != nil {
			c.schedule(&o.fire.after, o.fire.tasks)
		}
		for _, s := range o.submits {
			s.notice = c.schedule(&s.row, s.tasks)
		}
	}
	return inChunks(c.tasks, func(tasks []scheduled) error {
		args := make([]any, 0, len(tasks)*taskWidth)
		for _, t := range tasks {
			args = append(args, t.id, t.endpoint, t.bornAt, t.dueAt, t.nextAt, t.attempts)
		}
		_, err := c.exec(insertTasksOf[len(tasks)], args...)
		return err
	})
}

// schedule adds tasks to those that insertTasks stores. It returns the first that this process sends itself.
func (c *commit) schedule(row *transfer, tasks []task) (first *notice) {
	for _, t := range tasks {
		s := scheduled{task: t, nextAt: t.dueAt}
		if isNotice(t.name()) && len(c.notices) < c.room {
			n := newNotice(t, row)
			c.notices = append(c.notices, n)
			first = cmp.Or(first, n)
			s.nextAt = c.leasedUntil
		}
		c.tasks = append(c.tasks, s)
		c.wakeAt = min(c.wakeAt, s.nextAt)
	}
	return first
}

// retryTasks puts failed notices off.
func (c *commit) retryTasks(ops []op) error {
	var tasks []task
	for _, o := range ops {
		tasks = append(tasks, o.retry...)
	}
	slices.SortFunc(tasks, func(x, y task) int { return cmp.Compare(x.id, y.id) })
	for _, t := range tasks {
		if _, err := c.exec(retryTask, t.dueAt, t.attempts, t.id); err != nil {
			return err
		}
		c.wakeAt = min(c.wakeAt, t.dueAt)
	}
	return nil
}

// leaseTasks takes tasks that are due.
func (c *commit) leaseTasks(ops []op) error {
	for _, o := range ops {
		if o.lease == nil {
			continue
		}
		if err := c.lease(o.lease); err != nil {
			return fmt.Errorf("lease tasks: %w", err)
		}
	}
	return nil
}

func (c *commit) lease(l *lease) error {
	l.tasks = nil
	rows, err := c.stmt(leaseTasks).QueryContext(c.ctx, l.until, l.now, l.limit)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var t task
		if err := rows.Scan(&t.id, &t.endpoint, &t.bornAt, &t.dueAt, &t.attempts); err != nil {
			return err
		}
		l.tasks = append(l.tasks, t)
	}
	return rows.Err()
}
