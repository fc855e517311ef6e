package dashboard

import (
	"strconv"
	"strings"
	"time"

	"flashpay/internal/merchant"
	"flashpay/internal/record"
	"flashpay/internal/store"
)

// The lists of the operators' desk as files.

// fileMost is up to how many rows a file has of a list that the page shows the first of and the store reads at once.
const fileMost = 100_000

// stopsText says how something is stopped; empty: it is not.
func stopsText(r merchant.Restrictions) string {
	var stops []string
	if r.Blocked {
		stops = append(stops, "blocked")
	}
	if r.Paused {
		stops = append(stops, "paused")
	}
	return strings.Join(stops, ", ")
}

func (v *visit) merchantsFile(merchants []merchantView) listFile[merchantView] {
	return listFile[merchantView]{"merchants", plain(
		idColumn("merchant_id", func(m *merchantView) int64 { return m.ID }),
		textColumn("merchant_name", func(m *merchantView) string { return m.Name }),
		textColumn("state", func(m *merchantView) string { return stopsText(m.Restrictions) }),
		countColumn("projects", func(m *merchantView) int64 { return int64(len(m.Projects)) }),
		momentColumn("created_at", func(m *merchantView) time.Time { return m.CreatedAt }),
	), eachOf(merchants)}
}

// merchantProjectsFile is the projects of one merchant.
func (v *visit) merchantProjectsFile(m merchantView) listFile[*merchant.Project] {
	return listFile[*merchant.Project]{strconv.FormatInt(m.ID, 10) + "_projects", func(say wording) record.Table[*merchant.Project] {
		return record.Table[*merchant.Project]{
			idColumn("project_id", func(p **merchant.Project) int64 { return (*p).ID }),
			textColumn("project_name", func(p **merchant.Project) string { return (*p).Name }),
			textColumn("mode", func(p **merchant.Project) string { return say(string((*p).Mode), "projects.mode."+string((*p).Mode)) }),
			textColumn("state", func(p **merchant.Project) string {
				return stopsText(merchant.Restrictions{Blocked: (*p).Blocked, Paused: (*p).Paused})
			}),
			momentColumn("created_at", func(p **merchant.Project) time.Time { return (*p).CreatedAt }),
		}
	}, eachOf(m.Projects)}
}

// workLists are the lists of the page of work.
func (v *visit) workLists() map[string]func() (sender, error) {
	lists := make(map[string]func() (sender, error))
	for _, part := range v.backlogs(fileMost) {
		lists[part.name] = func() (sender, error) {
			found, err := part.find()
			return backlogFile(part.name, v.backlogViews(found)), err
		}
	}
	lists["refused"] = func() (sender, error) {
		found, err := v.d.Store.RefusedNotifications(v.ctx(), fileMost)
		return refusedFile(found), err
	}
	lists["discrepancies"] = func() (sender, error) {
		found, err := v.d.Store.OpenDiscrepancies(v.ctx(), nil, fileMost)
		return discrepanciesFile(found), err
	}
	lists["settlements"] = func() (sender, error) {
		found, err := v.waitingSettlements()
		return settlementsFile(found), err
	}
	return lists
}

func backlogFile(name string, rows []backlogView) listFile[backlogView] {
	return listFile[backlogView]{"work_" + name, plain(
		idColumn("project_id", func(b *backlogView) int64 { return b.ProjectID }),
		textColumn("project_name", func(b *backlogView) string {
			if b.Project == nil {
				return ""
			}
			return b.Project.Name
		}),
		countColumn("count", func(b *backlogView) int64 { return int64(b.Count) }),
		momentColumn("since", func(b *backlogView) time.Time { return b.Oldest }),
	), eachOf(rows)}
}

func refusedFile(rows []store.RefusedNotification) listFile[store.RefusedNotification] {
	return listFile[store.RefusedNotification]{"refused_notifications", plain(
		momentColumn("received_at", func(n *store.RefusedNotification) time.Time { return n.ReceivedAt }),
		textColumn("provider", func(n *store.RefusedNotification) string { return n.Provider }),
		textColumn("error", func(n *store.RefusedNotification) string { return n.Error }),
	), eachOf(rows)}
}

func discrepanciesFile(rows []store.OpenDiscrepancy) listFile[store.OpenDiscrepancy] {
	return listFile[store.OpenDiscrepancy]{"discrepancies", plain(
		idColumn("discrepancy_id", func(d *store.OpenDiscrepancy) int64 { return d.ID }),
		momentColumn("opened_at", func(d *store.OpenDiscrepancy) time.Time { return d.OpenedAt }),
		textColumn("kind", func(d *store.OpenDiscrepancy) string { return d.Kind }),
		idColumn("project_id", func(d *store.OpenDiscrepancy) int64 { return d.ProjectID }),
		textColumn("payment_id", func(d *store.OpenDiscrepancy) string { return d.PaymentID }),
		textColumn("owner", func(d *store.OpenDiscrepancy) string { return d.Owner }),
		textColumn("note", func(d *store.OpenDiscrepancy) string { return d.Note }),
	), eachOf(rows)}
}

func settlementsFile(rows []*settlementView) listFile[*settlementView] {
	return listFile[*settlementView]{"settlements", plain(
		textColumn("payment_id", func(s **settlementView) string { return (*s).Title }),
		sumColumn("amount", func(s **settlementView) (int64, string) { return (*s).Amount, (*s).Currency }),
		textColumn("currency", func(s **settlementView) string { return (*s).Currency }),
		textColumn("decision", func(s **settlementView) string { return string((*s).Decision) }),
		textColumn("requester", func(s **settlementView) string { return (*s).Requester }),
		momentColumn("expires_at", func(s **settlementView) time.Time { return (*s).ExpiresAt }),
	), eachOf(rows)}
}

// projectWorkLists are the lists of one project's work.
func (v *visit) projectWorkLists(p *merchant.Project) map[string]func() (sender, error) {
	now := v.d.Store.Now()
	return map[string]func() (sender, error){
		"overdue": func() (sender, error) {
			found, err := v.d.Store.OverdueOperations(v.ctx(), p.ID, now.Add(-overdueBy), fileMost)
			return openOperationsFile(p, "overdue", found), err
		},
		"near": func() (sender, error) {
			found, err := v.d.Store.OperationsNearThreshold(v.ctx(), p.ID, now.Add(nearWithin), fileMost)
			return openOperationsFile(p, "near", found), err
		},
		"troubled": func() (sender, error) {
			found, err := v.d.Store.UnacknowledgedCallbacks(v.ctx(), p.ID, fileMost)
			return deliveriesFile(p, found), err
		},
	}
}

func openOperationsFile(p *merchant.Project, name string, rows []store.OpenOperation) listFile[store.OpenOperation] {
	return listFile[store.OpenOperation]{strconv.FormatInt(p.ID, 10) + "_" + name, plain(
		textColumn("payment_id", func(o *store.OpenOperation) string { return o.PaymentID }),
		idColumn("operation_id", func(o *store.OpenOperation) int64 { return o.ID }),
		sumColumn("amount", func(o *store.OpenOperation) (int64, string) { return o.Amount, o.Currency }),
		textColumn("currency", func(o *store.OpenOperation) string { return o.Currency }),
		textColumn("stage", func(o *store.OpenOperation) string { return string(o.Stage) }),
		momentColumn("next_at", func(o *store.OpenOperation) time.Time { return o.NextAt }),
		momentColumn("threshold_at", func(o *store.OpenOperation) time.Time { return o.ThresholdAt }),
		textColumn("provider", func(o *store.OpenOperation) string { return o.Provider }),
	), eachOf(rows)}
}

func deliveriesFile(p *merchant.Project, rows []store.Delivery) listFile[store.Delivery] {
	return listFile[store.Delivery]{strconv.FormatInt(p.ID, 10) + "_callbacks", plain(
		idColumn("number", func(d *store.Delivery) int64 { return d.Number }),
		textColumn("payment_id", func(d *store.Delivery) string { return d.PaymentID }),
		idColumn("batch_id", func(d *store.Delivery) int64 { return d.Batch }),
		textColumn("url", func(d *store.Delivery) string { return d.URL }),
		countColumn("attempts", func(d *store.Delivery) int64 { return int64(d.Attempts) }),
		momentColumn("last_attempt_at", func(d *store.Delivery) time.Time { return d.LastAt }),
		idColumn("http_status", func(d *store.Delivery) int64 { return int64(d.HTTPStatus) }),
		textColumn("error", func(d *store.Delivery) string { return d.Error }),
		momentColumn("next_at", func(d *store.Delivery) time.Time { return d.NextAt }),
	), eachOf(rows)}
}
