package merchant

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"flashpay/internal/money"
)

func parseText(f Field, text string) (string, *Fault) {
	if n := utf8.RuneCountInString(text); n > int(f.Most) {
		return "", f.fault("too_long", "most", fmt.Sprint(f.Most), "have", fmt.Sprint(n))
	}
	if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f || r == utf8.RuneError }) {
		return "", f.fault("characters")
	}
	return text, nil
}

func parseAddress(f Field, text string) (string, *Fault) {
	if text == "" {
		return "", nil
	}
	if _, fault := parseText(f, text); fault != nil {
		return "", fault
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https":
		return "", f.fault("address")
	case u.User != nil:
		return "", f.fault("address_user")
	case u.Fragment != "":
		return "", f.fault("address_fragment")
	case f.live && u.Scheme != "https":
		return "", f.fault("address_https")
	}
	return text, nil
}

// formatAddress is an address without the password that an old one may hold.
func formatAddress(text string) string {
	if u, err := url.Parse(text); err == nil && u.User != nil {
		return u.Redacted()
	}
	return text
}

// PeriodText writes a period as people do: "24h", "1h30m"; a period of none is empty.
func PeriodText(d time.Duration) string {
	if d == 0 {
		return ""
	}
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

func parsePeriod(f Field, text string) (Duration, *Fault) {
	if text == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(strings.ReplaceAll(text, " ", ""))
	if err != nil {
		return 0, f.fault("period")
	}
	least, most := time.Duration(f.Least)*time.Microsecond, time.Duration(f.Most)*time.Microsecond
	if d < least || d > most {
		return 0, f.fault("period_bounds", "least", PeriodText(least), "most", PeriodText(most))
	}
	return Duration(d), nil
}

// words splits a list at commas, semicolons and white space.
func words(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(",; \t\r\n", r) })
}

// ParseNetwork reads a network, or an address as the network that holds only it. Errors say what to write instead.
func ParseNetwork(text string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(text); err == nil && addr.Zone() == "" {
		addr = addr.Unmap()
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	network, err := netip.ParsePrefix(text)
	if err != nil {
		return network, errors.New("want an address such as 192.0.2.7, or a network such as 192.0.2.0/24 or 2001:db8::/32")
	}
	if network != network.Masked() {
		return network, &bitsError{network.Masked()}
	}
	return network, nil
}

// bitsError says that an address has bits beyond its network.
type bitsError struct{ meant netip.Prefix }

func (e *bitsError) Error() string {
	return fmt.Sprintf("the address has bits beyond its network: did you mean %s?", e.meant)
}

func parseNetworks(f Field, text string) ([]netip.Prefix, *Fault) {
	var out []netip.Prefix
	for _, word := range words(text) {
		network, err := ParseNetwork(word)
		var bits *bitsError
		switch {
		case errors.As(err, &bits):
			return nil, f.fault("network_bits", "text", word, "meant", bits.meant.String())
		case err != nil:
			return nil, f.fault("network", "text", word)
		case !slices.Contains(out, network):
			out = append(out, network)
		}
	}
	if len(out) > int(f.Most) {
		return nil, f.fault("too_many", "most", fmt.Sprint(f.Most), "have", fmt.Sprint(len(out)))
	}
	return out, nil
}

func formatNetworks(networks []netip.Prefix) string {
	texts := make([]string, 0, len(networks))
	for _, n := range networks {
		if n.IsSingleIP() {
			texts = append(texts, n.Addr().String())
			continue
		}
		texts = append(texts, n.String())
	}
	return strings.Join(texts, ", ")
}

func parseChoice[T ~string](f Field, text string) (T, *Fault) {
	if text == "" || slices.Contains(f.Choices, text) {
		return T(text), nil
	}
	return "", f.fault("choice", "choices", strings.Join(f.Choices, ", "))
}

func formatSwitch(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

func parseSwitch(f Field, text string) (bool, *Fault) {
	switch text {
	case "on":
		return true, nil
	case "off":
		return false, nil
	}
	return false, f.fault("choice", "choices", "on, off")
}

func parseCurrencies(f Field, text string) ([]string, *Fault) {
	if f.Method == nil {
		return nil, f.fault("no_method")
	}
	var out []string
	for _, code := range words(text) {
		if _, ok := f.Method.Currency(code); !ok {
			return nil, f.fault("currency_of_method", "text", code, "currencies", f.currencies())
		}
		if !slices.Contains(out, code) {
			out = append(out, code)
		}
	}
	slices.Sort(out)
	return out, nil
}

// formatPercent is a percentage without trailing zeros; one of none is empty.
func formatPercent(d money.Decimal) string {
	if d.Sign() == 0 {
		return ""
	}
	return d.String()
}

// parsePercent reads a percentage of 0 to what the setting allows, exclusive.
func parsePercent(f Field, text string) (money.Decimal, *Fault) {
	if text == "" {
		return money.Decimal{}, nil
	}
	d, err := money.ParseTypedDecimal(text)
	if _, decimals, _ := strings.Cut(d.String(), "."); err != nil || len(decimals) > 6 || d.Cmp(money.Whole(f.Most)) >= 0 {
		return money.Decimal{}, f.fault("percent", "most", fmt.Sprint(f.Most))
	}
	if d.Sign() == 0 {
		return money.Decimal{}, nil
	}
	return d, nil
}

func parseCurrency(f Field, text string) (string, *Fault) {
	if text != "" && !money.Valid(text) {
		return "", f.fault("currency", "text", text)
	}
	return text, nil
}

func formatCurrencies(codes []string) string { return strings.Join(codes, ", ") }

func (f Field) currencies() string {
	var codes []string
	for _, c := range f.Method.Currencies {
		codes = append(codes, c.Code)
	}
	return strings.Join(codes, ", ")
}

// formatSum is one entry of the text form of sums.
func formatSum(amount int64, currency string) string {
	major, err := money.Major(amount, currency)
	if err != nil {
		major = fmt.Sprint(amount)
	}
	return currency + "=" + major
}

func formatSums(sums Sums) string {
	var texts []string
	for _, currency := range slices.Sorted(maps.Keys(sums)) {
		texts = append(texts, formatSum(sums[currency], currency))
	}
	return strings.Join(texts, ", ")
}

// parseSums reads sums in major units. All decimals must be written: the wire counts minor units, and
// 15000 could be either.
func parseSums(f Field, text string) (Sums, *Fault) {
	var sums Sums
	for _, word := range words(text) {
		code, digits, ok := strings.Cut(word, "=")
		currency, known := money.Lookup(code)
		_, twice := sums[code]
		switch {
		case !ok:
			return nil, f.fault("sum", "text", word)
		case !known:
			return nil, f.fault("currency", "text", code)
		case twice:
			return nil, f.fault("currency_twice", "text", code)
		}
		amount, err := money.ParseMajor(digits, code)
		if _, decimals, _ := strings.Cut(digits, "."); err != nil || len(decimals) != currency.Exponent {
			return nil, f.fault("decimals", "text", word, "example", formatSum(15000*power(currency.Exponent), code))
		}
		if fault := f.checkSum(amount, code); fault != nil {
			return nil, fault
		}
		if sums == nil {
			sums = make(Sums)
		}
		sums[code] = amount
	}
	return sums, nil
}

func power(exponent int) int64 {
	n := int64(1)
	for range exponent {
		n *= 10
	}
	return n
}

// checkSum compares a sum with the setting's bounds, and that of a method with what the method takes.
func (f Field) checkSum(amount int64, code string) *Fault {
	least, most := f.Least, int64(math.MaxInt64)
	if f.Most > 0 {
		most = f.Most
	}
	if f.PerMethod {
		if f.Method == nil {
			return f.fault("no_method")
		}
		c, ok := f.Method.Currency(code)
		if !ok {
			return f.fault("currency_of_method", "text", code, "currencies", f.currencies())
		}
		least, most = max(least, c.Min), min(most, c.Max)
	}
	if amount < least || amount > most {
		return f.fault("sum_bounds", "text", formatSum(amount, code), "least", formatSum(least, code), "most", formatSum(most, code))
	}
	return nil
}

// formatRules shows callback rules, one a line: their conditions and where they lead.
func formatRules(rules []CallbackRule) string {
	var lines []string
	for _, r := range rules {
		var line []string
		for _, c := range [][2]string{{"type", r.Type}, {"result", r.Result}, {"method", r.Method}} {
			if c[1] != "" {
				line = append(line, c[0]+"="+c[1])
			}
		}
		line = append(line, "to "+r.URL)
		if r.Disabled {
			line = append(line, "(off)")
		}
		lines = append(lines, strings.Join(line, " "))
	}
	return strings.Join(lines, "\n")
}

// Fault is what is wrong with a value that somebody gave for a field.
type Fault struct {
	Key  string   // of the field
	ID   string   // what is wrong: of FaultTexts, and of Dashboard's words in each language
	Args []string // what the words speak of: name, value, name, value …
}

func (f Field) fault(id string, args ...string) *Fault {
	return &Fault{Key: f.Key(), ID: id, Args: args}
}

// Error says in English what is wrong and what to do.
func (f Fault) Error() string {
	pairs := make([]string, len(f.Args))
	for i := 0; i+1 < len(f.Args); i += 2 {
		pairs[i], pairs[i+1] = "{"+f.Args[i]+"}", f.Args[i+1]
	}
	return strings.NewReplacer(pairs...).Replace(faultTexts[f.ID])
}

// faultTexts are the English words of faults. They say what is wrong and what to write instead.
var faultTexts = map[string]string{
	"unknown":            "there is no such setting; there are {names}",
	"readonly":           "this setting is shown only and cannot be changed here",
	"forbidden":          "only the platform's operators change this setting",
	"required":           "this must not be empty",
	"too_long":           "at most {most} characters, not {have}",
	"characters":         "control characters are not allowed",
	"address":            "want an address such as https://shop.example/callback",
	"address_user":       "leave user and password out of the address: callbacks are signed instead",
	"address_fragment":   "leave out the part from # on: it never reaches a server",
	"address_https":      "the callbacks of live projects go to https addresses only",
	"period":             "want a duration such as 24h, 90m or 1h30m",
	"period_bounds":      "want a duration from {least} to {most}",
	"network":            "{text}: want an address such as 192.0.2.7, or a network such as 192.0.2.0/24 or 2001:db8::/32",
	"network_bits":       "{text}: the address has bits beyond its network; did you mean {meant}?",
	"too_many":           "at most {most} entries, not {have}",
	"choice":             "want {choices}",
	"no_method":          "the platform does not offer this method any more; its settings can only be left as they are",
	"currency":           "{text} is no ISO 4217 currency code, such as KGS",
	"currency_twice":     "{text} stands twice: give each currency once",
	"currency_of_method": "this method does not pay in {text}; it pays in {currencies}",
	"sum":                "{text} is no sum: want currency and sum, such as KGS=15000.00",
	"decimals":           "{text}: write the sum in major units with all its decimals, such as {example}",
	"sum_bounds":         "{text}: want a sum from {least} to {most}",
	"percent":            "want percent from 0 to below {most}, with at most six decimals, such as 1.5",
	"min_above_max":      "the smallest sum {min} is above the largest one {max}: change one of them",
}

// FaultTexts returns the English words of all faults by id, with their {parameters}.
func FaultTexts() map[string]string { return maps.Clone(faultTexts) }
