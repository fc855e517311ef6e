package bench

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime/metrics"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A part of the installation under test is a process of its own, this program started again, so that what it takes of
// the machine can be told apart. Its input is a line to whoever started it: each line that comes in is answered with
// the process's usage, and its end is the end of the part.

// Usage is what a process has taken since it started.
type Usage struct {
	CPU         time.Duration `json:"cpu"`
	Allocations uint64        `json:"allocations"` // of heap objects
	Allocated   uint64        `json:"allocated"`   // bytes of heap
	Peak        int64         `json:"peak"`        // bytes of memory in use at most; 0 where the system does not say
	Resident    int64         `json:"resident"`    // bytes of memory in use; likewise
}

// ReadUsage reads this process's usage.
func ReadUsage() Usage {
	samples := []metrics.Sample{{Name: "/gc/heap/allocs:objects"}, {Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(samples)
	return Usage{CPU: processorTime(), Allocations: samples[0].Value.Uint64(), Allocated: samples[1].Value.Uint64(), Peak: memory("VmHWM:"), Resident: memory("VmRSS:")}
}

// memory is what this process has or has had resident at most, as /proc calls it, where there is such.
func memory(name string) int64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, rest, _ := bytes.Cut(status, []byte(name))
	text, _, _ := bytes.Cut(rest, []byte("kB"))
	kilobytes, _ := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	return kilobytes << 10
}

// Serve runs a part: it answers the parent's questions on out, and ends the part's context when the parent ends its
// input, or is no more. What run writes, its line of addresses, goes to out as well.
func Serve(ctx context.Context, in io.Reader, out io.Writer, run func(ctx context.Context, out io.Writer) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	shared := &sharedWriter{to: out}
	go func() {
		questions := bufio.NewScanner(in)
		for questions.Scan() {
			answer, err := json.Marshal(ReadUsage())
			if err != nil {
				break
			}
			if _, err := shared.Write(append(answer, '\n')); err != nil {
				break
			}
		}
		cancel(errors.New("bench has no more need of it"))
	}()
	return run(ctx, shared)
}

type sharedWriter struct {
	mu sync.Mutex
	to io.Writer
}

func (w *sharedWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.to.Write(p)
}

// part is a process under test, as its parent sees it.
type part struct {
	Gate string `json:"gate"` // addresses, as http://host:port; empty where it has none
	Ops  string `json:"ops"`
	Bank string `json:"bank"`

	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
	log *os.File
}

const (
	startTimeout = 60 * time.Second // an older database may be migrated, leases freed
	stopTimeout  = 15 * time.Second
)

// startPart starts a process and waits until it says where it listens. Its log goes to a file.
func startPart(ctx context.Context, cmd *exec.Cmd, log string) (p *part, err error) {
	p = &part{cmd: cmd}
	// Appended, so that the file can be emptied beside the process.
	if p.log, err = os.OpenFile(log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600); err != nil {
		return nil, fmt.Errorf("bench: the log of a process: %w", err)
	}
	cmd.Stderr = p.log
	var out io.ReadCloser
	if p.in, err = cmd.StdinPipe(); err == nil {
		if out, err = cmd.StdoutPipe(); err == nil {
			p.out, err = bufio.NewReader(out), cmd.Start()
		}
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("bench: starting %s: %w", name(cmd), err), p.log.Close())
	}
	if err := p.ask(ctx, startTimeout, "", p); err != nil {
		p.kill()
		return nil, fmt.Errorf("bench: %s did not start: %w: %s", name(cmd), err, lastLine(log))
	}
	return p, nil
}

func name(cmd *exec.Cmd) string { return strings.Join(cmd.Args, " ") }

func lastLine(file string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return err.Error()
	}
	text = bytes.TrimSpace(text)
	return string(text[bytes.LastIndexByte(text, '\n')+1:])
}

// ask sends a line, unless it is empty, and reads one as JSON.
func (p *part) ask(ctx context.Context, patience time.Duration, line string, into any) error {
	if line != "" {
		if _, err := io.WriteString(p.in, line+"\n"); err != nil {
			return err
		}
	}
	type answer struct {
		text []byte
		err  error
	}
	got := make(chan answer, 1)
	go func() {
		text, err := p.out.ReadBytes('\n')
		got <- answer{text, err}
	}()
	select {
	case a := <-got:
		if a.err != nil {
			return fmt.Errorf("it has ended: %w", a.err)
		}
		return json.Unmarshal(a.text, into)
	case <-time.After(patience):
		return fmt.Errorf("no word from it in %s", patience)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// usage asks the process for its usage.
func (p *part) usage(ctx context.Context) (u Usage, err error) {
	if p == nil {
		return u, nil
	}
	if err := p.ask(ctx, 10*time.Second, "usage", &u); err != nil {
		return u, fmt.Errorf("bench: asking %s for its usage: %w", name(p.cmd), err)
	}
	return u, nil
}

// stop has the process end by itself, and kills it where it does not.
func (p *part) stop() error {
	if p == nil {
		return nil
	}
	_ = p.in.Close()
	timer := time.AfterFunc(stopTimeout, func() { _ = p.cmd.Process.Kill() })
	defer timer.Stop()
	_, _ = io.Copy(io.Discard, p.out)
	err := p.cmd.Wait()
	if err != nil {
		err = fmt.Errorf("bench: %s: %w: %s", name(p.cmd), err, lastLine(p.log.Name()))
	}
	return errors.Join(err, p.log.Close())
}

func (p *part) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
	_ = p.log.Close()
}
