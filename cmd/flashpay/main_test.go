package main

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	_ "modernc.org/sqlite"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"flashpay": main})
}

// TestScripts runs the program as people and scripts do, as a process of its own.
func TestScripts(t *testing.T) {
	servers := &servers{running: make(map[string]*child)}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("FLASHPAY_DATABASE", "sqlite:"+filepath.Join(env.WorkDir, "flashpay.db"))
			env.Defer(func() { servers.killAll(env.WorkDir) })
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"cli":     cli,
			"start":   servers.start,
			"halt":    servers.halt,
			"await":   await,
			"refused": refused,
			"capture": capture,
			"sql":     execSQL,
			"get":     get,
			"post":    post,
		},
	})
}

// cli ARG…: runs the program inside the test, which is much quicker than exec with the race detector. Paths must be
// absolute; there is no stdin.
func cli(ts *testscript.TestScript, neg bool, args []string) {
	code := run(context.Background(), args, ts.Getenv, strings.NewReader(""), ts.Stdout(), ts.Stderr())
	if neg == (code == exitOK) {
		ts.Fatalf("flashpay %s ended with %d", strings.Join(args, " "), code)
	}
}

// servers are the programs that scripts have started, by work directory and name.
type servers struct {
	mu      sync.Mutex
	running map[string]*child
}

type child struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
	dir  string
}

// start NAME ARG…: starts flashpay, waits for its first line, and sets a variable for each member of it: gate of the
// server a is $a_gate. What it prints goes to NAME.out and NAME.err.
func (s *servers) start(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: start name arg…")
	}
	program, err := exec.LookPath("flashpay")
	ts.Check(err)
	cmd := exec.Command(program, args[1:]...)
	cmd.Dir = ts.Getenv("WORK")
	for _, name := range []string{"PATH", "WORK", "HOME", "TMPDIR", "FLASHPAY_DATABASE", "FLASHPAY_KEY"} {
		cmd.Env = append(cmd.Env, name+"="+ts.Getenv(name))
	}
	out, err := os.Create(ts.MkAbs(args[0] + ".out"))
	ts.Check(err)
	cmd.Stderr, err = os.Create(ts.MkAbs(args[0] + ".err"))
	ts.Check(err)
	stdout, err := cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	p := &child{cmd: cmd, done: make(chan struct{}), dir: ts.Getenv("WORK")}
	s.mu.Lock()
	s.running[p.dir+" "+args[0]] = p
	s.mu.Unlock()
	first := make(chan string, 1)
	go func() {
		defer close(p.done)
		lines := bufio.NewReader(stdout)
		line, _ := lines.ReadString('\n')
		first <- line
		_, _ = out.WriteString(line)
		_, _ = lines.WriteTo(out)
		_ = cmd.Wait()
		_ = out.Close()
	}()
	ready := map[string]any{}
	if err := json.Unmarshal([]byte(<-first), &ready); err != nil || ready["ready"] != true {
		ts.Fatalf("%s is not ready: %v, it printed %v\n%s", args[0], err, ready, ts.ReadFile(args[0]+".err"))
	}
	for name, value := range ready {
		if text, ok := value.(string); ok {
			ts.Setenv(args[0]+"_"+name, text)
		}
	}
}

// halt NAME [SIGNAL]: sends SIGTERM, or another signal, and waits for the end: exit code 0, after SIGKILL any.
func (s *servers) halt(ts *testscript.TestScript, neg bool, args []string) {
	signal := syscall.SIGTERM
	switch {
	case neg || len(args) < 1 || len(args) > 2:
		ts.Fatalf("usage: halt name [INT|KILL]")
	case len(args) == 2:
		signal = map[string]syscall.Signal{"INT": syscall.SIGINT, "KILL": syscall.SIGKILL}[args[1]]
	}
	s.mu.Lock()
	p := s.running[ts.Getenv("WORK")+" "+args[0]]
	delete(s.running, ts.Getenv("WORK")+" "+args[0])
	s.mu.Unlock()
	ts.Check(p.cmd.Process.Signal(signal))
	select {
	case <-p.done:
	case <-time.After(stopGrace + patience):
		_ = p.cmd.Process.Kill()
		ts.Fatalf("%s does not stop", args[0])
	}
	if code := p.cmd.ProcessState.ExitCode(); code != 0 && signal != syscall.SIGKILL {
		ts.Fatalf("%s ended with %d\n%s", args[0], code, ts.ReadFile(args[0]+".err"))
	}
}

func (s *servers) killAll(dir string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, p := range s.running {
		if p.dir == dir {
			_ = p.cmd.Process.Kill()
			<-p.done
			delete(s.running, name)
		}
	}
}

// patience is how long what must come may take: only a test that fails waits for so long.
const patience = 5 * time.Minute

// await FILE COUNT PATTERN: waits until as many lines of the file fit the pattern. On a busy machine a result may have to
// be inquired for, and the fourth inquiry comes after 30 s.
func await(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: await file count pattern")
	}
	want, err := strconv.Atoi(args[1])
	ts.Check(err)
	pattern := regexp.MustCompile("(?m)" + args[2])
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		text := ts.ReadFile(args[0])
		got := len(pattern.FindAllString(text, -1))
		if got == want {
			return
		}
		if got > want || time.Now().After(deadline) {
			ts.Fatalf("%s has %d lines with %s, want %d:\n%s", args[0], got, args[2], want, text)
		}
	}
}

// refused PATTERN ARG…: runs the program until it fails with words that fit the pattern, as it does once a server has
// heard of what another process has changed.
func refused(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: refused pattern arg…")
	}
	pattern := regexp.MustCompile(args[0])
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		var errs bytes.Buffer
		code := run(context.Background(), args[1:], ts.Getenv, strings.NewReader(""), io.Discard, &errs)
		if code != exitOK && pattern.MatchString(errs.String()) {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("flashpay %s ended with %d, want a refusal with %s: %s", strings.Join(args[1:], " "), code, args[0], &errs)
		}
	}
}

// capture FILE NAME PATTERN: sets a variable to what the pattern's group matches in a file or stdout.
func capture(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: capture file name pattern")
	}
	m := regexp.MustCompile(args[2]).FindStringSubmatch(ts.ReadFile(args[0]))
	if len(m) != 2 {
		ts.Fatalf("%s does not fit %s", args[0], args[2])
	}
	ts.Setenv(args[1], m[1])
}

// sql FILE STATEMENT: runs a statement on a SQLite file.
func execSQL(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: sql file statement")
	}
	db, err := sql.Open("sqlite", ts.MkAbs(args[0])+"?_pragma=busy_timeout(60000)") // a server may be writing
	ts.Check(err)
	defer db.Close()
	_, err = db.Exec(args[1])
	ts.Check(err)
}

// get URL STATUS: asks, and hands the body to the next stdout.
func get(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: get url status")
	}
	resp, err := http.Get(args[0])
	ts.Check(err)
	finishRequest(ts, resp, args[1])
}

// post URL FILE STATUS: posts a file as JSON.
func post(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: post url file status")
	}
	resp, err := http.Post(args[0], "application/json", strings.NewReader(ts.ReadFile(args[1])))
	ts.Check(err)
	finishRequest(ts, resp, args[2])
}

func finishRequest(ts *testscript.TestScript, resp *http.Response, status string) {
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	ts.Check(err)
	if strconv.Itoa(resp.StatusCode) != status {
		ts.Fatalf("answered %d: %s", resp.StatusCode, body)
	}
	_, err = ts.Stdout().Write(body)
	ts.Check(err)
}

// inProcess runs the program inside the test, with no variables but those given.
func inProcess(t *testing.T, ctx context.Context, variables map[string]string, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(ctx, args, func(name string) string { return variables[name] }, strings.NewReader(stdin), &out, &errs)
	return code, out.String(), errs.String()
}
