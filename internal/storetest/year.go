package storetest

import (
	"context"
	"flag"
	"strings"
	"testing"
	"time"

	"flashpay/internal/merchant"
	"flashpay/internal/store"
)

// Where the benchmarks of a year's payments have their database. Package store fills it.
var (
	yearURL    = flag.String("year-database", "", "a database that BenchmarkFillYear of package store makes and keeps, for the benchmarks that read it")
	yearKeyset = flag.String("year-keyset", "", "its keyset")
)

// OpenYear opens the database of a year's payments. nil: the benchmark was given none, and has nothing to do.
func OpenYear(b *testing.B) *store.Store {
	b.Helper()
	if *yearURL == "" {
		return nil
	}
	return OpenAs(b, store.Config{URL: *yearURL, Keyset: *yearKeyset, Serve: true})
}

// yearStatements make payments that have succeeded, half of them of project 210, the other half of 211, over the year before
// now; $1 is how many, $2 the first one's time and $3 the time between two.
var yearStatements = []string{
	`INSERT INTO payments (id, project_id, payment_key, payment_id, request_id, content_hash, status, method, method_title, amount, currency, description,
		account_mask, customer_id, interface, options, created_at, updated_at, events, head_seq, head_hash)
	WITH RECURSIVE n (i) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < $1)
	SELECT 10000 + i, 210 + i % 2, 'order-' || i, 'Order-' || i, '0123456789abcdef-' || i || '-00000001', {{hash}}, 'success', 'bank-transfer/kyrgyzstan',
		'Bank transfer Kyrgyzstan', 100 + i % 100000, 'KGS', 'Salary for March, order ' || i, '109012******3456', 'customer-' || i % 5000, 1, '{}',
		CAST($2 AS BIGINT) + i * CAST($3 AS BIGINT), CAST($2 AS BIGINT) + i * CAST($3 AS BIGINT) + 2000000, 1, 2, {{hash}} FROM n`,
	`INSERT INTO operations (id, project_id, payment, number, stage, status, provider, provider_id, provider_key, provider_payment_id, auth_code, amount, currency,
		code, submits, inquiries, created_at, updated_at, submit_deadline, threshold_at, next_at, lease, version)
	SELECT id, project_id, id, 1, 'closed', 'success', 'sandbox', 21432, 'key-' || id, 'B0000' || id, '123456', amount, currency, 0, 1, 0, created_at, updated_at,
		created_at, created_at + 36000000000, NULL, NULL, 2 FROM payments`,
}

// FillOperations makes projects 210 and 211 and so many payments of them that have succeeded, for measurements of exports. Their
// requests, journal, events and ledger are left out: nothing of them is read of payments that were settled long ago.
func FillOperations(ctx context.Context, s *store.Store, rows int) error {
	for _, id := range []int64{210, 211} {
		p := &merchant.Project{ID: id, MerchantID: 1, Name: "Shop", Mode: merchant.Test}
		if err := s.CreateProject(ctx, p, "secret", nil, "test"); err != nil {
			return err
		}
	}
	step := 365 * 24 * time.Hour / time.Duration(rows)
	for i, text := range yearStatements {
		hash := "zeroblob(32)"
		if s.DialectName() == Postgres {
			hash = "decode(repeat('00', 32), 'hex')"
		}
		args := []any{rows, s.Now().Add(-366 * 24 * time.Hour).UnixMicro(), step.Microseconds()}
		if i > 0 {
			args = nil
		}
		if _, err := s.DB().Writes.ExecContext(ctx, strings.ReplaceAll(text, "{{hash}}", hash), args...); err != nil {
			return err
		}
	}
	_, err := s.DB().Writes.ExecContext(ctx, "ANALYZE")
	return err
}
