package sqldb

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/stdlib"
)

// Cells are the cells of one row, by column: of numbers and of texts or bytes. NULL is 0 and empty. All texts of a row are parts
// of one string, so that a row costs one allocation however many columns it has.
type Cells struct {
	Numbers []int64
	Texts   []string

	buffer []byte // texts of the row, one after the other
	ends   []int  // by column, where in the buffer its text ends
}

// begin makes room for a row.
func (c *Cells) begin(columns int) {
	if len(c.Numbers) != columns {
		c.Numbers, c.Texts, c.ends = make([]int64, columns), make([]string, columns), make([]int, columns)
	}
	c.buffer = c.buffer[:0]
}

// end cuts the row's texts.
func (c *Cells) end() {
	all, from := string(c.buffer), 0
	for i, to := range c.ends {
		c.Texts[i] = all[from:to]
		from = to
	}
}

// Stream is List for many rows: it reads numbers and texts only, without what database/sql does to each cell. The cells
// that row gets are its own until it returns, but their texts may be kept.
func (db *DB) Stream(ctx context.Context, text string, row func(*Cells) error, args ...any) error {
	read := db.streamPostgres
	if db.Dialect == &SQLite {
		read = db.streamSQLite
	}
	if err := read(ctx, text, row, storables(args)); err != nil {
		return fmt.Errorf("store: %s: %w", FirstWords(text), err)
	}
	return nil
}

func (db *DB) streamSQLite(ctx context.Context, text string, row func(*Cells) error, args []any) error {
	conn, err := db.direct.take()
	if err != nil {
		return err
	}
	if err := conn.stream(ctx, text, row, args); err != nil {
		conn.close()
		return err
	}
	db.direct.put(conn)
	return nil
}

func (db *DB) streamPostgres(ctx context.Context, text string, row func(*Cells) error, args []any) error {
	conn, err := db.Lists.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	return conn.Raw(func(driver any) error {
		rows, err := driver.(*stdlib.Conn).Conn().Query(ctx, text, args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		fields := slices.Clone(rows.FieldDescriptions())
		var cells Cells
		for rows.Next() {
			cells.begin(len(fields))
			for i, value := range rows.RawValues() {
				if cells.Numbers[i], err = number(fields[i].DataTypeOID, fields[i].Format, value); err != nil {
					return err
				}
				if !isNumber(fields[i].DataTypeOID) {
					cells.buffer = append(cells.buffer, value...)
				}
				cells.ends[i] = len(cells.buffer)
			}
			cells.end()
			if err := row(&cells); err != nil {
				return err
			}
		}
		return rows.Err()
	})
}

func isNumber(oid uint32) bool {
	return oid == pgtype.Int8OID || oid == pgtype.Int4OID || oid == pgtype.Int2OID
}

// number reads a number as PostgreSQL sends it. What is none is 0.
func number(oid uint32, format int16, value []byte) (int64, error) {
	switch {
	case len(value) == 0 || !isNumber(oid):
		return 0, nil
	case format == pgx.TextFormatCode:
		return strconv.ParseInt(string(value), 10, 64)
	case len(value) == 8:
		return int64(binary.BigEndian.Uint64(value)), nil
	case len(value) == 4:
		return int64(int32(binary.BigEndian.Uint32(value))), nil
	}
	return 0, fmt.Errorf("a number of %d bytes", len(value))
}
