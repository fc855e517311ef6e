package main

import (
	"fmt"
	"strings"

	"github.com/alecthomas/kong"
)

// helpCmd stands in the list of commands; spelledOut turns `help COMMAND` into `COMMAND --help`.
type helpCmd struct {
	Command []string `arg:"" optional:"" help:"The command."`
}

// Run is never reached: the help is printed while the command line is read.
func (c *helpCmd) Run(*app) error { return nil }

type completionCmd struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

// Help is shown by --help.
func (c *completionCmd) Help() string {
	return `Put the line of your shell into its start file (~/.bashrc, ~/.zshrc behind compinit, ~/.config/fish/config.fish):

  source <(flashpay completion bash)
  source <(flashpay completion zsh)
  flashpay completion fish | source`
}

// completionScripts ask the program itself, so that they know the commands and flags of the version that is run.
var completionScripts = map[string]string{
	"bash": `_flashpay() {
	local IFS=$'\n'
	COMPREPLY=($("${COMP_WORDS[0]}" complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -F _flashpay flashpay
`,
	"zsh": `#compdef flashpay
_flashpay() {
	local -a offered
	offered=("${(@f)$("${(Q)words[1]}" complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)}")
	if [[ -n "${offered[1]}" ]]; then compadd -- "${offered[@]}"; else _files; fi
}
compdef _flashpay flashpay
`,
	"fish": `complete -c flashpay -a '(set -l typed (commandline -opc); $typed[1] complete -- $typed[2..-1] (commandline -ct) 2>/dev/null)'
`,
}

// Run prints the script.
func (c *completionCmd) Run(a *app) error {
	_, err := fmt.Fprint(a.stdout, completionScripts[c.Shell])
	return err
}

// completeCmd is what the scripts call.
type completeCmd struct {
	Words []string `arg:"" optional:"" passthrough:"" help:"The words behind the program's name, the last one as far as it is typed."`
}

// Run prints what fits, one to a line; nothing where a file name or a free value is due.
func (c *completeCmd) Run(a *app) error {
	parser, err := a.parser()
	if err != nil {
		return err
	}
	words := c.Words
	if len(words) > 0 && words[0] == "--" {
		words = words[1:]
	}
	if len(words) == 0 {
		words = []string{""}
	}
	for _, word := range completions(parser.Model.Node, words) {
		fmt.Fprintln(a.stdout, word)
	}
	return nil
}

// completions lists what can stand in the place of the last word.
func completions(node *kong.Node, words []string) []string {
	typed := words[len(words)-1]
	var due *kong.Flag // its value comes next
	for _, word := range words[:len(words)-1] {
		switch {
		case due != nil:
			due = nil
		case strings.HasPrefix(word, "-"):
			due = valueFlag(node, word)
		default:
			if child := childNamed(node, word); child != nil {
				node = child
			}
		}
	}
	switch {
	case due != nil:
		return beginning(typed, strings.FieldsFunc(choices(due), func(r rune) bool { return r == '|' }))
	case strings.HasPrefix(typed, "-"):
		return beginning(typed, flagNames(node))
	}
	var names []string
	for _, child := range node.Children {
		if !child.Hidden {
			names = append(names, child.Name)
		}
	}
	for _, positional := range node.Positional {
		for choice := range positional.EnumMap() {
			names = append(names, choice)
		}
	}
	return beginning(typed, names)
}

// choices are the values that a flag's placeholder lists, as in test|live.
func choices(f *kong.Flag) string {
	if strings.Contains(f.PlaceHolder, "|") {
		return f.PlaceHolder
	}
	return ""
}

func childNamed(node *kong.Node, name string) *kong.Node {
	for _, child := range node.Children {
		if child.Name == name {
			return child
		}
	}
	return nil
}

// valueFlag is the flag that a word names, where the flag's value is the next word.
func valueFlag(node *kong.Node, word string) *kong.Flag {
	for _, group := range node.AllFlags(true) {
		for _, flag := range group {
			if word == "--"+flag.Name && !flag.IsBool() {
				return flag
			}
		}
	}
	return nil
}

func flagNames(node *kong.Node) []string {
	var names []string
	for _, group := range node.AllFlags(true) {
		for _, flag := range group {
			names = append(names, "--"+flag.Name)
		}
	}
	return names
}

func beginning(with string, words []string) []string {
	var found []string
	for _, word := range words {
		if strings.HasPrefix(word, with) {
			found = append(found, word)
		}
	}
	return found
}
