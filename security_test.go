package flashpay_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var namedTest = regexp.MustCompile("`([a-z0-9/]+)\\.((?:Test|Fuzz)\\w+)`")

// Every promise of the threat model names its tests, and each of them exists.
func TestSecurityPageNamesTests(t *testing.T) {
	promises := 0
	for _, line := range strings.Split(page(t, "docs/security.md"), "\n") {
		cells := strings.Split(line, "|")
		if len(cells) != 4 || strings.HasPrefix(line, "|---") || strings.TrimSpace(cells[2]) == "tests" {
			continue
		}
		promises++
		named := namedTest.FindAllStringSubmatch(cells[2], -1)
		if len(named) == 0 || strings.Count(cells[2], "`") != 2*len(named) {
			t.Errorf("docs/security.md: «%s» names no tests, or names one in another form than `package.TestName`", strings.TrimSpace(cells[1]))
		}
		for _, m := range named {
			if !hasTest(t, m[1], m[2]) {
				t.Errorf("docs/security.md: there is no %s in %s", m[2], m[1])
			}
		}
	}
	if promises < 30 {
		t.Errorf("docs/security.md has %d promises: the table is read wrongly", promises)
	}
}

// hasTest looks for a test in a package, which is named by its path below internal, or by its own.
func hasTest(t *testing.T, room, name string) bool {
	t.Helper()
	for _, dir := range []string{filepath.Join("internal", room), room} {
		files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(text), "\nfunc "+name+"(t *testing.T)") || strings.Contains(string(text), "\nfunc "+name+"(f *testing.F)") {
				return true
			}
		}
	}
	return false
}
