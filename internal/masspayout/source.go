package masspayout

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"
)

const (
	// MaxBytes is how large a file may be.
	MaxBytes = 128 << 20

	blockSize = 128 << 10 // at least maxRow, so that a block holds a whole row or a fault
)

// Unreadable is why a file as a whole cannot be read: nothing of it can be paid.
type Unreadable struct{ Fault Fault }

// Error says what is wrong and where.
func (u *Unreadable) Error() string {
	where := ""
	if u.Fault.Line > 0 {
		where = fmt.Sprintf(", line %d", u.Fault.Line)
	}
	return u.Fault.Message + where + ": " + u.Fault.Advice
}

func unreadable(m Message, line int64, column, advice string) *Unreadable {
	return &Unreadable{Fault{Line: line, Column: column, Message: m.At(line), Advice: advice}}
}

// source reads a file in blocks of whole rows.
type source struct {
	in        io.Reader
	digest    hash.Hash // of all bytes as they came
	read      int64
	progress  func(read int64) // may be nil
	separator byte
	columns   []column // empty until they are read
	line      int64    // of the first row in pending
	pending   []byte   // read and not handed out
	ended     bool
}

// block is a part of a file: whole rows, line breaks at their ends included.
type block struct {
	line int64 // of its first row
	text string
}

func newSource(in io.Reader, progress func(int64)) *source {
	return &source{in: in, digest: sha256.New(), progress: progress, line: 1, pending: make([]byte, 0, blockSize)}
}

// fill reads until pending is full or the file ends.
func (s *source) fill() error {
	for !s.ended && len(s.pending) < blockSize {
		n, err := s.in.Read(s.pending[len(s.pending):blockSize])
		s.digest.Write(s.pending[len(s.pending) : len(s.pending)+n])
		s.pending = s.pending[:len(s.pending)+n]
		s.read += int64(n)
		switch {
		case s.read > MaxBytes:
			return unreadable(FormatIncorrect, 0, "", fmt.Sprintf("The file is larger than %d MB. Divide it into several files.", MaxBytes>>20))
		case errors.Is(err, io.EOF):
			s.ended = true
		case err != nil:
			return fmt.Errorf("masspayout: reading the file: %w", err)
		}
	}
	if s.progress != nil {
		s.progress(s.read)
	}
	return nil
}

// drop takes the first n bytes of pending as read.
func (s *source) drop(n int) {
	s.line += int64(bytes.Count(s.pending[:n], []byte{'\n'}))
	s.pending = s.pending[:copy(s.pending, s.pending[n:])]
}

// next returns the next block; io.EOF: there is none. Another error is an *Unreadable, or the reader's.
func (s *source) next() (block, error) {
	if err := s.fill(); err != nil {
		return block{}, err
	}
	if len(s.pending) == 0 {
		return block{}, io.EOF
	}
	text := string(s.pending)
	end := s.wholeRows(text)
	if end == 0 {
		return block{}, longRow(text, s.separator, s.line, s.columns)
	}
	b := block{s.line, text[:end]}
	s.drop(end)
	return b, nil
}

// wholeRows is how many bytes of a text are rows that have ended.
func (s *source) wholeRows(text string) int {
	if strings.IndexByte(text, '"') < 0 {
		if s.ended {
			return len(text)
		}
		return strings.LastIndexByte(text, '\n') + 1
	}
	at := 0
	for at < len(text) {
		end := rowEnd(text[at:], s.separator, s.ended)
		if end < 0 {
			break
		}
		at += end
	}
	return at
}

// longRow is the fault of a row that does not end, or not within maxRow bytes.
func longRow(row string, separator byte, line int64, columns []column) *Unreadable {
	if at, cell, ok := openQuote(row, separator, len(columns)); ok {
		lines := int64(strings.Count(row[:at], "\n"))
		name := ""
		if cell <= len(columns) {
			name = columns[cell-1].name
		}
		return unreadable(FileBroken, line+lines, name, fmt.Sprintf("The quotation mark that opens cell %d of this line is not closed, or not until many lines later, so that "+
			"all rows behind it would be read as its text. Close it, or delete it; a quotation mark inside of a quoted cell is written twice.", cell))
	}
	return unreadable(FileBroken, line, "", fmt.Sprintf("The row that begins here has more than %d characters. Are its line breaks missing?", maxRow))
}

// openQuote finds the first quoted cell that is not closed, or holds what may be rows. A cell that has line breaks alone may be meant
// so, and counts where there is no other.
func openQuote(row string, separator byte, columns int) (at, cell int, ok bool) {
	for i, n := 0, 1; i < len(row); n++ {
		if row[i] == '"' {
			closed := closingQuote(row, i+1, true)
			if closed < 0 || mayHoldRows(row[i+1:closed], row[closed+1:], separator, columns) {
				return i, n, true
			}
			if !ok && strings.IndexByte(row[i:closed], '\n') >= 0 {
				at, cell, ok = i, n, true
			}
			i = closed + 1
		}
		next := strings.IndexByte(row[i:], separator)
		if next < 0 {
			break
		}
		i += next + 1
	}
	return at, cell, ok
}

// mayHoldRows tells whether the quote that closes a cell may be one that opens another, rows later.
func mayHoldRows(text, behind string, separator byte, columns int) bool {
	if swallowed(text, separator, 0, 0, columns) != nil {
		return true
	}
	return strings.IndexByte(text, '\n') >= 0 && behind != "" && behind[0] != separator && behind[0] != '\r' && behind[0] != '\n'
}
