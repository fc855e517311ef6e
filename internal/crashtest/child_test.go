package crashtest

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// shell is a child that runs a script of a shell.
func shell(t *testing.T, script string) (c *child, unasked chan string) {
	t.Helper()
	unasked = make(chan string, 10)
	c = &child{
		name: "shell", program: "/bin/sh", args: []string{"-c", script}, env: os.Environ(), log: filepath.Join(t.TempDir(), "log"),
		unasked: func(_ *child, _ *life, why string) { unasked <- why },
	}
	if err := c.start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.kill)
	return c, unasked
}

const ready = `echo '{"ready":true}'; `

func TestChildIsKilledAndStartedAgain(t *testing.T) {
	c, unasked := shell(t, ready+"exec sleep 60")
	for range 3 {
		if err := c.awaitReady(t.Context()); err != nil {
			t.Fatal(err)
		}
		before := c.current()
		c.kill()
		select {
		case <-before.ended:
		default:
			t.Error("killed, and not ended")
		}
		if err := c.start(); err != nil {
			t.Fatal(err)
		}
	}
	if len(unasked) > 0 {
		t.Errorf("a kill counts as an end by itself: %s", <-unasked)
	}
}

func TestChildThatEndsByItself(t *testing.T) {
	c, unasked := shell(t, ready+"echo because >&2; exit 7")
	select {
	case why := <-unasked:
		if !strings.Contains(why, "exit status 7") || !strings.Contains(why, "because") {
			t.Error(why)
		}
	case <-time.After(time.Minute):
		t.Fatal("nobody was told")
	}
	dead := c.current()
	if err := c.startAfter(dead); err != nil || c.current() == dead {
		t.Errorf("not started after it: %v", err)
	}
	if next := c.current(); c.startAfter(dead) != nil || c.current() != next {
		t.Error("started twice after one end")
	}
}

func TestChildIsAskedToStop(t *testing.T) {
	for name, test := range map[string]struct{ script, want string }{
		"well":   {ready + `trap "exit 0" TERM; while :; do sleep 0.05; done`, ""},
		"badly":  {ready + `trap "echo oh >&2; exit 3" TERM; while :; do sleep 0.05; done`, "exit code 3 after SIGTERM; the log ends: oh"},
		"killed": {ready + "exec sleep 60", "exit code -1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, unasked := shell(t, test.script)
			if err := c.awaitReady(t.Context()); err != nil {
				t.Fatal(err)
			}
			time.Sleep(100 * time.Millisecond) // for the trap
			err := c.terminate()
			if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("ended with %v", err)
			}
			if len(unasked) > 0 {
				t.Errorf("counts as an end by itself: %s", <-unasked)
			}
		})
	}
}

func TestChildThatIsNeverReady(t *testing.T) {
	c, _ := shell(t, "exec sleep 60")
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := c.awaitReady(ctx); err == nil {
		t.Error("it said nothing, and counts as ready")
	}
}

func TestEnvironmentHasNoOtherInstallation(t *testing.T) {
	t.Setenv("FLASHPAY_GATE", "0.0.0.0:80")
	t.Setenv("FLASHPAY_KEYSET", "other")
	env := strings.Join(environment(&Config{Database: "sqlite:x"}), "\n")
	if strings.Contains(env, "FLASHPAY_GATE") || strings.Contains(env, "FLASHPAY_KEYSET") || !strings.Contains(env, "FLASHPAY_DATABASE=sqlite:x") || !strings.Contains(env, "PATH=") {
		t.Error(env)
	}
	if env := strings.Join(environment(&Config{Database: "sqlite:x", Keyset: "mine"}), "\n"); !strings.Contains(env, "FLASHPAY_KEYSET=mine") {
		t.Error(env)
	}
}

func TestFreePorts(t *testing.T) {
	ports, err := freePorts(5)
	if err != nil || len(ports) != 5 {
		t.Fatal(ports, err)
	}
	seen := map[string]bool{}
	for _, p := range ports {
		if seen[p] || !strings.HasPrefix(p, "127.") {
			t.Error(ports)
		}
		seen[p] = true
	}
}
