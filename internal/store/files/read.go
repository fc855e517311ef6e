package files

import (
	"context"
	"errors"
	"fmt"
	"io"

	"flashpay/internal/store"
)

// Reader reads a file. It is for one goroutine.
type Reader struct {
	ctx    context.Context
	store  *store.Store
	file   *File
	chunks chunkReader
	next   int64  // number of the next chunk
	buffer []byte // what is left of the newest one
}

// Open opens a file at a byte of its content. ErrNotFound where there is none; ErrDamaged, also from Read, where its content
// is not what was written. ctx is that of all reading.
func Open(ctx context.Context, s *store.Store, id, offset int64) (*Reader, error) {
	f, err := Get(ctx, s, id)
	if err != nil {
		return nil, err
	}
	if offset < 0 || offset > f.Size {
		return nil, fmt.Errorf("files: file %d has %d bytes: it has no place %d", id, f.Size, offset)
	}
	r := &Reader{ctx: ctx, store: s, file: f, next: min(offset/chunkSize, max(f.chunks-1, 0))}
	if r.chunks, err = shelfOf(s).reader(f, r.next); err != nil {
		return nil, r.damaged(err)
	}
	skip := offset - r.next*chunkSize
	err = r.fill()
	if err == nil && skip > int64(len(r.buffer)) {
		err = fmt.Errorf("%w (file %d)", ErrDamaged, id)
	}
	if err != nil {
		return nil, errors.Join(err, r.Close())
	}
	r.buffer = r.buffer[skip:]
	return r, nil
}

// File is what is known of the file.
func (r *Reader) File() *File { return r.file }

// Read implements io.Reader.
func (r *Reader) Read(p []byte) (int, error) {
	for len(r.buffer) == 0 {
		if r.next == r.file.chunks {
			return 0, io.EOF
		}
		if err := r.fill(); err != nil {
			return 0, err
		}
	}
	n := copy(p, r.buffer)
	r.buffer = r.buffer[n:]
	return n, nil
}

// fill reads the next chunk.
func (r *Reader) fill() error {
	sealed, err := r.chunks.read(r.ctx)
	if err != nil {
		return r.damaged(err)
	}
	plain, err := r.store.Vault().Unseal(sealed, place(r.file.token, r.next, r.next == r.file.chunks-1))
	if err != nil {
		return fmt.Errorf("%w (file %d, chunk %d): %w", ErrDamaged, r.file.ID, r.next, err)
	}
	r.next++
	r.buffer = plain
	return nil
}

// damaged says what a missing chunk means.
func (r *Reader) damaged(err error) error {
	if errors.Is(err, errNoChunk) {
		return fmt.Errorf("%w (file %d, chunk %d)", ErrDamaged, r.file.ID, r.next)
	}
	return fmt.Errorf("files: reading file %d: %w", r.file.ID, err)
}

// Close ends reading.
func (r *Reader) Close() error { return r.chunks.close() }
