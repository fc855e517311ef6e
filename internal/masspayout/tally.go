package masspayout

import (
	"cmp"
	"context"
	"fmt"
	"hash/maphash"
	"io"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"flashpay/internal/accept"
	"flashpay/internal/csvfile"
	"flashpay/internal/money"
	"flashpay/internal/payout"
	"flashpay/internal/store/paid"
	"flashpay/signature"
)

// recently is how far back another payout of the same sum to the same account is looked for.
const recently = 7 * 24 * time.Hour

// tally adds up what a check finds.
type tally struct {
	checker *Checker
	report  *Report
	each    func(*CheckedRow) error
	advise  func(string) string
	head    *head
	seed    maphash.Seed
	spare   sync.Pool // of *[]checked

	once   sync.Once
	known  *paid.IDs
	recent *paid.Recent

	gap    gap
	long   int64 // accounts with more digits than a spreadsheet keeps of a number
	cut    int64 // of them, those that have zeros in the place of the digits beyond
	ids    repeated
	twins  repeated
	totals map[totalKey]*sums
	asked  latest // which most rows have like the one before
	paying latest
	faults *csvfile.Writer
	cells  []string
}

type totalKey struct {
	project  int64
	currency string
}

// sums are of a project and currency.
type sums struct {
	rows, amount int64
	largest      int64
	most         int64 // that a payout of the largest's method may have
	debit, fee   int64 // that the balance in this currency pays
}

// holds tells whether a payout can be added.
func (s *sums) holds(c *accept.Cost) bool {
	left := math.MaxInt64 - s.debit - s.fee
	return c.Fee <= left && c.Amount <= left-c.Fee
}

// latest are the sums that were looked for last.
type latest struct {
	key  totalKey
	sums *sums
}

// fault counts a fault, and keeps the first ones.
func (t *tally) fault(faults ...Fault) {
	t.report.AllFaults += int64(len(faults))
	left := max(0, Kept-len(t.report.Faults))
	t.report.Faults = append(t.report.Faults, faults[:min(left, len(faults))]...)
}

func (t *tally) warn(warnings ...Warning) {
	t.report.AllWarnings += int64(len(warnings))
	left := max(0, Kept-len(t.report.Warnings))
	t.report.Warnings = append(t.report.Warnings, warnings[:min(left, len(warnings))]...)
}

// lookUp asks the store about the good rows of a block.
func (t *tally) lookUp(ctx context.Context, j *judge, rows []checked) error {
	known := t.checker.Paid
	t.once.Do(func() { t.known, t.recent = known.IDs(), known.Since(t.checker.Rules.Now.Add(-recently)) })
	places, ids, pays := j.places[:0], j.ids[:0], j.pays[:0]
	defer func() { j.places, j.ids, j.pays = places, ids, pays }()
	for i := range rows {
		if r := &rows[i]; r.good {
			p := &r.payout
			places = append(places, i)
			ids = append(ids, paid.ID{ProjectID: p.Project.ID, PaymentID: p.PaymentID})
			pays = append(pays, paid.Sum{ProjectID: p.Project.ID, Account: p.Account, Currency: p.Currency, Amount: p.Amount})
		}
	}
	err := t.known.Find(ctx, ids, func(i int, found paid.Payment) {
		r := &rows[places[i]]
		r.before, r.same = &found, known.SameContent(&found, j.content(r))
	})
	if err != nil {
		return err
	}
	return t.recent.BySum(ctx, pays, func(i int, found paid.Payment) {
		r := &rows[places[i]]
		if payout.Fold(found.PaymentID) != payout.Fold(r.payout.PaymentID) && (r.other == nil || r.other.At.Before(found.At)) {
			r.other = &found
		}
	})
}

// content is what a good row's request is known by (accept.ContentHash).
func (j *judge) content(r *checked) [32]byte {
	j.cells = j.head.cutAll(r.raw, j.cells)
	j.plan.fill(&j.root, j.cells)
	return accept.ContentHash(accept.Endpoint, r.payout.Method.Path, signature.Canonical(&j.root).Lines())
}

// row adds a row, in the order of the file.
func (t *tally) row(c *checked) error {
	if f, ok := t.gap.before(&c.row); ok {
		t.report.Rows++
		t.report.Bad++
		t.fault(f)
		if t.each != nil {
			if err := t.each(&CheckedRow{Line: f.Line, Faults: []Fault{f}}); err != nil {
				return err
			}
		}
		if err := t.writeRow("", []Fault{f}); err != nil {
			return err
		}
	}
	if c.blank {
		return nil
	}
	t.report.Rows++
	faults := c.faults
	if c.good {
		faults = t.again(c)
	}
	if len(faults) > 0 {
		t.report.Bad++
		t.fault(faults...)
	} else {
		t.report.Good++
		t.warn(c.warnings...)
		t.countCut(c.payout.Account)
	}
	if t.each != nil {
		j := CheckedRow{Line: c.line, Faults: faults, Payout: c.payout, PaidAlready: c.before != nil && len(faults) == 0}
		if err := t.each(&j); err != nil {
			return err
		}
	}
	return t.writeRow(c.raw, faults)
}

// keptDigits is how many digits of a number a spreadsheet keeps.
const keptDigits = 15

func (t *tally) countCut(account string) {
	if len(account) <= keptDigits || !isDigits(account) {
		return
	}
	t.long++
	if strings.Trim(account[keptDigits:], "0") == "" {
		t.cut++
	}
}

// warnCut warns where all accounts look cut. One that does may be right: every tenth account ends in 0.
func (t *tally) warnCut() {
	if t.long < 3 || t.cut < t.long {
		return
	}
	t.warn(Warning{
		Line: t.head.line, Column: colAccount, Kind: SpreadsheetHabit,
		Message: fmt.Sprintf("All %d accounts of more than %d digits have zeros behind the first %d, as if a spreadsheet had taken them for numbers and cut them. "+
			"Compare them with where they come from; format the column as text.", t.long, keptDigits, keptDigits),
	})
}

// again finds that a good row stands in the file or was paid before, and counts what it adds to the totals where it was not.
func (t *tally) again(c *checked) []Fault {
	fault := func(column string, m Message, advice string) []Fault {
		return []Fault{{Line: c.line, Column: column, Message: m.At(c.line), Advice: advice}}
	}
	p := &c.payout
	if first := t.ids.add(c.id, c.line); first > 0 {
		return fault(colPaymentID, PaymentIDExists, fmt.Sprintf("Line %d has the same payment id; letter case does not count. Delete one of the rows, or give it an id of its own.", first))
	}
	if c.before != nil && !c.same {
		return fault(colPaymentID, PaymentIDExists, fmt.Sprintf("A payout with this id was requested on %s with other data; letter case does not count. "+
			"Restore what the row said, or give the new payout an id of its own.", day(c.before.At)))
	}
	total, pays := t.total(&t.asked, p.Project.ID, p.Currency), t.total(&t.paying, p.Project.ID, p.Cost.Currency)
	if c.before == nil && (total.amount > math.MaxInt64-p.Amount || !pays.holds(&p.Cost)) {
		return fault(colAmount, AmountIncorrect, "The sums of the rows before are so large that this one cannot be added. Divide the file.")
	}
	first := t.twins.add(c.twin, c.line)
	if c.before != nil {
		t.report.PaidAlready++
		t.warn(t.paidAlready(c))
		return nil
	}
	total.rows++
	total.amount += p.Amount
	pays.debit += p.Cost.Amount
	pays.fee += p.Cost.Fee
	if p.Amount > total.largest {
		limits, _ := p.Method.Currency(p.Currency)
		total.largest, total.most = p.Amount, limits.Max
	}
	if first > 0 {
		t.warn(Warning{
			Line: c.line, Column: colAccount, Kind: SameAccountAndAmount,
			Message: fmt.Sprintf("Line %d pays the same sum to the same account under another id. Is it meant twice?", first),
		})
	}
	if c.other != nil {
		t.warn(Warning{
			Line: c.line, Column: colAccount, Kind: SameAccountAndAmount, ProjectID: p.Project.ID, PaymentID: c.other.PaymentID,
			Message: fmt.Sprintf("Payment %s of %s pays the same sum to the same account. Is it meant twice?", quoted(c.other.PaymentID), day(c.other.At)),
		})
	}
	return nil
}

func (t *tally) paidAlready(c *checked) Warning {
	message := "Paid already, will not be paid again: requested on " + day(c.before.At) + "."
	switch c.before.Status {
	case payout.Processing, payout.AwaitingRetry:
		message = "Paid already, will not be paid again: requested on " + day(c.before.At) + ", the result is not there yet."
	case payout.Decline, payout.Reversed:
		message = fmt.Sprintf("Paid already, will not be paid again: requested on %s, and its status is %s. To pay it, give the row a new payment id.", day(c.before.At), c.before.Status)
	}
	return Warning{
		Line: c.line, Column: colPaymentID, Kind: PaidAlready, Message: message,
		ProjectID: c.payout.Project.ID, PaymentID: c.before.PaymentID,
	}
}

func day(at time.Time) string { return at.UTC().Format("2006-01-02 15:04 UTC") }

// total finds the sums of a project and currency, mostly those that were looked for last.
func (t *tally) total(last *latest, project int64, currency string) *sums {
	key := totalKey{project, currency}
	if last.sums != nil && key == last.key {
		return last.sums
	}
	s := t.totals[key]
	if s == nil {
		if t.totals == nil {
			t.totals = make(map[totalKey]*sums)
		}
		s = &sums{}
		key.currency = strings.Clone(key.currency)
		t.totals[key] = s
	}
	*last = latest{totalKey{project, strings.Clone(currency)}, s}
	return s
}

// finish compares the totals with balances, and with what is usual.
func (t *tally) finish(ctx context.Context) error {
	for key, s := range t.totals {
		total := Total{ProjectID: key.project, Currency: key.currency, Rows: s.rows, Amount: s.amount, Debit: s.debit, Fee: s.fee}
		if t.checker.Balance != nil {
			var err error
			if total.Available, err = t.checker.Balance(ctx, key.project, key.currency); err != nil {
				return err
			}
		}
		total.Miss()
		t.report.Totals = append(t.report.Totals, total)
	}
	slices.SortFunc(t.report.Totals, func(a, b Total) int {
		return cmp.Or(cmp.Compare(a.ProjectID, b.ProjectID), cmp.Compare(a.Currency, b.Currency))
	})
	t.warnCut()
	for i := range t.report.Totals {
		if err := t.compareUnits(ctx, &t.report.Totals[i]); err != nil {
			return err
		}
	}
	return nil
}

const (
	usualDays   = 90
	enoughUsual = 20 // payouts tell what is usual
	farBelow    = 30 // times less than usual: most likely the other unit
)

// compareUnits warns where a whole file most likely has major units in the place of minor ones. Where the project's past says
// what is usual, that decides; else it is that all sums would be allowed in the other unit, too.
func (t *tally) compareUnits(ctx context.Context, total *Total) error {
	s := t.totals[totalKey{total.ProjectID, total.Currency}]
	unit := inMinorUnits(1, total.Currency)
	if total.Rows == 0 || unit == 0 {
		return nil
	}
	var payments, amount int64
	if t.checker.Paid != nil {
		var err error
		since := t.checker.Rules.Now.Add(-usualDays * 24 * time.Hour)
		if payments, amount, err = t.checker.Paid.Usual(ctx, total.ProjectID, total.Currency, since); err != nil {
			return err
		}
	}
	doubtful := s.largest <= s.most/unit
	if payments >= enoughUsual {
		doubtful = total.Amount/total.Rows <= amount/payments/farBelow
	}
	if !doubtful {
		return nil
	}
	line := int64(0)
	if t.head != nil {
		line = t.head.line
	}
	t.warn(Warning{
		Line: line, Column: colAmount, Kind: SpreadsheetHabit, ProjectID: total.ProjectID,
		Message: fmt.Sprintf("Amounts are read as minor units: the %d rows of project %d pay %s in total, and the largest pays %s. "+
			"If the file has whole %s, all amounts must be multiplied by %d.", total.Rows, total.ProjectID, money.Format(total.Amount, total.Currency),
			money.Format(s.largest, total.Currency), total.Currency, unit),
	})
	return nil
}

// beginFaults begins the faults' download: the uploaded file with two columns more.
func (t *tally) beginFaults(to io.Writer) error {
	if to == nil {
		return nil
	}
	var err error
	if t.faults, err = csvfile.NewWriter(to, rune(t.head.separator)); err != nil {
		return err
	}
	if t.head.bom {
		t.faults.Mark()
	}
	t.writeCells(t.head.raw)
	t.faults.Cell(colError)
	t.faults.Cell(colAdvice)
	return t.faults.End()
}

func (t *tally) endFaults() error {
	if t.faults == nil {
		return nil
	}
	return t.faults.Flush()
}

// writeRow writes a row into the faults' download. One whose form is broken stands in its first cell as it was: cut into
// cells it would look whole, and come back so.
func (t *tally) writeRow(raw string, faults []Fault) error {
	if t.faults == nil {
		return nil
	}
	if slices.ContainsFunc(faults, func(f Fault) bool { return f.Message == string(FileBroken) }) {
		t.cells = append(t.cells[:0], raw)
		for len(t.cells) < len(t.head.columns) {
			t.cells = append(t.cells, "")
		}
	} else {
		t.cells = t.head.cutAll(raw, t.cells)
	}
	t.writeCells(t.cells)
	var messages, advice []string
	for _, f := range faults {
		said := f.Advice
		if t.advise != nil {
			said = t.advise(said)
		}
		messages, advice = append(messages, f.Message), append(advice, said)
	}
	t.faults.Cell(strings.Join(messages, "; "))
	t.faults.Cell(strings.Join(advice, " "))
	return t.faults.End()
}

// writeCells writes what was uploaded, without the two columns of a faults' download before.
func (t *tally) writeCells(cells []string) {
	for i := range t.head.columns {
		if t.head.columns[i].use != ours {
			t.faults.Cell(cells[i])
		}
	}
}
