package main

import (
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// Flags name their environment variable in the tag var, and secret ones have the tag secret. They are read through
// app.env, not by kong, so that a test decides what the program sees.

// variables gives flags that are not on the command line the value of their variable, or, for secrets, the content of
// the file that the variable's twin with _FILE names.
func variables(env func(string) string) kong.Resolver {
	return kong.ResolverFunc(func(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
		name := flag.Tag.Get("var")
		if name == "" {
			return nil, nil
		}
		value, err := variable(env, name, flag.Tag.Has("secret"))
		if err != nil || value == "" {
			return nil, err
		}
		return value, nil
	})
}

// variable reads one variable; an empty one counts as absent.
func variable(env func(string) string, name string, secret bool) (string, error) {
	value := env(name)
	if !secret {
		return value, nil
	}
	file := env(name + "_FILE")
	switch {
	case file == "":
		return value, nil
	case value != "":
		return "", fmt.Errorf("both %s and %s_FILE are set: keep one", name, name)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("%s_FILE: %w", name, err)
	}
	if value = strings.TrimRight(string(text), "\r\n"); value == "" {
		return "", fmt.Errorf("%s_FILE: %s is empty", name, file)
	}
	return value, nil
}

// helpWithVariable shows a flag's variable behind its help.
func helpWithVariable(value *kong.Value) string {
	if value.Tag == nil || value.Tag.Get("var") == "" {
		return value.Help
	}
	return strings.TrimSuffix(value.Help, ".") + " ($" + value.Tag.Get("var") + ")."
}

// outsideFlags are our variables that no flag names.
var outsideFlags = []string{"FLASHPAY_KEYSET", "FLASHPAY_KEYSET_FILE", "FLASHPAY_PASSWORD", "FLASHPAY_PASSWORD_FILE"}

// foreign are the beginnings of variables that others set beside ours: the tests of this repository, and Kubernetes for a
// service named flashpay.
var foreign = []string{"FLASHPAY_TEST_", "FLASHPAY_SOAK", "FLASHPAY_SCREENSHOTS", "FLASHPAY_SERVICE_", "FLASHPAY_PORT"}

// nameUnknownVariables names the variables of ours that mean nothing: a value under a misspelt name would be missed in
// silence. A server says so in its log.
func (a *app) nameUnknownVariables(model *kong.Application, command string) {
	known := slices.Clone(outsideFlags)
	_ = kong.Visit(model, func(node kong.Visitable, next kong.Next) error {
		if flag, ok := node.(*kong.Flag); ok && flag.Tag.Get("var") != "" {
			known = append(known, flag.Tag.Get("var"))
			if flag.Tag.Has("secret") {
				known = append(known, flag.Tag.Get("var")+"_FILE")
			}
		}
		return next(nil)
	})
	for _, variable := range a.environ {
		name, value, _ := strings.Cut(variable, "=")
		isForeign := slices.ContainsFunc(foreign, func(prefix string) bool { return strings.HasPrefix(name, prefix) })
		if !strings.HasPrefix(name, "FLASHPAY_") || value == "" || isForeign || slices.Contains(known, name) {
			continue
		}
		hint := ""
		if near := nearest(name, known); near != "" {
			hint = ": did you mean " + near + "?"
		}
		text := "the variable " + name + " is set, but nothing reads it" + hint
		if command == "serve" || command == "bank" {
			a.newLogger(a.stderr, slog.LevelWarn).Warn(text)
			continue
		}
		fmt.Fprintf(a.stderr, "flashpay: %s\n", text)
	}
}

// nearest is the name that a few changed letters make of another one; empty where none is so near.
func nearest(name string, names []string) string {
	best, distance := "", 4
	for _, candidate := range names {
		if d := changes(name, candidate); d < distance {
			best, distance = candidate, d
		}
	}
	return best
}

// changes counts the letters to insert, delete or replace between two names (Levenshtein's distance).
func changes(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
