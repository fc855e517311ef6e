package method

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

//go:embed files/*.yaml
var embedded embed.FS

// Gate's own limits of payment.amount (gate-payout-fields.csv); a method that names none has these.
const (
	gateMinAmount = 1
	gateMaxAmount = 10_000_000_000_000
)

// Registry is a fixed set of methods; it may be shared.
type Registry struct {
	byPath map[string]*Method
	sorted []*Method
}

// Get finds a method by its path, such as "bank-transfer/kyrgyzstan", enabled or not.
func (r *Registry) Get(path string) (m *Method, ok bool) {
	m, ok = r.byPath[path]
	return m, ok
}

// All lists the methods by path, disabled ones among them. The slice is shared: callers only read it.
func (r *Registry) All() []*Method { return r.sorted }

// Load reads the methods that ship with the program, then those of each directory, where a file with the path of an
// earlier method replaces it whole. Every file that ends in .yaml or .yml counts, in folders below too.
//
// known tells which request fields exist, by path ("account.number"); nil takes any. Files are read strictly, and an
// error names every fault of every file with its line and says what to do.
func Load(known func(path string) bool, dirs ...fs.FS) (*Registry, error) {
	shipped, err := fs.Sub(embedded, "files")
	if err != nil {
		return nil, fmt.Errorf("methods that ship with the program: %w", err)
	}
	r := &Registry{byPath: make(map[string]*Method)}
	var faults []error
	for _, dir := range append([]fs.FS{shipped}, dirs...) {
		if err := r.readDir(dir, known); err != nil {
			faults = append(faults, err)
		}
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	for _, m := range r.byPath {
		r.sorted = append(r.sorted, m)
	}
	slices.SortFunc(r.sorted, func(a, b *Method) int { return strings.Compare(a.Path, b.Path) })
	return r, nil
}

// readDir adds the methods of one directory; two files of one directory may not name the same method.
func (r *Registry) readDir(dir fs.FS, known func(string) bool) error {
	var faults []error
	fileOf := make(map[string]string)
	files := 0
	err := fs.WalkDir(dir, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return fmt.Errorf("reading %s: %w", name, err)
		}
		if ext := path.Ext(name); entry.IsDir() || (ext != ".yaml" && ext != ".yml") {
			return nil
		}
		files++
		text, err := fs.ReadFile(dir, name)
		if err != nil {
			return fmt.Errorf("method file %s: %w", name, err)
		}
		m, err := Parse(name, text, known)
		if err != nil {
			faults = append(faults, err)
			return nil
		}
		if other, taken := fileOf[m.Path]; taken {
			faults = append(faults, fmt.Errorf("method files %s and %s both describe %s: keep one", other, name, m.Path))
			return nil
		}
		fileOf[m.Path] = name
		r.byPath[m.Path] = m
		return nil
	})
	if err == nil && files == 0 {
		err = errors.New("no method file: a method is a file that ends in .yaml")
	}
	return errors.Join(append(faults, err)...)
}

// Parse reads the text of one method file and checks everything that it says; name is for its errors.
// Unknown and repeated keys are refused. For known see Load.
func Parse(name string, text []byte, known func(path string) bool) (*Method, error) {
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		return nil, syntaxError(name, err)
	}
	body, err := onlyDocument(name, file)
	if err != nil {
		return nil, err
	}
	if err := noEmptyKeys(name, body); err != nil {
		return nil, err
	}
	var shape fileShape
	if err := yaml.NodeToValue(body, &shape, yaml.Strict()); err != nil {
		return nil, syntaxError(name, err)
	}
	c := checker{known: known}
	c.checkFile(&shape)
	if len(c.faults) > 0 {
		return nil, c.errorOf(name, body)
	}
	m := build(&shape)
	m.prepare()
	return m, nil
}

// onlyDocument gives the one document of a file.
func onlyDocument(name string, file *ast.File) (ast.Node, error) {
	var bodies []ast.Node
	for _, doc := range file.Docs {
		if doc.Body != nil {
			bodies = append(bodies, doc.Body)
		}
	}
	switch len(bodies) {
	case 0:
		return nil, fmt.Errorf("method file %s is empty: describe a method in it or remove it", name)
	case 1:
		return bodies[0], nil
	default:
		return nil, fmt.Errorf("method file %s, line %d: a second document: keep one method in a file",
			name, bodies[1].GetToken().Position.Line)
	}
}

// noEmptyKeys refuses keys without a value: a limit that somebody forgot to fill in must not become the default.
func noEmptyKeys(name string, body ast.Node) error {
	var faults []error
	for _, n := range ast.Filter(ast.NullType, body) {
		faults = append(faults, fmt.Errorf("method file %s, line %d: a key without a value: give it one or remove the key",
			name, n.GetToken().Position.Line))
	}
	return errors.Join(faults...)
}

// syntaxError says where the YAML reader stopped, why, and what to do.
func syntaxError(name string, err error) error {
	var m *misfit
	if errors.As(err, &m) {
		return fmt.Errorf("method file %s, %w", name, m)
	}
	var e yaml.Error
	if !errors.As(err, &e) || e.GetToken() == nil || e.GetToken().Position == nil {
		return fmt.Errorf("method file %s: %w", name, err)
	}
	text := e.GetMessage() + ": correct it"
	var unknown *yaml.UnknownFieldError
	var typed *yaml.TypeError
	switch {
	case errors.As(err, &unknown):
		text = e.GetMessage() + ": correct its spelling or remove it"
	case errors.As(err, &typed):
		text = wrongType(typed)
	}
	return fmt.Errorf("method file %s, line %d: %s", name, e.GetToken().Position.Line, text)
}

// build makes the method of a shape that was checked.
func build(s *fileShape) *Method {
	group, name, _ := strings.Cut(s.Path, "/")
	m := &Method{
		Path: s.Path, Group: group, Name: name, Title: s.Title, Country: s.Country, Enabled: *s.Enabled,
		Threshold: time.Duration(s.Threshold), BaseTime: time.Duration(s.BaseTime),
		AccountCheck: s.AccountCheck, Notes: s.Notes,
	}
	for _, c := range s.Currencies {
		m.Currencies = append(m.Currencies, Currency{
			Code: c.Code, Min: c.Min.or(gateMinAmount), Max: c.Max.or(gateMaxAmount), Step: c.Step.or(1),
		})
	}
	for _, r := range s.Rules {
		m.Rules = append(m.Rules, Rule{
			Path: r.Path, Required: r.Required, MaxLength: int(r.MaxLength.or(0)),
			Pattern: r.Pattern, Values: r.Values, Currencies: r.Currencies,
		})
	}
	if s.Banks == nil {
		return m
	}
	m.Banks = make([]Bank, 0, len(*s.Banks)) // empty is not nil: the method has a bank list
	for _, b := range *s.Banks {
		m.Banks = append(m.Banks, Bank{
			ID: int64(b.ID), Abbr: b.Abbr, Name: b.Name, NativeName: b.NativeName,
			Min: int64(b.Min), Max: b.Max.or(bankMaxAmount), LimitCurrency: b.LimitCurrency, Currencies: b.Currencies,
		})
	}
	return m
}
