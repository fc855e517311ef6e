package files

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"flashpay/internal/store"
)

// Chunks reads the sealed chunks of a file.
func Chunks(t *testing.T, s *store.Store, id int64) (out [][]byte) {
	t.Helper()
	f, err := Get(t.Context(), s, id)
	if err != nil {
		t.Fatal(err)
	}
	r, err := shelfOf(s).reader(f, 0)
	if err != nil {
		t.Fatal(err)
	}
	for {
		sealed, err := r.read(t.Context())
		if errors.Is(err, errNoChunk) {
			if err := r.close(); err != nil {
				t.Fatal(err)
			}
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, sealed)
	}
}

// Rewrite changes the sealed chunks of a file behind its back.
func Rewrite(t *testing.T, s *store.Store, id int64, change func([][]byte) [][]byte) {
	t.Helper()
	changed := change(Chunks(t, s, id))
	f, err := Get(t.Context(), s, id)
	if err == nil {
		err = shelfOf(s).remove(t.Context(), f)
	}
	if err != nil {
		t.Fatal(err)
	}
	if s.Path() == "" {
		for i, sealed := range changed {
			const insert = "INSERT INTO file_chunks (file, number, sealed) VALUES ($1, $2, $3)"
			if _, err := s.DB().Writes.ExecContext(t.Context(), insert, id, i, sealed); err != nil {
				t.Fatal(err)
			}
		}
		return
	}
	w, err := shelfOf(s).writer(f)
	if err != nil {
		t.Fatal(err)
	}
	for i, sealed := range changed {
		if err := w.write(t.Context(), int64(i), sealed); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.close(); err != nil {
		t.Fatal(err)
	}
}

// Left counts the files of which anything is left: rows or content.
func Left(t *testing.T, s *store.Store) int {
	t.Helper()
	rows, err := s.DB().Numbers(t.Context(), "SELECT id FROM files")
	if err != nil {
		t.Fatal(err)
	}
	if s.Path() == "" {
		chunks, err := s.DB().Numbers(t.Context(), "SELECT DISTINCT file FROM file_chunks")
		if err != nil {
			t.Fatal(err)
		}
		return max(len(rows), len(chunks))
	}
	content, err := filepath.Glob(filepath.Join(Folder(s.Path()), "*"))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return max(len(rows), len(content))
}
