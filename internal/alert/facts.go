package alert

import (
	"context"
	"strconv"
	"time"

	"flashpay/internal/staff"
	"flashpay/internal/store"
	"flashpay/internal/store/alerts"
)

// facts are what there is to be told of since a moment, whether it was told or not.
func (s *Service) facts(ctx context.Context, since time.Time) (out []fact, err error) {
	for _, read := range []func(context.Context, time.Time) ([]fact, error){s.approvals, s.batches, s.discrepancies, s.callbacks} {
		some, err := read(ctx, since)
		if err != nil {
			return nil, err
		}
		out = append(out, some...)
	}
	return out, nil
}

// deciding is who decides approvals of a kind, and on which page: its own, where there is one.
var deciding = map[string]struct {
	right    staff.Right
	page     string
	own      bool
	platform bool // only the platform's operators do
}{
	store.ApprovalPayout:     {staff.IssuePayouts, "/manual/approvals/", true, false},
	store.ApprovalBatch:      {staff.IssuePayouts, "/manual/mass/", true, false},
	store.ApprovalSettings:   {staff.EditProjects, "/approvals/", true, false},
	store.ApprovalKey:        {staff.EditProjects, "/approvals/", true, false},
	store.ApprovalAccount:    {staff.ManageTeam, "/approvals/", true, false},
	store.ApprovalTopUp:      {staff.OperateFunds, "/operate/funds", false, true},
	store.ApprovalCorrection: {staff.OperateFunds, "/operate/funds", false, true},
	store.ApprovalRate:       {staff.OperateFunds, "/operate/rates", false, true},
	store.ApprovalSettlement: {staff.OperateFunds, "/operate", false, true},
}

const most = 1000 // that are looked at

func (s *Service) approvals(ctx context.Context, since time.Time) (out []fact, err error) {
	waiting, err := s.Store.Approvals(ctx, store.ApprovalFilter{State: store.ApprovalWaiting, Limit: most})
	if err != nil {
		return nil, err
	}
	for i := range waiting {
		a := &waiting[i]
		d, ok := deciding[a.Kind]
		if !ok || !a.RequestedAt.After(since) {
			continue
		}
		f := fact{kind: alerts.Approval, subject: strconv.FormatInt(a.ID, 10), link: d.page, project: a.ProjectID, merchant: a.MerchantID, right: d.right, by: a.RequestedBy}
		switch {
		case a.Kind == store.ApprovalBatch:
			f.link += a.Subject
		case d.own:
			f.link += f.subject
		}
		if d.platform {
			f.merchant = 0
		}
		if a.ProjectID != 0 {
			f.projects = []int64{a.ProjectID}
		}
		out = append(out, f)
	}
	return out, nil
}

func (s *Service) batches(ctx context.Context, since time.Time) (out []fact, err error) {
	ended, err := alerts.EndedBatches(ctx, s.Store, since)
	for _, b := range ended {
		id := strconv.FormatInt(b.ID, 10)
		out = append(out, fact{
			kind: alerts.Batch, subject: id, link: "/manual/mass/" + id, project: b.Projects[0], projects: b.Projects, merchant: b.MerchantID, right: staff.IssuePayouts,
		})
	}
	return out, err
}

func (s *Service) discrepancies(ctx context.Context, since time.Time) (out []fact, err error) {
	opened, err := alerts.OpenedDiscrepancies(ctx, s.Store, since)
	for _, d := range opened {
		id := strconv.FormatInt(d.ID, 10)
		out = append(out, fact{kind: alerts.Discrepancy, subject: id, link: "/operate/discrepancies/" + id, project: d.ProjectID, right: staff.OperateWork})
	}
	return out, err
}

// callbacks are the projects whose callbacks begin to fail, or fail no more.
func (s *Service) callbacks(ctx context.Context, _ time.Time) (out []fact, err error) {
	for _, p := range s.Store.Projects() {
		mark, err := alerts.CallbackMark(ctx, s.Store, p.ID)
		if err != nil {
			return nil, err
		}
		begins, ends := mark.Since.IsZero() && mark.Fails(), !mark.Since.IsZero() && !mark.Repeated
		if !begins && !ends {
			continue
		}
		out = append(out, fact{
			kind: alerts.Callbacks, link: "/payments?situation=callback+failing&project=" + strconv.FormatInt(p.ID, 10),
			project: p.ID, projects: []int64{p.ID}, merchant: p.MerchantID, right: staff.ResendCallbacks, mark: &mark,
		})
	}
	return out, nil
}
