package process_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"flashpay/internal/merchant"
	"flashpay/internal/payout"
	"flashpay/internal/process"
	"flashpay/internal/provider"
	"flashpay/internal/store"
	"flashpay/internal/storetest"
)

// noText is what PostgreSQL takes for no text: NUL, bytes that are no UTF-8, and half a character at the end.
const noText = "a\x00b\xff\xfe\xd0"

// reader is a bank whose notifications say what the test wants.
type reader struct {
	*scripted
	read func(n provider.Notification) ([]provider.Report, error)
}

func (r *reader) ReadNotification(_ context.Context, n provider.Notification) ([]provider.Report, error) {
	return r.read(n)
}

// A notification is stored as it came and read back by the engine as it was stored, once: whatever bytes it has, and whatever the
// adapter makes of them, the database takes what follows, and the notification is not read again without end.
func TestNoTextOfANotificationIsReadWithoutEnd(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		t.Parallel()
		s := storetest.OpenAs(t, store.Config{URL: url, Keyset: storetest.Keyset(), Serve: true})
		if err := s.CreateProject(t.Context(), &merchant.Project{ID: 210, Name: "shop", Mode: merchant.Test}, "secret", map[string]int64{"KGS": 10_000}, "test"); err != nil {
			t.Fatal(err)
		}
		var mu sync.Mutex
		said := func() ([]provider.Report, error) { return nil, errors.New(noText) }
		bank := &reader{scripted: newScripted()}
		bank.read = func(n provider.Notification) ([]provider.Report, error) {
			if string(n.Body) != noText || n.Header["Bank-Signature"] != noText {
				t.Errorf("read back as %q, %q", n.Body, n.Header)
			}
			mu.Lock()
			defer mu.Unlock()
			return said()
		}
		engine := process.New(process.Config{Store: s, Providers: []provider.Provider{bank}, Times: process.DefaultTimes()})
		s.SetEngine(engine)
		ctx, cancel := context.WithCancel(context.Background())
		var done sync.WaitGroup
		done.Go(func() { _ = engine.Run(ctx) })
		t.Cleanup(func() { cancel(); done.Wait() })
		r := &road{t: t, store: s}
		told := func(reports ...provider.Report) {
			t.Helper()
			mu.Lock()
			if len(reports) > 0 {
				said = func() ([]provider.Report, error) { return reports, nil }
			}
			mu.Unlock()
			n := provider.Notification{Header: map[string]string{"Bank-Signature": noText}, Body: []byte(noText)}
			if err := s.SaveNotification(t.Context(), "scripted", n); err != nil {
				t.Fatal(err)
			}
			awaitNone(t, s)
		}
		told() // refused, in words of that kind
		told(provider.Report{Key: noText, Outcome: answer(provider.Succeeded)})
		strange := provider.Outcome{Message: noText, PaymentID: noText, AuthCode: noText, ReturnID: noText}
		for id, kind := range map[string]provider.Kind{
			"accepted": provider.Accepted, "unknown": provider.Unknown, "not sent": provider.NotSent, "declined": provider.Declined, "succeeded": provider.Succeeded,
			"returned": provider.Returned, "of another sum": provider.Succeeded,
		} {
			r.accept(id)
			o := strange
			if o.Kind = kind; id == "of another sum" {
				o.Amount, o.Currency, o.Account = 1, noText, noText
			}
			key := s.ProviderKey(store.PaymentRef{ProjectID: 210, PaymentID: id})
			told(provider.Report{Key: key, Outcome: o})
			told(provider.Report{Key: key, Outcome: o}, provider.Report{Key: noText + id, Outcome: o})
		}
		for id, want := range map[string]payout.Status{"succeeded": payout.Success, "returned": payout.Reversed, "of another sum": payout.Processing} {
			v, err := s.PaymentView(t.Context(), 210, id)
			if err != nil || v.Payment.Status != want {
				t.Errorf("%s: %+v, %v; want %s", id, v, err, want)
			}
		}
		if refused, err := s.RefusedNotifications(t.Context(), 10); err != nil || len(refused) != 1 {
			t.Errorf("%d notifications were refused, %v; want the first", len(refused), err)
		}
	})
}

// awaitNone waits until no notification is left that nobody has read.
func awaitNone(t *testing.T, s *store.Store) {
	t.Helper()
	for {
		n, err := s.WaitingNotifications(t.Context(), 10)
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}
