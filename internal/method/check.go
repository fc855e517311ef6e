package method

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"

	"flashpay/internal/account"
	"flashpay/internal/money"
)

// bankMaxAmount is the largest limit that the bank list answer can show (protocol.md §2.5).
const bankMaxAmount = 1_000_000_000

// servedGroup is the group whose endpoint Gate serves; methods of other groups may be written down, not enabled.
const servedGroup = "bank-transfer"

var (
	pathForm    = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*/[a-z0-9]+(-[a-z0-9]+)*$`)
	countryForm = regexp.MustCompile(`^[A-Z]{2}$`)
)

// checker gathers the faults of one file.
type checker struct {
	known  func(path string) bool
	faults []fault
}

// fault is one thing wrong in a file: where, as a YAML path, and what to do about it.
type fault struct{ at, text string }

func (c *checker) add(at, format string, args ...any) {
	c.faults = append(c.faults, fault{at, fmt.Sprintf(format, args...)})
}

// errorOf renders all faults, each with its line.
func (c *checker) errorOf(name string, body ast.Node) error {
	var all []error
	for _, f := range c.faults {
		if line := lineOf(body, f.at); line > 0 {
			all = append(all, fmt.Errorf("method file %s, line %d: %s", name, line, f.text))
		} else {
			all = append(all, fmt.Errorf("method file %s: %s", name, f.text))
		}
	}
	return errors.Join(all...)
}

// lineOf finds the line of a YAML path; 0 where the file does not have it, as with a key that is missing.
func lineOf(body ast.Node, at string) int {
	p, err := yaml.PathString(at)
	if err != nil {
		return 0
	}
	node, err := p.FilterNode(body)
	if err != nil || node == nil || node.GetToken() == nil {
		return 0
	}
	return node.GetToken().Position.Line
}

func (c *checker) checkFile(s *fileShape) {
	if !pathForm.MatchString(s.Path) {
		c.add("$.path", "path %q: want group/name in small letters, such as bank-transfer/kyrgyzstan", s.Path)
	}
	if strings.TrimSpace(s.Title) == "" {
		c.add("$.title", "title is missing: it is payment.method of callbacks, such as Bank transfer Kyrgyzstan")
	}
	switch group, _, _ := strings.Cut(s.Path, "/"); {
	case s.Enabled == nil:
		c.add("$", "enabled is missing: say true or false")
	case *s.Enabled && group != servedGroup:
		c.add("$.enabled", "a method of group %q cannot be enabled: Gate serves %s/… only", group, servedGroup)
	}
	if s.Country != "" && !countryForm.MatchString(s.Country) {
		c.add("$.country", "country %q: want two capitals of ISO 3166-1, such as KG, or leave it out", s.Country)
	}
	if s.Threshold <= 0 {
		c.add("$.threshold", "threshold %s: want a time such as 24h", s.Threshold)
	}
	if s.BaseTime < 0 || s.BaseTime > s.Threshold {
		c.add("$.base_time", "base_time %s: want a time up to the threshold, or leave it out", s.BaseTime)
	}
	c.checkPolicy(s)
	c.checkCurrencies(s.Currencies)
	c.checkRules(s)
	c.checkBanks(s)
}

func (c *checker) checkPolicy(s *fileShape) {
	if !s.AccountCheck.Valid() {
		c.add("$.account_check", "account_check %q: want off, warn or strict", s.AccountCheck)
		return
	}
	if s.AccountCheck != account.Off && s.Country != account.Country {
		c.add("$.account_check", "account_check %s: the account doctor knows accounts of country %s only, write off",
			s.AccountCheck, account.Country)
	}
}

func (c *checker) checkCurrencies(list []currencyShape) {
	if len(list) == 0 {
		c.add("$.currencies", "currencies are missing: list at least one, the main currency first")
	}
	seen := make(map[string]bool)
	for i, cur := range list {
		at := fmt.Sprintf("$.currencies[%d]", i)
		c.checkCurrencyCode(at+".code", cur.Code)
		if seen[cur.Code] {
			c.add(at+".code", "currency %s stands twice: keep one", cur.Code)
		}
		seen[cur.Code] = true
		low, high, step := cur.Min.or(gateMinAmount), cur.Max.or(gateMaxAmount), cur.Step.or(1)
		switch {
		case low < gateMinAmount:
			c.add(at+".min", "min %d: want at least %d, in minor units", low, gateMinAmount)
		case high > gateMaxAmount:
			c.add(at+".max", "max %d: Gate takes at most %d, in minor units", high, gateMaxAmount)
		case low > high:
			c.add(at+".max", "max %d is below min %d", high, low)
		case step < 1:
			c.add(at+".step", "step %d: want at least 1, in minor units", step)
		case high/step*step < low:
			c.add(at+".step", "step %d: no multiple of it lies between min %d and max %d", step, low, high)
		}
	}
}

func (c *checker) checkCurrencyCode(at, code string) {
	if !money.Valid(code) {
		c.add(at, "currency %q: want an alpha-3 code of ISO 4217 in capitals, such as KGS", code)
	}
}

func (c *checker) checkRules(s *fileShape) {
	for i, r := range s.Rules {
		at := fmt.Sprintf("$.rules[%d]", i)
		switch {
		case r.Path == "":
			c.add(at, "path is missing: name a field of the request, such as account.number")
		case c.known != nil && !c.known(r.Path):
			c.add(at+".path", "field %q is not in the field table of Gate: correct its spelling", r.Path)
		}
		if r.MaxLength.or(1) < 1 {
			c.add(at+".max_length", "max_length %d: want at least 1, or leave it out", *r.MaxLength)
		}
		if _, err := regexp.Compile(anchored(r.Pattern)); err != nil {
			c.add(at+".pattern", "pattern %q: %v", r.Pattern, err)
		}
		if slices.Contains(r.Values, "") {
			c.add(at+".values", "values hold an empty one: leave it out, and required false where the field may be empty")
		}
		if !r.Required && r.MaxLength == nil && r.Pattern == "" && len(r.Values) == 0 {
			c.add(at+".path", "the rule for %s asks nothing: say required, pattern, values or max_length", r.Path)
		}
		c.checkRuleCurrencies(at, r, s.Currencies)
	}
}

func (c *checker) checkRuleCurrencies(at string, r ruleShape, list []currencyShape) {
	for k, code := range r.Currencies {
		if !slices.ContainsFunc(list, func(cur currencyShape) bool { return cur.Code == code }) {
			c.add(fmt.Sprintf("%s.currencies[%d]", at, k), "currency %q is not one of this method's currencies", code)
		}
	}
}

func (c *checker) checkBanks(s *fileShape) {
	if s.Banks == nil {
		return
	}
	if len(*s.Banks) == 0 && s.Enabled != nil && *s.Enabled {
		c.add("$.banks", "banks are empty: an enabled method lists its banks, or has no key banks")
	}
	seen := make(map[integer]bool)
	for i, b := range *s.Banks {
		at := fmt.Sprintf("$.banks[%d]", i)
		if b.ID < 1 {
			c.add(at, "bank id %d: want at least 1, as account.bank_id has it", b.ID)
		}
		if seen[b.ID] {
			c.add(at+".id", "bank id %d stands twice: keep one", b.ID)
		}
		seen[b.ID] = true
		if b.Name == "" {
			c.add(at, "bank %d has no name", b.ID)
		}
		if low, high := int64(b.Min), b.Max.or(bankMaxAmount); low < 0 || high > bankMaxAmount || low > high {
			c.add(at, "bank %d: limits %d to %d: want 0 to %d, in minor units, min not above max", b.ID, low, high, bankMaxAmount)
		}
		c.checkCurrencyCode(at+".limit_currency", b.LimitCurrency)
		if len(b.Currencies) == 0 {
			c.add(at, "bank %d has no currencies: list what it takes", b.ID)
		}
		for k, code := range b.Currencies {
			c.checkCurrencyCode(fmt.Sprintf("%s.currencies[%d]", at, k), code)
		}
	}
}
