package dashboard

import (
	"cmp"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/nicksnyder/go-i18n/v2/i18n"
	"golang.org/x/text/language"

	"flashpay/internal/money"
	"flashpay/internal/payout"
)

//go:embed words/*.yaml
var wordFiles embed.FS

// languages are those that the pages speak; the first is taken where the browser speaks none of them.
var languages = []string{"en", "ru", "ky"}

func knownLanguage(lang string) bool { return slices.Contains(languages, lang) }

// languageCookie holds what a visitor who is not signed in has chosen.
const languageCookie = "lang"

var languageMatcher = language.NewMatcher([]language.Tag{language.English, language.Russian, language.MustParse("ky")})

// languageOf is the visitor's language: as chosen here, else as the browser says.
func languageOf(r *http.Request) string {
	if cookie, err := r.Cookie(languageCookie); err == nil && knownLanguage(cookie.Value) {
		return cookie.Value
	}
	tags, _, err := language.ParseAcceptLanguage(r.Header.Get("Accept-Language"))
	if err != nil {
		return languages[0]
	}
	_, i, _ := languageMatcher.Match(tags...)
	return languages[i]
}

// serveLanguage changes the language of a visitor who is not signed in; users have theirs in the profile.
func serveLanguage(_ *Dashboard, v *visit) error {
	f, err := v.form()
	if err != nil {
		return err
	}
	if lang := f.Get("lang"); knownLanguage(lang) {
		v.setCookie(languageCookie, lang, 365*24*time.Hour)
	}
	return v.redirect(localPath(f.Get("next")), "")
}

// words are all words of one language.
type words struct {
	lang     string
	localize *i18n.Localizer
	known    map[string]bool
}

var placeholder = regexp.MustCompile(`\{(\w+)\}`)

// loadWords reads a language's files.
func loadWords(lang string) (*words, error) {
	bundle := i18n.NewBundle(language.MustParse(lang))
	w := &words{lang: lang, known: make(map[string]bool)}
	files, err := fs.Glob(wordFiles, "words/*."+lang+".yaml")
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		messages, err := readWords(file)
		if err != nil {
			return nil, err
		}
		for _, m := range messages {
			if w.known[m.ID] {
				return nil, fmt.Errorf("dashboard: %s: %s stands in another file too", path.Base(file), m.ID)
			}
			w.known[m.ID] = true
		}
		if err := bundle.AddMessages(language.MustParse(lang), messages...); err != nil {
			return nil, fmt.Errorf("dashboard: %s: %w", path.Base(file), err)
		}
	}
	w.localize = i18n.NewLocalizer(bundle, lang)
	return w, nil
}

// readWords reads a file: ids with a text, or with a text for each plural form. {name} stands for a value.
func readWords(file string) ([]*i18n.Message, error) {
	text, err := wordFiles.ReadFile(file)
	if err != nil {
		return nil, err
	}
	entries := make(map[string]any)
	if err := yaml.Unmarshal(text, &entries); err != nil {
		return nil, fmt.Errorf("dashboard: %s: %w", path.Base(file), err)
	}
	var messages []*i18n.Message
	for id, entry := range entries {
		m := &i18n.Message{ID: id}
		switch entry := entry.(type) {
		case string:
			m.Other = placed(entry)
		case map[string]any:
			forms := map[string]*string{"one": &m.One, "few": &m.Few, "many": &m.Many, "other": &m.Other}
			for form, text := range entry {
				into := forms[form]
				if into == nil {
					return nil, fmt.Errorf("dashboard: %s: %s has a form %q: want one, few, many or other", path.Base(file), id, form)
				}
				*into = placed(fmt.Sprint(text))
			}
		default:
			return nil, fmt.Errorf("dashboard: %s: %s is neither a text nor plural forms", path.Base(file), id)
		}
		messages = append(messages, m)
	}
	return messages, nil
}

func placed(text string) string { return placeholder.ReplaceAllString(text, "{{.$1}}") }

func (w *words) has(id string) bool { return w.known[id] }

// say is the word of an id. Arguments are pairs of name and value; the value of «count», a whole number, chooses the
// plural. An id that does not exist is shown as it is: a test finds those that are written anywhere.
func (w *words) say(id string, args ...any) string {
	c := &i18n.LocalizeConfig{MessageID: id}
	data := make(map[string]any, len(args)/2)
	for i := 0; i+1 < len(args); i += 2 {
		name := fmt.Sprint(args[i])
		data[name] = args[i+1]
		if name == "count" {
			c.PluralCount = args[i+1]
			data[name] = w.number(args[i+1])
		}
	}
	c.TemplateData = data
	text, err := w.localize.Localize(c)
	if err != nil && text == "" {
		return id
	}
	return text
}

// number writes a whole number with the language's separator of thousands.
func (w *words) number(n any) string {
	value, err := strconv.ParseInt(fmt.Sprint(n), 10, 64)
	if err != nil {
		return fmt.Sprint(n)
	}
	digits := strconv.FormatInt(value, 10)
	sign := ""
	if value < 0 {
		sign, digits = "-", digits[1:]
	}
	return sign + w.grouped(digits)
}

// grouped separates thousands: 1,000 in English, 1 000 with a space that does not break in Russian and Kyrgyz.
func (w *words) grouped(digits string) string {
	separator := "\u00a0"
	if w.lang == "en" {
		separator = ","
	}
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteString(separator)
		}
		b.WriteRune(d)
	}
	return b.String()
}

// sum writes a sum of minor units as people of the language do: 1,000.00 KGS or 1 000,00 KGS.
func (w *words) sum(amount int64, currency string) string {
	major, err := money.Major(amount, currency)
	if err != nil {
		return money.Format(amount, currency)
	}
	sign := ""
	if strings.HasPrefix(major, "-") {
		sign, major = "−", major[1:]
	}
	whole, fraction, hasFraction := strings.Cut(major, ".")
	if hasFraction {
		mark := ","
		if w.lang == "en" {
			mark = "."
		}
		fraction = mark + fraction
	}
	return sign + w.grouped(whole) + fraction + "\u00a0" + currency
}

// The forms of dates and times, which Russian and Kyrgyz share.
func (w *words) layouts() (day, moment string) {
	if w.lang == "en" {
		return "2 Jan 2006", "2 Jan 2006, 15:04:05"
	}
	return "02.01.2006", "02.01.2006 15:04:05"
}

func machineTime(at time.Time) string { return at.UTC().Format(time.RFC3339) }

// when shows a moment in the visitor's zone, to the second.
func (w *words) when(p *pageView, at time.Time) template.HTML {
	_, layout := w.layouts()
	return timeElement(at, at.In(p.visit.zone).Format(layout))
}

// day shows a date in the visitor's zone.
func (w *words) day(p *pageView, at time.Time) template.HTML {
	layout, _ := w.layouts()
	return timeElement(at, at.In(p.visit.zone).Format(layout))
}

// utc shows a moment in UTC, whose days are those of statements and reports.
func (w *words) utc(at time.Time) template.HTML {
	_, layout := w.layouts()
	return timeElement(at, at.UTC().Format(layout)+" UTC")
}

// ago shows how long ago a moment was, or how far off it is, with the moment itself as its title.
func (w *words) ago(p *pageView, at time.Time) template.HTML {
	if at.IsZero() {
		return timeElement(at, "")
	}
	between := p.Now().Sub(at)
	text := w.say("time.ago", "span", w.span(between.Abs()))
	if between < 0 {
		text = w.say("time.in", "span", w.span(between.Abs()))
	}
	_, layout := w.layouts()
	return template.HTML(`<time datetime="` + machineTime(at) + `" title="` + template.HTMLEscapeString(at.In(p.visit.zone).Format(layout)) + `">` +
		template.HTMLEscapeString(text) + `</time>`)
}

func timeElement(at time.Time, text string) template.HTML {
	if at.IsZero() {
		return "–"
	}
	return template.HTML(`<time datetime="` + machineTime(at) + `">` + template.HTMLEscapeString(text) + `</time>`)
}

// span writes a duration in its largest unit, of two units where the largest is small.
func (w *words) span(d time.Duration) string {
	switch {
	case d < time.Minute:
		return w.say("time.seconds", "count", int(d/time.Second))
	case d < time.Hour:
		return w.say("time.minutes", "count", int(d/time.Minute))
	case d < 48*time.Hour:
		hours := w.say("time.hours", "count", int(d/time.Hour))
		if minutes := int(d % time.Hour / time.Minute); minutes > 0 && d < 10*time.Hour {
			hours += " " + w.say("time.minutes", "count", minutes)
		}
		return hours
	}
	return w.say("time.days", "count", int(d/(24*time.Hour)))
}

// statusColours are the badges' colours.
var statusColours = map[payout.Status]string{
	payout.Processing: "blue", payout.Success: "green", payout.Decline: "red", payout.Reversed: "amber",
}

// status shows a payment's or operation's status as a badge: word and colour, never colour alone.
func (w *words) status(s payout.Status) template.HTML {
	return badgeOf(cmp.Or(statusColours[s], "grey"), w.wireStatus(s).either(), string(s))
}

// functions are what templates of this language may call.
func (w *words) functions() template.FuncMap {
	return template.FuncMap{
		"t": w.say, "number": w.number, "sum": w.sum, "when": w.when, "utc": w.utc, "advised": w.advised, "day": w.day, "ago": w.ago, "span": w.span, "status": w.status,
		"member": w.member, "value": w.value, "object": w.object, "code": w.code, "wireStatus": w.wireStatus, "methodTitle": w.methodTitle,
		"icon": icon, "input": newInput, "options": newOptions, "dict": dict, "list": func(items ...any) []any { return items },
		"major": func(amount int64, currency string) string {
			text, err := money.Major(amount, currency)
			if err != nil {
				return strconv.FormatInt(amount, 10)
			}
			return text
		},
	}
}
