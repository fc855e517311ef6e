package accept

import (
	"slices"
	"time"

	"flashpay/internal/account"
	"flashpay/internal/merchant"
	"flashpay/internal/method"
	"flashpay/internal/rule"
	"flashpay/internal/store"
)

func threshold(p *merchant.Project, m *method.Method) time.Duration {
	if p.Settings.Threshold > 0 {
		return time.Duration(p.Settings.Threshold)
	}
	return m.Threshold
}

// item is what the consistency check will judge. Limits are those of the currency that is paid; where the method lacks
// the request's and the project may not convert they are zero, and the check refuses the currency first.
func item(p *merchant.Project, m *method.Method, n *store.NewPayout) rule.Item {
	i := rule.Item{
		Method: m.Path, Amount: n.Amount, Currency: n.Currency, BestBefore: n.Options.BestBefore,
		Currencies: make([]string, len(m.Currencies)),
	}
	for k := range m.Currencies {
		i.Currencies[k] = m.Currencies[k].Code
	}
	paid := paidCurrency(p, m, n.Currency)
	if paid != n.Currency {
		i.Target = paid
	}
	if c, ok := m.Currency(paid); ok {
		i.MinAmount, i.MaxAmount, i.Step = c.Min, c.Max, c.Step
	}
	return i
}

// paidCurrency is the currency in which a request is paid: its own, unless the project's method does not pay in it and the
// project may convert. Then it is the method's main one, of those that the project has.
func paidCurrency(p *merchant.Project, m *method.Method, currency string) string {
	settings := p.Settings.Methods[m.Path]
	if _, ok := m.Currency(currency); ok && (len(settings.Currencies) == 0 || slices.Contains(settings.Currencies, currency)) || !p.Settings.Conversion.On {
		return currency
	}
	for _, c := range m.Currencies {
		if len(settings.Currencies) == 0 || slices.Contains(settings.Currencies, c.Code) {
			return c.Code
		}
	}
	return currency
}

// AccountPolicy is the account doctor's policy for a payout: the project's own, else off in a test project and the
// method's in a live one (product.md §12.1). Methods of other countries have accounts that the doctor cannot read.
func AccountPolicy(p *merchant.Project, m *method.Method) account.Policy {
	switch {
	case m.Country != account.Country:
		return account.Off
	case p.Settings.AccountCheck != "":
		return p.Settings.AccountCheck
	case p.Mode == merchant.Test:
		return account.Off
	default:
		return m.AccountCheck
	}
}

func (s *Service) checkAccount(p *merchant.Project, m *method.Method, n *store.NewPayout) {
	policy := AccountPolicy(p, m)
	if policy != account.Warn && policy != account.Strict {
		return
	}
	finding := account.Check(n.Account, s.Banks)
	if finding.OK() {
		return
	}
	n.Options.AccountRemark = finding.Message
	n.Check.BadAccount = policy == account.Strict
}

// FitsLimits tells whether a method takes the currency and the sum under a project's settings for it. An empty
// currency stands for any, an amount of 0 for none in particular.
func FitsLimits(settings merchant.MethodSettings, m *method.Method, currency string, amount int64) bool {
	if currency == "" {
		return true
	}
	c, ok := m.Currency(currency)
	if !ok || len(settings.Currencies) > 0 && !slices.Contains(settings.Currencies, currency) {
		return false
	}
	least, most := settings.Limits(currency, c.Min, c.Max)
	return amount == 0 || least <= amount && amount <= most && amount%max(c.Step, 1) == 0
}
