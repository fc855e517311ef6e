package flashpay_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The pages that a newcomer reads agree with what is there.

func page(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// The program that README shows is the one that is compiled and run.
func TestReadmeShowsExample(t *testing.T) {
	_, rest, _ := strings.Cut(page(t, "README.md"), "```go\n")
	shown, _, _ := strings.Cut(rest, "```")
	_, program, _ := strings.Cut(page(t, "examples/pay/main.go"), "\npackage main")
	if shown == "" || shown != "package main"+program {
		t.Error("README.md shows another program than examples/pay/main.go: copy it from its package clause on")
	}
}

func TestReadmeNamesEveryRoom(t *testing.T) {
	_, rest, _ := strings.Cut(page(t, "README.md"), "## The rooms")
	table, _, _ := strings.Cut(rest, "\n## ")
	var linked []string
	for _, m := range regexp.MustCompile(`\]\(([^)#]+)\)`).FindAllStringSubmatch(table, -1) {
		linked = append(linked, m[1])
	}
	for room := range rooms {
		parts := slices.ContainsFunc(linked, func(l string) bool { return room == l || l != "internal" && strings.HasPrefix(room, l+"/") })
		if !parts {
			t.Errorf("README.md's table of rooms does not name %s", room)
		}
	}
}

func TestDecisionsAreListed(t *testing.T) {
	list := page(t, "docs/decisions/README.md")
	files, err := filepath.Glob("docs/decisions/0*.md")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d decisions, %v", len(files), err)
	}
	for _, file := range files {
		title, _, _ := strings.Cut(page(t, file), "\n")
		number, title, _ := strings.Cut(strings.TrimPrefix(title, "# "), ": ")
		if !strings.Contains(list, "- ["+number+"]("+filepath.Base(file)+"): "+title+"\n") {
			t.Errorf("docs/decisions/README.md does not list %s: %s", file, title)
		}
	}
}

// Git ignores what the tutorial makes, the keyset above all.
func TestTutorialLeavesNothingToCommit(t *testing.T) {
	patterns := page(t, ".gitignore")
	for _, name := range []string{
		"flashpay", "flashpay.db", "flashpay.db-wal", "flashpay.db-shm", "flashpay.db.lock", "flashpay.db.keyset", "flashpay.db.bank", "flashpay.db.bank-wal",
		"flashpay.db.bank-shm", "flashpay.keyset", "flashpay-backup.db", "flashpay-backup.db.part", "bank.db", "serve.log",
	} {
		if !ignored(patterns, name, false) {
			t.Errorf("git would take %s", name)
		}
	}
}

// What the pages say of tests and limits is so.
func TestContributingIsTrue(t *testing.T) {
	text := page(t, "CONTRIBUTING.md") + page(t, "SECURITY.md")
	for _, m := range regexp.MustCompile("`(?:[a-z]+\\.)?(Test\\w+|Fuzz\\w+)`").FindAllStringSubmatch(text, -1) {
		if !declared(t, m[1]) {
			t.Errorf("there is no %s", m[1])
		}
	}
	limits := fmt.Sprintf("Functions have at most %d lines, files %d.", maxFunctionLines, maxFileLines)
	if !strings.Contains(text, limits) || maxExceptions != 5 || !strings.Contains(text, "one list of at most five") {
		t.Errorf("CONTRIBUTING.md has other limits than house_test.go, whose are: %s", limits)
	}
	makefile := page(t, "Makefile")
	for _, m := range regexp.MustCompile("(?m)(?:`|^    )make ([a-z]+)").FindAllStringSubmatch(text+page(t, "README.md"), -1) {
		if !strings.Contains(makefile, "\n"+m[1]+":") {
			t.Errorf("make %s is nothing that Makefile knows", m[1])
		}
	}
}

// declared tells whether a test of a name is anywhere.
func declared(t *testing.T, name string) bool {
	t.Helper()
	found := false
	err := filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || found || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		found = strings.Contains(page(t, path), "\nfunc "+name+"(")
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
