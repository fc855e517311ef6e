package store

import (
	"fmt"
	"testing"
)

func TestRowsAreNotedInRuns(t *testing.T) {
	for _, c := range []struct {
		rows []madeRow
		want string
	}{
		{nil, "[]"},
		{[]madeRow{{1, 5, 105}}, "[[{1 5 105}]]"},
		{[]madeRow{{1, 6, 106}, {1, 5, 105}, {1, 7, 107}}, "[[{1 5 105} {1 6 106} {1 7 107}]]"},
		{[]madeRow{{1, 5, 105}, {1, 7, 106}}, "[[{1 5 105}] [{1 7 106}]]"},                                                   // a row between them, or one of two lines
		{[]madeRow{{1, 5, 105}, {1, 6, 107}, {1, 7, 108}}, "[[{1 5 105}] [{1 6 107} {1 7 108}]]"},                            // another's payment between them
		{[]madeRow{{1, 5, 105}, {2, 6, 106}}, "[[{1 5 105}] [{2 6 106}]]"},                                                   // of two batches
		{[]madeRow{{1, 5, 105}, {1, 6, 1000}, {1, 7, 106}, {1, 8, 107}}, "[[{1 5 105}] [{1 6 1000}] [{1 7 106} {1 8 107}]]"}, // where ids begin anew
	} {
		if got := fmt.Sprint(runsOf(c.rows)); got != c.want {
			t.Errorf("%v: %s, want %s", c.rows, got, c.want)
		}
	}
}
