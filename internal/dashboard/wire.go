package dashboard

import (
	"cmp"
	"html/template"
	"strconv"
	"strings"

	"flashpay/internal/payout"
)

// named is what programs write, with its word in the visitor's language. Pages show the word first and the wire's spelling beside
// it, by which people find it in files, in the API and in letters of others.
type named struct {
	Word, Wire string // the word is empty where there is none
}

// Beside tells whether the wire's spelling says more than the word.
func (n named) Beside() bool {
	return n.Word != "" && !strings.EqualFold(n.Word, strings.NewReplacer("_", " ", "-", " ").Replace(n.Wire))
}

// either is the word, or else the wire's spelling.
func (n named) either() string { return cmp.Or(n.Word, n.Wire) }

// wireWord is the end of the id of a word for something that programs write.
var wireWord = strings.NewReplacer(" ", "_", "-", "_")

// named finds the word of what programs write, among the ids that begin with prefix.
func (w *words) named(prefix, wire string) named {
	if id := prefix + wireWord.Replace(wire); w.has(id) {
		return named{w.say(id), wire}
	}
	return named{Wire: wire}
}

// wireStatus is a payment's or operation's status.
func (w *words) wireStatus(s payout.Status) named { return w.named("status.", string(s)) }

// member is the name of a member of a line's detail.
func (w *words) member(name string) named { return w.named("act_detail.", name) }

// value is what a member of a line's detail holds. Sums are written as people do.
func (w *words) value(name, text string) named {
	switch name {
	case "discrepancy", "kind":
		if n := w.named("payments.discrepancy.", text); n.Word != "" {
			return n
		}
	case "message":
		if said, ok := w.advise(text); ok && w.lang != "en" {
			return named{said, text}
		}
	case "method":
		if n := w.method(text); n.Word != "" {
			return n
		}
	case "code":
		if code, err := strconv.Atoi(text); err == nil && w.has("code."+text) {
			return named{w.code(code).Word, text}
		}
	}
	if n := w.named("act_value."+name+".", text); n.Word != "" {
		return n
	}
	return named{Wire: w.sums(text)}
}

// object is what an act was about, such as «project 210».
func (w *words) object(text string) named {
	noun, which, more := strings.Cut(text, " ")
	id := "object." + noun
	if !more || !w.has(id) {
		return named{Wire: text}
	}
	return named{w.say(id) + " " + which, text}
}

// code is a response code's meaning: the registry's text is the wire's.
func (w *words) code(code int) named {
	n := named{Wire: payout.Message(code)}
	if id := "code." + strconv.Itoa(code); w.has(id) {
		n.Word = w.say(id)
	}
	return n
}

// codeText is a response code and its meaning in one line; what is known in English only is said so.
func (w *words) codeText(code int) string {
	return strconv.Itoa(code) + " " + w.code(code).either()
}

// method is a payment method by its path, such as bank-transfer/kyrgyzstan. The word is empty where it has none.
func (w *words) method(path string) named {
	return w.named("method.", strings.ReplaceAll(path, "/", "."))
}

// methodTitle is a method's title; as the registry has it where the language has no word.
func (w *words) methodTitle(path, title string) string {
	if n := w.method(path); n.Word != "" {
		return n.Word
	}
	return title
}

// badgeOf is a word in a colour.
func badgeOf(colour, text, wire string) template.HTML {
	title := ""
	if !strings.EqualFold(text, wire) {
		title = ` title="` + template.HTMLEscapeString(wire) + `"`
	}
	return template.HTML(`<span class="badge badge-` + colour + `"` + title + `>` + template.HTMLEscapeString(text) + `</span>`)
}
