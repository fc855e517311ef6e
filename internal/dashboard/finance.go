package dashboard

import (
	"cmp"
	"fmt"
	"slices"

	"flashpay/internal/ledger"
	"flashpay/internal/merchant"
	"flashpay/internal/staff"
)

// financeRoutes are balances, statements and rates.
var financeRoutes = []route{
	{pattern: "GET /finance", right: staff.ViewBalances, serve: serveFinance},
	{pattern: "GET /finance/{project}", right: staff.ViewBalances, serve: serveFinanceProject},
	{pattern: "GET /finance/statement", right: staff.ViewBalances, serve: serveStatement},
	{pattern: "GET /finance/statement/print", right: staff.ViewBalances, serve: serveStatementPrint},
	{pattern: "GET /finance/statement/csv", right: staff.ViewBalances, serve: serveStatementCSV},
	{pattern: "GET /finance/statement/movements", right: staff.ViewBalances, serve: serveMovements},
	{pattern: "GET /finance/rates", right: staff.ViewBalances, serve: serveRates},
	{pattern: "GET /finance/rates/csv", right: staff.ViewBalances, serve: serveRatesCSV},
	{pattern: "GET /finance/tariffs", right: staff.ViewBalances, serve: serveTariffs},
	{pattern: "GET /finance/{project}/tariff", right: staff.OperateFunds, serve: serveTariffForm},
	{pattern: "POST /finance/{project}/tariff", right: staff.OperateFunds, fresh: true, serve: serveTariffSet, again: serveTariffAgain},
}

// balanceView is what a project has in one currency.
type balanceView struct {
	Project                         *merchant.Project
	Currency                        string
	Available, Held, Disputed, Owed int64
}

func (v *visit) balances(projects []*merchant.Project) ([]balanceView, error) {
	byID := make(map[int64]*merchant.Project)
	var ids []int64
	for _, p := range projects {
		byID[p.ID] = p
		ids = append(ids, p.ID)
	}
	all, err := v.d.Store.AllBalances(v.ctx(), ids)
	var out []balanceView
	for _, b := range all {
		out = append(out, balanceView{
			byID[b.ProjectID], b.Currency, b.Sum(ledger.Available), b.Sum(ledger.Held), b.Sum(ledger.Disputed), b.Owed(),
		})
	}
	return out, err
}

type financePage struct {
	Tab      string
	Totals   []balanceView // of all balances, by currency
	Balances []balanceView
	Project  *merchant.Project // nil: of all projects
	Lines    []statementLine
	Next     string
	First    string
}

// statementLine is what an operator booked, as the project sees it.
type statementLine struct {
	ledger.Transfer
	Amount int64 // below zero where the project lost it
}

func lineOf(t ledger.Transfer) statementLine {
	line := statementLine{t, t.Amount}
	if t.Debit == ledger.Available || t.Debit == ledger.Receivable {
		line.Amount = -t.Amount
	}
	return line
}

// totalsOf adds balances up by currency.
func totalsOf(balances []balanceView) (out []balanceView) {
	for _, b := range balances {
		i, found := slices.BinarySearchFunc(out, b.Currency, func(t balanceView, code string) int { return cmp.Compare(t.Currency, code) })
		if !found {
			out = slices.Insert(out, i, balanceView{Currency: b.Currency})
		}
		t := &out[i]
		t.Available, t.Held, t.Disputed, t.Owed = t.Available+b.Available, t.Held+b.Held, t.Disputed+b.Disputed, t.Owed+b.Owed
	}
	return out
}

func serveFinance(_ *Dashboard, v *visit) error {
	balances, err := v.balances(v.projects())
	if err != nil {
		return err
	}
	if v.wantsFile() {
		return v.balancesFile(balances).send(v)
	}
	page := financePage{Tab: "balances", Balances: balances, Totals: totalsOf(balances)}
	return v.renderFinance(Page{Title: v.t("finance.title"), Data: page, Wide: true, Files: true})
}

// renderFinance shows balances: as a page, or as the part of it that refreshes itself.
func (v *visit) renderFinance(p Page) error {
	if v.asksFor("live") {
		return v.fragment("finance", "live", p)
	}
	return v.render("finance", p)
}

func serveFinanceProject(d *Dashboard, v *visit) error {
	p, err := v.project(v.r.PathValue("project"))
	if err != nil {
		return err
	}
	page := financePage{Project: p}
	if page.Balances, err = v.balances([]*merchant.Project{p}); err != nil {
		return err
	}
	if v.wantsFile() {
		return v.sendOf(map[string]func() (sender, error){
			"balances": func() (sender, error) { return v.balancesFile(page.Balances), nil },
			"booked":   func() (sender, error) { return v.bookedFile(p), nil },
		})
	}
	below := v.below()
	lines, err := d.Store.ManualTransfers(v.ctx(), p.ID, below, listLength+1)
	if err != nil {
		return err
	}
	for _, t := range lines[:min(len(lines), listLength)] {
		page.Lines = append(page.Lines, lineOf(t))
	}
	if below > 0 {
		page.First = v.r.URL.Path
	}
	if len(lines) > listLength {
		page.Next = fmt.Sprintf("%s?below=%d", v.r.URL.Path, lines[listLength-1].ID)
	}
	return v.renderFinance(Page{Title: v.t("finance.title_of", "project", p.Name), Data: page})
}
