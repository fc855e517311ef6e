package store_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"flashpay/internal/ledger"
	"flashpay/internal/store"
	"flashpay/internal/storetest"
)

// What should have been done, what nears its threshold and what callbacks trouble is found, and nothing else.
func TestOverdueWorkIsFound(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := open(t, url)
		createProject(t, s, 210, 1000)
		createProject(t, s, 211, 1000)
		for _, id := range []string{"a", "b"} {
			p := newPayout(210, id, 100)
			p.Provider, p.ProviderID, p.Threshold = "scripted", 7, 30*time.Minute
			if _, err := s.Accept(t.Context(), p); err != nil {
				t.Fatal(err)
			}
		}
		later := newPayout(211, "c", 100)
		later.Provider, later.ProviderID, later.Threshold = "scripted", 7, 24*time.Hour
		if _, err := s.Accept(t.Context(), later); err != nil {
			t.Fatal(err)
		}
		now := s.Now()
		if got, err := s.CountOverdueOperations(t.Context(), now.Add(-time.Minute), 100); err != nil || len(got) != 0 {
			t.Errorf("overdue by a minute: %v, %v", got, err)
		}
		got, err := s.CountOverdueOperations(t.Context(), now.Add(time.Second), 1)
		if err != nil || len(got) != 2 || got[0].ProjectID != 210 || got[0].Count != 1 || got[0].Oldest.IsZero() || got[1].Count != 1 {
			t.Errorf("overdue in a second, up to one a project: %v, %v", got, err)
		}
		list, err := s.OverdueOperations(t.Context(), 210, now.Add(time.Second), 10)
		if err != nil || len(list) != 2 || list[0].PaymentID != "a" || list[0].ProjectID != 210 || list[0].Amount != 100 {
			t.Errorf("overdue: %+v, %v", list, err)
		}
		near, err := s.OperationsNearThreshold(t.Context(), 210, now.Add(time.Hour), 1)
		if err != nil || len(near) != 1 || near[0].PaymentID != "a" {
			t.Errorf("near their threshold: %+v, %v", near, err)
		}
		if near, err := s.CountOperationsNearThreshold(t.Context(), now.Add(time.Hour), 100); err != nil || len(near) != 1 || near[0].Count != 2 || near[0].Oldest.Before(now) {
			t.Errorf("projects near a threshold: %+v, %v", near, err)
		}
		if near, err := s.OperationsNearThreshold(t.Context(), 211, now.Add(time.Hour), 10); err != nil || len(near) != 0 {
			t.Errorf("a day away: %+v, %v", near, err)
		}
	})
}

func TestCallbacksInTroubleAreFound(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := open(t, url)
		createProject(t, s, 210, 0)
		for _, id := range []string{"fine", "repeated", "over", "waiting"} {
			declined(t, s, id)
		}
		for _, job := range lease(t, s, 1, 2, 3, 4) {
			switch job.Event.Number {
			case 1:
				save(t, s, job, 200, store.CallbackDelivered, time.Time{})
			case 2:
				save(t, s, job, 500, store.CallbackPending, s.Now().Add(time.Hour))
			case 3:
				save(t, s, job, 500, store.CallbackGivenUp, time.Time{})
			}
		}
		repeated, err := s.CountRepeatedCallbacks(t.Context(), store.AnyCallback, 100)
		if err != nil || len(repeated) != 1 || repeated[0].ProjectID != 210 || repeated[0].Count != 1 || repeated[0].Oldest.Before(s.Now()) {
			t.Errorf("repeated: %+v, %v", repeated, err)
		}
		over, err := s.CountGivenUpCallbacks(t.Context(), store.AnyCallback, 100)
		if err != nil || len(over) != 1 || over[0].Count != 1 {
			t.Errorf("given up: %+v, %v", over, err)
		}
		if list, err := s.UnacknowledgedCallbacks(t.Context(), 210, 10); err != nil || len(list) != 2 || list[0].PaymentID != "repeated" || list[1].PaymentID != "over" {
			t.Errorf("in trouble: %+v, %v", list, err)
		}
		if h, err := s.CallbackHealth(t.Context(), 210, 100); err != nil || h != (store.CallbackHealth{Delivered: 1, Repeated: 1, GivenUp: 1}) {
			t.Errorf("health %+v, %v", h, err)
		}
		if refused, err := s.RefusedNotifications(t.Context(), 10); err != nil || len(refused) != 0 {
			t.Errorf("refused: %+v, %v", refused, err)
		}
	})
}

// A top-up or correction is booked in the commit of another person's decision, once, and its money is conserved.
func TestFundsTakeTwoPeople(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := open(t, url)
		createProject(t, s, 210, 100)
		ask := func(idempotencyKey, kind string, amount int64) int64 {
			t.Helper()
			id, err := s.RequestApproval(t.Context(), idempotencyKey, store.Approval{
				Kind: kind, ProjectID: 210, MerchantID: 1, Title: "wire 4711", Amount: amount, Currency: "KGS", RequestedBy: 7, Requester: "Aida",
			}, "user 7")
			if err != nil {
				t.Fatal(err)
			}
			return id
		}
		decide := func(id, who int64, state string) error {
			d := store.Decision{ID: id, State: state, By: who, Decider: "Bakyt"}
			return s.DecideFunds(t.Context(), d, store.By{Actor: "user 8", IdempotencyKey: "click"})
		}
		want := func(available, owed int64) {
			t.Helper()
			all, err := s.AllBalances(t.Context(), []int64{210, 999})
			if err != nil || len(all) != 1 || all[0].Sum(ledger.Available) != available || all[0].Owed() != owed {
				t.Fatalf("balances %+v, %v; want %d available, %d owed", all, err, available, owed)
			}
		}
		topUp := ask("one", store.ApprovalTopUp, 50)
		want(100, 0)
		if err := decide(topUp, 7, store.ApprovalApproved); !errors.Is(err, store.ErrSamePerson) {
			t.Errorf("who asked approves: %v", err)
		}
		want(100, 0)
		s.LoseNextCommitsAnswer()
		for range 2 {
			if err := decide(topUp, 8, store.ApprovalApproved); err != nil {
				t.Fatal(err)
			}
		}
		want(150, 0)
		if err := decide(ask("two", store.ApprovalCorrection, -170), 8, store.ApprovalApproved); err != nil {
			t.Fatal(err)
		}
		want(0, 20)
		if err := decide(ask("three", store.ApprovalTopUp, 60), 8, store.ApprovalRejected); err != nil {
			t.Fatal(err)
		}
		want(0, 20)
		if err := decide(ask("four", store.ApprovalTopUp, 1<<62), 8, store.ApprovalApproved); err != nil {
			t.Fatal(err)
		}
		if err := decide(ask("five", store.ApprovalTopUp, 1<<62), 8, store.ApprovalApproved); !errors.Is(err, ledger.ErrTransfer) {
			t.Errorf("more than a balance holds: %v", err)
		}
		if err := decide(ask("six", store.ApprovalPayout, 1), 8, store.ApprovalApproved); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("a payout is no funds: %v", err)
		}
		lines, err := s.ManualTransfers(t.Context(), 210, 0, 3)
		if err != nil || len(lines) != 3 || lines[0].Amount != 1<<62-20 || lines[0].Credit != ledger.Available || lines[0].Reason != "wire 4711" {
			t.Errorf("statement %+v, %v", lines, err)
		}
		if older, err := s.ManualTransfers(t.Context(), 210, lines[2].ID, 10); err != nil || len(older) != 3 || older[2].Reason != "opening balance" {
			t.Errorf("older %+v, %v", older, err)
		}
		log := auditDetails(t, s, "balance correction")
		if len(log) != 1 || !strings.HasPrefix(log[0], `{"currency":"KGS","amount":-170,"reason":"wire 4711","asked_by":"Aida","approval":`) {
			t.Errorf("audit log %q", log)
		}
	})
}

func TestAuditLogIsFiltered(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := open(t, url)
		createProject(t, s, 210, 0)
		createProject(t, s, 211, 0)
		for _, reason := range []string{"one", "two", "three"} {
			if err := s.RestrictProject(t.Context(), 210, store.Paused, reason != "two", reason, store.By{Actor: "aida"}); err != nil {
				t.Fatal(err)
			}
		}
		find := func(f store.AuditFilter) (out []string) {
			t.Helper()
			if f.Limit == 0 {
				f.Limit = 100
			}
			lines, err := s.AuditLog(t.Context(), f)
			if err != nil {
				t.Fatal(err)
			}
			for _, l := range lines {
				out = append(out, l.Action+" "+l.Object+" "+l.Actor)
			}
			return out
		}
		for want, f := range map[string]store.AuditFilter{
			"project pause project 210 aida|project resume project 210 aida|project pause project 210 aida": {Actor: "aida"},
			"project resume project 210 aida": {Action: "project resume"},
			"project create project 211 test": {Object: "project 211"},
			"":                                {Actor: "aida", Object: "project 211"},
			"project create project 211 test|project create project 210 test": {Until: s.Now().Add(time.Hour), Action: "project create"},
		} {
			if got := strings.Join(find(f), "|"); got != want {
				t.Errorf("%+v: %s, want %s", f, got, want)
			}
		}
		if got := find(store.AuditFilter{From: s.Now().Add(time.Hour)}); len(got) != 0 {
			t.Errorf("of the future: %v", got)
		}
		all := find(store.AuditFilter{})
		var paged []string
		var place *store.Cursor
		for range len(all) + 1 {
			lines, err := s.AuditLog(t.Context(), store.AuditFilter{After: place, Limit: 1})
			if err != nil {
				t.Fatal(err)
			}
			for _, l := range lines {
				at := l.Place()
				paged, place = append(paged, l.Action+" "+l.Object+" "+l.Actor), &at
			}
		}
		if strings.Join(all, "|") != strings.Join(paged, "|") || len(all) != 5 {
			t.Errorf("by pages %v, at once %v", paged, all)
		}
	})
}

// What the desk asks is found by an index, however many rows there are: nothing is read whole, and nothing is sorted but
// what a limit has cut.
func TestTheDeskReadsByIndexes(t *testing.T) { storetest.Each(t, theDeskReadsByIndexes) }

func theDeskReadsByIndexes(t *testing.T, url string) {
	s := open(t, url)
	createProject(t, s, 210, 1000)
	p := newPayout(210, "a", 100)
	p.Provider, p.ProviderID, p.Threshold = "scripted", 7, time.Minute
	if _, err := s.Accept(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	declined(t, s, "b")
	declined(t, s, "c")
	for i, job := range lease(t, s, 1, 2) {
		if i == 0 {
			save(t, s, job, 500, store.CallbackPending, s.Now().Add(time.Hour))
		} else {
			save(t, s, job, 500, store.CallbackGivenUp, time.Time{})
		}
	}
	ctx, now := t.Context(), s.Now()
	for name, ask := range map[string]func() error{
		"overdue by project":  func() error { _, err := s.CountOverdueOperations(ctx, now.Add(time.Hour), 10); return err },
		"near by project":     func() error { _, err := s.CountOperationsNearThreshold(ctx, now.Add(time.Hour), 10); return err },
		"overdue":             func() error { _, err := s.OverdueOperations(ctx, 210, now.Add(time.Hour), 10); return err },
		"repeated by project": func() error { _, err := s.CountRepeatedCallbacks(ctx, store.AnyCallback, 10); return err },
		"given up by project": func() error { _, err := s.CountGivenUpCallbacks(ctx, store.AnyCallback, 10); return err },
		"repeated payments":   func() error { _, err := s.CountRepeatedCallbacks(ctx, store.OfPayments, 10); return err },
		"given up payments":   func() error { _, err := s.CountGivenUpCallbacks(ctx, store.OfPayments, 10); return err },
		"in trouble":          func() error { _, err := s.UnacknowledgedCallbacks(ctx, 210, 10); return err },
		"health":              func() error { _, err := s.CallbackHealth(ctx, 210, 10); return err },
		"refused":             func() error { _, err := s.RefusedNotifications(ctx, 10); return err },
		"statement":           func() error { _, err := s.ManualTransfers(ctx, 210, 0, 10); return err },
		"versions":            func() error { _, err := s.ProjectVersions(ctx, 210, 0, 10); return err },
		"audit log":           func() error { _, err := s.AuditLog(ctx, store.AuditFilter{Limit: 10}); return err },
		"audit log of actor":  func() error { _, err := s.AuditLog(ctx, store.AuditFilter{Actor: "x", Limit: 10}); return err },
		"audit log of action": func() error {
			_, err := s.AuditLog(ctx, store.AuditFilter{Action: "x", From: now, Limit: 10})
			return err
		},
		"audit log of object": func() error {
			_, err := s.AuditLog(ctx, store.AuditFilter{Object: "x", After: &store.Cursor{At: now.UnixMicro(), ID: 1}, Limit: 10})
			return err
		},
		"audit log of a while": func() error {
			_, err := s.AuditLog(ctx, store.AuditFilter{From: now, Until: now, Limit: 10})
			return err
		},
	} {
		if err := ask(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	plans, err := s.ExplainReads(ctx)
	if err != nil {
		t.Fatal(err)
	}
	keyOf := func(table string) string {
		if s.DialectName() == storetest.Postgres {
			return table + "_pkey"
		}
		return "sqlite_autoindex_" + table
	}
	for part, index := range map[string]string{
		"next_at IS NOT NULL AND attempts > 0": "callbacks_repeated",
		"AND attempts > 0 AND next_at > $2":    "callbacks_repeated", "state = 'given up'": "callbacks_given_up", "state = 'refused'": "notifications_refused",
		"payment = 0": "transfers_by_hand", "FROM audit_log WHERE 1 = 1 ORDER": "audit_log_at", "FROM audit_log WHERE 1 = 1 AND at": "audit_log_at",
		"FROM audit_log WHERE 1 = 1 AND actor": "audit_log_actor", "FROM audit_log WHERE 1 = 1 AND action": "audit_log_action",
		"FROM audit_log WHERE 1 = 1 AND object": "audit_log_object", "next_at < $2": "operations_due", "project_id = $1 AND next_at <= $2": "operations_due",
		"FROM project_versions": keyOf("project_versions"), "state, CASE WHEN attempts": keyOf("callbacks"),
	} {
		found := false
		for text, plan := range plans {
			if strings.Contains(text, part) {
				found = true
				if !strings.Contains(plan, index) {
					t.Errorf("%s\nis not read by %s:\n%s", text, index, plan)
				}
			}
		}
		if !found {
			t.Errorf("nothing was asked with %q", part)
		}
	}
}
