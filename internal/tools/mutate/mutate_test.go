package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const sample = `package p

func f(a, b int) (bool, error) {
	if a < b && a != 1 {
		g()
		return true, err
	}
	x = a + 0x10
	return false, nil
}
`

func TestMutants(t *testing.T) {
	all, err := mutants("p.go", []byte(sample))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range all {
		lines := strings.Split(string(m.apply([]byte(sample))), "\n")
		got = append(got, m.What+": "+strings.TrimSpace(lines[m.Line-1]))
	}
	want := []string{
		"condition negated: if !(a < b && a != 1) {", "&& becomes ||: if a < b || a != 1 {", "< becomes <=: if a <= b && a != 1 {",
		"!= becomes ==: if a < b && a == 1 {", "constant raised by one: if a < b && a != 2 {", "call removed: ", "error not returned: return true, nil",
		"true turned over: return false, err", "assignment removed: ", "+ becomes -: x = a - 0x10", "constant raised by one: x = a + 17",
		"false turned over: return true, nil",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// A module of its own with one test: what it notices is killed, what it does not survives.
func TestSurvivorsAreReported(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":    "module p\n\ngo 1.24\n",
		"p.go":      "package p\n\nfunc Max(a, b int) int {\n\tif a > b {\n\t\treturn a\n\t}\n\treturn b\n}\n",
		"p_test.go": "package p\n\nimport \"testing\"\n\nfunc TestMax(t *testing.T) {\n\tif Max(1, 2) != 2 || Max(2, 1) != 2 {\n\t\tt.Error()\n\t}\n}\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	var out bytes.Buffer
	if err := tryPackage(settings{seed: 1, limit: 60e9, only: "*.go", test: "go test"}, ".", t.TempDir(), &out); err != nil {
		t.Fatal(err)
	}
	want := "p.go:4: > becomes >=\n., seed 1: 2 tried, 1 killed, 0 by the time limit, 0 do not compile, 1 survived\n"
	if out.String() != want {
		t.Errorf("reported %q, want %q", out.String(), want)
	}
}
