package accept

import (
	_ "embed"
	"encoding/csv"
	"fmt"
	"strconv"
	"strings"

	"flashpay/internal/method"
)

// Table is a compiled field table: what a request may and must hold. It is safe for use by many goroutines.
type Table struct {
	root  *field
	rows  []Row
	index map[string]int // place of each path in rows
}

// columns are the first line of every field table.
const columns = "path,type,required,min_length,max_length,minimum,maximum,pattern,description"

// Row is one line of a field table as it stands in the file.
type Row struct {
	Path, Type  string
	Required    bool
	MinLength   string
	MaxLength   string
	Minimum     string
	Maximum     string
	Pattern     string // "format:" and a name, or a regular expression that matches the whole value
	Description string
}

// kind is the type that a field must have.
type kind uint8

const (
	object kind = iota
	array
	text
	integer
	boolean
)

var kinds = map[string]kind{"object": object, "array": array, "string": text, "integer": integer, "boolean": boolean}

// field is one compiled row.
type field struct {
	path     string
	name     string
	order    int // place in the table: faults are sorted by it
	kind     kind
	required bool
	bit      uint64            // among the required members of its object
	must     uint64            // object: the bits of all its required members
	children []*field          // object: in the table's order
	byName   map[string]*field // object
	item     *field            // array: what each of its elements is

	minLength, maxLength int // in code points, of an array in elements; maxLength -1: no limit
	minimum, maximum     int64
	bounded              bool // minimum and maximum count
	rangeWords           string
	fits                 func(string) bool // nil: anything
	want                 string            // what fits asks for, as words that continue «path …»
	codes                fieldCodes
	absent               Fault // of a required member that is not there
	digitsTaken          bool  // a string of digits is taken for an integer
	integerTaken         bool  // an integer is taken for a string
}

//go:embed gate-payout-fields.csv
var payoutCSV string

// Payout is the field table of payouts, the same for every method (gate-payout-fields.csv).
var Payout = MustParseTable(payoutCSV)

// MustParseTable is ParseTable for embedded tables: it panics on an error.
func MustParseTable(text string) *Table {
	t, err := ParseTable(text)
	if err != nil {
		panic("accept: embedded field table: " + err.Error())
	}
	return t
}

// ParseTable compiles a field table: CSV with the columns path, type, required, min_length, max_length, minimum,
// maximum, pattern, description. A parent stands before its members; the elements of an array «a» have the path
// «a.[]». Errors name the line.
func ParseTable(text string) (*Table, error) {
	records, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("field table: %w", err)
	}
	if len(records) == 0 || strings.Join(records[0], ",") != columns {
		return nil, fmt.Errorf("field table: line 1 must be %s", columns)
	}
	t := &Table{root: newObject("", -1), index: make(map[string]int)}
	fields := map[string]*field{"": t.root}
	for i, r := range records[1:] {
		row := Row{
			Path: r[0], Type: r[1], Required: r[2] == "yes", MinLength: r[3], MaxLength: r[4], Minimum: r[5],
			Maximum: r[6], Pattern: r[7], Description: r[8],
		}
		if err := t.add(fields, row, r[2]); err != nil {
			return nil, fmt.Errorf("field table: line %d: %w", i+2, err)
		}
	}
	return t, nil
}

// Rows returns the table's lines in order; callers only read them.
func (t *Table) Rows() []Row { return t.rows }

func newObject(path string, order int) *field {
	return &field{path: path, order: order, kind: object, byName: make(map[string]*field)}
}

func (t *Table) add(fields map[string]*field, row Row, required string) error {
	f, err := compile(row, len(t.rows))
	if err != nil {
		return err
	}
	if required != "yes" && required != "no" {
		return fmt.Errorf("required is %q, want yes or no", required)
	}
	if _, twice := fields[f.path]; twice {
		return fmt.Errorf("%s stands twice", f.path)
	}
	above := ""
	f.name = f.path
	if dot := strings.LastIndexByte(f.path, '.'); dot >= 0 {
		above, f.name = f.path[:dot], f.path[dot+1:]
	}
	parent, ok := fields[above]
	switch {
	case !ok:
		return fmt.Errorf("%s stands before %s", f.path, above)
	case parent.kind == array && f.name == "[]" && parent.item == nil:
		parent.item = f
	case parent.kind == object && f.name != "[]":
		if err := parent.adopt(f); err != nil {
			return err
		}
	default:
		return fmt.Errorf("%s cannot hold %s", above, f.name)
	}
	f.digitsTaken = f.name == "project_id" || f.path == "payment.amount" || f.path == "payment_method_list.[].amount"
	f.integerTaken = f.name == "payment_id"
	fields[f.path] = f
	t.index[f.path] = f.order
	t.rows = append(t.rows, row)
	return nil
}

func (f *field) adopt(child *field) error {
	if child.required {
		child.bit = f.must + 1 // the lowest bit that is free, since must is a row of ones
		if child.bit == 0 {
			return fmt.Errorf("%s has more than 64 required members", f.path)
		}
		f.must |= child.bit
	}
	f.children = append(f.children, child)
	f.byName[child.name] = child
	return nil
}

func compile(row Row, order int) (*field, error) {
	f := newObject(row.Path, order)
	var ok bool
	if f.kind, ok = kinds[row.Type]; !ok {
		return nil, fmt.Errorf("type is %q, want object, array, string, integer or boolean", row.Type)
	}
	f.required = row.Required
	f.codes = codesFor(row.Path)
	f.absent = missing(f)
	if err := f.readLimits(row); err != nil {
		return nil, err
	}
	return f, f.readPattern(row.Pattern)
}

func (f *field) readLimits(row Row) error {
	f.maxLength = -1
	var err error
	if row.MinLength != "" {
		if f.minLength, err = strconv.Atoi(row.MinLength); err != nil {
			return fmt.Errorf("min_length: %w", err)
		}
	}
	if row.MaxLength != "" {
		if f.maxLength, err = strconv.Atoi(row.MaxLength); err != nil {
			return fmt.Errorf("max_length: %w", err)
		}
	}
	f.minimum, f.maximum = -1<<63, 1<<63-1
	f.bounded = row.Minimum != "" || row.Maximum != ""
	if row.Minimum != "" {
		if f.minimum, err = strconv.ParseInt(row.Minimum, 10, 64); err != nil {
			return fmt.Errorf("minimum: %w", err)
		}
		f.rangeWords = " not below " + row.Minimum
	}
	if row.Maximum != "" {
		if f.maximum, err = strconv.ParseInt(row.Maximum, 10, 64); err != nil {
			return fmt.Errorf("maximum: %w", err)
		}
		f.rangeWords = " not above " + row.Maximum
	}
	if row.Minimum != "" && row.Maximum != "" {
		f.rangeWords = " from " + row.Minimum + " to " + row.Maximum
	}
	return nil
}

func (f *field) readPattern(pattern string) error {
	if pattern == "" {
		return nil
	}
	if name, ok := strings.CutPrefix(pattern, "format:"); ok {
		form, known := formats[name]
		if !known {
			return fmt.Errorf("format %q is not known", name)
		}
		f.fits, f.want = form.ok, "must be "+form.want
		return nil
	}
	var err error
	f.fits, err = method.CompilePattern(pattern)
	f.want = "must match " + pattern
	return err
}

// Row finds a line of the table by its path; ok is false where there is none.
func (t *Table) Row(path string) (row Row, ok bool) {
	i, ok := t.index[path]
	if !ok {
		return Row{}, false
	}
	return t.rows[i], true
}

// Known tells whether the table has the path, for those who read method files.
func (t *Table) Known(path string) bool {
	_, ok := t.index[path]
	return ok
}
