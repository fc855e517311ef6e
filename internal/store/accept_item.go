package store

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"flashpay/internal/payout"
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
	listed      []int64       // the directory's keys, where this process follows the journal
	intent      time.Duration // above zero: commit the intent; the submit may take this long

	id        int64 // payment's and first operation's; given once, kept when the commit runs again
	counted   int64 // the row of what its sender sends alone; 0: there is none
	leader    *acceptItem
	inserted  bool
	code      int
	line      JournalLine
	payment   payout.Payment
	operation payout.Operation
	receipt   Receipt
}

// Accept makes a payment of a checked request, durable when it returns: payment, operation, consistency check, hold of
// funds and journal in one commit. The same content again gives the first receipt, other content ErrOtherData.
// ErrNeedsSecond where its Actor is a user who may not send it alone, ErrDiskFull and ErrQueueFull: nothing was stored.
// ErrUnavailable: it is not known; the same request may be sent again.
func (s *Store) Accept(ctx context.Context, p *NewPayout) (Receipt, error) {
	item, err := s.prepareAccept(p)
	if err == nil {
		err = s.acceptOne(ctx, item)
	}
	return s.accepted(item, err)
}

// AcceptAll is Accept for several payouts, which wait together and in their order, behind those that come one by one
// (InBackground). It returns a receipt and an error for each.
func (s *Store) AcceptAll(ctx context.Context, payouts []*NewPayout) ([]Receipt, []error) {
	items, commands := make([]*acceptItem, len(payouts)), make([]*command, 0, len(payouts))
	receipts, errs := make([]Receipt, len(payouts)), make([]error, len(payouts))
	now := time.Now()
	for i, p := range payouts {
		if items[i], errs[i] = s.prepareAccept(p); errs[i] == nil {
			commands = append(commands, &command{accept: items[i], since: now})
		}
	}
	committed := s.batcher.DoAllBackground(ctx, commands)
	for i := range payouts {
		if errs[i] == nil {
			errs[i], committed = outcome(ctx, committed[0]), committed[1:]
			if errors.Is(errs[i], errAskAgain) {
				errs[i] = s.acceptOne(InBackground(ctx), items[i])
			}
		}
		receipts[i], errs[i] = s.accepted(items[i], errs[i])
	}
	return receipts, errs
}

// prepareAccept does what Accept does before the commit. Without an error, accepted must follow.
func (s *Store) prepareAccept(p *NewPayout) (*acceptItem, error) {
	if err := s.roomForMore(); err != nil {
		return nil, err
	}
	item, err := s.newAcceptItem(p)
	if err != nil {
		return nil, err
	}
	if s.engine != nil && p.Provider != "" && !s.waits(p.ProjectID) {
		if d, ok := s.engine.Reserve(p.ProjectID, p.Provider); ok {
			item.intent = d
		}
	}
	return item, nil
}

// acceptOne commits an item.
func (s *Store) acceptOne(ctx context.Context, item *acceptItem) (err error) {
	for {
		if err = s.do(ctx, &command{accept: item}); !errors.Is(err, errAskAgain) {
			return err
		}
	}
}

// accepted does what follows the commit of an item: the engine gets it, or its place back.
func (s *Store) accepted(item *acceptItem, err error) (Receipt, error) {
	if item == nil {
		return Receipt{}, err
	}
	p := item.NewPayout
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
	if s.follows {
		item.listed = s.listedOf(p, item.key)
	}
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
