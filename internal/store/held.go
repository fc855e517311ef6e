package store

import (
	"context"
	"errors"
	"slices"
	"time"

	"flashpay/internal/store/sqldb"
)

// Another client of PostgreSQL, such as psql in the middle of a transaction, may hold a row that a commit needs. Whoever needs it
// is told 503 in the end; the others of the commit must not be: they are of other projects, whose rows are not held.
const (
	lockTime = 300 * time.Millisecond // that the writer waits for a lock: what sqldb sets
	heldTime = 20 * time.Millisecond  // the same where some lock is known to be held: each of several tries meets it
	heldMost = 3 * heldTime           // that a commit is held up by projects whose rows were held when they were last tried
)

// project is the project whose rows a command locks; 0: not known.
func (c *command) project() int64 {
	switch {
	case c.accept != nil:
		return c.accept.ProjectID
	case c.step != nil:
		return c.step.before.Operation.ProjectID
	case c.attempt != nil:
		return c.attempt.ProjectID
	case c.rejection != nil:
		return c.rejection.ProjectID
	}
	return 0
}

// byProject groups commands, in their order; one whose project is not known is a group of its own.
func byProject(commands []*command) (groups [][]*command) {
	at := make(map[int64]int)
	for _, c := range commands {
		project := c.project()
		i, known := at[project]
		if !known || project == 0 {
			i = len(groups)
			groups = append(groups, nil)
		}
		at[project] = i
		groups[i] = append(groups[i], c)
	}
	return groups
}

// commitBesideHeld commits what a commit met another client's lock with: what can be committed is, and the rest tried again until
// the deadline. It returns false where it changed nothing: nothing could be.
func (s *Store) commitBesideHeld(ctx context.Context, commands []*command, deadline time.Time) bool {
	groups := byProject(commands)
	if len(groups) == 1 {
		return false
	}
	s.waitForLocks(ctx, heldTime)
	defer s.waitForLocks(ctx, lockTime)
	held, err := s.commitGroups(ctx, groups, deadline)
	if len(held) == len(groups) {
		return false
	}
	for pause := time.Millisecond; len(held) > 0; pause = min(2*pause, time.Second) {
		if time.Now().After(deadline) || ctx.Err() != nil {
			s.logger.Error("store: another client holds rows of some projects; the others are committed without them", "held", len(held), "err", err)
			for _, group := range held {
				s.holdApart(group, err)
			}
			break
		}
		time.Sleep(pause)
		held, err = s.commitGroups(ctx, held, deadline)
	}
	return true
}

// errNotTried is of what was not tried for want of time, where other clients hold rows.
var errNotTried = errors.New("store: another client of the database holds rows for long")

// commitGroups commits groups of commands, all at once where that goes, and returns those that meet another client's lock, or were
// not tried before the deadline.
func (s *Store) commitGroups(ctx context.Context, groups [][]*command, deadline time.Time) (held [][]*command, err error) {
	if time.Now().After(deadline) {
		return groups, errNotTried
	}
	commands := slices.Concat(groups...)
	jobs, err := s.tryCommit(ctx, commands)
	switch {
	case err == nil:
		s.went(jobs)
		return nil, nil
	case !sqldb.IsLocked(err):
		s.commitAll(ctx, commands)
		return nil, nil
	case len(groups) == 1:
		return groups, err
	}
	half := len(groups) / 2
	held, _ = s.commitGroups(ctx, groups[:half], deadline)
	more, _ := s.commitGroups(ctx, groups[half:], deadline)
	return append(held, more...), err
}

// setHeldApart commits those commands, once, of whose projects rows were held for long when they were last tried, and returns the
// others, which are thus held up for heldMost at most, and the commit that runs then.
func (s *Store) setHeldApart(ctx context.Context, commands []*command) (others []*command) {
	var apart [][]*command
	for _, group := range byProject(commands) {
		if s.held[group[0].project()] {
			apart = append(apart, group)
		} else {
			others = append(others, group...)
		}
	}
	if len(apart) == 0 {
		return commands
	}
	s.waitForLocks(ctx, heldTime)
	defer s.waitForLocks(ctx, lockTime)
	deadline := time.Now().Add(heldMost)
	for _, group := range apart {
		delete(s.held, group[0].project())
		if held, err := s.commitGroups(ctx, [][]*command{group}, deadline); len(held) > 0 {
			s.holdApart(group, err)
		}
	}
	return others
}

// holdApart gives a group up, and has those of its project that come next go apart.
func (s *Store) holdApart(group []*command, err error) {
	if project := group[0].project(); project != 0 {
		s.held[project] = true
	}
	s.giveUp(group, err)
}

// waitForLocks sets how long the writer waits for a lock. A connection that does not take it is closed: the next commit makes another.
func (s *Store) waitForLocks(ctx context.Context, d time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, leastReconnect)
	defer cancel()
	if err := s.conn.WaitForLocks(ctx, d); err != nil {
		s.logger.Warn("store: setting how long a lock is waited for failed", "err", err)
		s.conn.Close()
	}
}
