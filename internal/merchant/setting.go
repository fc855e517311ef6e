package merchant

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"flashpay/internal/account"
	"flashpay/internal/method"
	"flashpay/internal/rates"
)

// Kind says what a setting's value is: how it is entered, shown, read and checked follows from it.
type Kind string

// The kinds. A value's text form is what the command line takes and the audit log shows; an empty text is the default.
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
	Kind      Kind
	Group     Group
	Editor    Editor
	PerMethod bool     // each payout method has a value of its own
	Required  bool     // there is no default: an empty value is refused
	Least     int64    // bounds, inclusive: microseconds of a period, minor units of each amount
	Most      int64    // and characters of a text or address, and how many networks; 0: none
	Choices   []string // of a choice
	Default   string   // what an empty value means, in English; pages have words of their own for it

	get func(p *Project, path string) string
	set func(p *Project, f Field, text string) *Fault
	// weakens tells whether a change of it weakens control over what is paid, see Weakening; path is of its method.
	weakens func(before, after *Project, path string) bool
}

// maxThreshold is how long a payout can wait for its result: the bank's answer is asked for thirty days.
const maxThreshold = 30 * 24 * time.Hour

// declared lists all settings, in the order in which pages and commands show them.
var declared = []*Setting{
	{
		Name: "name", Kind: Text, Group: General, Required: true, Most: 100,
		weakens: never,
		get:     func(p *Project, _ string) string { return p.Name },
		set:     func(p *Project, f Field, text string) *Fault { return into(&p.Name, f, text, readText) },
	},
	{
		Name: "enabled", Kind: Switch, Group: Methods, PerMethod: true,
		weakens: weakensEnabled,
		get:     func(p *Project, path string) string { return onOff(!p.Settings.Methods[path].Disabled) },
		set: perMethod(func(m *MethodSettings, f Field, text string) *Fault {
			on := true
			fault := into(&on, f, text, readSwitch)
			m.Disabled = !on
			return fault
		}),
	},
	{
		Name: "currencies", Kind: Currencies, Group: Methods, PerMethod: true, Default: "all of the method's",
		weakens: weakensCurrencies,
		get: func(p *Project, path string) string {
			return strings.Join(p.Settings.Methods[path].Currencies, ", ")
		},
		set: perMethod(func(m *MethodSettings, f Field, text string) *Fault {
			return into(&m.Currencies, f, text, readCurrencies)
		}),
	},
	{
		Name: "min", Kind: Amounts, Group: Methods, PerMethod: true, Least: 1, Default: "the method's own",
		weakens: never,
		get:     func(p *Project, path string) string { return sumsText(p.Settings.Methods[path].Min) },
		set:     perMethod(func(m *MethodSettings, f Field, text string) *Fault { return into(&m.Min, f, text, readSums) }),
	},
	{
		Name: "max", Kind: Amounts, Group: Methods, PerMethod: true, Least: 1, Default: "the method's own",
		weakens: weakensMax,
		get:     func(p *Project, path string) string { return sumsText(p.Settings.Methods[path].Max) },
		set:     perMethod(func(m *MethodSettings, f Field, text string) *Fault { return into(&m.Max, f, text, readSums) }),
	},
	{
		Name: "callback_url", Kind: Address, Group: Callbacks, Most: 2000, Default: "none: only payouts that name an address get callbacks",
		weakens: always,
		get:     func(p *Project, _ string) string { return addressText(p.Settings.CallbackURL) },
		set: func(p *Project, f Field, text string) *Fault {
			f.live = p.Mode == Live
			return into(&p.Settings.CallbackURL, f, text, readAddress)
		},
	},
	{
		Name: "callback_rules", Kind: Routes, Group: Callbacks, Editor: ByNobody,
		weakens: always,
		get:     func(p *Project, _ string) string { return rulesText(p.Settings.CallbackRules) },
	},
	{
		Name: "allow_ip", Kind: Networks, Group: Security, Most: 200, Default: "requests from any address",
		weakens: weakensAllowIP,
		get:     func(p *Project, _ string) string { return networksText(p.Settings.AllowIP) },
		set: func(p *Project, f Field, text string) *Fault {
			return into(&p.Settings.AllowIP, f, text, readNetworks)
		},
	},
	{
		Name: "account_check", Kind: Choice, Group: Security, Default: "off in test mode, in live mode the method's own",
		Choices: []string{string(account.Off), string(account.Warn), string(account.Strict)},
		weakens: weakensAccountCheck,
		get:     func(p *Project, _ string) string { return string(p.Settings.AccountCheck) },
		set: func(p *Project, f Field, text string) *Fault {
			return into((*string)(&p.Settings.AccountCheck), f, text, readChoice)
		},
	},
	{
		// At the threshold a payout that may be with the bank becomes the platform's to clear up: too short a one
		// makes work for operators, so they choose it.
		Name: "threshold", Kind: Period, Group: Limits, Editor: ByOperators, Default: "the method's own",
		Least: time.Second.Microseconds(), Most: maxThreshold.Microseconds(),
		weakens: never,
		get:     func(p *Project, _ string) string { return PeriodText(time.Duration(p.Settings.Threshold)) },
		set: func(p *Project, f Field, text string) *Fault {
			return into((*time.Duration)(&p.Settings.Threshold), f, text, readPeriod)
		},
	},
	{
		Name: "approval", Kind: Amounts, Group: Limits, Default: "no second person",
		weakens: weakensApproval,
		get:     func(p *Project, _ string) string { return sumsText(p.Settings.Approval) },
		set:     func(p *Project, f Field, text string) *Fault { return into(&p.Settings.Approval, f, text, readSums) },
	},
	{
		Name: "conversion", Kind: Switch, Group: Exchange, Editor: ByOperators,
		get: func(p *Project, _ string) string { return onOff(p.Settings.Conversion.On) },
		set: func(p *Project, f Field, text string) *Fault {
			return into(&p.Settings.Conversion.On, f, cmp.Or(text, "off"), readSwitch)
		},
		weakens: weakensConversion,
	},
	{
		Name: "base_source", Kind: Choice, Group: Exchange, Editor: ByOperators, Default: "nbkr",
		Choices: []string{string(rates.NBKR), string(rates.ECB), string(rates.Manual)},
		get:     func(p *Project, _ string) string { return string(p.Settings.Conversion.BaseSource) },
		set: func(p *Project, f Field, text string) *Fault {
			return into((*string)(&p.Settings.Conversion.BaseSource), f, text, readChoice)
		},
		weakens: never,
	},
	{
		Name: "margin", Kind: Text, Group: Exchange, Editor: ByOperators, Default: "0 percent", Most: 50,
		get: func(p *Project, _ string) string { return percentText(p.Settings.Conversion.Margin) },
		set: func(p *Project, f Field, text string) *Fault {
			return into(&p.Settings.Conversion.Margin, f, text, readPercent)
		},
		weakens: never,
	},
	{
		Name: "max_age", Kind: Period, Group: Exchange, Editor: ByOperators, Default: "168h",
		Least: time.Hour.Microseconds(), Most: rates.MaxAge.Microseconds(),
		get: func(p *Project, _ string) string { return PeriodText(time.Duration(p.Settings.Conversion.MaxAge)) },
		set: func(p *Project, f Field, text string) *Fault {
			return into((*time.Duration)(&p.Settings.Conversion.MaxAge), f, text, readPeriod)
		},
		weakens: never,
	},
	{
		Name: "main_balance", Kind: Text, Group: Exchange, Editor: ByOperators, Default: "the only balance that the project has",
		get: func(p *Project, _ string) string { return p.Settings.Conversion.MainBalance },
		set: func(p *Project, f Field, text string) *Fault {
			return into(&p.Settings.Conversion.MainBalance, f, text, readCurrency)
		},
		weakens: never,
	},
	{
		// What is agreed about fees is the platform's side of the contract.
		Name: "reversal_fee", Kind: Choice, Group: Exchange, Editor: ByOperators, Default: "return",
		Choices: []string{string(ReturnFee), string(KeepFee)},
		get:     func(p *Project, _ string) string { return string(p.Settings.ReversalFee) },
		set: func(p *Project, f Field, text string) *Fault {
			return into((*string)(&p.Settings.ReversalFee), f, text, readChoice)
		},
		weakens: never,
	},
	{
		Name: "callback_fee", Kind: Switch, Group: Callbacks,
		get: func(p *Project, _ string) string { return onOff(p.Settings.CallbackFee) },
		set: func(p *Project, f Field, text string) *Fault {
			return into(&p.Settings.CallbackFee, f, cmp.Or(text, "off"), readSwitch)
		},
		weakens: never,
	},
	{
		Name: "batch_callback", Kind: Switch, Group: Callbacks,
		get: func(p *Project, _ string) string { return onOff(p.Settings.BatchCallback) },
		set: func(p *Project, f Field, text string) *Fault {
			return into(&p.Settings.BatchCallback, f, cmp.Or(text, "off"), readSwitch)
		},
		weakens: never,
	},
	{
		Name: "mass_retention", Kind: Period, Group: Limits, Default: "9600h, which are 400 days",
		Least: (24 * time.Hour).Microseconds(), Most: (10 * 366 * 24 * time.Hour).Microseconds(),
		get: func(p *Project, _ string) string { return PeriodText(time.Duration(p.Settings.MassRetention)) },
		set: func(p *Project, f Field, text string) *Fault {
			return into((*time.Duration)(&p.Settings.MassRetention), f, text, readPeriod)
		},
		weakens: never,
	},
}

// Declared lists all settings, in the order in which pages and commands show them. Nobody may change it.
func Declared() []*Setting { return declared }

// into keeps what read makes of a text, where there is no fault.
func into[T any](place *T, f Field, text string, read func(f Field, text string) (T, *Fault)) *Fault {
	value, fault := read(f, text)
	if fault == nil {
		*place = value
	}
	return fault
}

// perMethod changes the settings of a field's method; what is all default leaves no entry.
func perMethod(set func(m *MethodSettings, f Field, text string) *Fault) func(*Project, Field, string) *Fault {
	return func(p *Project, f Field, text string) *Fault {
		m := p.Settings.Methods[f.Path]
		if fault := set(&m, f, text); fault != nil {
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
}

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
				faults = append(faults, *f.fault("min_above_max", "min", sumText(least, c.Code), "max", sumText(most, c.Code)))
			}
		}
	}
	return faults
}
