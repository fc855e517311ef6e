// Package alert tells users of what waits for them or went wrong: approvals, batches that ended with faults, callbacks that fail,
// discrepancies. Each node looks for it; the database has the last word on what was told, and the e-mail about it is a job of the
// commit that tells.
package alert

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"flashpay/internal/report"
	"flashpay/internal/staff"
	"flashpay/internal/store"
	"flashpay/internal/store/alerts"
	"flashpay/internal/store/jobs"
	"flashpay/internal/store/people"
	"flashpay/internal/work"
)

const (
	// Every is how often a node looks.
	Every = 15 * time.Second

	window   = 24 * time.Hour // what is older is not looked for
	mailKind = "alert mail"
)

// Service looks for what users are to be told of.
type Service struct {
	Store *store.Store
	Mail  *report.Mail // nil: none is sent
	URL   string       // of Dashboard, which links in e-mails begin with
}

// Job sends e-mails.
func (s *Service) Job() work.JobKind {
	return work.JobKind{Name: mailKind, Run: s.mail, Attempts: report.MailAttempts}
}

// fact is something to be told of.
type fact struct {
	kind, subject, link string
	project, merchant   int64 // whose it is; 0: the platform's
	projects            []int64
	right               staff.Right // of those who are told
	by                  int64       // who asked for it, and is not told; 0: nobody
	mark                *alerts.Mark
}

// Look tells of what is new. It writes nothing where nothing is.
func (s *Service) Look(ctx context.Context) error {
	begin, err := alerts.Begin(ctx, s.Store)
	if err != nil {
		return err
	}
	since := s.Store.Now().Add(-window)
	if since.Before(begin) {
		since = begin
	}
	found, err := s.facts(ctx, since)
	if err != nil || len(found) == 0 {
		return err
	}
	users, err := s.users(ctx)
	if err != nil {
		return err
	}
	told, err := alerts.Told(ctx, s.Store, since.Add(-window))
	if err != nil {
		return err
	}
	known := make(map[string]bool, len(told))
	for i := range told {
		known[key(&told[i])] = true
	}
	var fresh []*alerts.Alert
	for i := range found {
		if found[i].mark != nil {
			if err := s.tellMark(ctx, &found[i], users); err != nil {
				return err
			}
			continue
		}
		for _, a := range s.of(ctx, &found[i], users) {
			if !known[key(a)] {
				fresh = append(fresh, a)
			}
		}
	}
	for part := range slices.Chunk(fresh, 200) {
		if err := s.Store.Do(ctx, "", func(ctx context.Context, t *store.Tx) error { return s.tell(ctx, t, part) }); err != nil {
			return err
		}
	}
	return nil
}

func key(a *alerts.Alert) string { return fmt.Sprint(a.UserID, " ", a.Kind, " ", a.Subject) }

// tellMark notes that a project's callbacks fail, or do not any more, and tells of the first in the same commit.
func (s *Service) tellMark(ctx context.Context, f *fact, users []*user) error {
	told := s.of(ctx, f, users)
	return s.Store.Do(ctx, "", func(ctx context.Context, t *store.Tx) error {
		first, err := f.mark.Note(ctx, t)
		if err != nil || !first || !f.mark.Since.IsZero() {
			return err
		}
		for _, a := range told {
			a.Subject = strconv.FormatInt(t.Now().UnixMicro(), 10) + " of " + strconv.FormatInt(f.project, 10)
		}
		return s.tell(ctx, t, told)
	})
}

// tell adds alerts, and an e-mail to each user with those that are new to them.
func (s *Service) tell(ctx context.Context, t *store.Tx, all []*alerts.Alert) error {
	mails := make(map[int64][]int64)
	var order []int64
	for _, a := range all {
		added, err := alerts.Add(ctx, t, a)
		if err != nil {
			return err
		}
		if !added {
			continue
		}
		if mails[a.UserID] == nil {
			order = append(order, a.UserID)
		}
		mails[a.UserID] = append(mails[a.UserID], a.ID)
	}
	if s.Mail == nil {
		return nil
	}
	for _, id := range order {
		params, err := json.Marshal(mails[id])
		if err != nil {
			return err
		}
		if _, _, err := jobs.Add(ctx, t, jobs.New{Kind: mailKind, Key: strconv.FormatInt(mails[id][0], 10), UserID: id, Params: params}); err != nil {
			return err
		}
	}
	return nil
}

// user is somebody who may be told.
type user struct {
	*people.UserRecord
	off []string
}

// users are those who work here: they have signed in and are not deactivated.
func (s *Service) users(ctx context.Context) (out []*user, err error) {
	off, err := alerts.OffOfAll(ctx, s.Store)
	if err != nil {
		return nil, err
	}
	after := int64(0)
	for {
		page, err := people.New(s.Store).Users(ctx, people.UserFilter{After: after})
		if err != nil || len(page) == 0 {
			return out, err
		}
		for _, u := range page {
			after = u.ID
			if u.Deactivated.IsZero() && u.Password != "" {
				out = append(out, &user{u, off[u.ID]})
			}
		}
	}
}

// of are the alerts of a fact: of its merchant's people, or of the platform's, who have the right for it and see its projects.
func (s *Service) of(ctx context.Context, f *fact, users []*user) (out []*alerts.Alert) {
	for _, u := range users {
		if u.MerchantID != f.merchant || u.ID == f.by || !u.Can(f.right) || slices.Contains(u.off, f.kind) || !s.sees(u, f) {
			continue
		}
		if f.by != 0 { // who may be the same person decides nothing
			if another, err := s.Store.DifferentPeople(ctx, f.by, u.ID); err != nil || !another {
				continue
			}
		}
		out = append(out, &alerts.Alert{UserID: u.ID, Kind: f.kind, Subject: f.subject, ProjectID: f.project, Link: f.link})
	}
	return out
}

func (s *Service) sees(u *user, f *fact) bool {
	for _, id := range f.projects {
		if p, ok := s.Store.Project(id); !ok || !u.Sees(p) {
			return false
		}
	}
	return true
}
