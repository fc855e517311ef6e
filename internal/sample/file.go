package sample

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"flashpay/internal/accept"
	"flashpay/internal/massbatch"
	"flashpay/internal/method"
	"flashpay/internal/payout"
	"flashpay/internal/store/batches"
	"flashpay/internal/store/jobs"
)

// file is a file of payouts that was uploaded.
type file struct {
	at      time.Time
	project *Project
	name    string
	rows    []*planned // that it pays; nil: nothing of it is paid
	text    []byte
	send    bool  // it was sent, even if it waits for a second person
	unsent  int64 // what it would cost if it were sent after all
}

const (
	wageFiles = 4  // paydays whose largest sending was a file
	bonuses   = 40 // payouts of the file that waits for a second person
)

// planFiles makes files of some wages, and those that pay nothing yet.
func (p *plan) planFiles(m *method.Method) {
	sendings := make(map[time.Time][]*planned)
	largest := make(map[string][]*planned) // by day
	var dates []string
	for _, i := range p.payouts {
		if i.project != &p.config.Salaries || i.hands != accept.InterfaceDashboard || i.fate == refused && i.code == payout.CodeAccountData {
			continue // the check of a file would find some of the numbers that are mistyped
		}
		rows := append(sendings[i.at], i)
		date := i.at.In(bishkek).Format(time.DateOnly)
		if sendings[i.at] = rows; largest[date] == nil {
			dates = append(dates, date)
		}
		if len(rows) > len(largest[date]) {
			largest[date] = rows
		}
	}
	for _, date := range dates[max(0, len(dates)-wageFiles):] {
		rows := largest[date]
		f := &file{at: rows[0].at, project: &p.config.Salaries, name: rows[0].id[:strings.LastIndex(rows[0].id, "-")] + ".csv", rows: rows, send: true}
		for _, i := range rows {
			i.file = f
		}
		f.text = fileOf(rows)
		p.files = append(p.files, f)
	}
	if p.config.Waiting {
		p.files = append(p.files, p.bonusFile(m), p.faultyFile())
	}
}

// late is so long before the year's end, or before its last payout: when that one is done, all is.
func (p *plan) late(before time.Duration) time.Time {
	at, last := p.end.Add(-before), p.payouts[len(p.payouts)-1].at
	if at.Before(last) {
		return at
	}
	return last
}

// bonusFile is above the project's sum for one person.
func (p *plan) bonusFile(m *method.Method) *file {
	f := &file{at: p.late(3 * time.Hour), project: &p.config.Salaries, send: true}
	year := f.at.In(bishkek).Year()
	f.name = fmt.Sprintf("bonus-%d.csv", year)
	rows := make([]*planned, 0, bonuses)
	for k, who := range p.employees[:bonuses] {
		i := p.byFile(f.at, who, fmt.Sprintf("bonus-%d-%03d", year, k+1), 1_200_000+p.random.Int64N(3_000)*100)
		i.description = bonusText(who.language, year)
		f.unsent += p.costOf(i, m)
		rows = append(rows, i)
	}
	f.text = fileOf(rows)
	return f
}

// faultyFile has rows that a spreadsheet has spoilt.
func (p *plan) faultyFile() *file {
	f := &file{at: p.late(2 * time.Hour), project: &p.config.Salaries}
	f.name = f.at.In(bishkek).Format("contractors-2006-01-02.csv")
	rows := make([]*planned, 0, 9)
	for k, who := range p.employees[len(p.employees)-9:] {
		i := p.byFile(f.at, who, fmt.Sprintf("contract-%s-%02d", f.at.In(bishkek).Format("0102"), k+1), 350_000+p.random.Int64N(4_000)*100)
		i.description = bonusText(who.language, f.at.In(bishkek).Year())
		rows = append(rows, i)
	}
	rows[3].account = "1,09E+15"
	rows[5].account = ""
	rows[7].id = rows[0].id
	f.text = fileOf(rows)
	return f
}

// byFile is a payout of a file that is not paid.
func (p *plan) byFile(at time.Time, who *person, id string, amount int64) *planned {
	return &planned{project: &p.config.Salaries, at: at, id: id, payee: who, account: who.account, amount: amount, currency: "KGS"}
}

var fileColumns = []string{
	"operation_type", accept.PathProjectID, "method", accept.PathPaymentID, accept.PathAmount, accept.PathCurrency, "payment.description",
	accept.PathAccount, "account.customer_name", accept.PathCustomerID, accept.PathCustomerIP, "customer.first_name", "customer.last_name",
	"customer.email", "customer.phone", "customer.country",
}

// fileOf is a file of payouts, as a program of the merchant writes it.
func fileOf(rows []*planned) []byte {
	var b bytes.Buffer
	b.WriteString(strings.Join(fileColumns, ";") + "\r\n")
	for _, i := range rows {
		first, last := i.payee.names()
		b.WriteString(strings.Join([]string{
			"payout", strconv.FormatInt(i.project.ID, 10), methodPath, i.id, strconv.FormatInt(i.amount, 10), i.currency, i.description,
			i.account, romanize(i.payee.first) + " " + romanize(i.payee.last), i.payee.id, i.payee.ip, first, last, i.payee.email, i.payee.phone, "KG",
		}, ";") + "\r\n")
	}
	return b.Bytes()
}

var byClerk = massbatch.By{Name: actor, Actor: actor}

// upload uploads a file, and sends it where it was sent. What was done before is not done again.
func (r *runner) upload(ctx context.Context, f *file) error {
	project, _ := r.store.Project(f.project.ID)
	b, _, err := r.batches.CreateBatchOnce(ctx, bytes.NewReader(f.text), massbatch.Upload{Project: project, Name: f.name, By: byClerk}, sha256.Sum256(f.text))
	switch {
	case err != nil:
		return err
	case b == nil:
		return fmt.Errorf("sample: the file %s cannot be read", f.name)
	case !f.send:
		return nil
	}
	if b, err = r.batches.Send(ctx, b.ID, false, byClerk); err != nil {
		return fmt.Errorf("sample: the file %s: %w", f.name, err)
	}
	if b.State == batches.Sending {
		if err := r.sendFile(ctx); err != nil {
			return fmt.Errorf("sample: the file %s: %w", f.name, err)
		}
	}
	for _, i := range f.rows {
		if err := r.fromFile(ctx, i); err != nil {
			return err
		}
	}
	return nil
}

// sendFile sends the file that is being sent, in the place of the server.
func (r *runner) sendFile(ctx context.Context) error {
	const lease = time.Minute
	runs, err := jobs.Lease(ctx, r.store, massbatch.JobKind, 1, lease)
	if err == nil && len(runs) == 0 { // a call that was interrupted has leased it
		r.clock.set(r.clock.now().Add(lease))
		runs, err = jobs.Lease(ctx, r.store, massbatch.JobKind, 1, lease)
	}
	if err != nil {
		return err
	}
	if len(runs) == 0 {
		return errors.New("nothing of it is to be sent")
	}
	return r.batches.Job().Run(ctx, runs[0])
}

// fromFile takes up a payout that a file has paid.
func (r *runner) fromFile(ctx context.Context, i *planned) error {
	work, job := r.handed(i)
	if work != nil {
		r.took(i, &flight{payment: work.Payment, operation: work.Operation, job: job}, false)
		return nil
	}
	f, err := r.find(ctx, i)
	if err != nil {
		return fmt.Errorf("sample: payout %s of project %d: %w", i.id, i.project.ID, err)
	}
	r.took(i, f, true)
	return nil
}
