package record

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"time"

	"flashpay/internal/payout"
)

// Kind says what a value is, for whoever writes it down.
type Kind uint8

// The kinds of values.
const (
	Text   Kind = iota // as it is
	Number             // Value.Amount, a plain number
	Moment             // Value.At; the zero time is empty
	Sum                // Value.Amount in minor units of Value.Currency
	Object             // Value.Amount and Value.Currency as one object {amount, currency}
)

// Value is what a record has in a column.
type Value struct {
	Kind     Kind
	Text     string
	At       time.Time
	Amount   int64
	Currency string
}

// Fields says which parts of a record a column is taken from: who reads records need not read the others.
type Fields uint8

// The parts of a record that cost something to read. Everything else always comes.
const (
	Texts    Fields = 1 << iota // description, customer's id, masked account, request's id, titles
	Bank                        // what the provider said: its payment id, the code of authorisation
	Request                     // what stands in the sealed request, which is opened for it
	Terms                       // which balance pays, and the fee
	Uploaded                    // what of a row of a mass payout stands in its file alone
)

// Column is a column over records of type T.
type Column[T any] struct {
	Name        string
	Type        string // on the wire: string, integer, number or object
	Required    bool   // the Data API answers it where no columns are asked for
	Description string
	Needs       Fields
	Absent      bool // nothing that the platform knows goes there: its values are empty

	take func(*T) Value
}

// Of makes a column of a list that is not among those here.
func Of[T any](name string, take func(*T) Value) Column[T] { return Column[T]{Name: name, take: take} }

// Value is what a record has in the column.
func (c *Column[T]) Value(of *T) Value {
	if c.take == nil {
		return Value{}
	}
	return c.take(of)
}

// Table is the columns of one list, in their order.
type Table[T any] []Column[T]

// Find returns a column by its name.
func (t Table[T]) Find(name string) (*Column[T], bool) {
	i := slices.IndexFunc(t, func(c Column[T]) bool { return c.Name == name })
	if i < 0 {
		return nil, false
	}
	return &t[i], true
}

// Choose returns the columns of these names, in the order of the names. The error names one that there is not, or that
// stands twice.
func (t Table[T]) Choose(names []string) ([]*Column[T], error) {
	out := make([]*Column[T], 0, len(names))
	for i, name := range names {
		c, ok := t.Find(name)
		if !ok {
			return nil, fmt.Errorf("%q is no column", name)
		}
		if slices.Contains(names[:i], name) {
			return nil, fmt.Errorf("column %q stands twice", name)
		}
		out = append(out, c)
	}
	return out, nil
}

// Needs is what the columns are taken from, all together.
func Needs[T any](columns []*Column[T]) (all Fields) {
	for _, c := range columns {
		all |= c.Needs
	}
	return all
}

func text(s string) Value { return Value{Text: s} }

func number(n int64) Value { return Value{Kind: Number, Amount: n} }

// digits is a number that is text on the wire.
func digits(n int64) Value { return text(strconv.FormatInt(n, 10)) }

// id is digits of what may not be there: 0 is empty.
func id(n int64) Value {
	if n == 0 {
		return Value{}
	}
	return digits(n)
}

func moment(at time.Time) Value { return Value{Kind: Moment, At: at} }

func sum(amount int64, currency string) Value {
	return Value{Kind: Sum, Amount: amount, Currency: currency}
}

func codeText(code int) Value { return text(codes.of(code)) }

// codeTexts spares a format for each row.
type codeTexts map[int]string

var codes = codeTexts{payout.CodeSuccess: "0", payout.CodeAwaiting: "29999"}

func (c codeTexts) of(code int) string { return cmp.Or(c[code], strconv.Itoa(code)) }
