package files

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"flashpay/internal/store"
)

// table is a shelf of rows. They are written beside the writer of commits: a chunk is large, and payouts must not wait for it.
type table struct{ store *store.Store }

func (d table) writer(f *File) (chunkWriter, error) { return &rowWriter{d.store, f.ID}, nil }

type rowWriter struct {
	store *store.Store
	file  int64
}

func (w *rowWriter) write(ctx context.Context, number int64, sealed []byte) error {
	const insert = `INSERT INTO file_chunks (file, number, sealed)
		SELECT f.id, CAST($1 AS BIGINT), CAST($2 AS BYTEA) FROM files f WHERE f.id = $3 AND f.state = 'writing'`
	result, err := w.store.DB().Writes.ExecContext(ctx, insert, number, sealed, w.file)
	if err != nil {
		return w.store.DB().Unavailable(err)
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		return errors.Join(err, ErrExpired)
	}
	return nil
}

func (*rowWriter) close() error { return nil }

func (*rowWriter) abort() {}

func (d table) reader(f *File, first int64) (chunkReader, error) {
	return &rowReader{d.store, f.ID, first}, nil
}

type rowReader struct {
	store *store.Store
	file  int64
	next  int64
}

func (r *rowReader) read(ctx context.Context) (sealed []byte, err error) {
	err = r.store.DB().Read(ctx, "SELECT sealed FROM file_chunks WHERE file = $1 AND number = $2", func(rows *sql.Rows) error {
		return rows.Scan(&sealed)
	}, r.file, r.next)
	if err == nil && sealed == nil {
		err = errNoChunk
	}
	r.next++
	return sealed, r.store.DB().Unavailable(err)
}

func (*rowReader) close() error { return nil }

// dropChunks is how many chunks one statement deletes: 16 MiB.
const dropChunks = 64

func (d table) remove(ctx context.Context, f *File) error {
	const piece = "DELETE FROM file_chunks WHERE file = $1 AND number IN (SELECT number FROM file_chunks WHERE file = $2 ORDER BY number LIMIT $3)"
	for gone := int64(dropChunks); gone == dropChunks; {
		result, err := d.store.DB().Writes.ExecContext(ctx, piece, f.ID, f.ID, dropChunks)
		if err != nil {
			return fmt.Errorf("files: deleting file %d: %w", f.ID, d.store.DB().Unavailable(err))
		}
		if gone, err = result.RowsAffected(); err != nil {
			return fmt.Errorf("files: deleting file %d: %w", f.ID, err)
		}
	}
	return nil
}
