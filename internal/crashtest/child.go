package crashtest

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	startLimit = 60 * time.Second // for a process to say that it is ready
	stopLimit  = 20 * time.Second // for a process that was asked to stop; it promises 10 s
)

// child is a process of the program under test, started again and again at the same addresses.
type child struct {
	name    string
	program string
	args    []string
	env     []string
	log     string // path: what all its lives write to stderr

	// unasked is told of each life that ended by itself.
	unasked func(c *child, l *life, why string)

	mu   sync.Mutex
	life *life
}

// life is one run of a child.
type life struct {
	cmd   *exec.Cmd
	ready chan struct{} // closed when it has said that it is ready
	ended chan struct{} // closed when it has ended
	asked bool          // its end was asked for
}

// start begins a life, and does not wait until it is ready.
func (c *child) start() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.startLocked()
}

// startAfter begins a life after one that ended by itself, unless somebody else did, or wants none.
func (c *child) startAfter(l *life) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.life != l || l.asked {
		return nil
	}
	return c.startLocked()
}

func (c *child) startLocked() error {
	log, err := os.OpenFile(c.log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }() // the process has its own descriptor
	l := &life{cmd: exec.Command(c.program, c.args...), ready: make(chan struct{}), ended: make(chan struct{})}
	l.cmd.Env, l.cmd.Stderr, l.cmd.SysProcAttr = c.env, log, tied()
	stdout, err := l.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := l.cmd.Start(); err != nil {
		return fmt.Errorf("starting %s: %w", c.name, err)
	}
	c.life = l
	go c.watch(l, stdout)
	return nil
}

// watch waits for the line that says «ready», and for the end.
func (c *child) watch(l *life, stdout io.Reader) {
	lines := bufio.NewReader(stdout)
	if line, err := lines.ReadString('\n'); err == nil && strings.Contains(line, `"ready":true`) {
		close(l.ready)
	}
	_, _ = io.Copy(io.Discard, lines)
	err := l.cmd.Wait()
	c.mu.Lock()
	asked := l.asked
	c.mu.Unlock()
	close(l.ended)
	if !asked {
		if err == nil {
			err = errors.New("it ended with exit code 0")
		}
		c.unasked(c, l, fmt.Sprintf("%v; the log ends: %s", err, tail(c.log)))
	}
}

// current is the life that was started last.
func (c *child) current() *life {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.life
}

// awaitReady waits until the child is ready, whichever of its lives it is.
func (c *child) awaitReady(ctx context.Context) error {
	deadline := time.Now().Add(startLimit)
	for time.Now().Before(deadline) {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-c.current().ready:
			return nil
		case <-time.After(20 * time.Millisecond):
		}
	}
	return fmt.Errorf("%s is not ready %s after its start; the log ends: %s", c.name, startLimit, tail(c.log))
}

// ask notes that the end of the present life is wanted. It returns that life.
func (c *child) ask() *life {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.life.asked = true
	return c.life
}

// kill ends the present life as a crash does.
func (c *child) kill() {
	l := c.ask()
	_ = l.cmd.Process.Kill()
	<-l.ended
}

// terminate asks the present life to stop. An error says that it did not do so well; it has ended in any case.
func (c *child) terminate() error {
	l := c.ask()
	select {
	case <-l.ended: // it ended unasked, and that was reported
		return nil
	default:
	}
	if err := l.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("%s: SIGTERM: %w", c.name, err)
	}
	select {
	case <-l.ended:
	case <-time.After(stopLimit):
		_ = l.cmd.Process.Kill()
		<-l.ended
		return fmt.Errorf("%s did not stop within %s of SIGTERM; the log ends: %s", c.name, stopLimit, tail(c.log))
	}
	if code := l.cmd.ProcessState.ExitCode(); code != 0 {
		return fmt.Errorf("%s ended with exit code %d after SIGTERM; the log ends: %s", c.name, code, tail(c.log))
	}
	return nil
}

// tail is the end of a file, for messages.
func tail(path string) string {
	const most = 600
	text, err := os.ReadFile(path)
	if err != nil {
		return "(no log)"
	}
	if len(text) > most {
		text = text[len(text)-most:]
		if i := bytes.IndexByte(text, '\n'); i >= 0 && i < len(text)-1 {
			text = text[i+1:]
		}
	}
	return string(bytes.TrimSpace(text))
}

// startAll starts bank and platform and waits until they are ready.
func (t *test) startAll(ctx context.Context) error {
	ports, err := freePorts(1 + 2*t.config.Nodes)
	if err != nil {
		return err
	}
	args := []string{"bank", "--listen", ports[0], "--state", bankState(t.config.Database), "--log-level", "info"}
	if t.config.NoDedup {
		args = append(args, "--no-dedup")
	}
	t.bank = t.child("bank", args)
	for i := range t.config.Nodes {
		to, env, err := newLines(&t.config, ports[0])
		t.lines = append(t.lines, to)
		if err != nil {
			return err
		}
		node := t.child(victim(i).String(), []string{
			"serve", "--gate", ports[1+2*i], "--dashboard", "127.0.0.1:0", "--ops", ports[2+2*i], "--bank-url", "http://" + to.bank.address(), "--allow-private-callbacks", "--log-level", "info",
		})
		node.env = env
		t.nodes = append(t.nodes, node)
		gate, err := t.shop.client("http://" + ports[1+2*i])
		if err != nil {
			return err
		}
		t.gates = append(t.gates, gate)
	}
	for _, c := range t.children() {
		if err := c.start(); err != nil {
			return err
		}
		if err := c.awaitReady(ctx); err != nil {
			return err
		}
	}
	return t.openBeside(ctx)
}

func (t *test) child(name string, args []string) *child {
	return &child{
		name: name, program: t.config.Program, args: args, env: environment(&t.config), log: filepath.Join(t.dir, name+".log"),
		unasked: t.endedUnasked,
	}
}

// endedUnasked reports a process that ended by itself and starts it again. One whose address is still taken, by a
// connection that the killed one left, is no violation.
func (t *test) endedUnasked(c *child, l *life, why string) {
	if !strings.Contains(why, "cannot listen there") {
		t.violate(Violation{Kind: "process ended by itself", Detail: c.name + ": " + why})
	}
	time.Sleep(300 * time.Millisecond)
	if err := c.startAfter(l); err != nil {
		t.violate(Violation{Kind: "process cannot be started", Detail: err.Error()})
	}
}

// children lists all processes, in the order in which they are started.
func (t *test) children() []*child {
	if t.bank == nil {
		return t.nodes
	}
	return append([]*child{t.bank}, t.nodes...)
}

// stopAll ends whatever still runs.
func (t *test) stopAll() {
	for _, c := range t.children() {
		if c.current() != nil {
			c.kill()
		}
	}
	for _, of := range t.lines {
		of.close()
	}
	if t.receiver != nil {
		t.receiver.close()
	}
}

// bankState is where serve would put the books of a simulated bank of its own.
func bankState(database string) string {
	if path, ok := strings.CutPrefix(database, "sqlite:"); ok {
		return path + ".bank"
	}
	return database
}

// environment is this process's without the settings of another installation. The database's address may hold a
// password, so it is not among the arguments.
func environment(c *Config) []string {
	var env []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "FLASHPAY_") {
			env = append(env, v)
		}
	}
	env = append(env, "FLASHPAY_DATABASE="+c.Database)
	if c.Keyset != "" {
		env = append(env, "FLASHPAY_KEYSET="+c.Keyset)
	}
	return env
}

// freePorts finds loopback addresses that are free, outside of the range of ports that systems choose from by
// themselves, and on a host of its own where the system has all of 127.0.0.0/8: nothing else takes them while a process
// is down, not even another crash test on the same machine.
func freePorts(n int) ([]string, error) {
	const first, last = 12000, 30000
	host := ownHost()
	var found []string
	for tries := 0; len(found) < n; tries++ {
		if tries > 1000 {
			return nil, fmt.Errorf("no free port found on %s", host)
		}
		address := net.JoinHostPort(host, strconv.Itoa(first+rand.IntN(last-first)))
		ln, err := net.Listen("tcp", address)
		if err != nil {
			continue
		}
		defer func() { _ = ln.Close() }() // only at the end, so that none is chosen twice
		found = append(found, address)
	}
	return found, nil
}

// ownHost is a loopback address that hardly anybody else has chosen; 127.0.0.1 where the system has no other.
func ownHost() string {
	host := fmt.Sprintf("127.%d.%d.%d", 1+rand.IntN(254), rand.IntN(256), 1+rand.IntN(254))
	ln, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return "127.0.0.1"
	}
	_ = ln.Close()
	return host
}
