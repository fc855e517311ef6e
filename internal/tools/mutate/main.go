// Command mutate makes small faults in the code, one after the other, and runs the tests that reach them: a fault
// that no test notices is a survivor, which asks for a test or for a reason (docs/mutations.md). It is for people, not for CI.
//
// All faults of a package are compiled into one test binary, each behind a gate that the environment opens, so that a fault
// costs a run of few tests. What cannot stand behind a gate, such as a constant of the package, is built by itself.
//
//	go run ./internal/tools/mutate -sample 100 -seed 1 -report survivors.txt ./internal/rule ./internal/accept
package main

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// fate is what became of a mutant.
type fate string

const (
	killed    fate = "killed"
	timedOut  fate = "killed by the time limit"
	unbuilt   fate = "does not compile"
	survived  fate = "SURVIVED"
	unreached fate = "REACHED BY NO TEST"
)

// settings of a run.
type settings struct {
	sample   int
	seed     uint64
	limit    time.Duration
	only     string // patterns of the files' names, separated by commas
	run      string // pattern of the tests that are used
	first    string // pattern of the subtests that are run before all others
	wider    string // folders whose tests are asked where a package's own notice nothing, separated by commas
	with     string // words before the tests' command
	parallel int

	explained map[string]bool // survivors that are no fault, by name
	again     map[string]bool // where it is not nil, only these are tried
}

func main() {
	var s settings
	flag.IntVar(&s.sample, "sample", 0, "how many mutants of each package are tried; 0: all")
	flag.Uint64Var(&s.seed, "seed", 1, "which ones")
	flag.DurationVar(&s.limit, "limit", 5*time.Minute, "time limit of the tests for one mutant")
	flag.StringVar(&s.only, "files", "*.go", "patterns of the names of the files that are mutated, separated by commas")
	flag.StringVar(&s.run, "run", "", "pattern of the names of the tests that are used; empty: all")
	flag.StringVar(&s.first, "first", "", "pattern of the names of subtests that are run before the others, such as those of the quicker engine; empty: none")
	flag.StringVar(&s.wider, "wider", "", "folders whose tests are asked where a package's own notice nothing, separated by commas")
	flag.StringVar(&s.with, "with", "", "words before the tests' command, such as nice")
	flag.IntVar(&s.parallel, "parallel", 1, "how many mutants are tried at once")
	explained := flag.String("explained", "", "a file of survivors that are no fault")
	again := flag.String("again", "", "an earlier report: only what survived there is tried")
	report := flag.String("report", "", "a file for the report; empty: stdout")
	flag.Parse()
	var err error
	if s.again, err = readNames(*again); err == nil {
		s.explained, err = readNames(*explained)
	}
	if err == nil {
		err = run(&s, flag.Args(), *report)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(s *settings, packages []string, report string) (err error) {
	out := io.Writer(os.Stdout)
	if report != "" {
		f, e := os.Create(report)
		if e != nil {
			return e
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		out = f
	}
	for _, folder := range packages {
		if err := tryPackage(s, folder, out); err != nil {
			return fmt.Errorf("mutate: %s: %w", folder, err)
		}
	}
	return nil
}

// readNames reads the names of mutants, from a report or from the file of those that are no fault. There a line that is
// indented says why, and what begins with # is for people.
func readNames(path string) (map[string]bool, error) {
	if path == "" {
		return nil, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	known := make(map[string]bool)
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		name := lines.Text()
		if at := strings.LastIndex(name, ", line "); at > 0 {
			name = name[:at]
		}
		if name != "" && name[0] != '#' && name[0] != '\t' {
			known[name] = true
		}
	}
	return known, lines.Err()
}

// tryPackage tries a package's mutants. Each result is written at once, so that a run that is broken off has shown something.
func tryPackage(s *settings, folder string, out io.Writer) error {
	dir, err := os.MkdirTemp("", "mutate-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	p, err := load(folder)
	if err != nil {
		return err
	}
	all := p.mutants(s.only)
	overlay, err := p.build(all, dir)
	if err != nil {
		return err
	}
	var suites []*suite
	for i, f := range append([]string{folder}, strings.FieldsFunc(s.wider, func(r rune) bool { return r == ',' })...) {
		fmt.Fprintf(os.Stderr, "%s: which mutants its tests reach\n", f)
		u, err := newSuite(s, f, overlay, filepath.Join(dir, fmt.Sprintf("suite%d", i)))
		if err != nil {
			return err
		}
		suites = append(suites, u)
	}
	return tryAll(s, p, all, suites, out)
}

// mutants lists the mutants of the files that are asked for.
func (s *source) mutants(only string) (all []*mutant) {
	for _, path := range s.paths {
		for pattern := range strings.SplitSeq(only, ",") {
			if ok, _ := filepath.Match(pattern, filepath.Base(path)); ok {
				all = append(all, mutants(s, path)...)
				break
			}
		}
	}
	return all
}

// sampled are the places of those mutants that are tried.
func sampled(s *settings, mutants []*mutant) (all []int) {
	n := len(mutants)
	if s.again != nil {
		for i, m := range mutants {
			if s.again[m.name()] {
				all = append(all, i)
			}
		}
		return all
	}
	all = rand.New(rand.NewPCG(s.seed, 0)).Perm(n)
	if s.sample > 0 {
		all = all[:min(s.sample, n)]
	}
	slices.Sort(all)
	return all
}

func tryAll(s *settings, p *source, all []*mutant, suites []*suite, out io.Writer) error {
	chosen := sampled(s, all)
	counts := make(map[fate]int)
	explained := 0
	var mu sync.Mutex
	var faults error
	atOnce(s.parallel, len(chosen), func(n int) {
		m := all[chosen[n]]
		what, err := fateOf(s, p, m, chosen[n]+1, suites)
		mu.Lock()
		defer mu.Unlock()
		faults = errors.Join(faults, err)
		counts[what]++
		fmt.Fprintf(os.Stderr, "%s: %d of %d: %s:%d: %s: %s\n", p.folder, n+1, len(chosen), m.File, m.Line, m.What, what)
		switch {
		case what != survived && what != unreached:
		case s.explained[m.name()]:
			explained++
		default:
			_, err := fmt.Fprintf(out, "%s, line %d, %s\n", m.name(), m.Line, what)
			faults = errors.Join(faults, err)
		}
	})
	_, err := fmt.Fprintf(out, "%s, seed %d: %d of %d tried, %d killed, %d by the time limit, %d do not compile, %d survived, %d reached by no test; %d of them are explained\n",
		p.folder, s.seed, len(chosen), len(all), counts[killed], counts[timedOut], counts[unbuilt], counts[survived], counts[unreached], explained)
	return errors.Join(faults, err)
}

// fateOf tries a mutant: with the package's own tests, then with others.
func fateOf(s *settings, p *source, m *mutant, number int, suites []*suite) (fate, error) {
	if m.gate == nil {
		return fateAlone(s, p, m, suites)
	}
	what := unreached
	for _, u := range suites {
		switch w := u.fateOf(s, number); w {
		case survived:
			what = w
		case unreached:
		default:
			return w, nil
		}
	}
	return what, nil
}

// fateAlone builds a mutant that no gate can hold, in an overlay: the files themselves stay as they are.
func fateAlone(s *settings, p *source, m *mutant, suites []*suite) (fate, error) {
	dir, err := os.MkdirTemp("", "mutate-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	texts := map[string][]byte{}
	for path, text := range p.texts {
		texts[path] = text
	}
	texts[m.File] = m.apply(p.texts[m.File])
	overlay, err := p.write(texts, "", dir)
	if err != nil {
		return "", err
	}
	for _, u := range suites {
		alone := &suite{folder: u.folder, binary: filepath.Join(dir, "suite")}
		if _, err := compile(u.folder, overlay, alone.binary); err != nil {
			return unbuilt, nil
		}
		for _, subtests := range slices.Compact([]string{s.first, ""}) {
			if what, _ := alone.try(s, u.tests, subtests, 0, "", s.limit); what != survived {
				return what, nil
			}
		}
	}
	return survived, nil
}
