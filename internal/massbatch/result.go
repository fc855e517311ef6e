package massbatch

import (
	"context"
	"errors"
	"io"
	"slices"
	"strconv"
	"time"

	"flashpay/internal/csvfile"
	"flashpay/internal/masspayout"
	"flashpay/internal/payout"
	"flashpay/internal/store/batches"
	"flashpay/internal/store/files"
)

// resultColumns stand behind the uploaded ones.
var resultColumns = []string{"result.status", "result.code", "result.message", "result.payment_id", "result.operation_id", "result.date"}

// ResultOptions say what a result holds.
type ResultOptions struct {
	// Words is a message in the reader's language, which gets a column of its own; nil: there is none.
	Words func(code int, message string) string
}

// Result writes a batch's rows as they stand: the uploaded columns in their order and spelling, then what came of each. It may
// be called at any time, reads the file as a stream, and writes no cell that a spreadsheet would run.
func (s *Service) Result(ctx context.Context, id int64, to io.Writer, o ResultOptions) error {
	return s.rewrite(ctx, id, func(_ *batches.Batch, reader *masspayout.Reader) (rewriter, error) {
		w, err := csvfile.NewWriter(to, reader.Separator())
		if err != nil {
			return rewriter{}, err
		}
		columns := slices.Concat(reader.Names(), resultColumns)
		if o.Words != nil {
			columns = append(columns, "result.message_translated")
		}
		row := func(row masspayout.Row, kept *batches.Row) error {
			return w.Write(append(reader.Cells(row), cellsOf(kept, o)...)...)
		}
		return rewriter{row, w.Flush}, w.Write(columns...)
	})
}

// rewriter writes another file of a batch's.
type rewriter struct {
	row func(masspayout.Row, *batches.Row) error
	end func() error
}

// rewrite reads a batch's file as a stream, with what became of each row.
func (s *Service) rewrite(ctx context.Context, id int64, begin func(*batches.Batch, *masspayout.Reader) (rewriter, error)) (err error) {
	b, err := batches.Get(ctx, s.Store, id)
	if err != nil {
		return err
	}
	sender, err := s.sender(b)
	if err != nil {
		return err
	}
	file, err := files.Open(ctx, s.Store, b.File, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	rules := s.rules(sender)
	reader, err := masspayout.NewReader(file, b.Name, &rules)
	if err != nil {
		return err
	}
	to, err := begin(b, reader)
	if err != nil {
		return err
	}
	known := &rowReader{service: s, batch: b}
	for {
		row, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return to.end()
		}
		if err != nil {
			return err
		}
		kept, err := known.at(ctx, row.Line)
		if err != nil {
			return err
		}
		if err := to.row(row, kept); err != nil {
			return err
		}
	}
}

// cellsOf are the result's cells of a row.
func cellsOf(r *batches.Row, o ResultOptions) []string {
	code, message := r.Code, r.Message
	var status string
	var date time.Time
	switch r.State {
	case batches.Made:
		status, code, date = string(r.Status), r.Final, r.PaymentAt
		if message = payout.Message(code); code == 0 && !r.Status.Final() { // there is no code yet
			message = ""
		}
	case batches.Good:
		status = NotSent
	case batches.Bad:
		status = WithFaults
	default:
		status = string(r.State)
	}
	cells := []string{status, "", message, r.PaidAs, "", ""}
	if code != 0 || r.State == batches.Made && r.Status.Final() {
		cells[1] = strconv.Itoa(code)
	}
	if r.Payment != 0 {
		cells[4] = strconv.FormatInt(r.Payment, 10)
	}
	if !date.IsZero() {
		cells[5] = date.UTC().Format(time.RFC3339)
	}
	if o.Words != nil {
		cells = append(cells, o.Words(code, message))
	}
	return cells
}

// rowReader reads the rows of a batch page after page, as their lines come.
type rowReader struct {
	service *Service
	batch   *batches.Batch
	page    []batches.Row
}

// resultPage is how many rows are read at a time.
const resultPage = 1000

// at is the row of a line; one that the batch does not have counts as not sent.
func (p *rowReader) at(ctx context.Context, line int64) (*batches.Row, error) {
	for len(p.page) > 0 && p.page[0].Line < line {
		p.page = p.page[1:]
	}
	if len(p.page) == 0 {
		var err error
		p.page, err = batches.Rows(ctx, p.service.Store, batches.RowFilter{Batch: p.batch.ID, After: line - 1, Limit: resultPage})
		if err != nil {
			return nil, err
		}
	}
	if len(p.page) == 0 || p.page[0].Line != line {
		return &batches.Row{Line: line, State: batches.Good}, nil
	}
	return &p.page[0], nil
}
