package report

import (
	"io"
	"strconv"
	"strings"
	"time"

	"flashpay/internal/csvfile"
	"flashpay/internal/money"
	"flashpay/internal/record"
)

// Rows writes records as rows of a CSV: the chosen columns of a list.
type Rows[T any] struct {
	out     *csvfile.Writer
	columns []*record.Column[T]
	zone    *time.Location
	mark    byte   // of decimals
	times   string // layout of times
}

// NewRows writes the header and then whatever Write is given. Times are of a zone. Format.Gzip is not looked at.
func NewRows[T any](w io.Writer, columns []*record.Column[T], f Format, zone *time.Location) (*Rows[T], error) {
	separator, mark, times := ',', byte('.'), time.RFC3339
	if f.Semicolon {
		separator = ';'
	}
	if f.DecimalComma {
		mark = ','
	}
	if f.LocalTimes {
		times = time.DateTime
	}
	out, err := csvfile.NewWriter(w, separator)
	if err != nil {
		return nil, err
	}
	if f.BOM {
		out.Mark()
	}
	for _, c := range columns {
		out.Cell(Title(c.Name, f.Header))
	}
	return &Rows[T]{out: out, columns: columns, zone: zone, mark: mark, times: times}, out.End()
}

// Write writes one record.
func (r *Rows[T]) Write(of *T) error {
	for _, c := range r.columns {
		r.cell(c.Value(of))
	}
	return r.out.End()
}

// Flush sends on what is buffered.
func (r *Rows[T]) Flush() error { return r.out.Flush() }

func (r *Rows[T]) cell(v record.Value) {
	switch v.Kind {
	case record.Number:
		r.out.Append(func(b []byte) []byte { return strconv.AppendInt(b, v.Amount, 10) })
	case record.Moment:
		if v.At.IsZero() {
			r.out.Cell("")
			return
		}
		r.out.Append(func(b []byte) []byte { return v.At.In(r.zone).AppendFormat(b, r.times) })
	case record.Sum:
		r.out.Append(func(b []byte) []byte { return r.sum(b, &v) })
	case record.Object:
		r.out.Append(func(b []byte) []byte { return append(append(r.sum(b, &v), ' '), v.Currency...) })
	default:
		r.out.Cell(v.Text)
	}
}

// sum appends a sum in major units; of a currency that this version does not know, minor units say that they are.
func (r *Rows[T]) sum(b []byte, v *record.Value) []byte {
	major, err := money.Major(v.Amount, v.Currency)
	if err != nil {
		return append(strconv.AppendInt(b, v.Amount, 10), " minor units"...)
	}
	if r.mark != '.' {
		major = strings.Replace(major, ".", string(rune(r.mark)), 1)
	}
	return append(b, major...)
}
