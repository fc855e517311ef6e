package masspayout

import (
	_ "embed"
	"encoding/csv"
	"fmt"
	"strconv"
	"strings"
)

// Message is one of the platform's messages about files, word for word (mass-payout-errors.csv).
type Message string

// The messages. «number» stands for the line.
const (
	FileEmpty           Message = "File is empty"
	ColumnsDuplicated   Message = "Columns are duplicated"
	ColumnsMissing      Message = "File does not contain required columns"
	FormatIncorrect     Message = "Incorrect file format"
	FileBroken          Message = "File is broken"
	MethodUnavailable   Message = "Payment method is not available (line# number)"
	ProjectOfAnother    Message = "Specified project_id does not belong to specified merchant account"
	ProjectNotNumeric   Message = "Project_id is not numeric (line# number)"
	ProjectUnknown      Message = "Project_id does not exist (line# number)"
	PaymentIDEmpty      Message = "Payment_id is empty (line# number)"
	PaymentIDExists     Message = "Payment with payment_id already exists (line# number)"
	AmountEmpty         Message = "Amount is empty (line# number)"
	AmountIncorrect     Message = "Incorrect Amount (line# number)"
	CurrencyEmpty       Message = "Currency is empty (line# number)"
	CurrencyIncorrect   Message = "Incorrect Currency (line# number)"
	CardDateInvalid     Message = "Invalid date"
	CardYearPast        Message = "Card.year is in past (line# number)"
	CardMonthPast       Message = "Card.month is in past (line# number)"
	numberPlaceholder           = "(line# number)"
	unlistedMessageEnd          = " " + numberPlaceholder
	maxAdviceCharacters         = 300 // of what a fault quotes and explains
)

//go:embed mass-payout-errors.csv
var messagesCSV string

// Messages lists the platform's messages in the order of its table.
func Messages() []Message {
	var all []Message
	for _, row := range mustReadTable("mass-payout-errors.csv", messagesCSV) {
		all = append(all, Message(row[0]))
	}
	return all
}

// At is the message about a line.
func (m Message) At(line int64) string {
	return strings.Replace(string(m), numberPlaceholder, "(line# "+strconv.FormatInt(line, 10)+")", 1)
}

// mustReadTable reads an embedded table without its head; a fault in it is a fault of the build, which any test run shows.
func mustReadTable(name, text string) [][]string {
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil || len(rows) == 0 {
		panic(fmt.Sprintf("%s: %v", name, err))
	}
	return rows[1:]
}

// Fault is one thing that keeps a row, or the whole file, from being paid.
type Fault struct {
	Line    int64  `json:"line"`   // from 1, as an editor counts; 0: the whole file
	Column  string `json:"column"` // its name in the file; empty: the whole row
	Message string `json:"message"`
	Advice  string `json:"advice"` // what is wrong exactly, and what to do
}

// WarningKind says what a warning is about: a closed set.
type WarningKind string

// The kinds of warnings.
const (
	PaidAlready          WarningKind = "paid_already"            // the same payout was requested before: it will not be paid again
	SameAccountAndAmount WarningKind = "same_account_and_amount" // another payout of the same sum to the same account
	AccountDoubtful      WarningKind = "account"                 // the account doctor's remark
	SpreadsheetHabit     WarningKind = "spreadsheet"             // what a spreadsheet may have done to the file
	UnknownColumn        WarningKind = "unknown_column"          // a column that is not read
)

// Warning is what somebody should look at before the file is sent. It keeps nothing from being paid.
type Warning struct {
	Line    int64       `json:"line"`
	Column  string      `json:"column"`
	Kind    WarningKind `json:"kind"`
	Message string      `json:"message"`
	// The payment that the warning speaks of, where there is one.
	ProjectID int64  `json:"-"`
	PaymentID string `json:"-"`
}
