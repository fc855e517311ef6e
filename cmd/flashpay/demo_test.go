package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"flashpay/internal/account"
	"flashpay/internal/staff"
	"flashpay/internal/store"
	"flashpay/internal/store/people"
)

// TestDemoStartsWithoutItsSample takes the ports that the demo would like to have and asks for a sample that cannot be
// made: the demo says so in a line, and starts on other ports, with people enough for acts that take two.
func TestDemoStartsWithoutItsSample(t *testing.T) {
	for _, port := range []int{8080, 8081, 8083, 8090} {
		if ln, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil { // else somebody else has taken it
			defer ln.Close()
		}
	}
	dir := t.TempDir()
	said := runDemo(t, dir)
	if n := len(said); n < 2 || !strings.HasPrefix(said[0], "Sample payouts cannot be made, so the demo starts without them: sample: 10 payouts") || said[1] != "Flashpay demo: everything runs in this process, in "+dir+"." {
		t.Errorf("it says %q", said)
	}
	for _, taken := range []string{":8080", ":8081", ":8083", ":8090"} {
		if strings.Contains(strings.Join(said, "\n"), taken) {
			t.Errorf("it listens on %s, which is taken: %q", taken, said)
		}
	}
	s, err := store.Open(t.Context(), (&demoCmd{Data: dir}).store())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close(t.Context())
	if p, ok := s.Project(demoProject); !ok || p.Settings.AccountCheck != account.Warn {
		t.Errorf("the first project's account doctor: %+v", p)
	}
	users, err := people.New(s).Users(t.Context(), people.UserFilter{})
	if err != nil {
		t.Fatal(err)
	}
	operators := 0
	for _, u := range users {
		if u.Roles[0] == staff.Operator {
			operators++
		}
	}
	if operators != 2 {
		t.Errorf("%d operators, want two", operators)
	}
}

// runDemo runs a demo until it is ready, stops it, and returns what it said.
func runDemo(t *testing.T, dir string) (said []string) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	out, stdout := io.Pipe()
	ended := make(chan int, 1)
	var errs strings.Builder
	go func() {
		code := run(ctx, []string{"demo", "--data", filepath.Clean(dir), "--sample", "10"}, func(string) string { return "" }, strings.NewReader(""), stdout, &errs)
		_ = stdout.Close()
		ended <- code
	}()
	for lines := bufio.NewScanner(out); lines.Scan(); {
		said = append(said, lines.Text())
		if strings.HasPrefix(lines.Text(), "Enter prints") {
			stop()
		}
	}
	select {
	case code := <-ended:
		if code != exitOK {
			t.Fatalf("ended with %d: %s", code, errs.String())
		}
	case <-time.After(patience):
		t.Fatal("does not end")
	}
	return said
}
