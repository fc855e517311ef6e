package bank

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

const (
	insertTransfers = "INSERT{fail} INTO {s}transfers (" + transferColumns + ") VALUES "
	insertTasks     = "INSERT{fail} INTO {s}tasks (id, endpoint, born_at, due_at, next_at, attempts) VALUES "
	deleteTasks     = "DELETE FROM {s}tasks WHERE id IN "

	transferWidth, taskWidth = 13, 6 // columns

	ifNew = " ON CONFLICT (transfer_key) DO NOTHING RETURNING transfer_key"

	insertEndpoint = "INSERT INTO {s}endpoints (id, url, secret) VALUES ($1, $2, $3) ON CONFLICT (id) DO NOTHING"
	deleteTask     = "DELETE FROM {s}tasks WHERE id = $1"
	retryTask      = "UPDATE {s}tasks SET due_at = $1, next_at = $1, attempts = $2 WHERE id = $3"
	leaseTasks     = "UPDATE {s}tasks SET next_at = $1 WHERE id IN (SELECT id FROM {s}tasks WHERE next_at <= $2 ORDER BY next_at LIMIT $3{skip}) RETURNING id, endpoint, born_at, due_at, attempts"

	// A submission counts where it asks for the same transfer.
	countSubmission = "UPDATE {s}transfers SET submissions = submissions + 1 WHERE transfer_key = $1 AND amount = $2 AND currency = $3 AND account = $4 RETURNING " + transferColumns
	moveTransfer    = "UPDATE {s}transfers SET state = $1, executed = executed + $2, result_at = $3, returned_at = $4 WHERE transfer_key = $5"
)

// chunks are the numbers of rows for which multi-row statements are prepared, largest first.
var chunks = [...]int{64, 16, 4, 1}

// values is a VALUES list of that many rows and columns. Its placeholders are {1}, {2} …, of which SQLite gets the
// form without numbers: SQLite keeps numbered ones in a list that is searched for each value that is bound.
func values(rows, columns int) string {
	var b strings.Builder
	for n := range rows * columns {
		switch {
		case n%columns != 0:
			b.WriteString(", ")
		case n > 0:
			b.WriteString("), (")
		default:
			b.WriteString("(")
		}
		b.WriteString("{" + strconv.Itoa(n+1) + "}")
	}
	return b.String() + ")"
}

// multiRow holds the texts of one statement by number of rows.
type multiRow map[int]string

func newMultiRow(head string, columns int, flat bool, tail string) multiRow {
	m := multiRow{}
	for _, rows := range chunks {
		list := values(rows, columns)
		if flat {
			list = values(1, rows*columns)
		}
		m[rows] = head + list + tail
	}
	return m
}

var (
	insertTransfersOf = newMultiRow(insertTransfers, transferWidth, false, ifNew)
	insertTasksOf     = newMultiRow(insertTasks, taskWidth, false, "")
	deleteTasksOf     = newMultiRow(deleteTasks, 1, true, "")
)

// writerQueries are all statements that commits use.
func writerQueries() []string {
	queries := []string{insertEndpoint, deleteTask, retryTask, leaseTasks, countSubmission, moveTransfer}
	for _, m := range []multiRow{insertTransfersOf, insertTasksOf, deleteTasksOf} {
		queries = slices.AppendSeq(queries, maps.Values(m))
	}
	return queries
}

// inChunks calls do with slices of items whose lengths have prepared statements.
func inChunks[T any](items []T, do func([]T) error) error {
	for len(items) > 0 {
		n := 1
		for _, size := range chunks {
			if size <= len(items) {
				n = size
				break
			}
		}
		if err := do(items[:n]); err != nil {
			return err
		}
		items = items[n:]
	}
	return nil
}
