package masspayout

import (
	"errors"
	"io"
	"strings"
)

// Lines finds rows of a file that was checked before, without judging them again.
type Lines struct {
	source *source
	head   *head
	rest   block // rows that were not passed yet
	cells  []string
}

// NewLines begins to read a file. The error is an *Unreadable, or in's.
func NewLines(in io.Reader) (*Lines, error) {
	s := newSource(in, nil)
	h, err := readHead(s, "")
	if err != nil {
		return nil, err
	}
	return &Lines{source: s, head: h}, nil
}

// At goes on to the row that begins in a line, which lies behind the last one that was asked for, and returns what reads its cells by
// the names of the platform's columns, until At is called again. Where the file has no such row its cells are empty.
func (l *Lines) At(line int64) (func(column string) string, error) {
	l.cells = l.cells[:0]
	for {
		for l.rest.text != "" && l.rest.line <= line {
			end := rowEnd(l.rest.text, l.head.separator, true)
			if end < 0 {
				return nil, longRow(l.rest.text, l.head.separator, l.rest.line, l.head.columns)
			}
			row, at := l.rest.text[:end], l.rest.line
			l.rest = block{at + int64(strings.Count(row, "\n")), l.rest.text[end:]}
			if at == line {
				l.cells = l.head.cutAll(trimLineBreak(row), l.cells)
				return l.cell, nil
			}
		}
		if l.rest.text != "" {
			return l.cell, nil
		}
		next, err := l.source.next()
		if errors.Is(err, io.EOF) {
			return l.cell, nil
		}
		if err != nil {
			return nil, err
		}
		l.rest = next
	}
}

func (l *Lines) cell(column string) string {
	i, ok := l.head.index[column]
	if !ok || i >= len(l.cells) {
		return ""
	}
	return l.cells[i]
}
