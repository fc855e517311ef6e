package dashboard

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"flashpay/internal/ledger"
	"flashpay/internal/manual"
	"flashpay/internal/massbatch"
	"flashpay/internal/masspayout"
	"flashpay/internal/merchant"
	"flashpay/internal/staff"
	"flashpay/internal/store"
	"flashpay/internal/store/batches"
)

// reportView is what the check of a file found.
type reportView struct {
	*masspayout.Report
	Sums     []manual.Sum // that the good rows pay, by currency
	Fees     []manual.Sum // on top of them
	Costs    bool         // what balances pay is not simply the rows' sums
	Missing  []manual.Sum // that balances are short of, by currency
	Totals   []totalView
	Faults   []faultView
	Warnings []warningView
	Seen     string // where the batch with the same file is
}

// Payable is how many rows would be paid.
func (r *reportView) Payable() int64 { return r.Good - r.PaidAlready }

// MoreFaults is how many faults are not listed.
func (r *reportView) MoreFaults() int64 { return r.AllFaults - int64(len(r.Faults)) }

// MoreWarnings is how many warnings are not listed.
func (r *reportView) MoreWarnings() int64 { return r.AllWarnings - int64(len(r.Warnings)) }

// totalView is what a project would pay in a currency.
type totalView struct {
	masspayout.Total
	Project *merchant.Project
	Shown   bool // balances are for those who may see them
}

// faultView is a fault in words.
type faultView struct {
	masspayout.Fault
	Word string // the message in the visitor's language; empty: as it is
}

// warningView is a warning, and where the payment is that it speaks of.
type warningView struct {
	masspayout.Warning
	Href string
}

var (
	lineOfMessage = regexp.MustCompile(`\s*\(line# \d+\)$`)
	notAWord      = regexp.MustCompile(`[^a-z]+`)
)

// wordFault says a message in the visitor's language. The message itself stays beside it: programs and support know it.
func (v *visit) wordFault(f *masspayout.Fault) faultView {
	view := faultView{Fault: *f}
	message := lineOfMessage.ReplaceAllString(f.Message, "")
	id := "mass.message." + notAWord.ReplaceAllString(strings.ToLower(message), "_")
	switch {
	case v.d.pages[v.lang].words.has(id):
		view.Word = v.t(id)
	case strings.HasPrefix(message, "Incorrect "): // what follows is the column, which a row's message has alone
		view.Word = v.t("mass.incorrect", "column", strings.TrimPrefix(message, "Incorrect "))
	case strings.HasSuffix(message, " is empty"):
		view.Word = v.t("mass.empty", "column", strings.TrimSuffix(message, " is empty"))
	}
	if view.Word == message {
		view.Word = ""
	}
	return view
}

// report is what the check of a batch found when it was uploaded, beside balances as they are now.
func (v *visit) report(b *massbatch.Status) (*reportView, error) {
	found, err := v.d.mass().Report(v.ctx(), b.Batch)
	if err != nil || found == nil {
		return nil, err
	}
	view := &reportView{Report: found}
	for i := range found.Faults {
		view.Faults = append(view.Faults, v.wordFault(&found.Faults[i]))
	}
	for _, w := range found.Warnings {
		shown := warningView{Warning: w}
		if w.PaymentID != "" && v.user.Can(staff.ViewPayments) {
			shown.Href = "/search?q=" + url.QueryEscape(w.PaymentID)
		}
		view.Warnings = append(view.Warnings, shown)
	}
	if found.SeenBefore != nil {
		view.Seen = "/manual/mass/" + found.SeenBefore.Batch
	}
	return view, v.addTotals(view)
}

// addTotals compares what would be paid with the balances of now.
func (v *visit) addTotals(view *reportView) error {
	for _, t := range view.Report.Totals {
		if t.Rows == 0 && t.Debit == 0 {
			continue
		}
		all, err := v.d.Store.Balances(v.ctx(), t.ProjectID)
		if err != nil {
			return err
		}
		balance := all[t.Currency]
		t.Available = balance.Sum(ledger.Available)
		t.Miss()
		p, _ := v.d.Store.Project(t.ProjectID)
		view.Totals = append(view.Totals, totalView{t, p, v.user.Can(staff.ViewBalances)})
		view.Costs = view.Costs || t.Fee > 0 || t.Converts()
		if t.Rows > 0 {
			view.Sums = addSum(view.Sums, t.Amount, t.Currency)
		}
		if t.Fee > 0 {
			view.Fees = addSum(view.Fees, t.Fee, t.Currency)
		}
		if t.Missing > 0 {
			view.Missing = addSum(view.Missing, t.Missing, t.Currency)
		}
	}
	return nil
}

// addSum adds to the sum of a currency.
func addSum(sums []manual.Sum, amount int64, currency string) []manual.Sum {
	for i := range sums {
		if sums[i].Currency == currency {
			sums[i].Amount += amount
			return sums
		}
	}
	return append(sums, manual.Sum{Amount: amount, Currency: currency})
}

// serveBatchFaults downloads the uploaded file with what is wrong beside each row: to be mended there and uploaded again.
func serveBatchFaults(d *Dashboard, v *visit) error {
	b, err := v.batch()
	if err != nil {
		return err
	}
	return v.download("mass faults", b, resultName(b, "_faults"), func(to io.Writer) error {
		return d.mass().Faults(v.ctx(), b.Batch, massbatch.Upload{Sees: v.user.Sees, Advise: v.advice}, to)
	})
}

// massConfirm is the page on which a batch is sent.
type massConfirm struct {
	*reportView
	Batch    *massbatch.Status
	GoodOnly bool
	Modes    []*merchant.Project // that it pays from
	Approves bool                // it waits for a second person
}

// serveBatchConfirm shows what would be sent.
func serveBatchConfirm(_ *Dashboard, v *visit) error {
	b, err := v.batch()
	if err != nil {
		return err
	}
	return v.showBatchConfirm(b, v.r.URL.Query().Get("good") != "", newForm())
}

func (v *visit) showBatchConfirm(b *massbatch.Status, goodOnly bool, f *Form) error {
	report, err := v.report(b)
	if err != nil {
		return err
	}
	if b.State != batches.Checked || report == nil || report.Payable() == 0 || b.Bad > 0 && !goodOnly {
		return v.redirect(batchPath(b.ID), "")
	}
	page := massConfirm{reportView: report, Batch: b, GoodOnly: b.Bad > 0}
	seen := make(map[int64]bool)
	for _, t := range report.Totals {
		if !seen[t.ProjectID] && t.Project != nil {
			seen[t.ProjectID], page.Modes = true, append(page.Modes, t.Project)
		}
		sent, err := v.d.Store.SentAlone(v.ctx(), store.Sending{UserID: v.user.ID, ProjectID: t.ProjectID, Amount: t.Amount, Currency: t.Currency})
		if err != nil {
			return err
		}
		page.Approves = page.Approves || t.Project != nil && sent.NeedsSecond(&t.Project.Settings, t.Amount, t.Currency)
	}
	return v.render("mass_send", Page{Title: v.t("mass.send_title"), Form: f, Data: page})
}

// serveBatchSendAgain asks once more before it is sent.
func serveBatchSendAgain(_ *Dashboard, v *visit) error {
	b, f, err := v.batchForm()
	if err != nil {
		return err
	}
	return v.showBatchConfirm(b, f.Get("good") != "", f)
}

// serveBatchSend sends a batch, or lets it wait for a second person. Sent twice, it is sent once.
func serveBatchSend(d *Dashboard, v *visit) error {
	b, f, err := v.batchForm()
	if err != nil {
		return err
	}
	now, err := d.mass().Send(v.ctx(), b.ID, f.Get("good") != "", v.by(f))
	var moved *batches.MovedError
	switch {
	case errors.As(err, &moved):
		return v.redirect(batchPath(b.ID), "mass.moved_before")
	case errors.Is(err, batches.ErrHasFaults):
		return &userError{ID: "mass.has_faults", Status: http.StatusConflict}
	case err != nil:
		return err
	case now.State == batches.Awaiting:
		return v.redirect(batchPath(b.ID), "manual.asked")
	}
	return v.redirect(batchPath(b.ID), "mass.sent")
}
