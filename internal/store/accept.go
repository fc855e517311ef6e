package store

import (
	"cmp"
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"flashpay/internal/merchant"
	"flashpay/internal/payout"
	"flashpay/internal/rule"
	"flashpay/internal/store/sqldb"
)

// Engine is what processes operations in this process. Where it has room, Accept commits the intent to submit too, so
// that a payout needs no lease.
type Engine interface {
	// Reserve takes a place for one operation, and says how long its submit may take from now.
	Reserve(projectID int64, provider string) (submitDeadline time.Duration, ok bool)
	// Release gives a reserved place back unused.
	Release(projectID int64, provider string)
	// Start uses a reserved place: the intent is committed.
	Start(w *Work)
	// Wake says that there is something due in the database.
	Wake()
	// Notify offers a stored notification at once; one that is not taken is found by its lease's end.
	Notify(n *StoredNotification)
}

// Work is an operation to be worked on, with what its provider needs.
type Work struct {
	Payment   payout.Payment
	Operation payout.Operation
	Account   string // in clear
	Request   []byte // the body as received
	Returned  string // where the payment is reversed: the provider's name of the return
	Submit    bool   // the intent was committed just now, by this process: submit it; else inquire
}

// acceptItem is a NewPayout in the writer.
type acceptItem struct {
	*NewPayout
	key         string
	content     [32]byte // keyed digest of ContentHash: the plain one could be guessed from the other members
	nonce       string
	sealed      []byte
	options     string
	accountKey  int64
	emailKey    any // int64, or nil where the request has none
	phoneKey    any
	ipKey       any
	providerKey string
	intent      time.Duration // above zero: commit the intent; the submit may take this long

	id        int64 // payment's and first operation's; given once, kept when the commit runs again
	counted   int64 // the row of what its sender sends alone; 0: there is none
	leader    *acceptItem
	inserted  bool
	code      int
	line      Line
	payment   payout.Payment
	operation payout.Operation
	receipt   Receipt
}

// Accept makes a payment of a checked request, durable when it returns: payment, operation, consistency check, hold of
// funds and journal in one commit. The same content again gives the first receipt, other content ErrOtherData.
// ErrNeedsSecond where its Actor is a user who may not send it alone, ErrNoRoom and ErrQueueFull: nothing was stored.
// ErrUnavailable: it is not known; the same request may be sent again.
func (s *Store) Accept(ctx context.Context, p *NewPayout) (Receipt, error) {
	if err := s.roomForMore(); err != nil {
		return Receipt{}, err
	}
	item, err := s.newAcceptItem(p)
	if err != nil {
		return Receipt{}, err
	}
	if s.engine != nil && p.Provider != "" && !s.waits(p.ProjectID) {
		if d, ok := s.engine.Reserve(p.ProjectID, p.Provider); ok {
			item.intent = d
		}
	}
	for {
		if err = s.do(ctx, &command{accept: item}); !errors.Is(err, errAskAgain) {
			break
		}
	}
	started := err == nil && item.inserted && item.code == payout.CodeSuccess
	switch {
	case started && item.operation.Stage == intent.To.Stage:
		s.engine.Start(&Work{Payment: item.payment, Operation: item.operation, Account: p.Account, Request: p.Request, Submit: true})
	case item.intent > 0:
		s.engine.Release(p.ProjectID, p.Provider)
	case started && s.engine != nil:
		s.engine.Wake()
	}
	return item.receipt, err
}

// waits tells whether a project's payouts are accepted and not handed to anybody.
func (s *Store) waits(projectID int64) bool {
	p, ok := s.Project(projectID)
	return ok && p.Paused
}

// newAcceptItem does in the caller's goroutine what costs time: sealing and the keyed indexes.
func (s *Store) newAcceptItem(p *NewPayout) (*acceptItem, error) {
	item := &acceptItem{NewPayout: p, key: payout.Fold(p.PaymentID), nonce: newNonce(), content: s.vault.Digest("content", p.ContentHash[:])}
	options, err := json.Marshal(p.Options)
	if err != nil {
		return nil, fmt.Errorf("store: options: %w", err)
	}
	item.options = string(options)
	if item.sealed, err = s.vault.Seal(p.Request, RequestPlace(p.ProjectID, item.key)); err != nil {
		return nil, err
	}
	item.accountKey = s.vault.Index("account", p.Account)
	item.emailKey = s.optionalIndex("email", p.Email)
	item.phoneKey = s.optionalIndex("phone", p.Phone)
	item.ipKey = s.optionalIndex("ip", p.IP)
	item.providerKey = s.vault.ProviderKey(p.ProjectID, item.key, 1)
	return item, nil
}

func (s *Store) optionalIndex(field, value string) any {
	if value == "" {
		return nil
	}
	return s.vault.Index(field, value)
}

// RequestPlace binds a sealed request to its payment.
func RequestPlace(projectID int64, key string) string {
	return "request/" + strconv.FormatInt(projectID, 10) + "/" + key
}

func newNonce() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails, says crypto/rand
	return hex.EncodeToString(b[:])
}

// requestID is what a request is known by: a nonce, the payment's id in hexadecimal, and the shard plus one in eight
// digits. Finding the payment of a request id thus needs no index.
func requestID(nonce string, id, shard int64) string {
	return nonce + "-" + strconv.FormatInt(id, 16) + "-" + fmt.Sprintf("%08d", shard+1)
}

// NewRequestID names a request that makes no payment.
func (s *Store) NewRequestID() string {
	return newNonce() + newNonce() + "-" + fmt.Sprintf("%08d", s.shard.Load()+1)
}

var insertPaymentRows = sqldb.NewBulk(
	`INSERT INTO payments (id, project_id, payment_key, payment_id, request_id, content_hash, status, method, method_title, amount,
		currency, description, account_mask, customer_id, interface, options, created_at, updated_at, events, head_seq, head_hash) VALUES `,
	"(%i, %i, %s, %s, %s, %b, %s, %s, %s, %i, %s, %s, %s, %s, %i, %s, %i, %i, %i, %i, %b)",
	" ON CONFLICT (project_id, payment_key) DO NOTHING RETURNING id")

// insertPayments inserts one payment for each new (project, key); what exists already decides the others.
func (t *Tx) insertPayments(ctx context.Context, commands []*command) error {
	t.first = t.leaders(commands)
	leaders := t.first
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
	for _, it := range t.first {
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

// judge makes payment, operation and journal line of an item as they are with these funds available.
func (t *Tx) judge(it *acceptItem, available int64) {
	project, ok := t.settings.projects[it.ProjectID]
	if !ok { // it was there when the request was checked; an empty one declines everything
		project = &merchant.Project{ID: it.ProjectID, Blocked: true}
	}
	verdict := rule.Decide(rule.State{Project: project, LiveProvider: it.Provider != "", Available: available, Rates: t.rates, Now: t.now}, it.Check)
	it.code = verdict.Code
	shard := t.store.shard.Load()
	it.payment = payout.Payment{
		ID: it.id, ProjectID: it.ProjectID, PaymentID: it.PaymentID, PaymentKey: it.key, RequestID: requestID(it.nonce, it.id, shard),
		ContentHash: it.content, Status: payout.Processing, Method: it.Method, MethodTitle: it.MethodTitle, Amount: it.Amount,
		Currency: it.Currency, Description: it.Description, AccountMask: it.AccountMask, CustomerID: it.CustomerID,
		Interface: it.Interface, Options: it.Options, CreatedAt: t.now, UpdatedAt: t.now,
	}
	it.operation = payout.Operation{
		ID: it.id, ProjectID: it.ProjectID, Payment: it.id, Number: 1, Stage: payout.New, Status: payout.Processing,
		Provider: it.Provider, ProviderID: it.ProviderID, Key: it.providerKey, Amount: verdict.Amount, Currency: verdict.Currency, Terms: verdict.Terms, Code: payout.CodeAwaiting,
		CreatedAt: t.now, UpdatedAt: t.now, ThresholdAt: threshold(t.now, it.Threshold, it.Options.BestBefore), NextAt: t.now, Version: 1,
	}
	kind := "accepted"
	switch {
	case it.code != payout.CodeSuccess:
		kind = "declined"
		it.payment.Status, it.payment.Events = payout.Decline, 1
		it.operation.Stage, it.operation.Status, it.operation.Code, it.operation.NextAt = payout.Closed, payout.Decline, it.code, time.Time{}
	case it.intent > 0 && !project.Paused: // it may have been paused since the place was taken
		it.operation.Stage, it.operation.Submits = intent.To.Stage, 1
		it.operation.SubmitDeadline = t.now.Add(it.intent)
		it.operation.NextAt = it.operation.SubmitDeadline.Add(leaseMargin)
	}
	detail := Detail{}.Text("request_id", it.payment.RequestID).Int("amount", it.Amount).Text("currency", it.Currency).
		Int("account_key", it.accountKey).Text("content", hex.EncodeToString(it.content[:])).Text("provider", it.Provider).
		Int("code", int64(it.code)).Text("remark", it.Options.AccountRemark).JSON("terms", it.operation.Terms.String())
	it.line = Line{ProjectID: it.ProjectID, Payment: it.id, Seq: 1, At: t.now, Kind: kind, Operation: it.id, Detail: detail.String()}
	it.line.Hash = it.line.Chain([32]byte{})
	it.payment.Head = payout.Head{Seq: 1, Hash: it.line.Hash}
}

// intent is the move by which an operation is about to be handed to its provider: by the commit that accepts it, or by
// the lease.
var intent, _ = payout.State{Status: payout.Processing, Stage: payout.New}.On(payout.Intent)

// leaseMargin is how much longer a lease lasts than the call that it covers.
const leaseMargin = 2 * time.Second

func threshold(now time.Time, wait time.Duration, bestBefore time.Time) time.Time {
	at := now.Add(wait)
	if !bestBefore.IsZero() && bestBefore.Before(at) {
		return bestBefore
	}
	return at
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

// decide gives the verdicts that need funds, in the order of arrival, and books what they and the steps move.
func (t *Tx) decide(ctx context.Context, commands []*command) error {
	var poor []*acceptItem
	for _, c := range commands {
		switch {
		case c.accept != nil && c.accept.inserted:
			if err := t.decideAccept(c.accept); err != nil {
				return err
			}
			if c.accept.code == payout.CodeInsufficientFunds {
				poor = append(poor, c.accept)
			}
		case c.step != nil && c.step.won:
			if err := t.bookStep(c.step); err != nil {
				return err
			}
		}
	}
	return t.declinePoor(ctx, poor)
}

func (t *Tx) decideAccept(it *acceptItem) error {
	if it.code == payout.CodeSuccess {
		_, _, currency := it.operation.Cost()
		if available := t.available(it.ProjectID, currency); it.operation.Exceeds(available) {
			t.judge(it, available)
		}
	}
	it.line.ID = t.RowID()
	t.addLine(&it.line)
	t.hearAccept(it)
	if it.code != payout.CodeSuccess {
		t.announce(&it.payment, &it.operation, t.now)
		return nil
	}
	return t.postAll(costOf(&it.operation).Hold())
}

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
