package dashboard

import (
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"flashpay/internal/staff"
)

// TestWhatTheCheckAdvisesIsSaidInEachLanguage takes all that the check of files has said in its tests, and every sentence that its
// code can say.
func TestWhatTheCheckAdvisesIsSaidInEachLanguage(t *testing.T) {
	t.Parallel()
	said := goldenAdvice(t)
	if len(said) < 150 {
		t.Fatalf("the golden files have %d texts", len(said))
	}
	said = append(said, writtenAdvice(t)...)
	slices.Sort(said)
	said = slices.Compact(said)
	for _, lang := range []string{"ru", "ky"} {
		w, err := loadWords(lang)
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range said {
			other, ok := w.advise(text)
			if !ok || !strings.ContainsFunc(other, func(r rune) bool { return unicode.Is(unicode.Cyrillic, r) }) {
				t.Errorf("%s: not known: %s", lang, text)
			}
		}
	}
}

// goldenAdvice is what stands in the golden files.
func goldenAdvice(t *testing.T) (all []string) {
	t.Helper()
	files, err := filepath.Glob("../masspayout/testdata/golden/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			cells := strings.Split(strings.TrimSpace(line), " | ")
			if len(cells) >= 3 && (strings.HasPrefix(line, "fault ") || strings.HasPrefix(line, "warning ")) {
				all = append(all, strings.Join(cells[2:], " | "))
			}
		}
	}
	return all
}

var verb = regexp.MustCompile(`%[a-zA-Z0-9]*[sdcqvX]`)

// writtenAdvice is what the code has as texts for people, with an x for each value. Where a value is a sentence, the golden files
// have it.
func writtenAdvice(t *testing.T) (all []string) {
	t.Helper()
	files, err := filepath.Glob("../masspayout/*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			e, ok := n.(ast.Expr)
			if !ok {
				return true
			}
			text, ok := literal(e)
			if !ok {
				return true
			}
			text = strings.TrimSpace(verb.ReplaceAllString(text, "x"))
			if strings.Count(text, " ") >= 2 && strings.HasSuffix(text, ".") && unicode.IsUpper(rune(text[0])) && !strings.Contains(text, ". x") {
				all = append(all, text)
			}
			return false
		})
	}
	return all
}

// literal is a text that is written in one or several parts; what is no literal among them counts as a value.
func literal(e ast.Expr) (text string, ok bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		text, err := strconv.Unquote(e.Value)
		return text, err == nil && e.Kind == token.STRING
	case *ast.BinaryExpr:
		left, okLeft := literal(e.X)
		right, okRight := literal(e.Y)
		if !okLeft {
			left = "x"
		}
		if !okRight {
			right = "x"
		}
		return left + right, okLeft || okRight
	}
	return "", false
}

// TestAClerkReadsAdviceInTheirLanguage on the report's page, among the rows, and in the downloads. The message stays in English
// there, too.
func TestAClerkReadsAdviceInTheirLanguage(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	bad := massFile(massRow(210, "w1", 500), strings.Replace(massRow(210, "w2", 900), ";90000;", ";900,00;", 1), strings.Replace(massRow(210, "w3", 900), "c-1;192.0.2.1", "c-1;x", 1))
	bad = strings.ReplaceAll(strings.Replace(bad, "\n", ";Note\n", 1), "192.0.2.1\n", "192.0.2.1;\n")
	bad = strings.Replace(bad, ";x\n", ";x;\n", 1)
	for lang, want := range map[string]struct{ amount, address, column, wrong string }{
		"en": {"The amount has a decimal mark.", "customer.ip_address must be an IPv4 or IPv6 address", "The column Note is not read", "Incorrect customer.ip_address"},
		"ru": {"В сумме есть десятичный знак. Суммы", "customer.ip_address: нужен адрес IPv4 или IPv6", "Столбец Note не читается", "Неверное значение: customer.ip_address"},
		"ky": {"Суммада ондук белги бар. Суммалар", "customer.ip_address: IPv4 же IPv6 дареги керек", "Note мамычасы окулбайт", "Туура эмес маани: customer.ip_address"},
	} {
		clerk := s.signedInAs(&staff.User{
			MerchantID: 1, Email: lang + "@example.kg", Name: "Clerk", Roles: []staff.Role{staff.Operations}, AllProjects: true, Language: lang,
		})
		path := clerk.takes("210", lang+".csv", bad)
		page := clerk.get(path).wants(http.StatusOK)
		page.says("Incorrect Amount (line# 3)", "Incorrect customer.ip_address (line# 4)", want.amount, want.address, want.column)
		if strings.Contains(page.Body, `<span lang="en">The`) {
			t.Errorf("%s: an advice is English", lang)
		}
		clerk.get(path+"/faults").wants(http.StatusOK).says(`"Incorrect Amount (line# 3)";"`+want.amount, `"`+want.address)
		clerk.get(path + "/rows").wants(http.StatusOK).says(want.wrong)
		clerk.get(path+"/result").wants(http.StatusOK).says(`"Incorrect Amount (line# 3)"`, want.wrong, `"with faults"`)
	}
}
