package store_test

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"flashpay/internal/merchant"
	"flashpay/internal/store"
	"flashpay/internal/storetest"
)

// Each change of settings makes a version, an audit line with before and after, and nothing where nothing differs.
func TestSettingsAreVersioned(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := open(t, url)
		createProject(t, s, 210, 100)
		p, _ := s.Project(210)
		changed := *p
		changed.Name = "New name"
		changed.Settings.Threshold = merchant.Duration(time.Hour)
		if err := s.UpdateProject(t.Context(), &changed, "aida"); err != nil {
			t.Fatal(err)
		}
		if err := s.UpdateProject(t.Context(), &changed, "late"); !errors.Is(err, store.ErrMoved) {
			t.Errorf("an old version was saved over a newer one: %v", err)
		}
		now, _ := s.Project(210)
		if now.Version != 2 || now.Name != "New name" || now.Settings.Threshold != merchant.Duration(time.Hour) {
			t.Errorf("stored %+v", now)
		}
		if err := s.UpdateProject(t.Context(), now, "idle"); err != nil {
			t.Fatal(err)
		}
		versions, err := s.ProjectVersions(t.Context(), 210, 0, 10)
		if err != nil || len(versions) != 2 {
			t.Fatalf("%d versions, %v", len(versions), err)
		}
		if v := versions[0]; v.Project.Version != 2 || v.Actor != "aida" || v.At.IsZero() || v.Project.Name != "New name" {
			t.Errorf("newest version %+v", v)
		}
		if v := versions[1]; v.Project.Version != 1 || v.Actor != "test" || v.Project.Name != "shop" {
			t.Errorf("first version %+v", v)
		}
		if older, err := s.ProjectVersions(t.Context(), 210, 2, 10); err != nil || len(older) != 1 || older[0].Project.Version != 1 {
			t.Errorf("below version 2: %v, %v", older, err)
		}
		want := `{"version":2,"name.before":"shop","name.after":"New name","threshold.after":"1h"}`
		if got := auditDetails(t, s, "project settings"); len(got) != 1 || got[0] != want {
			t.Errorf("audit log %q, want %q", got, want)
		}
		missing := *p
		missing.ID = 999
		if err := s.UpdateProject(t.Context(), &missing, "x"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("a project that is not there: %v", err)
		}
	})
}

// auditDetails lists the details of an action's lines in the audit log, oldest first.
func auditDetails(t *testing.T, s *store.Store, action string) []string {
	t.Helper()
	var out []string
	err := s.Query(t.Context(), "SELECT detail FROM audit_log WHERE action = $1 ORDER BY id", func(r *sql.Rows) error {
		var detail string
		err := r.Scan(&detail)
		out = append(out, detail)
		return err
	}, action)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// An act that has an idempotency key happens once, also where its answer was lost.
func TestActsOfOneNameHappenOnce(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := open(t, url)
		by := store.By{Actor: "aida", IdempotencyKey: "form-1"}
		p := &merchant.Project{ID: 210, MerchantID: 7, Name: "shop", Mode: merchant.Test}
		for range 2 {
			if err := s.OpenProject(t.Context(), p, "k1", map[string]int64{"KGS": 5}, by); err != nil {
				t.Fatal(err)
			}
		}
		s.LoseNextCommitsAnswer()
		key := merchant.Key{Secret: "k2", Label: "payroll"}
		for range 2 {
			if err := s.AddKey(t.Context(), 210, key, store.By{Actor: "aida", IdempotencyKey: "form-2"}); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.AddKey(t.Context(), 210, key, store.By{Actor: "aida", IdempotencyKey: "form-3"}); !errors.Is(err, store.ErrKeyExists) {
			t.Errorf("the same key again: %v", err)
		}
		stored, _ := s.Project(210)
		if len(stored.Keys) != 2 || stored.Keys[1].Label != "payroll" {
			t.Errorf("keys %+v", stored.Keys)
		}
		if a, _, _ := balance(t, s, 210); a != 5 {
			t.Errorf("available %d", a)
		}
		changed := *stored
		changed.Name = "other"
		for range 2 {
			if err := s.SaveProject(t.Context(), &changed, store.By{Actor: "aida", IdempotencyKey: "form-4"}); err != nil {
				t.Fatal(err)
			}
		}
		id, err := s.CreateMerchant(t.Context(), 0, "Eighth", store.By{Actor: "x", IdempotencyKey: "form-5"})
		if again, err := s.CreateMerchant(t.Context(), 0, "Eighth", store.By{Actor: "x", IdempotencyKey: "form-5"}); err != nil || again != 0 {
			t.Errorf("again: %d, %v", again, err)
		}
		if ms := s.Merchants(); err != nil || id != 8 || len(ms) != 2 || ms[0].Name != "Merchant 7" || ms[1].Name != "Eighth" {
			t.Errorf("merchant %d, %v: %v", id, err, ms)
		}
	})
}

func TestMerchants(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := open(t, url)
		by := store.By{Actor: "root"}
		if _, err := s.CreateMerchant(t.Context(), 5, "Fifth", by); err != nil {
			t.Fatal(err)
		}
		if _, err := s.CreateMerchant(t.Context(), 5, "Fifth", by); !errors.Is(err, store.ErrMerchantExists) {
			t.Errorf("twice: %v", err)
		}
		if err := s.RenameMerchant(t.Context(), 5, "Cinq", by); err != nil {
			t.Fatal(err)
		}
		if err := s.RenameMerchant(t.Context(), 6, "Six", by); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("rename of nobody: %v", err)
		}
		if m, ok := s.Merchant(5); !ok || m.Name != "Cinq" || m.CreatedAt.IsZero() {
			t.Errorf("merchant %+v", m)
		}
		for _, id := range []int64{210, 211} {
			p := &merchant.Project{ID: id, MerchantID: 5, Name: "shop", Mode: merchant.Test}
			if err := s.CreateProject(t.Context(), p, "k", nil, "root"); err != nil {
				t.Fatal(err)
			}
		}
		stops := func(id int64) [2]bool {
			p, _ := s.Project(id)
			return [2]bool{p.Blocked, p.Paused}
		}
		for _, act := range []func() error{
			func() error { return s.RestrictProject(t.Context(), 210, store.Paused, true, "holiday", by) },
			func() error { return s.RestrictMerchant(t.Context(), 5, store.Blocked, true, "fraud", by) },
			func() error { return s.RestrictMerchant(t.Context(), 5, store.Blocked, true, "fraud", by) },
		} {
			if err := act(); err != nil {
				t.Fatal(err)
			}
		}
		if stops(210) != [2]bool{true, true} || stops(211) != [2]bool{true, false} {
			t.Errorf("stopped: %v, %v", stops(210), stops(211))
		}
		if got := auditDetails(t, s, "merchant block"); len(got) != 1 || got[0] != `{"reason":"fraud"}` {
			t.Errorf("audit log %q", got)
		}
		if err := s.RestrictMerchant(t.Context(), 5, store.Blocked, false, "", by); err != nil {
			t.Fatal(err)
		}
		// Stopping is no change of settings: a form that was open stays good.
		p, _ := s.Project(210)
		if p.Version != 1 || stops(210) != [2]bool{false, true} || p.Restrictions != (merchant.Restrictions{Paused: true}) {
			t.Errorf("after the block: %+v", p)
		}
		if err := s.RestrictProject(t.Context(), 999, store.Paused, true, "", by); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("nobody: %v", err)
		}
		if err := s.RestrictMerchant(t.Context(), 999, store.Paused, true, "", by); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("nobody: %v", err)
		}
	})
}

// A key's last use is remembered and saved when the store closes, at the latest; its secret is never listed.
func TestKeysTellTheirLastUse(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := open(t, url)
		createProject(t, s, 210, 0)
		if err := s.AddKey(t.Context(), 210, merchant.Key{Secret: "k2", Label: "payroll"}, store.By{Actor: "aida"}); err != nil {
			t.Fatal(err)
		}
		before := s.Now()
		s.KeyUsed(210, 2)
		s.KeyUsed(210, 2)
		if err := s.SaveKeyUse(t.Context()); err != nil {
			t.Fatal(err)
		}
		keys, err := s.Keys(t.Context(), 210)
		if err != nil || len(keys) != 2 {
			t.Fatalf("%v, %v", keys, err)
		}
		if !keys[0].UsedAt.IsZero() || keys[1].UsedAt.Before(before) || keys[1].Label != "payroll" || keys[1].AddedBy != "aida" {
			t.Errorf("keys %+v", keys)
		}
		if err := s.RevokeKey(t.Context(), 210, 1, store.By{Actor: "aida"}); err != nil {
			t.Fatal(err)
		}
		if err := s.RevokeKey(t.Context(), 210, 1, store.By{Actor: "aida"}); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("revoked twice: %v", err)
		}
		if err := s.RevokeKey(t.Context(), 210, 2, store.By{Actor: "aida"}); !errors.Is(err, store.ErrLastKey) {
			t.Errorf("the last key: %v", err)
		}
		if keys, _ := s.Keys(t.Context(), 210); keys[0].RevokedAt.IsZero() || !keys[1].RevokedAt.IsZero() {
			t.Errorf("keys %+v", keys)
		}
	})
}

// A database of before this migration keeps its projects: each gets a merchant and a first version.
func TestMigrationKeepsProjects(t *testing.T) {
	t.Parallel()
	for _, engine := range storetest.Engines() {
		t.Run(engine, func(t *testing.T) { migrationKeepsProjects(t, storetest.Empty(t, engine)) })
	}
}

func migrationKeepsProjects(t *testing.T, url string) {
	const insert = `INSERT INTO projects (id, merchant_id, name, mode, blocked, settings, version, created_at)
				VALUES (210, 1, 'Old shop', 'test', 1, '{"callback_url":"http://a.example/","threshold":"24h0m0s"}', 4, 1700000000000000)`
	if err := store.MigrateTo(t.Context(), url, 3, insert); err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(t.Context(), store.Config{URL: url, Keyset: storetest.Keyset(), Serve: true, Migrate: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close(context.Background()) }()
	m, ok := s.Merchant(1)
	if !ok || m.Name != "Merchant 1" || m.CreatedAt.UnixMicro() != 1700000000000000 {
		t.Errorf("merchant %+v", m)
	}
	p, _ := s.Project(210)
	if p == nil || !p.Blocked || p.Paused || p.Version != 4 || !strings.HasPrefix(p.Settings.CallbackURL, "http://a.example") {
		t.Fatalf("project %+v", p)
	}
	versions, err := s.ProjectVersions(t.Context(), 210, 0, 9)
	if err != nil || len(versions) != 1 || versions[0].Project.Version != 4 || versions[0].Actor != "" || versions[0].Project.Settings.Threshold == 0 {
		t.Errorf("versions %+v, %v", versions, err)
	}
}

// A database of before this migration keeps its discrepancies, and the decision that waits, under the plainer words.
func TestMigrationRenamesDiscrepancies(t *testing.T) {
	t.Parallel()
	for _, engine := range storetest.Engines() {
		t.Run(engine, func(t *testing.T) { migrationRenamesDiscrepancies(t, storetest.Empty(t, engine)) })
	}
}

func migrationRenamesDiscrepancies(t *testing.T, url string) {
	err := store.MigrateTo(t.Context(), url, 21,
		`INSERT INTO discrepancies (id, project_id, payment, operation, kind, detail, dedup, opened_at, reason) VALUES
			(1, 210, 7, 7, 'paid after no', '{}', '7 paid after no', 1, ''), (2, 210, 8, 8, 'declined after ok', '{}', '8 declined after ok', 2, ''),
			(3, 210, 9, 9, 'late success', '{}', '9 late success', 3, '')`,
		`INSERT INTO approvals (id, once, kind, project_id, merchant_id, subject, title, amount, currency, sealed, requested_by, requester,
			requested_at, expires_at, state, decider, reason, outcome) VALUES
			(1, 'a', 'settlement', 210, 1, '7 paid after no', 'p', 1, 'KGS', '', 5, 'Aida', 1, 2, 'waiting', '', '', '')`)
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Migrate(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	var got []string
	eachRow(t, plain(t, url), "SELECT kind || ', ' || dedup FROM discrepancies UNION SELECT subject FROM approvals ORDER BY 1", func(r *sql.Rows) error {
		var text string
		err := r.Scan(&text)
		got = append(got, text)
		return err
	})
	want := []string{"7 paid after decline", "declined after success, 8 declined after success", "late success, 9 late success", "paid after decline, 7 paid after decline"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
