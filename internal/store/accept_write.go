package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"flashpay/internal/payout"
	"flashpay/internal/store/sqldb"
)

var insertPaymentRows = sqldb.NewBulk(
	`INSERT INTO payments (id, project_id, payment_key, payment_id, request_id, content_hash, status, method, method_title, amount,
		currency, description, account_mask, customer_id, interface, options, created_at, updated_at, events, head_seq, head_hash) VALUES `,
	"(%i, %i, %s, %s, %s, %b, %s, %s, %s, %i, %s, %s, %s, %s, %i, %s, %i, %i, %i, %i, %b)",
	" ON CONFLICT (project_id, payment_key) DO NOTHING RETURNING id")

// insertPayments inserts one payment for each new (project, key); what exists already decides the others.
func (t *Tx) insertPayments(ctx context.Context, commands []*command) error {
	t.newPayments = t.leaders(commands)
	leaders := t.newPayments
	args := make([]any, 0, len(leaders)*insertPaymentRows.Columns)
	byID := make(map[int64]*acceptItem, len(leaders))
	for _, it := range leaders {
		t.judge(it, math.MaxInt64)
		byID[it.id] = it
		p := &it.payment
		args = append(args, p.ID, p.ProjectID, p.PaymentKey, p.PaymentID, p.RequestID, it.content[:], string(p.Status), p.Method,
			p.MethodTitle, p.Amount, p.Currency, p.Description, p.AccountMask, p.CustomerID, int64(p.Interface), it.options,
			p.CreatedAt.UnixMicro(), p.UpdatedAt.UnixMicro(), int64(p.Events), p.Head.Seq, p.Head.Hash[:])
	}
	return insertPaymentRows.Later(ctx, t.conn, args, func(r sqldb.Row) error {
		var id int64
		if err := r.Scan(&id); err != nil {
			return err
		}
		byID[id].inserted = true
		return nil
	})
}

// resolveDuplicates answers the items whose payments exist.
func (t *Tx) resolveDuplicates(ctx context.Context, commands []*command) error {
	if err := t.conn.Flush(ctx); err != nil {
		return err
	}
	for _, it := range t.newPayments {
		if !it.inserted {
			if err := t.meetExisting(ctx, it); err != nil && !errors.Is(err, ErrOtherData) {
				return err
			}
		}
	}
	return t.answerRepeats(commands)
}

// leaders gives each accept item its ids and returns the first of each (project, key), in the order of the keys.
func (t *Tx) leaders(commands []*command) []*acceptItem {
	type key struct {
		project int64
		payment string
	}
	first := make(map[key]*acceptItem)
	var leaders []*acceptItem
	for _, c := range commands {
		it := c.accept
		if it == nil {
			continue
		}
		it.leader, it.inserted, it.receipt = nil, false, Receipt{}
		if c.err != nil { // its sender needs a second person
			continue
		}
		k := key{it.ProjectID, it.key}
		if it.leader = first[k]; it.leader != nil {
			continue
		}
		first[k] = it
		if it.id == 0 {
			it.id = t.store.numbers.take()
		}
		leaders = append(leaders, it)
	}
	slices.SortFunc(leaders, func(a, b *acceptItem) int {
		return cmp.Or(cmp.Compare(a.ProjectID, b.ProjectID), strings.Compare(a.key, b.key))
	})
	return leaders
}

// meetExisting compares an item with the payment that has its key already.
func (t *Tx) meetExisting(ctx context.Context, it *acceptItem) error {
	found := false
	const find = "SELECT id, payment_id, request_id, content_hash FROM payments WHERE project_id = $1 AND payment_key = $2"
	err := t.Query(ctx, find, func(r *sql.Rows) error {
		var id int64
		var hash []byte
		if err := r.Scan(&id, &it.receipt.PaymentID, &it.receipt.RequestID, &hash); err != nil {
			return err
		}
		found = true
		// Its own id: the commit before, whose outcome was not known, had gone through.
		it.receipt.Repeat = id != it.id
		if string(hash) != string(it.content[:]) {
			it.receipt = Receipt{}
			return ErrOtherData
		}
		return nil
	}, it.ProjectID, it.key)
	if err == nil && !found {
		return fmt.Errorf("store: payment of project %d is neither new nor there", it.ProjectID)
	}
	return err
}

// answerRepeats answers the items of this commit that have no row of their own.
func (t *Tx) answerRepeats(commands []*command) error {
	for _, c := range commands {
		it := c.accept
		if it == nil || c.err != nil {
			continue
		}
		if it.inserted {
			it.receipt = Receipt{RequestID: it.payment.RequestID, PaymentID: it.PaymentID}
			continue
		}
		if it.leader == nil {
			if it.receipt.RequestID == "" {
				c.err = ErrOtherData
			}
			continue
		}
		it.receipt, c.err = it.leader.answerTo(it)
	}
	return nil
}

// answerTo answers an item that came with the same key in the same commit.
func (it *acceptItem) answerTo(other *acceptItem) (Receipt, error) {
	switch {
	case it.inserted && it.content == other.content:
		return Receipt{RequestID: it.payment.RequestID, PaymentID: it.PaymentID, Repeat: true}, nil
	case !it.inserted && it.receipt.RequestID != "" && it.content == other.content:
		return Receipt{RequestID: it.receipt.RequestID, PaymentID: it.receipt.PaymentID, Repeat: true}, nil
	case !it.inserted && it.receipt.RequestID == "" && it.content != other.content:
		// The leader's content is not the stored one; this item's may be, so it asks again as a leader of its own.
		return Receipt{}, errAskAgain
	}
	return Receipt{}, ErrOtherData
}

var errAskAgain = errors.New("store: ask again")

// declinePoor corrects the rows of payments that were inserted before it was known that the funds do not suffice.
func (t *Tx) declinePoor(ctx context.Context, poor []*acceptItem) error {
	var args []any
	for _, it := range poor {
		args = append(args, paymentMove(&it.payment, 1)...)
	}
	return movePayments.Later(ctx, t.conn, args, nil)
}

var insertOperationRows = sqldb.NewBulk(
	`INSERT INTO operations (id, project_id, payment, number, stage, status, provider, provider_id, provider_key, provider_payment_id,
		auth_code, amount, currency, code, submits, inquiries, created_at, updated_at, submit_deadline, threshold_at, next_at, lease, version, terms) VALUES `,
	"(%i, %i, %i, %i, %s, %s, %s, %i, %s, %s, %s, %i, %s, %i, %i, %i, %i, %i, %i, %i, %i, %i, %i, %s)", "")

var insertRequestRows = sqldb.NewBulk(
	"INSERT INTO requests (payment, project_id, sealed, account_key, email_key, phone_key, ip_key) VALUES ",
	"(%i, %i, %b, %i, %i, %i, %i)", "")

// insertOperations writes the first operations and the sealed requests of the payments made in this commit.
func (t *Tx) insertOperations(ctx context.Context, commands []*command) error {
	operations := make([]any, 0, len(commands)*insertOperationRows.Columns)
	requests := make([]any, 0, len(commands)*insertRequestRows.Columns)
	for _, c := range commands {
		it := c.accept
		if it == nil || !it.inserted {
			continue
		}
		o := &it.operation
		var lease any
		if o.Stage == payout.Sending {
			lease = t.store.shard.Load()
		}
		operations = append(operations, operationRow(o, lease)...)
		requests = append(requests, it.id, it.ProjectID, it.sealed, it.accountKey, it.emailKey, it.phoneKey, it.ipKey)
		if it.Actor == "" {
			continue
		}
		detail := Detail{}.Text("payment_id", it.PaymentID).Int("amount", it.Amount).Text("currency", it.Currency).Int("code", int64(it.code))
		if err := t.Audit(ctx, it.Actor, "payout issue", projectObject(it.ProjectID), detail); err != nil {
			return err
		}
	}
	if err := insertOperationRows.Later(ctx, t.conn, operations, nil); err != nil {
		return err
	}
	return insertRequestRows.Later(ctx, t.conn, requests, nil)
}

// optionalText stores a text; an empty one is null.
func optionalText(text string) any {
	if text == "" {
		return nil
	}
	return text
}

// optionalMicros stores a time; the zero time is null.
func optionalMicros(at time.Time) any {
	if at.IsZero() {
		return nil
	}
	return at.UnixMicro()
}
