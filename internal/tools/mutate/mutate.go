package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
)

// mutant is a small fault in a file: the text between two offsets is replaced.
type mutant struct {
	File     string // path
	Line     int
	What     string // in words
	from, to int    // offsets in bytes
	text     string
}

// other is what an operator is replaced by.
var other = map[token.Token]token.Token{
	token.LSS: token.LEQ, token.LEQ: token.LSS, token.GTR: token.GEQ, token.GEQ: token.GTR, token.EQL: token.NEQ, token.NEQ: token.EQL,
	token.LAND: token.LOR, token.LOR: token.LAND, token.ADD: token.SUB, token.SUB: token.ADD,
}

// mutants lists all faults that are made in a file, in the order of their places. Some do not compile.
func mutants(path string, source []byte) ([]mutant, error) {
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, path, source, parser.SkipObjectResolution)
	if err != nil {
		return nil, fmt.Errorf("mutate: %w", err)
	}
	var all []mutant
	add := func(from, to token.Pos, text, what string) {
		all = append(all, mutant{
			File: path, Line: files.Position(from).Line, What: what, text: text,
			from: files.Position(from).Offset, to: files.Position(to).Offset,
		})
	}
	textOf := func(n ast.Node) string {
		return string(source[files.Position(n.Pos()).Offset:files.Position(n.End()).Offset])
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ImportSpec:
			return false
		case *ast.IfStmt:
			add(n.Cond.Pos(), n.Cond.End(), "!("+textOf(n.Cond)+")", "condition negated")
		case *ast.BinaryExpr:
			if o, ok := other[n.Op]; ok {
				add(n.OpPos, n.OpPos+token.Pos(len(n.Op.String())), o.String(), n.Op.String()+" becomes "+o.String())
			}
		case *ast.ExprStmt:
			if _, ok := n.X.(*ast.CallExpr); ok {
				add(n.Pos(), n.End(), "", "call removed")
			}
		case *ast.AssignStmt:
			if n.Tok != token.DEFINE {
				add(n.Pos(), n.End(), "", "assignment removed")
			}
		case *ast.ReturnStmt:
			for _, r := range n.Results {
				if id, ok := r.(*ast.Ident); ok && id.Name == "err" {
					add(r.Pos(), r.End(), "nil", "error not returned")
				}
			}
		case *ast.Ident:
			if n.Name == "true" || n.Name == "false" {
				add(n.Pos(), n.End(), strconv.FormatBool(n.Name == "false"), n.Name+" turned over")
			}
		case *ast.BasicLit:
			if v, err := strconv.ParseInt(n.Value, 0, 64); err == nil && n.Kind == token.INT {
				add(n.Pos(), n.End(), strconv.FormatInt(v+1, 10), "constant raised by one")
			}
		}
		return true
	})
	return all, nil
}

// apply makes the fault in a copy of the source.
func (m mutant) apply(source []byte) []byte {
	out := append([]byte(nil), source[:m.from]...)
	return append(append(out, m.text...), source[m.to:]...)
}
