package store

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"flashpay/internal/payout"
	"flashpay/internal/store/sqldb"
)

// Cube is what rows of rollups count.
type Cube int64

// The cubes. Those in detail know codes and banks, too; the others have fewer rows, for what asks for neither.
const (
	CubePayments         Cube = iota + 1 // payments with the status they have, by when they were made
	CubePaymentsDetailed                 // the same in detail
	CubeResults                          // results of operations, by when they came
	CubeResultsDetailed                  // the same in detail
	CubeTimes                            // first results of payments, by when these were made and how long the result took
)

var cubeNames = [...]string{"", "payments", "payments in detail", "results", "results in detail", "times"}

// Cubes are all of them.
func Cubes() []Cube {
	return []Cube{CubePayments, CubePaymentsDetailed, CubeResults, CubeResultsDetailed, CubeTimes}
}

// String names the cube.
func (c Cube) String() string { return cubeNames[c] }

// The lengths of the periods of rollups, in hours, from the shortest to the longest. Days of a reader who is six hours from UTC, as in
// Bishkek, are four periods of six. What is asked for by bank, code or bucket is asked for as a whole: of a year those are 23 periods of sixteen
// days, and as many days at its ends, where it would be 365 days of many rows each.
var (
	timedHours = []int64{1, 6, 24}
	manyHours  = []int64{1, 24, 16 * 24}
)

// Hours are the lengths of the periods of a cube's rows, in hours, from the shortest to the longest.
func (c Cube) Hours() []int64 {
	if c == CubePayments || c == CubeResults {
		return timedHours
	}
	return manyHours
}

// RollupKey names a row of rollups within a build.
type RollupKey struct {
	Cube             Cube
	Project          int64
	Hours, Start     int64 // the period: its length, and when it began, in microseconds
	Method, Currency string
	Status           payout.Status
	Code             int64
	Bank             string
	Bucket           int64
}

func (k RollupKey) compare(o RollupKey) int {
	return cmp.Or(cmp.Compare(k.Cube, o.Cube), cmp.Compare(k.Project, o.Project), cmp.Compare(k.Hours, o.Hours), cmp.Compare(k.Start, o.Start),
		cmp.Compare(k.Method, o.Method), cmp.Compare(k.Currency, o.Currency), cmp.Compare(k.Status, o.Status), cmp.Compare(k.Code, o.Code),
		cmp.Compare(k.Bank, o.Bank), cmp.Compare(k.Bucket, o.Bucket))
}

// RollupDelta is how many payments a row of rollups counts, and their sum.
type RollupDelta struct{ Payments, Amount int64 }

func (d RollupDelta) plus(payments, amount int64) RollupDelta {
	return RollupDelta{d.Payments + payments, d.Amount + amount}
}

// result is what is known of a payment's result: its status, and the code of the newest operation that has ended.
type result struct {
	status payout.Status // empty: of a payment that is new, or that a line does not change
	code   int64         // 0: nothing has ended
}

// rollUp calls add for each row of an hour that a line of the journal changes; longer says which others follow from it. They are
// the one place that knows what the rows' dimensions are made of.
func (l *followedLine) rollUp(add func(k RollupKey, payments int64)) {
	if l.after.status == "" {
		return
	}
	k := RollupKey{Project: l.project, Method: l.method, Currency: l.currency, Hours: 1, Start: startOf(l.created, 1)}
	both := func(k RollupKey, cube, detailed Cube, code int64, payments int64) {
		k.Cube = cube
		add(k, payments)
		k.Cube, k.Code, k.Bank = detailed, code, l.bank
		add(k, payments)
	}
	for _, side := range []struct {
		result
		payments int64
	}{{l.after, 1}, {l.before, -1}} {
		if k.Status = side.status; k.Status != "" {
			both(k, CubePayments, CubePaymentsDetailed, side.code, side.payments)
		}
	}
	if l.ended == "" {
		return
	}
	if l.after.status.Final() && !l.before.status.Final() {
		timed := k
		timed.Cube, timed.Bucket = CubeTimes, TimeBucket(time.Duration(l.at-l.created)*time.Microsecond)
		timed.Status = cmp.Or(l.first, l.ended)
		add(timed, 1)
	}
	k.Start = startOf(l.at, 1)
	for _, k.Status = range []payout.Status{l.first, l.ended} {
		if k.Status != "" {
			both(k, CubeResults, CubeResultsDetailed, l.after.code, 1)
		}
	}
}

// longer calls add for the rows of longer periods that hold the row of an hour.
func (k RollupKey) longer(add func(RollupKey)) {
	start := k.Start
	for _, k.Hours = range k.Cube.Hours()[1:] {
		k.Start = startOf(start, k.Hours)
		add(k)
	}
}

// bankOf is the bank of an account, by the digits with which its mask begins; empty: it begins with something else, or the
// mask hides them.
func bankOf(mask string) string {
	if len(mask) < bankDigits {
		return ""
	}
	for i := range bankDigits {
		if mask[i] < '0' || mask[i] > '9' {
			return ""
		}
	}
	return mask[:bankDigits]
}

const bankDigits = 3

// timeSteps divide each power of ten: a bucket is at most a quarter wider than the one before.
var timeSteps = [...]int64{100, 125, 160, 200, 250, 315, 400, 500, 630, 800}

// TimeBucket is the bucket of a time from request to result: the least of their ends that is not below it, in microseconds.
func TimeBucket(took time.Duration) int64 {
	for power := int64(1); ; power *= 10 {
		for _, step := range timeSteps {
			if end := power * step; end >= took.Microseconds() {
				return end
			}
		}
	}
}

// startOf is when the period of so many hours began in which a moment lies, both in microseconds.
func startOf(at, hours int64) int64 {
	length := hours * time.Hour.Microseconds()
	return at - at%length
}

var addRollups = sqldb.NewBulk("INSERT INTO rollups (build, cube, project_id, hours, start, method, currency, status, code, bank, bucket, payments, amount) VALUES ",
	"(%i, %i, %i, %i, %i, %s, %s, %s, %i, %s, %i, %i, %i)",
	` ON CONFLICT (build, cube, project_id, hours, start, method, currency, status, code, bank, bucket) DO UPDATE
		SET payments = rollups.payments + excluded.payments, amount = rollups.amount + excluded.amount`)

// rollupSums are what some lines change, row by row of rollups, in the order of the rows' keys: nodes that write the same rows do
// not lock each other out, and neighbours share a page.
type rollupSums struct {
	keys   []RollupKey
	deltas []RollupDelta
}

// rollUp adds lines up to what they change.
func rollUp(lines []followedLine) rollupSums {
	var keys []RollupKey
	var deltas []RollupDelta
	sums := make(map[RollupKey]RollupDelta)
	for i := range lines {
		l := &lines[i]
		l.rollUp(func(k RollupKey, payments int64) { sums[k] = sums[k].plus(payments, payments*l.amount) })
	}
	maps.DeleteFunc(sums, func(_ RollupKey, d RollupDelta) bool { return d == RollupDelta{} })
	hours := slices.SortedFunc(maps.Keys(sums), RollupKey.compare)
	byHour := make([]RollupDelta, len(hours))
	for i := range hours {
		byHour[i] = sums[hours[i]]
	}
	for len(hours) > 0 {
		first, n := hours[0], 1
		for n < len(hours) && hours[n].Cube == first.Cube && hours[n].Project == first.Project {
			n++
		}
		for _, length := range first.Cube.Hours() {
			before := len(keys)
			for i, k := range hours[:n] {
				k.Hours, k.Start = length, startOf(k.Start, length)
				keys, deltas = append(keys, k), append(deltas, byHour[i])
			}
			if last := hours[n-1]; length > 1 && last.Start != first.Start { // hours of one longer period come to one row
				keys, deltas = merged(keys, deltas, before)
			}
		}
		hours, byHour = hours[n:], byHour[n:]
	}
	return rollupSums{keys, deltas}
}

// merged adds up rows of the same key, from one place on, and sorts them.
func merged(keys []RollupKey, deltas []RollupDelta, from int) ([]RollupKey, []RollupDelta) {
	sums := make(map[RollupKey]RollupDelta)
	for i := from; i < len(keys); i++ {
		sums[keys[i]] = sums[keys[i]].plus(deltas[i].Payments, deltas[i].Amount)
	}
	keys, deltas = keys[:from], deltas[:from]
	for _, k := range slices.SortedFunc(maps.Keys(sums), RollupKey.compare) {
		if d := sums[k]; d != (RollupDelta{}) {
			keys, deltas = append(keys, k), append(deltas, d)
		}
	}
	return keys, deltas
}

// rollupArgs are the rows of addRollups that add sums to builds, in the order of their keys.
func rollupArgs(builds []int64, sums rollupSums) []any {
	args := make([]any, 0, len(builds)*len(sums.keys)*addRollups.Columns)
	for _, build := range builds {
		for i := range sums.keys {
			k, d := &sums.keys[i], sums.deltas[i]
			args = append(args, build, int64(k.Cube), k.Project, k.Hours, k.Start, k.Method, k.Currency, string(k.Status), k.Code, k.Bank, k.Bucket,
				d.Payments, d.Amount)
		}
	}
	return args
}
