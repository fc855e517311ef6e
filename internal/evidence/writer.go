// Package evidence writes the bundle of files that shows what happened to one payout, and verifies one without a database.
package evidence

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Form is the version of the bundle's form, as its manifest states it. Before form 2 there was no page for people.
const Form = 2

// pageName is the bundle's first file, from form 2 on: a page for people.
const pageName = "evidence.html"

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
	files    []file
	manifest manifest
}

type file struct {
	name string
	text []byte
}

// NewWriter begins a bundle whose files are of one moment.
func NewWriter(at time.Time) *Writer {
	return &Writer{at: at.UTC(), manifest: manifest{Form: Form}}
}

// Add adds a file.
func (w *Writer) Add(name string, text []byte) {
	w.manifest.Files = append(w.manifest.Files, manifestEntry{name, int64(len(text)), digest(text)})
	w.add(name, text)
}

// AddFirst adds a file before all those that were added.
func (w *Writer) AddFirst(name string, text []byte) {
	w.manifest.Files = slices.Insert(w.manifest.Files, 0, manifestEntry{name, int64(len(text)), digest(text)})
	w.files = slices.Insert(w.files, 0, file{name, text})
}

// AddJSON adds a file with a JSON value.
func (w *Writer) AddJSON(name string, value any) error {
	text, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return fmt.Errorf("evidence: %s: %w", name, err)
	}
	w.Add(name, append(text, '\n'))
	return nil
}

func (w *Writer) add(name string, text []byte) { w.files = append(w.files, file{name, text}) }

// Close ends the bundle with its manifest and the digest of the whole archive, and returns it.
func (w *Writer) Close() ([]byte, error) {
	text, err := json.MarshalIndent(w.manifest, "", "  ")
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	packed := zip.NewWriter(&out)
	for _, f := range append(slices.Clone(w.files), file{manifestName, append(text, '\n')}) {
		into, err := packed.CreateHeader(&zip.FileHeader{Name: f.name, Method: zip.Deflate, Modified: w.at})
		if err == nil {
			_, err = into.Write(f.text)
		}
		if err != nil {
			return nil, fmt.Errorf("evidence: %s: %w", f.name, err)
		}
	}
	if err := errors.Join(packed.SetComment(markPrefix+strings.Repeat("0", markDigits)), packed.Close()); err != nil {
		return nil, err
	}
	archive := out.Bytes()
	mark := len(archive) - markDigits
	copy(archive[mark:], digest(archive[:mark]))
	return archive, nil
}

func digest(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}
