package dashboard

import (
	"strconv"
	"strings"
	"time"

	"flashpay/internal/ledger"
	"flashpay/internal/merchant"
	"flashpay/internal/payout"
	"flashpay/internal/record"
	"flashpay/internal/report"
	"flashpay/internal/store"
	"flashpay/internal/store/people"
)

// What visitors have of their own as files: reports, schedules, templates, sessions; and payouts by hand.

func listed(ids []int64) string {
	var texts []string
	for _, id := range ids {
		texts = append(texts, strconv.FormatInt(id, 10))
	}
	return strings.Join(texts, ", ")
}

func (v *visit) reportsFile() listFile[*report.Report] {
	each := func(write func(*report.Report) error) error {
		var behind *report.Report
		for {
			found, err := v.d.Reports.List(v.ctx(), v.user.ID, behind, teamPageSize)
			if err != nil {
				return err
			}
			if err := eachOf(found)(write); err != nil || len(found) == 0 {
				return err
			}
			behind = found[len(found)-1]
		}
	}
	return listFile[*report.Report]{"reports", func(say wording) record.Table[*report.Report] {
		return record.Table[*report.Report]{
			idColumn("report_id", func(r **report.Report) int64 { return (*r).ID }),
			textColumn("kind", func(r **report.Report) string {
				return say((*r).Order.Request.Kind, "report.kind."+(*r).Order.Request.Kind)
			}),
			textColumn("project_id", func(r **report.Report) string { return listed((*r).Order.Request.Projects) }),
			momentColumn("from", func(r **report.Report) time.Time { return (*r).Order.Request.From }),
			momentColumn("to", func(r **report.Report) time.Time { return (*r).Order.Request.To }),
			textColumn("zone", func(r **report.Report) string { return (*r).Order.Request.Zone }),
			idColumn("schedule_id", func(r **report.Report) int64 { return (*r).Order.Schedule }),
			momentColumn("requested_at", func(r **report.Report) time.Time { return (*r).CreatedAt }),
			textColumn("state", func(r **report.Report) string { return say(string((*r).State), "report.state."+string((*r).State)) }),
			countColumn("rows", func(r **report.Report) int64 { return (*r).Rows }),
			momentColumn("as_of", func(r **report.Report) time.Time { return (*r).AsOf }),
			momentColumn("kept_until", func(r **report.Report) time.Time { return (*r).KeptUntil }),
		}
	}, each}
}

func (v *visit) schedulesFile(rows []scheduleRow) listFile[scheduleRow] {
	return listFile[scheduleRow]{"schedules", func(say wording) record.Table[scheduleRow] {
		return record.Table[scheduleRow]{
			idColumn("schedule_id", func(r *scheduleRow) int64 { return r.ID }),
			textColumn("name", func(r *scheduleRow) string { return r.Name }),
			textColumn("kind", func(r *scheduleRow) string { return say(r.Order.Request.Kind, "report.kind."+r.Order.Request.Kind) }),
			textColumn("project_id", func(r *scheduleRow) string { return listed(r.Order.Request.Projects) }),
			textColumn("every", func(r *scheduleRow) string { return say(string(r.Every), "report.every."+string(r.Every)) }),
			idColumn("on_day", func(r *scheduleRow) int64 { return int64(r.On) }),
			countColumn("hour", func(r *scheduleRow) int64 { return int64(r.Hour) }),
			textColumn("zone", func(r *scheduleRow) string { return r.Order.Request.Zone }),
			textColumn("state", func(r *scheduleRow) string { return say(r.stateWord()) }),
			momentColumn("next_at", func(r *scheduleRow) time.Time { return r.Next }),
		}
	}, eachOf(rows)}
}

// stateWord is where a schedule stands: its name for programs, and the id of its word.
func (r *scheduleRow) stateWord() (name, word string) {
	switch {
	case r.Goes():
		return "running", "report.goes"
	case r.State == "failed":
		return "failed", "report.stopped"
	}
	return "ended", "report.ended"
}

// templatesFile is one's templates, each with the entries of the form that it keeps.
func (v *visit) templatesFile() (sender, error) {
	all, err := v.d.people.Templates(v.ctx(), v.user.ID)
	return listFile[people.Template]{"templates", plain(
		textColumn("name", func(t *people.Template) string { return t.Name }),
		textColumn("form", func(t *people.Template) string { return t.Query }),
	), eachOf(all)}, err
}

// formLists are the lists of the forms of reports and schedules.
func (v *visit) formLists() map[string]func() (sender, error) {
	return map[string]func() (sender, error){"templates": v.templatesFile}
}

func sessionsFile(rows []sessionView) listFile[sessionView] {
	return listFile[sessionView]{"sessions", plain(
		textColumn("browser", func(s *sessionView) string { return s.Browser }),
		textColumn("ip", func(s *sessionView) string { return s.IP }),
		momentColumn("signed_in_at", func(s *sessionView) time.Time { return s.CreatedAt }),
		momentColumn("seen_at", func(s *sessionView) time.Time { return s.SeenAt }),
		momentColumn("expires_at", func(s *sessionView) time.Time { return s.ExpiresAt }),
	), eachOf(rows)}
}

func factorsFile(rows []people.Factor) listFile[people.Factor] {
	return listFile[people.Factor]{"factors", plain(
		textColumn("name", func(f *people.Factor) string { return f.Name }),
		textColumn("kind", func(f *people.Factor) string { return string(f.Kind) }),
		momentColumn("added_at", func(f *people.Factor) time.Time { return f.CreatedAt }),
		momentColumn("used_at", func(f *people.Factor) time.Time { return f.UsedAt }),
	), eachOf(rows)}
}

// profileLists are the lists of a user's own page.
func (v *visit) profileLists() map[string]func() (sender, error) {
	return map[string]func() (sender, error){
		"sessions": func() (sender, error) {
			rows, err := v.sessions()
			return sessionsFile(rows), err
		},
		"factors": func() (sender, error) {
			account, err := v.d.people.User(v.ctx(), v.user.ID)
			if err != nil {
				return nil, err
			}
			return factorsFile(account.Factors), nil
		},
		"acts": func() (sender, error) {
			acts, err := v.d.Access.OwnActs(v.ctx(), v.session)
			if err != nil {
				return nil, err
			}
			views, err := v.actViews(acts)
			return actsFile("acts", eachOf(views)), err
		},
	}
}

// manualFile is the payouts that were made by hand.
func (v *visit) manualFile() listFile[payout.Payment] {
	each := func(write func(payout.Payment) error) error {
		var after *store.Cursor
		for {
			found, err := v.d.Store.ManualPayments(v.ctx(), v.projectIDs(), after, exportRows)
			if err != nil {
				return err
			}
			if err := eachOf(found)(write); err != nil || len(found) < exportRows {
				return err
			}
			last := found[len(found)-1]
			after = &store.Cursor{At: last.CreatedAt.UnixMicro(), ID: last.ID}
		}
	}
	return listFile[payout.Payment]{"payouts_by_hand", plain(
		momentColumn("created_at", func(p *payout.Payment) time.Time { return p.CreatedAt }),
		textColumn("payment_id", func(p *payout.Payment) string { return p.PaymentID }),
		idColumn("project_id", func(p *payout.Payment) int64 { return p.ProjectID }),
		textColumn("method", func(p *payout.Payment) string { return p.Method }),
		textColumn("account_number", func(p *payout.Payment) string { return p.AccountMask }),
		sumColumn("amount", func(p *payout.Payment) (int64, string) { return p.Amount, p.Currency }),
		textColumn("currency", func(p *payout.Payment) string { return p.Currency }),
		textColumn("status", func(p *payout.Payment) string { return string(p.Status) }),
	), each}
}

// settingChange is a setting that a version of a project changed.
type settingChange struct {
	versionView
	changeView
}

// versionsFile is what was changed of a project, each setting a row.
func (v *visit) versionsFile(p *merchant.Project) listFile[settingChange] {
	each := func(write func(settingChange) error) error {
		below := int64(0)
		for {
			page, more, err := v.versions(p, below, teamPageSize)
			if err != nil {
				return err
			}
			for _, version := range page {
				for _, c := range version.Changes {
					if err := write(settingChange{version, c}); err != nil {
						return err
					}
				}
				below = version.Number
			}
			if !more {
				return nil
			}
		}
	}
	return listFile[settingChange]{strconv.FormatInt(p.ID, 10) + "_history", plain(
		idColumn("version", func(c *settingChange) int64 { return c.Number }),
		momentColumn("at", func(c *settingChange) time.Time { return c.At }),
		textColumn("actor", func(c *settingChange) string { return c.Actor }),
		textColumn("setting", func(c *settingChange) string { return c.Label }),
		textColumn("before", func(c *settingChange) string { return c.Before }),
		textColumn("after", func(c *settingChange) string { return c.After }),
	), each}
}

// bookedFile is what operators booked on a project's balances.
func (v *visit) bookedFile(p *merchant.Project) listFile[statementLine] {
	each := func(write func(statementLine) error) error {
		below := int64(0)
		for {
			lines, err := v.d.Store.ManualTransfers(v.ctx(), p.ID, below, exportRows)
			if err != nil {
				return err
			}
			for _, t := range lines {
				if err := write(lineOf(t)); err != nil {
					return err
				}
				below = t.ID
			}
			if len(lines) < exportRows {
				return nil
			}
		}
	}
	return listFile[statementLine]{strconv.FormatInt(p.ID, 10) + "_booked", plain(
		idColumn("movement_id", func(l *statementLine) int64 { return l.ID }),
		momentColumn("booked_at", func(l *statementLine) time.Time { return l.At }),
		textColumn("kind", func(l *statementLine) string { return string(l.Kind) }),
		sumColumn("amount", func(l *statementLine) (int64, string) { return l.Amount, l.Currency }),
		textColumn("currency", func(l *statementLine) string { return l.Currency }),
		textColumn("reason", func(l *statementLine) string { return l.Reason }),
	), each}
}

// movementsFile is the movements that a figure of a statement sums, oldest first.
func (v *visit) movementsFile(f *figure, filter store.MovementFilter) listFile[movementRow] {
	each := func(write func(movementRow) error) error {
		var after *store.MovementPlace
		for {
			rows, next, err := v.d.Store.Movements(v.ctx(), filter, after, exportRows)
			if err != nil {
				return err
			}
			for _, m := range rows {
				if err := write(movementRow{m, f.effect(&m.Transfer), ledger.PositionOf(m.Kind, m.Debit, m.Credit)}); err != nil {
					return err
				}
			}
			if next == nil {
				return nil
			}
			after = next
		}
	}
	return listFile[movementRow]{"movements_" + f.Position, plain(
		idColumn("movement_id", func(m *movementRow) int64 { return m.ID }),
		momentColumn("booked_at", func(m *movementRow) time.Time { return m.At }),
		textColumn("position", func(m *movementRow) string { return string(m.Position) }),
		textColumn("payment_id", func(m *movementRow) string { return m.PaymentID }),
		idColumn("project_id", func(m *movementRow) int64 { return m.ProjectID }),
		textColumn("debit", func(m *movementRow) string { return m.Debit.String() }),
		textColumn("credit", func(m *movementRow) string { return m.Credit.String() }),
		sumColumn("amount", func(m *movementRow) (int64, string) { return m.Effect, m.Currency }),
		textColumn("currency", func(m *movementRow) string { return m.Currency }),
		textColumn("reason", func(m *movementRow) string { return m.Reason }),
	), each}
}
