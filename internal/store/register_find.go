package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

	"flashpay/internal/store/sqldb"
)

// registerKeys are the payments that an index names for the filter. false: there is no such index, or it names too many.
func (s *Store) registerKeys(ctx context.Context, f *RegisterFilter) (found []callbackKey, ok bool, err error) {
	if f.Search != "" {
		return s.searchKeys(ctx, f)
	}
	if f.Payee != nil {
		found, err := f.each(ctx, s, func(projects []int64) *sqldb.Statement { return byLookup(projects, f.Payee.keys(s.Vault())) })
		return distinct(found), err == nil && len(found) <= bounds.found, err
	}
	for _, projects := range slices.Collect(slices.Chunk(f.Projects, registerGroup)) {
		q := f.Situation.keys(projects)
		if q == nil {
			return nil, false, nil
		}
		if found, err = s.keys(ctx, q, found); err != nil || len(found) > f.Situation.most() {
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
	case SituationFailing:
		for i, trouble := range troubles {
			if i > 0 {
				q.Text(" UNION ALL ")
			}
			q.Text("SELECT c.project_id, c.payment FROM callbacks c WHERE ").In("c.project_id", sqldb.IntArgs(projects)).Text(" AND " + trouble)
		}
	default:
		return nil
	}
	return q.Text(fmt.Sprintf(" LIMIT %d", s.most()+1))
}

// most is how many payments an index may name for the situation. Callbacks fail in thousands where an endpoint is down, and
// those that were given up can be old, so that a walk by time would have a long way to them.
func (s Situation) most() int {
	if s == SituationFailing {
		return bounds.failing
	}
	return bounds.found
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

func byOperation(projects []int64, id int64) *sqldb.Statement {
	q := &sqldb.Statement{}
	return q.Text("SELECT project_id, payment FROM operations WHERE ").In("project_id", sqldb.IntArgs(projects)).Text(" AND id = ").Arg(id)
}

// buckets are the buckets of lookups, newest first.
const buckets = `WITH RECURSIVE b (bucket) AS (SELECT MAX(bucket) FROM lookups
		UNION ALL SELECT (SELECT MAX(l.bucket) FROM lookups l WHERE l.bucket < b.bucket) FROM b WHERE b.bucket IS NOT NULL)
		SELECT l.project_id, l.payment FROM b JOIN lookups l ON l.bucket = b.bucket`

// byLookup names the payments of any of the keys, newest bucket first, one more than may be named at most.
func byLookup(projects, keys []int64) *sqldb.Statement {
	q := (&sqldb.Statement{}).Text(buckets+" WHERE ").In("l.key", sqldb.IntArgs(keys)).Text(" AND ").In("l.project_id", sqldb.IntArgs(projects))
	return q.Text(fmt.Sprintf(" LIMIT %d", bounds.found+1))
}

// byAllLookups names the payments that have all keys.
func byAllLookups(projects, keys []int64) *sqldb.Statement {
	q := (&sqldb.Statement{}).Text(buckets+" WHERE l.key = ").Arg(keys[0]).Text(" AND ").In("l.project_id", sqldb.IntArgs(projects))
	for i, key := range keys[1:] {
		n := fmt.Sprint("l", i)
		q.Text(" AND EXISTS (SELECT 1 FROM lookups " + n + " WHERE " + n + ".bucket = l.bucket AND " + n + ".key = ").Arg(key)
		q.Text(" AND " + n + ".project_id = l.project_id AND " + n + ".payment = l.payment)")
	}
	return q.Text(fmt.Sprintf(" LIMIT %d", bounds.found+1))
}

const keysHead, keysRow = "WITH v (project_id, id) AS (VALUES ", "(CAST(%i AS BIGINT), CAST(%i AS BIGINT))"

func keyArgs(keys []callbackKey) []any {
	args := make([]any, 0, 2*len(keys))
	for _, k := range keys {
		args = append(args, k.project, k.number)
	}
	return args
}

var readIDs = sqldb.NewBulk(keysHead, keysRow,
	") SELECT v.project_id, v.id, p.payment_key, p.customer_id, p.account_mask FROM v CROSS JOIN payments p WHERE p.project_id = v.project_id AND p.id = v.id")

var readProviderPayments = sqldb.NewBulk(keysHead, keysRow, `) SELECT v.project_id, v.id, o.provider_payment_id FROM v
		CROSS JOIN operations o WHERE o.project_id = v.project_id AND o.id = v.id
	UNION ALL SELECT v.project_id, v.id, o.provider_payment_id FROM v
		CROSS JOIN operations o WHERE o.project_id = v.project_id AND o.payment = v.id AND o.number > 1`)

var readRequests = sqldb.NewBulk(keysHead, keysRow,
	`) SELECT v.project_id, v.id, p.payment_key, r.sealed FROM v CROSS JOIN payments p CROSS JOIN requests r
		WHERE p.project_id = v.project_id AND p.id = v.id AND r.project_id = v.project_id AND r.payment = v.id`)

// readPayees opens the requests of payments.
func (s *Store) readPayees(ctx context.Context, keys []callbackKey, each func(callbackKey, payee)) error {
	return readRequests.Split(s.DB().Dialect, keyArgs(keys), func(text string, args []any) error {
		return s.DB().List(ctx, text, func(r *sql.Rows) error {
			var k callbackKey
			var id string
			var sealed []byte
			if err := r.Scan(&k.project, &k.number, &id, &sealed); err != nil {
				return err
			}
			request, err := s.Vault().Unseal(sealed, RequestPlace(k.project, id))
			if err != nil {
				return err
			}
			p, err := payeeOf(request)
			if err != nil {
				return err
			}
			each(k, p)
			return nil
		}, args...)
	})
}

// NameRecipients adds to rows whom they pay, from their sealed requests.
func (s *Store) NameRecipients(ctx context.Context, rows []RegisterRow) error {
	keys := make([]callbackKey, len(rows))
	names := make(map[callbackKey]string, len(rows))
	for i := range rows {
		keys[i] = callbackKey{rows[i].ProjectID, rows[i].ID}
	}
	err := s.readPayees(ctx, keys, func(k callbackKey, p payee) { names[k] = p.shown })
	for i := range rows {
		rows[i].Recipient = names[keys[i]]
	}
	return s.DB().Unavailable(err)
}
