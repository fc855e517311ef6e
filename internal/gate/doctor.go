package gate

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"flashpay/internal/merchant"
	"flashpay/internal/payout"
	"flashpay/signature"
)

const (
	shownString  = 4 << 10  // bytes of the signing string that an answer shows
	doctorString = 32 << 10 // longer signing strings are not searched for mistakes
	doctorKeys   = 8        // keys that are tried

	doctorBurst = 100             // searches at once, by project
	doctorEvery = 5 * time.Second // and another one after this time
)

// advise says what to do about a signature that does not fit. In a test project it shows the signing string that the
// server built, and names the mistake where the signature that was sent fits a known one (product.md §12.2). In a live
// project it reveals nothing.
//
// A search for the mistake costs fifty times a verification, and whoever knows a test project's number can ask for it.
// So each project has a store of searches that fills up slowly; without one, the string is shown alone.
func (x *exchange) advise() *failure {
	return fail(http.StatusBadRequest, payout.CodeSignature, field(x, "signature"), x.signatureAdvice())
}

func (x *exchange) signatureAdvice() string {
	if x.project.Mode != merchant.Test {
		return "the signature does not fit this request under any live key of the project; check the key and the signing string " +
			"(a test project's answer shows the string)"
	}
	advice := "the signature does not fit this request under any live key of the project"
	if x.form.Len() <= doctorString {
		if _, ok := x.gate.searches.Allow(x.project.ID); ok {
			advice = x.searched(advice)
		} else {
			advice += "; its mistake was not searched for, because this project has sent many requests that do not verify"
		}
	}
	if !strings.HasPrefix(advice, fitsBut) {
		advice += "; if the string below is the one that you signed, your key is more likely another one than the body was changed on the way: " +
			"compare the key, character by character, with the project's"
	}
	shown := cut(string(x.form.Head(signature.Natural, shownString+1)), shownString)
	return advice + "; the server took the base64 of HMAC-SHA-512 under the project's key over this signing string: " + shown
}

// fitsBut begins the advice where the mistake is known.
const fitsBut = "it fits, but for one mistake: "

// searched is the advice with the mistake, where one is found.
func (x *exchange) searched(advice string) string {
	var other []OtherKey
	if x.gate.OtherKeys != nil {
		other = x.gate.OtherKeys(x.project)
	}
	sent := x.identity().Get("signature").Text
	if mistake := diagnose(x.tree, x.form, sent, x.project.Keys, other); mistake != "" {
		return fitsBut + mistake
	}
	return advice
}

// candidate is a text that somebody may have signed instead of the signing string.
type candidate struct {
	mistake string // empty: no mistake
	text    []byte
}

// digest is what a sent signature may stand for.
type digest struct {
	mistake string
	sum     []byte
}

// diagnose looks for one mistake that explains the signature: in how it is written, in what was signed, in the key,
// or in the algorithm. It returns words that name it, or nothing.
func diagnose(tree *signature.Value, form *signature.Form, sent string, live []merchant.Key, other []OtherKey) string {
	keys := make([]OtherKey, 0, len(live)+len(other))
	for _, k := range live[:min(len(live), doctorKeys)] {
		keys = append(keys, OtherKey{Secret: k.Secret})
	}
	for _, k := range other[:min(len(other), doctorKeys)] {
		keys = append(keys, OtherKey{Name: "it was made with " + k.Name, Secret: k.Secret})
	}
	digests := readDigests(sent)
	right := candidate{text: form.SigningString(signature.Natural)}
	for _, c := range slices.Concat([]candidate{right}, wrongStrings(tree, form), wrongLines(tree, form)) {
		for _, k := range keys {
			if m, ok := fits(digests, sha512.New, k.Secret, c.text); ok {
				return firstOf(m, c.mistake, k.Name, "a space or line feed was added to it")
			}
		}
	}
	for _, k := range keys[:min(len(live), doctorKeys)] {
		if m := wrongKey(digests, k.Secret, right.text); m != "" {
			return m
		}
		if m := wrongAlgorithm(digests, k.Secret, right.text); m != "" {
			return m
		}
	}
	return ""
}

func firstOf(words ...string) string {
	i := slices.IndexFunc(words, func(s string) bool { return s != "" })
	return words[i]
}

func fits(digests []digest, algorithm func() hash.Hash, key string, text []byte) (mistake string, ok bool) {
	mac := hmac.New(algorithm, []byte(key))
	mac.Write(text)
	sum := mac.Sum(nil)
	for _, d := range digests {
		if hmac.Equal(d.sum, sum) {
			return d.mistake, true
		}
	}
	return "", false
}

// readDigests reads a signature in all the ways in which clients are known to write one.
func readDigests(sent string) []digest {
	var all []digest
	sent = strings.TrimSpace(sent)
	add := func(mistake string, b []byte, err error) {
		if err == nil && len(b) > 0 {
			all = append(all, digest{mistake, b})
		}
	}
	plain, err := base64.StdEncoding.DecodeString(sent)
	add("", plain, err)
	if err == nil {
		inner, innerErr := hex.DecodeString(string(plain))
		add("the base64 is of the hexadecimal digits, not of the bytes; take the raw digest", inner, innerErr)
	}
	b, err := hex.DecodeString(sent)
	add("it is written in hexadecimal; write it in base64", b, err)
	b, err = base64.RawStdEncoding.DecodeString(sent)
	add("the padding == at its end is missing", b, err)
	b, err = base64.URLEncoding.DecodeString(sent)
	add("it is written in the base64 of URLs, with - and _; write it with + and /", b, err)
	b, err = base64.RawURLEncoding.DecodeString(sent)
	add("it is written in the base64 of URLs, with - and _ and without padding; write it with +, / and ==", b, err)
	return all
}

func wrongKey(digests []digest, key string, text []byte) string {
	tries := []struct{ mistake, key string }{
		{"the key ends in a line feed; cut it off", key + "\n"},
		{"the key ends in a line break; cut it off", key + "\r\n"},
		{"the key has a space at its end; cut it off", key + " "},
		{"the key is in quotation marks; take them off", `"` + key + `"`},
		{"the key is empty", ""},
	}
	if b, err := hex.DecodeString(key); err == nil {
		tries = append(tries, struct{ mistake, key string }{"the key was decoded from hexadecimal; take its text as it is", string(b)})
	}
	if b, err := base64.StdEncoding.DecodeString(key); err == nil {
		tries = append(tries, struct{ mistake, key string }{"the key was decoded from base64; take its text as it is", string(b)})
	}
	for _, t := range tries {
		if _, ok := fits(digests, sha512.New, t.key, text); ok {
			return t.mistake
		}
	}
	return ""
}

func wrongAlgorithm(digests []digest, key string, text []byte) string {
	for _, t := range []struct {
		name string
		hash func() hash.Hash
	}{{"HMAC-SHA-256", sha256.New}, {"HMAC-SHA-1", sha1.New}, {"HMAC-SHA-384", sha512.New384}} {
		if _, ok := fits(digests, t.hash, key, text); ok {
			return "it is an " + t.name + "; use HMAC-SHA-512"
		}
	}
	if _, ok := fits(digests, sha512.New, string(text), []byte(key)); ok {
		return "key and signing string are swapped in the HMAC"
	}
	for _, joined := range []string{string(text) + key, key + string(text), string(text)} {
		sum := sha512.Sum512([]byte(joined))
		for _, d := range digests {
			if bytes.Equal(d.sum, sum[:]) {
				return "it is a plain SHA-512; use HMAC-SHA-512 with the key as its key"
			}
		}
	}
	return ""
}

// wrongStrings are the texts that clients are known to sign instead of the signing string.
func wrongStrings(tree *signature.Value, form *signature.Form) []candidate {
	lines := form.Lines()
	all := []candidate{
		{"the lines were not sorted; sort them in natural order", join(lines, ";")},
		{"the lines were sorted without regard to case; sort them in natural order", join(sortedLines(lines, false), ";")},
		{"the lines were sorted backwards; sort them in natural order", join(sortedLines(lines, true), ";")},
		{"the signing string ends in a semicolon; semicolons stand between lines only", append(form.SigningString(signature.Natural), ';')},
	}
	for _, sep := range []string{"\n", "&", ",", "|", ""} {
		name := "the lines were joined by " + strconv.Quote(sep) + "; join them by semicolons"
		all = append(all, candidate{name, bytes.ReplaceAll(form.SigningString(signature.Natural), []byte(";"), []byte(sep))})
	}
	unsigned := change(tree, func(name string, v signature.Value) (string, signature.Value, bool) {
		return name, v, name != "signature"
	})
	all = append(all, candidate{"the JSON text of the body was signed; sign the signing string", unsigned.AppendJSON(nil)})
	for _, c := range changes {
		altered := change(tree, c.change)
		text := signature.Canonical(&altered).SigningString(signature.Natural)
		all = append(all, candidate{c.mistake, bytes.ReplaceAll(text, []byte(standIn), []byte("signature"))})
	}
	return all
}

func join(lines []signature.Line, separator string) []byte {
	var b bytes.Buffer
	for i, l := range lines {
		if i > 0 {
			b.WriteString(separator)
		}
		b.WriteString(l.Path + ":" + l.Value)
	}
	return b.Bytes()
}

func sortedLines(lines []signature.Line, backwards bool) []signature.Line {
	sorted := slices.Clone(lines)
	slices.SortStableFunc(sorted, func(a, b signature.Line) int {
		if backwards {
			return strings.Compare(b.Path, a.Path)
		}
		return strings.Compare(strings.ToLower(a.Path+":"+a.Value), strings.ToLower(b.Path+":"+b.Value))
	})
	return sorted
}

// standIn sorts where «signature» sorts, without being left out.
const standIn = "signature\x01"

// edit says what a mistaken client makes of one member: its name, its value, and whether it stays.
type edit func(name string, v signature.Value) (string, signature.Value, bool)

// changes are mistakes in making the lines.
var changes = []struct {
	mistake string
	change  edit
}{
	{"the member signature was left in the signing string, empty; leave the member out", func(name string, v signature.Value) (string, signature.Value, bool) {
		if name == "signature" {
			return standIn, signature.Str(""), true
		}
		return name, v, true
	}},
	{"true and false were written as words; write 1 and 0", func(name string, v signature.Value) (string, signature.Value, bool) {
		if v.Kind == signature.Bool {
			v = signature.Str(v.Text)
		}
		return name, v, true
	}},
	{"null was written as a word; write nothing after the colon", func(name string, v signature.Value) (string, signature.Value, bool) {
		if v.Kind == signature.Null {
			v = signature.Str("null")
		}
		return name, v, true
	}},
	{"members that are null were left out; keep them, with nothing after the colon", func(name string, v signature.Value) (string, signature.Value, bool) {
		return name, v, v.Kind != signature.Null
	}},
	{"members that are empty were left out; keep them, with nothing after the colon", func(name string, v signature.Value) (string, signature.Value, bool) {
		return name, v, v.Kind != signature.Null && (v.Kind != signature.String || v.Text != "")
	}},
	{`values were taken from re-encoded JSON: slashes are escaped as \/; sign the values themselves`, onStrings(escapeSlashes)},
	{`values were taken from re-encoded JSON: letters are escaped as \u…; sign the values themselves`, onStrings(escapeUnicode)},
	{`values were taken from re-encoded JSON: letters and slashes are escaped as \u… and \/; sign the values themselves`, onStrings(func(s string) string { return escapeUnicode(escapeSlashes(s)) })},
	{`values were taken from re-encoded JSON: <, > and & are escaped as \u00…; sign the values themselves`, onStrings(escapeHTML)},
	{"strings were trimmed before they were signed, but not before they were sent; send what you sign", onStrings(strings.TrimSpace)},
}

func onStrings(f func(string) string) edit {
	return func(name string, v signature.Value) (string, signature.Value, bool) {
		if v.Kind == signature.String && name != "signature" {
			v = signature.Str(f(v.Text))
		}
		return name, v, true
	}
}

func escapeSlashes(s string) string { return strings.ReplaceAll(s, "/", `\/`) }

// escapeUnicode writes every character beyond ASCII as \u and four digits, of surrogates both halves.
func escapeUnicode(s string) string {
	var b strings.Builder
	for _, unit := range utf16.Encode([]rune(s)) {
		if unit < utf8.RuneSelf {
			b.WriteByte(byte(unit))
			continue
		}
		fmt.Fprintf(&b, `\u%04x`, unit)
	}
	return b.String()
}

var escapeHTML = strings.NewReplacer("<", `\u003c`, ">", `\u003e`, "&", `\u0026`).Replace

// change copies a tree and edits every member on the way.
func change(v *signature.Value, e edit) signature.Value {
	out := *v
	out.Members, out.Items = nil, nil
	for i := range v.Members {
		name, value, keep := e(v.Members[i].Name, v.Members[i].Value)
		if keep {
			out.Members = append(out.Members, signature.Member{Name: name, Value: change(&value, e)})
		}
	}
	for i := range v.Items {
		_, value, keep := e("", v.Items[i])
		if keep {
			out.Items = append(out.Items, change(&value, e))
		}
	}
	return out
}
