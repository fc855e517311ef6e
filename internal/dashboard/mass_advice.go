package dashboard

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// What the check of a file advises, and why an attempt of a callback failed, is English, on the command line, over HTTP and in what is kept. On pages and in downloads it
// is said in the reader's language: its sentences are those of words/advice.en.yaml, by which the other languages' are found.

// advicePiece is a sentence, or some that belong together.
type advicePiece struct {
	name    string // of its words, behind «advice.»
	length  int
	literal string // the longest part between its values: quicker looked for than the pattern
	pattern *regexp.Regexp
	values  []string
}

// advicePieces are the longest first: a piece that another one begins with comes behind it.
var advicePieces = sync.OnceValues(func() ([]advicePiece, error) {
	messages, err := readWords("words/advice.en.yaml")
	if err != nil {
		return nil, err
	}
	value := regexp.MustCompile(`\{\{\.(\w+)\}\}`)
	pieces := make([]advicePiece, 0, len(messages))
	for _, m := range messages {
		p := advicePiece{length: len(m.Other), name: strings.TrimPrefix(m.ID, "advice.")}
		pattern, at := "(?s)^", 0
		literal := func(text string) {
			if len(text) > len(p.literal) {
				p.literal = text
			}
			pattern += regexp.QuoteMeta(text)
		}
		for _, found := range value.FindAllStringSubmatchIndex(m.Other, -1) {
			literal(m.Other[at:found[0]])
			p.values = append(p.values, m.Other[found[2]:found[3]])
			pattern, at = pattern+"(.+?)", found[1]
		}
		literal(m.Other[at:])
		end := `(?:\s+|$)`
		if at == len(m.Other) { // the value is the rest of the text
			end = `$`
		}
		if p.pattern, err = regexp.Compile(pattern + end); err != nil {
			return nil, err
		}
		pieces = append(pieces, p)
	}
	slices.SortFunc(pieces, func(a, b advicePiece) int {
		return cmp.Or(cmp.Compare(b.length, a.length), cmp.Compare(a.name, b.name))
	})
	return pieces, nil
})

// advise says an advice of the check in another language; ok is false where it has a sentence that is not known.
func (w *words) advise(text string) (said string, ok bool) {
	pieces, err := advicePieces()
	if err != nil || text == "" {
		return text, false
	}
	var out []string
	for rest := text; rest != ""; {
		sentence, after := w.adviseFirst(pieces, rest)
		if sentence == "" {
			return text, false
		}
		out, rest = append(out, sentence), rest[after:]
	}
	return strings.Join(out, " "), true
}

// adviseFirst says the piece that a text begins with, and where it ends; empty: none is known.
func (w *words) adviseFirst(pieces []advicePiece, text string) (said string, end int) {
	for i := range pieces {
		p := &pieces[i]
		if !strings.Contains(text, p.literal) {
			continue
		}
		found := p.pattern.FindStringSubmatchIndex(text)
		if found == nil {
			continue
		}
		args := make([]any, 0, 2*len(p.values))
		for i, name := range p.values {
			value := text[found[2*i+2]:found[2*i+3]]
			if said, ok := w.advise(value); ok { // such as what a character is called
				value = said
			}
			if id := "status." + value; name == "status" && w.has(id) {
				value = w.say(id)
			}
			args = append(args, name, value)
		}
		return w.say("advice."+p.name, args...), found[1]
	}
	return "", 0
}

// advice says an advice of the check as the visitor reads it, for files.
func (v *visit) advice(text string) string {
	if v.lang == "en" {
		return text
	}
	said, _ := v.d.pages[v.lang].words.advise(text)
	return said
}

// advised is an advice for pages.
type advised struct {
	Text    string
	English bool // it is not known in the visitor's language
}

func (w *words) advised(text string) advised {
	if w.lang == "en" {
		return advised{Text: text}
	}
	said, ok := w.advise(text)
	return advised{said, !ok}
}
