package store

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"strconv"
	"time"
	"unicode/utf8"

	"flashpay/internal/store/sqldb"
)

// JournalLine is one line of a payment's journal.
type JournalLine struct {
	ID        int64
	ProjectID int64
	Payment   int64
	Seq       int64
	At        time.Time
	Kind      string
	Operation int64
	Detail    string // a JSON object without personal data
	Hash      [32]byte
}

// Chain computes the line's hash from its predecessor's: SHA-256 over the previous hash and every member, each with
// its length. Whoever changes, removes or reorders a line breaks all that follow.
func (l *JournalLine) Chain(previous [32]byte) [32]byte {
	b := make([]byte, 0, 512)
	b = append(b, previous[:]...)
	for _, n := range []int64{l.ProjectID, l.Payment, l.Seq, l.At.UnixMicro(), l.Operation} {
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	}
	b = appendText(b, l.Kind)
	b = appendText(b, l.Detail)
	return sha256.Sum256(b)
}

func appendText(b []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint64(b, uint64(len(s))), s...)
}

// addLine writes a line with this commit.
func (t *Tx) addLine(l *JournalLine) {
	t.lines = append(t.lines, l.ID, l.ProjectID, l.Payment, l.Seq, l.At.UnixMicro(), l.Kind, l.Operation, l.Detail, l.Hash[:])
}

var insertLines = sqldb.NewBulk(
	"INSERT INTO journal (id, project_id, payment, seq, at, kind, operation, detail, hash) VALUES ",
	"(%i, %i, %i, %i, %i, %s, %i, %s, %b)", "")

func (t *Tx) writeJournal(ctx context.Context, _ []*command) error {
	return insertLines.Later(ctx, t.conn, t.lines, nil)
}

// Detail builds the JSON object of a journal line, member by member. Empty texts are left out.
type Detail []byte

// Text adds a text member.
func (d Detail) Text(name, value string) Detail {
	if value == "" {
		return d
	}
	if plain(value) {
		return append(append(append(d.name(name), '"'), value...), '"')
	}
	quoted, err := json.Marshal(value)
	if err != nil { // a string always marshals
		quoted = []byte(`""`)
	}
	return append(d.name(name), quoted...)
}

// JSON adds a member whose value is JSON already. An empty one is left out.
func (d Detail) JSON(name, value string) Detail {
	if value == "" {
		return d
	}
	return append(d.name(name), value...)
}

// plain says that json.Marshal would write a text as it is, between quotes.
func plain(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c < ' ' || c >= utf8.RuneSelf, c == '"', c == '\\', c == '<', c == '>', c == '&':
			return false
		}
	}
	return true
}

// Int adds a number member.
func (d Detail) Int(name string, value int64) Detail {
	return strconv.AppendInt(d.name(name), value, 10)
}

// Change adds what a value was and what it is, as the members name.before and name.after; empty ones are left out.
func (d Detail) Change(name, before, after string) Detail {
	return d.Text(name+".before", before).Text(name+".after", after)
}

func (d Detail) name(name string) Detail {
	if len(d) == 0 {
		d = append(make(Detail, 0, 384), '{') // nearly all fit
	} else {
		d = append(d, ',')
	}
	return append(append(append(d, '"'), name...), '"', ':')
}

// String ends the object.
func (d Detail) String() string {
	if len(d) == 0 {
		return "{}"
	}
	return string(d) + "}"
}
