package store_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"flashpay/internal/store"
	"flashpay/internal/storetest"
)

// TestDirectoryHearsWhatItWouldRead holds that payments are found under the same keys whether the directory took them in as their
// commits were heard or reads them anew, and that a payment of each form is found by its recipient.
func TestDirectoryHearsWhatItWouldRead(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := openAs(t, store.Config{URL: url, Serve: true, Follow: time.Hour}) // nobody follows by himself
		createProject(t, s, 210, 1_000_000)
		bodies := []string{
			`{"account":{"number":"1","customer_name":"Бекболот Үсөнов"},"customer":{"last_name":"Усонов","first_name":"Бекболот"}}`,
			`{"customer":{"first_name":"Aida","middle_name":" ","last_name":"O'Hara-Bench"}}`,
			`{"account":{"number":7,"customer_name":null},"customer":[]}`, `{`, ``, `[]`,
		}
		accept := func(id, body string) {
			t.Helper()
			p := newPayout(210, id, 100)
			p.CustomerID, p.Request = "Клиент-"+id, []byte(body)
			if _, err := s.Accept(t.Context(), p); err != nil {
				t.Fatal(err)
			}
		}
		accept("first", bodies[0]) // it is read: what was before was not heard
		if err := s.FollowJournal(t.Context()); err != nil {
			t.Fatal(err)
		}
		for i, id := range []string{"a", "abcd", "abcde", "abcd-efgh", "abcd-efgh-ij-klmn-opqr-stuv-wxyz", "жёлтый-ЗАКАЗ-№1234/0001", "----------", "Abcd--Efgh--Ijkl"} {
			for k, body := range bodies {
				accept(fmt.Sprintf("%s%c", id, 'a'+rune(6*i+k)), body)
			}
		}
		reads := s.DirectoryReads()
		if err := s.FollowJournal(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := s.DirectoryReads(); n != reads {
			t.Errorf("%d pieces were read, of payments that were heard", n-reads)
		}
		lookups := func() []int64 {
			t.Helper()
			var all []int64
			for _, column := range []string{"key", "payment"} {
				list, err := s.DB().Numbers(t.Context(), "SELECT "+column+" FROM lookups ORDER BY bucket, key, project_id, payment")
				if err != nil {
					t.Fatal(err)
				}
				all = append(all, list...)
			}
			return all
		}
		heard := lookups()
		if err := s.EmptyDirectory(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := len(lookups()); n >= len(heard) {
			t.Fatal("the directory is not empty")
		}
		if err := s.FollowJournal(t.Context()); err != nil {
			t.Fatal(err)
		}
		if read := lookups(); !slices.Equal(read, heard) {
			t.Errorf("%d values as they were heard, %d as they are read: %v", len(heard), len(read), read)
		}
		// As a crash leaves it that comes behind the keys, before the commit by which their lines count.
		if err := s.ForgetDirectory(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := s.FollowJournal(t.Context()); err != nil {
			t.Fatal(err)
		}
		if again := lookups(); !slices.Equal(again, heard) {
			t.Errorf("%d values as they were heard, %d as they are taken in again: %v", len(heard), len(again), again)
		}
		found := func(when string) {
			t.Helper()
			for text, want := range map[string]int{"БЕКБОЛОТ усонов": 9, "hara": 8, "aida bench": 8, "никто": 0} {
				if got := len(everything(t, s, store.RegisterFilter{Projects: []int64{210}, Search: text})); got != want {
					t.Errorf("%s: %q finds %d payments, want %d", when, text, got, want)
				}
			}
		}
		found("now")
		moveToFormerBuckets(t, s)
		found("in buckets of an older program")
		defer store.SetRegisterBounds(1000, 0)()
		found("by walking through them")
	})
}

// moveToFormerBuckets has lookups as a program wrote them whose buckets were larger.
func moveToFormerBuckets(t *testing.T, s *store.Store) {
	t.Helper()
	err := s.Do(t.Context(), "", func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE lookups SET bucket = payment / 100000")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
