package store

import (
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"flashpay/internal/payout"
	"flashpay/signature"
)

// maxNameWords is how many words of a name are found one by one.
const maxNameWords = 8

// payee is what a request says of whom it pays.
type payee struct {
	account string
	shown   string     // the name, as lists show it
	names   [][]string // each spelling of the name in words, as they are compared
}

// payeeOf reads a stored request. The holder's name is of the account; where a request has none, the customer's is shown.
func payeeOf(request []byte) (payee, error) {
	tree, err := signature.Parse(request)
	if err != nil {
		return payee{}, err
	}
	text := func(path ...string) string {
		if node := tree.Get(path...); node != nil && node.Kind == signature.String {
			return strings.TrimSpace(node.Text)
		}
		return ""
	}
	p := payee{account: text("account", "number"), shown: text("account", "customer_name")}
	var customer []string
	for _, member := range []string{"last_name", "first_name", "middle_name"} {
		if part := text("customer", member); part != "" {
			customer = append(customer, part)
		}
	}
	for _, name := range []string{p.shown, strings.Join(customer, " ")} {
		if words := nameWords(name); len(words) > 0 {
			p.names = append(p.names, words)
		}
	}
	if p.shown == "" {
		p.shown = strings.Join(customer, " ")
	}
	return p, nil
}

// has tells whether a name has all of these words, which are folded.
func (p *payee) has(words []string) bool {
	return len(words) > 0 && slices.ContainsFunc(p.names, func(name []string) bool {
		return !slices.ContainsFunc(words, func(w string) bool { return !slices.Contains(name, w) })
	})
}

// foldLetters makes letters equal that are often typed as their neighbours: Ё everywhere, the Kyrgyz ones on a Russian keyboard.
var foldLetters = strings.NewReplacer("ё", "е", "ө", "о", "ү", "у", "ң", "н")

// nameWords are the words of a name as they are compared: without case, in any spelling of the same letters.
func nameWords(name string) []string {
	folded := foldLetters.Replace(norm.NFKC.String(payout.Fold(norm.NFKC.String(name))))
	words := strings.FieldsFunc(folded, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) })
	return words[:min(len(words), maxNameWords)]
}

// wholeName is the words of a name in one order, whatever their own was.
func wholeName(words []string) string {
	sorted := slices.Clone(words)
	slices.Sort(sorted)
	return strings.Join(sorted, " ")
}

// nameKeys are the texts under which names are found: each word, and each name as a whole.
func (p *payee) nameKeys() (texts []string) {
	for _, words := range p.names {
		texts = append(texts, words...)
		texts = append(texts, wholeName(words))
	}
	slices.Sort(texts)
	return slices.Compact(texts)
}
