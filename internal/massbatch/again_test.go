package massbatch_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"flashpay/internal/massbatch"
	"flashpay/internal/payout"
	"flashpay/internal/store"
	"flashpay/internal/store/batches"
	"flashpay/internal/storetest"
)

// Declined rows come back as a file with new ids, which pays them once however often it is made.
func TestDeclinedRowsComeAgain(t *testing.T) {
	t.Parallel()
	storetest.Each(t, declinedRowsComeAgain)
}

func declinedRowsComeAgain(t *testing.T, url string) {
	s := setup(t, url)
	with := func(row, name string) string { return row + ";" + name }
	text := head + ";account.customer_name\n" + with(row(210, "a", 1), "=Aida") + "\n" + with(row(210, "bb", 2), "Bakyt") + "\n" + with(row(210, "ccc~2", 3), "+Cholpon") + "\n"
	b := take(t, s, 210, text)
	send(t, s, b.ID, false)
	stop := run(t, s)
	await(t, s, b.ID, batches.Done)
	for _, id := range []string{"bb", "ccc~2"} {
		v, err := s.Store.PaymentView(t.Context(), 210, id)
		if err != nil {
			t.Fatal(err)
		}
		work, err := s.Store.Reload(t.Context(), 210, v.Operations[0].ID)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Store.Apply(t.Context(), store.Step{Payment: work.Payment, Operation: work.Operation, Event: payout.Declined, Code: 20101, Kind: "declined"}); err != nil {
			t.Fatal(err)
		}
	}
	declined := batches.RowFilter{Batch: b.ID, State: batches.Made, Status: payout.Decline, Limit: 1}
	first, err := batches.Find(t.Context(), s.Store, declined, 1)
	if err != nil || len(first.Rows) != 1 || first.Rows[0].PaidAs != "bb" || first.Until != 3 {
		t.Fatalf("%+v, %v", first, err)
	}
	declined.After = first.Until
	if second, err := batches.Find(t.Context(), s.Store, declined, 1); err != nil || len(second.Rows) != 1 || second.Rows[0].Final != 20101 || second.Until != 0 {
		t.Errorf("%+v, %v", second, err)
	}
	var file strings.Builder
	if err := s.Declined(t.Context(), b.ID, &file, nil); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"bb~2"`, `"ccc~3"`, `"20101 `, `"It was declined as bb."`} {
		if !strings.Contains(file.String(), want) {
			t.Errorf("the file lacks %s:\n%s", want, file.String())
		}
	}
	last := int64(0)
	for range 2 {
		again := take(t, s, 210, file.String())
		if again.Rows != 2 || again.Bad != 0 {
			t.Fatalf("%+v", again)
		}
		last = again.ID
		send(t, s, again.ID, false)
		await(t, s, again.ID, batches.Done)
	}
	stop()
	paid(t, s, 210, 5, 6) // the two that were declined hold nothing any more
	var result strings.Builder
	if err := s.Result(t.Context(), last, &result, massbatch.ResultOptions{}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(result.String(), `"'+Cholpon"`) { // one apostrophe: that of the result
		t.Error(result.String())
	}
}

func TestNextID(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("ж", 255)
	for id, want := range map[string]string{
		"a": "a~2", "a~2": "a~3", "a~9": "a~10", "a~1": "a~1~2", "a~x": "a~x~2", "~2": "~2~2", "a~999999": "a~1000000",
		long: long[:2*253] + "~2", long[:2*253] + "~9": long[:2*252] + "~10",
	} {
		if got := massbatch.NextID(id); got != want || utf8.RuneCountInString(got) > 255 {
			t.Errorf("behind %q comes %q, want %q", id, got, want)
		}
	}
}
