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
	for _, p := range Parts(q) {
		hours = append(hours, p.Hours)
	}
	return hours
}

// Part is a stretch of rows of one length.
type Part struct{ Hours, From, To int64 }

// Parts are those that a query reads.
func Parts(q *Query) (out []Part) {
	for _, p := range q.parts() {
		out = append(out, Part{p.hours, p.from, p.to})
	}
	return out
}
