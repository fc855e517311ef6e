package store

import (
	"strconv"
	"strings"
)

// query is a statement that is put together part by part, with its arguments in their order.
type query struct {
	strings.Builder
	args []any
}

func (q *query) text(s string) *query {
	q.WriteString(s)
	return q
}

func (q *query) arg(v any) *query {
	q.args = append(q.args, v)
	return q.text("$" + strconv.Itoa(len(q.args)))
}

func (q *query) in(column string, values []any) *query {
	q.text(column + " IN (")
	for i, v := range values {
		if i > 0 {
			q.text(", ")
		}
		q.arg(v)
	}
	return q.text(")")
}

// where adds conditions, each of which must hold.
func (q *query) where(conditions []func(*query)) *query {
	for _, c := range conditions {
		q.text(" AND ")
		c(q)
	}
	return q
}

func anyNumbers(numbers []int64) (out []any) {
	for _, n := range numbers {
		out = append(out, n)
	}
	return out
}

// anys makes arguments of texts.
func anys[T ~string](texts []T) (out []any) {
	for _, t := range texts {
		out = append(out, string(t))
	}
	return out
}
