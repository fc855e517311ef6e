package masspayout

import (
	_ "embed"
	"slices"
	"strings"

	"flashpay/internal/accept"
)

//go:embed mass-payout-columns.csv
var columnsCSV string

// Column is one column of the platform's table of files.
type Column struct {
	Name        string
	Type        string // "string" or "integer"
	Required    string // in the table's words
	Constraints string
	Note        string
}

var columnTable = readColumns()

func readColumns() []Column {
	var all []Column
	for _, r := range mustReadTable("mass-payout-columns.csv", columnsCSV) {
		all = append(all, Column{Name: r[0], Type: r[1], Required: r[2], Constraints: r[3], Note: r[4]})
	}
	return all
}

// Columns lists the platform's table of columns in its order; callers only read it.
func Columns() []Column { return columnTable }

// Names of the columns that the reader itself looks at.
const (
	colOperationType = "operation_type"
	colProject       = accept.PathProjectID
	colMethod        = "method"
	colPaymentID     = accept.PathPaymentID
	colOperationID   = "general.operation_id"
	colAmount        = accept.PathAmount
	colCurrency      = accept.PathCurrency
	colAccount       = accept.PathAccount
	colCustomerID    = accept.PathCustomerID
	colCustomerIP    = accept.PathCustomerIP
	colPhone         = "customer.phone"
	colBirth         = "customer.day_of_birth"
	colRegion        = "account.region_id"
	colToken         = "token"
	colCardYear      = "card.year"
	colCardMonth     = "card.month"
	cardPrefix       = "card."

	// What the faults' download adds, and a file that was mended brings back.
	colError  = "error"
	colAdvice = "advice"
)

// required lists the columns that every payout needs, whatever its method. What a method needs beyond them is asked of each of
// its rows.
var required = []string{
	colOperationType, colProject, colMethod, colPaymentID, colAmount, colCurrency, colAccount, colCustomerID, colCustomerIP,
}

// use says what is done with a column.
type use uint8

const (
	unused use = iota // unknown: kept for the result
	ours              // of a faults' download: written anew
	judged            // looked at by the reader: operation type, method
	member            // a member of the request
	card              // of cards: a payout to an account has none
)

// columnUse says what is done with a column of this name, and how its member is filled in.
func columnUse(name string) (use, accept.InputKind) {
	switch {
	case name == colError || name == colAdvice:
		return ours, 0
	case name == colOperationType || name == colMethod || name == colOperationID:
		return judged, 0
	case name == colToken || strings.HasPrefix(name, cardPrefix):
		return card, 0
	case name == colRegion: // the platform's table has it, Gate's has not
		return member, accept.IntegerInput
	}
	if kind, ok := accept.KindOf(name); ok && name != "general.signature" {
		return member, kind
	}
	known := slices.ContainsFunc(columnTable, func(c Column) bool { return c.Name == name })
	if known {
		return member, accept.TextInput
	}
	return unused, 0
}

// nearest is the known column that a misspelt name most likely means; empty where none is near.
func nearest(name string) string {
	plain := func(s string) string {
		return strings.Map(func(r rune) rune {
			if strings.ContainsRune("._- \u00a0", r) {
				return -1
			}
			return r
		}, strings.ToLower(s))
	}
	for _, c := range columnTable {
		if plain(c.Name) == plain(name) {
			return c.Name
		}
	}
	_, last, dotted := strings.Cut(name, ".")
	if !dotted {
		last = name
	}
	for _, c := range columnTable {
		if _, end, _ := strings.Cut(c.Name, "."); end != "" && plain(end) == plain(last) {
			return c.Name
		}
	}
	return ""
}
