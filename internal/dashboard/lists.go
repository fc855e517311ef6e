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
			record.Of("user_id", func(m *memberView) record.Value { return textOf(strconv.FormatInt(m.ID, 10)) }),
			record.Of("user_name", func(m *memberView) record.Value { return textOf(m.Name) }),
			record.Of("email", func(m *memberView) record.Value { return textOf(m.Email) }),
			record.Of("merchant_name", func(m *memberView) record.Value { return textOf(m.Side) }),
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
			record.Of("signed_in_at", func(m *memberView) record.Value { return momentValue(m.SignedInAt) }),
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
			record.Of("at", func(l *store.AuditEntry) record.Value { return momentValue(l.At) }),
			record.Of("actor", func(l *store.AuditEntry) record.Value { return textOf(l.Actor) }),
			record.Of("action", func(l *store.AuditEntry) record.Value { return textOf(l.Action) }),
			record.Of("object", func(l *store.AuditEntry) record.Value { return textOf(l.Object) }),
			record.Of("detail", func(l *store.AuditEntry) record.Value { return textOf(l.Detail) }),
		}
	}, each}
}

// balancesFile is balances.
func (v *visit) balancesFile(balances []balanceView) listFile[balanceView] {
	sum := func(name string, of func(*balanceView) int64) record.Column[balanceView] {
		return record.Of(name, func(b *balanceView) record.Value { return sumValue(of(b), b.Currency) })
	}
	return listFile[balanceView]{"balances", func(wording) record.Table[balanceView] {
		return record.Table[balanceView]{
			record.Of("project_id", func(b *balanceView) record.Value { return textOf(strconv.FormatInt(b.Project.ID, 10)) }),
			record.Of("project_name", func(b *balanceView) record.Value { return textOf(b.Project.Name) }),
			record.Of("currency", func(b *balanceView) record.Value { return textOf(b.Currency) }),
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
			record.Of("key", func(k *store.KeyState) record.Value { return textOf(strconv.FormatInt(k.ID, 10)) }),
			record.Of("label", func(k *store.KeyState) record.Value { return textOf(k.Label) }),
			record.Of("added_by", func(k *store.KeyState) record.Value { return textOf(k.AddedBy) }),
			record.Of("added_at", func(k *store.KeyState) record.Value { return momentValue(k.CreatedAt) }),
			record.Of("used_at", func(k *store.KeyState) record.Value { return momentValue(k.UsedAt) }),
			record.Of("revoked_at", func(k *store.KeyState) record.Value { return momentValue(k.RevokedAt) }),
		}
	}, eachOf(append(page.Live, page.Revoked...))}
}

// projectsFile is the projects of the list.
func (v *visit) projectsFile(cards []projectCard) listFile[projectCard] {
	return listFile[projectCard]{"projects", func(say wording) record.Table[projectCard] {
		return record.Table[projectCard]{
			record.Of("project_id", func(c *projectCard) record.Value { return textOf(strconv.FormatInt(c.ID, 10)) }),
			record.Of("project_name", func(c *projectCard) record.Value { return textOf(c.Name) }),
			record.Of("merchant_name", func(c *projectCard) record.Value {
				if c.Merchant == nil {
					return textOf("")
				}
				return textOf(c.Merchant.Name)
			}),
			record.Of("mode", func(c *projectCard) record.Value { return textOf(say(string(c.Mode), "projects.mode."+string(c.Mode))) }),
			record.Of("url", func(c *projectCard) record.Value { return textOf(c.Settings.CallbackURL) }),
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
			record.Of("batch_id", func(r *batchRow) record.Value { return textOf(strconv.FormatInt(r.ID, 10)) }),
			record.Of("project_id", func(r *batchRow) record.Value { return textOf(strconv.FormatInt(r.ProjectID, 10)) }),
			record.Of("file", func(r *batchRow) record.Value { return textOf(r.Name) }),
			record.Of("created_at", func(r *batchRow) record.Value { return momentValue(r.CreatedAt) }),
			record.Of("requester", func(r *batchRow) record.Value { return textOf(r.User) }),
			record.Of("rows", func(r *batchRow) record.Value { return countOf(r.Status.Rows) }),
			record.Of("succeeded", func(r *batchRow) record.Value { return countOf(r.ByStatus[string(payout.Success)]) }),
			record.Of("declined", func(r *batchRow) record.Value { return countOf(r.Declined()) }),
			record.Of("state", func(r *batchRow) record.Value { return textOf(say(string(r.State), "mass.state."+string(r.State))) }),
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
			record.Of("approval_id", func(a *approvalRow) record.Value { return textOf(strconv.FormatInt(a.ID, 10)) }),
			record.Of("project_id", func(a *approvalRow) record.Value {
				if a.ProjectID == 0 {
					return textOf("")
				}
				return textOf(strconv.FormatInt(a.ProjectID, 10))
			}),
			record.Of("what", func(a *approvalRow) record.Value { return textOf(a.What) }),
			record.Of("amount", func(a *approvalRow) record.Value { return sumValue(a.Amount, a.Currency) }),
			record.Of("currency", func(a *approvalRow) record.Value { return textOf(a.Currency) }),
			record.Of("requester", func(a *approvalRow) record.Value { return textOf(a.Requester) }),
			record.Of("requested_at", func(a *approvalRow) record.Value { return momentValue(a.RequestedAt) }),
			record.Of("state", func(a *approvalRow) record.Value { return textOf(say(a.State, "manual.state."+a.State)) }),
			record.Of("decider", func(a *approvalRow) record.Value { return textOf(a.Decider) }),
			record.Of("decided_at", func(a *approvalRow) record.Value { return momentValue(a.DecidedAt) }),
			record.Of("reason", func(a *approvalRow) record.Value { return textOf(cmp.Or(a.Reason, a.Outcome)) }),
		}
	}, each}
}
