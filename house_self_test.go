package flashpay_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestHouseRules shows of each rule that it catches what it is there for, and
// lets pass what only looks like it.
func TestHouseRules(t *testing.T) {
	tests := []struct {
		rule, name string
		files      map[string]string
		want       []string // places, in order; none where all is well
	}{
		{"imports", "a noun imports the store", goSource("internal/money/a.go", `import "flashpay/internal/store"`), []string{"internal/money/a.go:3"}},
		{"imports", "a noun imports a noun", goSource("internal/method/a.go", `import "flashpay/internal/money"`), nil},
		{"imports", "a station imports another", goSource("internal/gate/a.go", `import "flashpay/internal/process"`), []string{"internal/gate/a.go:3"}},
		{"imports", "a station's test imports another", goSource("internal/gate/a_test.go", `import "flashpay/internal/callback"`), []string{"internal/gate/a_test.go:3"}},
		{"imports", "gate imports accept", goSource("internal/gate/a.go", `import "flashpay/internal/accept"`), nil},
		{"imports", "callback imports accept", goSource("internal/callback/a.go", `import "flashpay/internal/accept"`), []string{"internal/callback/a.go:3"}},
		{"imports", "store imports work", goSource("internal/store/a.go", `import "flashpay/internal/work"`), []string{"internal/store/a.go:3"}},
		{"imports", "an adapter imports the bank", goSource("internal/provider/sandbox/a.go", `import "flashpay/internal/bank"`), []string{"internal/provider/sandbox/a.go:3"}},
		{"imports", "an adapter is tested against the bank", goSource("internal/provider/sandbox/a_test.go", `import "flashpay/internal/bank"`), nil},
		{"imports", "the bank imports an adapter", goSource("internal/bank/a.go", `import "flashpay/internal/provider/sandbox"`), []string{"internal/bank/a.go:3"}},
		{"imports", "signature imports a noun", goSource("signature/a.go", `import "flashpay/internal/money"`), []string{"signature/a.go:3"}},
		{"imports", "client imports signature", goSource("client/a.go", `import "flashpay/signature"`), nil},
		{"imports", "client imports wire", goSource("client/a.go", `import "flashpay/internal/wire"`), []string{"client/a.go:3"}},
		{"imports", "demo imports client", goSource("internal/demo/a.go", `import "flashpay/client"`), nil},
		{"imports", "demo imports money", goSource("internal/demo/a.go", `import "flashpay/internal/money"`), []string{"internal/demo/a.go:3"}},
		{"imports", "cmd imports everything", goSource("cmd/flashpay/a.go", `import ("flashpay/internal/gate"; "flashpay/internal/callback")`), nil},
		{"imports", "cmd imports pgtest", goSource("cmd/flashpay/a.go", `import "flashpay/internal/pgtest"`), []string{"cmd/flashpay/a.go:3"}},
		{"imports", "a noun is tested with the store", goSource("internal/ledger/a_test.go", `import "flashpay/internal/store"`), []string{"internal/ledger/a_test.go:3"}},
		{"imports", "a public package is tested with a database", goSource("client/a_test.go", `import "flashpay/internal/pgtest"`), []string{"client/a_test.go:3"}},
		{"imports", "a test imports pgtest", goSource("internal/store/a_test.go", `import "flashpay/internal/pgtest"`), nil},
		{"imports", "a test that is not inside imports its own package", goSource("internal/gate/a_test.go", `import "flashpay/internal/gate"`), nil},
		{"imports", "an unknown package", goSource("internal/novelty/a.go", ""), []string{"internal/novelty/a.go:2"}},
		{"imports", "a package that does not exist", goSource("cmd/flashpay/a.go", `import "flashpay/internal/novelty"`), []string{"cmd/flashpay/a.go:3"}},
		{"imports", "others' packages", goSource("internal/money/a.go", `import ("fmt"; "flashpay.example/x")`), nil},

		{"package docs", "none", map[string]string{"internal/money/a.go": "package money\n", "internal/money/b.go": "package money\n"}, []string{"internal/money/a.go"}},
		{"package docs", "in one file", map[string]string{"internal/money/a.go": "package money\n", "internal/money/b.go": "// Package money counts.\npackage money\n"}, nil},
		{"package docs", "a comment that is not the package's", map[string]string{"internal/money/a.go": "// Copyright.\n\npackage money\n"}, []string{"internal/money/a.go"}},

		{"package names", "util", map[string]string{"internal/util/a.go": "package util\n"}, []string{"internal/util/a.go:1"}},
		{"package names", "in a folder of a better name", map[string]string{"internal/money/a.go": "package helpers\n"}, []string{"internal/money/a.go:1"}},
		{"package names", "a longer word", map[string]string{"internal/scorecard/a.go": "package scorecard\n"}, nil},

		{"floats where money is", "a type", goSource("internal/ledger/a.go", "type sum float64"), []string{"internal/ledger/a.go:3"}},
		{"floats where money is", "a number", goSource("internal/ledger/a.go", "var fee = 0.5"), []string{"internal/ledger/a.go:3"}},
		{"floats where money is", "a parser", goSource("client/a.go", `var _, _ = strconv.ParseFloat("1", 64)`), []string{"client/a.go:3"}},
		{"floats where money is", "in a comment", goSource("internal/ledger/a.go", "// Never float64, never 0.5."), nil},
		{"floats where money is", "in a test", goSource("internal/ledger/a_test.go", "type sum float64"), nil},
		{"floats where money is", "where time is measured", goSource("internal/bench/a.go", "type rate float64"), nil},

		{"select all", "in Go", goSource("internal/store/a.go", "const q = `SELECT\n "+"* FROM payments`"), []string{"internal/store/a.go:3"}},
		{"select all", "of one table, in lower case", goSource("internal/store/a.go", `const q = "select p.`+`* from payments p"`), []string{"internal/store/a.go:3"}},
		{"select all", "returned", goSource("internal/store/a.go", `const q = "UPDATE payments SET a = 1 RETURNING `+`*"`), []string{"internal/store/a.go:3"}},
		{"select all", "in a migration", map[string]string{"internal/store/migrations/1.sql": "INSERT INTO a SELECT " + "* FROM b;"}, []string{"internal/store/migrations/1.sql"}},
		{"select all", "a count", goSource("internal/store/a.go", `const q = "SELECT count(*), 2 * amount FROM payments"`), nil},

		{"clock in nouns", "now", goSource("internal/payout/a.go", `import "time"; var now = time.Now()`), []string{"internal/payout/a.go:3"}},
		{"clock in nouns", "by another name", goSource("internal/rule/a.go", `import clock "time"; var f = clock.Since`), []string{"internal/rule/a.go:3"}},
		{"clock in nouns", "another's Now", goSource("internal/payout/a.go", `var now = state.Now()`), nil},
		{"clock in nouns", "in the work", goSource("internal/work/a.go", `import "time"; var now = time.Now()`), nil},

		{"function length", "one line too many", goSource("internal/gate/a.go", function(maxFunctionLines+1)), []string{"internal/gate/a.go:3"}},
		{"function length", "just fits", goSource("internal/gate/a.go", function(maxFunctionLines)), nil},
		{"function length", "in a test", goSource("internal/gate/a_test.go", function(maxFunctionLines+1)), nil},
		{"function length", "generated", map[string]string{"internal/gate/a.go": "// Code generated by x; DO NOT EDIT.\npackage gate\n" + function(maxFunctionLines+1)}, nil},

		{"file length", "one line too many", goSource("internal/gate/a.go", strings.Repeat("\n", maxFileLines-2)), []string{"internal/gate/a.go"}},
		{"file length", "just fits", goSource("internal/gate/a.go", strings.Repeat("\n", maxFileLines-3)), nil},
		{"file length", "in a test", goSource("internal/gate/a_test.go", strings.Repeat("\n", maxFileLines)), nil},

		{"escape comments", "one linter", goSource("internal/gate/a.go", "var a = 1 //"+"nolint:unused"), []string{"internal/gate/a.go:3"}},
		{"escape comments", "in a test", goSource("internal/gate/a_test.go", "//"+"lint:ignore U1000 why\nvar a = 1"), []string{"internal/gate/a_test.go:3"}},
		{"escape comments", "a word in a sentence", goSource("internal/gate/a.go", "// What lint: says is heard."), nil},

		{"links", "to a file that is gone", map[string]string{"README.md": "see\n[a](docs/A.md)"}, []string{"README.md:2"}},
		{"links", "to files, folders and others", map[string]string{
			"docs/a.md":      "[b](b/c.md#d) [up](../README.md) [folder](b/) [root](/docs/b) [x](https://x.example/y) [m](mailto:a@b.example) [h](#h)",
			"docs/b/c.md":    "<img src=\"../p.svg\">\n[r]: ../a.md\n",
			"docs/p.svg":     "",
			"README.md":      "[the first](docs/a.md)",
			"docs/d/e/f.txt": "",
		}, nil},
		{"links", "out of the repository", map[string]string{"README.md": "[x](../x.md)"}, []string{"README.md:1"}},
		{"links", "a picture and a reference", map[string]string{"README.md": "![x](x.png)\n\n[y]: y.md\n<img width=\"1\" src=\"z.png\">"}, []string{"README.md:1", "README.md:3", "README.md:4"}},
		{"links", "in code", map[string]string{"README.md": "```go\n[x](x.md)\n```\n`[y](y.md)`\n[z](z.md)"}, []string{"README.md:5"}},

		{"machine paths", "a script", map[string]string{"scripts/a.sh": "cd /" + "work/main\n"}, []string{"scripts/a.sh:1"}},
		{"machine paths", "in quotes", map[string]string{"a.txt": "\n\"/" + "root/x\" and /" + "home/ann/x"}, []string{"a.txt:2"}},
		{"machine paths", "a job's log", map[string]string{"a.txt": "/tmp/" + "bash_jobs.0/1"}, []string{"a.txt:1"}},
		{"machine paths", "rooms and pages", map[string]string{"a.md": "internal/work/work.go ../work/a.go flashpay/internal/work/x https://x.example/work/ https://x.example/home/a"}, nil},
	}
	tested := map[string][2]bool{}
	for _, tt := range tests {
		t.Run(tt.rule+"/"+tt.name, func(t *testing.T) {
			if got := places(t, tt.rule, tt.files); !slices.Equal(got, tt.want) {
				t.Errorf("found %q, want %q", got, tt.want)
			}
		})
		seen := tested[tt.rule]
		seen[min(len(tt.want), 1)] = true
		tested[tt.rule] = seen
	}
	for _, r := range houseRules {
		if tested[r.name] != [2]bool{true, true} {
			t.Errorf("rule %s has no test that it catches, or none that it lets pass", r.name)
		}
	}
}

// places runs one rule over a tree of these files.
func places(t *testing.T, name string, files map[string]string) []string {
	t.Helper()
	tree := map[string][]byte{}
	for file, text := range files {
		tree[file] = []byte(text)
	}
	h, err := newHouse(tree)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(houseRules, func(r rule) bool { return r.name == name })
	if i < 0 {
		t.Fatalf("no rule is named %s", name)
	}
	var got []string
	for _, v := range houseRules[i].check(h) {
		if v.fault == "" {
			t.Errorf("%s: a violation without a word", v.place())
		}
		got = append(got, v.place())
	}
	return got
}

// goSource is one file with a package comment, whose third line begins with body.
func goSource(file, body string) map[string]string {
	parts := strings.Split(file, "/")
	name := parts[len(parts)-2]
	return map[string]string{file: fmt.Sprintf("// Package %s is.\npackage %s\n%s\n", name, name, body)}
}

// function is a function of so many lines.
func function(lines int) string {
	return "func f() {\n" + strings.Repeat("\n", lines-2) + "}\n"
}

func TestIgnored(t *testing.T) {
	const patterns = "# comment\n\n/flashpay\n/flashpay-demo/\n*.test\n.tools/\n"
	tests := []struct {
		name string
		dir  bool
		want bool
	}{
		{"flashpay", false, true},
		{"cmd/flashpay", true, false},
		{"flashpay-demo", true, true},
		{"flashpay-demo", false, false},
		{"internal/store/store.test", false, true},
		{".tools", true, true},
		{"internal/store/store.go", false, false},
	}
	for _, tt := range tests {
		if got := ignored(patterns, tt.name, tt.dir); got != tt.want {
			t.Errorf("ignored(%s, dir %t) = %t", tt.name, tt.dir, got)
		}
	}
}

// A room that a list names and the table does not have is a slip of the pen.
func TestRoomsAreInTheTable(t *testing.T) {
	for room, may := range rooms {
		for _, target := range may {
			if _, known := rooms[target]; !known && target != "*" {
				t.Errorf("%s may import %s, which is not in the table", room, target)
			}
			if slices.Contains(onlyInTests, target) && !slices.Contains(onlyInTests, room) {
				t.Errorf("%s may import %s, which is for tests", room, target)
			}
		}
	}
	for _, list := range [][]string{nouns, inTests, onlyInTests, withFloats} {
		for _, room := range list {
			if _, known := rooms[room]; !known {
				t.Errorf("%s is not in the table", room)
			}
		}
	}
}

// Stations meet in committed rows; a table that lets one import another would
// make every rule above useless.
func TestStationsStayApart(t *testing.T) {
	stations := []string{"internal/gate", "internal/process", "internal/callback"}
	for _, station := range stations {
		for _, other := range stations {
			if slices.Contains(rooms[station], other) {
				t.Errorf("%s may import %s", station, other)
			}
		}
	}
	for _, noun := range nouns {
		for _, target := range rooms[noun] {
			if !slices.Contains(nouns, target) && target != "signature" {
				t.Errorf("the noun %s may import %s", noun, target)
			}
		}
	}
}
