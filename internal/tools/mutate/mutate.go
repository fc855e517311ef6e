package main

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"path/filepath"
	"strconv"
	"strings"
)

// mutant is a small fault in a file: the text between two offsets is replaced.
type mutant struct {
	File     string // path
	Func     string // the function that it is in; empty: none
	Line     int
	What     string // in words
	Was      string // the text that it changes
	from, to int    // offsets in bytes
	text     string
	gate     *gate // nil: it must be built by itself
}

// gate is how a mutant is built in beside all others: text before and after a node, which the node's own text, with the
// gates of what is within it, stays between. A %d stands for the mutant's number.
type gate struct {
	from, to      int
	before, after string
	operator      int // offset of an operator of one byte that becomes a comma; 0: none
}

// other is what an operator is replaced by.
var other = map[token.Token]token.Token{
	token.LSS: token.LEQ, token.LEQ: token.LSS, token.GTR: token.GEQ, token.GEQ: token.GTR, token.EQL: token.NEQ, token.NEQ: token.EQL,
	token.LAND: token.LOR, token.LOR: token.LAND, token.ADD: token.SUB, token.SUB: token.ADD,
}

// finder collects the mutants of a file.
type finder struct {
	source []byte
	path   string
	files  *token.FileSet
	file   *ast.File
	info   *types.Info
	pkg    *types.Package
	all    []*mutant
	stack  []ast.Node
}

// name is how a mutant is known from one run to the next, whatever has been written above it.
func (m *mutant) name() string {
	return fmt.Sprintf("%s: %s: %s: %s", filepath.ToSlash(m.File), m.Func, m.What, strings.Join(strings.Fields(m.Was), " "))
}

// mutants lists all faults that are made in a file, in the order of their places.
func mutants(p *source, path string) []*mutant {
	f := &finder{source: p.texts[path], path: path, files: p.files, file: p.trees[path], info: p.info, pkg: p.pkg}
	ast.PreorderStack(f.file, nil, func(n ast.Node, stack []ast.Node) bool {
		f.stack = stack
		return f.visit(n)
	})
	return f.all
}

func (f *finder) offset(p token.Pos) int { return f.files.Position(p).Offset }

func (f *finder) textOf(n ast.Node) string {
	return string(f.source[f.offset(n.Pos()):f.offset(n.End())])
}

// add adds a mutant that replaces a node by a text.
func (f *finder) add(n ast.Node, text, what string, g *gate) *mutant {
	m := &mutant{
		File: f.path, Line: f.files.Position(n.Pos()).Line, What: what, Was: f.textOf(n), text: text,
		from: f.offset(n.Pos()), to: f.offset(n.End()), gate: g,
	}
	for _, outer := range f.stack {
		if d, ok := outer.(*ast.FuncDecl); ok {
			m.Func = d.Name.Name
		}
	}
	if g != nil {
		g.from, g.to = m.from, m.to
	}
	f.all = append(f.all, m)
	return m
}

func (f *finder) visit(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.ImportSpec:
		return false
	case *ast.IfStmt:
		f.add(n.Cond, "!("+f.textOf(n.Cond)+")", "condition negated", negated())
	case *ast.BinaryExpr:
		f.binary(n)
	case *ast.ExprStmt:
		if c, ok := n.X.(*ast.CallExpr); ok && f.textOf(c.Fun) != "panic" {
			f.add(n, "", "call removed", f.left(n))
		}
	case *ast.AssignStmt:
		if n.Tok != token.DEFINE {
			f.add(n, "", "assignment removed", f.left(n))
		}
	case *ast.ReturnStmt:
		for _, r := range n.Results {
			if id, ok := r.(*ast.Ident); ok && id.Name == "err" {
				f.add(r, "nil", "error not returned", &gate{before: "mutantFault(%d, ", after: ")"})
			}
		}
	case *ast.Ident:
		if o := f.info.Uses[n]; o == types.Universe.Lookup("true") || o == types.Universe.Lookup("false") {
			f.add(n, strconv.FormatBool(n.Name == "false"), n.Name+" turned over", f.unlessConstant(negated()))
		}
	case *ast.BasicLit:
		f.literal(n)
	}
	return true
}

func negated() *gate { return &gate{before: "(mutant(%d) != (", after: "))"} }

func (f *finder) binary(n *ast.BinaryExpr) {
	o, ok := other[n.Op]
	if !ok {
		return
	}
	a, b := f.textOf(n.X), f.textOf(n.Y)
	g := &gate{before: "("}
	switch n.Op {
	case token.EQL, token.NEQ:
		g = negated()
	case token.LSS, token.GTR:
		g.after = " || mutant(%d) && " + a + " == " + b + ")"
	case token.LEQ, token.GEQ:
		g.after = " && !(mutant(%d) && " + a + " == " + b + "))"
	case token.LAND:
		g.after = " || mutant(%d) && (" + a + " || " + b + "))"
	case token.LOR:
		g.before, g.after = "((", ") && (!mutant(%d) || ("+a+") && ("+b+")))"
	default:
		t := f.info.Types[n]
		if basic, ok := t.Type.Underlying().(*types.Basic); !ok || basic.Info()&types.IsNumeric == 0 {
			return
		}
		g = &gate{before: "mutant" + map[token.Token]string{token.ADD: "Plus", token.SUB: "Minus"}[n.Op] + "(%d, ", after: ")", operator: f.offset(n.OpPos)}
	}
	if strings.Contains(g.after, "\n") || f.info.Types[n].Value != nil {
		g = nil
	}
	m := f.add(n, "", n.Op.String()+" becomes "+o.String(), f.unlessConstant(g))
	m.Line = f.files.Position(n.OpPos).Line
	m.from, m.to, m.text = f.offset(n.OpPos), f.offset(n.OpPos)+len(n.Op.String()), o.String()
}

func (f *finder) literal(n *ast.BasicLit) {
	v, err := strconv.ParseInt(n.Value, 0, 64)
	if err != nil || n.Kind != token.INT {
		return
	}
	var g *gate
	if t, ok := f.typeName(f.info.Types[n].Type); ok {
		g = &gate{before: "mutantRaised(%d, " + t + "(", after: "))"}
	}
	f.add(n, strconv.FormatInt(v+1, 10), "constant raised by one", f.unlessConstant(g))
	last := f.all[len(f.all)-1]
	if outer := f.parent(); outer != nil {
		last.Was = f.textOf(outer)
		if len(last.Was) > 80 {
			last.Was = n.Value
		}
	}
}

// parent is the expression that a node is in.
func (f *finder) parent() ast.Node {
	if e, ok := f.stack[len(f.stack)-1].(ast.Expr); ok {
		return e
	}
	return nil
}

// typeName writes a number's type as this file can.
func (f *finder) typeName(t types.Type) (string, bool) {
	switch t := t.(type) {
	case *types.Basic:
		return types.Default(t).String(), t.Info()&types.IsNumeric != 0
	case *types.Named:
		o := t.Obj()
		if o.Pkg() == f.pkg && o.Parent() == f.pkg.Scope() {
			return o.Name(), true
		}
		for _, i := range f.file.Imports {
			if path, _ := strconv.Unquote(i.Path.Value); o.Pkg() != nil && path == o.Pkg().Path() && i.Name == nil {
				return o.Pkg().Name() + "." + o.Name(), true
			}
		}
	}
	return "", false
}

// unlessConstant returns a gate, or nil where the language asks for a constant.
func (f *finder) unlessConstant(g *gate) *gate {
	for i, outer := range f.stack {
		switch n := outer.(type) {
		case *ast.GenDecl:
			if n.Tok != token.VAR {
				return nil
			}
		case *ast.ArrayType:
			if i+1 < len(f.stack) && f.stack[i+1] == n.Len || i+1 == len(f.stack) {
				return nil
			}
		}
	}
	return g
}

// left is the gate of a statement that is left out. Only in a list of statements can it stand in a block of its own.
func (f *finder) left(n ast.Stmt) *gate {
	switch outer := f.stack[len(f.stack)-1].(type) {
	case *ast.BlockStmt, *ast.CaseClause:
	case *ast.CommClause:
		if outer.Comm == n {
			return nil
		}
	default:
		return nil
	}
	return &gate{before: "if !mutant(%d) { ", after: " }"}
}

// apply makes the fault in a copy of the source.
func (m *mutant) apply(source []byte) []byte {
	out := append([]byte(nil), source[:m.from]...)
	return append(append(out, m.text...), source[m.to:]...)
}
