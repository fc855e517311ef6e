package accept

import (
	"time"

	"flashpay/internal/payout"
	"flashpay/internal/store"
	"flashpay/internal/wire"
	"flashpay/signature"
)

// newPayout reads a request that Validate found good.
func (s *Service) newPayout(in *In) *store.NewPayout {
	t, m, p := in.Tree, in.Method, in.Project
	general, customer, payment := t.Get("general"), t.Get("customer"), t.Get("payment")
	number := textAt(t, "account", "number")
	n := &store.NewPayout{
		ProjectID:   p.ID,
		PaymentID:   textAt(general, "payment_id"),
		ContentHash: ContentHash(Endpoint, m.Path, in.Form.Lines()),
		Method:      m.Path,
		MethodTitle: m.Title,
		Amount:      integerAt(payment, "amount"),
		Currency:    textAt(payment, "currency"),
		Account:     number,
		AccountMask: wire.Mask(number),
		CustomerID:  textAt(customer, "id"),
		Description: textAt(payment, "description"),
		Email:       textAt(customer, "email"),
		Phone:       textAt(customer, "phone"),
		IP:          textAt(customer, "ip_address"),
		Options:     options(t),
		Request:     in.Body,
		Parsed:      t,
		Interface:   in.Interface,
		Actor:       in.Actor,
		Batch:       in.Batch,
		Threshold:   threshold(p, m),
	}
	n.Check = item(p, m, n)
	s.checkAccount(p, m, n)
	if s.Route != nil {
		if name, id, ok := s.Route(p, m); ok {
			n.Provider, n.ProviderID = name, id
		}
	}
	return n
}

func options(t *signature.Value) payout.Options {
	general := t.Get("general")
	o := payout.Options{
		CallbackURL:        textAt(general, "merchant_callback_url"),
		SuccessCallbackURL: textAt(general, "merchant_success_callback_url"),
		DeclineCallbackURL: textAt(general, "merchant_decline_callback_url"),
		CallbackDelay:      time.Duration(integerAt(t.Get("callback"), "delay")) * time.Second,
		CallbacksDisabled:  textAt(t, "callback", "force_disable") == "true",
	}
	if best := textAt(t, "payment", "best_before"); best != "" {
		o.BestBefore, _ = instant(best) // the table has refused everything else
	}
	return o
}
