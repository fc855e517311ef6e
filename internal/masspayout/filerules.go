package masspayout

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"flashpay/internal/accept"
)

// ownColumns judges what only files have.
func (j *judge) ownColumns() {
	if j.at(j.own.operationID) != "" {
		j.add(colOperationID, incorrect(colOperationID), "Only refunds name an operation; payouts have none yet. Empty the cell.")
	}
	for i, limit := range ownLimits {
		cell := j.at(j.own.limited[i])
		if n := utf8.RuneCountInString(cell); n > limit.most {
			j.add(limit.column, incorrect(limit.column), fmt.Sprintf("At most %d characters; there are %d.", limit.most, n))
		}
	}
	if cell := j.at(j.own.region); cell != "" && (!accept.IsInteger(cell) || strings.Trim(cell, "0") == "") {
		advice := "A whole number from 1 is wanted."
		if tooLarge(cell) {
			advice = tooLargeAdvice
		}
		j.add(colRegion, incorrect(colRegion), advice)
	}
}

const tooLargeAdvice = "The number is too large: no such number exists."

// tooLarge tells whether a cell has the digits of a number beyond 64 bits.
func tooLarge(cell string) bool {
	_, err := strconv.ParseInt(cell, 10, 64)
	return isDigits(cell) && errors.Is(err, strconv.ErrRange)
}

// ownLimits are those of the platform's table of columns that Gate's has not.
var ownLimits = [...]struct {
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
