package dashboard

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nicksnyder/go-i18n/v2/i18n"
)

// forms are the plural forms that whole numbers take in each language, by the CLDR.
var forms = map[string][]string{"en": {"one", "other"}, "ru": {"one", "few", "many", "other"}, "ky": {"one", "other"}}

func messagesOf(t *testing.T, lang string) map[string]*i18n.Message {
	t.Helper()
	files, err := fs.Glob(wordFiles, "words/*."+lang+".yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no words for %s: %v", lang, err)
	}
	all := make(map[string]*i18n.Message)
	for _, file := range files {
		messages, err := readWords(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range messages {
			all[m.ID] = m
		}
	}
	return all
}

func textsOf(m *i18n.Message) map[string]string {
	texts := map[string]string{"one": m.One, "few": m.Few, "many": m.Many, "other": m.Other}
	maps.DeleteFunc(texts, func(_, text string) bool { return text == "" })
	return texts
}

var valuePattern = regexp.MustCompile(`\{\{\.(\w+)\}\}`)

func valuesOf(m *i18n.Message) []string {
	var names []string
	for _, text := range textsOf(m) {
		for _, found := range valuePattern.FindAllStringSubmatch(text, -1) {
			if !slices.Contains(names, found[1]) {
				names = append(names, found[1])
			}
		}
	}
	slices.Sort(names)
	return names
}

func TestEveryLanguageSaysEverything(t *testing.T) {
	t.Parallel()
	base := messagesOf(t, "en")
	for _, lang := range languages {
		other := messagesOf(t, lang)
		for id, m := range base {
			o := other[id]
			if o == nil {
				t.Errorf("%s: %s is missing", lang, id)
				continue
			}
			if want, got := valuesOf(m), valuesOf(o); !slices.Equal(want, got) {
				t.Errorf("%s: %s has the values %v, English has %v", lang, id, got, want)
			}
			texts := textsOf(o)
			if len(texts) == 1 && o.Other != "" && len(textsOf(m)) == 1 {
				continue // no plural
			}
			for _, form := range forms[lang] {
				if texts[form] == "" {
					t.Errorf("%s: %s lacks the form %s", lang, id, form)
				}
			}
			if len(texts) != len(forms[lang]) {
				t.Errorf("%s: %s has other forms than %v", lang, id, forms[lang])
			}
		}
		for id := range other {
			if base[id] == nil {
				t.Errorf("%s: %s does not exist in English", lang, id)
			}
		}
	}
}

var literalPattern = regexp.MustCompile("\"([a-z_0-9]+(?:\\.[a-z_0-9]+)*\\.?)\"")

// Every word that pages and code name exists, and every word that exists is named. A literal that ends in a dot is the
// beginning of ids that are put together.
func TestWordsAreThoseThatAreUsed(t *testing.T) {
	t.Parallel()
	words := messagesOf(t, "en")
	sections := make(map[string]bool)
	for id := range words {
		section, _, _ := strings.Cut(id, ".")
		sections[section] = true
	}
	used, begun := make(map[string]bool), make(map[string]bool)
	for _, pattern := range []string{"*.go", "pages/*.html", "../merchant/*.go", "../staff/*.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range literalPattern.FindAllStringSubmatch(string(text), -1) {
				id := m[1]
				section, rest, dotted := strings.Cut(id, ".")
				switch {
				case !dotted || !sections[section]:
				case rest == "" || strings.HasSuffix(id, "."):
					begun[id] = true
				default:
					used[id] = true
					if words[id] == nil && strings.HasPrefix(file, "pages/") && strings.Contains(string(text), `t "`+id+`"`) {
						t.Errorf("%s: there is no word %s", file, id)
					}
					if words[id] == nil && regexp.MustCompile(`(\.t|say|redirect|ID:)[^\n]{0,80}"`+regexp.QuoteMeta(id)+`"`).Match(text) {
						t.Errorf("%s: there is no word %s", file, id)
					}
				}
			}
		}
	}
	for id := range words {
		if used[id] {
			continue
		}
		if !slices.ContainsFunc(slices.Collect(maps.Keys(begun)), func(prefix string) bool { return strings.HasPrefix(id, prefix) }) {
			t.Errorf("nobody uses the word %s", id)
		}
	}
}

// One thing has one word. These are words that stood for a thing beside its own, or that are read as something else; what
// the guide lists for a native reader is not held here.
var strays = map[string]*regexp.Regexp{
	"ru": regexp.MustCompile(`(?i)колбэк|порог|удержано|в рабочем|рабочий режим|согласован|платёжн\S+ метод|этот метод|этим методом|спорн|журнал аудита`),
	"ky": regexp.MustCompile(`(?i)колбэк|кармалган|кармалды|үлгү банк|чектик мөөнөт|(^| )чек(ке)? |суроолор|Ырастоону күт|талаштуу|жокмун|дал келбөө|иштелүүдө|билдирүүлөр|камдалган|\}\} (баштап|чейин|ашса)`),
}

func TestWordsAreOneForOneThing(t *testing.T) {
	t.Parallel()
	for lang, stray := range strays {
		for id, m := range messagesOf(t, lang) {
			for _, text := range textsOf(m) {
				if found := stray.FindString(text); found != "" {
					t.Errorf("%s: %s says %q: %s", lang, id, found, text)
				}
			}
		}
	}
}

func TestWordsByLanguage(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ lang, sum, negative, yen, number, days string }{
		{"en", "1,234,567.80\u00a0KGS", "−5.00\u00a0KGS", "1,500\u00a0JPY", "10,000", "21 days"},
		{"ru", "1\u00a0234\u00a0567,80\u00a0KGS", "−5,00\u00a0KGS", "1\u00a0500\u00a0JPY", "10\u00a0000", "21 день"},
		{"ky", "1\u00a0234\u00a0567,80\u00a0KGS", "−5,00\u00a0KGS", "1\u00a0500\u00a0JPY", "10\u00a0000", "21 күн"},
	} {
		w, err := loadWords(c.lang)
		if err != nil {
			t.Fatal(err)
		}
		for _, got := range []struct{ got, want string }{
			{w.sum(123456780, "KGS"), c.sum},
			{w.sum(-500, "KGS"), c.negative},
			{w.sum(1500, "JPY"), c.yen},
			{w.number(10000), c.number},
			{w.span(21 * 24 * time.Hour), c.days},
		} {
			if got.got != got.want {
				t.Errorf("%s: %q, want %q", c.lang, got.got, got.want)
			}
		}
	}
}

// Whoever reads «continue» sends nothing by it, and what sends says so.
func TestContinueNeverReadsLikeSend(t *testing.T) {
	t.Parallel()
	sends := []string{"kept.go_on", "access.confirm_go_on", "manual.send", "manual.ask", "manual.approve", "mass.send", "mass.ask", "mass.approve", "mass.resume"}
	leads := []string{"access.go_on", "access.recovery_kept", "manual.continue", "mass.check", "kept.beside", "kept.afresh"}
	stems := map[string]struct{ on, send []string }{
		"en": {[]string{"continue", "go on"}, []string{"send", "pay", "carry out", "approv"}},
		"ru": {[]string{"продолж", "далее"}, []string{"отправ", "выпла", "выполн", "одобр"}},
		"ky": {[]string{"улант", "ары карай"}, []string{"жөнөт", "төлө", "аткар", "бекит"}},
	}
	for lang, stem := range stems {
		w, err := loadWords(lang)
		if err != nil {
			t.Fatal(err)
		}
		said := func(id string) string {
			return strings.ToLower(w.say(id, "sum", "1", "count", 2))
		}
		has := func(text string, stems []string) bool {
			return slices.ContainsFunc(stems, func(s string) bool { return strings.Contains(text, s) })
		}
		for _, id := range sends {
			if text := said(id); has(text, stem.on) || !has(text, stem.send) {
				t.Errorf("%s: %s acts, and reads %q", lang, id, text)
			}
		}
		for _, id := range leads {
			if text := said(id); has(text, stem.send) {
				t.Errorf("%s: %s only leads on, and reads %q", lang, id, text)
			}
		}
	}
}
