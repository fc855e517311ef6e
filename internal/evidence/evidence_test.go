package evidence

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// written is a bundle «in full», as Dashboard writes it.
func written(t *testing.T) []byte { return ofForm(t, Form) }

// ofForm is a bundle «in full» of a form, as Dashboard wrote it. It verifies for as long as the form is known.
func ofForm(t *testing.T, form int) []byte {
	t.Helper()
	archive, err := os.ReadFile(fmt.Sprintf("testdata/bundle-%d.zip", form))
	if err != nil {
		t.Fatal(err)
	}
	return archive
}

type part struct {
	name string
	text []byte
}

func partsOf(t *testing.T, archive []byte) (parts []part) {
	t.Helper()
	r, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range r.File {
		text, err := content(f, MaxBytes)
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, part{f.Name, text})
	}
	return parts
}

// pack writes files as a bundle whose archive's digest fits. With a new manifest the digests of its files fit as well.
func pack(t *testing.T, parts []part, anew bool) []byte {
	t.Helper()
	w := NewWriter(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	for _, p := range parts {
		if p.name == manifestName {
			if !anew {
				if err := json.Unmarshal(p.text, &w.manifest); err != nil {
					t.Fatal(err)
				}
			}
			continue
		}
		add := w.add
		if anew {
			add = w.Add
		}
		add(p.name, p.text)
	}
	archive, err := w.Close()
	if err != nil {
		t.Fatal(err)
	}
	return archive
}

// failsIn says whether a fault of the file was found.
func failsIn(r *Report, file string) bool {
	return !r.OK && slices.ContainsFunc(r.Faults, func(f Fault) bool { return f.File == file })
}

func TestWhatWasWrittenVerifies(t *testing.T) {
	archive := written(t)
	r := Verify(archive, "")
	if !r.OK || r.Files != 11 || r.Lines != 2 || r.ProjectID != 210 || r.PaymentID != "paid" || r.Status != "success" || len(r.Seals) != 1 {
		t.Fatalf("%+v", r)
	}
	for _, anew := range []bool{false, true} {
		if r := Verify(pack(t, partsOf(t, archive), anew), ""); !r.OK {
			t.Errorf("packed again: %+v", r.Faults)
		}
	}
	if r := Verify(archive, r.Seals[0].Hash); !r.OK {
		t.Errorf("the seal that it holds: %+v", r.Faults)
	}
	if r := Verify(archive, strings.Repeat("ab", 32)); !failsIn(r, "seals.json") {
		t.Errorf("another seal: %+v", r)
	}
}

// What was handed out before there was a page verifies still. A bundle of today whose page is missing, or is not what comes
// first, does not, even where all digests fit.
func TestTheFormBeforeThePage(t *testing.T) {
	before := ofForm(t, 1)
	if r := Verify(before, ""); !r.OK || r.Files != 10 || r.PaymentID != "paid" {
		t.Errorf("form 1: %+v", r)
	}
	if r := Verify(pack(t, partsOf(t, before), false), ""); !r.OK {
		t.Errorf("form 1, packed again: %+v", r.Faults)
	}
	if r := Verify(pack(t, partsOf(t, before), true), ""); !failsIn(r, manifestName) {
		t.Errorf("form 2 without a page: %+v", r)
	}
	parts := partsOf(t, written(t))
	if parts[0].name != pageName {
		t.Fatalf("%s comes first", parts[0].name)
	}
	if r := Verify(pack(t, append(parts[1:len(parts)-1:len(parts)-1], parts[0], parts[len(parts)-1]), true), ""); !failsIn(r, manifestName) {
		t.Errorf("the page is not what comes first: %+v", r)
	}
}

// Each byte of the archive counts: those of files, of their headers, of its end.
func TestEachByteOfTheArchiveCounts(t *testing.T) {
	archive := written(t)
	for i := range archive {
		if i%7 != 0 && i < len(archive)-200 { // each region many times; each byte would take long with the race detector
			continue
		}
		changed := bytes.Clone(archive)
		changed[i] ^= 1 << (i % 8)
		if Verify(changed, "").OK {
			t.Errorf("byte %d was changed unseen", i)
		}
	}
	for _, n := range []int{0, 1, 100, len(archive) / 2, len(archive) - 1} {
		if Verify(archive[:n], "").OK {
			t.Errorf("cut to %d bytes unseen", n)
		}
	}
	if Verify(append(bytes.Clone(archive), 0), "").OK || Verify(append([]byte{0}, archive...), "").OK {
		t.Error("a byte was added unseen")
	}
}

// A file that was changed, added or taken away is named, even where the archive's own digest was made to fit.
func TestTheFileIsNamed(t *testing.T) {
	parts := partsOf(t, written(t))
	for n, p := range parts {
		if p.name == manifestName {
			continue
		}
		for _, at := range []int{0, len(p.text) / 3, len(p.text) / 2, len(p.text) - 1} {
			changed := slices.Clone(parts)
			changed[n].text = bytes.Clone(p.text)
			changed[n].text[at] ^= 1
			if r := Verify(pack(t, changed, false), ""); !failsIn(r, p.name) {
				t.Errorf("%s, byte %d: %+v", p.name, at, r.Faults)
			}
		}
		if r := Verify(pack(t, slices.Delete(slices.Clone(parts), n, n+1), false), ""); !failsIn(r, p.name) {
			t.Errorf("%s was taken away: %+v", p.name, r.Faults)
		}
		without := slices.Delete(slices.Clone(parts), n, n+1)
		if r := Verify(pack(t, without, true), ""); p.name != "README.txt" && r.OK {
			t.Errorf("%s was taken away, with a new manifest", p.name)
		}
		if r := Verify(pack(t, append(slices.Clone(parts), p), false), ""); !failsIn(r, p.name) {
			t.Errorf("%s stands twice: %+v", p.name, r.Faults)
		}
	}
	if r := Verify(pack(t, append(slices.Clone(parts), part{"more.json", []byte("{}")}), false), ""); !failsIn(r, "more.json") {
		t.Errorf("more.json was added: %+v", r.Faults)
	}
}

// Whoever makes all digests fit still cannot change what the chain and the seals cover.
func TestChainAndSealsHold(t *testing.T) {
	parts := partsOf(t, written(t))
	for _, c := range []struct{ file, old, new, in string }{
		{"payment.json", `"amount": 100,`, `"amount": 900,`, "payment.json"},
		{"payment.json", `"head_hash": "`, `"head_hash": "0`, "payment.json"},
		{"payment.json", `"journal_lines": 2`, `"journal_lines": 1`, "journal.json"},
		{"payment.json", `"project_id": 210`, `"project_id": 211`, "journal.json"},
		{"payment.json", `"currency": "KGS"`, `"currency": "USD"`, "payment.json"},
		{"payment.json", `"request_id": "`, `"request_id": "x`, "payment.json"},
		{"journal.json", `\"amount\":100`, `\"amount\":900`, "journal.json"},
		{"journal.json", `"kind": "`, `"kind": "x`, "journal.json"},
		{"journal.json", `"seq": 2`, `"seq": 3`, "journal.json"},
		{"journal.json", `"at": "2`, `"at": "3`, "journal.json"},
		{"journal.json", `"at_microseconds": `, `"at_microseconds": 1`, "journal.json"},
		{"journal.json", `"operation": `, `"operation": 1`, "journal.json"},
		{"journal.json", `"hash": "`, `"hash": "00`, "journal.json"},
		{"journal.json", `"id": `, `"id": 1`, "seals.json"},
		{"seals.json", `"line": `, `"line": 1`, "seals.json"},
		{"seals.json", `"root": "`, `"root": "00`, "seals.json"},
		{"seals.json", `"hash": "`, `"hash": "00`, "seals.json"},
		{"seals.json", `"previous_hash": "0`, `"previous_hash": "1`, "seals.json"},
		{"seals.json", `"neighbour": "`, `"neighbour": "g`, "seals.json"},
		{"seals.json", `"stands": "left"`, `"stands": "right"`, "seals.json"},
		{"seals.json", `"stands": "left"`, `"stands": "over"`, "seals.json"},
		{"seals.json", `"shard": `, `"shard": 1`, "seals.json"},
		{"seals.json", `"number": `, `"number": 1`, "seals.json"},
		{"seals.json", `"last_row": `, `"last_row": 1`, "seals.json"},
		{"seals.json", `"lines": `, `"lines": 1`, "seals.json"},
		{"seals.json", `"at": "2`, `"at": "3`, "seals.json"},
		{"seals.json", `"at_microseconds": `, `"at_microseconds": 1`, "seals.json"},
		{"request.json", `"payment_id":"paid"`, `"payment_id":"pait"`, "signature.json"},
		{"signature.json", `"signature": "`, `"signature": "x`, "request.json"},
		{"signature.json", `"signed_string": "`, `"signed_string": "x`, "signature.json"},
	} {
		changed := slices.Clone(parts)
		n := slices.IndexFunc(parts, func(p part) bool { return p.name == c.file })
		changed[n].text = bytes.Replace(parts[n].text, []byte(c.old), []byte(c.new), 1)
		if bytes.Equal(changed[n].text, parts[n].text) {
			t.Errorf("%s has no %s", c.file, c.old)
			continue
		}
		if r := Verify(pack(t, changed, true), ""); !failsIn(r, c.in) {
			t.Errorf("%s: %s for %s: %+v", c.file, c.new, c.old, r.Faults)
		}
	}
}

// A line that no seal covers yet is said, and no fault: all the rest is verified.
func TestWhatIsNotSealedIsSaid(t *testing.T) {
	unsealed := func(more ...string) *Report {
		parts := slices.Clone(partsOf(t, written(t)))
		for n, p := range parts {
			if p.name == "seals.json" {
				parts[n].text = bytes.Replace(p.text, []byte(`"sealed": true`), []byte(`"sealed": false`), 1)
			} else if len(more) == 3 && p.name == more[0] {
				parts[n].text = bytes.Replace(p.text, []byte(more[1]), []byte(more[2]), 1)
			}
		}
		return Verify(pack(t, parts, true), "")
	}
	if r := unsealed(); r.OK || len(r.Faults) != 0 || len(r.Unsealed) != 1 || r.Unsealed[0].Line != 1 || !strings.Contains(r.Unsealed[0].Why, "again later") {
		t.Errorf("%+v", r)
	}
	if r := unsealed("journal.json", `\"amount\":100`, `\"amount\":900`); !failsIn(r, "journal.json") {
		t.Errorf("its line was changed: %+v", r)
	}
	if why := WhyUnsealed(9000*1_000_000_000_000 + 1); !strings.Contains(why, "command") {
		t.Error(why)
	}
}
