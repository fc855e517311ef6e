package dashboard

import (
	"fmt"
	"html"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"flashpay/internal/payout"
	"flashpay/internal/staff"
)

var (
	// untold is what a page does not say in words of its own: scripts, code and bodies that programs exchange, the columns of
	// files that hold nothing, and the wire's spelling where it stands beside its word.
	untold = regexp.MustCompile(`(?s)<(head|svg|script|code|pre|kbd)[ >].*?</(?:head|svg|script|code|pre|kbd)>|<details class="report-absent">.*?</details>`)
	blocks = regexp.MustCompile(`(?i)</?(td|th|dd|dt|li|p|div|h[1-4]|tr|option|label|summary|legend|section|ul|ol|dl|form|button|a|br|main|table)\b[^>]*>`)
	tags   = regexp.MustCompile(`<[^>]*>`)

	cyrillic = regexp.MustCompile(`\p{Cyrillic}`)
	// wireSpelling is what statuses, kinds, names of members and acts look like.
	wireSpelling = regexp.MustCompile(`^[a-z][a-z_]*([ -][a-z_]+)*:?$`)
	// wireObject is what acts are about.
	wireObject = regexp.MustCompile(`^(user|project|merchant|report|rates|approval|batch) [a-z0-9]+$`)
	codeInText = regexp.MustCompile(`^(\d{1,5}) (.+)$`)
)

// givenNames are spelled like the wire's words, and are names that somebody has given.
var givenNames = map[string]bool{
	"test": true, "sample": true, "sample-bank": true, "case-settled": true, "case-waiting": true, "operation_type": true,
}

// wireWords are the pieces of a page that are the wire's, with no translated word beside them.
func wireWords(page string) (out []string) {
	for _, piece := range blocks.Split(untold.ReplaceAllString(page, "<br>"), -1) {
		text := strings.TrimSpace(spacePattern.ReplaceAllString(html.UnescapeString(tags.ReplaceAllString(piece, " ")), " "))
		if text == "" || cyrillic.MatchString(text) || givenNames[text] {
			continue
		}
		said := codeInText.FindStringSubmatch(text)
		switch {
		case wireSpelling.MatchString(text), wireObject.MatchString(text), strings.HasPrefix(text, "Bank transfer"):
			out = append(out, text)
		case said != nil && said[2] == payout.Message(atoi(said[1])):
			out = append(out, text)
		case strings.HasPrefix(text, "answered "), strings.Contains(text, "is not known"), strings.Contains(text, "no answer within"):
			out = append(out, text)
		}
	}
	return out
}

func atoi(text string) (n int) {
	_, _ = fmt.Sscan(text, &n)
	return n
}

// Every page, as each role: what the wire spells in English has its word beside it, or instead of it.
func TestNoWireWordStandsAlone(t *testing.T) {
	t.Parallel()
	g := fullGallery(t)
	walk := func(lang string, role staff.Role, page shown) {
		b := g.stranger()
		b.cookies[g.sessionCookie()], b.cookies[languageCookie] = g.session(role, lang), lang
		a := b.get(g.pathOf(t, page))
		if a.Status != http.StatusOK {
			return
		}
		for _, text := range wireWords(a.Body) {
			t.Errorf("%s in %s, as %s: %q stands alone", page.name, lang, role, text)
		}
	}
	for _, page := range everyPage {
		if page.empty || page.act != nil || page.as == "" {
			continue
		}
		for _, role := range staff.Roles {
			walk("ru", role, page)
		}
		walk("ky", page.as, page)
	}
}

// The walk above finds a word that is not translated, wherever on a page it stands.
func TestAWireWordIsFound(t *testing.T) {
	t.Parallel()
	for _, page := range []string{
		`<dl><dt class="mono">outcome</dt></dl>`, `<td>awaiting retry</td>`, `<li><strong>board make</strong><br>Айбек</li>`, `<p><strong>20102</strong> Incorrect account data entered</p>`,
		`<option value="x">Bank transfer SEPA</option>`, `<td><a href="/">user 13</a></td>`, `<td><span>answered 500: only 200 acknowledges</span></td>`, `<dd><span class="mono" lang="en">late success</span></dd>`,
	} {
		if len(wireWords(page)) != 1 {
			t.Errorf("not found in %s", page)
		}
	}
	for _, page := range []string{
		`<dt>результат <span class="soft mono">outcome</span></dt>`, `<p>20102 Неверные данные счёта <small>Incorrect account data entered</small></p>`, `<code>late success</code>`, `<td>salary-2026-10-001</td>`,
	} {
		if found := wireWords(page); len(found) != 0 {
			t.Errorf("found %q in %s", found, page)
		}
	}
}

// sourceOf is the code of the packages that write the log, the journal and the audit log.
func sourceOf(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	for _, dir := range []string{"../access", "../massbatch", "../process", "../ratefeed", "../report", "../resend", "../store", "../provider/sandbox", "../payout", "."} {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			text, err := os.ReadFile(path)
			all.Write(text)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return all.String()
}

// What the program writes has its word in each language: acts, members of details, the codes that the platform and its banks
// give, and payment methods.
func TestWhatProgramsWriteHasWords(t *testing.T) {
	t.Parallel()
	w, err := loadWords("ru") // the other languages have the same ids
	if err != nil {
		t.Fatal(err)
	}
	source := sourceOf(t)
	for _, c := range []struct {
		prefix, pattern string
		least           int
	}{
		{"act.", `\.Audit\(ctx, (?:"[^"\n]*"|[^,"\n]+), "([a-z][a-z -]*[a-z])",`, 40},
		{"act.", `(?:LogDownload\([^,\n]*, [^,\n]*, |v\.download\()"([a-z ]+)"`, 5},
		{"act_detail.", `\.(?:Text|Int|Change|JSON)\("([a-z_]+)"`, 50},
		{"code.", `\n\tCode[A-Z]\w* += (\d+)`, 30},
		{"code.", `"[A-Z]{2}\d\d": +(\d{5}),`, 4},
	} {
		found := regexp.MustCompile(c.pattern).FindAllStringSubmatch(source, -1)
		if len(found) < c.least {
			t.Errorf("%s finds %d, want %d at least", c.pattern, len(found), c.least)
		}
		for _, m := range found {
			name := m[1]
			switch {
			case name == "before", name == "after": // a change is shown as one
				continue
			case strings.Contains(c.pattern, "ownload"):
				name = "download " + name
			}
			if w.named(c.prefix, name).Word == "" {
				t.Errorf("there is no word for %s%s", c.prefix, name)
			}
		}
	}
	for _, m := range newSite(t).Methods.All() {
		if w.method(m.Path).Word == "" {
			t.Errorf("the method %s has no word", m.Path)
		}
	}
}
