package rates

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"golang.org/x/text/encoding/charmap"

	"flashpay/internal/money"
)

// MaxFile is how large a file of rates can be: that of the ECB's 90 days has some 200 KB.
const MaxFile = 4 << 20

// ErrNotRates is wrapped where a file holds no rates at all, such as the page that a bank's site shows while it is being
// maintained, although it answers 200.
var ErrNotRates = errors.New("this is no file of rates")

// File is what a source's file says.
type File struct {
	Quotes  []Quote
	Skipped []string // codes that are no currencies in use, such as XDR

	seen map[moment]money.Decimal
}

// moment is what a file says one thing of.
type moment struct {
	base, term string
	from       time.Time
}

// Read reads a file of a source. Errors say where it is wrong; then nothing of it holds.
func Read(source Source, content []byte) (*File, error) {
	if len(content) > MaxFile {
		return nil, fmt.Errorf("%w: it has more than %d MiB", ErrNotRates, MaxFile>>20)
	}
	if isPage(content) {
		return nil, fmt.Errorf("%w but an HTML page; the site may be under maintenance: try again later", ErrNotRates)
	}
	var r reader
	switch source {
	case NBKR:
		r = &nbkr{}
	case ECB:
		r = &ecb{}
	default:
		return nil, fmt.Errorf("source %q has no files: want %s or %s", source, NBKR, ECB)
	}
	f := &File{seen: make(map[moment]money.Decimal)}
	if err := walk(content, r, f); err != nil {
		return nil, err
	}
	if len(f.Quotes) == 0 {
		return nil, fmt.Errorf("%w: there is none in it", ErrNotRates)
	}
	return f, nil
}

// isPage tells whether a file is a web page.
func isPage(content []byte) bool {
	head := bytes.TrimLeft(bytes.TrimPrefix(content, []byte("\xef\xbb\xbf")), " \t\r\n")
	head = bytes.ToLower(head[:min(len(head), 4096)])
	return bytes.HasPrefix(head, []byte("<!doctype html")) || bytes.Contains(head, []byte("<html"))
}

// reader takes a file's elements one after the other. The document's own is the first.
type reader interface {
	open(e *xml.StartElement) error
	close(name string, text string, f *File) error
}

func walk(content []byte, r reader, f *File) error {
	d := xml.NewDecoder(bytes.NewReader(content))
	d.CharsetReader = decode
	var text strings.Builder
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		line, _ := d.InputPos()
		switch t := token.(type) {
		case xml.StartElement:
			text.Reset()
			err = r.open(&t)
		case xml.CharData:
			text.Write(t)
		case xml.EndElement:
			err = r.close(t.Name.Local, strings.TrimSpace(text.String()), f)
			text.Reset()
		}
		var syntax *xml.SyntaxError
		switch {
		case errors.As(err, &syntax):
			return fmt.Errorf("%w: line %d: %s", ErrNotRates, syntax.Line, syntax.Msg)
		case err != nil:
			return fmt.Errorf("line %d: %w", line, err)
		}
	}
}

// decode reads the encodings that sources declare.
func decode(charset string, in io.Reader) (io.Reader, error) {
	switch strings.ToLower(charset) {
	case "windows-1251", "cp1251":
		return charmap.Windows1251.NewDecoder().Reader(in), nil
	case "utf-8", "us-ascii", "":
		return in, nil
	}
	return nil, fmt.Errorf("encoding %q: want windows-1251 or utf-8", charset)
}

// add takes a quote. A code that is no currency in use is skipped; one that stands twice must say the same.
func (f *File) add(q Quote) error {
	for _, code := range []string{q.Base, q.Term} {
		if len(code) == 3 && strings.ToUpper(code) == code && !money.Valid(code) {
			f.Skipped = append(f.Skipped, code)
			return nil
		}
	}
	if err := q.Check(); err != nil {
		return err
	}
	at := moment{q.Base, q.Term, q.ValidFrom}
	if have, twice := f.seen[at]; twice {
		if have.Cmp(q.Value) != 0 {
			return fmt.Errorf("%s/%s stands twice, as %s and as %s", q.Base, q.Term, have, q.Value)
		}
		return nil
	}
	f.seen[at] = q.Value
	f.Quotes = append(f.Quotes, q)
	return nil
}

// number reads a decimal with a comma or a point, as banks' files have it.
func number(text string) (money.Decimal, error) {
	return money.ParseDecimal(strings.Replace(text, ",", ".", 1))
}

// attribute is the value of an element's attribute; empty where it has none.
func attribute(e *xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return strings.TrimSpace(a.Value)
		}
	}
	return ""
}

// bishkek is the zone of the National Bank's days. It has had no summer time since 2005.
var bishkek = time.FixedZone("+06", 6*60*60)

// nbkr reads the daily and the weekly file of the National Bank of the Kyrgyz Republic:
//
//	<CurrencyRates Name="Daily Exchange Rates" Date="23.05.2026">
//	  <Currency ISOCode="USD"><Nominal>1</Nominal><Value>87,4500</Value></Currency>
//
// The date is the day from whose begin in Bishkek the rates hold.
type nbkr struct {
	begun          bool
	series         Series
	from           time.Time
	code           string
	nominal, value string
}

func (n *nbkr) open(e *xml.StartElement) error {
	switch {
	case !n.begun && e.Name.Local != "CurrencyRates":
		return fmt.Errorf("%w of the National Bank: it begins with <%s>, not with <CurrencyRates>", ErrNotRates, e.Name.Local)
	case !n.begun:
		n.begun = true
		return n.begin(attribute(e, "Name"), attribute(e, "Date"))
	case e.Name.Local == "Currency":
		n.code, n.nominal, n.value = attribute(e, "ISOCode"), "", ""
	}
	return nil
}

func (n *nbkr) begin(name, date string) (err error) {
	switch word, _, _ := strings.Cut(strings.ToLower(name), " "); Series(word) {
	case Daily, Weekly:
		n.series = Series(word)
	default:
		return fmt.Errorf("the rates are called %q: want daily or weekly ones", name)
	}
	if n.from, err = time.ParseInLocation("02.01.2006", date, bishkek); err != nil {
		return fmt.Errorf("date %q: want one such as 23.05.2026", date)
	}
	n.from = n.from.UTC()
	return nil
}

func (n *nbkr) close(name, text string, f *File) error {
	switch name {
	case "Nominal":
		n.nominal = text
	case "Value":
		n.value = text
	case "Currency":
		value, err := number(n.value)
		if err != nil {
			return fmt.Errorf("value of %s: %w", n.code, err)
		}
		if !strings.HasPrefix(n.nominal, "1") || strings.Trim(n.nominal[1:], "0") != "" || len(n.nominal) > 6 {
			return fmt.Errorf("nominal %q of %s: want 1, 10, 100 and so on", n.nominal, n.code)
		}
		return f.add(Quote{
			Source: NBKR, Series: n.series, Base: n.code, Term: NBKR.Base(), Value: value.Shift(1 - len(n.nominal)), ValidFrom: n.from,
		})
	}
	return nil
}

// ecbHour is when the European Central Bank's rates of a day hold, in UTC: they are published around 16:00 in Frankfurt.
const ecbHour = 15 * time.Hour

// ecb reads the daily and the 90-day file of the European Central Bank: in an envelope
//
//	<Cube><Cube time='2026-05-22'><Cube currency='USD' rate='1.0876'/>…</Cube>…</Cube>
type ecb struct {
	begun bool
	from  time.Time
	quote *Quote
}

func (c *ecb) open(e *xml.StartElement) error {
	if !c.begun {
		c.begun = true
		if e.Name.Local != "Envelope" {
			return fmt.Errorf("%w of the European Central Bank: it begins with <%s>, not with <Envelope>", ErrNotRates, e.Name.Local)
		}
	}
	day, code := attribute(e, "time"), attribute(e, "currency")
	switch {
	case e.Name.Local != "Cube":
	case day != "":
		from, err := time.Parse(time.DateOnly, day)
		if err != nil {
			return fmt.Errorf("time %q: want a day such as 2026-05-22", day)
		}
		c.from = from.Add(ecbHour)
	case code != "" && c.from.IsZero():
		return fmt.Errorf("the rate of %s has no day", code)
	case code != "":
		value, err := number(attribute(e, "rate"))
		if err != nil {
			return fmt.Errorf("rate of %s: %w", code, err)
		}
		c.quote = &Quote{Source: ECB, Series: Daily, Base: ECB.Base(), Term: code, Value: value, ValidFrom: c.from}
	}
	return nil
}

func (c *ecb) close(_, _ string, f *File) error {
	q := c.quote
	c.quote = nil
	if q == nil {
		return nil
	}
	return f.add(*q)
}
