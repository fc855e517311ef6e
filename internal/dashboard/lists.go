package dashboard

import (
	"cmp"
	"strconv"
	"strings"
	"time"

	"flashpay/internal/access"
	"flashpay/internal/payout"
	"flashpay/internal/record"
	"flashpay/internal/store"
	"flashpay/internal/store/batches"
	"flashpay/internal/store/people"
)

// teamFile is «My team», also the deactivated accounts where the page shows them.
func (v *visit) teamFile(filter people.UserFilter, all bool) listFile[memberView] {
	each := func(write func(memberView) error) error {
		filter.After, filter.Limit = 0, teamPageSize
		for {
			found, err := v.d.people.Users(v.ctx(), filter)
			if err != nil {
				return err
			}
			for _, a := range found {
				filter.After = a.ID
				if !a.Deactivated.IsZero() && !all {
					continue
				}
				if err := write(v.memberView(a)); err != nil {
					return err
				}
			}
			if len(found) < teamPageSize {
				return nil
			}
		}
	}
	columns := func(say wording) record.Table[memberView] {
		return record.Table[memberView]{
			idColumn("user_id", func(m *memberView) int64 { return m.ID }),
			textColumn("user_name", func(m *memberView) string { return m.Name }),
			textColumn("email", func(m *memberView) string { return m.Email }),
			textColumn("merchant_name", func(m *memberView) string { return m.Side }),
			record.Of("roles", func(m *memberView) record.Value {
				var roles []string
				for _, r := range m.Roles {
					roles = append(roles, say(string(r), "role."+string(r)))
				}
				return textOf(strings.Join(roles, ", "))
			}),
			record.Of("state", func(m *memberView) record.Value {
				_, name, _ := strings.Cut(m.State, "_")
				return textOf(say(name, m.State))
			}),
			momentColumn("signed_in_at", func(m *memberView) time.Time { return m.SignedInAt }),
		}
	}
	return listFile[memberView]{"team", columns, each}
}

// historyFile is what people did, as the page tells it.
func (v *visit) historyFile(user int64) listFile[actView] {
	each := func(write func(actView) error) error {
		var behind store.AuditEntry
		for {
			acts, err := v.d.Access.History(v.ctx(), v.user, user, behind)
			if err != nil {
				return err
			}
			views, err := v.actViews(acts)
			if err != nil {
				return err
			}
			if err := eachOf(views)(write); err != nil || len(acts) < access.HistoryPage {
				return err
			}
			behind = acts[len(acts)-1]
		}
	}
	return actsFile("history", each)
}

func actsFile(name string, each func(write func(actView) error) error) listFile[actView] {
	return listFile[actView]{name, plain(
		momentColumn("at", func(a *actView) time.Time { return a.At }),
		textColumn("actor", func(a *actView) string { return a.Who }),
		textColumn("action", func(a *actView) string { return a.What }),
		textColumn("object", func(a *actView) string { return a.Object }),
		textColumn("detail", func(a *actView) string { return strings.Join(a.Changes, "; ") }),
	), each}
}

// auditFile is the audit log as it is kept.
func (v *visit) auditFile(filter store.AuditFilter) listFile[store.AuditEntry] {
	each := func(write func(store.AuditEntry) error) error {
		filter.After, filter.Limit = nil, exportRows
		for {
			lines, err := v.d.Store.AuditLog(v.ctx(), filter)
			if err != nil {
				return err
			}
			if err := eachOf(lines)(write); err != nil || len(lines) < exportRows {
				return err
			}
			place := lines[len(lines)-1].Place()
			filter.After = &place
		}
	}
	return listFile[store.AuditEntry]{"audit_log", func(wording) record.Table[store.AuditEntry] {
		return record.Table[store.AuditEntry]{
			momentColumn("at", func(l *store.AuditEntry) time.Time { return l.At }),
			textColumn("actor", func(l *store.AuditEntry) string { return l.Actor }),
			textColumn("action", func(l *store.AuditEntry) string { return l.Action }),
			textColumn("object", func(l *store.AuditEntry) string { return l.Object }),
			textColumn("detail", func(l *store.AuditEntry) string { return l.Detail }),
		}
	}, each}
}

// balancesFile is balances.
func (v *visit) balancesFile(balances []balanceView) listFile[balanceView] {
	sum := func(name string, of func(*balanceView) int64) record.Column[balanceView] {
		return sumColumn(name, func(b *balanceView) (int64, string) { return of(b), b.Currency })
	}
	return listFile[balanceView]{"balances", func(wording) record.Table[balanceView] {
		return record.Table[balanceView]{
			idColumn("project_id", func(b *balanceView) int64 { return b.Project.ID }),
			textColumn("project_name", func(b *balanceView) string { return b.Project.Name }),
			textColumn("currency", func(b *balanceView) string { return b.Currency }),
			sum("available", func(b *balanceView) int64 { return b.Available }),
			sum("held", func(b *balanceView) int64 { return b.Held }),
			sum("disputed", func(b *balanceView) int64 { return b.Disputed }),
			sum("owed", func(b *balanceView) int64 { return b.Owed }),
		}
	}, eachOf(balances)}
}

// keysFile is a project's keys without their secrets.
func (v *visit) keysFile(page *keysPage) listFile[store.KeyState] {
	return listFile[store.KeyState]{strconv.FormatInt(page.Project.ID, 10) + "_keys", func(wording) record.Table[store.KeyState] {
		return record.Table[store.KeyState]{
			idColumn("key", func(k *store.KeyState) int64 { return k.ID }),
			textColumn("label", func(k *store.KeyState) string { return k.Label }),
			textColumn("added_by", func(k *store.KeyState) string { return k.AddedBy }),
			momentColumn("added_at", func(k *store.KeyState) time.Time { return k.CreatedAt }),
			momentColumn("used_at", func(k *store.KeyState) time.Time { return k.UsedAt }),
			momentColumn("revoked_at", func(k *store.KeyState) time.Time { return k.RevokedAt }),
		}
	}, eachOf(append(page.Live, page.Revoked...))}
}

// projectsFile is the projects of the list.
func (v *visit) projectsFile(cards []projectCard) listFile[projectCard] {
	return listFile[projectCard]{"projects", func(say wording) record.Table[projectCard] {
		return record.Table[projectCard]{
			idColumn("project_id", func(c *projectCard) int64 { return c.ID }),
			textColumn("project_name", func(c *projectCard) string { return c.Name }),
			record.Of("merchant_name", func(c *projectCard) record.Value {
				if c.Merchant == nil {
					return textOf("")
				}
				return textOf(c.Merchant.Name)
			}),
			textColumn("mode", func(c *projectCard) string { return say(string(c.Mode), "projects.mode."+string(c.Mode)) }),
			textColumn("url", func(c *projectCard) string { return c.Settings.CallbackURL }),
		}
	}, eachOf(cards)}
}

// batchesFile is the batches that the visitor may see.
func (v *visit) batchesFile(filter batches.Filter) listFile[batchRow] {
	each := func(write func(batchRow) error) error {
		filter.Behind, filter.Limit = nil, teamPageSize
		for {
			found, err := batches.List(v.ctx(), v.d.Store, filter)
			if err != nil {
				return err
			}
			rows, err := v.batchRows(found)
			if err != nil {
				return err
			}
			if err := eachOf(rows)(write); err != nil || len(found) < teamPageSize {
				return err
			}
			filter.Behind = &found[len(found)-1]
		}
	}
	return listFile[batchRow]{"batches", func(say wording) record.Table[batchRow] {
		return record.Table[batchRow]{
			idColumn("batch_id", func(r *batchRow) int64 { return r.ID }),
			idColumn("project_id", func(r *batchRow) int64 { return r.ProjectID }),
			textColumn("file", func(r *batchRow) string { return r.Name }),
			momentColumn("created_at", func(r *batchRow) time.Time { return r.CreatedAt }),
			textColumn("requester", func(r *batchRow) string { return r.User }),
			countColumn("rows", func(r *batchRow) int64 { return r.Status.Rows }),
			countColumn("succeeded", func(r *batchRow) int64 { return r.ByStatus[string(payout.Success)] }),
			countColumn("declined", func(r *batchRow) int64 { return r.Declined() }),
			textColumn("state", func(r *batchRow) string { return say(string(r.State), "mass.state."+string(r.State)) }),
		}
	}, each}
}

// approvalsFile is what waits for a second person, or did.
func (v *visit) approvalsFile(name string, filter store.ApprovalFilter) listFile[approvalRow] {
	each := func(write func(approvalRow) error) error {
		filter.After, filter.Limit = nil, exportRows
		for {
			found, err := v.d.Store.Approvals(v.ctx(), filter)
			if err != nil {
				return err
			}
			for _, a := range found {
				if err := write(v.approvalRow(a)); err != nil {
					return err
				}
			}
			if len(found) < exportRows {
				return nil
			}
			place := found[len(found)-1].Place()
			filter.After = &place
		}
	}
	return listFile[approvalRow]{name, func(say wording) record.Table[approvalRow] {
		return record.Table[approvalRow]{
			idColumn("approval_id", func(a *approvalRow) int64 { return a.ID }),
			record.Of("project_id", func(a *approvalRow) record.Value {
				if a.ProjectID == 0 {
					return textOf("")
				}
				return textOf(strconv.FormatInt(a.ProjectID, 10))
			}),
			textColumn("what", func(a *approvalRow) string { return a.What }),
			sumColumn("amount", func(a *approvalRow) (int64, string) { return a.Amount, a.Currency }),
			textColumn("currency", func(a *approvalRow) string { return a.Currency }),
			textColumn("requester", func(a *approvalRow) string { return a.Requester }),
			momentColumn("requested_at", func(a *approvalRow) time.Time { return a.RequestedAt }),
			textColumn("state", func(a *approvalRow) string { return say(a.State, "manual.state."+a.State) }),
			textColumn("decider", func(a *approvalRow) string { return a.Decider }),
			momentColumn("decided_at", func(a *approvalRow) time.Time { return a.DecidedAt }),
			textColumn("reason", func(a *approvalRow) string { return cmp.Or(a.Reason, a.Outcome) }),
		}
	}, each}
}
