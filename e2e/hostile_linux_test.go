package e2e

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"flashpay/client"
)

// TestBesideHostileRequests pays beside connections that send nothing but bodies which cost much to read and are refused: each
// payout is taken, each of theirs refused. A soak measures, too, what it costs: resident memory stays below one and a half times
// that of before, and the slowest payouts of a hundred wait less than twice as long (run it alone, on a quiet machine).
func TestBesideHostileRequests(t *testing.T) {
	connections, payouts, rounds := 8, 40, 1
	if soak {
		connections, payouts, rounds = 64, 600, 2
	} else {
		t.Parallel()
	}
	db, web := newDatabase(t, "sqlite"), newReceiver(t)
	node := db.serve(t)
	db.project(t, 210, web)
	waitForProject(t, node.Gate, 210)
	bodies := hostileBodies(t, node.Gate)
	for round := range rounds {
		pay := func(phase string) time.Duration { return payEvenly(t, node.Gate, fmt.Sprint(phase, round), payouts) }
		pay("warm")
		alone, idle := pay("alone"), residentMemory(t, node)
		sent, stop := attack(t, node.Gate, connections, bodies)
		most, measured := idle, make(chan struct{})
		watching := make(chan struct{})
		go func() {
			defer close(measured)
			for {
				most = max(most, residentMemory(t, node))
				select {
				case <-watching:
					return
				case <-time.After(50 * time.Millisecond):
				}
			}
		}()
		beside := pay("beside")
		close(watching)
		<-measured
		stop()
		t.Logf("%d hostile requests: memory %d to %d MB (%.2f), p99 %s to %s (%.2f)", sent.Load(), idle>>20, most>>20,
			float64(most)/float64(idle), alone, beside, float64(beside)/float64(alone))
		if sent.Load() == 0 {
			t.Error("nobody attacked: nothing is shown")
		}
		if soak && (2*most >= 3*idle || beside >= 2*alone) {
			t.Error("they cost too much")
		}
	}
}

// payEvenly sends payouts at forty a second, whether those before are answered or not, and returns what 99 of 100 waited at most.
func payEvenly(t *testing.T, gate, name string, payouts int) time.Duration {
	t.Helper()
	web := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	defer web.CloseIdleConnections()
	c, err := client.New(client.Config{GateURL: gate, ProjectID: 210, Key: "secret", HTTPClient: web})
	if err != nil {
		t.Fatal(err)
	}
	waits := make([]time.Duration, payouts)
	var all sync.WaitGroup
	begun := time.Now()
	for i := range payouts {
		due := begun.Add(time.Duration(i) * 25 * time.Millisecond)
		time.Sleep(time.Until(due))
		all.Go(func() {
			if _, err := c.Create(t.Context(), to("10900000004598", name+"-"+strconv.Itoa(i))); err != nil {
				t.Error(err)
			}
			waits[i] = time.Since(due)
		})
	}
	all.Wait()
	slices.Sort(waits)
	return waits[payouts*99/100]
}

// hostileBodies are bodies that anybody can make of a request once seen. None is signed.
func hostileBodies(t *testing.T, gate string) [][]byte {
	t.Helper()
	seen, err := shop(t, gate, 210).Build(to("10900000004598", "seen"))
	if err != nil {
		t.Fatal(err)
	}
	members := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `,"k%d":0`, i)
		}
		return "{" + strings.TrimPrefix(b.String(), ",") + "}"
	}
	numbers := func(n int) string { return "[0" + strings.Repeat(",1", n-1) + "]" }
	long := strings.Repeat("n", 30_000)
	var all [][]byte
	for _, more := range []string{
		`"` + long + `":` + numbers(200), `"` + long + `":` + members(3_000), `"keys":` + members(6_000), `"list":` + numbers(31_000),
		`"objects":` + strings.Repeat(`{"a":`, 9_000) + "0" + strings.Repeat("}", 9_000),
		`"arrays":` + strings.Repeat("[", 30_000) + strings.Repeat("]", 30_000), `"text":"` + long[:22_000] + `"`,
	} {
		all = append(all, bytes.Replace(seen.Body, []byte("{"), []byte("{"+more+","), 1))
	}
	head := "POST " + seen.Path + " HTTP/1.1\r\nHost: gate\r\nContent-Type: application/json\r\nContent-Length: "
	for i, body := range all {
		all[i] = append([]byte(head+strconv.Itoa(len(body))+"\r\n\r\n"), body...)
	}
	return all
}

// attack sends bodies over many connections, each as soon as the one before is refused, until it is stopped.
func attack(t *testing.T, gate string, connections int, bodies [][]byte) (sent *atomic.Int64, stop func()) {
	t.Helper()
	sent = new(atomic.Int64)
	var ended atomic.Bool
	var all sync.WaitGroup
	for i := range connections {
		c, err := net.Dial("tcp", strings.TrimPrefix(gate, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		all.Go(func() {
			defer func() { _ = c.Close() }()
			answers := bufio.NewReader(c)
			for n := i; !ended.Load(); n++ {
				if _, err := c.Write(bodies[n%len(bodies)]); err != nil {
					t.Error(err)
					return
				}
				answer, err := http.ReadResponse(answers, nil)
				if err != nil {
					t.Error(err)
					return
				}
				_, err = io.Copy(io.Discard, answer.Body)
				_ = answer.Body.Close()
				if err != nil || answer.StatusCode < 400 || answer.StatusCode == http.StatusInternalServerError {
					t.Errorf("body %d: %s, %v", n%len(bodies), answer.Status, err)
				}
				sent.Add(1)
			}
		})
	}
	return sent, func() {
		ended.Store(true)
		all.Wait()
	}
}

// residentMemory is how much memory of the machine a node has.
func residentMemory(t *testing.T, p *process) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", p.cmd.Process.Pid))
	if err != nil {
		t.Error(err)
		return 0
	}
	pages, err := strconv.Atoi(strings.Fields(string(text))[1])
	if err != nil {
		t.Error(err)
	}
	return pages * os.Getpagesize()
}
