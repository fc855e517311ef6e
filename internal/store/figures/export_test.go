package figures

import "flashpay/internal/store/sqldb"

// Statements are the statements of a query on a build of rollups.
func (q *Query) Statements(build int64) (out []*sqldb.Statement) {
	for _, p := range q.parts() {
		out = append(out, q.statement(build, p))
	}
	return out
}

// Lengths are how long the periods are of the rows that a query reads, in hours.
func Lengths(q *Query) (hours []int64) {
	for _, p := range q.parts() {
		hours = append(hours, p.hours)
	}
	return hours
}
