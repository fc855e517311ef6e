package flashpay_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// What docs/ROAD.md names is there: each name that links to a file of Go is declared in it, with that receiver.
// The walk of one payment id names no function twice.
func TestRoadNamesWhatIsThere(t *testing.T) {
	text := page(t, "docs/ROAD.md")
	links := regexp.MustCompile("\\[`([A-Za-z.]+)`\\]\\(\\.\\./([a-z0-9_/]+\\.go)\\)").FindAllStringSubmatch(text, -1)
	if len(links) < 40 {
		t.Errorf("docs/ROAD.md links %d names only", len(links))
	}
	for _, link := range links {
		if name := link[1]; !declares(t, link[2], name) {
			t.Errorf("docs/ROAD.md: %s does not declare %s", link[2], name)
		}
	}
	_, walk, ok := strings.Cut(text, "## One payment id")
	walk, _, end := strings.Cut(walk, "\n## ")
	if !ok || !end {
		t.Fatal("docs/ROAD.md has no walk of one payment id")
	}
	seen := map[string]bool{}
	for _, link := range regexp.MustCompile("\\[`([A-Za-z.]+)`\\]").FindAllStringSubmatch(walk, -1) {
		if seen[link[1]] {
			t.Errorf("docs/ROAD.md: the walk enters %s twice", link[1])
		}
		seen[link[1]] = true
	}
}

// declares tells whether a file declares a function, method, type, variable or constant of this name, which may begin with the
// receiver's type or the package.
func declares(t *testing.T, file, name string) bool {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), filepath.FromSlash(file), nil, parser.SkipObjectResolution)
	if err != nil {
		t.Error(err)
		return false
	}
	names := map[string]bool{}
	add := func(name string) { names[name], names[f.Name.Name+"."+name] = true, true }
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			add(d.Name.Name)
			if d.Recv != nil {
				add(receiver(d.Recv.List[0].Type) + "." + d.Name.Name)
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				switch spec := spec.(type) {
				case *ast.TypeSpec:
					add(spec.Name.Name)
				case *ast.ValueSpec:
					for _, n := range spec.Names {
						add(n.Name)
					}
				}
			}
		}
	}
	return names[name]
}

func receiver(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return receiver(e.X)
	case *ast.IndexExpr:
		return receiver(e.X)
	case *ast.Ident:
		return e.Name
	}
	return ""
}
