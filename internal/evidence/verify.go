package evidence

import (
	"archive/zip"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"flashpay/internal/store"
)

// MaxBytes is the largest bundle that is read, and the largest file in one.
const MaxBytes = 64 << 20

// archiveName names the archive itself among its files.
const archiveName = "the archive"

// needed are the files without which nothing is shown.
var needed = []string{"payment.json", "request.json or request-withheld.txt", "signature.json", "journal.json", "seals.json", "ledger.json", "callbacks.json", "discrepancies.json"}

// Fault is what does not fit, and in which file.
type Fault struct {
	File string `json:"file"`
	What string `json:"what"`
}

// Report is what a verification found.
type Report struct {
	OK        bool    `json:"ok"`
	SHA256    string  `json:"sha256"` // of the bundle
	Faults    []Fault `json:"faults"`
	Files     int     `json:"files"`
	ProjectID int64   `json:"project_id"`
	PaymentID string  `json:"payment_id"`
	Status    string  `json:"status"`
	Lines     int     `json:"journal_lines"`
	Seals     []Seal  `json:"seals"` // that cover the lines, in the order of the lines
	// Unsealed are the lines that no seal covers: the chain of hashes holds them, and nothing outside of the bundle does. With
	// them a bundle is not OK, though nothing else is wrong.
	Unsealed []Unsealed `json:"unsealed"`
}

// Unsealed is a line of the journal, from 1, that no seal covers.
type Unsealed struct {
	Line int    `json:"line"`
	Why  string `json:"why"`
}

// Seal is a seal that the bundle leads to.
type Seal struct {
	Shard  int64  `json:"shard"`
	Number int64  `json:"number"`
	At     string `json:"at"`
	Hash   string `json:"hash"`
}

// check is one verification.
type check struct {
	report  *Report
	files   map[string][]byte
	payment payment
	lines   []line
	seals   []seal
}

// Verify checks a bundle: archive, files, hash chain, seals. noted is the hash of a seal that was noted elsewhere, in
// hexadecimal: the bundle must hold it. Empty: none was.
func Verify(archive []byte, noted string) *Report {
	c := &check{report: &Report{SHA256: digest(archive), Faults: []Fault{}, Seals: []Seal{}, Unsealed: []Unsealed{}}, files: make(map[string][]byte)}
	c.checkArchive(archive)
	if c.unpack(archive) {
		c.checkManifest()
		c.checkPayment()
		c.checkJournal()
		c.checkSeals()
		c.checkRequest()
		c.checkNoted(noted)
	}
	c.report.Files = len(c.files)
	c.report.OK = len(c.report.Faults) == 0 && len(c.report.Unsealed) == 0
	return c.report
}

func (c *check) fail(file, format string, args ...any) {
	c.report.Faults = append(c.report.Faults, Fault{file, fmt.Sprintf(format, args...)})
}

// checkArchive compares the archive with the digest that ends it.
func (c *check) checkArchive(archive []byte) {
	mark := len(archive) - markDigits
	switch {
	case mark < len(markPrefix) || string(archive[mark-len(markPrefix):mark]) != markPrefix:
		c.fail(archiveName, "does not end as a bundle of this product does: it was cut, packed anew, or is something else")
	case digest(archive[:mark]) != string(archive[mark:]):
		c.fail(archiveName, "has other bytes than were written")
	}
}

func (c *check) unpack(archive []byte) bool {
	r, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		c.fail(archiveName, "cannot be opened: %v", err)
		return false
	}
	left := int64(MaxBytes)
	for _, f := range r.File {
		if _, twice := c.files[f.Name]; twice {
			c.fail(f.Name, "stands in the archive twice")
			continue
		}
		text, err := content(f, left)
		if err != nil {
			c.fail(f.Name, "cannot be read: %v", err)
		}
		left -= int64(len(text))
		c.files[f.Name] = text
	}
	return true
}

func content(f *zip.File, most int64) ([]byte, error) {
	r, err := f.Open()
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }() // nothing was written
	text, err := io.ReadAll(io.LimitReader(r, most+1))
	if err == nil && int64(len(text)) > most {
		return nil, fmt.Errorf("the files have more than %d bytes", MaxBytes)
	}
	return text, err
}

// checkManifest compares the files that are there with those that were written.
func (c *check) checkManifest() {
	var m manifest
	if !c.read(manifestName, &m) {
		return
	}
	if m.Form < 1 || m.Form > Form {
		c.fail(manifestName, "is of form %d, this program knows forms 1 to %d", m.Form, Form)
	}
	listed := map[string]bool{manifestName: true}
	for _, e := range m.Files {
		text, there := c.files[e.Name]
		switch {
		case listed[e.Name]:
			c.fail(manifestName, "lists %s twice", e.Name)
		case !there:
			c.fail(e.Name, "is listed in %s and missing", manifestName)
		case int64(len(text)) != e.Bytes:
			c.fail(e.Name, "has %d bytes, %d were written", len(text), e.Bytes)
		case digest(text) != e.SHA256:
			c.fail(e.Name, "was changed: its SHA-256 is %s, what was written has %s", digest(text), e.SHA256)
		}
		listed[e.Name] = true
	}
	if m.Form > 1 && (len(m.Files) == 0 || m.Files[0].Name != pageName) {
		c.fail(manifestName, "does not list %s first", pageName)
	}
	for name := range c.files {
		if !listed[name] {
			c.fail(name, "was added: %s does not list it", manifestName)
		}
	}
	for _, name := range needed {
		if name == needed[1] {
			if !listed["request.json"] && !listed["request-withheld.txt"] {
				c.fail(manifestName, "does not list %s", name)
			}
		} else if !listed[name] {
			c.fail(manifestName, "does not list %s", name)
		}
	}
	slices.SortStableFunc(c.report.Faults, func(a, b Fault) int { // added ones come from a map
		return slices.Compare([]byte(a.File), []byte(b.File))
	})
}

// read reads a file's JSON.
func (c *check) read(name string, into any) bool {
	text, there := c.files[name]
	if !there {
		c.fail(name, "is missing")
		return false
	}
	if err := json.Unmarshal(text, into); err != nil {
		c.fail(name, "cannot be read: %v", err)
		return false
	}
	return true
}

// checkNoted looks for the seal that was noted elsewhere.
func (c *check) checkNoted(noted string) {
	if noted == "" {
		return
	}
	for i := range c.seals {
		if s := &c.seals[i]; s.Hash == noted || s.Previous == noted {
			return
		}
	}
	c.fail("seals.json", "does not hold the seal %s", noted)
}

func hash(text string) (sum [32]byte, ok bool) {
	n, err := hex.Decode(sum[:], []byte(text[:min(len(text), 64)]))
	return sum, err == nil && n == len(sum) && len(text) == 64
}

// proof is what a seal of the bundle says, in the store's terms.
func (s *seal) proof() (p store.Proof, root, own [32]byte, ok bool) {
	root, ok1 := hash(s.Root)
	own, ok2 := hash(s.Hash)
	previous, ok3 := hash(s.Previous)
	ok = ok1 && ok2 && ok3
	p = store.Proof{Line: s.Line, Previous: previous, Seal: store.JournalSeal{
		Shard: s.Shard, Number: s.Number, LastRow: s.LastRow, Lines: s.Lines, Root: root, Hash: own, At: micros(s.Micros),
	}}
	for _, step := range s.Path {
		beside, known := hash(step.Neighbour)
		ok = ok && known && (step.Stands == "left" || step.Stands == "right")
		p.Path = append(p.Path, store.ProofStep{Hash: beside, Left: step.Stands == "left"})
	}
	return p, root, own, ok
}
