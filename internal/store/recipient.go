package store

import (
	"slices"
	"strings"
	"sync"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"flashpay/internal/payout"
	"flashpay/internal/vault"
	"flashpay/signature"
)

// maxNameWords is how many words of a name are found one by one.
const maxNameWords = 8

// payee is what a request says of whom it pays.
type payee struct {
	account string
	shown   string // the name, as lists show it
	named   [2]string
}

// payeeOf reads a stored request.
func payeeOf(request []byte) (payee, error) {
	tree, err := signature.Parse(request)
	if err != nil {
		return payee{}, err
	}
	return payeeIn(tree), nil
}

// payeeIn reads a request. The holder's name is of the account; where a request has none, the customer's is shown.
func payeeIn(request *signature.Value) payee {
	account, customer := request.Get("account"), request.Get("customer")
	text := func(of *signature.Value, name string) string {
		if node := of.Get(name); node != nil && node.Kind == signature.String {
			return strings.TrimSpace(node.Text)
		}
		return ""
	}
	p := payee{account: text(account, "number"), shown: text(account, "customer_name")}
	whole := ""
	for _, member := range [...]string{"last_name", "first_name", "middle_name"} {
		switch part := text(customer, member); {
		case part == "":
		case whole == "":
			whole = part
		default:
			whole += " " + part
		}
	}
	p.named = [2]string{p.shown, whole}
	if p.shown == "" {
		p.shown = whole
	}
	return p
}

// names are the spellings of the name, in words as they are compared.
func (p *payee) names() (names [][]string) {
	for _, name := range p.named {
		if words := nameWords(name); len(words) > 0 {
			names = append(names, words)
		}
	}
	return names
}

// has tells whether a name has all of these words, which are folded.
func (p *payee) has(words []string) bool {
	return len(words) > 0 && slices.ContainsFunc(p.names(), func(name []string) bool {
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
	for _, words := range p.names() {
		texts = append(texts, words...)
		texts = append(texts, wholeName(words))
	}
	slices.Sort(texts)
	return slices.Compact(texts)
}

// knownNames remembers the keys of names: most payouts go to people who were paid before. It forgets all at once, where it has
// become too large.
type knownNames struct {
	mu   sync.Mutex
	keys map[[2]string][]int64 // by payee.named
}

const maxKnownNames = 4096 // some 2 MB

// keysOf are the keys under which the names of a payee are found. They may not be changed.
func (k *knownNames) keysOf(v *vault.Vault, p *payee) []int64 {
	if p.named == [2]string{} {
		return nil
	}
	k.mu.Lock()
	keys, ok := k.keys[p.named]
	k.mu.Unlock()
	if ok {
		return keys
	}
	for _, text := range p.nameKeys() {
		keys = append(keys, v.Index(lookupName, text))
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.keys == nil || len(k.keys) >= maxKnownNames {
		k.keys = make(map[[2]string][]int64)
	}
	k.keys[[2]string{strings.Clone(p.named[0]), strings.Clone(p.named[1])}] = keys
	return keys
}
