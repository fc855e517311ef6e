// Command mutate makes small faults in the code, one after the other, and runs the tests of the package that each is in: a fault
// that no test notices is a survivor, which asks for a test or for a reason (docs/mutations.md). It is for people, not for CI:
// each fault costs a build and a run.
//
//	go run ./internal/tools/mutate -sample 100 -seed 1 -report survivors.txt ./internal/rule ./internal/accept
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// fate is what became of a mutant.
type fate string

const (
	killed   fate = "killed"
	timedOut fate = "killed by the time limit"
	unbuilt  fate = "does not compile"
	survived fate = "SURVIVED"
)

// settings of a run.
type settings struct {
	sample int
	seed   uint64
	limit  time.Duration
	only   string // patterns of the files' names, separated by commas
	test   string // the command that runs tests
}

func main() {
	var s settings
	flag.IntVar(&s.sample, "sample", 0, "how many mutants of each package are tried; 0: all")
	flag.Uint64Var(&s.seed, "seed", 1, "which ones")
	flag.DurationVar(&s.limit, "limit", 5*time.Minute, "time limit of the tests for one mutant")
	flag.StringVar(&s.only, "files", "*.go", "patterns of the names of the files that are mutated, separated by commas")
	flag.StringVar(&s.test, "test", "go test", "the command that runs tests")
	report := flag.String("report", "", "a file for the report; empty: stdout")
	flag.Parse()
	if err := run(s, flag.Args(), *report); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(s settings, packages []string, report string) (err error) {
	out := io.Writer(os.Stdout)
	if report != "" {
		f, e := os.Create(report)
		if e != nil {
			return e
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		out = f
	}
	dir, err := os.MkdirTemp("", "mutate-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	for _, folder := range packages {
		if err := tryPackage(s, folder, dir, out); err != nil {
			return fmt.Errorf("mutate: %s: %w", folder, err)
		}
	}
	return nil
}

// tryPackage tries a package's mutants. Each result is written at once, so that a run that is broken off has shown something.
func tryPackage(s settings, folder, dir string, out io.Writer) error {
	if what, text := runTests(s, folder, ""); what != survived {
		return fmt.Errorf("its tests fail as it is: %s", text)
	}
	chosen, err := choose(s, folder)
	if err != nil {
		return err
	}
	counts := make(map[fate]int)
	for i, m := range chosen {
		what, err := try(s, m, folder, dir)
		if err != nil {
			return err
		}
		counts[what]++
		fmt.Fprintf(os.Stderr, "%s: %d of %d: %s:%d: %s: %s\n", folder, i+1, len(chosen), m.File, m.Line, m.What, what)
		if what == survived {
			if _, err := fmt.Fprintf(out, "%s:%d: %s\n", m.File, m.Line, m.What); err != nil {
				return err
			}
		}
	}
	_, err = fmt.Fprintf(out, "%s, seed %d: %d tried, %d killed, %d by the time limit, %d do not compile, %d survived\n",
		folder, s.seed, len(chosen), counts[killed], counts[timedOut], counts[unbuilt], counts[survived])
	return err
}

// choose finds the mutants of a folder, and takes a sample of them by the seed.
func choose(s settings, folder string) ([]mutant, error) {
	var paths []string
	for pattern := range strings.SplitSeq(s.only, ",") {
		found, err := filepath.Glob(filepath.Join(folder, pattern))
		if err != nil {
			return nil, err
		}
		paths = append(paths, found...)
	}
	var all []mutant
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		source, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		found, err := mutants(path, source)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	rand.New(rand.NewPCG(s.seed, 0)).Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	if s.sample > 0 {
		all = all[:min(s.sample, len(all))]
	}
	slices.SortFunc(all, func(a, b mutant) int {
		return strings.Compare(fmt.Sprintf("%s:%06d", a.File, a.Line), fmt.Sprintf("%s:%06d", b.File, b.Line))
	})
	return all, nil
}

// try makes one fault, in an overlay: the files themselves stay as they are.
func try(s settings, m mutant, folder, dir string) (fate, error) {
	source, err := os.ReadFile(m.File)
	if err != nil {
		return "", err
	}
	path, err := filepath.Abs(m.File)
	if err != nil {
		return "", err
	}
	faulty, overlay := filepath.Join(dir, "mutant.go"), filepath.Join(dir, "overlay.json")
	replace, err := json.Marshal(map[string]map[string]string{"Replace": {path: faulty}})
	if err == nil {
		err = errors.Join(os.WriteFile(faulty, m.apply(source), 0o600), os.WriteFile(overlay, replace, 0o600))
	}
	if err != nil {
		return "", err
	}
	what, _ := runTests(s, folder, overlay)
	return what, nil
}

// runTests runs a package's own tests until the first that fails.
func runTests(s settings, folder, overlay string) (fate, string) {
	words := append(strings.Fields(s.test), "-failfast", "-vet=off", "-timeout="+s.limit.String())
	if overlay != "" {
		words = append(words, "-overlay="+overlay)
	}
	out, err := exec.Command(words[0], append(words[1:], "./"+filepath.Clean(folder))...).CombinedOutput()
	switch {
	case err == nil:
		return survived, ""
	case bytes.Contains(out, []byte("[build failed]")), bytes.Contains(out, []byte("[setup failed]")):
		return unbuilt, string(out)
	case bytes.Contains(out, []byte("panic: test timed out")):
		return timedOut, string(out)
	}
	return killed, string(out)
}
