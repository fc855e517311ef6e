// Package evidence writes the bundle of files that shows what happened to one payout, and verifies one without a database.
package evidence

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// Form is the version of the bundle's form, as its manifest states it.
const Form = 1

// manifestName is the bundle's last file: what the others are.
const manifestName = "manifest.json"

// markPrefix begins the archive's comment, which ends the file: SHA-256, in hexadecimal, of every byte before the digest.
const markPrefix = "flashpay evidence, sha256 of what stands before: "

const markDigits = 2 * sha256.Size

type manifest struct {
	Form  int             `json:"form"`
	Files []manifestEntry `json:"files"`
}

type manifestEntry struct {
	Name   string `json:"name"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// Writer makes a bundle.
type Writer struct {
	at       time.Time
	out      bytes.Buffer
	zip      *zip.Writer
	manifest manifest
}

// NewWriter begins a bundle whose files are of one moment.
func NewWriter(at time.Time) *Writer {
	w := &Writer{at: at.UTC(), manifest: manifest{Form: Form}}
	w.zip = zip.NewWriter(&w.out)
	return w
}

// Add adds a file.
func (w *Writer) Add(name string, text []byte) error {
	w.manifest.Files = append(w.manifest.Files, manifestEntry{name, int64(len(text)), digest(text)})
	return w.add(name, text)
}

// AddJSON adds a file with a JSON value.
func (w *Writer) AddJSON(name string, value any) error {
	text, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return fmt.Errorf("evidence: %s: %w", name, err)
	}
	return w.Add(name, append(text, '\n'))
}

func (w *Writer) add(name string, text []byte) error {
	file, err := w.zip.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: w.at})
	if err != nil {
		return fmt.Errorf("evidence: %s: %w", name, err)
	}
	_, err = file.Write(text)
	return err
}

// Close ends the bundle with its manifest and the digest of the whole archive, and returns it.
func (w *Writer) Close() ([]byte, error) {
	text, err := json.MarshalIndent(w.manifest, "", "  ")
	if err != nil {
		return nil, err
	}
	if err := w.add(manifestName, append(text, '\n')); err != nil {
		return nil, err
	}
	if err := w.zip.SetComment(markPrefix + strings.Repeat("0", markDigits)); err != nil {
		return nil, err
	}
	if err := w.zip.Close(); err != nil {
		return nil, err
	}
	archive := w.out.Bytes()
	mark := len(archive) - markDigits
	copy(archive[mark:], digest(archive[:mark]))
	return archive, nil
}

func digest(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}
