package payout_test

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"flashpay/internal/payout"
)

var update = flag.Bool("update", false, "write docs/STATES.md instead of comparing it")

const statesPage = "../../docs/STATES.md"

// TestStatesPage keeps docs/STATES.md in step with the table of moves.
func TestStatesPage(t *testing.T) {
	page := renderStates(t)
	if *update {
		if err := os.WriteFile(statesPage, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	have, err := os.ReadFile(statesPage)
	if err != nil {
		t.Fatal(err)
	}
	if string(have) != page {
		t.Errorf("docs/STATES.md is not what the table of moves says: run go test ./internal/payout -run StatesPage -update")
	}
}

// TestStatesPageKnowsEverything fails where a status, stage or event has no words, so that the page has no holes.
func TestStatesPageKnowsEverything(t *testing.T) {
	page := renderStates(t)
	for _, m := range payout.Moves() {
		for _, s := range []payout.State{m.From, m.To} {
			if !strings.Contains(page, "| `"+string(s.Stage)+"` |") {
				t.Errorf("stage %s is not explained", s.Stage)
			}
			if statusWords[s.Status] == "" {
				t.Errorf("status %s has no words in this test", s.Status)
			}
		}
	}
	for _, e := range payout.Events() {
		if !strings.Contains(page, "| "+e.String()+" |") {
			t.Errorf("event %s is not explained", e)
		}
	}
}

const statesHead = `# Statuses, stages and moves

This page is made from the table of moves in [internal/payout/moves.go](../internal/payout/moves.go) by
[states_test.go](../internal/payout/states_test.go). Do not edit it: change the table and run

    go test ./internal/payout -run StatesPage -update

A payment has a **status**, which merchants see. Its operation has a **stage** beside it, which says where it stands
towards the bank and never shows on the wire. What happens is an **event**. The table holds every move that there is.
An event that it does not hold for a state changes nothing there: it is written to the journal, or dropped where it says
less than is known.
`

// statusWords says what a status means for a merchant.
var statusWords = map[payout.Status]string{
	payout.Processing: "accepted; the result is not known yet",
	payout.Decline:    "final: not paid; what was held is given back, or disputed while the bank may have paid after all",
	payout.Success:    "final, but for a return: paid",
	payout.Reversed:   "final: paid, and the bank has returned the money; an operation `payout reversal` tells of it",
}

func renderStates(t *testing.T) string {
	t.Helper()
	words := constantWords(t)
	var b strings.Builder
	b.WriteString(statesHead)
	states, statuses, stages := inOrder()
	b.WriteString("\n## Statuses\n\n| status | meaning |\n|---|---|\n")
	for _, s := range statuses {
		fmt.Fprintf(&b, "| `%s` | %s |\n", s, statusWords[s])
	}
	b.WriteString("\nThe wire knows more (`awaiting retry`); no move leads there yet.\n")
	b.WriteString("\n## Stages\n\n| stage | meaning | steps of its own |\n|---|---|---|\n")
	for _, s := range stages {
		open := "none: it waits for nobody, or for a person"
		if s.Open() {
			open = "yes: `next_at` says when"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", s, words[strconv.Quote(string(s))], open)
	}
	b.WriteString("\n## Events\n\n| event | meaning |\n|---|---|\n")
	for _, e := range payout.Events() {
		fmt.Fprintf(&b, "| %s | %s |\n", e, words["event "+eventNames(t)[e-1]])
	}
	diagram(&b, states)
	b.WriteString("\n## The table\n\n| from | on | to | funds | callback | discrepancy |\n|---|---|---|---|---|---|\n")
	for _, m := range payout.Moves() {
		callback := ""
		if m.Callback {
			callback = "yes"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", stateText(m.From), m.On, stateText(m.To), m.Funds, callback, m.Discrepancy)
	}
	b.WriteString("\nA consistency check that fails makes a payment that is born declined, with a callback and no hold: it walks no row of this table.\n")
	b.WriteString("\n## Discrepancies\n\nA discrepancy is a row for a person to look at. It changes no status, and moves no funds until an operator settles it.\n\n| kind | meaning |\n|---|---|\n")
	for _, kind := range kinds() {
		fmt.Fprintf(&b, "| %s | %s |\n", kind, words[strconv.Quote(kind)])
	}
	return b.String()
}

func kinds() []string {
	return []string{
		payout.LateSuccess, payout.PaidAfterDecline, payout.DeclinedAfterSuccess, payout.MoneyReturned, payout.NoAnswer, payout.Mismatch, payout.UnknownKey,
		payout.HoldDisputed,
	}
}

func stateText(s payout.State) string { return fmt.Sprintf("`%s` / `%s`", s.Status, s.Stage) }

// inOrder lists what the table speaks of, in the order in which it first does.
func inOrder() (states []payout.State, statuses []payout.Status, stages []payout.Stage) {
	for _, m := range payout.Moves() {
		for _, s := range []payout.State{m.From, m.To} {
			if !slices.Contains(states, s) {
				states = append(states, s)
			}
			if !slices.Contains(statuses, s.Status) {
				statuses = append(statuses, s.Status)
			}
			if !slices.Contains(stages, s.Stage) {
				stages = append(stages, s.Stage)
			}
		}
	}
	return states, statuses, stages
}

// diagram draws the moves that lead elsewhere; those that stay are in the table.
func diagram(b *strings.Builder, states []payout.State) {
	name := func(s payout.State) string { return fmt.Sprintf("s%d", slices.Index(states, s)) }
	b.WriteString("\n## Picture\n\n```mermaid\nstateDiagram-v2\n    direction LR\n")
	for _, s := range states {
		fmt.Fprintf(b, "    state \"%s / %s\" as %s\n", s.Status, s.Stage, name(s))
	}
	fmt.Fprintf(b, "    [*] --> %s: accepted\n", name(states[0]))
	for _, m := range payout.Moves() {
		if m.From != m.To {
			fmt.Fprintf(b, "    %s --> %s: %s\n", name(m.From), name(m.To), m.On)
		}
	}
	b.WriteString("```\n")
}

// eventNames lists the Go names of the events, in their order.
func eventNames(t *testing.T) []string {
	t.Helper()
	var names []string
	eachConstant(t, func(spec *ast.ValueSpec) {
		if id, ok := spec.Type.(*ast.Ident); ok && id.Name == "Event" || len(names) > 0 && spec.Type == nil && spec.Values == nil && len(names) < len(payout.Events()) {
			names = append(names, spec.Names[0].Name)
		}
	})
	if len(names) != len(payout.Events()) {
		t.Fatalf("found the events %v in moves.go", names)
	}
	return names
}

// constantWords gives the comments of moves.go's constants: of texts under their value, of events under their name.
func constantWords(t *testing.T) map[string]string {
	t.Helper()
	words := make(map[string]string)
	eachConstant(t, func(spec *ast.ValueSpec) {
		comment := strings.TrimSpace(spec.Comment.Text())
		words["event "+spec.Names[0].Name] = comment
		if len(spec.Values) == 1 {
			if text, ok := spec.Values[0].(*ast.BasicLit); ok {
				words[text.Value] = comment
			}
		}
	})
	return words
}

func eachConstant(t *testing.T, f func(*ast.ValueSpec)) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "moves.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	for _, decl := range file.Decls {
		group, ok := decl.(*ast.GenDecl)
		if !ok || group.Tok != token.CONST {
			continue
		}
		for _, spec := range group.Specs {
			f(spec.(*ast.ValueSpec))
		}
	}
}
