//go:build unix

package e2e

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"flashpay/internal/pgtest"
)

// The pages that tell people what to type are typed here, byte for byte, by a reader with a new folder and some terminals.
// What a reader knows from the text stands in a comment of Markdown before a block, <!-- try: KEY=VALUE; … -->:
//
//	in=NAME,…     the terminals that it is typed into; else it is the one called main
//	until=TEXT    it does not end: the next block is typed when it has printed this
//	stop=NAME,…   before, Ctrl-C is pressed in these terminals
//	name=NAME     what «then» calls it
//	then=NAME     after it, that block is typed again
//	times=||      it is typed as often as there are strokes
//	printed=yes   no command, but what the one before it prints, request ids aside
//	by=TEST,…     too much for this test: these try it, or these files say how
type block struct {
	text string
	try  map[string]string
	at   string // page and line
}

var (
	tryPattern  = regexp.MustCompile(`^<!-- try: (.*) -->$`)
	requestID   = regexp.MustCompile(`"request_id":"[^"]*"`)
	portPattern = regexp.MustCompile(`127\.0\.0\.1:(80[89]\d)\b`)
)

// blocksOf are the blocks of a page that are indented, or fenced as sh.
func blocksOf(t *testing.T, page string) []*block {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", page))
	if err != nil {
		t.Fatal(err)
	}
	var all []*block
	var open *block
	try, fence := map[string]string{}, ""
	for i, line := range strings.Split(string(text), "\n") {
		code, indented := strings.CutPrefix(line, "    ")
		switch {
		case strings.HasPrefix(line, "```"):
			if fence == "" {
				fence = line
			} else {
				fence, open = "", nil
			}
			continue
		case fence == "```sh":
			code = line
		case fence != "" || !indented:
			if line != "" {
				open = nil
			}
			if m := tryPattern.FindStringSubmatch(line); m != nil {
				try = map[string]string{}
				for _, pair := range strings.Split(m[1], "; ") {
					key, value, _ := strings.Cut(pair, "=")
					try[key] = value
				}
			}
			continue
		}
		if open == nil {
			open = &block{try: try, at: fmt.Sprintf("%s:%d", page, i+1)}
			all, try = append(all, open), map[string]string{}
		}
		open.text += code + "\n"
	}
	return all
}

// desk is where somebody follows the pages.
type desk struct {
	t         *testing.T
	dir       string
	env       []string
	standIns  string            // of `make` and `go`, for the shell
	stands    *strings.Replacer // of ports and names that others may have taken
	terminals map[string]*terminal
	named     map[string]*block
	printed   string // by the command before
}

// terminal is a shell that stays.
type terminal struct {
	d     *desk
	cmd   *exec.Cmd
	stdin io.WriteCloser
	out   *syncBuffer
	typed int
	ended chan struct{}
}

// documents are the pages that are typed, in the order in which one reads them.
var documents = []string{"README.md", "docs/operate.md", "docs/dashboard.md"}

func TestPagesRunAsPasted(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	for _, page := range documents {
		for _, b := range blocksOf(t, page) {
			if by := b.try["by"]; by != "" {
				triedElsewhere(t, b, by)
				continue
			}
			d.follow(b)
		}
	}
}

// follow does what a block says.
func (d *desk) follow(b *block) {
	d.t.Helper()
	if b.try["printed"] != "" {
		want := strings.TrimSpace(requestID.ReplaceAllString(b.text, ""))
		if got := requestID.ReplaceAllString(d.printed, ""); !strings.Contains(got, want) {
			d.t.Errorf("%s: what is printed is not\n%s\nbut\n%s", b.at, b.text, d.printed)
		}
		return
	}
	if b.try["stop"] != "" {
		for _, name := range strings.Split(b.try["stop"], ",") {
			d.terminal(name).interrupt()
		}
	}
	if name := b.try["name"]; name != "" {
		d.named[name] = b
	}
	for range cmp.Or(len(b.try["times"]), 1) {
		for _, name := range strings.Split(cmp.Or(b.try["in"], "main"), ",") {
			d.printed = d.terminal(name).types(b)
		}
	}
	if then := d.named[b.try["then"]]; then != nil {
		d.terminal("main").types(then)
	}
}

// triedElsewhere makes sure that what a mark names is there.
func triedElsewhere(t *testing.T, b *block, by string) {
	t.Helper()
	for _, name := range strings.Split(by, ",") {
		if strings.Contains(name, "/") {
			if _, err := os.Stat(filepath.Join("..", name)); err != nil {
				t.Errorf("%s: %v", b.at, err)
			}
			continue
		}
		found, err := exec.Command("grep", "-rlE", "--include=*_test.go", `^func `+name+`\(`, "..").Output()
		if err != nil || len(found) == 0 {
			t.Errorf("%s: there is no test %s (%v)", b.at, name, err)
		}
	}
}

// newDesk makes the folder that a reader works in. Instead of a clone with its compiler it has the program as it was built
// for these tests, and stand-ins of `make build` and `go run ./examples/pay` that give it.
func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{t: t, dir: t.TempDir(), terminals: make(map[string]*terminal), named: make(map[string]*block)}
	database, err := url.Parse(pgtest.URL(t))
	if err != nil {
		t.Fatal(err)
	}
	password, _ := database.User.Password()
	own := "flashpay_pages_" + strings.TrimPrefix(filepath.Base(filepath.Dir(d.dir)), "TestPagesRunAsPasted")
	ports := map[string]string{}
	pairs := []string{
		"ROLE flashpay", "ROLE " + own, "DATABASE flashpay OWNER flashpay", "DATABASE " + own + " OWNER " + own,
		"postgres://flashpay:secret@127.0.0.1:5432/flashpay", fmt.Sprintf("postgres://%s:secret@%s/%s", own, database.Host, own),
	}
	for _, port := range []string{"8080", "8082", "8083", "8090", "8091", "8092"} {
		ports[port] = freePort(t)
		pairs = append(pairs, "127.0.0.1:"+port, "127.0.0.1:"+ports[port])
	}
	d.stands = strings.NewReplacer(pairs...)
	d.standIns = "make() { [ \"$*\" = build ] && cp '" + program + "' flashpay; }; go() { [ \"$*\" = 'run ./examples/pay' ] && '" + d.buildExample() + "'; }"
	d.env = append(os.Environ(), "FLASHPAY_GATE=127.0.0.1:"+ports["8080"], "FLASHPAY_LISTEN=127.0.0.1:"+ports["8082"],
		"FLASHPAY_DASHBOARD=127.0.0.1:"+ports["8083"], "FLASHPAY_OPS=127.0.0.1:"+ports["8090"],
		"PGHOST="+database.Hostname(), "PGPORT="+database.Port(), "PGUSER="+database.User.Username(), "PGPASSWORD="+password, "PGDATABASE="+strings.Trim(database.Path, "/"))
	t.Cleanup(func() {
		for _, name := range []string{"server", "gate", "engine", "dashboard", "listen"} {
			d.terminal(name).interrupt()
		}
		for _, statement := range []string{"DROP DATABASE IF EXISTS " + own, "DROP ROLE IF EXISTS " + own} {
			cmd := exec.Command("psql", "-c", statement)
			if cmd.Env = d.env; cmd.Run() != nil {
				t.Logf("%s failed", statement)
			}
		}
		for _, s := range d.terminals {
			_ = s.stdin.Close()
			<-s.ended
		}
	})
	return d
}

func (d *desk) write(name, text string) {
	d.t.Helper()
	if err := os.WriteFile(filepath.Join(d.dir, name), []byte(text), 0o600); err != nil {
		d.t.Fatal(err)
	}
}

// buildExample builds the program of README with the ports of this desk.
func (d *desk) buildExample() string {
	d.t.Helper()
	source, err := filepath.Abs("../examples/pay/main.go")
	if err != nil {
		d.t.Fatal(err)
	}
	text, err := os.ReadFile(source)
	if err != nil {
		d.t.Fatal(err)
	}
	d.write("pay.go", d.stands.Replace(string(text)))
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {source: filepath.Join(d.dir, "pay.go")}})
	if err != nil {
		d.t.Fatal(err)
	}
	d.write("overlay.json", string(overlay))
	pay := filepath.Join(d.dir, "pay")
	if out, err := exec.Command("go", "build", "-overlay", filepath.Join(d.dir, "overlay.json"), "-o", pay, "flashpay/examples/pay").CombinedOutput(); err != nil {
		d.t.Fatalf("%v\n%s", err, out)
	}
	return pay
}

// freePort finds a port that is free, outside of the range that systems choose from by themselves: nothing that runs beside
// these tests is given it before a page's command listens there.
func freePort(t *testing.T) string {
	t.Helper()
	for range 1000 {
		port := strconv.Itoa(12000 + rand.IntN(18000))
		if ln, err := net.Listen("tcp", "127.0.0.1:"+port); err == nil {
			_ = ln.Close()
			return port
		}
	}
	t.Fatal("no port is free on 127.0.0.1 between 12000 and 30000")
	return ""
}

func (d *desk) terminal(name string) *terminal {
	d.t.Helper()
	if d.terminals[name] != nil {
		return d.terminals[name]
	}
	s := &terminal{d: d, cmd: exec.Command("bash"), out: &syncBuffer{}, ended: make(chan struct{})}
	s.cmd.Dir, s.cmd.Env = d.dir, d.env
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C reaches this terminal only
	s.cmd.Stdout, s.cmd.Stderr = s.out, s.out
	var err error
	if s.stdin, err = s.cmd.StdinPipe(); err != nil {
		d.t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	go func() {
		_ = s.cmd.Wait()
		close(s.ended)
	}()
	d.terminals[name] = s
	s.put("trap : INT; trap 'echo \"failed: $BASH_COMMAND\"' ERR")
	s.put(d.standIns)
	return s
}

func (s *terminal) put(line string) {
	s.d.t.Helper()
	if _, err := fmt.Fprintln(s.stdin, line); err != nil {
		s.d.t.Fatal(err)
	}
}

// types types a block, waits until it has ended, or says what it is to say, and returns what was printed.
func (s *terminal) types(b *block) string {
	s.d.t.Helper()
	from := len(s.out.String())
	s.put(s.d.stands.Replace(b.text))
	until := b.try["until"]
	if until == "" {
		s.typed++
		until = fmt.Sprintf("typed: %d\n", s.typed)
		s.put("echo; echo typed: " + fmt.Sprint(s.typed))
	}
	printed := func() string { return s.out.String()[from:] }
	for deadline := time.Now().Add(patience); !strings.Contains(printed(), until); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) || strings.Contains(printed(), "failed: ") {
			break
		}
	}
	if got := printed(); !strings.Contains(got, until) || strings.Contains(got, "failed: ") {
		s.d.t.Fatalf("%s: of\n%scomes\n%s", b.at, s.d.stands.Replace(b.text), got)
	}
	return printed()
}

// interrupt presses Ctrl-C, and waits until the shell takes commands again.
func (s *terminal) interrupt() {
	s.d.t.Helper()
	if err := syscall.Kill(-s.cmd.Process.Pid, syscall.SIGINT); err != nil {
		s.d.t.Fatal(err)
	}
	s.typed++
	s.put("echo; echo typed: " + fmt.Sprint(s.typed))
	until := fmt.Sprintf("typed: %d\n", s.typed)
	for deadline := time.Now().Add(patience); !strings.Contains(s.out.String(), until); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.d.t.Fatalf("Ctrl-C does not end it:\n%s", s.out.String())
		}
	}
}

// Every port that the pages name is one that a desk replaces.
func TestPagesNameKnownPorts(t *testing.T) {
	t.Parallel()
	for _, page := range documents {
		for _, b := range blocksOf(t, page) {
			lines := bufio.NewScanner(strings.NewReader(b.text))
			for lines.Scan() {
				for _, m := range portPattern.FindAllStringSubmatch(lines.Text(), -1) {
					if !strings.Contains("8080 8082 8083 8090 8091 8092", m[1]) {
						t.Errorf("%s: port %s is not among those that a test replaces", b.at, m[1])
					}
				}
			}
		}
	}
}
