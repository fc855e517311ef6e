package files_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"flashpay/internal/store"
	"flashpay/internal/store/files"
	"flashpay/internal/storetest"
)

const chunk = 256 << 10

var ahead atomic.Int64 // of the clock; tests that move it do not run beside others

func open(t *testing.T, url string) *store.Store {
	t.Helper()
	now := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	s, err := store.Open(t.Context(), store.Config{URL: url, Keyset: storetest.Keyset(), Serve: true, Clock: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return s
}

// content is n bytes that differ from place to place.
func content(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{byte(n)}).Read(b)
	return b
}

// begin writes a file and leaves it uncommitted.
func begin(t *testing.T, s *store.Store, keep time.Duration, content []byte) *files.Writer {
	t.Helper()
	w, err := files.Create(t.Context(), s, files.New{Kind: "test", ProjectID: 210, MerchantID: 7, UserID: 17, KeepFor: keep})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(w.With(t.Context()), bytes.NewReader(content)); err != nil {
		t.Fatal(err)
	}
	return w
}

func commit(s *store.Store, w *files.Writer) (f files.File, err error) {
	err = s.Do(context.Background(), "", func(ctx context.Context, t *store.Tx) error {
		f, err = w.Commit(ctx, t)
		return err
	})
	return f, err
}

func write(t *testing.T, s *store.Store, content []byte) files.File {
	t.Helper()
	w := begin(t, s, time.Hour, content)
	if err := w.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	f, err := commit(s, w)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func read(t *testing.T, s *store.Store, id, offset int64) ([]byte, error) {
	t.Helper()
	r, err := files.Open(t.Context(), s, id, offset)
	if err != nil {
		return nil, err
	}
	all, err := io.ReadAll(r)
	return all, errors.Join(err, r.Close())
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := open(t, url)
		for _, n := range []int{0, 1, chunk - 1, chunk, chunk + 1, 3*chunk + 77} {
			want := content(n)
			f := write(t, s, want)
			if f.Size != int64(n) || f.ProjectID != 210 || f.UserID != 17 {
				t.Errorf("%d bytes: %+v", n, f)
			}
			for _, offset := range []int{0, 1, n / 2, chunk, n} {
				if offset > n {
					continue
				}
				got, err := read(t, s, f.ID, int64(offset))
				if err != nil || !bytes.Equal(got, want[offset:]) {
					t.Errorf("%d bytes from %d: %d bytes, %v", n, offset, len(got), err)
				}
			}
			if again := write(t, s, want); again.Digest != f.Digest || again.ID == f.ID {
				t.Error("the same content has another digest")
			}
		}
		if _, err := read(t, s, 1<<40, 0); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("no file: %v", err)
		}
		if n, err := files.Audit(t.Context(), s, func(f *files.File, what string) { t.Errorf("file %d: %s", f.ID, what) }); n != 12 || err != nil {
			t.Errorf("audit: %d files, %v", n, err)
		}
	})
}

// TestDamageIsSeen changes, cuts, swaps and lengthens the content of a file in every place where it stands.
func TestDamageIsSeen(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := open(t, url)
		whole := content(2*chunk + 100)
		for name, damage := range map[string]func(chunks [][]byte) [][]byte{
			"changed":      func(c [][]byte) [][]byte { c[1][500] ^= 1; return c },
			"cut off":      func(c [][]byte) [][]byte { return c[:2] },
			"without one":  func(c [][]byte) [][]byte { return append(c[:1], c[2]) },
			"swapped":      func(c [][]byte) [][]byte { c[0], c[1] = c[1], c[0]; return c },
			"last as next": func(c [][]byte) [][]byte { c[1] = c[2]; return c },
			"gone":         func([][]byte) [][]byte { return nil },
			"cut in one":   func(c [][]byte) [][]byte { c[2] = c[2][:50]; return c },
		} {
			f := write(t, s, whole)
			files.Rewrite(t, s, f.ID, damage)
			if _, err := read(t, s, f.ID, 0); !errors.Is(err, files.ErrDamaged) {
				t.Errorf("%s: %v", name, err)
			}
			found := 0
			if _, err := files.Audit(t.Context(), s, func(*files.File, string) { found++ }); err != nil || found != 1 {
				t.Errorf("%s: the audit finds %d, %v", name, found, err)
			}
			if err := s.Do(t.Context(), "", func(ctx context.Context, tx *store.Tx) error { return files.Expire(ctx, tx, f.ID) }); err != nil {
				t.Fatal(err)
			}
			if err := files.DeleteExpired(t.Context(), s); err != nil {
				t.Fatal(err)
			}
		}
		// A row that says less, or the chunks of another file, are no way around it.
		f, other := write(t, s, whole), write(t, s, content(2*chunk+99))
		files.Rewrite(t, s, f.ID, func([][]byte) [][]byte { return files.Chunks(t, s, other.ID) })
		if _, err := read(t, s, f.ID, 0); !errors.Is(err, files.ErrDamaged) {
			t.Errorf("another file's chunks: %v", err)
		}
		if err := s.Do(t.Context(), "", func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.Exec(ctx, "UPDATE files SET chunks = 2 WHERE id = $1", other.ID)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if _, err := read(t, s, other.ID, 0); !errors.Is(err, files.ErrDamaged) {
			t.Errorf("a row that says less: %v", err)
		}
	})
}

// TestNothingIsLeft: what was never committed, was aborted or is old is gone, row and content, and a writer that was given up
// cannot commit.
func TestNothingIsLeft(t *testing.T) {
	defer ahead.Store(0)
	storetest.Each(t, func(t *testing.T, url string) {
		s := open(t, url)
		short := write(t, s, content(2*chunk))
		dead := begin(t, s, time.Hour, content(2*chunk))
		begin(t, s, time.Hour, content(2*chunk)).Abort(t.Context())
		if _, err := commit(s, dead); err == nil {
			t.Error("a file is committed that was not closed")
		}
		if files.Left(t, s) != 2 {
			t.Errorf("%d files are kept", files.Left(t, s))
		}
		ahead.Add(int64(2 * time.Hour))
		if err := files.DeleteExpired(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		if err := dead.Close(t.Context()); err == nil {
			_, err = commit(s, dead)
			if !errors.Is(err, files.ErrExpired) {
				t.Errorf("a writer that counts as dead commits: %v", err)
			}
		} else if !errors.Is(err, files.ErrExpired) {
			t.Errorf("a writer that counts as dead: %v", err)
		}
		if n := files.Left(t, s); n != 0 {
			t.Errorf("%d files are left", n)
		}
		if _, err := files.Get(t.Context(), s, short.ID); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("an old file: %v", err)
		}
	})
}

func TestTheFolderIsPrivate(t *testing.T) {
	t.Parallel()
	s := open(t, storetest.URL(t, storetest.SQLite))
	secret := bytes.Repeat([]byte("1090000000000000;"), 1000)
	write(t, s, secret)
	folder := files.Folder(s.Path())
	entries, err := os.ReadDir(folder)
	if err != nil || len(entries) != 1 {
		t.Fatalf("%d files, %v", len(entries), err)
	}
	text, err := os.ReadFile(filepath.Join(folder, entries[0].Name()))
	if err != nil || bytes.Contains(text, []byte("1090000000000000")) {
		t.Errorf("the content is readable, %v", err)
	}
	if runtime.GOOS == "windows" {
		return
	}
	for path, want := range map[string]os.FileMode{folder: 0o700, filepath.Join(folder, entries[0].Name()): 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: mode %v, %v", path, info.Mode(), err)
		}
	}
}

// TestRestoredContentWithoutARowGoes: what a restored backup does not know is deleted when it is a day old, and nothing else.
func TestRestoredContentWithoutARowGoes(t *testing.T) {
	t.Parallel()
	s := open(t, storetest.URL(t, storetest.SQLite))
	write(t, s, []byte("known"))
	folder := files.Folder(s.Path())
	old := time.Now().Add(-48 * time.Hour)
	for i, name := range []string{"0123456789abcdef0123456789abcdef", "1123456789abcdef0123456789abcdef", "notes.txt"} {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		if i != 1 {
			if err := os.Chtimes(path, old, old); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := files.DeleteExpired(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(folder)
	if err != nil || len(entries) != 3 {
		t.Errorf("left: %v, %v", entries, err)
	}
}

func TestBackup(t *testing.T) {
	t.Parallel()
	s := open(t, storetest.URL(t, storetest.SQLite))
	want := content(chunk + 5)
	f := write(t, s, want)
	begin(t, s, time.Hour, want)
	to := filepath.Join(t.TempDir(), "copy.db")
	if err := s.Backup(t.Context(), to); err != nil {
		t.Fatal(err)
	}
	if n, err := files.Backup(t.Context(), s, to); n != 1 || err != nil {
		t.Fatalf("%d files, %v", n, err)
	}
	restored := open(t, "sqlite:"+to)
	if got, err := read(t, restored, f.ID, 0); err != nil || !bytes.Equal(got, want) {
		t.Errorf("restored: %d bytes, %v", len(got), err)
	}
}

// TestConstantMemory writes and reads 64 MiB and looks at what is allocated for it at one time.
func TestConstantMemory(t *testing.T) {
	s := open(t, storetest.URL(t, storetest.SQLite))
	w, err := files.Create(t.Context(), s, files.New{Kind: "test", KeepFor: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	peak := func(work func(i int) error) uint64 {
		var most uint64
		for i := range 256 {
			if err := work(i); err != nil {
				t.Fatal(err)
			}
			if i%32 == 0 {
				var m runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&m)
				most = max(most, m.HeapAlloc)
			}
		}
		return most
	}
	piece := content(chunk)
	first := peak(func(i int) error { return w.Write(t.Context(), append([]byte(strconv.Itoa(i)), piece...)) })
	if err := w.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	f, err := commit(s, w)
	if err != nil {
		t.Fatal(err)
	}
	r, err := files.Open(t.Context(), s, f.ID, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	second := peak(func(int) error { _, err := io.ReadFull(r, piece); return err })
	if most := max(first, second); most > 32<<20 {
		t.Errorf("%d MiB live", most>>20)
	}
}
