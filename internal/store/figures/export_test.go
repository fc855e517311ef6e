package figures

import "flashpay/internal/store/sqldb"

// Statements are the statements of a query on a build of rollups.
func (q *Query) Statements(build int64) (out []*sqldb.Statement) {
	for _, p := range q.parts() {
		out = append(out, q.statement(build, p))
	}
	return out
}
