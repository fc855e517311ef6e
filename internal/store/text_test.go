package store_test

import (
	"errors"
	"testing"
	"time"

	"flashpay/internal/payout"
	"flashpay/internal/provider"
	"flashpay/internal/store"
	"flashpay/internal/store/people"
	"flashpay/internal/storetest"
)

// No text makes a statement fail, in what is looked for or in what is stored: a page that failed, or a report that is tried
// again without end, would be the work of whoever sent it.
func TestNoTextMakesAStatementFail(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{"NUL": "a\x00b", "no UTF-8": "a\xff\xfeb", "half a character": "\xd0", "all NUL": "\x00\x00", "both": "\x00\xc3\x28"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			storetest.Each(t, func(t *testing.T, url string) { storesText(t, open(t, url), text) })
		})
	}
}

func storesText(t *testing.T, s *store.Store, text string) {
	createProject(t, s, 210, 1000)
	for what, look := range map[string]func() error{
		"a payment":           func() error { _, err := s.PaymentView(t.Context(), 210, text); return err },
		"a payment's request": func() error { _, err := s.PaymentViewByRequest(t.Context(), 210, text); return err },
		"a refused request":   func() error { _, err := s.RejectionByRequest(t.Context(), 210, text); return err },
		"a user":              func() error { _, err := people.New(s).UserByEmail(t.Context(), text); return err },
		"an operation by key": func() error { _, err := s.WorkByKey(t.Context(), text); return err },
		"a page of the register": func() error {
			_, err := s.Register(t.Context(), store.RegisterFilter{Projects: []int64{210}, Search: text, Methods: []string{text}, Currencies: []string{text}}, store.RegisterPage{Limit: 10})
			return err
		},
	} {
		if err := look(); err != nil && !errors.Is(err, store.ErrNotFound) {
			t.Errorf("looking for %s: %v", what, err)
		}
	}
	if _, err := s.Accept(t.Context(), newPayout(210, "p", 100)); err != nil {
		t.Fatal(err)
	}
	v, err := s.PaymentView(t.Context(), 210, "p")
	if err != nil {
		t.Fatal(err)
	}
	n := provider.Notification{Header: map[string]string{"Bank-Signature": text}, Body: []byte(text)}
	for what, put := range map[string]func() error{
		"a notification":         func() error { return s.SaveNotification(t.Context(), "sandbox", n) },
		"a refused notification": func() error { return s.FinishNotification(t.Context(), 1, text) },
		"a postponed one":        func() error { return s.PostponeNotification(t.Context(), 1, text, time.Now()) },
		"a key of nobody":        func() error { return s.OpenUnknownKey(t.Context(), "sandbox", text, store.Detail{}.Text("key", text)) },
		"a refusal": func() error {
			return s.SaveRejection(t.Context(), store.Rejection{RequestID: text, ProjectID: 210, Body: []byte(text), At: time.Now()})
		},
		"a step": func() error {
			_, err := s.Apply(t.Context(), store.Step{
				Payment: v.Payment, Operation: v.Operations[0], Event: payout.Succeeded, Kind: "succeeded",
				ProviderPaymentID: text, AuthCode: text, Detail: store.Detail{}.Text("message", text),
			})
			return err
		},
	} {
		if err := put(); err != nil {
			t.Errorf("storing %s: %v", what, err)
		}
	}
}
