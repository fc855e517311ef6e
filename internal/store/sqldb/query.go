package sqldb

import (
	"strconv"
	"strings"
)

// Statement is a statement that is put together part by part, with its arguments in their order.
type Statement struct {
	strings.Builder
	Args []any // in the order of their places
}

// Text adds a part of the statement.
func (q *Statement) Text(s string) *Statement {
	q.WriteString(s)
	return q
}

// Arg adds an argument, and its place in the text.
func (q *Statement) Arg(v any) *Statement {
	q.Args = append(q.Args, v)
	return q.Text("$" + strconv.Itoa(len(q.Args)))
}

// In adds that a column has one of these values.
func (q *Statement) In(column string, values []any) *Statement {
	q.Text(column + " IN (")
	for i, v := range values {
		if i > 0 {
			q.Text(", ")
		}
		q.Arg(v)
	}
	return q.Text(")")
}

// Where adds conditions, each of which must hold.
func (q *Statement) Where(conditions []func(*Statement)) *Statement {
	for _, c := range conditions {
		q.Text(" AND ")
		c(q)
	}
	return q
}

// IntArgs makes arguments of numbers.
func IntArgs(numbers []int64) (out []any) {
	for _, n := range numbers {
		out = append(out, n)
	}
	return out
}

// TextArgs makes arguments of texts.
func TextArgs[T ~string](texts []T) (out []any) {
	for _, t := range texts {
		out = append(out, string(t))
	}
	return out
}
