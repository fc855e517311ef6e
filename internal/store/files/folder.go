package files

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Folder is where the files of a SQLite database stand: beside it, by its name with symbolic links resolved.
func Folder(database string) string {
	if real, err := filepath.EvalSymlinks(database); err == nil {
		database = real
	}
	return database + ".files"
}

// folder is a shelf on disk: each file by its token, each chunk behind its length in four bytes.
type folder string

func (d folder) path(f *File) string { return filepath.Join(string(d), f.token) }

func (d folder) writer(f *File) (chunkWriter, error) {
	if err := os.MkdirAll(string(d), 0o700); err != nil {
		return nil, fmt.Errorf("files: %w", err)
	}
	file, err := os.OpenFile(d.path(f), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("files: %w", err)
	}
	return &fileWriter{folder: string(d), file: file}, nil
}

type fileWriter struct {
	folder string
	file   *os.File
}

func (w *fileWriter) write(_ context.Context, _ int64, sealed []byte) error {
	var length [4]byte
	binary.BigEndian.PutUint32(length[:], uint32(len(sealed)))
	if _, err := w.file.Write(length[:]); err != nil {
		return err
	}
	_, err := w.file.Write(sealed)
	return err
}

func (w *fileWriter) close() error {
	return errors.Join(w.file.Sync(), w.file.Close(), syncFolder(w.folder))
}

func (w *fileWriter) abort() { _ = w.file.Close() }

// syncFolder makes a new name in a folder durable.
func syncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// maxSealed bounds a chunk as it stands on disk, so that a damaged length is not believed.
const maxSealed = chunkSize + 1024

func (d folder) reader(f *File, first int64) (chunkReader, error) {
	file, err := os.Open(d.path(f))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errNoChunk
	}
	if err != nil {
		return nil, err
	}
	r := &fileReader{file: file, buffered: bufio.NewReader(file)}
	for range first {
		n, err := r.length()
		if err == nil {
			_, err = r.buffered.Discard(n)
		}
		if err != nil {
			return nil, errors.Join(noChunk(err), file.Close())
		}
	}
	return r, nil
}

type fileReader struct {
	file     *os.File
	buffered *bufio.Reader
}

func (r *fileReader) length() (int, error) {
	var length [4]byte
	if _, err := io.ReadFull(r.buffered, length[:]); err != nil {
		return 0, err
	}
	n := binary.BigEndian.Uint32(length[:])
	if n > maxSealed {
		return 0, errNoChunk
	}
	return int(n), nil
}

func (r *fileReader) read(context.Context) ([]byte, error) {
	n, err := r.length()
	if err != nil {
		return nil, noChunk(err)
	}
	sealed := make([]byte, n)
	if _, err := io.ReadFull(r.buffered, sealed); err != nil {
		return nil, noChunk(err)
	}
	return sealed, nil
}

// noChunk says of an end that comes too early that the chunk is missing.
func noChunk(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errNoChunk
	}
	return err
}

func (r *fileReader) close() error { return r.file.Close() }

func (d folder) remove(_ context.Context, f *File) error {
	if err := os.Remove(d.path(f)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("files: %w", err)
	}
	return nil
}
