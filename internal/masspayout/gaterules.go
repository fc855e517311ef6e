package masspayout

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"flashpay/internal/accept"
	"flashpay/internal/account"
	"flashpay/internal/money"
	"flashpay/internal/payout"
	"flashpay/signature"
)

// gate judges the row by the rules of Gate: as the request that it stands for.
func (j *judge) gate(p *Payout) {
	kind, known := j.kindOf(p)
	if known && !j.mayBeAmbiguous() && j.fitsAlone(j.kinds[kind]) {
		return
	}
	j.plan.fill(&j.root, j.cells)
	j.best = ""
	if v := j.root.Get("payment", "best_before"); v != nil && v.Kind == signature.String {
		j.best = v.Text
	}
	j.in = accept.In{Project: p.Project, Method: p.Method, Tree: &j.root, Interface: accept.InterfaceDashboard, Report: &j.report}
	if p.Project == nil {
		j.in.Project = j.rules.Sender
	}
	j.report = accept.Payout.Check(&j.root)
	if j.mayBeAmbiguous() {
		j.report.CheckLines(signature.Canonical(&j.root))
	}
	refusal := accept.Validate(&j.in)
	if refusal == nil {
		if !known && p.Project != nil && p.Method != nil {
			j.learn(kind)
		}
		return
	}
	for i := range refusal.Faults {
		f := &refusal.Faults[i]
		if row, ok := accept.Payout.Row(f.Field); ok && row.Type == "object" { // what it would have to hold is told of each column
			continue
		}
		m := incorrect(f.Field)
		if f.Missing {
			m = empty(f.Field)
		}
		j.add(f.Field, m, j.advice(f))
	}
}

// mayBeAmbiguous tells whether a cell holds what parts the members of a signing string.
func (j *judge) mayBeAmbiguous() bool {
	for i := range j.cells {
		if strings.IndexByte(j.cells[i], ';') >= 0 {
			return true
		}
	}
	return false
}

// advice words a fault of Gate for people who fill in files.
func (j *judge) advice(f *accept.Fault) string {
	cell := j.cell(f.Field)
	text := f.Description + "."
	switch {
	case f.Missing:
		text = fmt.Sprintf("%s is required; the cell is empty.", f.Field)
		if _, ok := j.head.index[f.Field]; !ok {
			text = fmt.Sprintf("%s is required, and the file has no such column. Add it, as the method's template has it.", f.Field)
		}
	case tooLarge(cell) && j.isInteger(f.Field):
		text = tooLargeAdvice
	case f.Field == colBirth && birthAdvice(cell) != "":
		text = birthAdvice(cell)
	case strings.ContainsAny(cell, " "):
		if trimmed := strings.ReplaceAll(cell, " ", ""); f.Field == colAccount || strings.TrimSpace(cell) != cell || isDigits(trimmed) {
			text += " Spaces stand in the cell: delete them."
		}
	}
	return text
}

// isInteger tells whether a column holds integers.
func (j *judge) isInteger(column string) bool {
	i, ok := j.head.index[column]
	return ok && (j.head.columns[i].kind == accept.IntegerInput || j.head.columns[i].kind == accept.BankInput)
}

// precheck asks what else would decline the payout at once, and what the account doctor says.
func (j *judge) precheck(r *row, p *Payout) {
	f := j.rules.Payouts.Precheck(&accept.Candidate{
		Project: p.Project, Method: p.Method, Amount: p.Amount, Currency: p.Currency, Account: p.Account, BestBefore: j.best,
	}, j.rules.Now)
	switch f.Code {
	case payout.CodeSuccess:
		p.Cost = f.Cost
	case payout.CodeAccountData:
		j.add(colAccount, incorrect(colAccount), cmp.Or(zerosLost(p.Account), f.Finding.Message))
		return
	case payout.CodeMerchantBlocked:
		j.add(colProject, Message(fmt.Sprintf("Project %d is blocked%s", p.Project.ID, unlistedMessageEnd)), "Nothing is paid from a blocked project. Ask the platform's operators.")
	default:
		told, ok := codeMessages[f.Code]
		if !ok {
			told.message = Message(payout.Message(f.Code) + unlistedMessageEnd)
		}
		j.add(told.column, told.message, j.limitAdvice(f.Code, p))
	}
	if f.Policy == account.Off && p.Method.Country == account.Country {
		if lost := zerosLost(p.Account); lost != "" {
			r.warnings = append(r.warnings, Warning{Line: j.line, Column: colAccount, Kind: SpreadsheetHabit, Message: lost})
		}
	}
	if f.Policy != account.Warn || f.Finding.OK() {
		return
	}
	switch lost := zerosLost(p.Account); {
	case lost != "":
		j.add(colAccount, incorrect(colAccount), lost)
	case f.Finding.Verdict == account.CutBySpreadsheet:
		j.add(colAccount, incorrect(colAccount), f.Finding.Message)
	default:
		r.warnings = append(r.warnings, Warning{Line: j.line, Column: colAccount, Kind: AccountDoubtful, Message: f.Finding.Message})
	}
}

const accountDigits = 16

// zerosLost says that an account is whole again with the zeros at its front that a spreadsheet drops of numbers.
func zerosLost(number string) string {
	missing := accountDigits - len(number)
	if missing < 1 || missing > 3 || !isDigits(number) {
		return ""
	}
	zeros := strings.Repeat("0", missing)
	if !account.Check(zeros+number, nil).OK() {
		return ""
	}
	return fmt.Sprintf("It looks as if a spreadsheet took the account for a number and dropped what it began with: with %s before it, its check digits fit. "+
		"Format the column as text, and enter the account again.", zeros)
}

// limitAdvice says which limit a sum does not keep to, in both forms of a sum: who wrote major units sees it.
func (j *judge) limitAdvice(code int, p *Payout) string {
	c, _ := p.Method.Currency(p.Currency)
	settings := p.Project.Settings.Methods[p.Method.Path]
	least, most := settings.Limits(p.Currency, c.Min, c.Max)
	is := fmt.Sprintf("%d is %s", p.Amount, money.Format(p.Amount, p.Currency))
	switch code {
	case payout.CodeBelowLimit:
		advice := fmt.Sprintf("%s, and the least is %s.", is, money.Format(least, p.Currency))
		if minor := inMinorUnits(p.Amount, p.Currency); minor >= least && minor <= most {
			advice += fmt.Sprintf(" Amounts are in minor units: if %s is meant, write %d.", money.Format(minor, p.Currency), minor)
		}
		return advice
	case payout.CodeAboveLimit:
		return fmt.Sprintf("%s, and the most is %s.", is, money.Format(most, p.Currency))
	case payout.CodeInvalidAmount:
		return fmt.Sprintf("%s, and sums must be multiples of %s.", is, money.Format(c.Step, p.Currency))
	case payout.CodeCurrencyDisabled:
		return fmt.Sprintf("Project %d does not pay out %s by %s.", p.Project.ID, p.Currency, p.Method.Path)
	case payout.CodeNotAllowed:
		return fmt.Sprintf("Project %d does not pay out by %s: the method is switched off in its settings.", p.Project.ID, p.Method.Path)
	case payout.CodeNoPayoutMethod:
		return fmt.Sprintf("No bank is connected by which project %d could pay out by %s.", p.Project.ID, p.Method.Path)
	}
	return payout.Message(code) + " (" + strconv.Itoa(code) + ")"
}

// inMinorUnits is a number of major units in minor ones; 0 where there is no difference, or it is too large.
func inMinorUnits(major int64, currency string) int64 {
	c, ok := money.Lookup(currency)
	if !ok || c.Exponent == 0 || major > maxAmount {
		return 0
	}
	for range c.Exponent {
		major *= 10
	}
	return major
}
