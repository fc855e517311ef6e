package masspayout

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"flashpay/internal/accept"
	"flashpay/signature"
)

// block judges the rows of a block and hands each to f with its text, which has no line break at its end.
func (j *judge) block(b block, f func(r *row, text string) error) error {
	text, line := b.text, b.line
	j.semicolons = j.head.separator != ';' || strings.IndexByte(text, '"') >= 0
	whole := utf8.ValidString(text) && strings.IndexByte(text, 0) < 0
	for text != "" {
		end := rowEnd(text, j.head.separator, true)
		if end < 0 || end > maxRow {
			return longRow(text, j.head.separator, line, j.head.columns)
		}
		raw := trimLineBreak(text[:end])
		if !whole && (!utf8.ValidString(raw) || strings.IndexByte(raw, 0) >= 0) {
			return notUTF8(raw, line)
		}
		cells, form := j.head.cut(raw, j.cells)
		r := j.row(line, cells, form)
		if err := f(&r, raw); err != nil {
			return err
		}
		line += int64(strings.Count(raw, "\n")) + 1
		text = text[end:]
	}
	return nil
}

// gap finds empty rows that others follow. At the end of a file they mean nothing; in it they part what was meant to be paid
// from what stands below it in the sheet.
type gap struct{ first int64 }

// before is the fault of the empty rows before a row; ok is false where there are none.
func (g *gap) before(r *row) (f Fault, ok bool) {
	if r.blank {
		if g.first == 0 {
			g.first = r.line
		}
		return Fault{}, false
	}
	if g.first == 0 {
		return Fault{}, false
	}
	f = Fault{
		Line: g.first, Message: Message("Row is empty" + unlistedMessageEnd).At(g.first),
		Advice: fmt.Sprintf("Rows follow behind it, from line %d on. Delete the empty rows, or what stands below the table if it is not to be paid.", r.line),
	}
	g.first = 0
	return f, true
}

// Reader reads a file's rows one after the other, in the file's order.
type Reader struct {
	source *source
	head   *head
	judge  *judge
	gap    gap
	queue  []queued // rows of the block that is being read
}

type queued struct {
	row row
	raw string
}

// Row is a row of a file. Its texts share memory with rows around it.
type Row struct {
	Line     int64
	Faults   []Fault // none: the row may be sent
	Warnings []Warning
	Payout   Payout // counts where there are no faults

	raw string
}

// NewReader begins to read a file; name is what it is called, empty where it has no name. The error is an *Unreadable, or in's.
func NewReader(in io.Reader, name string, rules *Rules) (*Reader, error) {
	s := newSource(in, nil)
	h, err := readHead(s, name)
	if err != nil {
		return nil, err
	}
	return &Reader{source: s, head: h, judge: newJudge(rules, h)}, nil
}

// Warnings are those of the column names.
func (r *Reader) Warnings() []Warning { return r.head.warnings }

// Next returns the next row that is not empty, or an empty one that others follow. io.EOF: there is none. Another error is an
// *Unreadable, which what was read before does not survive: nothing of the file may be paid.
func (r *Reader) Next() (Row, error) {
	for {
		for len(r.queue) > 0 {
			next := &r.queue[0]
			if f, ok := r.gap.before(&next.row); ok {
				return Row{Line: f.Line, Faults: []Fault{f}}, nil
			}
			q := r.queue[0]
			r.queue = r.queue[1:]
			if !q.row.blank {
				return Row{Line: q.row.line, Faults: q.row.faults, Warnings: q.row.warnings, Payout: q.row.payout, raw: q.raw}, nil
			}
		}
		b, err := r.source.next()
		if err != nil {
			return Row{}, err
		}
		err = r.judge.block(b, func(row *row, raw string) error {
			r.queue = append(r.queue, queued{*row, raw})
			return nil
		})
		if err != nil {
			return Row{}, err
		}
	}
}

// Cells are the row's cells in the order of Names.
func (r *Reader) Cells(row Row) []string {
	return r.head.cutAll(row.raw, nil)
}

// Names are the column names as they stand in the file.
func (r *Reader) Names() []string { return r.head.raw }

// Column is where a column of the platform's table stands in the file; -1: nowhere.
func (r *Reader) Column(name string) int {
	if i, ok := r.head.index[name]; ok {
		return i
	}
	return -1
}

var errRowHasFaults = errors.New("masspayout: a row with faults makes no request")

// Request is the request that Gate would have got in the place of a row without faults.
func (r *Reader) Request(row Row) (accept.In, error) {
	if len(row.Faults) > 0 {
		return accept.In{}, errRowHasFaults
	}
	tree := new(signature.Value)
	r.judge.plan.fill(tree, r.Cells(row))
	p := &row.Payout
	return accept.In{
		Project: p.Project, Method: p.Method, Tree: tree, Form: signature.Canonical(tree), Body: tree.AppendJSON(nil), Interface: accept.InterfaceDashboard,
	}, nil
}

// Separator is what stands between the file's cells.
func (r *Reader) Separator() rune { return rune(r.head.separator) }
