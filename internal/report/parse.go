package report

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"flashpay/internal/money"
	"flashpay/internal/payout"
)

// Reader is who asks for a report.
type Reader struct {
	Projects []int64 // that the reader sees
	Zone     string  // IANA name; empty: UTC
	Language string  // of the titles, where a form asks for the reader's
}

// The fields of a form, and their values beside texts:
//
//	kind        a kind's name
//	columns     names in their order, one a value or with commas between; none: the kind's usual ones
//	project     a number a value; none: all
//	from, to    a day, or a day and time to the second, in the zone; a day or second that to names is in the report; the time may
//	            stand in from_time and to_time
//	zone        an IANA name; none: the reader's
//	method, status, code, currency   one a value
//	min, max    sums in major units; they need one currency
//	separator   comma or semicolon
//	decimal     point or comma
//	times       zoned, with the zone's offset, or local, as spreadsheets read them
//	bom, gzip   yes
//	header      names, or a language: en, ru, ky
const (
	fieldKind      = "kind"
	fieldColumns   = "columns"
	fieldProject   = "project"
	fieldFrom      = "from"
	fieldTo        = "to"
	fieldZone      = "zone"
	fieldMethod    = "method"
	fieldStatus    = "status"
	fieldCode      = "code"
	fieldCurrency  = "currency"
	fieldMin       = "min"
	fieldMax       = "max"
	fieldSeparator = "separator"
	fieldDecimal   = "decimal"
	fieldHeader    = "header"
	fieldTimes     = "times"
)

// Fault is what is wrong with a field.
type Fault struct {
	Field string
	What  FaultKind
	Value string // what stands there, where that helps
	Want  string // what could, where there are few
}

// FaultKind says what is wrong: pages have a word for each.
type FaultKind string

// The faults of a field.
const (
	FaultUnknown  FaultKind = "unknown"  // there is no such value; Want says what there is
	FaultTwice    FaultKind = "twice"    // a column stands twice
	FaultTime     FaultKind = "time"     // no day, and no day and time
	FaultPeriod   FaultKind = "period"   // the period ends before it begins
	FaultAmount   FaultKind = "amount"   // no sum
	FaultCurrency FaultKind = "currency" // a sum is given, and not one currency
	FaultBounds   FaultKind = "bounds"   // the smallest sum is above the largest
	FaultFilter   FaultKind = "filter"   // rows of this kind cannot be chosen so
)

// Error says it in English.
func (f *Fault) Error() string {
	switch f.What {
	case FaultUnknown:
		return fmt.Sprintf("%s %q: there is none; want one of %s", f.Field, f.Value, f.Want)
	case FaultTwice:
		return fmt.Sprintf("%s: %s stands twice", f.Field, f.Value)
	case FaultTime:
		return fmt.Sprintf("%s %q: want a day such as 2026-03-01, or a day and time such as 2026-03-01T10:00:00", f.Field, f.Value)
	case FaultPeriod:
		return fmt.Sprintf("%s %q: the period ends before it begins", f.Field, f.Value)
	case FaultAmount:
		return fmt.Sprintf("%s %q: want a sum such as 100.00", f.Field, f.Value)
	case FaultCurrency:
		return f.Field + ": sums are compared within one currency: choose one"
	case FaultBounds:
		return f.Field + ": the largest sum is below the smallest"
	}
	return fmt.Sprintf("%s: rows of %s cannot be chosen by it", f.Field, f.Value)
}

// parsing reads a form.
type parsing struct {
	values url.Values
	kind   *Kind
	zone   *time.Location
	out    Request
	faults []*Fault
}

// Parse makes a request of a form's values, or says what is wrong with each field.
func Parse(values url.Values, by Reader) (*Request, []*Fault) {
	p := &parsing{values: values, zone: time.UTC}
	p.readKind()
	p.readProjects(by.Projects)
	p.readZone(by.Zone)
	p.out.From = p.moment(fieldFrom, 0, 0)
	p.out.To = p.moment(fieldTo, 1, time.Second)
	if !p.out.From.IsZero() && !p.out.To.IsZero() && !p.out.From.Before(p.out.To) {
		p.fault(fieldTo, FaultPeriod, p.get(fieldTo), "")
	}
	p.readChoices()
	p.readSums()
	p.readFormat(by.Language)
	if len(p.faults) > 0 {
		return nil, p.faults
	}
	return &p.out, nil
}

func (p *parsing) fault(field string, what FaultKind, value, want string) {
	p.faults = append(p.faults, &Fault{Field: field, What: what, Value: value, Want: want})
}

func (p *parsing) get(field string) string { return strings.TrimSpace(p.values.Get(field)) }

// all are the values of a field, those between commas apart.
func (p *parsing) all(field string) (out []string) {
	for _, value := range p.values[field] {
		for part := range strings.SplitSeq(value, ",") {
			if part = strings.TrimSpace(part); part != "" {
				out = append(out, part)
			}
		}
	}
	return out
}

func (p *parsing) readKind() {
	name := p.get(fieldKind)
	kind, ok := Find(name)
	if !ok {
		var names []string
		for _, k := range Kinds {
			names = append(names, k.Name)
		}
		p.fault(fieldKind, FaultUnknown, name, strings.Join(names, ", "))
		return
	}
	p.kind, p.out.Kind = kind, name
	if p.out.Columns = p.all(fieldColumns); len(p.out.Columns) == 0 {
		p.out.Columns = kind.Defaults()
	}
	var names []string
	for _, c := range kind.Columns {
		names = append(names, c.Name)
	}
	for i, column := range p.out.Columns {
		switch {
		case !slices.Contains(names, column):
			p.fault(fieldColumns, FaultUnknown, column, strings.Join(names, ", "))
		case slices.Contains(p.out.Columns[:i], column):
			p.fault(fieldColumns, FaultTwice, column, "")
		}
	}
}

func (p *parsing) readProjects(seen []int64) {
	for _, text := range p.all(fieldProject) {
		id, err := strconv.ParseInt(text, 10, 64)
		if err != nil || !slices.Contains(seen, id) {
			p.fault(fieldProject, FaultUnknown, text, listed(seen))
			continue
		}
		p.out.Projects = append(p.out.Projects, id)
	}
	slices.Sort(p.out.Projects)
	p.out.Projects = slices.Compact(p.out.Projects)
}

// listed are numbers for an error's text, not too many.
func listed(numbers []int64) string {
	const most = 20
	var texts []string
	for _, n := range numbers[:min(most, len(numbers))] {
		texts = append(texts, strconv.FormatInt(n, 10))
	}
	if len(numbers) > most {
		texts = append(texts, "…")
	}
	return strings.Join(texts, ", ")
}

func (p *parsing) readZone(own string) {
	p.out.Zone = own
	if text := p.get(fieldZone); text != "" {
		p.out.Zone = text
	}
	if p.out.Zone == "" {
		p.out.Zone = "UTC"
	}
	zone, err := time.LoadLocation(p.out.Zone)
	if err != nil || p.out.Zone == "Local" {
		p.fault(fieldZone, FaultUnknown, p.out.Zone, "the IANA names, such as Asia/Bishkek or UTC")
		return
	}
	p.zone = zone
}

// moment reads a day, to which days are added, or a time, to which a duration is.
func (p *parsing) moment(field string, days int, add time.Duration) time.Time {
	text := p.get(field)
	if clock := p.get(field + "_time"); clock != "" {
		text += "T" + clock
	}
	if text == "" {
		return time.Time{}
	}
	if at, err := time.ParseInLocation("2006-01-02", text, p.zone); err == nil && sensible(at) {
		return at.AddDate(0, 0, days).UTC()
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02 15:04"} {
		if at, err := time.ParseInLocation(layout, text, p.zone); err == nil && sensible(at) {
			return at.Add(add).UTC()
		}
	}
	p.fault(field, FaultTime, text, "")
	return time.Time{}
}

func sensible(at time.Time) bool { return at.Year() >= 2000 && at.Year() < 2200 }

// readChoices reads what is chosen from lists.
func (p *parsing) readChoices() {
	if p.kind == nil {
		return
	}
	for _, field := range ofOperations {
		if p.get(field) != "" && !p.kind.Has(field) {
			p.fault(field, FaultFilter, p.kind.Name, "")
		}
	}
	p.out.Methods = p.all(fieldMethod)
	for _, text := range p.all(fieldStatus) {
		if p.kind.Has(fieldStatus) && !slices.Contains(p.kind.Statuses, payout.Status(text)) {
			p.fault(fieldStatus, FaultUnknown, text, joined(p.kind.Statuses))
		}
		p.out.Statuses = append(p.out.Statuses, payout.Status(text))
	}
	for _, text := range p.all(fieldCode) {
		code, err := strconv.Atoi(text)
		if err != nil || code < 0 || code > 999_999 {
			p.fault(fieldCode, FaultUnknown, text, "the codes of the registry, such as 0 or 20102")
		}
		p.out.Codes = append(p.out.Codes, code)
	}
	for _, text := range p.all(fieldCurrency) {
		if !money.Valid(text) {
			p.fault(fieldCurrency, FaultUnknown, text, "the codes of ISO 4217, such as KGS")
		}
		p.out.Currencies = append(p.out.Currencies, text)
	}
}

func joined[T ~string](words []T) string {
	var texts []string
	for _, w := range words {
		texts = append(texts, string(w))
	}
	return strings.Join(texts, ", ")
}

// readSums reads the bounds of the sum, which have a meaning in one currency only.
func (p *parsing) readSums() {
	p.out.MinAmount, p.out.MaxAmount = p.sum(fieldMin), p.sum(fieldMax)
	if p.out.MaxAmount > 0 && p.out.MinAmount > p.out.MaxAmount {
		p.fault(fieldMax, FaultBounds, p.get(fieldMax), "")
	}
}

func (p *parsing) sum(field string) int64 {
	text := p.get(field)
	if text == "" {
		return 0
	}
	if len(p.out.Currencies) != 1 || !money.Valid(p.out.Currencies[0]) {
		p.fault(field, FaultCurrency, text, "")
		return 0
	}
	amount, err := money.ParseTyped(text, p.out.Currencies[0])
	if err != nil {
		p.fault(field, FaultAmount, text, "")
	}
	return amount
}

func (p *parsing) readFormat(language string) {
	f := &p.out.Format
	f.Semicolon = p.either(fieldSeparator, "comma", "semicolon")
	f.DecimalComma = p.either(fieldDecimal, "point", "comma")
	f.LocalTimes = p.either(fieldTimes, "zoned", "local")
	f.BOM, f.Gzip = p.get("bom") != "", p.get("gzip") != ""
	switch text := p.get(fieldHeader); {
	case text == "", text == "names":
	case text == "own" && slices.Contains(languages, language):
		f.Header = language
	case slices.Contains(languages, text):
		f.Header = text
	default:
		p.fault(fieldHeader, FaultUnknown, text, "names, "+strings.Join(languages, ", "))
	}
}

// either tells which of two values a field has: the usual one, also where it has none, or the other.
func (p *parsing) either(field, usual, other string) bool {
	switch text := p.get(field); text {
	case "", usual:
		return false
	case other:
		return true
	default:
		p.fault(field, FaultUnknown, text, usual+", "+other)
		return false
	}
}
