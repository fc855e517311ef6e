package export_test

import (
	"context"
	"flag"
	"strings"
	"testing"
	"time"

	"flashpay/internal/record"
	"flashpay/internal/store"
	"flashpay/internal/store/export"
	"flashpay/internal/storetest"
)

var (
	speedRows   = flag.Int("export-rows", 20_000, "payments in the database that BenchmarkOperations reads")
	speedKeyset = flag.String("export-keyset", "", "its keyset")
	speedURL    = flag.String("export-database", "", "a database to make for BenchmarkOperations, and to keep; empty: one that goes")
)

// fillStatements make payments that have succeeded, half of them of project 210, the other half of 211, over the year before
// now; $1 is how many, $2 the first one's time and $3 the time between two. Their journal and ledger are left out: nothing of
// them is read of payments that were settled long ago.
var fillStatements = []string{
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

// filled is a database with many payments.
func filled(t testing.TB, url, keyset string, rows int) *store.Store {
	t.Helper()
	r := newRoadOf(t, url, keyset)
	now := r.store.Now()
	step := 365 * 24 * time.Hour / time.Duration(rows)
	for i, text := range fillStatements {
		hash := "zeroblob(32)"
		if r.store.DialectName() == storetest.Postgres {
			hash = "decode(repeat('00', 32), 'hex')"
		}
		args := []any{rows, now.Add(-366 * 24 * time.Hour).UnixMicro(), step.Microseconds()}
		if i > 0 {
			args = nil
		}
		if _, err := r.store.DB().Writes.ExecContext(t.Context(), strings.ReplaceAll(text, "{{hash}}", hash), args...); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := r.store.DB().Writes.ExecContext(t.Context(), "ANALYZE"); err != nil {
		t.Fatal(err)
	}
	return r.store
}

// BenchmarkOperations reads all operations of a database. docs/performance.md says how it is run over a million.
func BenchmarkOperations(b *testing.B) {
	for _, engine := range storetest.Engines() {
		b.Run(engine, func(b *testing.B) {
			url, keyset := storetest.URL(b, engine), storetest.Keyset()
			if *speedURL != "" {
				if !strings.HasPrefix(*speedURL, engine) {
					return // it is the other engine's
				}
				url, keyset = *speedURL, *speedKeyset
			}
			s := filled(b, url, keyset, *speedRows)
			for b.Loop() {
				read := 0
				x, err := export.Open(context.Background(), s, []int64{210, 211})
				if err != nil {
					b.Fatal(err)
				}
				err = x.Operations(context.Background(), export.Filter{Projects: []int64{210, 211}}, record.Texts|record.Bank, func(*record.Operation) error {
					read++
					return nil
				})
				if err != nil || read != *speedRows {
					b.Fatal(read, err)
				}
			}
			b.ReportMetric(float64(*speedRows)*float64(b.N)/b.Elapsed().Seconds(), "operations/s")
		})
	}
}
