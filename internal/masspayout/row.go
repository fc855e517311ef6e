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
}

// judge judges rows, one after the other. It is not for several goroutines at once.
type judge struct {
	rules    *Rules
	head     *head
	plan     requestPlan
	projects map[string]projectWord
	methods  map[string]methodWord

	line   int64
	cells  []string
	faults []Fault
	in     accept.In
	root   signature.Value
	report accept.Report
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
	return &judge{
		rules: rules, head: h, plan: newRequestPlan(h.columns),
		projects: make(map[string]projectWord), methods: make(map[string]methodWord),
	}
}

// row judges a row that was cut into cells.
func (j *judge) row(line int64, cells []string, form *cellFault) row {
	j.line, j.cells, j.faults = line, cells, nil
	r := row{line: line}
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
	return r
}

// isBlank tells whether nothing is filled in.
func (j *judge) isBlank() bool {
	for i, cell := range j.cells {
		if cell == "" || i < len(j.head.columns) && j.head.columns[i].use == ours {
			continue
		}
		if strings.TrimFunc(cell, isEdge) != "" {
			return false
		}
	}
	return true
}

// isSum tells whether a row is the sum below a table: it names no payment, account, customer and method, but has a number, and
// next to nothing else.
func (j *judge) isSum() bool {
	for _, name := range []string{colPaymentID, colMethod, colAccount, colCustomerID} {
		if cell := strings.TrimSpace(j.cell(name)); cell != "" && !isSumWord(cell) {
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
	return numbers > 0 && (words > 0 || j.cell(colAmount) != "") && others <= 1 // a currency may stand beside it
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
	if strings.EqualFold(j.cell(colPaymentID), samplePaymentID) {
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
	*p = Payout{PaymentID: j.cell(colPaymentID), Currency: j.cell(colCurrency), Account: j.cell(colAccount)}
	p.Project = j.project()
	m := j.method()
	p.Method = m.method
	if strings.TrimSpace(p.PaymentID) == "" {
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
		j.foresee(r, p)
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
	switch cell := j.cell(colOperationType); cell {
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
	cell := j.cell(colProject)
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
	cell := j.cell(colMethod)
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
	cell := j.cell(colAmount)
	if strings.TrimFunc(cell, isEdge) == "" {
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
	case strings.TrimFunc(cell, isEdge) == "":
		j.add(colCurrency, CurrencyEmpty, "Write the currency's code of three letters, such as KGS.")
	case money.Valid(cell):
	case money.Valid(strings.ToUpper(strings.TrimSpace(cell))):
		j.add(colCurrency, CurrencyIncorrect, "Write "+strings.ToUpper(strings.TrimSpace(cell))+", in capitals and without spaces.")
	default:
		j.add(colCurrency, CurrencyIncorrect, "The code is none of ISO 4217. Write three capitals, such as KGS.")
	}
}

// ownColumns judges what only files have.
func (j *judge) ownColumns() {
	if j.cell(colOperationID) != "" {
		j.add(colOperationID, incorrect(colOperationID), "Only refunds name an operation; payouts have none yet. Empty the cell.")
	}
	for _, limit := range ownLimits {
		cell := j.cell(limit.column)
		if n := len([]rune(cell)); n > limit.most {
			j.add(limit.column, incorrect(limit.column), fmt.Sprintf("At most %d characters; there are %d.", limit.most, n))
		}
	}
	if cell := j.cell("account.region_id"); cell != "" && (!accept.IsInteger(cell) || strings.Trim(cell, "0") == "") {
		j.add("account.region_id", incorrect("account.region_id"), "A whole number from 1 is wanted.")
	}
}

// ownLimits are those of the platform's table of columns that Gate's has not.
var ownLimits = []struct {
	column string
	most   int
}{{"account.branch", 255}, {"account.city", 255}, {"customer.zip", 16}}

// card finds what else is wrong with a row that pays to a card.
func (j *judge) card() {
	year, errYear := strconv.Atoi(j.cell(colCardYear))
	month, errMonth := strconv.Atoi(j.cell(colCardMonth))
	if j.cell(colToken) != "" && j.cell(colCardYear) == "" && j.cell(colCardMonth) == "" {
		return // the token stands for the card
	}
	now := j.rules.Now
	switch {
	case errYear != nil || year < 2020 || year > 9999:
		j.add(colCardYear, CardDateInvalid, "Write the year in which the card expires in four digits, such as 2030.")
	case errMonth != nil || month < 1 || month > 12:
		j.add(colCardMonth, CardDateInvalid, "Write the month in which the card expires, from 1 to 12.")
	case year < now.Year():
		j.add(colCardYear, CardYearPast, "The card has expired.")
	case year == now.Year() && month < int(now.Month()):
		j.add(colCardMonth, CardMonthPast, "The card has expired.")
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
