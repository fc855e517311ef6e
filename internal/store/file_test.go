package store_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"flashpay/internal/store"
	"flashpay/internal/storetest"
)

// Whatever happens to the files under a running server: no payout is accepted that a crash would lose.
func TestStrayedFilesAcceptNothing(t *testing.T) {
	move := func(t *testing.T, from, to string) {
		t.Helper()
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		stray, back func(t *testing.T, path string)
	}{
		"log removed": {
			stray: func(t *testing.T, path string) { move(t, path+"-wal", path+"-away") },
			back:  func(t *testing.T, path string) { move(t, path+"-away", path+"-wal") },
		},
		"file removed": {
			stray: func(t *testing.T, path string) { move(t, path, path+"-away") },
			back:  func(t *testing.T, path string) { move(t, path+"-away", path) },
		},
		"file replaced": {
			stray: func(t *testing.T, path string) {
				move(t, path, path+"-away")
				if err := os.WriteFile(path, []byte("another file"), 0o600); err != nil {
					t.Fatal(err)
				}
			},
			back: func(t *testing.T, path string) { move(t, path+"-away", path) },
		},
		"another name": {
			stray: func(t *testing.T, path string) {
				if err := os.Link(path, path+"-away"); err != nil {
					t.Fatal(err)
				}
			},
			back: func(t *testing.T, path string) {
				if err := os.Remove(path + "-away"); err != nil {
					t.Fatal(err)
				}
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "flashpay.db")
			s := open(t, "sqlite:"+path)
			createProject(t, s, 210, 1000)
			if _, err := s.Accept(t.Context(), newPayout(210, "before", 100)); err != nil {
				t.Fatal(err)
			}
			c.stray(t, path)
			if _, err := s.Accept(t.Context(), newPayout(210, "after", 100)); !errors.Is(err, store.ErrUnavailable) {
				t.Errorf("accepted, with the answer %v", err)
			}
			if err := s.Ready(t.Context()); err == nil || !strings.Contains(err.Error(), "stop it, bring the right files back") {
				t.Errorf("ready: %v", err)
			}
			c.back(t, path)
			for _, id := range []string{"before", "after"} {
				if _, err := s.Accept(t.Context(), newPayout(210, id, 100)); err != nil {
					t.Errorf("%s, with the files back: %v", id, err)
				}
			}
			if a, h, _ := balance(t, s, 210); a != 800 || h != 200 {
				t.Errorf("available %d, held %d", a, h)
			}
		})
	}
}

func TestWhatARemovedLogHeldIsKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "flashpay.db")
	s := open(t, "sqlite:"+path)
	createProject(t, s, 210, 1000)
	if _, err := s.Accept(t.Context(), newPayout(210, "before", 100)); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+"-wal", path+"-away"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Rename(path+"-away", path+"-wal") }) // for the store to close
	if err := s.WatchFile(t.Context()); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path) // the file alone, as a crash leaves it
	if err != nil {
		t.Fatal(err)
	}
	left := filepath.Join(t.TempDir(), "left.db")
	if err := os.WriteFile(left, text, 0o600); err != nil {
		t.Fatal(err)
	}
	after := open(t, "sqlite:"+left)
	if _, err := after.PaymentView(t.Context(), 210, "before"); err != nil {
		t.Errorf("the payout of before: %v", err)
	}
}

func TestOneServerPerFileByAnyName(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "flashpay.db")
	s := open(t, "sqlite:"+path)
	createProject(t, s, 210, 1000)
	other := filepath.Join(t.TempDir(), "other.db")
	if err := os.Symlink(path, other); err != nil {
		t.Fatal(err)
	}
	refused(t, other, "already works on")
	if err := os.Remove(other); err != nil {
		t.Fatal(err)
	}
	other = filepath.Join(folder, "other.db")
	if err := os.Link(path, other); err != nil {
		t.Fatal(err)
	}
	refused(t, other, "hard links")
	if err := os.Remove(other); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Accept(t.Context(), newPayout(210, "p", 100)); err != nil {
		t.Errorf("the first server: %v", err)
	}
}

func TestNoEmptyDatabaseBesideAKeyset(t *testing.T) {
	path := filepath.Join(t.TempDir(), "flashpay.db")
	if err := os.WriteFile(path+".keyset", []byte(storetest.Keyset()), 0o600); err != nil {
		t.Fatal(err)
	}
	refused(t, path, "--new")
	if _, err := os.Stat(path); err == nil {
		t.Error("an empty database was made")
	}
	s, err := store.Open(t.Context(), store.Config{URL: "sqlite:" + path, Serve: true, New: true})
	if err != nil {
		t.Fatalf("with --new: %v", err)
	}
	if err := s.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

func refused(t *testing.T, path, why string) {
	t.Helper()
	s, err := store.Open(t.Context(), store.Config{URL: "sqlite:" + path, Keyset: storetest.Keyset(), Serve: true})
	if err == nil {
		_ = s.Close(t.Context())
	}
	if err == nil || !strings.Contains(err.Error(), why) {
		t.Errorf("%s: %v; want a refusal with %q", path, err, why)
	}
}
