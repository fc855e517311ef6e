package method

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"

	"flashpay/internal/account"
)

// fileShape is a method's file as YAML has it; its keys mean what the fields of Method, Currency, Rule and Bank mean.
type fileShape struct {
	Path         string          `yaml:"path"`
	Title        string          `yaml:"title"`
	Enabled      *bool           `yaml:"enabled"`
	Country      string          `yaml:"country"`
	Currencies   []currencyShape `yaml:"currencies"`
	Threshold    span            `yaml:"threshold"`
	BaseTime     span            `yaml:"base_time"`
	AccountCheck account.Policy  `yaml:"account_check"`
	Rules        []ruleShape     `yaml:"rules"`
	Banks        *[]bankShape    `yaml:"banks"`
	Notes        string          `yaml:"notes"`
}

type currencyShape struct {
	Code string   `yaml:"code"`
	Min  *integer `yaml:"min"`  // absent: Gate's own minimum
	Max  *integer `yaml:"max"`  // absent: Gate's own maximum
	Step *integer `yaml:"step"` // absent: 1
}

type ruleShape struct {
	Path       string   `yaml:"path"`
	Required   bool     `yaml:"required"`
	MaxLength  *integer `yaml:"max_length"`
	Pattern    string   `yaml:"pattern"`
	Values     []string `yaml:"values"`
	Currencies []string `yaml:"currencies"`
}

type bankShape struct {
	ID            integer  `yaml:"id"`
	Abbr          string   `yaml:"abbr"`
	Name          string   `yaml:"name"`
	NativeName    string   `yaml:"native_name"`
	Min           integer  `yaml:"min"`
	Max           *integer `yaml:"max"` // absent: the largest that the bank list can show
	LimitCurrency string   `yaml:"limit_currency"`
	Currencies    []string `yaml:"currencies"`
}

// integer is a whole number. The YAML reader itself would cut 15.5 to 15 without a word, and a limit is money.
type integer int64

// UnmarshalYAML takes plain decimal integers only.
func (n *integer) UnmarshalYAML(node ast.Node) error {
	text := node.GetToken().Value
	v, err := strconv.ParseInt(text, 10, 64)
	if err != nil || node.Type() != ast.IntegerType {
		return misfitAt(node, fmt.Sprintf("%q: want a whole number in digits only; sums are in minor units, so 15.00 is 1500", text))
	}
	*n = integer(v)
	return nil
}

// or is the number, or otherwise where the file has none.
func (n *integer) or(otherwise int64) int64 {
	if n == nil {
		return otherwise
	}
	return int64(*n)
}

// span is a length of time, written as 24h or 90m.
type span time.Duration

// UnmarshalYAML takes what time.ParseDuration takes.
func (s *span) UnmarshalYAML(node ast.Node) error {
	text := node.GetToken().Value
	v, err := time.ParseDuration(text)
	if err != nil {
		return misfitAt(node, fmt.Sprintf("%q: want a time such as 24h or 90m", text))
	}
	*s = span(v)
	return nil
}

// String writes the time as 24h0m0s.
func (s span) String() string { return time.Duration(s).String() }

// misfit is a value that does not fit its key.
type misfit struct {
	line int
	text string
}

func (m *misfit) Error() string { return fmt.Sprintf("line %d: %s", m.line, m.text) }

func misfitAt(node ast.Node, text string) error {
	return &misfit{line: node.GetToken().Position.Line, text: text}
}

// wrongType words a value of the wrong type without the names of Go.
func wrongType(e *yaml.TypeError) string {
	return fmt.Sprintf("a %s stands where a %s belongs: correct it", typeWord(e.SrcType), typeWord(e.DstType))
}

func typeWord(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Slice, reflect.Array:
		return "list"
	case reflect.Struct, reflect.Map:
		return "mapping"
	case reflect.String:
		return "text"
	default:
		return strings.TrimPrefix(t.Kind().String(), "u")
	}
}
