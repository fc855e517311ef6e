package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// source is a package that is mutated.
type source struct {
	folder  string
	paths   []string // of its files
	texts   map[string][]byte
	trees   map[string]*ast.File
	files   *token.FileSet
	info    *types.Info
	pkg     *types.Package
	exports map[string]string // by import path, the files of what it imports
}

// load reads a package and finds its types.
func load(folder string) (*source, error) {
	s := &source{folder: folder, texts: make(map[string][]byte), exports: make(map[string]string)}
	full, err := filepath.Abs(folder)
	if err != nil {
		return nil, err
	}
	// The standard packages are those that the gates need.
	const members = "-json=ImportPath,Export,GoFiles,Dir"
	out, err := exec.Command("go", "list", "-export", "-deps", members, "./"+filepath.Clean(folder), "os", "strconv", "sync/atomic").Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct {
			ImportPath, Export, Dir string
			GoFiles                 []string
		}
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, err
		}
		s.exports[p.ImportPath] = p.Export
		if p.Dir != full {
			continue
		}
		for _, name := range p.GoFiles {
			path := filepath.Join(folder, name)
			if s.texts[path], err = os.ReadFile(path); err != nil {
				return nil, err
			}
			s.paths = append(s.paths, path)
		}
	}
	var faults []types.Error
	s.trees, s.files, s.info, s.pkg, faults, err = s.check(s.texts, "")
	if err == nil && len(faults) > 0 {
		err = faults[0]
	}
	return s, err
}

// check parses texts of the package's files, and one more, and finds their types.
func (s *source) check(texts map[string][]byte, more string) (map[string]*ast.File, *token.FileSet, *types.Info, *types.Package, []types.Error, error) {
	files, trees := token.NewFileSet(), make(map[string]*ast.File)
	var list []*ast.File
	for _, path := range s.paths {
		tree, err := parser.ParseFile(files, path, texts[path], parser.SkipObjectResolution)
		if err != nil {
			return nil, nil, nil, nil, nil, err
		}
		trees[path], list = tree, append(list, tree)
	}
	if more != "" {
		tree, err := parser.ParseFile(files, "more.go", more, parser.SkipObjectResolution)
		if err != nil {
			return nil, nil, nil, nil, nil, err
		}
		list = append(list, tree)
	}
	var faults []types.Error
	config := types.Config{
		Importer: importer.ForCompiler(files, "gc", func(path string) (io.ReadCloser, error) { return os.Open(s.exports[path]) }),
		Error: func(err error) {
			var fault types.Error
			if errors.As(err, &fault) {
				faults = append(faults, fault)
			}
		},
	}
	info := &types.Info{Types: make(map[ast.Expr]types.TypeAndValue), Uses: make(map[*ast.Ident]types.Object)}
	pkg, _ := config.Check(s.folder, files, list, info) // what it finds is in faults
	return trees, files, info, pkg, faults, nil
}

// gatesFile is what the gates call. A mutant's number is given by the environment, and those that are reached are written
// to a file.
const gatesFile = `package %s

import (
	"os"
	"strconv"
	"sync/atomic"
)

var (
	mutantNumber, _ = strconv.Atoi(os.Getenv("MUTANT"))
	mutantReached   [%d]atomic.Bool
	mutantLog       = func() *os.File {
		f, _ := os.OpenFile(os.Getenv("MUTANTS_REACHED"), os.O_APPEND|os.O_WRONLY, 0)
		return f
	}()
)

func mutant(n int) bool {
	if mutantLog != nil && !mutantReached[n].Swap(true) {
		_, _ = mutantLog.WriteString(strconv.Itoa(n) + "\n")
	}
	return n == mutantNumber
}

func mutantFault(n int, err error) error {
	if mutant(n) {
		return nil
	}
	return err
}

type mutantType interface {
	~int | ~int8 | ~int16 | ~int32 | ~int64 | ~uint | ~uint8 | ~uint16 | ~uint32 | ~uint64 | ~uintptr | ~float32 | ~float64
}

func mutantPlus[T mutantType](n int, a, b T) T {
	if mutant(n) {
		return a - b
	}
	return a + b
}

func mutantMinus[T mutantType](n int, a, b T) T {
	if mutant(n) {
		return a + b
	}
	return a - b
}

func mutantRaised[T mutantType](n int, a T) T {
	if mutant(n) {
		return a + 1
	}
	return a
}

var _, _, _, _ = mutantFault, mutantPlus[int], mutantMinus[int], mutantRaised[int]
`

// build writes the package with all mutants that can be built in together, each behind its gate, and the overlay that has
// the compiler read it. Where the compiler would not take a gate, its mutant loses it, and is built by itself.
func (s *source) build(all []*mutant, dir string) (overlay string, err error) {
	more := fmt.Sprintf(gatesFile, s.pkg.Name(), len(all)+1)
	for {
		texts := s.gated(all)
		_, files, _, _, faults, err := s.check(texts, more)
		if err != nil {
			return "", err
		}
		if len(faults) == 0 {
			return s.write(texts, more, dir)
		}
		lost := 0
		for _, fault := range faults {
			at := files.Position(fault.Pos)
			lost += ungate(all, at.Filename, at.Line)
		}
		if lost == 0 {
			return "", faults[0]
		}
	}
}

// ungate takes the gates of a line away; where it has none, those of the function's lines above.
func ungate(all []*mutant, path string, line int) (n int) {
	for _, m := range all {
		if m.File == path && m.Line == line && m.gate != nil {
			m.gate = nil
			n++
		}
	}
	if n > 0 || line == 0 {
		return n
	}
	return ungate(all, path, line-1)
}

// gated is the package's text with all gates. No line moves.
func (s *source) gated(all []*mutant) map[string][]byte {
	type piece struct {
		at, side, order, seq int
		text                 string
		skip                 int
	}
	pieces := make(map[string][]piece)
	for i, m := range all {
		if m.gate == nil {
			continue
		}
		g, number := m.gate, fmt.Sprint(i+1)
		put := func(p piece) {
			p.text = strings.Replace(p.text, "%d", number, 1)
			pieces[m.File] = append(pieces[m.File], p)
		}
		put(piece{at: g.to, side: 0, order: -g.from, seq: -i, text: g.after})
		put(piece{at: g.from, side: 2, order: -g.to, seq: i, text: g.before})
		if g.operator > 0 {
			put(piece{at: g.operator, side: 1, text: ",", skip: 1})
		}
	}
	out := make(map[string][]byte)
	for path, text := range s.texts {
		slices.SortFunc(pieces[path], func(a, b piece) int {
			return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.side, b.side), cmp.Compare(a.order, b.order), cmp.Compare(a.seq, b.seq))
		})
		var b bytes.Buffer
		done := 0
		for _, p := range pieces[path] {
			b.Write(text[done:p.at])
			b.WriteString(p.text)
			done = p.at + p.skip
		}
		b.Write(text[done:])
		out[path] = b.Bytes()
	}
	return out
}

// write writes texts, and one more file of the package, beside an overlay that puts them in the place of its own.
func (s *source) write(texts map[string][]byte, more, dir string) (overlay string, err error) {
	replace := make(map[string]string)
	put := func(path string, text []byte) {
		full, e := filepath.Abs(path)
		name := filepath.Join(dir, fmt.Sprintf("%d.go", len(replace)))
		replace[full] = name
		err = errors.Join(err, e, os.WriteFile(name, text, 0o600))
	}
	for _, path := range s.paths {
		put(path, texts[path])
	}
	if more != "" {
		put(filepath.Join(s.folder, "mutant_gates.go"), []byte(more))
	}
	overlay = filepath.Join(dir, "overlay.json")
	text, e := json.Marshal(map[string]map[string]string{"Replace": replace})
	return overlay, errors.Join(err, e, os.WriteFile(overlay, text, 0o600))
}
