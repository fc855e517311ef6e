package export

import (
	"context"
	"database/sql"
	"time"

	"flashpay/internal/store"
	"flashpay/internal/store/sqldb"
)

// Estimate says about how many payments a filter chooses, by the rollups of its days: for progress, where the exact number
// is not worth reading them all. Statuses, codes and sums are not looked at.
func Estimate(ctx context.Context, s *store.Store, f Filter) (payments int64, err error) {
	if len(f.Projects) == 0 {
		return 0, nil
	}
	day := (24 * time.Hour).Microseconds()
	build, _, err := s.LiveRollupBuild(ctx)
	if err != nil {
		return 0, err
	}
	q := &sqldb.Statement{}
	q.Text("SELECT COALESCE(SUM(payments), 0) FROM rollups WHERE build = ").Arg(build)
	q.Text(" AND cube = ").Arg(int64(store.CubePayments)).Text(" AND hours = 24 AND ").In("project_id", sqldb.IntArgs(f.Projects))
	if !f.From.IsZero() {
		q.Text(" AND start > ").Arg(f.From.UnixMicro() - day)
	}
	if !f.To.IsZero() {
		q.Text(" AND start < ").Arg(f.To.UnixMicro())
	}
	if len(f.Methods) > 0 {
		q.Text(" AND ").In("method", sqldb.TextArgs(f.Methods))
	}
	if len(f.Currencies) > 0 {
		q.Text(" AND ").In("currency", sqldb.TextArgs(f.Currencies))
	}
	db := s.DB()
	err = sqldb.Query(ctx, db.Reads, q.String(), q.Args...).Each(func(r *sql.Rows) error { return r.Scan(&payments) })
	return payments, db.Unavailable(err)
}
