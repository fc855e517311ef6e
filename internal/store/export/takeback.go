package export

import (
	"context"
	"database/sql"
	"maps"
	"slices"

	"flashpay/internal/payout"
	"flashpay/internal/record"
	"flashpay/internal/store/sqldb"
)

// past is what the journal and the events say of a payment up to the watermark.
type past struct {
	made       bool           // it was there
	at         map[int64]bool // times of its lines: of them are its events
	operations map[int64]bool // that a line is of
	events     []pastEvent    // in their order
}

type pastEvent struct {
	operation         int64
	paymentStatus     payout.Status
	operationStatus   payout.Status
	code              int
	provider          int64 // 0: it was never handed to one
	providerPaymentID string
	authCode          string
	at                int64
}

// takeBack makes of rows as they are what they were at the watermark. Most were settled long before it, and are that.
func (x *Export) takeBack(ctx context.Context, rows []record.Operation) ([]record.Operation, error) {
	pasts := make(map[int64]*past)
	for i := range rows {
		if x.mark.mayHaveChanged(&rows[i]) {
			pasts[rows[i].Payment] = &past{at: make(map[int64]bool), operations: make(map[int64]bool)}
		}
	}
	if len(pasts) == 0 {
		return rows, nil
	}
	if err := x.readPasts(ctx, pasts); err != nil {
		return nil, err
	}
	kept := rows[:0]
	for _, o := range rows {
		p := pasts[o.Payment]
		if p == nil || p.takeBack(&o) {
			kept = append(kept, o)
		}
	}
	return kept, nil
}

// mayHaveChanged tells whether the row was made or changed so late that it may be another than at the watermark.
func (m *Watermark) mayHaveChanged(o *record.Operation) bool {
	return m.unsettled(o.PaymentCreatedAt) || m.unsettled(o.PaymentUpdatedAt) || m.unsettled(o.CreatedAt) || m.unsettled(o.UpdatedAt)
}

// takeBack makes of an operation what it was. false: it was not there.
func (p *past) takeBack(o *record.Operation) bool {
	if !p.made || o.Number > 1 && !p.operations[o.ID] && !p.told(o.ID) {
		return false
	}
	o.PaymentStatus, o.PaymentUpdatedAt = payout.Processing, o.PaymentCreatedAt
	o.Status, o.UpdatedAt, o.Code = payout.Processing, o.CreatedAt, payout.CodeAwaiting
	o.Reached, o.ProviderPaymentID, o.AuthCode = false, "", ""
	for _, e := range p.events {
		if !p.at[e.at] {
			continue
		}
		if e.paymentStatus != o.PaymentStatus {
			o.PaymentStatus, o.PaymentUpdatedAt = e.paymentStatus, sqldb.FromMicros(e.at)
		}
		if e.operation == o.ID {
			o.Status, o.UpdatedAt, o.Code = e.operationStatus, sqldb.FromMicros(e.at), e.code
			o.Reached, o.ProviderPaymentID, o.AuthCode = e.provider != 0, e.providerPaymentID, e.authCode
		}
	}
	return true
}

// told tells whether an operation without lines of its own, which is a reversal, was there.
func (p *past) told(operation int64) bool {
	return slices.ContainsFunc(p.events, func(e pastEvent) bool { return e.operation == operation && p.at[e.at] })
}

// readPasts reads lines and events of payments.
func (x *Export) readPasts(ctx context.Context, pasts map[int64]*past) error {
	db := x.store.DB()
	for ids := range slices.Chunk(slices.Sorted(maps.Keys(pasts)), 256) {
		q := &sqldb.Statement{}
		q.Text("SELECT payment, id, at, operation FROM journal WHERE ").In("payment", sqldb.IntArgs(ids))
		err := db.List(ctx, q.String(), func(r *sql.Rows) error {
			var payment, id, at, operation int64
			err := r.Scan(&payment, &id, &at, &operation)
			if p := pasts[payment]; p != nil && x.mark.hadLine(id) {
				p.made, p.at[at], p.operations[operation] = true, true, true
			}
			return err
		}, q.Args...)
		if err != nil {
			return err
		}
		q = &sqldb.Statement{}
		q.Text(`SELECT payment, operation, payment_status, operation_status, code, provider_id, provider_payment_id, auth_code, at FROM events WHERE `)
		q.In("payment", sqldb.IntArgs(ids)).Text(" ORDER BY payment, number")
		err = db.List(ctx, q.String(), func(r *sql.Rows) error {
			var payment int64
			var e pastEvent
			err := r.Scan(&payment, &e.operation, (*string)(&e.paymentStatus), (*string)(&e.operationStatus), &e.code, &e.provider, &e.providerPaymentID, &e.authCode, &e.at)
			if p := pasts[payment]; p != nil {
				p.events = append(p.events, e)
			}
			return err
		}, q.Args...)
		if err != nil {
			return err
		}
	}
	return nil
}
