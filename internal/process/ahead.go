package process

import (
	"context"
	"strconv"
	"strings"
	"time"

	"flashpay/internal/provider"
	"flashpay/internal/store"
)

// lookedAt is how many of a bank's newest transfers are compared with the database.
const lookedAt = 10_000

// namedAhead is how many of the payouts that the bank has and the database lacks are named.
const namedAhead = 5

// BankAhead says by how much a bank is ahead of the database: which of its newest transfers are ours and unknown here, because
// the database was restored from an older backup. Transfers that others submitted to the same bank do not count.
type BankAhead struct {
	Missing  int       // payouts that are not in the database
	Unsent   int       // payouts that are, and were never submitted, by what it says
	Oldest   time.Time // when the bank took the first of them
	Newest   time.Time
	Payouts  []string // the first of them, as project and payment id
	LookedAt int
	Partial  bool // the bank has, or may have, older transfers that were not looked at
}

// Any reports whether the bank is ahead.
func (a *BankAhead) Any() bool { return a.Missing+a.Unsent > 0 }

// FindBankAhead compares a bank's 10,000 newest transfers with the database. An operation is committed before it is submitted, so
// the database has every transfer of ours that the bank had when it was asked, unless it was restored.
func FindBankAhead(ctx context.Context, s *store.Store, bank provider.Books) (*BankAhead, error) {
	booked, err := bank.Newest(ctx, lookedAt)
	if err != nil {
		return nil, err
	}
	a := &BankAhead{LookedAt: len(booked), Partial: len(booked) == lookedAt}
	var refs []store.PaymentRef
	var ours []provider.Booked
	for _, b := range booked {
		if ref, ok := paymentRef(b.Reference); ok && s.ProviderKey(ref) == b.Key {
			refs, ours = append(refs, ref), append(ours, b)
		}
	}
	submitted, err := s.SubmittedPayments(ctx, refs)
	if err != nil {
		return nil, err
	}
	for _, b := range ours {
		if is, known := submitted[b.Key]; known && is {
			continue
		} else if known {
			a.Unsent++
		} else {
			a.Missing++
		}
		if a.Oldest = b.At; a.Newest.IsZero() {
			a.Newest = b.At
		}
		if len(a.Payouts) < namedAhead {
			a.Payouts = append(a.Payouts, b.Reference)
		}
	}
	return a, nil
}

// paymentRef reads a transfer's reference.
func paymentRef(reference string) (store.PaymentRef, bool) {
	number, paymentID, ok := strings.Cut(reference, "/")
	project, err := strconv.ParseInt(number, 10, 64)
	return store.PaymentRef{ProjectID: project, PaymentID: paymentID}, ok && err == nil
}
