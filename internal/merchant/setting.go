package merchant

import (
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"flashpay/internal/account"
	"flashpay/internal/method"
	"flashpay/internal/money"
	"flashpay/internal/rates"
)

// Kind says what a setting's value is: how it is entered, shown, read and checked follows from it.
type Kind string

// The kinds. A value's text form is what the command line takes and the audit log shows; an empty text is the default. Each kind
// has its codecs in codec.go.
const (
	Text       Kind = "text"       // one line
	Address    Kind = "address"    // of a web service: http or https, in live mode https
	Period     Kind = "period"     // a time span such as "24h" or "90m"
	Networks   Kind = "networks"   // addresses and networks: "192.0.2.7, 2001:db8::/32"
	Choice     Kind = "choice"     // one of Setting.Choices
	Switch     Kind = "switch"     // "on" or "off"
	Currencies Kind = "currencies" // some of the method's: "KGS, USD"
	Amounts    Kind = "amounts"    // by currency, in major units with all their decimals: "KGS=15000.00, USD=200.00"
	Routes     Kind = "routes"     // callback rules, one a line; shown, not entered
)

// Editor says who may change a setting.
type Editor uint8

// The editors.
const (
	ByStaff     Editor = iota // those of the merchant's staff who may edit projects, and operators
	ByOperators               // the platform's operators only
	ByNobody                  // it is only shown
)

// Group is where the pages show a setting.
type Group string

// The groups, in the order of their pages.
const (
	General   Group = "general"
	Methods   Group = "methods"
	Callbacks Group = "callbacks"
	Security  Group = "security"
	Limits    Group = "limits"
	Exchange  Group = "conversion"
)

// Setting declares one setting of projects. Form, validation, command line, history and audit follow from the
// declaration: a new setting is one more of them.
type Setting struct {
	Name      string // for good: on the command line, in forms, in the audit log and in the ids of its words
	Kind      Kind   // that of its codec
	Group     Group
	Editor    Editor
	PerMethod bool     // each payout method has a value of its own
	Required  bool     // there is no default: an empty value is refused
	Least     int64    // bounds, inclusive: microseconds of a period, minor units of each amount
	Most      int64    // and characters of a text or address, and how many networks; 0: none
	Choices   []string // of a choice
	Default   string   // what an empty value means, in English; pages have words of their own for it

	// weakens tells whether a change of it weakens control over what is paid, see Weakening; path is of its method.
	weakens func(before, after *Project, path string) bool

	access
}

// maxThreshold is how long a payout can wait for its result: the bank's answer is asked for thirty days.
const maxThreshold = 30 * 24 * time.Hour

// declared lists all settings, in the order in which pages and commands show them.
var declared = withKinds([]*Setting{
	{
		Name: "name", Group: General, Required: true, Most: 100,
		weakens: never,
		access:  ofProject(texts, func(p *Project) *string { return &p.Name }),
	},
	{
		Name: "enabled", Group: Methods, PerMethod: true,
		weakens: weakensEnabled,
		access:  ofMethod(enabledSwitches, func(m *MethodSettings) *bool { return &m.Disabled }),
	},
	{
		Name: "currencies", Group: Methods, PerMethod: true, Default: "all of the method's",
		weakens: weakensCurrencies,
		access:  ofMethod(currencyLists, func(m *MethodSettings) *[]string { return &m.Currencies }),
	},
	{
		Name: "min", Group: Methods, PerMethod: true, Least: 1, Default: "the method's own",
		weakens: never,
		access:  ofMethod(sums, func(m *MethodSettings) *Sums { return &m.Min }),
	},
	{
		Name: "max", Group: Methods, PerMethod: true, Least: 1, Default: "the method's own",
		weakens: weakensMax,
		access:  ofMethod(sums, func(m *MethodSettings) *Sums { return &m.Max }),
	},
	{
		Name: "callback_url", Group: Callbacks, Most: 2000, Default: "none: only payouts that name an address get callbacks",
		weakens: always,
		access:  ofProject(addresses, func(p *Project) *string { return &p.Settings.CallbackURL }),
	},
	{
		Name: "callback_rules", Group: Callbacks, Editor: ByNobody,
		weakens: always,
		access:  ofProject(callbackRules, func(p *Project) *[]CallbackRule { return &p.Settings.CallbackRules }),
	},
	{
		Name: "allow_ip", Group: Security, Most: 200, Default: "requests from any address",
		weakens: weakensAllowIP,
		access:  ofProject(networkLists, func(p *Project) *[]netip.Prefix { return &p.Settings.AllowIP }),
	},
	{
		Name: "account_check", Group: Security, Default: "off in test mode, in live mode the method's own",
		Choices: []string{string(account.Off), string(account.Warn), string(account.Strict)},
		weakens: weakensAccountCheck,
		access:  ofProject(choices[account.Policy](), func(p *Project) *account.Policy { return &p.Settings.AccountCheck }),
	},
	{
		// At the threshold a payout that may be with the bank becomes the platform's to clear up: too short a one
		// makes work for operators, so they choose it.
		Name: "threshold", Group: Limits, Editor: ByOperators, Default: "the method's own",
		Least: time.Second.Microseconds(), Most: maxThreshold.Microseconds(),
		weakens: never,
		access:  ofProject(periods, func(p *Project) *Duration { return &p.Settings.Threshold }),
	},
	{
		Name: "approval", Group: Limits, Default: "no second person",
		weakens: weakensApproval,
		access:  ofProject(sums, func(p *Project) *Sums { return &p.Settings.Approval }),
	},
	{
		Name: "conversion", Group: Exchange, Editor: ByOperators,
		weakens: weakensConversion,
		access:  ofProject(switches, func(p *Project) *bool { return &p.Settings.Conversion.On }),
	},
	{
		Name: "base_source", Group: Exchange, Editor: ByOperators, Default: "nbkr",
		Choices: []string{string(rates.NBKR), string(rates.ECB), string(rates.Manual)},
		weakens: never,
		access:  ofProject(choices[rates.Source](), func(p *Project) *rates.Source { return &p.Settings.Conversion.BaseSource }),
	},
	{
		Name: "margin", Group: Exchange, Editor: ByOperators, Default: "0 percent", Most: 50,
		weakens: never,
		access:  ofProject(percentages, func(p *Project) *money.Decimal { return &p.Settings.Conversion.Margin }),
	},
	{
		Name: "max_age", Group: Exchange, Editor: ByOperators, Default: "168h",
		Least: time.Hour.Microseconds(), Most: rates.MaxAge.Microseconds(),
		weakens: never,
		access:  ofProject(periods, func(p *Project) *Duration { return &p.Settings.Conversion.MaxAge }),
	},
	{
		Name: "main_balance", Group: Exchange, Editor: ByOperators, Default: "the only balance that the project has",
		weakens: never,
		access:  ofProject(currencyCodes, func(p *Project) *string { return &p.Settings.Conversion.MainBalance }),
	},
	{
		// What is agreed about fees is the platform's side of the contract.
		Name: "reversal_fee", Group: Exchange, Editor: ByOperators, Default: "return",
		Choices: []string{string(ReturnFee), string(KeepFee)},
		weakens: never,
		access:  ofProject(choices[FeePolicy](), func(p *Project) *FeePolicy { return &p.Settings.ReversalFee }),
	},
	{
		Name: "callback_fee", Group: Callbacks,
		weakens: never,
		access:  ofProject(switches, func(p *Project) *bool { return &p.Settings.CallbackFee }),
	},
	{
		Name: "batch_callback", Group: Callbacks,
		weakens: never,
		access:  ofProject(switches, func(p *Project) *bool { return &p.Settings.BatchCallback }),
	},
	{
		Name: "mass_retention", Group: Limits, Default: "9600h, which are 400 days",
		Least: (24 * time.Hour).Microseconds(), Most: (10 * 366 * 24 * time.Hour).Microseconds(),
		weakens: never,
		access:  ofProject(periods, func(p *Project) *Duration { return &p.Settings.MassRetention }),
	},
})

// Declared lists all settings, in the order in which pages and commands show them. Nobody may change it.
func Declared() []*Setting { return declared }

// Field is a setting as it stands with one project: of the project as a whole, or of one of its methods.
type Field struct {
	*Setting
	Path   string         // of the method; empty for a setting of the project as a whole
	Method *method.Method // nil likewise, and where the platform has no such method any more

	live bool
}

// Key names the field: "threshold", "methods.bank-transfer/kyrgyzstan.max".
func (f Field) Key() string {
	if f.Path == "" {
		return f.Name
	}
	return "methods." + f.Path + "." + f.Name
}

// Text is the field's value in its text form.
func (f Field) Text(p *Project) string { return f.get(p, f.Path) }

// Fields lists the fields of a project: its own, and those of each method that the platform offers or that the project
// has settings for.
func Fields(p *Project, methods []*method.Method) []Field {
	known := make(map[string]*method.Method)
	for _, m := range methods {
		if _, used := p.Settings.Methods[m.Path]; used || m.Enabled {
			known[m.Path] = m
		}
	}
	for path := range p.Settings.Methods {
		if known[path] == nil {
			known[path] = nil // the platform has it no more; what is set stays visible
		}
	}
	return fields(known)
}

func fields(methods map[string]*method.Method) []Field {
	paths := slices.Sorted(maps.Keys(methods))
	var out []Field
	for _, s := range declared {
		if !s.PerMethod {
			out = append(out, Field{Setting: s})
			continue
		}
		for _, path := range paths {
			out = append(out, Field{Setting: s, Path: path, Method: methods[path]})
		}
	}
	return out
}

// Difference is a field that differs between two versions of a project, in its text form.
type Difference struct {
	Field
	Before, After string
}

// Differences compares two versions of a project's name and settings.
func Differences(before, after *Project) []Difference {
	methods := make(map[string]*method.Method)
	for _, p := range []*Project{before, after} {
		for path := range p.Settings.Methods {
			methods[path] = nil
		}
	}
	var out []Difference
	for _, f := range fields(methods) {
		if b, a := f.Text(before), f.Text(after); b != a {
			out = append(out, Difference{Field: f, Before: b, After: a})
		}
	}
	return out
}

// Change makes a changed version of a project from values in their text forms by key, and leaves p as it is. All that
// is wrong is told, in the order of the fields; then there is no new version. allowed says which settings whoever asks
// may change; unchanged values need no permission.
func Change(p *Project, methods []*method.Method, values map[string]string, allowed func(*Setting) bool) (*Project, []Fault) {
	changed := p.clone()
	left := maps.Clone(values)
	var faults []Fault
	all := Fields(p, methods)
	for _, f := range all {
		text, given := left[f.Key()]
		delete(left, f.Key())
		if !given || text == f.Text(p) {
			continue
		}
		fault := f.change(changed, text, allowed)
		if fault != nil {
			faults = append(faults, *fault)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(left)) {
		faults = append(faults, Fault{Key: key, ID: "unknown", Args: []string{"names", keys(all)}})
	}
	if len(faults) == 0 {
		faults = checkLimits(p, changed, all)
	}
	if len(faults) > 0 {
		return nil, faults
	}
	return changed, nil
}

func (f Field) change(p *Project, text string, allowed func(*Setting) bool) *Fault {
	switch {
	case f.Editor == ByNobody:
		return f.fault("readonly")
	case !allowed(f.Setting):
		return f.fault("forbidden")
	case f.Required && strings.TrimSpace(text) == "":
		return f.fault("required")
	}
	f.live = p.Mode == Live
	return f.set(p, f, strings.TrimSpace(text))
}

func keys(all []Field) string {
	var names []string
	for _, f := range all {
		if f.Editor != ByNobody {
			names = append(names, f.Key())
		}
	}
	return strings.Join(names, ", ")
}

// clone copies what Change may change.
func (p *Project) clone() *Project {
	c := *p
	c.Settings.Methods = maps.Clone(p.Settings.Methods)
	return &c
}

// checkLimits looks at both limits of each method whose limits have changed.
func checkLimits(before, p *Project, all []Field) []Fault {
	var faults []Fault
	for _, f := range all {
		settings := p.Settings.Methods[f.Path]
		was := before.Settings.Methods[f.Path]
		if f.Name != "max" || f.Method == nil || maps.Equal(was.Min, settings.Min) && maps.Equal(was.Max, settings.Max) {
			continue
		}
		for _, c := range f.Method.Currencies {
			if least, most := settings.Limits(c.Code, c.Min, c.Max); least > most {
				faults = append(faults, *f.fault("min_above_max", "min", formatSum(least, c.Code), "max", formatSum(most, c.Code)))
			}
		}
	}
	return faults
}
