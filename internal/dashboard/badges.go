package dashboard

import (
	"strings"
	"sync"
	"time"

	"flashpay/internal/staff"
)

// A section's badge says how much waits there for this user. Each page has them, so they are read at most once in a while
// for each user; what the user does themselves shows at once.
const (
	badgeLife  = 10 * time.Second
	badgeUsers = 1000 // beyond this, what is kept is forgotten
)

// badge is what waits in a section.
type badge struct {
	Count int
	More  bool // there are more than were counted
	Parts []errand
}

// badgeShelf keeps badges by user. The zero value is ready.
type badgeShelf struct {
	mu   sync.Mutex
	kept map[int64]keptBadges
}

type keptBadges struct {
	until    time.Time
	sections map[string]*badge
}

func (s *badgeShelf) find(user int64, now time.Time) (map[string]*badge, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, ok := s.kept[user]
	return k.sections, ok && now.Before(k.until)
}

func (s *badgeShelf) keep(user int64, k keptBadges) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kept == nil || len(s.kept) >= badgeUsers {
		s.kept = make(map[int64]keptBadges)
	}
	s.kept[user] = k
}

func (s *badgeShelf) forget(user int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.kept, user)
}

// badges are the badges of this user's sections, by path. A page does not fail for them.
func (v *visit) badges() map[string]*badge {
	now := v.d.Store.Now()
	if kept, ok := v.d.shelf.find(v.user.ID, now); ok {
		return kept
	}
	sections := make(map[string]*badge)
	add := func(word, href string, count int, more bool) {
		if count == 0 {
			return
		}
		path, _, _ := strings.Cut(href, "?")
		path = "/" + strings.SplitN(path, "/", 3)[1]
		if sections[path] == nil {
			sections[path] = &badge{}
		}
		b := sections[path]
		b.Count, b.More, b.Parts = b.Count+count, b.More || more, append(b.Parts, errand{word, count, more, href})
	}
	for _, read := range []func(func(string, string, int, bool)) error{v.waitingApprovals, v.waitingFeeds, v.badgeBatches, v.overviewCallbacks, v.badgeAlerts} {
		if err := read(add); err != nil {
			v.d.Logger.Warn("dashboard: badges could not be read", "err", err)
			return nil
		}
	}
	v.d.shelf.keep(v.user.ID, keptBadges{now.Add(badgeLife), sections})
	return sections
}

// badgeBatches counts the newest files that have faults and wait for somebody who may send them.
func (v *visit) badgeBatches(add func(word, href string, count int, more bool)) error {
	if !v.user.Can(staff.IssuePayouts) {
		return nil
	}
	_, faulty, err := v.newestBatches()
	if err != nil {
		return err
	}
	add("overview.faulty_batches", "/manual/mass", faulty, false)
	return nil
}
