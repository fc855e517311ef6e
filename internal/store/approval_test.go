package store_test

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"flashpay/internal/store"
	"flashpay/internal/storetest"
)

const secretContent = `{"account":{"number":"1090000000000000"}}`

func asked(project int64, subject string) store.Approval {
	return store.Approval{
		Kind: store.ApprovalPayout, ProjectID: project, MerchantID: 7, Subject: subject, Title: subject + " 109000******0000",
		Amount: 1500, Currency: "KGS", Content: []byte(secretContent), RequestedBy: 17, Requester: "Aida",
	}
}

func ask(t *testing.T, s *store.Store, idempotencyKey string, a store.Approval) int64 {
	t.Helper()
	id, err := s.RequestApproval(t.Context(), idempotencyKey, a, "user 17 <aida@example.kg>")
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func decision(id int64, state string, by int64) store.Decision {
	return store.Decision{ID: id, State: state, By: by, Decider: fmt.Sprint("person ", by), Reason: "because"}
}

func TestAnApprovalIsAskedForOnce(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := open(t, url)
		var wg sync.WaitGroup
		ids := make([]int64, 20)
		for i := range ids {
			wg.Go(func() { ids[i], _ = s.RequestApproval(t.Context(), "once-1", asked(210, "Order_1"), "test") })
		}
		wg.Wait()
		for _, id := range ids {
			if id == 0 || id != ids[0] {
				t.Fatalf("one request has the ids %v", ids)
			}
		}
		all, err := s.Approvals(t.Context(), store.ApprovalFilter{Limit: 10})
		if err != nil || len(all) != 1 || all[0].Content != nil {
			t.Fatalf("list: %+v, %v", all, err)
		}
		a, err := s.Approval(t.Context(), ids[0])
		if err != nil || string(a.Content) != secretContent || a.State != store.ApprovalWaiting || a.Requester != "Aida" || a.RequestedBy != 17 ||
			a.Subject != "order_1" || a.ExpiresAt.Sub(a.RequestedAt) != store.ApprovalLife || !a.DecidedAt.IsZero() {
			t.Fatalf("approval: %+v, %v", a, err)
		}
		if _, err := s.RequestApproval(t.Context(), "once-2", asked(210, "ORDER_1"), "test"); !errors.Is(err, store.ErrApprovalWaits) {
			t.Fatalf("another one of the same subject: %v", err)
		}
		ask(t, s, "once-3", asked(211, "Order_1"))
		if _, err := s.Approval(t.Context(), 1<<40); !errors.Is(err, store.ErrNotFound) {
			t.Fatalf("no approval: %v", err)
		}
		db := plain(t, url)
		eachRow(t, db, "SELECT sealed, title FROM approvals", func(r *sql.Rows) error {
			var sealed []byte
			var title string
			err := r.Scan(&sealed, &title)
			if bytes.Contains(sealed, []byte("1090000000000000")) {
				t.Error("the content is not sealed")
			}
			return err
		})
	})
}

func TestTheRequesterDoesNotDecide(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := open(t, url)
		id := ask(t, s, "once-1", asked(210, "p"))
		for _, state := range []string{store.ApprovalApproved, store.ApprovalRejected} {
			if err := s.DecideApproval(t.Context(), "d-"+state, decision(id, state, 17), "test"); !errors.Is(err, store.ErrSamePerson) {
				t.Errorf("%s by the requester: %v", state, err)
			}
		}
		if err := s.DecideApproval(t.Context(), "d-3", decision(id, store.ApprovalWithdrawn, 18), "test"); !errors.Is(err, store.ErrNotRequester) {
			t.Errorf("withdrawn by another person: %v", err)
		}
		if err := s.DecideApproval(t.Context(), "d-4", decision(id+1, store.ApprovalApproved, 18), "test"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("no approval: %v", err)
		}
		db := plain(t, url)
		for _, state := range []string{"approved", "rejected"} {
			if _, err := db.ExecContext(t.Context(), "UPDATE approvals SET decided_by = requested_by, state = '"+state+"'"); err == nil {
				t.Errorf("the database lets the requester have %s", state)
			}
		}
		if err := s.DecideApproval(t.Context(), "d-5", decision(id, store.ApprovalWithdrawn, 17), "test"); err != nil {
			t.Fatalf("withdrawn by the requester: %v", err)
		}
		if a, err := s.Approval(t.Context(), id); err != nil || a.State != store.ApprovalWithdrawn || a.DecidedBy != 17 {
			t.Errorf("withdrawn: %+v, %v", a, err)
		}
		ask(t, s, "once-2", asked(210, "p")) // its subject is free again
	})
}

func TestOneOfManyDecidersWins(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := open(t, url)
		id := ask(t, s, "once-1", asked(210, "p"))
		var wg sync.WaitGroup
		errs := make([]error, 12)
		for i := range errs {
			state := []string{store.ApprovalApproved, store.ApprovalRejected}[i%2]
			wg.Go(func() {
				errs[i] = s.DecideApproval(t.Context(), fmt.Sprint("d-", i), decision(id, state, int64(100+i)), fmt.Sprint("user ", i))
			})
		}
		wg.Wait()
		winner := -1
		for i, err := range errs {
			switch {
			case err == nil && winner < 0:
				winner = i
			case !errors.Is(err, store.ErrMoved):
				t.Errorf("decider %d: %v, decider %d won", i, err, winner)
			}
		}
		a, err := s.Approval(t.Context(), id)
		if err != nil || winner < 0 || a.DecidedBy != int64(100+winner) || a.Reason != "because" {
			t.Fatalf("decider %d won; %+v, %v", winner, a, err)
		}
		// The winner's second click is answered as the first one was, and changes nothing.
		if err := s.DecideApproval(t.Context(), fmt.Sprint("d-", winner), decision(id, a.State, a.DecidedBy), "test"); err != nil {
			t.Errorf("the same decision again: %v", err)
		}
		lines := 0
		eachRow(t, plain(t, url), "SELECT detail FROM audit_log WHERE action = 'approval decide'", func(r *sql.Rows) error {
			var detail string
			err := r.Scan(&detail)
			lines++
			if !strings.Contains(detail, `"state":"`+a.State+`"`) {
				t.Errorf("audit log: %s", detail)
			}
			return err
		})
		if lines != 1 {
			t.Errorf("%d decisions are in the audit log", lines)
		}
	})
}

func TestAnApprovalLapses(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := open(t, url)
		id := ask(t, s, "once-1", asked(210, "p"))
		if _, err := plain(t, url).ExecContext(t.Context(), "UPDATE approvals SET expires_at = 1"); err != nil {
			t.Fatal(err)
		}
		for _, by := range []int64{17, 18} {
			state := map[int64]string{17: store.ApprovalWithdrawn, 18: store.ApprovalApproved}[by]
			if err := s.DecideApproval(t.Context(), fmt.Sprint("d-", by), decision(id, state, by), "test"); !errors.Is(err, store.ErrLapsed) {
				t.Errorf("%s too late: %v", state, err)
			}
		}
		for state, want := range map[string]int{"": 1, store.ApprovalWaiting: 0, store.ApprovalLapsed: 1} {
			if list, err := s.Approvals(t.Context(), store.ApprovalFilter{State: state, Limit: 10}); err != nil || len(list) != want {
				t.Errorf("state %q: %+v, %v", state, list, err)
			}
		}
		second := ask(t, s, "once-2", asked(210, "p")) // its subject is free again
		if err := s.DecideApproval(t.Context(), "d-3", decision(second, store.ApprovalApproved, 18), "test"); err != nil {
			t.Error(err)
		}
		if a, err := s.Approval(t.Context(), id); err != nil || a.State != store.ApprovalLapsed {
			t.Errorf("lapsed: %+v, %v", a, err)
		}
	})
}

func TestWhatWasApprovedIsFinishedOnce(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := open(t, url)
		id, rejected := ask(t, s, "once-1", asked(210, "p")), ask(t, s, "once-2", asked(210, "q"))
		if err := s.FinishApproval(t.Context(), id, "too early"); err != nil {
			t.Fatal(err)
		}
		if err := s.DecideApproval(t.Context(), "d-1", decision(id, store.ApprovalApproved, 18), "test"); err != nil {
			t.Fatal(err)
		}
		if err := s.DecideApproval(t.Context(), "d-2", decision(rejected, store.ApprovalRejected, 18), "test"); err != nil {
			t.Fatal(err)
		}
		soon := s.Now().Add(time.Minute)
		open, err := s.UnfinishedApprovals(t.Context(), store.ApprovalPayout, soon)
		if err != nil || len(open) != 1 || open[0].ID != id || !open[0].DoneAt.IsZero() {
			t.Fatalf("unfinished: %+v, %v", open, err)
		}
		if early, err := s.UnfinishedApprovals(t.Context(), store.ApprovalPayout, open[0].DecidedAt); err != nil || len(early) != 0 {
			t.Fatalf("decided just now: %+v, %v", early, err)
		}
		for _, outcome := range []string{"accepted", "second"} {
			if err := s.FinishApproval(t.Context(), id, outcome); err != nil {
				t.Fatal(err)
			}
		}
		if a, err := s.Approval(t.Context(), id); err != nil || a.Outcome != "accepted" || a.DoneAt.IsZero() {
			t.Errorf("finished: %+v, %v", a, err)
		}
		if open, err := s.UnfinishedApprovals(t.Context(), store.ApprovalPayout, soon); err != nil || len(open) != 0 {
			t.Errorf("unfinished: %+v, %v", open, err)
		}
	})
}

func TestAnActIsCommittedWithItsDecision(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := open(t, url)
		createProject(t, s, 210, 1000)
		a := asked(210, "")
		a.Kind, a.Amount = store.ApprovalTopUp, 500
		id := ask(t, s, "once-1", a)
		ask(t, s, "once-2", a) // any number of top-ups may wait
		broken := errors.New("broken")
		if err := s.ApproveTopUp(t.Context(), "d-1", decision(id, store.ApprovalApproved, 18), func() error { return broken }); !errors.Is(err, broken) {
			t.Fatalf("the act fails: %v", err)
		}
		if a, err := s.Approval(t.Context(), id); err != nil || a.State != store.ApprovalWaiting {
			t.Fatalf("the act failed, and the decision stands: %+v, %v", a, err)
		}
		var wg sync.WaitGroup
		for i := range 10 { // two people, five clicks each
			wg.Go(func() {
				by := int64(18 + i%2)
				d := decision(id, store.ApprovalApproved, by)
				if err := s.ApproveTopUp(t.Context(), fmt.Sprint("d-", by), d, func() error { return nil }); err != nil && !errors.Is(err, store.ErrMoved) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if available, _, _ := balance(t, s, 210); available != 1500 {
			t.Errorf("available is %d", available)
		}
		if a, err := s.Approval(t.Context(), id); err != nil || a.State != store.ApprovalApproved || a.DoneAt.IsZero() {
			t.Errorf("approved: %+v, %v", a, err)
		}
	})
}

func TestApprovalsAreListedByPlace(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := open(t, url)
		for i := range 25 {
			ask(t, s, fmt.Sprint("once-", i), asked(int64(210+i%3), fmt.Sprint("p-", i)))
		}
		var seen []string
		f := store.ApprovalFilter{Projects: []int64{210, 212}, Kinds: []string{store.ApprovalPayout}, State: store.ApprovalWaiting, Limit: 7}
		for {
			page, err := s.Approvals(t.Context(), f)
			if err != nil {
				t.Fatal(err)
			}
			for i := range page {
				seen = append(seen, page[i].Subject)
			}
			if len(page) < f.Limit {
				break
			}
			place := page[len(page)-1].Place()
			f.After = &place
		}
		var want []string
		for i := 24; i >= 0; i-- {
			if i%3 != 1 {
				want = append(want, fmt.Sprint("p-", i))
			}
		}
		if strings.Join(seen, " ") != strings.Join(want, " ") {
			t.Errorf("listed %v\nwant %v", seen, want)
		}
		for _, f := range []store.ApprovalFilter{
			{Projects: []int64{}, Limit: 7},
			{Projects: []int64{9}, Limit: 7},
			{Kinds: []string{store.ApprovalTopUp}, Limit: 7},
			{State: store.ApprovalRejected, Limit: 7},
		} {
			if list, err := s.Approvals(t.Context(), f); err != nil || len(list) != 0 {
				t.Errorf("%+v: %+v, %v", f, list, err)
			}
		}
	})
}
