package massbatch

import (
	"context"

	"flashpay/internal/store"
	"flashpay/internal/store/batches"
)

// What rows count as that made no payment, beside the statuses of payments.
const (
	NotSent    = "not sent"
	WithFaults = "with faults"
	Refused    = "refused"
)

// RowWords lists them, and what a row counts as that was paid before.
func RowWords() []string {
	return []string{NotSent, WithFaults, Refused, string(batches.PaidAlready)}
}

// Status is a batch with its counters.
type Status struct {
	*batches.Batch
	PaidAlready int64            // rows
	ByStatus    map[string]int64 // the other rows: by the status of their payments, or NotSent, WithFaults, Refused
	Totals      []batches.Total
}

// ReadStatus reads a batch with its counters, which stand a moment behind its payments. Rows on their way between «not sent» and
// their payment's status count as not sent.
func ReadStatus(ctx context.Context, s *store.Store, id int64) (*Status, error) {
	b, err := batches.Get(ctx, s, id)
	if err != nil {
		return nil, err
	}
	return StatusOf(ctx, s, b)
}

// StatusOf reads the counters of a batch that was read.
func StatusOf(ctx context.Context, s *store.Store, b *batches.Batch) (*Status, error) {
	totals, err := batches.Totals(ctx, s, b.ID)
	if err != nil {
		return nil, err
	}
	status := &Status{Batch: b, ByStatus: map[string]int64{WithFaults: b.Bad}, Totals: totals}
	left := b.Good
	for _, c := range totals {
		switch batches.RowState(c.Status) {
		case batches.Good, batches.Bad:
			continue
		case batches.PaidAlready:
			status.PaidAlready += c.Rows
		default:
			status.ByStatus[c.Status] += c.Rows
		}
		left -= c.Rows
	}
	status.ByStatus[NotSent] = max(0, left)
	for name, n := range status.ByStatus {
		if n == 0 {
			delete(status.ByStatus, name)
		}
	}
	return status, nil
}

// Status is ReadStatus of the service's store.
func (s *Service) Status(ctx context.Context, id int64) (*Status, error) {
	return ReadStatus(ctx, s.Store, id)
}
