package pgtest

import (
	"cmp"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
)

// installDirs lists where packages put PostgreSQL without adding it to PATH.
func installDirs() []string {
	return []string{
		"/usr/lib/postgresql/*/bin",         // Debian, Ubuntu
		"/usr/pgsql-*/bin",                  // PostgreSQL's own RPMs
		"/opt/homebrew/opt/postgresql*/bin", // Homebrew on Apple silicon
		"/usr/local/opt/postgresql*/bin",    // Homebrew on Intel
		"/usr/local/pgsql/bin",              // built from source
	}
}

// findBinaries returns the directory that holds both initdb and postgres: the
// first one of path, else the one of the highest version that a pattern finds.
func findBinaries(path string, patterns []string) (string, error) {
	for _, dir := range filepath.SplitList(path) {
		if dir != "" && complete(dir) {
			return filepath.Abs(dir)
		}
	}
	var found []string
	for _, pattern := range patterns {
		matches, err := filepath.Glob(pattern)
		if err != nil {
			return "", err
		}
		found = append(found, slices.DeleteFunc(matches, func(dir string) bool { return !complete(dir) })...)
	}
	if len(found) == 0 {
		return "", errNoServer
	}
	return slices.MaxFunc(found, func(a, b string) int { return cmp.Compare(version(a), version(b)) }), nil
}

func complete(dir string) bool {
	for _, name := range []string{"initdb", "postgres"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.IsDir() || info.Mode()&0o111 == 0 {
			return false
		}
	}
	return true
}

var digits = regexp.MustCompile(`[0-9]+`)

// version reads the major version from the directory above bin: 17 from
// /usr/lib/postgresql/17/bin and from …/postgresql@17/bin; 0 if it has none.
func version(dir string) int {
	n, err := strconv.Atoi(digits.FindString(filepath.Base(filepath.Dir(dir))))
	if err != nil {
		return 0
	}
	return n
}
