package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// suite is a package's tests, compiled once with all gates.
type suite struct {
	folder string
	binary string
	tests  []*test
}

// test is one test, and what of the mutants it reaches.
type test struct {
	name  string
	took  time.Duration
	reach map[int]bool
}

// compile makes a test binary of a folder.
func compile(folder, overlay, binary string) (string, error) {
	cmd := exec.Command("go", "test", "-c", "-vet=off", "-o", binary, "-overlay", overlay, "./"+filepath.Clean(folder))
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// newSuite compiles the tests of a folder, and finds out of each how long it takes and which mutants it reaches.
func newSuite(s *settings, folder, overlay, binary string) (*suite, error) {
	if out, err := compile(folder, overlay, binary); err != nil {
		return nil, fmt.Errorf("%s: %w: %s", folder, err, out)
	}
	u := &suite{folder: folder, binary: binary}
	cmd := exec.Command(binary, "-test.list", cmp.Or(s.run, "."))
	cmd.Dir = folder
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: listing its tests: %w", folder, err)
	}
	for name := range strings.FieldsSeq(string(out)) {
		if strings.HasPrefix(name, "Test") || strings.HasPrefix(name, "Fuzz") {
			u.tests = append(u.tests, &test{name: name})
		}
	}
	faults := make([]error, len(u.tests))
	atOnce(s.parallel, len(u.tests), func(i int) {
		faults[i] = u.measure(s, u.tests[i], fmt.Sprintf("%s.%d", binary, i))
	})
	for i, err := range faults {
		if err != nil {
			return nil, fmt.Errorf("%s: %s fails as it is: %w", folder, u.tests[i].name, err)
		}
	}
	slices.SortStableFunc(u.tests, func(a, b *test) int { return cmp.Compare(a.took, b.took) })
	return u, nil
}

// measure runs one test without a mutant.
func (u *suite) measure(s *settings, t *test, path string) error {
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		return err
	}
	begun := time.Now()
	what, out := u.try(s, []*test{t}, "", 0, path, s.limit)
	t.took, t.reach = time.Since(begun), make(map[int]bool)
	if what != survived {
		return fmt.Errorf("%s: %s", what, out)
	}
	text, err := os.ReadFile(path)
	for line := range strings.FieldsSeq(string(text)) {
		if n, e := strconv.Atoi(line); e == nil {
			t.reach[n] = true
		}
	}
	return err
}

// try runs tests with one mutant, until the first that fails; of their subtests those of a pattern only, where there is one.
func (u *suite) try(s *settings, tests []*test, subtests string, mutant int, reached string, limit time.Duration) (fate, string) {
	var names []string
	for _, t := range tests {
		names = append(names, regexp.QuoteMeta(t.name))
	}
	pattern := "^(" + strings.Join(names, "|") + ")$"
	if subtests != "" {
		pattern += "/" + subtests
	}
	words := append(strings.Fields(s.with), u.binary, "-test.failfast", "-test.timeout="+limit.String(), "-test.run="+pattern)
	ctx, cancel := context.WithTimeout(context.Background(), limit+10*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, words[0], words[1:]...)
	cmd.Dir = u.folder
	cmd.Env = append(os.Environ(), "MUTANT="+strconv.Itoa(mutant), "MUTANTS_REACHED="+reached)
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	switch {
	case ctx.Err() != nil, bytes.Contains(out, []byte("panic: test timed out")):
		return timedOut, string(out)
	case err == nil:
		return survived, ""
	}
	return killed, string(out)
}

// fateOf tries a mutant that is built in: the quick ones first of the tests that reach it.
func (u *suite) fateOf(s *settings, mutant int) fate {
	var tests []*test
	var sum time.Duration
	for _, t := range u.tests {
		if t.reach[mutant] {
			tests = append(tests, t)
			sum += t.took
		}
	}
	if len(tests) == 0 {
		return unreached
	}
	first, quick := 0, time.Duration(0)
	for first < len(tests) && quick+tests[first].took <= max(sum/8, tests[0].took) {
		quick += tests[first].took
		first++
	}
	limit := min(s.limit, 30*time.Second+5*sum)
	if s.first != "" {
		if what, _ := u.try(s, tests, s.first, mutant, "", limit); what != survived {
			return what
		}
	}
	for _, some := range [][]*test{tests[:first], tests[first:]} {
		if len(some) == 0 {
			continue
		}
		if what, _ := u.try(s, some, "", mutant, "", limit); what != survived {
			return what
		}
	}
	return survived
}

// atOnce calls f for all of 0 … n-1, some at once.
func atOnce(parallel, n int, f func(i int)) {
	next := make(chan int)
	var workers sync.WaitGroup
	for range max(1, parallel) {
		workers.Go(func() {
			for i := range next {
				f(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	workers.Wait()
}
