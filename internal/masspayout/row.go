package masspayout

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"flashpay/internal/accept"
	"flashpay/internal/merchant"
	"flashpay/internal/method"
	"flashpay/internal/money"
	"flashpay/internal/payout"
	"flashpay/internal/store/paid"
	"flashpay/signature"
)

// maxAmount is the largest sum of a payout in minor units, whatever the method.
const maxAmount = 10_000_000_000_000

// Rules are what rows are judged by.
type Rules struct {
	Payouts *accept.Service
	Method  func(path string) (*method.Method, bool)
	Project func(id int64) (*merchant.Project, bool)
	Sender  *merchant.Project // in whose name the file is sent: its merchant's projects may be paid from
	Now     time.Time
}

// row is what a row of a file has turned out to be.
type row struct {
	line     int64
	blank    bool
	faults   []Fault
	warnings []Warning
	good     bool
	payout   Payout // where the row is good
}

// Payout is a row that may be sent.
type Payout struct {
	Project   *merchant.Project
	Method    *method.Method
	PaymentID string
	Amount    int64 // minor units
	Currency  string
	Account   string // in clear
	Cost      accept.Cost
}

// judge judges rows, one after the other. It is not for several goroutines at once.
type judge struct {
	rules    *Rules
	head     *head
	plan     requestPlan
	flat     []memberPlan    // of plan
	kinds    map[kind]*alike // of rows that were good; nil: all rules are asked of each
	patterns []*pattern
	projects map[string]projectWord
	methods  map[string]methodWord

	own ownColumns

	line       int64
	semicolons bool // a cell may hold one
	cells      []string
	faults     []Fault
	in         accept.In
	best       string // the moment until which the row may be paid
	root       signature.Value
	report     accept.Report

	places []int // of a block's good rows, and what is looked for of them
	ids    []paid.ID
	pays   []paid.Sum
}

// projectWord is what a project number in a file means.
type projectWord struct {
	project *merchant.Project
	message Message
	advice  string
}

type methodWord struct {
	method *method.Method
	advice string // why it is not available
	card   bool
}

func newJudge(rules *Rules, h *head) *judge {
	plan := newRequestPlan(h.columns)
	return &judge{
		rules: rules, head: h, plan: plan, flat: plan.flatten(), kinds: make(map[kind]*alike), own: newOwnColumns(h),
		projects: make(map[string]projectWord), methods: make(map[string]methodWord),
	}
}

// ownColumns are the places of the columns that are looked at in every row; -1: the file has none.
type ownColumns struct {
	operation, project, method, paymentID, amount, currency, account, customerID, operationID, region int

	limited [len(ownLimits)]int
}

func newOwnColumns(h *head) ownColumns {
	at := func(name string) int {
		if i, ok := h.index[name]; ok {
			return i
		}
		return -1
	}
	own := ownColumns{
		operation: at(colOperationType), project: at(colProject), method: at(colMethod), paymentID: at(colPaymentID), amount: at(colAmount),
		currency: at(colCurrency), account: at(colAccount), customerID: at(colCustomerID), operationID: at(colOperationID), region: at(colRegion),
	}
	for i, limit := range ownLimits {
		own.limited[i] = at(limit.column)
	}
	return own
}

// at is what stands in a column; empty where the row or the file does not have it.
func (j *judge) at(place int) string {
	if place < 0 || place >= len(j.cells) {
		return ""
	}
	return j.cells[place]
}

// row judges a row that was cut into cells.
func (j *judge) row(line int64, cells []string, form *cellFault) row {
	j.line, j.cells, j.faults = line, cells, nil
	r := row{line: line}
	if form == nil && j.quick(&r) {
		return r
	}
	switch {
	case form == nil && j.isBlank():
		r.blank = true
		return r
	case j.isSum():
		j.add(colPaymentID, PaymentIDEmpty, "The row holds a sum and names no payout: it looks like the total below a table. Delete it.")
	case !j.fits(form):
	case j.isSample():
	default:
		j.payout(&r)
	}
	r.faults = j.faults
	r.good = len(r.faults) == 0
	if r.good && form == nil && len(r.warnings) == 0 {
		j.remember(r.payout)
	}
	return r
}

// isBlank tells whether nothing is filled in.
func (j *judge) isBlank() bool {
	for i, cell := range j.cells {
		if cell == "" || i < len(j.head.columns) && j.head.columns[i].use == ours {
			continue
		}
		if !isEmpty(cell) {
			return false
		}
	}
	return true
}

// isEmpty tells whether a cell has nothing in it that can be seen.
func isEmpty(cell string) bool {
	return cell == "" || !plainBytes[cell[0]] && strings.TrimFunc(cell, isEdge) == ""
}

// isSum tells whether a row is the sum below a table: it names no payment, account, customer and method, but has a number, and
// next to nothing else.
func (j *judge) isSum() bool {
	for _, place := range [...]int{j.own.paymentID, j.own.method, j.own.account, j.own.customerID} {
		if cell := j.at(place); cell != "" && !isSumWord(cell) && strings.TrimSpace(cell) != "" {
			return false
		}
	}
	numbers, words, others := 0, 0, 0
	for i, cell := range j.cells {
		cell = strings.TrimSpace(cell)
		switch {
		case cell == "" || i < len(j.head.columns) && j.head.columns[i].use == ours:
		case isSumWord(cell):
			words++
		case isNumberLike(cell):
			numbers++
		default:
			others++
		}
	}
	return numbers > 0 && (words > 0 || j.at(j.own.amount) != "") && others <= 1 // a currency may stand beside it
}

func isNumberLike(cell string) bool {
	return isDigits(strings.NewReplacer(".", "", ",", "", "-", "").Replace(grouping.Replace(cell)))
}

// cell is what stands in a column; empty where the file does not have the column.
func (j *judge) cell(name string) string {
	i, ok := j.head.index[name]
	if !ok || i >= len(j.cells) {
		return ""
	}
	return j.cells[i]
}

// add notes a fault of a column, where it has none yet: one is enough to know what to do.
func (j *judge) add(column string, m Message, advice string) {
	if j.hasFault(column) {
		return
	}
	j.faults = append(j.faults, Fault{Line: j.line, Column: column, Message: m.At(j.line), Advice: advice})
}

func (j *judge) hasFault(column string) bool {
	return slices.ContainsFunc(j.faults, func(f Fault) bool { return f.Column == column })
}

// incorrect and empty are the messages about columns for which the platform's table has none.
func incorrect(column string) Message {
	switch column {
	case colAmount:
		return AmountIncorrect
	case colCurrency:
		return CurrencyIncorrect
	case colProject:
		return ProjectNotNumeric
	case colMethod:
		return MethodUnavailable
	}
	return Message("Incorrect " + column + unlistedMessageEnd)
}

func empty(column string) Message {
	switch column {
	case colAmount:
		return AmountEmpty
	case colCurrency:
		return CurrencyEmpty
	case colPaymentID:
		return PaymentIDEmpty
	}
	return Message(column + " is empty" + unlistedMessageEnd)
}

// fits tells whether a row has the form that the column names ask for.
func (j *judge) fits(form *cellFault) bool {
	columns := j.head.columns
	for len(j.cells) > len(columns) && strings.TrimSpace(j.cells[len(j.cells)-1]) == "" {
		j.cells = j.cells[:len(j.cells)-1]
	}
	for len(j.cells) < len(columns) && (columns[len(j.cells)].use == ours || columns[len(j.cells)].name == "") {
		j.cells = append(j.cells, "")
	}
	switch {
	case form != nil:
		j.broken(form)
	case len(j.cells) > len(columns):
		j.add("", FileBroken, fmt.Sprintf("The row has %d cells, and there are %d column names. A cell that holds «%c» must stand in quotation marks; empty cells keep their separators.",
			len(j.cells), len(columns), j.head.separator))
	case len(j.cells) < len(columns):
		j.add("", FileBroken, fmt.Sprintf("The row has %d cells, and there are %d column names. Empty cells keep their separators: is a «%c» or a line break missing?",
			len(j.cells), len(columns), j.head.separator))
	default:
		for i, c := range columns {
			if c.name == "" && strings.TrimSpace(j.cells[i]) != "" {
				j.add("", FileBroken, fmt.Sprintf("Cell %d of the row is filled in, and its column has no name. Delete the cell, or name the column.", i+1))
			}
		}
	}
	return len(j.faults) == 0
}

func (j *judge) broken(f *cellFault) {
	name := fmt.Sprintf("cell %d", f.cell+1)
	if f.cell < len(j.head.columns) {
		name = cmp.Or(j.head.columns[f.cell].name, name)
	}
	var advice string
	switch f.what {
	case textBehindQuote:
		advice = "Text stands behind the quotation mark that closes the cell. A quotation mark inside of a quoted cell is written twice."
	case quotesSwallow:
		advice = "The quotation mark that opens here is closed only lines later, so that the rows between are read as text of this cell. Close it, or delete it; " +
			"a quotation mark inside of a quoted cell is written twice."
	case loneReturn:
		advice = "A carriage return (CR) stands in the row alone: is it meant as the end of a line? " + asCSV
	}
	f2 := Fault{Line: j.line + int64(f.lines), Column: quoted(name), Message: FileBroken.At(j.line), Advice: advice}
	j.faults = append(j.faults, f2)
}

// isSample tells whether a row is what the template came with.
func (j *judge) isSample() bool {
	const delete = "The row is the sample that the template came with. Delete it."
	if strings.EqualFold(j.at(j.own.paymentID), samplePaymentID) {
		j.add(colPaymentID, incorrect(colPaymentID), delete)
		return true
	}
	return false
}

// payout judges a row of the right form.
func (j *judge) payout(r *row) {
	if !j.operation() {
		return
	}
	for i, c := range j.head.columns {
		if c.use != member && c.use != judged {
			continue
		}
		if advice := habitOf(c, j.cells[i]); advice != "" {
			j.add(c.name, incorrect(c.name), advice)
		}
	}
	p := &r.payout
	*p = Payout{PaymentID: j.at(j.own.paymentID), Currency: j.at(j.own.currency), Account: j.at(j.own.account)}
	p.Project = j.project()
	m := j.method()
	p.Method = m.method
	if isEmpty(p.PaymentID) {
		j.add(colPaymentID, PaymentIDEmpty, "Give each payout an id of its own: by it the payout is known for good.")
	}
	p.Amount = j.amount(p.Currency)
	j.currency(p.Currency)
	j.ownColumns()
	if m.card {
		j.card()
		return
	}
	j.gate(p)
	if p.Project != nil && p.Method != nil && p.Amount > 0 && money.Valid(p.Currency) {
		j.precheck(r, p)
	}
	j.order()
}

// habitOf is what a spreadsheet has done to a cell; empty: nothing that shows.
func habitOf(c column, cell string) string {
	switch {
	case cell == "" || c.name == colAmount:
		return "" // amounts have their own advice
	case c.code:
		return codeHabit(cell)
	}
	return textHabit(cell)
}

// operation tells whether the row asks for a payout.
func (j *judge) operation() bool {
	switch cell := j.at(j.own.operation); cell {
	case "payout":
		return true
	case "capture", "cancel", "refund":
		j.add(colOperationType, MethodUnavailable, fmt.Sprintf("The row asks for the operation %s; files can hold payouts only. Write payout, or delete the row.", cell))
	case "":
		j.add(colOperationType, empty(colOperationType), "Write payout.")
	default:
		j.add(colOperationType, incorrect(colOperationType), cmp.Or(codeHabit(cell), "Write payout, in small letters."))
	}
	return false
}

func (j *judge) project() *merchant.Project {
	cell := j.at(j.own.project)
	word, known := j.projects[cell]
	if !known {
		word = j.readProject(cell)
		if len(j.projects) < maxWords {
			j.projects[strings.Clone(cell)] = word
		}
	}
	if word.project == nil {
		j.add(colProject, word.message, word.advice)
	}
	return word.project
}

// maxWords is how many different project numbers and methods of a file are remembered.
const maxWords = 1000

func (j *judge) readProject(cell string) projectWord {
	sender := strconv.FormatInt(j.rules.Sender.ID, 10)
	if !isDigits(cell) {
		advice := "Write the project's number in digits only, such as " + sender + "."
		if cell == "" {
			advice = "The cell is empty. Write the project's number, such as " + sender + "."
		} else if habit := codeHabit(cell); habit != "" {
			advice = habit
		}
		return projectWord{message: ProjectNotNumeric, advice: advice}
	}
	id, err := strconv.ParseInt(cell, 10, 64)
	if err != nil || cell[0] == '0' || id > 1<<32-1 {
		return projectWord{message: ProjectUnknown, advice: "Projects have numbers from 1 to 4294967295, without zeros at the front."}
	}
	p, ok := j.rules.Project(id)
	switch {
	case !ok:
		return projectWord{message: ProjectUnknown, advice: "There is no project with this number. The file is sent in the name of project " + sender + "."}
	case p.MerchantID != j.rules.Sender.MerchantID:
		return projectWord{message: ProjectOfAnother, advice: "The project belongs to another merchant than project " + sender + ", in whose name the file is sent."}
	}
	return projectWord{project: p}
}

func (j *judge) method() methodWord {
	cell := j.at(j.own.method)
	word, known := j.methods[cell]
	if !known {
		word = j.readMethod(cell)
		if len(j.methods) < maxWords {
			j.methods[strings.Clone(cell)] = word
		}
	}
	if word.method == nil {
		j.add(colMethod, MethodUnavailable, word.advice)
	}
	return word
}

func (j *judge) readMethod(cell string) methodWord {
	group, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(cell)), "/")
	m, ok := j.rules.Method(cell)
	switch {
	case group == "card" || group == "cards":
		return methodWord{card: true, advice: "Payouts to cards are not offered; payouts to bank accounts are, such as bank-transfer/kyrgyzstan."}
	case cell == "":
		return methodWord{advice: "The cell is empty. Write the method's code, such as bank-transfer/kyrgyzstan."}
	case !ok:
		return methodWord{advice: cmp.Or(codeHabit(cell), "No payout method has this code. Write it as in the template, such as bank-transfer/kyrgyzstan.")}
	case !m.Enabled:
		return methodWord{advice: "The method is not enabled on this platform."}
	}
	return methodWord{method: m}
}

// amount reads the sum; 0 where it is none.
func (j *judge) amount(currency string) int64 {
	cell := j.at(j.own.amount)
	if isEmpty(cell) {
		j.add(colAmount, AmountEmpty, "Write the sum in minor units, in digits only: 150000 stands for 1500.00 of a currency with two decimals.")
		return 0
	}
	if isDigits(cell) && cell[0] != '0' {
		if n, err := strconv.ParseInt(cell, 10, 64); err == nil && n <= maxAmount {
			return n
		}
	}
	j.add(colAmount, AmountIncorrect, amountAdvice(cell, currency))
	return 0
}

func (j *judge) currency(cell string) {
	switch {
	case isEmpty(cell):
		j.add(colCurrency, CurrencyEmpty, "Write the currency's code of three letters, such as KGS.")
	case money.Valid(cell):
	case money.Valid(strings.ToUpper(strings.TrimSpace(cell))):
		j.add(colCurrency, CurrencyIncorrect, "Write "+strings.ToUpper(strings.TrimSpace(cell))+", in capitals and without spaces.")
	default:
		j.add(colCurrency, CurrencyIncorrect, "The code is none of ISO 4217. Write three capitals, such as KGS.")
	}
}

// order sorts faults as their columns stand in the file; what has no column of the file comes last.
func (j *judge) order() {
	place := func(f Fault) int {
		if i, ok := j.head.index[f.Column]; ok {
			return i
		}
		return len(j.head.columns)
	}
	slices.SortStableFunc(j.faults, func(a, b Fault) int { return cmp.Compare(place(a), place(b)) })
}

// codeMessages are the messages of the codes by which the consistency check declines, and the columns that they are about.
var codeMessages = map[int]struct {
	column  string
	message Message
}{
	payout.CodeNotAllowed:       {colMethod, MethodUnavailable},
	payout.CodeNoPayoutMethod:   {colMethod, MethodUnavailable},
	payout.CodeCurrencyDisabled: {colCurrency, CurrencyIncorrect},
	payout.CodeAboveLimit:       {colAmount, AmountIncorrect},
	payout.CodeBelowLimit:       {colAmount, AmountIncorrect},
	payout.CodeInvalidAmount:    {colAmount, AmountIncorrect},
}
