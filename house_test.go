// Package flashpay_test holds the rules of the house and keeps them: which room
// may import which, and what no file may hold. A rule that is broken is a
// failing test with the place, the fault and what to do.
package flashpay_test

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

const (
	module           = "flashpay"
	maxFunctionLines = 70
	maxFileLines     = 500
	maxExceptions    = 5
)

// exceptions is the only place where a rule gives way. A place is a file, or a
// file and a function as file#function. One that is no longer needed fails.
var exceptions []exception

// nouns are what the product talks about. They import only each other, and
// read no clock: time comes to them as a value.
var nouns = []string{
	"internal/money", "internal/payout", "internal/method", "internal/merchant", "internal/account",
	"internal/ledger", "internal/rule", "internal/wire", "internal/provider", "internal/staff", "internal/rates",
	"internal/tariff",
}

// anything is what cmd may import: it alone knows everybody.
var anything = []string{"*"}

// rooms is the import table: each package of the module, and what of the
// module it may import. It reads downwards: a room imports from above it only.
// Stations (gate, process, callback) never import each other; they meet in
// committed rows.
var rooms = map[string][]string{
	// Public packages stand alone: whoever copies them needs nothing else.
	"signature": {},
	"client":    {"signature"},
	"openapi":   {},

	// What a merchant's engineer would write: the public packages suffice.
	"examples/pay": {"client"},

	"internal/money":    nouns,
	"internal/payout":   nouns,
	"internal/method":   nouns,
	"internal/merchant": nouns,
	"internal/account":  nouns,
	"internal/ledger":   nouns,
	"internal/rule":     nouns,
	"internal/provider": nouns,
	"internal/staff":    nouns,
	"internal/rates":    nouns,
	"internal/tariff":   nouns,
	"internal/wire":     with(nouns, "signature"),

	// Adapters and the simulated bank meet on the wire, never in Go.
	"internal/provider/sandbox":      with(nouns, "signature"),
	"internal/provider/providertest": nouns,
	"internal/provider/roster":       nouns, // which payouts go to which provider
	"internal/bank":                  {"internal/money", "internal/batch", "internal/vault", "signature"},

	"internal/tools/mutate": {},

	"internal/batch":         {},
	"internal/csvfile":       {}, // all exports
	"internal/vault":         nouns,
	"internal/store/sqldb":   {},
	"internal/store":         with(nouns, "internal/store/sqldb", "internal/batch", "internal/vault", "signature"),
	"internal/record":        nouns, // what lists show: of reports and the Data API
	"internal/store/export":  with(nouns, "internal/store", "internal/store/sqldb", "internal/store/batches", "internal/store/figures", "internal/record", "signature"),
	"internal/store/jobs":    with(nouns, "internal/store", "internal/store/sqldb"),
	"internal/store/figures": with(nouns, "internal/store", "internal/store/sqldb"), // what analytics reads
	"internal/store/paid":    with(nouns, "internal/store", "internal/store/sqldb"),
	"internal/store/batches": with(nouns, "internal/store", "internal/store/sqldb"),
	"internal/store/files":   with(nouns, "internal/store", "internal/store/sqldb"),
	"internal/store/alerts":  with(nouns, "internal/store", "internal/store/sqldb"),
	"internal/store/people":  with(nouns, "internal/store", "internal/store/sqldb", "internal/vault"),
	"internal/work":          with(nouns, "internal/store", "internal/store/jobs"),
	"internal/accept":        with(nouns, "internal/store", "internal/work", "internal/vault", "signature"),

	"internal/store/snapshot": with(nouns, "internal/store", "internal/store/sqldb"),
	"internal/evidence":       {"internal/store", "signature"}, // the bundle of one payout: written, and verified without a database

	"internal/dataapi": with(nouns, "internal/store", "internal/store/people", "internal/store/export", "internal/record", "signature", "openapi"),

	"internal/gate": with(nouns, "internal/store", "internal/store/batches", "internal/work", "internal/accept", "internal/masspayout", "internal/massbatch",
		"signature", "openapi"),
	"internal/process":  with(nouns, "internal/store", "internal/work", "signature"),
	"internal/callback": with(nouns, "internal/store", "internal/work", "signature"),

	"internal/access": with(nouns, "internal/store", "internal/store/people", "internal/store/jobs", "internal/vault", "internal/work"),
	"internal/report": with(nouns, "internal/store", "internal/store/people", "internal/store/export", "internal/store/jobs", "internal/store/files",
		"internal/record", "internal/csvfile", "internal/work", "internal/massbatch"),
	"internal/alert":      with(nouns, "internal/store", "internal/store/people", "internal/store/alerts", "internal/store/jobs", "internal/report", "internal/work"),
	"internal/resend":     {"internal/store", "internal/store/jobs", "internal/work"},
	"internal/ratefeed":   with(nouns, "internal/store", "internal/store/jobs", "internal/work"),
	"internal/manual":     with(nouns, "internal/store", "internal/store/jobs", "internal/work", "internal/accept", "signature"),
	"internal/masspayout": with(nouns, "internal/store", "internal/store/paid", "internal/accept", "internal/csvfile", "signature"),
	"internal/massbatch": with(nouns, "internal/store", "internal/store/batches", "internal/store/files", "internal/store/jobs", "internal/store/paid",
		"internal/store/export", "internal/record", "internal/work", "internal/accept", "internal/masspayout", "internal/csvfile", "signature"),
	"internal/dashboard": with(nouns, "internal/store", "internal/store/people", "internal/accept", "internal/manual", "internal/access", "internal/csvfile", "internal/vault", "internal/record",
		"internal/evidence", "internal/report", "internal/store/jobs", "internal/store/batches", "internal/store/alerts", "internal/store/figures", "internal/masspayout", "internal/massbatch", "internal/resend", "internal/ratefeed", "signature"),

	"internal/ops": with(nouns, "internal/store", "internal/work"),
	"internal/audit": with(nouns, "internal/store", "internal/store/snapshot", "internal/store/jobs", "internal/store/files", "internal/store/batches",
		"internal/vault"),
	"internal/bench":     with(nouns, "internal/store", "internal/store/jobs", "internal/accept", "internal/gate", "internal/audit", "internal/report", "signature", "client"),
	"internal/crashtest": with(nouns, "internal/store", "internal/audit", "signature", "client"),

	// A past for those who try the product. It sends nothing: of callback it takes the schedule.
	"internal/sample": with(nouns, "internal/store", "internal/store/batches", "internal/store/jobs", "internal/accept", "internal/massbatch", "internal/callback", "signature"),

	// The proof that the public packages suffice for a merchant.
	"internal/demo": {"client", "signature"},

	"internal/pgtest":      {},
	"internal/storetest":   {"internal/pgtest", "internal/store", "internal/vault"},
	"internal/browsertest": {},
	"e2e":                  {},
	"cmd/flashpay":         anything,
}

// inTests is what tests may import beyond their room's own list, those of nouns
// and public packages excepted. Stations stay apart in tests as well:
// what needs several of them is a test of e2e.
var inTests = []string{
	"internal/pgtest", "internal/storetest", "internal/browsertest", "internal/provider/providertest", "internal/provider/sandbox", "internal/bank",
	"internal/store", "internal/store/people", "internal/store/snapshot", "internal/store/figures", "internal/dataapi", "internal/accept", "internal/audit", "internal/vault", "internal/sample", "signature", "client", "openapi",
}

// onlyInTests must not get into the program.
var onlyInTests = []string{"internal/pgtest", "internal/storetest", "internal/browsertest", "internal/provider/providertest"}

// withFloats lists the rooms that measure and hold no money: there a float is
// a rate, a share or a duration. Elsewhere sums are int64 minor units, and
// exact decimals where they are converted.
var withFloats = []string{"internal/bench", "internal/crashtest", "internal/ops", "internal/pgtest", "e2e"}

var houseRules = []rule{
	{"imports", checkImports},
	{"package docs", checkPackageDocs},
	{"package names", checkPackageNames},
	{"floats where money is", checkFloats},
	{"select all", checkSelectAll},
	{"clock in nouns", checkClock},
	{"function length", checkFunctionLength},
	{"file length", checkFileLength},
	{"escape comments", checkEscapes},
	{"links", checkLinks},
	{"machine paths", checkMachinePaths},
}

func TestHouse(t *testing.T) {
	files, err := readTree(".")
	if err != nil {
		t.Fatal(err)
	}
	h, err := newHouse(files)
	if err != nil {
		t.Fatal(err)
	}
	if len(exceptions) > maxExceptions {
		t.Errorf("%d exceptions; the house has room for %d", len(exceptions), maxExceptions)
	}
	left := slices.Clone(exceptions)
	for _, r := range houseRules {
		for _, v := range r.check(h) {
			i := slices.IndexFunc(exceptions, func(e exception) bool { return e.covers(r.name, v) })
			if i < 0 {
				t.Errorf("%s: %s: %s", r.name, v.place(), v.fault)
				continue
			}
			left = slices.DeleteFunc(left, func(e exception) bool { return e == exceptions[i] })
		}
	}
	for _, e := range left {
		t.Errorf("exception %s of %s is no longer needed: remove it", e.place, e.rule)
	}
	for _, e := range exceptions {
		if e.reason == "" {
			t.Errorf("exception %s of %s has no reason", e.place, e.rule)
		}
	}
}

type (
	exception struct{ rule, place, reason string }

	rule struct {
		name  string
		check func(house) []violation
	}

	violation struct {
		file     string
		line     int    // 0 for the whole file
		function string // where it matters
		fault    string
	}

	// house is the tree as the rules see it. Paths are slash-separated and
	// relative to the module's root.
	house struct {
		set   *token.FileSet
		files map[string][]byte
		code  []goFile // by path
	}

	goFile struct {
		path string
		*ast.File
	}
)

func (e exception) covers(rule string, v violation) bool {
	return e.rule == rule && (e.place == v.file || e.place == v.file+"#"+v.function)
}

func (v violation) place() string {
	if v.line == 0 {
		return v.file
	}
	return fmt.Sprintf("%s:%d", v.file, v.line)
}

func (f goFile) room() string { return path.Dir(f.path) }

func (f goFile) test() bool { return strings.HasSuffix(f.path, "_test.go") }

func (h house) line(p token.Pos) int { return h.set.Position(p).Line }

func (h house) violation(f goFile, at token.Pos, format string, args ...any) violation {
	return violation{file: f.path, line: h.line(at), fault: fmt.Sprintf(format, args...)}
}

func newHouse(files map[string][]byte) (house, error) {
	h := house{set: token.NewFileSet(), files: files}
	for name, text := range files {
		if path.Ext(name) != ".go" || slices.Contains(strings.Split(name, "/"), "testdata") {
			continue
		}
		f, err := parser.ParseFile(h.set, name, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return house{}, err
		}
		h.code = append(h.code, goFile{name, f})
	}
	slices.SortFunc(h.code, func(a, b goFile) int { return cmp.Compare(a.path, b.path) })
	return h, nil
}

// readTree reads all files that are, or can be, committed.
func readTree(root string) (map[string][]byte, error) {
	ignore, err := os.ReadFile(filepath.Join(root, ".gitignore"))
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	err = filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err = filepath.Rel(root, name)
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		if name == ".git" || ignored(string(ignore), name, entry.IsDir()) {
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if entry.Type().IsRegular() {
			files[name], err = os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
		}
		return err
	})
	return files, err
}

// ignored understands the plain patterns of .gitignore, which are all ours.
func ignored(patterns, name string, dir bool) bool {
	for pattern := range strings.Lines(patterns) {
		pattern = strings.TrimSpace(pattern)
		if pattern == "" || pattern[0] == '#' {
			continue
		}
		pattern, onlyDirs := strings.CutSuffix(pattern, "/")
		subject := path.Base(name)
		if strings.Contains(pattern, "/") {
			pattern, subject = strings.TrimPrefix(pattern, "/"), name
		}
		if match, err := path.Match(pattern, subject); err == nil && match && (dir || !onlyDirs) {
			return true
		}
	}
	return false
}

func with(list []string, more ...string) []string { return slices.Concat(list, more) }

func checkImports(h house) []violation {
	var found []violation
	for _, f := range h.code {
		may, known := rooms[f.room()]
		if !known && f.room() != "." {
			found = append(found, h.violation(f, f.Package, "package %s is not in the table of rooms: enter it with what it may import", f.room()))
			continue
		}
		for _, spec := range f.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				continue // the compiler's
			}
			target, ours := strings.CutPrefix(imported, module+"/")
			if !ours || target == f.room() || allowed(f, may, target) {
				continue
			}
			found = append(found, h.violation(f, spec.Pos(), "%s must not import %s; it may import %s of ours",
				f.room(), target, cmp.Or(strings.Join(may, ", "), "nothing")))
		}
	}
	return found
}

func allowed(f goFile, may []string, target string) bool {
	if f.test() && (f.room() == "e2e" || !alone(f.room()) && slices.Contains(inTests, target)) {
		return true
	}
	if slices.Contains(onlyInTests, target) && !slices.Contains(onlyInTests, f.room()) {
		return false
	}
	_, known := rooms[target]
	return slices.Contains(may, target) || known && slices.Equal(may, anything)
}

// alone tells whether a room's tests, too, get by with the room's own imports.
func alone(room string) bool {
	return slices.Contains(nouns, room) || !strings.HasPrefix(room, "internal/")
}

func checkPackageDocs(h house) []violation {
	documented := map[string]bool{}
	for _, f := range h.code {
		documented[f.room()] = documented[f.room()] || f.Doc.Text() != ""
	}
	var found []violation
	for _, f := range h.code {
		if !documented[f.room()] {
			found = append(found, violation{file: f.path, fault: "no file of package " + f.room() + " has a comment that says what it is"})
			documented[f.room()] = true
		}
	}
	return found
}

func checkPackageNames(h house) []violation {
	banned := []string{"util", "utils", "common", "helper", "helpers", "models", "core"}
	var found []violation
	for _, f := range h.code {
		name := strings.TrimSuffix(f.Name.Name, "_test")
		if slices.Contains(banned, name) || slices.Contains(banned, path.Base(f.room())) {
			found = append(found, h.violation(f, f.Package, "a package named %s says nothing: name it after what it does", name))
		}
	}
	return found
}

func checkFloats(h house) []violation {
	var found []violation
	for _, f := range h.code {
		if f.test() || slices.Contains(withFloats, f.room()) {
			continue
		}
		ast.Inspect(f.File, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.Ident:
				if n.Name == "float32" || n.Name == "float64" || n.Name == "ParseFloat" || n.Name == "Float64" {
					found = append(found, h.violation(f, n.Pos(), "%s: sums are int64 minor units or exact decimals", n.Name))
				}
			case *ast.BasicLit:
				if n.Kind == token.FLOAT {
					found = append(found, h.violation(f, n.Pos(), "%s: sums are int64 minor units or exact decimals", n.Value))
				}
			}
			return true
		})
	}
	return found
}

var selectAll = regexp.MustCompile(`(?i)\b(select|returning)\s+(distinct\s+)?([a-z_]+\.)?\*`)

func checkSelectAll(h house) []violation {
	const fault = "name the columns: a migration must not change what a query returns"
	var found []violation
	for _, f := range h.code {
		ast.Inspect(f.File, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING && selectAll.MatchString(lit.Value) {
				found = append(found, h.violation(f, lit.Pos(), fault))
			}
			return true
		})
	}
	for _, name := range slices.Sorted(maps.Keys(h.files)) {
		text := h.files[name]
		if path.Ext(name) == ".sql" && selectAll.Match(text) {
			found = append(found, violation{file: name, fault: fault})
		}
	}
	return found
}

func checkClock(h house) []violation {
	var found []violation
	for _, f := range h.code {
		if f.test() || !slices.Contains(nouns, f.room()) {
			continue
		}
		clock := importName(f, "time")
		ast.Inspect(f.File, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok || !slices.Contains([]string{"Now", "Since", "Until"}, sel.Sel.Name) {
				return true
			}
			if x, ok := sel.X.(*ast.Ident); ok && clock != "" && x.Name == clock {
				found = append(found, h.violation(f, sel.Pos(), "time.%s: a noun gets the time as a parameter", sel.Sel.Name))
			}
			return true
		})
	}
	return found
}

// importName returns the name by which f calls the package, "" if it does not.
func importName(f goFile, imported string) string {
	for _, spec := range f.Imports {
		if spec.Path.Value != strconv.Quote(imported) {
			continue
		}
		if spec.Name != nil {
			return spec.Name.Name
		}
		return path.Base(imported)
	}
	return ""
}

func checkFunctionLength(h house) []violation {
	var found []violation
	for _, f := range h.code {
		if f.test() || ast.IsGenerated(f.File) {
			continue
		}
		for _, decl := range f.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if !ok {
				continue
			}
			if n := h.line(fn.End()) - h.line(fn.Pos()) + 1; n > maxFunctionLines {
				v := h.violation(f, fn.Pos(), "%s has %d lines; at most %d", fn.Name.Name, n, maxFunctionLines)
				v.function = fn.Name.Name
				found = append(found, v)
			}
		}
	}
	return found
}

func checkFileLength(h house) []violation {
	var found []violation
	for _, f := range h.code {
		if f.test() || ast.IsGenerated(f.File) {
			continue
		}
		if n := strings.Count(string(h.files[f.path]), "\n"); n > maxFileLines {
			found = append(found, violation{file: f.path, fault: fmt.Sprintf("%d lines; at most %d", n, maxFileLines)})
		}
	}
	return found
}

var escape = regexp.MustCompile(`^//\s?(nolint|lint:|#nosec|exhaustive:ignore)`)

func checkEscapes(h house) []violation {
	var found []violation
	for _, f := range h.code {
		for _, group := range f.Comments {
			for _, c := range group.List {
				if escape.MatchString(c.Text) {
					found = append(found, h.violation(f, c.Pos(), "%s: change the code, or the linter's configuration for all", c.Text))
				}
			}
		}
	}
	return found
}

var (
	codeBlock = regexp.MustCompile("(?ms)^[ \t]*```.*?^[ \t]*```|^[ \t]*~~~.*?^[ \t]*~~~|`[^`\n]*`")
	link      = regexp.MustCompile(`\]\(\s*<?([^)\s>]+)|(?m)^ {0,3}\[[^\]\n]+\]:\s*<?([^\s>]+)|(?:src|srcset|href)="([^"]+)"`)
	remote    = regexp.MustCompile(`^([a-zA-Z][a-zA-Z0-9+.-]*:|//|#)`)
)

// checkLinks looks at the links of Markdown pages to files of this repository.
func checkLinks(h house) []violation {
	dirs := map[string]bool{".": true}
	for name := range h.files {
		for dir := path.Dir(name); !dirs[dir]; dir = path.Dir(dir) {
			dirs[dir] = true
		}
	}
	var found []violation
	for _, name := range slices.Sorted(maps.Keys(h.files)) {
		text := h.files[name]
		if path.Ext(name) != ".md" {
			continue
		}
		page := string(codeBlock.ReplaceAllFunc(text, blank))
		for _, m := range link.FindAllStringSubmatchIndex(page, -1) {
			at, target := group(page, m)
			if remote.MatchString(target) {
				continue
			}
			target, _, _ = strings.Cut(target, "#")
			file := path.Join(path.Dir(name), target)
			if strings.HasPrefix(target, "/") {
				file = strings.TrimPrefix(path.Clean(target), "/")
			}
			if _, ok := h.files[file]; !ok && !dirs[file] {
				found = append(found, violation{file: name, line: strings.Count(page[:at], "\n") + 1, fault: "the link to " + target + " points nowhere"})
			}
		}
	}
	return found
}

// blank keeps the lines of a block of code, so that places stay right.
func blank(block []byte) []byte {
	return slices.Repeat([]byte("\n"), strings.Count(string(block), "\n"))
}

// group returns the one group of a match that is there, and where it begins.
func group(s string, match []int) (at int, text string) {
	for i := 2; i < len(match); i += 2 {
		if match[i] >= 0 {
			return match[i], s[match[i]:match[i+1]]
		}
	}
	return match[0], ""
}

// machinePaths finds places of one machine, which mean nothing on another.
// internal/work/ and ../work/ are none.
var machinePaths = regexp.MustCompile(`(^|[^\w.)/-])/(work|root)/|/tmp/` + `bash_jobs|(^|[^\w.)/-])/(home|Users)/[a-z]`)

func checkMachinePaths(h house) []violation {
	var found []violation
	for _, name := range slices.Sorted(maps.Keys(h.files)) {
		text := h.files[name]
		if !utf8.Valid(text) {
			continue // a picture
		}
		n := 0
		for line := range strings.Lines(string(text)) {
			n++
			if m := machinePaths.FindString(line); m != "" {
				found = append(found, violation{file: name, line: n, fault: strings.TrimSpace(m) + " is a place of one machine"})
			}
		}
	}
	return found
}
