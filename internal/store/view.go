package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"flashpay/internal/payout"
	"flashpay/internal/store/sqldb"
	"flashpay/signature"
)

const paymentColumns = `p.id, p.project_id, p.payment_key, p.payment_id, p.request_id, p.content_hash, p.status, p.method, p.method_title, p.amount,
	p.currency, p.description, p.account_mask, p.customer_id, p.interface, p.options, p.created_at, p.updated_at, p.events, p.head_seq, p.head_hash`

func scanPayment(scan func(...any) error) (payout.Payment, error) {
	var p payout.Payment
	var content, head []byte
	var options string
	var created, updated int64
	err := scan(&p.ID, &p.ProjectID, &p.PaymentKey, &p.PaymentID, &p.RequestID, &content, (*string)(&p.Status), &p.Method, &p.MethodTitle,
		&p.Amount, &p.Currency, &p.Description, &p.AccountMask, &p.CustomerID, &p.Interface, &options, &created, &updated, &p.Events,
		&p.Head.Seq, &head)
	if err != nil {
		return p, sqldb.NotFound(err)
	}
	copy(p.ContentHash[:], content)
	copy(p.Head.Hash[:], head)
	p.CreatedAt, p.UpdatedAt = sqldb.FromMicros(created), sqldb.FromMicros(updated)
	if err := json.Unmarshal([]byte(options), &p.Options); err != nil {
		return p, fmt.Errorf("store: options of payment %d: %w", p.ID, err)
	}
	return p, nil
}

const OperationColumns = `operations.id, operations.project_id, operations.payment, operations.number, operations.stage, operations.status,
	operations.provider, operations.provider_id, operations.provider_key, operations.provider_payment_id, operations.auth_code, operations.amount,
	operations.currency, operations.code, operations.submits, operations.inquiries, operations.created_at, operations.updated_at,
	operations.submit_deadline, operations.threshold_at, operations.next_at, operations.version, operations.terms`

func ScanOperation(scan func(...any) error) (payout.Operation, error) {
	var o payout.Operation
	var created, updated, deadline, threshold int64
	var next sql.NullInt64
	var terms sql.NullString
	err := scan(&o.ID, &o.ProjectID, &o.Payment, &o.Number, (*string)(&o.Stage), (*string)(&o.Status), &o.Provider, &o.ProviderID, &o.Key,
		&o.ProviderPaymentID, &o.AuthCode, &o.Amount, &o.Currency, &o.Code, &o.Submits, &o.Inquiries, &created, &updated, &deadline,
		&threshold, &next, &o.Version, &terms)
	if err == nil {
		o.Terms, err = payout.ParseTerms(terms.String)
	}
	if err != nil {
		return o, sqldb.NotFound(err)
	}
	o.CreatedAt, o.UpdatedAt, o.SubmitDeadline = sqldb.FromMicros(created), sqldb.FromMicros(updated), sqldb.FromMicros(deadline)
	o.ThresholdAt, o.NextAt = sqldb.FromMicros(threshold), sqldb.FromMicros(next.Int64)
	return o, nil
}

// PaymentView finds a payment of a project by the merchant's payment id, in any case. ErrNotFound where there is none.
func (s *Store) PaymentView(ctx context.Context, projectID int64, paymentID string) (*View, error) {
	const find = "SELECT " + paymentColumns + " FROM payments p WHERE p.project_id = $1 AND p.payment_key = $2"
	return s.view(ctx, sqldb.One(ctx, s.db.Reads, find, projectID, payout.Fold(paymentID)))
}

// PaymentViewByRequest finds the payment that a request made, by the request's id. ErrNotFound where it made none.
func (s *Store) PaymentViewByRequest(ctx context.Context, projectID int64, requestID string) (*View, error) {
	parts := strings.Split(requestID, "-")
	if len(parts) != 3 {
		return nil, ErrNotFound
	}
	id, err := strconv.ParseInt(parts[1], 16, 64)
	if err != nil {
		return nil, ErrNotFound
	}
	v, err := s.viewByID(ctx, projectID, id)
	if err != nil {
		return nil, err
	}
	if v.Payment.RequestID != requestID {
		return nil, ErrNotFound
	}
	return v, nil
}

func (s *Store) viewByID(ctx context.Context, projectID, id int64) (*View, error) {
	const find = "SELECT " + paymentColumns + " FROM payments p WHERE p.project_id = $1 AND p.id = $2"
	return s.view(ctx, sqldb.One(ctx, s.db.Reads, find, projectID, id))
}

func (s *Store) view(ctx context.Context, row *sql.Row) (*View, error) {
	p, err := scanPayment(row.Scan)
	if err != nil {
		return nil, s.db.Unavailable(err)
	}
	v := &View{Payment: p}
	const first = "SELECT " + OperationColumns + " FROM operations WHERE project_id = $1 AND id = $2"
	const later = "SELECT " + OperationColumns + " FROM operations WHERE project_id = $1 AND payment = $2 AND number > 1 ORDER BY number"
	for _, query := range []string{first, later} {
		err := sqldb.Query(ctx, s.db.Reads, query, p.ProjectID, p.ID).Each(func(r *sql.Rows) error {
			o, err := ScanOperation(r.Scan)
			v.Operations = append(v.Operations, o)
			return err
		})
		if err != nil {
			return nil, s.db.Unavailable(fmt.Errorf("store: operations: %w", err))
		}
	}
	return v, nil
}

// KeyBuckets lists the buckets of ids by which operations_key keeps random keys together, newest first.
const KeyBuckets = `WITH RECURSIVE b (bucket) AS (SELECT MAX(id / 4096) FROM operations
	UNION ALL SELECT (SELECT MAX(o.id / 4096) FROM operations o WHERE o.id / 4096 < b.bucket) FROM b WHERE b.bucket IS NOT NULL)`

const workByKey = KeyBuckets + " SELECT " + OperationColumns + ` FROM b CROSS JOIN operations
	WHERE operations.id / 4096 = b.bucket AND operations.provider_key = $1 LIMIT 1`

// WorkByKey loads the operation that carries a key towards its provider. ErrNotFound where the platform never made it.
func (s *Store) WorkByKey(ctx context.Context, key string) (*Work, error) {
	return s.findWork(ctx, workByKey, key)
}

// Reload loads an operation's work again, after somebody else has moved it.
func (s *Store) Reload(ctx context.Context, projectID, operationID int64) (*Work, error) {
	return s.findWork(ctx, "SELECT "+OperationColumns+" FROM operations WHERE project_id = $1 AND id = $2", projectID, operationID)
}

func (s *Store) findWork(ctx context.Context, query string, args ...any) (*Work, error) {
	var found []payout.Operation
	err := s.db.Read(ctx, query, func(r *sql.Rows) error {
		o, err := ScanOperation(r.Scan)
		found = append(found, o)
		return err
	}, args...)
	if err != nil {
		return nil, s.db.Unavailable(err)
	}
	if len(found) == 0 {
		return nil, ErrNotFound
	}
	return s.work(ctx, found[0])
}

// work adds payment and request to an operation.
func (s *Store) work(ctx context.Context, o payout.Operation) (*Work, error) {
	work, err := s.works(ctx, []payout.Operation{o})
	if err != nil {
		return nil, err
	}
	if work[0].Payment.ID == 0 {
		return nil, fmt.Errorf("%w: payment %d", ErrNotFound, o.Payment)
	}
	return work[0], nil
}

// unseal opens the request of a payment that is there already.
func (s *Store) unseal(w *Work, sealed []byte) (err error) {
	if w.Request, err = s.vault.Unseal(sealed, RequestPlace(w.Payment.ProjectID, w.Payment.PaymentKey)); err == nil {
		w.Account, err = accountOf(w.Request)
	}
	return err
}

// accountOf reads the account number out of a request that Gate has checked, with the parser that Gate used: member
// names are compared exactly, so that no other member can take its place.
func accountOf(body []byte) (string, error) {
	tree, err := signature.Parse(body)
	if err != nil {
		return "", fmt.Errorf("store: stored request: %w", err)
	}
	number := tree.Get("account", "number")
	if number == nil || number.Kind != signature.String {
		return "", errors.New("store: stored request: account.number is missing")
	}
	return number.Text, nil
}

// UnsealRequest opens the sealed request of a payment, whose folded id is given.
func (s *Store) UnsealRequest(projectID int64, paymentKey string, sealed []byte) ([]byte, error) {
	return s.vault.Unseal(sealed, RequestPlace(projectID, paymentKey))
}
