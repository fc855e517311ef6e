package massbatch_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"flashpay/internal/accept"
	"flashpay/internal/massbatch"
	"flashpay/internal/payout"
	"flashpay/internal/record"
	"flashpay/internal/store"
	"flashpay/internal/store/batches"
	"flashpay/internal/store/export"
	"flashpay/internal/store/files"
	"flashpay/internal/storetest"
	"flashpay/internal/wire"
)

// snapshot takes an export of projects.
func snapshot(t *testing.T, s *massbatch.Service, projects ...int64) *export.Export {
	t.Helper()
	x, err := export.Open(t.Context(), s.Store, projects)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// results are the rows that a filter chooses, a line each.
func results(t *testing.T, s *massbatch.Service, x *export.Export, f export.Filter) (out []string) {
	t.Helper()
	err := massbatch.Results(t.Context(), s.Store, x, f, record.Uploaded, func(r *record.BatchRow) error {
		if r.File != "wages.csv" || r.SentAt.IsZero() || (r.Operation == 0) != r.At.IsZero() {
			t.Errorf("%+v", r)
		}
		out = append(out, fmt.Sprintf("%d %d %d %s %s %s %d%s %s %s %s", r.Batch, r.Line, r.ProjectID, r.PaymentID, r.Method, r.AccountMask, r.Amount, r.Currency, r.Status, r.Code, r.Message))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestResultsOfAllBatches: rows of all batches that were sent, each where its own project is seen, with what stands in the file where
// no payment says it.
func TestResultsOfAllBatches(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := setup(t, url)
		run(t, s)
		from := s.Store.Now()
		first := take(t, s, 210, file(row(210, `"a;""x"`, 1), row(210, "b", 0), row(211, "c", 3), row(300, "d", 1), "payout;xyz;bank-transfer/kyrgyzstan;e;ten;KGS;1;c-1;192.0.2.1", "", row(210, "f", 1)))
		send(t, s, first.ID, true)
		await(t, s, first.ID, batches.Done)
		between := s.Store.Now().Add(time.Microsecond)
		time.Sleep(time.Until(between)) // what is sent from here on is behind it
		take(t, s, 210, file(row(210, "never sent", 1)))
		second := take(t, s, 210, file(row(210, `"a;""x"`, 1), row(211, "c", 3)))
		send(t, s, second.ID, false)
		await(t, s, second.ID, batches.Done)

		const way, kgs = "bank-transfer/kyrgyzstan", "10000KGS processing 29999 Awaiting processing"
		one, two := fmt.Sprint(first.ID, " "), fmt.Sprint(second.ID, " ")
		mask := wire.Mask("1090000000000001")
		own := []string{
			one + `2 210 a;"x ` + way + " " + wire.Mask("1090000000000007") + " " + kgs,
			one + "3 210 b " + way + " " + mask + " 0KGS with faults  Incorrect Amount (line# 3)",
			one + "5 300 d " + way + " " + mask + " 10000KGS with faults  Specified project_id does not belong to specified merchant account",
			one + "6 0 e " + way + " " + wire.Mask("1") + " 0 with faults  Project_id is not numeric (line# 6)",
			one + "7 0    0 with faults  Row is empty (line# 7)",
			one + "8 210 f " + way + " " + mask + " " + kgs,
		}
		again := []string{two + `2 210 a;"x ` + way + " " + wire.Mask("1090000000000007") + " 10000KGS paid already  "}
		wages := []string{one + "4 211 c " + way + " " + mask + " 30000KGS processing 29999 Awaiting processing", two + "3 211 c " + way + " " + mask + " 30000KGS paid already  "}
		all := []string{own[0], own[1], wages[0], own[2], own[3], own[4], own[5], again[0], wages[1]}
		x, both := snapshot(t, s, 210, 211), []int64{210, 211}
		for _, c := range []struct {
			name   string
			filter export.Filter
			want   []string
		}{
			{"all", export.Filter{Projects: both}, all},
			{"no project", export.Filter{}, nil},
			{"one project", export.Filter{Projects: []int64{210}}, append(own[:6:6], again...)},
			{"the other", export.Filter{Projects: []int64{211}}, wages},
			{"until the second", export.Filter{Projects: both, To: between}, all[:7]},
			{"from the second", export.Filter{Projects: both, From: between}, all[7:]},
			{"from the first", export.Filter{Projects: both, From: from}, all},
			{"status of a payment", export.Filter{Projects: both, Statuses: []payout.Status{payout.Processing}}, []string{own[0], wages[0], own[5]}},
			{"status of a row", export.Filter{Projects: both, Statuses: []payout.Status{"paid already"}}, all[7:]},
			{"sum", export.Filter{Projects: both, Currencies: []string{"KGS"}, MinAmount: 20000}, wages},
			{"method", export.Filter{Projects: []int64{211}, Methods: []string{"bank-transfer/sepa"}}, nil},
			{"method of all", export.Filter{Projects: []int64{211}, Methods: []string{way}}, wages},
			{"code", export.Filter{Projects: both, Codes: []int{20000}}, nil},
		} {
			if got := results(t, s, x, c.filter); strings.Join(got, "\n") != strings.Join(c.want, "\n") {
				t.Errorf("%s: got\n%s\nwant\n%s", c.name, strings.Join(got, "\n"), strings.Join(c.want, "\n"))
			}
		}
		if got := results(t, s, snapshot(t, s, 300), export.Filter{Projects: []int64{300}}); len(got) != 0 {
			t.Errorf("another merchant sees %q", got)
		}

		// The file's time is over before the rows' is: what they say by themselves is left.
		if err := s.Store.Do(t.Context(), "", func(ctx context.Context, tx *store.Tx) error { return files.Expire(ctx, tx, first.File) }); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Until(s.Store.Now().Add(time.Microsecond)))
		if err := files.DeleteExpired(t.Context(), s.Store); err != nil {
			t.Fatal(err)
		}
		if got := results(t, s, x, export.Filter{Projects: both}); len(got) != len(all) || got[0] != all[0] || strings.Contains(got[1], " b ") {
			t.Errorf("without its file: %q", got)
		}
	})
}

// TestResultsAreOfOneInstant: whatever is paid while they are read.
func TestResultsAreOfOneInstant(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := setup(t, url)
		stop := run(t, s)
		before := take(t, s, 210, file(row(210, "p500", 1)))
		send(t, s, before.ID, false)
		await(t, s, before.ID, batches.Done)
		stop()

		const n = 600
		full, release := make(chan struct{}), make(chan struct{})
		goOn := sync.OnceFunc(func() { close(release) })
		defer goOn()
		let := 0 // rows that are made in the first call
		var calls atomic.Int64
		s.Payouts = &accept.Service{Route: s.Payouts.Route, Acceptor: acceptor{s.Store, func(ctx context.Context, payouts []*store.NewPayout) ([]store.Receipt, []error) {
			if calls.Add(1) == 1 {
				let = len(payouts)
				defer close(full)
			} else {
				<-release
			}
			return s.Store.AcceptAll(ctx, payouts)
		}}}
		b := take(t, s, 210, many(210, n))
		send(t, s, b.ID, false)
		run(t, s)
		<-full
		x := snapshot(t, s, 210)
		goOn()
		await(t, s, b.ID, batches.Done)
		later := take(t, s, 210, file(row(210, "later", 1)))
		send(t, s, later.ID, false)
		await(t, s, later.ID, batches.Done)
		count := func(x *export.Export) map[string]int {
			out := make(map[string]int)
			err := massbatch.Results(t.Context(), s.Store, x, export.Filter{Projects: []int64{210}}, record.Uploaded, func(r *record.BatchRow) error {
				out[r.Status]++
				if _, err := strconv.Atoi(strings.TrimPrefix(r.PaymentID, "p")); err != nil && r.PaymentID != "later" {
					t.Errorf("%+v", r)
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
			return out
		}
		if got := count(x); got["processing"] != let+1 || let == n || got[massbatch.NotSent] != n-let || len(got) != 2 {
			t.Errorf("of the instant: %v", got)
		}
		if got := count(snapshot(t, s, 210)); got["processing"] != n+1 || got["paid already"] != 1 || len(got) != 2 {
			t.Errorf("afterwards: %v", got)
		}
	})
}
