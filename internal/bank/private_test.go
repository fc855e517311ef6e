package bank

import (
	"os"
	"path/filepath"
	"testing"
)

// TestFilesArePrivate opens books that were readable by everybody: afterwards they are their owner's only.
func TestFilesArePrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.bank")
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	b, err := Open(t.Context(), Config{State: path})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = b.Close() }()
	names, err := filepath.Glob(path + "*")
	if err != nil || len(names) < 2 {
		t.Fatalf("files %v, %v", names, err)
	}
	for _, name := range names {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
}
