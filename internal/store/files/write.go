package files

import (
	"context"
	"crypto/sha256"
	"fmt"
	"hash"
	"time"

	"flashpay/internal/store"
)

// Writer writes a file. It is for one goroutine. A file that is not committed is deleted by Abort, or after an hour.
type Writer struct {
	store   *store.Store
	file    File
	keepFor time.Duration
	chunks  chunkWriter
	buffer  []byte // of the chunk that is being filled
	content hash.Hash
	alive   time.Time // when the row last said that somebody writes it
	closed  bool
	err     error // of a write: nothing goes after it
}

// Create begins a file. Its context is that of each Write.
func Create(ctx context.Context, s *store.Store, n New) (*Writer, error) {
	w := &Writer{store: s, keepFor: n.KeepFor, buffer: make([]byte, 0, chunkSize), content: sha256.New()}
	w.file = File{Kind: n.Kind, ProjectID: n.ProjectID, MerchantID: n.MerchantID, UserID: n.UserID, token: newToken()}
	err := s.Do(ctx, "", func(ctx context.Context, t *store.Tx) error {
		w.file.ID, w.file.CreatedAt = t.RowID(), t.Now()
		const insert = `INSERT INTO files (id, token, kind, project_id, merchant_id, user_id, state, chunks, size, created_at, drop_at)
			VALUES ($1, $2, $3, $4, $5, $6, 'writing', 0, 0, $7, $8)`
		_, err := t.Exec(ctx, insert, w.file.ID, w.file.token, n.Kind, n.ProjectID, n.MerchantID, n.UserID, t.Now().UnixMicro(),
			t.Now().Add(writingTime).UnixMicro())
		return err
	})
	if err != nil {
		return nil, err
	}
	w.alive = s.Now()
	if w.chunks, err = shelfOf(s).writer(&w.file); err != nil {
		return nil, err
	}
	return w, nil
}

// Write takes more of the content.
func (w *Writer) Write(ctx context.Context, p []byte) error {
	for len(p) > 0 && w.err == nil {
		if len(w.buffer) == chunkSize { // there is more, so this chunk is not the last one
			w.err = w.flush(ctx, false)
			continue
		}
		n := min(len(p), chunkSize-len(w.buffer))
		w.buffer = append(w.buffer, p[:n]...)
		p = p[n:]
	}
	return w.err
}

// With is the writer under a context, for what writes to an io.Writer.
func (w *Writer) With(ctx context.Context) Stream { return Stream{ctx, w} }

// Stream is a Writer under a context.
type Stream struct {
	ctx context.Context
	w   *Writer
}

// Write implements io.Writer.
func (s Stream) Write(p []byte) (int, error) {
	if err := s.w.Write(s.ctx, p); err != nil {
		return 0, err
	}
	return len(p), nil
}

// flush seals the chunk that is full, or the last one.
func (w *Writer) flush(ctx context.Context, last bool) error {
	_, _ = w.content.Write(w.buffer) // a hash never fails
	sealed, err := w.store.Vault().Seal(w.buffer, place(w.file.token, w.file.chunks, last))
	if err != nil {
		return err
	}
	if err := w.chunks.write(ctx, w.file.chunks, sealed); err != nil {
		return fmt.Errorf("files: writing file %d: %w", w.file.ID, err)
	}
	w.file.chunks++
	w.file.Size += int64(len(w.buffer))
	w.buffer = w.buffer[:0]
	return w.stayAlive(ctx)
}

// stayAlive tells the row now and then that somebody writes the file.
func (w *Writer) stayAlive(ctx context.Context) error {
	if now := w.store.Now(); now.Sub(w.alive) < writingTime/6 {
		return nil
	}
	err := w.store.DoRepeatable(ctx, func(ctx context.Context, t *store.Tx) error {
		n, err := t.Exec(ctx, "UPDATE files SET drop_at = $1 WHERE id = $2 AND state = 'writing'", t.Now().Add(writingTime).UnixMicro(), w.file.ID)
		if err == nil && n == 0 {
			err = ErrExpired
		}
		return err
	})
	w.alive = w.store.Now()
	return err
}

// Close writes the rest and makes all of it durable. Commit is still to come.
func (w *Writer) Close(ctx context.Context) error {
	if w.err == nil && !w.closed {
		w.err = w.flush(ctx, true)
		if err := w.chunks.close(); w.err == nil && err != nil {
			w.err = fmt.Errorf("files: writing file %d: %w", w.file.ID, err)
		}
		w.closed = true
	}
	return w.err
}

// Commit makes the file one that is there, in a transaction that makes true whatever else belongs to it. The file was closed
// before. ErrExpired where it took too long.
func (w *Writer) Commit(ctx context.Context, t *store.Tx) (File, error) {
	if w.err != nil || !w.closed {
		return File{}, fmt.Errorf("files: file %d is not closed: %w", w.file.ID, w.err)
	}
	f := w.file
	f.Digest = w.Digest()
	f.DropAt = t.Now().Add(w.keepFor)
	const commit = "UPDATE files SET state = 'whole', chunks = $1, size = $2, digest = $3, drop_at = $4 WHERE id = $5 AND state = 'writing'"
	n, err := t.Exec(ctx, commit, f.chunks, f.Size, f.Digest[:], f.DropAt.UnixMicro(), f.ID)
	if err == nil && n == 0 {
		err = ErrExpired
	}
	return f, err
}

// Digest is the digest that the file will have: of a closed one.
func (w *Writer) Digest() [32]byte { return w.store.Vault().Digest("file", w.content.Sum(nil)) }

// ID is the file's number, which holds once it is committed.
func (w *Writer) ID() int64 { return w.file.ID }

// Size is how many bytes of content a closed file has.
func (w *Writer) Size() int64 { return w.file.Size }

// Abort deletes a file that is not committed. It may be called at any time but after Commit.
func (w *Writer) Abort(ctx context.Context) {
	if !w.closed {
		w.chunks.abort()
		w.closed = true
	}
	if w.err == nil {
		w.err = ErrExpired
	}
	_ = drop(context.WithoutCancel(ctx), w.store, &w.file) // else the next clean-up does so
}
