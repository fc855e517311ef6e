package dashboard

import (
	"slices"
	"time"

	"flashpay/internal/ledger"
	"flashpay/internal/store"
)

// figure is a figure of a statement, whose movements are listed.
type figure struct {
	*choice
	Position string // opening, closing, or that of a line
	Account  string // as columnOf has it; empty: what there is in all
	account  ledger.Account
}

// readFigure reads the address; a position or account that there is not is not found.
func readFigure(v *visit) (*figure, error) {
	q := v.r.URL.Query()
	f := &figure{choice: readChoice(v), Position: q.Get("position"), Account: q.Get("account")}
	for _, a := range ledger.Own {
		if columnOf(a) == f.Account {
			f.account = a
		}
	}
	known := f.Position == "opening" || f.Position == "closing" || slices.Contains(ledger.Positions, ledger.Position(f.Position))
	if !known || f.Account != "" && f.account == 0 || !f.Form.OK() || f.Form.Get("currency") == "" {
		return nil, errNotFound
	}
	f.Form.Values.Set("position", f.Position)
	if f.Account != "" {
		f.Form.Values.Set("account", f.Account)
	}
	return f, nil
}

// filter chooses the movements that the figure sums.
func (f *figure) filter() store.MovementFilter {
	m := store.MovementFilter{Projects: projectIDs(f.Chosen), From: f.From, To: f.To, Currency: f.Form.Get("currency"), Choose: f.sums}
	switch f.Position {
	case "opening":
		m.From, m.To = time.Time{}, f.From
	case "closing":
		m.From = time.Time{}
	}
	return m
}

// sums tells whether the figure sums transfers of a kind between two accounts.
func (f *figure) sums(kind ledger.Kind, debit, credit ledger.Account) bool {
	p := ledger.PositionOf(kind, debit, credit)
	if f.Position == "opening" || f.Position == "closing" {
		if p == "" || f.account == 0 && p.Inner() {
			return false
		}
	} else if string(p) != f.Position {
		return false
	}
	return f.account == 0 || f.account == debit || f.account == credit
}

// effect is what a transfer adds to the figure.
func (f *figure) effect(t *ledger.Transfer) int64 {
	l := &ledger.Statement{}
	l.Move(ledger.Moved{Kind: t.Kind, Debit: t.Debit, Credit: t.Credit, Amount: t.Amount})
	if f.account == 0 {
		return l.Closing.Total()
	}
	return l.Closing.Sums[slices.Index(ledger.Own, f.account)]
}

// movementRow is a movement as the list shows it.
type movementRow struct {
	store.LedgerMovement
	Effect   int64
	Position ledger.Position
}

// movementsPage is the list of what a figure sums.
type movementsPage struct {
	Tab       string
	Figure    *figure
	Rows      []movementRow
	Sum       int64
	Transfers int64
	From, To  time.Time // zero: no bound
	Next      string
	First     string
}

func serveMovements(d *Dashboard, v *visit) error {
	f, err := readFigure(v)
	if err != nil {
		return err
	}
	filter := f.filter()
	page := &movementsPage{Tab: "statement", Figure: f, From: filter.From, To: filter.To}
	if f.Position == "opening" && f.From.IsZero() { // nothing is before the beginning
		filter.Projects = nil
	}
	if v.wantsFile() {
		return v.movementsFile(f, filter).send(v)
	}
	sums, err := d.Store.LedgerSums(v.ctx(), filter.Projects, filter.From, filter.To)
	if err != nil {
		return err
	}
	for _, l := range sums.Within {
		if l.Currency == filter.Currency && f.sums(l.Kind, l.Debit, l.Credit) {
			page.Sum += f.effect(&ledger.Transfer{Kind: l.Kind, Debit: l.Debit, Credit: l.Credit, Amount: l.Amount})
			page.Transfers += l.Transfers
		}
	}
	var after *store.MovementPlace
	if place, ok := store.ParseMovementPlace(v.r.URL.Query().Get("after")); ok {
		after, page.First = &place, f.Address("/finance/statement/movements")
	}
	rows, next, err := d.Store.Movements(v.ctx(), filter, after, listLength)
	if err != nil {
		return err
	}
	for _, m := range rows {
		page.Rows = append(page.Rows, movementRow{m, f.effect(&m.Transfer), ledger.PositionOf(m.Kind, m.Debit, m.Credit)})
	}
	if next != nil {
		page.Next = f.Address("/finance/statement/movements", "after", next.String())
	}
	return v.render("finance_movements", Page{Title: v.t("finance.movements"), Data: page, Wide: true, Files: true})
}
