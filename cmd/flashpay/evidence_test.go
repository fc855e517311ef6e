package main

import (
	"archive/zip"
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"flashpay/internal/evidence"
)

func TestEvidenceVerify(t *testing.T) {
	const bundle = "../../internal/evidence/testdata/bundle-2.zip"
	code, out, errs := inProcess(t, t.Context(), nil, "", "evidence", "verify", bundle)
	if code != exitOK || errs != "" || !strings.Contains(out, `Payment "paid" of project 210, status "success": `) {
		t.Fatalf("exit code %d, %s%s", code, out, errs)
	}
	_, seal, _ := strings.Cut(out, "Z: ")
	seal = seal[:64]
	if code, out, _ := inProcess(t, t.Context(), nil, "", "evidence", "verify", bundle, "--seal", strings.ToUpper(seal), "--json"); code != exitOK ||
		!strings.HasPrefix(out, `{"ok":true,"sha256":"`) || !strings.Contains(out, `"faults":[]`) {
		t.Errorf("with its seal: exit code %d, %s", code, out)
	}
	if code, out, _ := inProcess(t, t.Context(), nil, "", "evidence", "verify", bundle, "--seal", strings.Repeat("ab", 32)); code != exitFailed ||
		!strings.Contains(out, "FAILED seals.json: does not hold the seal abab") {
		t.Errorf("with another seal: exit code %d, %s", code, out)
	}
	archive, err := os.ReadFile(bundle)
	if err != nil {
		t.Fatal(err)
	}
	archive[100] ^= 1
	changed := filepath.Join(t.TempDir(), "changed.zip")
	if err := os.WriteFile(changed, archive, 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, errs = inProcess(t, t.Context(), nil, "", "evidence", "verify", changed)
	if code != exitFailed || errs != "" || !strings.Contains(out, "FAILED evidence.html: ") || !strings.Contains(out, "FAILED the archive: has other bytes") ||
		strings.Contains(out, "not a byte") {
		t.Errorf("changed: exit code %d, %s%s", code, out, errs)
	}
	code, out, errs = inProcess(t, t.Context(), nil, "", "evidence", "verify", changed+".none")
	if code != exitFailed || out != "" || !strings.Contains(errs, "changed.zip.none") {
		t.Errorf("no file: exit code %d, %s%s", code, out, errs)
	}
}

// A bundle of which a line is not sealed is not called wrong, nor right.
func TestEvidenceThatIsNotSealed(t *testing.T) {
	r, err := zip.OpenReader("../../internal/evidence/testdata/bundle-2.zip")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	w := evidence.NewWriter(time.Now())
	for _, f := range r.File {
		text, err := fs.ReadFile(r, f.Name)
		if err != nil {
			t.Fatal(err)
		}
		if f.Name == "manifest.json" {
			continue
		}
		w.Add(f.Name, bytes.Replace(text, []byte(`"sealed": true`), []byte(`"sealed": false`), 1))
	}
	archive, err := w.Close()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "early.zip")
	if err := os.WriteFile(file, archive, 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, errs := inProcess(t, t.Context(), nil, "", "evidence", "verify", file)
	if code != exitOpen || errs != "" || !strings.Contains(out, "NOT SEALED line 1 of the journal: ") || !strings.Contains(out, "no seal covers 1 of them") {
		t.Errorf("exit code %d, %s%s", code, out, errs)
	}
}
