package store_test

import (
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"testing"

	"flashpay/internal/payout"
	"flashpay/internal/store"
	"flashpay/internal/storetest"
)

func paymentIDs(payments []payout.Payment) []string {
	var ids []string
	for i := range payments {
		ids = append(ids, payments[i].PaymentID)
	}
	return ids
}

func TestManualPaymentsAreListedByPlace(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := open(t, url)
		for id := int64(210); id < 213; id++ {
			createProject(t, s, id, 1000)
		}
		for i := range 12 {
			p := newPayout(int64(210+i%3), fmt.Sprint("p", i), 10)
			p.Interface = []int{5, 5, 5, 1}[i%4]
			if _, err := s.Accept(t.Context(), p); err != nil {
				t.Fatal(err)
			}
		}
		for _, c := range []struct {
			projects []int64
			want     []string
		}{
			{nil, []string{"p10", "p9", "p8", "p6", "p5", "p4", "p2", "p1", "p0"}},
			{[]int64{210, 211}, []string{"p10", "p9", "p6", "p4", "p1", "p0"}},
			{[]int64{212}, []string{"p8", "p5", "p2"}},
			{[]int64{}, nil},
		} {
			var seen []string
			var after *store.Cursor
			for {
				page, err := s.ManualPayments(t.Context(), c.projects, after, 2)
				if err != nil {
					t.Fatal(err)
				}
				seen = append(seen, paymentIDs(page)...)
				if len(page) < 2 {
					break
				}
				after = &store.Cursor{At: page[1].CreatedAt.UnixMicro(), ID: page[1].ID}
			}
			if !slices.Equal(seen, c.want) {
				t.Errorf("projects %v: %v, want %v", c.projects, seen, c.want)
			}
		}
		many := make([]int64, 60)
		for i := range many {
			many[i] = int64(211 + i)
		}
		if list, err := s.ManualPayments(t.Context(), many, nil, 10); err != nil || !slices.Equal(paymentIDs(list), []string{"p10", "p8", "p5", "p4", "p2", "p1"}) {
			t.Errorf("of many projects: %v, %v", paymentIDs(list), err)
		}
	})
}

func TestWaitingApprovalOfASubject(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := open(t, url)
		id := ask(t, s, "once-1", asked(210, "Order_1"))
		if found, err := s.WaitingApproval(t.Context(), 210, store.ApprovalPayout, "ORDER_1"); err != nil || found != id {
			t.Errorf("found %d, %v", found, err)
		}
		for _, c := range []struct {
			project int64
			subject string
		}{{211, "Order_1"}, {210, "Order_2"}, {210, ""}} {
			if found, err := s.WaitingApproval(t.Context(), c.project, store.ApprovalPayout, c.subject); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("%+v: %d, %v", c, found, err)
			}
		}
		if err := s.DecideApproval(t.Context(), "d-1", decision(id, store.ApprovalRejected, 18), "test"); err != nil {
			t.Fatal(err)
		}
		if _, err := s.WaitingApproval(t.Context(), 210, store.ApprovalPayout, "Order_1"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("rejected: %v", err)
		}
	})
}

func TestAPersonsPayoutIsInTheAuditLog(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := open(t, url)
		createProject(t, s, 210, 1000)
		for _, amount := range []int64{100, 100, 101} { // once, again, and other content
			p := newPayout(210, "Order_1", amount)
			p.Actor = "user 17 <aida@example.kg>"
			if _, err := s.Accept(t.Context(), p); err != nil && !errors.Is(err, store.ErrOtherData) {
				t.Fatal(err)
			}
		}
		if _, err := s.Accept(t.Context(), newPayout(210, "of a program", 100)); err != nil {
			t.Fatal(err)
		}
		if v, err := s.PaymentView(t.Context(), 210, "Order_1"); err != nil || len(v.Operations) != 1 {
			t.Errorf("the payout itself: %+v, %v", v, err)
		}
		var lines []string
		eachRow(t, plain(t, url), "SELECT actor, object, detail FROM audit_log WHERE action = 'payout issue'", func(r *sql.Rows) error {
			var actor, object, detail string
			err := r.Scan(&actor, &object, &detail)
			lines = append(lines, actor+" "+object+" "+detail)
			return err
		})
		want := `user 17 <aida@example.kg> project 210 {"payment_id":"Order_1","amount":100,"currency":"KGS","code":0}`
		if !slices.Equal(lines, []string{want}) {
			t.Errorf("audit log: %q", lines)
		}
	})
}
