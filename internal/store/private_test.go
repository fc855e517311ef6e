package store_test

import (
	"os"
	"path/filepath"
	"testing"

	"flashpay/internal/store"
	"flashpay/internal/storetest"
)

// TestFilesArePrivate opens a database whose files were readable by everybody: afterwards they are their owner's only.
func TestFilesArePrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	for _, name := range []string{path, path + ".lock"} {
		if err := os.WriteFile(name, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s, err := store.Open(t.Context(), store.Config{URL: "sqlite:" + path, Keyset: storetest.Keyset(), Serve: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close(t.Context()) }()
	names, err := filepath.Glob(path + "*")
	if err != nil || len(names) < 3 {
		t.Fatalf("files %v, %v", names, err)
	}
	for _, name := range names {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
}
