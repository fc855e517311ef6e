package dashboard

import (
	"cmp"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"flashpay/internal/massbatch"
	"flashpay/internal/masspayout"
	"flashpay/internal/payout"
	"flashpay/internal/record"
	"flashpay/internal/staff"
	"flashpay/internal/store/batches"
)

// rowsPage is a page of a batch's rows.
type rowsPage struct {
	Batch   *massbatch.Status
	Counts  []countView // the filter
	Status  string      // that is looked for; empty: any
	Rows    []rowView
	Form    *Form
	First   string // where the first page is; empty: this is it
	Next    string // and the next one
	Looking int64  // the line up to which rows of the status were looked for; 0: all were
}

// rowView is a row in words.
type rowView struct {
	batches.Row
	Word    string // of rows that made no payment; else the status says it
	Message faultView
	Advice  string
	Href    string // of its payment
}

const (
	rowsShown  = 50
	rowsLooked = 200_000 // that a page looks at before it shows what it has
)

// rowWords are the filters of rows that made no payment, by their states.
var rowWords = map[batches.RowState]string{
	batches.Good: massbatch.NotSent, batches.Bad: massbatch.WithFaults, batches.Refused: massbatch.Refused, batches.PaidAlready: string(batches.PaidAlready),
}

// rowWord is the word of what a row counts as that made no payment.
func rowWord(name string) string { return "mass.rows." + strings.ReplaceAll(name, " ", "_") }

// rowStatus says what a row of a report may have come to: a payment's status, or what it counts as that made none.
func (v *visit) rowStatus(status string) string {
	if slices.Contains(massbatch.RowWords(), status) {
		return v.t(rowWord(status))
	}
	return v.t("status." + strings.ReplaceAll(status, " ", "_"))
}

// rowFilter is what a filter's name chooses.
func rowFilter(batch int64, status string) batches.RowFilter {
	f := batches.RowFilter{Batch: batch, Limit: rowsShown}
	if status == "" {
		return f
	}
	for state, name := range rowWords {
		if name == status {
			f.State = state
			return f
		}
	}
	f.State, f.Status = batches.Made, payout.Status(status)
	return f
}

// serveBatchRows shows rows of a batch, page after page by their lines.
func serveBatchRows(d *Dashboard, v *visit) error {
	b, err := v.batch()
	if err != nil {
		return err
	}
	q := v.r.URL.Query()
	page := rowsPage{Batch: b, Counts: (&batchView{Status: b}).counts(), Status: q.Get("status"), Form: newForm("line", q.Get("line"))}
	filter := rowFilter(b.ID, page.Status)
	filter.After, _ = strconv.ParseInt(q.Get("after"), 10, 64) // what is no number begins at the first line
	if line, err := strconv.ParseInt(page.Form.Get("line"), 10, 64); err == nil && q.Get("after") == "" {
		filter.After = line - 1
	}
	if v.wantsFile() {
		return v.rowsFile(b, filter).send(v)
	}
	found, err := batches.Find(v.ctx(), d.Store, filter, rowsLooked)
	if err != nil {
		return err
	}
	for _, r := range found.Rows {
		page.Rows = append(page.Rows, v.row(r))
	}
	at := func(after int64) string {
		next := url.Values{}
		if page.Status != "" {
			next.Set("status", page.Status)
		}
		if after > 0 {
			next.Set("after", strconv.FormatInt(after, 10))
		}
		return batchPath(b.ID) + "/rows?" + next.Encode()
	}
	if filter.After > 0 {
		page.First = at(0)
	}
	if found.Until > 0 {
		page.Next = at(found.Until)
		if len(found.Rows) < rowsShown {
			page.Looking = found.Until
		}
	}
	return v.render("mass_rows", Page{Title: v.t("mass.rows_title"), Form: page.Form, Data: page, Wide: true, Files: true})
}

// rowsFile is a batch's rows from the one on that the page begins with, as the page tells them.
func (v *visit) rowsFile(b *massbatch.Status, filter batches.RowFilter) listFile[rowView] {
	each := func(write func(rowView) error) error {
		filter.Limit = exportRows
		for {
			found, err := batches.Find(v.ctx(), v.d.Store, filter, rowsLooked)
			if err != nil {
				return err
			}
			for _, r := range found.Rows {
				if err := write(v.row(r)); err != nil {
					return err
				}
			}
			if found.Until == 0 {
				return nil
			}
			filter.After = found.Until
		}
	}
	return listFile[rowView]{fmt.Sprint("batch_", b.ID, "_rows"), func(say wording) record.Table[rowView] {
		return record.Table[rowView]{
			record.Of("line", func(r *rowView) record.Value { return countOf(r.Line) }),
			record.Of("status", func(r *rowView) record.Value {
				if r.Word != "" {
					return textOf(say(rowWords[r.State], r.Word))
				}
				return textOf(say(string(r.Status), "status."+strings.ReplaceAll(string(r.Status), " ", "_")))
			}),
			record.Of("payment_id", func(r *rowView) record.Value { return textOf(r.PaidAs) }),
			record.Of("project_id", func(r *rowView) record.Value {
				if r.ProjectID == 0 {
					return record.Value{}
				}
				return textOf(strconv.FormatInt(r.ProjectID, 10))
			}),
			record.Of("amount", func(r *rowView) record.Value {
				if r.Amount == 0 {
					return record.Value{}
				}
				return sumValue(r.Amount, r.Currency)
			}),
			record.Of("currency", func(r *rowView) record.Value { return textOf(r.Currency) }),
			record.Of("message", func(r *rowView) record.Value { return textOf(r.Message.Message) }),
			record.Of("advice", func(r *rowView) record.Value { return textOf(r.Advice) }),
		}
	}, each}
}

// row says what became of a row.
func (v *visit) row(r batches.Row) rowView {
	view := rowView{Row: r}
	if name := rowWords[r.State]; name != "" {
		view.Word = rowWord(name)
	}
	message, code := r.Message, r.Code
	switch {
	case r.State == batches.Made:
		message, code = "", r.Final
		if r.Final != 0 {
			message = fmt.Sprintf("%d %s", r.Final, payout.Message(r.Final))
			view.Advice = v.codeAdvice(r.Final)
		}
	case r.Code != 0:
		message, view.Advice = fmt.Sprintf("%d %s", r.Code, r.Message), v.codeAdvice(r.Code)
	}
	if message != "" {
		view.Message = v.wordFault(&masspayout.Fault{Message: message})
		if n := v.words().code(code); code != 0 && n.Beside() {
			view.Message.Word = v.words().codeText(code)
		}
	}
	if r.Payment != 0 && v.user.Can(staff.ViewPayments) {
		view.Href = paymentAddress(r.ProjectID, r.Payment, "")
	}
	return view
}

// codeAdvice says in the visitor's language what a code asks for; empty: nothing is known.
func (v *visit) codeAdvice(code int) string {
	known, ok := payout.LookUp(code)
	if id := "payments.advice." + known.Action; ok && v.d.pages[v.lang].words.has(id) {
		return v.t(id)
	}
	return ""
}

// serveBatchResult downloads the uploaded file with what became of each row.
func serveBatchResult(d *Dashboard, v *visit) error {
	b, err := v.batch()
	if err != nil {
		return err
	}
	words := func(code int, message string) string {
		if code != 0 {
			return v.codeAdvice(code)
		}
		if message == payout.Message(0) {
			return v.t("status.success")
		}
		fault := v.wordFault(&masspayout.Fault{Message: message})
		return cmp.Or(fault.Word, message)
	}
	return v.download("mass result", b, resultName(b, "_result"), func(to io.Writer) error {
		return d.mass().Result(v.ctx(), b.ID, to, massbatch.ResultOptions{Words: words})
	})
}

// serveBatchDeclined downloads the rows that were declined, with new ids.
func serveBatchDeclined(d *Dashboard, v *visit) error {
	b, err := v.batch()
	if err != nil {
		return err
	}
	return v.download("mass declined", b, resultName(b, "_declined"), func(to io.Writer) error { return d.mass().Declined(v.ctx(), b.ID, to, v.advice) })
}

// serveBatchAgain makes a batch of the rows that were declined, with new ids. It is checked, and sends nothing.
func serveBatchAgain(d *Dashboard, v *visit) error {
	b, err := v.batch()
	if err != nil {
		return err
	}
	p, err := v.project(strconv.FormatInt(b.ProjectID, 10))
	if err != nil {
		return err
	}
	from, to := io.Pipe()
	defer func() { _ = from.Close() }()
	go func() { to.CloseWithError(d.mass().Declined(v.ctx(), b.ID, to, nil)) }()
	made, report, err := d.mass().CreateBatch(v.ctx(), from, massbatch.Upload{Project: p, Name: resultName(b, "_declined"), By: v.by(nil), Sees: v.user.Sees})
	if err != nil {
		return err
	}
	if made == nil {
		d.Logger.Info("dashboard: no declined rows", "batch", b.ID, "why", report.Unreadable)
		return v.redirect(batchPath(b.ID), "mass.none_declined")
	}
	return v.redirect(batchPath(made.ID), "")
}
