package sqldb

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgtype"
)

// The writer hands PostgreSQL the rows of a bulk statement as one array for each column: one text for any number of rows,
// and twenty parameters to bind instead of thousands.

var arrayTypes = map[byte]struct {
	name string
	oid  uint32
}{'i': {"BIGINT", pgtype.Int8OID}, 's': {"TEXT", pgtype.TextOID}, 'b': {"BYTEA", pgtype.ByteaOID}}

// overArrays makes the text that takes arrays: rows come from UNNEST where they were listed.
func (b *Bulk) overArrays() {
	var arrays, columns []string
	row := parameter.ReplaceAllStringFunc(b.row, func(p string) string {
		b.types = append(b.types, p[1])
		n := len(b.types)
		arrays = append(arrays, fmt.Sprintf("$%d::%s[]", n, arrayTypes[p[1]].name))
		columns = append(columns, fmt.Sprintf("c%d", n))
		return fmt.Sprintf("a.c%d", n)
	})
	row = strings.TrimSuffix(strings.TrimPrefix(row, "("), ")")
	text := strings.TrimSuffix(b.head, "VALUES ") + "SELECT " + row +
		" FROM UNNEST(" + strings.Join(arrays, ", ") + ") AS a (" + strings.Join(columns, ", ") + ")" + b.tail
	b.Arrays = Postgres.SQL(text)
}

// queue hands the statement over all rows of args to the next round trip.
func (b *Bulk) queue(s *Conn, args []any, scan func(Row) error) error {
	if err := b.whole(args); err != nil || len(args) == 0 {
		return err
	}
	params := make([][]byte, b.Columns)
	for c := range params {
		var err error
		if params[c], err = appendArray(nil, b.types[c], args, c, b.Columns); err != nil {
			return fmt.Errorf("store: %s: column %d: %w", FirstWords(b.head), c+1, err)
		}
	}
	s.Queued = append(s.Queued, queuedStatement{text: b.Arrays, params: params, scan: scan})
	return nil
}

// whole fails where values are missing or left over.
func (b *Bulk) whole(args []any) error {
	if len(args)%b.Columns != 0 {
		return fmt.Errorf("store: %s: %d values do not fill rows of %d", FirstWords(b.head), len(args), b.Columns)
	}
	return nil
}

// appendArray appends one column of args, which has so many in a row, in the binary form of PostgreSQL's arrays: number of
// dimensions, whether there are nulls, the elements' type, how many and from which index; then each with its length.
func appendArray(to []byte, kind byte, args []any, column, columns int) ([]byte, error) {
	for _, v := range []int{1, 1, int(arrayTypes[kind].oid), len(args) / columns, 1} {
		to = appendInt32(to, v)
	}
	for i := column; i < len(args); i += columns {
		switch v := args[i].(type) {
		case nil:
			to = appendInt32(to, -1)
			continue
		case int64:
			if kind == 'i' {
				to = binary.BigEndian.AppendUint64(appendInt32(to, 8), uint64(v))
				continue
			}
		case string:
			if kind == 's' {
				v = storable(v)
				to = append(appendInt32(to, len(v)), v...)
				continue
			}
		case []byte:
			if kind == 'b' {
				to = append(appendInt32(to, len(v)), v...)
				continue
			}
		}
		return nil, fmt.Errorf("a %T where the statement has %s", args[i], arrayTypes[kind].name)
	}
	return to, nil
}

// appendInt32 appends the lower 32 bits of a number, as PostgreSQL's binary form has them: the highest first.
func appendInt32(to []byte, v int) []byte {
	return append(to, byte(v>>24), byte(v>>16), byte(v>>8), byte(v))
}
