package merchant

import (
	"cmp"
	"net/netip"
	"time"

	"flashpay/internal/money"
)

// codec converts the values of a kind to their text form and back. parse reads what format writes as the same value, for every
// value that may be set.
type codec[T any] struct {
	kind   Kind
	format func(v T) string
	parse  func(f Field, text string) (T, *Fault) // checks the value, too; nil: values of the kind are shown only
}

// The codecs. Kinds of which an empty text means different things have one for each.
var (
	texts         = codec[string]{Text, asWritten[string], parseText}
	percentages   = codec[money.Decimal]{Text, formatPercent, parsePercent}
	currencyCodes = codec[string]{Text, asWritten[string], parseCurrency}
	addresses     = codec[string]{Address, formatAddress, parseAddress}
	periods       = codec[Duration]{Period, func(d Duration) string { return PeriodText(time.Duration(d)) }, parsePeriod}
	networkLists  = codec[[]netip.Prefix]{Networks, formatNetworks, parseNetworks}
	currencyLists = codec[[]string]{Currencies, formatCurrencies, parseCurrencies}
	sums          = codec[Sums]{Amounts, formatSums, parseSums}
	callbackRules = codec[[]CallbackRule]{Routes, formatRules, nil}

	// switches are off by default.
	switches = codec[bool]{Switch, formatSwitch, func(f Field, text string) (bool, *Fault) { return parseSwitch(f, cmp.Or(text, "off")) }}
	// enabledSwitches are on by default, and stored as the opposite: whether something is disabled.
	enabledSwitches = codec[bool]{
		Switch,
		func(disabled bool) string { return formatSwitch(!disabled) },
		func(f Field, text string) (bool, *Fault) {
			on, fault := parseSwitch(f, cmp.Or(text, "on"))
			return !on, fault
		},
	}
)

func choices[T ~string]() codec[T] { return codec[T]{Choice, asWritten[T], parseChoice[T]} }

func asWritten[T ~string](v T) string { return string(v) }

// access gets and sets a setting's value in its text form.
type access struct {
	kind Kind
	get  func(p *Project, path string) string
	set  func(p *Project, f Field, text string) *Fault
}

// ofProject is the access to a value that the project has one of.
func ofProject[T any](c codec[T], place func(p *Project) *T) access {
	return access{
		kind: c.kind,
		get:  func(p *Project, _ string) string { return c.format(*place(p)) },
		set:  func(p *Project, f Field, text string) *Fault { return c.into(place(p), f, text) },
	}
}

// ofMethod is the access to a value that each payout method has one of. Settings of a method that are all default leave no entry.
func ofMethod[T any](c codec[T], place func(m *MethodSettings) *T) access {
	get := func(p *Project, path string) string {
		m := p.Settings.Methods[path]
		return c.format(*place(&m))
	}
	set := func(p *Project, f Field, text string) *Fault {
		m := p.Settings.Methods[f.Path]
		if fault := c.into(place(&m), f, text); fault != nil {
			return fault
		}
		if p.Settings.Methods == nil {
			p.Settings.Methods = make(map[string]MethodSettings)
		}
		p.Settings.Methods[f.Path] = m
		if !m.Disabled && len(m.Currencies) == 0 && len(m.Min) == 0 && len(m.Max) == 0 {
			delete(p.Settings.Methods, f.Path)
		}
		return nil
	}
	return access{kind: c.kind, get: get, set: set}
}

// into stores what a text says, unless there is a fault.
func (c codec[T]) into(place *T, f Field, text string) *Fault {
	v, fault := c.parse(f, text)
	if fault == nil {
		*place = v
	}
	return fault
}

func withKinds(settings []*Setting) []*Setting {
	for _, s := range settings {
		s.Kind = s.kind
	}
	return settings
}
