package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"flashpay/internal/payout"
	"flashpay/internal/store/sqldb"
	"flashpay/internal/vault"
)

// registerKeys are the payments that an index names for the filter. false: there is no such index, or it names too many.
func (s *Store) registerKeys(ctx context.Context, f *RegisterFilter) (found []callbackKey, ok bool, err error) {
	if f.Search != "" {
		return s.searchKeys(ctx, f)
	}
	for _, projects := range slices.Collect(slices.Chunk(f.Projects, registerGroup)) {
		q := f.Situation.keys(projects)
		if q == nil {
			return nil, false, nil
		}
		if found, err = s.keys(ctx, q, found); err != nil || len(found) > bounds.found {
			return nil, false, err
		}
	}
	return distinct(found), true, nil
}

// keys adds the payments that a statement names.
func (s *Store) keys(ctx context.Context, q *sqldb.Statement, found []callbackKey) ([]callbackKey, error) {
	err := s.DB().List(ctx, q.String(), func(r *sql.Rows) error {
		var k callbackKey
		err := r.Scan(&k.project, &k.number)
		found = append(found, k)
		return err
	}, q.Args...)
	return found, err
}

func distinct(keys []callbackKey) []callbackKey {
	seen := make(map[callbackKey]bool, len(keys))
	return slices.DeleteFunc(keys, func(k callbackKey) bool {
		twice := seen[k]
		seen[k] = true
		return twice
	})
}

// keys is the statement that names the payments that can be in a situation, one more than may be named at most; the
// situation's condition chooses among them. nil: there is no index of them.
func (s Situation) keys(projects []int64) *sqldb.Statement {
	q := &sqldb.Statement{}
	switch s {
	case SituationOpen, SituationAtRisk, SituationDisputed:
		q.Text("SELECT project_id, payment FROM operations WHERE ").In("project_id", sqldb.IntArgs(projects)).Text(" AND next_at IS NOT NULL")
	}
	switch s {
	case SituationDisputed:
		q.Text(" UNION ALL ")
		fallthrough
	case SituationDiscrepancy:
		q.Text("SELECT project_id, payment FROM discrepancies WHERE ").In("project_id", sqldb.IntArgs(projects)).Text(" AND settled_at IS NULL AND payment <> 0")
	case SituationOpen, SituationAtRisk:
	default:
		return nil
	}
	return q.Text(fmt.Sprintf(" LIMIT %d", bounds.found+1))
}

// searchKeys are the payments that the search finds, by each of the attributes that can be searched for.
func (s *Store) searchKeys(ctx context.Context, f *RegisterFilter) (found []callbackKey, ok bool, err error) {
	text := strings.TrimSpace(f.Search)
	for _, find := range []func(context.Context, *RegisterFilter, string) ([]callbackKey, error){
		s.findPaymentID, s.findOperation, s.findCustomer, s.findProviderPayment, s.findAccount,
	} {
		more, err := find(ctx, f, text)
		if err != nil {
			return nil, false, err
		}
		found = append(found, more...)
		if len(found) > bounds.found {
			return nil, false, nil
		}
	}
	return distinct(found), true, nil
}

// each runs a statement for each group of projects.
func (f *RegisterFilter) each(ctx context.Context, s *Store, statement func(projects []int64) *sqldb.Statement) (found []callbackKey, err error) {
	for projects := range slices.Chunk(f.Projects, registerGroup) {
		if found, err = s.keys(ctx, statement(projects), found); err != nil {
			return nil, err
		}
	}
	return found, nil
}

func byPaymentID(projects []int64, key string) *sqldb.Statement {
	q := &sqldb.Statement{}
	return q.Text("SELECT project_id, id FROM payments WHERE ").In("project_id", sqldb.IntArgs(projects)).Text(" AND payment_key = ").Arg(key)
}

func (s *Store) findPaymentID(ctx context.Context, f *RegisterFilter, text string) ([]callbackKey, error) {
	return f.each(ctx, s, func(projects []int64) *sqldb.Statement { return byPaymentID(projects, payout.Fold(text)) })
}

func byOperation(projects []int64, id int64) *sqldb.Statement {
	q := &sqldb.Statement{}
	return q.Text("SELECT project_id, payment FROM operations WHERE ").In("project_id", sqldb.IntArgs(projects)).Text(" AND id = ").Arg(id)
}

func (s *Store) findOperation(ctx context.Context, f *RegisterFilter, text string) ([]callbackKey, error) {
	if id, err := strconv.ParseInt(text, 10, 64); err == nil {
		return f.each(ctx, s, func(projects []int64) *sqldb.Statement { return byOperation(projects, id) })
	}
	return nil, nil // no operation's id
}

// byLookup names the payments of a key, newest bucket first, one more than may be named at most.
func byLookup(projects []int64, key int64) *sqldb.Statement {
	q := &sqldb.Statement{}
	q.Text(`WITH RECURSIVE b (bucket) AS (SELECT MAX(bucket) FROM lookups
		UNION ALL SELECT (SELECT MAX(l.bucket) FROM lookups l WHERE l.bucket < b.bucket) FROM b WHERE b.bucket IS NOT NULL)
		SELECT l.project_id, l.payment FROM b JOIN lookups l ON l.bucket = b.bucket WHERE l.key = `).Arg(key)
	return q.Text(" AND ").In("l.project_id", sqldb.IntArgs(projects)).Text(fmt.Sprintf(" LIMIT %d", bounds.found+1))
}

func (s *Store) lookUp(ctx context.Context, f *RegisterFilter, key int64) ([]callbackKey, error) {
	return f.each(ctx, s, func(projects []int64) *sqldb.Statement { return byLookup(projects, key) })
}

const keysHead, keysRow = "WITH v (project_id, id) AS (VALUES ", "(CAST(%i AS BIGINT), CAST(%i AS BIGINT))"

var readCustomers = sqldb.NewBulk(keysHead, keysRow,
	") SELECT v.project_id, v.id, p.customer_id FROM v CROSS JOIN payments p WHERE p.project_id = v.project_id AND p.id = v.id")

func (s *Store) findCustomer(ctx context.Context, f *RegisterFilter, text string) ([]callbackKey, error) {
	return s.findBy(ctx, f, lookupCustomer, text, readCustomers)
}

var readProviderPayments = sqldb.NewBulk(keysHead, keysRow, `) SELECT v.project_id, v.id, o.provider_payment_id FROM v
		CROSS JOIN operations o WHERE o.project_id = v.project_id AND o.id = v.id
	UNION ALL SELECT v.project_id, v.id, o.provider_payment_id FROM v
		CROSS JOIN operations o WHERE o.project_id = v.project_id AND o.payment = v.id AND o.number > 1`)

func (s *Store) findProviderPayment(ctx context.Context, f *RegisterFilter, text string) ([]callbackKey, error) {
	return s.findBy(ctx, f, lookupProvider, text, readProviderPayments)
}

// findBy looks a value up and keeps the payments that have it: two values can share an index.
func (s *Store) findBy(ctx context.Context, f *RegisterFilter, kind, want string, read *sqldb.Bulk) (found []callbackKey, err error) {
	keys, err := s.lookUp(ctx, f, s.Vault().Index(kind, want))
	if err != nil || len(keys) > bounds.found {
		return keys, err
	}
	err = read.Split(s.DB().Dialect, keyArgs(keys), func(text string, args []any) error {
		return s.DB().List(ctx, text, func(r *sql.Rows) error {
			var k callbackKey
			var have string
			err := r.Scan(&k.project, &k.number, &have)
			if strings.TrimSpace(have) == want {
				found = append(found, k)
			}
			return err
		}, args...)
	})
	return found, err
}

func keyArgs(keys []callbackKey) []any {
	args := make([]any, 0, 2*len(keys))
	for _, k := range keys {
		args = append(args, k.project, k.number)
	}
	return args
}

var readRequests = sqldb.NewBulk(keysHead, keysRow,
	`) SELECT v.project_id, v.id, p.payment_key, r.sealed FROM v CROSS JOIN payments p CROSS JOIN requests r
		WHERE p.project_id = v.project_id AND p.id = v.id AND r.project_id = v.project_id AND r.payment = v.id`)

// findAccount finds payments by account number, and confirms each by opening its request.
func (s *Store) findAccount(ctx context.Context, f *RegisterFilter, text string) (found []callbackKey, err error) {
	keys, err := s.lookUp(ctx, f, s.Vault().Index(lookupAccount, text))
	if err != nil || len(keys) > bounds.found {
		return keys, err
	}
	want := vault.Normalise(lookupAccount, text)
	err = readRequests.Split(s.DB().Dialect, keyArgs(keys), func(text string, args []any) error {
		return s.DB().List(ctx, text, func(r *sql.Rows) error {
			var k callbackKey
			var key string
			var sealed []byte
			if err := r.Scan(&k.project, &k.number, &key, &sealed); err != nil {
				return err
			}
			request, err := s.Vault().Unseal(sealed, RequestPlace(k.project, key))
			if err != nil {
				return err
			}
			account, err := accountOf(request)
			if vault.Normalise(lookupAccount, account) == want {
				found = append(found, k)
			}
			return err
		}, args...)
	})
	return found, err
}
