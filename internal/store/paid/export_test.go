package paid

import (
	"iter"

	"flashpay/internal/store/sqldb"
)

// Statements are all statements of this package, each with values that it can be explained with.
func Statements(d *sqldb.Dialect) iter.Seq2[string, []any] {
	return func(yield func(string, []any) bool) {
		for _, size := range []int{1, 256} {
			var ids, sums []any
			for range size {
				ids = append(ids, int64(0), int64(210), "id")
				sums = append(sums, int64(0), int64(0), int64(1), int64(210), int64(100), "KGS", int64(0))
			}
			for bulk, args := range map[*sqldb.Bulk][]any{byID: ids, bySum: sums} {
				err := bulk.Split(d, args, func(text string, args []any) error {
					yield(text, args)
					return nil
				})
				if err != nil {
					panic(err)
				}
			}
		}
		if d == &sqldb.Postgres {
			yield(nextFromPostgres, []any{int64(0), int64(1000), int64(210)})
			yield(betweenPostgres, []any{int64(210), []string{"a", "b"}, int64(1000)})
		} else {
			yield(nextFrom, []any{int64(0), int64(1000), int64(210)})
			yield(between, []any{int64(210), "a", "b", int64(1000)})
		}
		yield(sumsSince, []any{int64(210), int64(0), int64(0), int64(1000)})
		yield(firstSince, []any{int64(210), int64(0)})
		yield(allBuckets, nil)
		yield(usualSums, []any{int64(210), int64(0), "KGS", int64(1)})
	}
}

// Whole tells whether a project's recent sums are all known.
func (r *Recent) Whole(project int64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.projects[project].sums.whole.Load()
}

// Apart tells whether the next call looks for each id by itself.
func (s *IDs) Apart() bool { return s.skip.Load() > 0 }

// Buckets is in how many buckets of lookups recent payments of a project are looked for.
func (r *Recent) Buckets(project int64) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.projects[project].buckets)
}
