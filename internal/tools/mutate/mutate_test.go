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

type size int64

const fixed = 7

func f(a, b int) (ok bool, err error) {
	var x size
	if a < b && a != 1 {
		g()
		return true, err
	}
	x = x + 0x10
	for a = 0; a <= fixed; a += 1 {
	}
	return ok || x > 2, nil
}

func g() {}
`

// module makes a module of its own, and goes there.
func module(t *testing.T, files map[string]string) {
	t.Helper()
	dir := t.TempDir()
	files["go.mod"] = "module p\n\ngo 1.26\n"
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
}

func TestMutants(t *testing.T) {
	module(t, map[string]string{"p.go": sample})
	p, err := load(".")
	if err != nil {
		t.Fatal(err)
	}
	all := p.mutants("*.go")
	var got, alone []string
	for _, m := range all {
		lines := strings.Split(string(m.apply([]byte(sample))), "\n")
		said := m.What + ": " + strings.TrimSpace(lines[m.Line-1])
		if got = append(got, said); m.gate == nil {
			alone = append(alone, said)
		}
	}
	want := []string{
		"constant raised by one: const fixed = 8", "condition negated: if !(a < b && a != 1) {", "&& becomes ||: if a < b || a != 1 {", "< becomes <=: if a <= b && a != 1 {",
		"!= becomes ==: if a < b && a == 1 {", "constant raised by one: if a < b && a != 2 {", "call removed: ", "error not returned: return true, nil",
		"true turned over: return false, err", "assignment removed: ", "+ becomes -: x = x - 0x10", "constant raised by one: x = x + 17",
		"assignment removed: for ; a <= fixed; a += 1 {", "constant raised by one: for a = 1; a <= fixed; a += 1 {", "<= becomes <: for a = 0; a < fixed; a += 1 {",
		"assignment removed: for a = 0; a <= fixed;  {", "constant raised by one: for a = 0; a <= fixed; a += 2 {",
		"|| becomes &&: return ok && x > 2, nil", "> becomes >=: return ok || x >= 2, nil", "constant raised by one: return ok || x > 3, nil",
	}
	slicesEqual(t, got, want)
	slicesEqual(t, alone, []string{want[0], want[12], want[15]})
	if name := all[3].name(); name != "p.go: f: < becomes <=: a < b" {
		t.Errorf("it is named %q", name)
	}
	if _, err := p.build(all, t.TempDir()); err != nil {
		t.Error(err)
	}
	lines := strings.Split(string(p.gated(all)["p.go"]), "\n")
	slicesEqual(t, []string{lines[12], lines[15]}, []string{
		"\tif !mutant(10) { x = mutantPlus(11, x , mutantRaised(12, size(0x10))) }",
		"\treturn ((ok || (x > mutantRaised(20, size(2)) || mutant(19) && x == 2)) && (!mutant(18) || (ok) && (x > 2))), nil",
	})
}

func slicesEqual(t *testing.T, got, want []string) {
	t.Helper()
	sort := cmp.Transformer("sorted", func(s []string) map[string]int {
		counts := make(map[string]int)
		for _, v := range s {
			counts[v]++
		}
		return counts
	})
	if d := cmp.Diff(want, got, sort); d != "" {
		t.Error(d)
	}
}

// Behind each gate is the fault that its mutant names: a test that knows all values of a function kills every one.
func TestGates(t *testing.T) {
	module(t, map[string]string{
		"p.go": `package p

func or(a, b bool) bool  { return a || b }
func and(a, b bool) bool { return a && b }
func less(a, b int) bool { return a < b }
func most(a, b int) bool { return a <= b }
func same(a, b int) bool { return a == b }
func sum(a, b int) int   { return a + b - 1 }

func steps(a int) (n int, err error) {
	if a > 1 {
		n = a
		count(&n)
	}
	return n, err
}

func count(n *int) { *n += 2 }
`,
		"p_test.go": `package p

import "testing"

func TestAll(t *testing.T) {
	t.Run("other", func(t *testing.T) {
		if or(true, false) != true {
			t.Fatal()
		}
	})
	for _, v := range []bool{
		!or(false, false), or(false, true), or(true, false), or(true, true), !and(false, false), !and(false, true), !and(true, false), and(true, true),
		less(1, 2), !less(2, 2), !less(2, 1), most(1, 2), most(2, 2), !most(2, 1), same(1, 1), !same(1, 2), sum(1, 2) == 2,
	} {
		if !v {
			t.Fatal()
		}
	}
	for a, want := range []int{0, 0, 4, 5} {
		if n, err := steps(a); n != want || err != nil {
			t.Fatal(a)
		}
	}
}
`,
	})
	var out bytes.Buffer
	if err := tryPackage(&settings{seed: 1, limit: 60e9, only: "*.go", first: "sub"}, ".", &out); err != nil {
		t.Fatal(err)
	}
	want := "p.go: steps: error not returned: err, line 15, SURVIVED\n" +
		"., seed 1: 16 of 16 tried, 15 killed, 0 by the time limit, 0 do not compile, 1 survived, 0 reached by no test; 0 of them are explained\n"
	if out.String() != want {
		t.Errorf("reported %q, want %q", out.String(), want)
	}
}

// What the test notices is killed; what it does not survives, unless it is explained, or no test came there at all.
func TestSurvivorsAreReported(t *testing.T) {
	module(t, map[string]string{
		"p.go": "package p\n\nconst most = 9\n\nfunc Max(a, b int) int {\n\tif a > b {\n\t\treturn a\n\t}\n\treturn b\n}\n\n" +
			"func Most() int { return most }\n\nfunc Never(a int) int { return a + 1 }\n",
		"p_test.go": "package p\n\nimport \"testing\"\n\nfunc TestMax(t *testing.T) {\n\tif Max(1, 2) != 2 || Max(2, 1) != 2 || Most() != 9 {\n\t\tt.Error()\n\t}\n}\n",
		"explained": "# none\np.go: Never: + becomes -: a + 1\n\tnobody calls it\n",
	})
	s := &settings{seed: 1, limit: 60e9, only: "*.go"}
	var err error
	if s.explained, err = readNames("explained"); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := tryPackage(s, ".", &out); err != nil {
		t.Fatal(err)
	}
	want := "p.go: Max: > becomes >=: a > b, line 6, SURVIVED\np.go: Never: constant raised by one: a + 1, line 14, REACHED BY NO TEST\n" +
		"., seed 1: 5 of 5 tried, 2 killed, 0 by the time limit, 0 do not compile, 1 survived, 2 reached by no test; 1 of them are explained\n"
	if out.String() != want {
		t.Errorf("reported %q, want %q", out.String(), want)
	}
	if err := os.WriteFile("report", out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	if s.again, err = readNames("report"); err != nil {
		t.Fatal(err)
	}
	p, err := load(".")
	if err != nil {
		t.Fatal(err)
	}
	var again []string
	all := p.mutants("*.go")
	for _, i := range sampled(s, all) {
		again = append(again, all[i].name())
	}
	slicesEqual(t, again, []string{"p.go: Max: > becomes >=: a > b", "p.go: Never: constant raised by one: a + 1"})
}
