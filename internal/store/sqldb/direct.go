package sqldb

import (
	"context"
	"fmt"
	"sync"
	"time"

	"modernc.org/libc"
	lib "modernc.org/sqlite/lib"
)

// direct is connections of SQLite that only read, made upon its library instead of database/sql: the driver makes an interface
// value, and of a text a copy, of each cell of each row, which costs more than to find it.
type direct struct {
	path     string
	patience time.Duration

	mu     sync.Mutex
	idle   []*directConn
	closed bool
}

// keptDirect is how many idle connections are kept; an export uses two.
const keptDirect = 4

// OpenDirect says where the file is, and how long a connection waits for one that writes.
func (db *DB) OpenDirect(path string, patience time.Duration) {
	db.direct.path, db.direct.patience = path, patience
}

// CloseDirect closes the connections that Stream has made. Those that are in use close when they are given back.
func (db *DB) CloseDirect() {
	db.direct.mu.Lock()
	defer db.direct.mu.Unlock()
	for _, c := range db.direct.idle {
		c.close()
	}
	db.direct.idle, db.direct.closed = nil, true
}

func (d *direct) take() (*directConn, error) {
	d.mu.Lock()
	if n := len(d.idle); n > 0 {
		c := d.idle[n-1]
		d.idle = d.idle[:n-1]
		d.mu.Unlock()
		return c, nil
	}
	d.mu.Unlock()
	return openDirect(d.path, d.patience)
}

func (d *direct) put(c *directConn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed || len(d.idle) >= keptDirect {
		c.close()
		return
	}
	d.idle = append(d.idle, c)
}

// directConn is one connection, with the one statement that it read last: pages of a list are the same but for their arguments.
// It belongs to one goroutine.
type directConn struct {
	tls       *libc.TLS
	db        uintptr
	statement uintptr
	text      string
	columns   int32
	cells     Cells
}

// directError is an error of SQLite's library.
type directError struct {
	code int
	text string
}

func (e *directError) Error() string { return fmt.Sprintf("%s (%d)", e.text, e.code) }

func openDirect(path string, patience time.Duration) (*directConn, error) {
	c := &directConn{tls: libc.NewTLS()}
	name, err := libc.CString(path)
	if err != nil {
		return nil, err
	}
	defer libc.Xfree(c.tls, name)
	// No lock for each call: the connection belongs to one goroutine. It may write to the index of the log, as each reader does.
	rc, db := c.made(func(out uintptr) int32 {
		return lib.Xsqlite3_open_v2(c.tls, name, out, lib.SQLITE_OPEN_READWRITE|lib.SQLITE_OPEN_NOMUTEX, 0)
	})
	if c.db = db; rc != lib.SQLITE_OK {
		err := c.failed(rc)
		c.close()
		return nil, err
	}
	lib.Xsqlite3_busy_timeout(c.tls, c.db, int32(patience.Milliseconds()))
	for _, pragma := range []string{"PRAGMA query_only = 1", "PRAGMA cache_size = -4096"} {
		if err := c.stream(context.Background(), pragma, func(*Cells) error { return nil }, nil); err != nil {
			c.close()
			return nil, err
		}
	}
	return c, nil
}

// made calls what makes an object and writes its address.
func (c *directConn) made(f func(out uintptr) int32) (rc int32, made uintptr) {
	out := libc.Xcalloc(c.tls, 1, 8)
	if out == 0 {
		return lib.SQLITE_NOMEM, 0
	}
	defer libc.Xfree(c.tls, out)
	rc = f(out)
	return rc, libc.AtomicLoadPUintptr(out)
}

// failed is the error of a call.
func (c *directConn) failed(rc int32) error {
	text := libc.GoString(lib.Xsqlite3_errstr(c.tls, rc))
	if c.db != 0 {
		text = libc.GoString(lib.Xsqlite3_errmsg(c.tls, c.db))
	}
	return &directError{int(rc), text}
}

func (c *directConn) close() {
	c.forget()
	lib.Xsqlite3_close_v2(c.tls, c.db)
	c.tls.Close()
}

// forget ends the statement that was read last.
func (c *directConn) forget() {
	lib.Xsqlite3_finalize(c.tls, c.statement)
	c.statement, c.text = 0, ""
}

func (c *directConn) prepare(text string) error {
	if c.statement != 0 && c.text == text {
		return nil
	}
	c.forget()
	sql, err := libc.CString(text)
	if err != nil {
		return err
	}
	defer libc.Xfree(c.tls, sql)
	rc, statement := c.made(func(out uintptr) int32 { return lib.Xsqlite3_prepare_v2(c.tls, c.db, sql, -1, out, 0) })
	if rc != lib.SQLITE_OK {
		return c.failed(rc)
	}
	c.statement, c.text, c.columns = statement, text, lib.Xsqlite3_column_count(c.tls, statement)
	return nil
}

func (c *directConn) bind(args []any) error {
	for i, arg := range args {
		var rc int32
		switch v := arg.(type) {
		case int:
			rc = lib.Xsqlite3_bind_int64(c.tls, c.statement, int32(i+1), int64(v))
		case int64:
			rc = lib.Xsqlite3_bind_int64(c.tls, c.statement, int32(i+1), v)
		case string:
			text, err := libc.CString(v)
			if err != nil {
				return err
			}
			rc = lib.Xsqlite3_bind_text(c.tls, c.statement, int32(i+1), text, int32(len(v)), lib.SQLITE_TRANSIENT)
			libc.Xfree(c.tls, text)
		default:
			return fmt.Errorf("argument %d is a %T", i+1, arg)
		}
		if rc != lib.SQLITE_OK {
			return c.failed(rc)
		}
	}
	return nil
}

// stream reads the rows of a statement. The statement is at its beginning again when it returns, so that no row is held.
func (c *directConn) stream(ctx context.Context, text string, row func(*Cells) error, args []any) error {
	if err := c.prepare(text); err != nil {
		return err
	}
	defer lib.Xsqlite3_reset(c.tls, c.statement)
	if err := c.bind(args); err != nil {
		return err
	}
	for {
		switch rc := lib.Xsqlite3_step(c.tls, c.statement); rc {
		case lib.SQLITE_ROW:
		case lib.SQLITE_DONE:
			return nil
		default:
			return c.failed(rc)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		c.read()
		if err := row(&c.cells); err != nil {
			return err
		}
	}
}

// read takes the cells of the row at which the statement is.
func (c *directConn) read() {
	c.cells.begin(int(c.columns))
	for i := range c.columns {
		switch lib.Xsqlite3_column_type(c.tls, c.statement, i) {
		case lib.SQLITE_INTEGER:
			c.cells.Numbers[i] = lib.Xsqlite3_column_int64(c.tls, c.statement, i)
		case lib.SQLITE_NULL:
			c.cells.Numbers[i] = 0
		default:
			c.cells.Numbers[i] = 0
			at := lib.Xsqlite3_column_blob(c.tls, c.statement, i)
			if n := lib.Xsqlite3_column_bytes(c.tls, c.statement, i); n > 0 {
				c.cells.buffer = append(c.cells.buffer, libc.GoBytes(at, int(n))...)
			}
		}
		c.cells.ends[i] = len(c.cells.buffer)
	}
	c.cells.end()
}
