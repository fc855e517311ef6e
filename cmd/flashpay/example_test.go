package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// TestExamples parses each command line that a help shows, and sees to it that curl says what it sends.
func TestExamples(t *testing.T) {
	fresh := func() *kong.Kong { // a parser keeps what it has parsed
		parser, err := kong.New(&commands{}, kong.Name("flashpay"), groups)
		if err != nil {
			t.Fatal(err)
		}
		return parser
	}
	found := 0
	for _, leaf := range fresh().Model.Leaves(true) {
		for line := range strings.Lines(leaf.Detail) {
			if strings.Contains(line, "curl") && !strings.Contains(line, "-H 'Content-Type: application/json'") {
				t.Errorf("%s: Gate refuses what curl sends here: %s", leaf.Path(), line)
			}
			for part := range strings.SplitSeq(line, "|") {
				args := words(part)
				if !strings.HasPrefix(line, "  ") || len(args) == 0 || args[0] != "flashpay" {
					continue
				}
				found++
				if _, err := fresh().Parse(args[1:]); err != nil {
					t.Errorf("%s: %s: %v", leaf.Path(), part, err)
				}
			}
		}
	}
	if found < 25 {
		t.Errorf("only %d examples were found", found)
	}
}

// words splits a command line as a shell does, up to what a shell keeps to itself.
func words(line string) []string {
	line, _, _ = strings.Cut(line, "<")
	line, _, _ = strings.Cut(line, ">")
	line, _, _ = strings.Cut(line, " (")
	var out []string
	for i, quoted := range strings.Split(line, `"`) {
		if i%2 == 1 {
			out = append(out, quoted)
			continue
		}
		out = append(out, strings.Fields(quoted)...)
	}
	return slices.DeleteFunc(out, func(s string) bool { return s == "" })
}
