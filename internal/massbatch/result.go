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

// outcome is what came of a row.
type outcome struct {
	status  string
	code    int
	known   bool // there is a code
	message string
	at      time.Time // zero: there is no payment
}

func outcomeOf(r *batches.Row) outcome {
	out := outcome{status: string(r.State), code: r.Code, message: r.Message, known: r.Code != 0}
	switch r.State {
	case batches.Made:
		out = outcome{status: string(r.Status), code: r.Final, known: r.Final != 0 || r.Status.Final(), at: r.PaymentAt}
		if out.known {
			out.message = payout.Message(r.Final)
		}
	case batches.Good:
		out.status = NotSent
	case batches.Bad:
		out.status = WithFaults
	}
	return out
}

// codeText is the code as a cell; empty: there is none yet.
func (o *outcome) codeText() string {
	if !o.known {
		return ""
	}
	return strconv.Itoa(o.code)
}

// cellsOf are the result's cells of a row.
func cellsOf(r *batches.Row, o ResultOptions) []string {
	out := outcomeOf(r)
	cells := []string{out.status, out.codeText(), out.message, r.PaidAs, "", ""}
	if r.Payment != 0 {
		cells[4] = strconv.FormatInt(r.Payment, 10)
	}
	if !out.at.IsZero() {
		cells[5] = out.at.UTC().Format(time.RFC3339)
	}
	if o.Words != nil {
		cells = append(cells, o.Words(out.code, out.message))
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
