package vault

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Locate finds the keyset of a database and opens it; where there is none and mayCreate says that nothing can be
// sealed yet, it makes one. setting is the value of FLASHPAY_KEYSET: the JSON itself, or the path of a file. Without
// it the keyset stands in the file at fallback.
func Locate(setting, fallback string, mayCreate bool) (*Vault, error) {
	if strings.HasPrefix(strings.TrimSpace(setting), "{") {
		return Open([]byte(setting))
	}
	path := fallback
	if setting != "" {
		path = setting
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if !mayCreate {
			return nil, fmt.Errorf("vault: the database holds sealed data, but its keyset is not at %s: put the file back, or set FLASHPAY_KEYSET to the keyset or its path", path)
		}
		text, err = create(path)
	}
	if err != nil {
		return nil, fmt.Errorf("vault: keyset %s: %w", path, err)
	}
	return Open(text)
}

// create writes a new keyset so that of several processes that start at once all end up with the same one: the file
// appears whole, or not at all, and only once.
func create(path string) ([]byte, error) {
	text, err := Generate()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), ".keyset-*")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.Remove(tmp.Name()) }()
	if err := writeDurably(tmp, text); err != nil {
		return nil, err
	}
	if err := os.Link(tmp.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	if err := syncDir(filepath.Dir(path)); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func writeDurably(f *os.File, text []byte) error {
	_, err := f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// DefaultPath is where the keyset of a database that is no file stands when FLASHPAY_KEYSET is not set: in the user's
// configuration folder, under a name made of the database's address (without its password).
func DefaultPath(address string) (string, error) {
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("vault: no folder for the keyset (%w): set FLASHPAY_KEYSET to a keyset or the path of one", err)
	}
	sum := sha256.Sum256([]byte(address))
	return filepath.Join(dir, "flashpay", hex.EncodeToString(sum[:8])+".keyset"), nil
}
