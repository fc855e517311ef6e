package massbatch_test

import (
	"context"
	"testing"

	"flashpay/internal/store"
	"flashpay/internal/store/batches"
	"flashpay/internal/storetest"
)

// TestTheAuditSeesWhatIsWrongWithABatch damages a batch that is done, in one way after the other, and mends it again.
func TestTheAuditSeesWhatIsWrongWithABatch(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := setup(t, url)
		stop := run(t, s)
		first := take(t, s, 210, file(row(210, "a", 1)))
		send(t, s, first.ID, false)
		await(t, s, first.ID, batches.Done)
		b := take(t, s, 210, file(row(210, "a", 1), row(210, "b", 1), row(210, "c", 2), row(210, "d", 0)))
		send(t, s, b.ID, true)
		await(t, s, b.ID, batches.Done)
		stop()
		counts(t, s, b.ID)
		exec := func(text string) {
			t.Helper()
			if err := s.Store.Do(t.Context(), "", func(ctx context.Context, tx *store.Tx) error {
				n, err := tx.Exec(ctx, text)
				if err == nil && n == 0 {
					t.Errorf("%s: nothing changed", text)
				}
				return err
			}); err != nil {
				t.Fatalf("%s: %v", text, err)
			}
		}
		faults := func() (all []string) {
			t.Helper()
			if _, err := batches.Audit(t.Context(), s.Store, func(_ *batches.Batch, what string) { all = append(all, what) }); err != nil {
				t.Fatal(err)
			}
			return all
		}
		const made = "state = 'made' AND line = 3"
		for _, d := range []struct{ what, damage, mend string }{
			{"a payment is another's", "payment = payment + 1000 WHERE " + made, "payment = payment - 1000 WHERE " + made},
			{"the sum is another", "amount = amount + 1 WHERE " + made, "amount = amount - 1 WHERE " + made},
			{"the currency is another", "currency = 'USD' WHERE " + made, "currency = 'KGS' WHERE " + made},
			{"the project is another", "project_id = 211 WHERE " + made, "project_id = 210 WHERE " + made},
			{"a row is to be paid again", "state = 'good' WHERE " + made, "state = 'made' WHERE state = 'good' AND line = 3"},
			{"a row says it was refused", "state = 'refused' WHERE " + made, "state = 'made' WHERE state = 'refused' AND line = 3"},
			{"a row says it made a payment", "state = 'made' WHERE state = 'paid already'", "state = 'paid already' WHERE state = 'made' AND payment IS NULL"},
			{"a bad row says it is good", "state = 'good' WHERE state = 'bad'", "state = 'bad' WHERE state = 'good'"},
			{"a row is lost", "batch = batch + 1000 WHERE state = 'paid already'", "batch = batch - 1000 WHERE state = 'paid already'"},
		} {
			exec("UPDATE batch_rows SET " + d.damage)
			if len(faults()) == 0 {
				t.Errorf("%s, and the audit does not see it", d.what)
			}
			exec("UPDATE batch_rows SET " + d.mend)
		}
		for _, status := range []string{"bad", "paid already", "processing"} {
			for _, column := range []string{"row_count", "amount"} {
				change := func(by string) {
					exec("UPDATE batch_counts SET " + column + " = " + column + by + " WHERE status = '" + status + "' AND project_id = 210")
				}
				change(" + 1")
				if len(faults()) == 0 {
					t.Errorf("the counter of rows %s has another %s, and the audit does not see it", status, column)
				}
				change(" - 1")
			}
		}
		for _, d := range []struct{ damage, mend string }{
			{"row_count = row_count + 1", "row_count = row_count - 1"},
			{"good = good + 1", "good = good - 1"},
			{"bad = bad + 1", "bad = bad - 1"},
			{"state = 'sending' WHERE state = 'done'", "state = 'done' WHERE state = 'sending'"},
		} {
			exec("UPDATE batches SET " + d.damage)
			if len(faults()) == 0 {
				t.Errorf("batches say %s, and the audit does not see it", d.damage)
			}
			exec("UPDATE batches SET " + d.mend)
		}
		if all := faults(); len(all) > 0 {
			t.Errorf("mended, and the audit says %q", all)
		}
	})
}
