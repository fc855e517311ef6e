package main

import (
	"fmt"
	"os"
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
