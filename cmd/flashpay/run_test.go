package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/alecthomas/kong"
)

// TestHelp sees to it that every command has a help with what it is for, and that no flag goes without words.
func TestHelp(t *testing.T) {
	model, err := kong.New(&commands{}, groups)
	if err != nil {
		t.Fatal(err)
	}
	leaves := 0
	for _, leaf := range model.Model.Leaves(true) {
		leaves++
		args := append(strings.Fields(leaf.Path()), "--help")
		if args[0] == model.Model.Name {
			args = args[1:]
		}
		code, out, errs := inProcess(t, t.Context(), nil, "", args...)
		if code != exitOK || errs != "" || !strings.Contains(out, leaf.Help) && !strings.Contains(strings.Join(strings.Fields(out), " "), leaf.Help) {
			t.Errorf("%v: %d %s\n%s", args, code, errs, out)
		}
		for _, f := range leaf.Flags {
			if f.Help == "" {
				t.Errorf("%v: --%s has no help", args, f.Name)
			}
		}
	}
	if leaves < 15 {
		t.Errorf("only %d commands", leaves)
	}
	if code, out, _ := inProcess(t, t.Context(), nil, ""); code != exitOK || !strings.Contains(out, "Usage: flashpay") {
		t.Errorf("without arguments: %d %s", code, out)
	}
}

// TestUsage shows faults of the command line that are found before anything is touched.
func TestUsage(t *testing.T) {
	noDatabase := "no database: give --database sqlite:PATH"
	for _, c := range []struct {
		args string
		says string
	}{
		{"payuot", `did you mean "payout"`},
		{"project", "expected one of"},
		{"project create", "missing flags: --id=N"},
		{"project create --id x", "--id"},
		{"project create --id 1", noDatabase},
		{"project list", noDatabase},
		{"balance show --id 1", noDatabase},
		{"migrate", noDatabase},
		{"serve", noDatabase},
		{"callback resend --id 1 --number 1", noDatabase},
		{"project create --database sqlite:x --id 0", "--id=0: want a number from 1 to 4294967295"},
		{"project create --database sqlite:x --id=-1", "--id=-1: want a number from 1 to 4294967295"},
		{"project create --database sqlite:x --id 4294967296", "--id=4294967296: want a number from 1 to 4294967295"},
		{"project create --database sqlite:x --id 1 --account-check loose", "--account-check=loose: want off, warn, strict"},
		{"project create --database sqlite:x --id 1 --mode prod", "want test or live"},
		{"project create --database sqlite:x --id 1 --balance KGS", "such as KGS=1000.00"},
		{"project create --database sqlite:x --id 1 --balance KGS=100000", "100000.00, or 1000.00 if you meant minor units"},
		{"project create --database sqlite:x --id 1 --balance KGS=10.5", "write all decimals: 10.50"},
		{"project create --database sqlite:x --id 1 --balance KGS=10.505", "at most 2 digits"},
		{"project create --database sqlite:x --id 1 --balance JPY=5.00", "JPY has no digits after the point"},
		{"project create --database sqlite:x --id 1 --balance KGS=-1", "digits with at most one point"},
		{"project create --database sqlite:x --id 1 --balance KGS=92233720368547758.08", "larger than any sum"},
		{"project create --database sqlite:x --id 1 --balance kgs=1.00", "no ISO 4217 currency"},
		{"project create --database sqlite:x --id 1 --balance KGS=1.00,KGS=2.00", "KGS stands twice"},
		{"project create --database sqlite:x --id 1 --callback-url shop.example/cb", "want an address"},
		{"project create --database sqlite:x --id 1 --mode live --callback-url http://shop.example/cb", "https"},
		{"project create --database sqlite:x --id 1 --allow-ip 192.0.2.0/33", "want an address such as"},
		{"project create --database sqlite:x --id 1 --allow-ip 192.0.2.7/24", "did you mean 192.0.2.0/24?"},
		{"project create --database sqlite:x --id 1 --threshold=-1h", "want a duration"},
		{"project create --database sqlite:x --id 1 --threshold day", "threshold"},
		{"project create --database sqlite:x --id 1 --key \x01", "control characters"},
		{"project key revoke --database sqlite:x --id 1", "--key-id N"},
		{"balance topup --database sqlite:x --id 1", "no sum"},
		{"balance topup --database sqlite:x --id 1 KGS=0.00", "adds nothing"},
		{"balance topup --database sqlite:x --id 1 KGS=1000", "1000.00, or 10.00 if you meant minor units"},
		{"balance topup --database sqlite:x --id 1 --amount 5.00", "no ISO 4217"},
		{"callback list --database sqlite:x --id 1 --state lost", "want pending, delivered"},
		{"callback list --database sqlite:x --id 1 --limit 0", "want 1 to 1000"},
		{"callback show --database sqlite:x --id 1", "--number"},
		{"discrepancy list", noDatabase},
		{"discrepancy list --database sqlite:x --id all", "--id"},
		{"discrepancy list --database sqlite:x --limit 0", "want 1 to 100000"},
		{"discrepancy show --database sqlite:x nine", "want a discrepancy's number, or PROJECT/PAYMENT"},
		{"discrepancy settle --database sqlite:x 9 --reason r", "--decision"},
		{"discrepancy settle --database sqlite:x 9 --decision both --reason r", "must be one of \"bank\",\"ours\""},
		{"discrepancy settle --database sqlite:x 9 --decision bank", "--reason"},
		{"callback resend --database sqlite:x --id 1", "no callback: give --payment-id"},
		{"evidence verify", "<file>"},
		{"evidence verify x.zip --seal 12ab", "want a seal's hash, 64 hexadecimal digits"},
		{"serve --database sqlite:x --dashboard-url pay.example.kg", "--dashboard-url=pay.example.kg"},
		{"token create --database sqlite:x", "--email"},
		{"serve --database sqlite:x --roles gates", `no role "gates"`},
		{"serve --database sqlite:x --log-level loud", "want debug, info, warn or error"},
		{"serve --database sqlite:x --requests-per-second=-1", "--requests-per-second=-1: want a number from 1 to 1000000"},
		{"serve --database sqlite:x --requests-per-second 1000001", "or 0 for no limit"},
		{"serve --database sqlite:x --trusted-proxy here", "--trusted-proxy=here"},
		{"serve --database sqlite:x --bank-url 127.0.0.1:8084", "--bank-url=127.0.0.1:8084: want an address"},
		{"serve --database sqlite:x --bank 127.0.0.1:0 --bank-url http://127.0.0.1:8084", "--bank"},
		{"serve --database sqlite:x --methods no-such-folder", "no-such-folder"},
		{"bank", "--state PATH"},
		{"bank --state x --return-after soon", "return-after"},
		{"bank --state x --late-after=-1s", "want durations such as"},
		{"payout create --project 1 --key K --amount 100000 --account 1", "--amount: amount \"100000\": write major units with all decimals: 100000.00, or 1000.00"},
		{"payout create --gate http://127.0.0.1:1 --key K --amount 1 --account 1", "--project N"},
		{"payout create --gate http://127.0.0.1:1 --project 1 --amount 1 --account 1", "FLASHPAY_KEY"},
		{"payout create --gate http://127.0.0.1:1 --project 1 --key K --account 1", "--amount"},
		{"payout create --gate ftp://127.0.0.1 --project 1 --key K --amount 1 --account 1", "--gate=ftp"},
		{"payout create --gate http://127.0.0.1:1 --project 1 --key K --amount 1.00 --account 1 --set a", "--set=a"},
		{"payout status --gate http://127.0.0.1:1 --project 1 --key K", "--payment-id ID or --request-id ID"},
		{"sign", "no key"},
		{"verify", "no key"},
		{"listen", "no key"},
		{"payout list", noDatabase},
		{"payout list --database sqlite:x --limit 0", "want 1 to 1000"},
		{"payout list --database sqlite:x --status paid", "want one of processing, awaiting retry, success, decline, reversed"},
		{"payout list --database sqlite:x --situation lost", "want one of open, at risk"},
		{"payout list --database sqlite:x --before now", "--before=now"},
		{"backup --database sqlite:x", "--to=FILE"},
		{"backup --to y", noDatabase},
		{"completion tcsh", "bash"},
		{"help payuot", `did you mean "payout"`},
		{"listen --key K --forward nowhere", "--forward=nowhere"},
		{"sign --key K --json --body", "--json"},
	} {
		code, out, errs := inProcess(t, t.Context(), nil, "", strings.Split(c.args, " ")...)
		if code != exitUsage || out != "" || !strings.Contains(errs, c.says) || !strings.HasPrefix(errs, "flashpay: ") {
			t.Errorf("%s: exit code %d, stdout %q, stderr %q; want %q", c.args, code, out, errs, c.says)
		}
	}
	if _, err := os.Stat("x"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a database was made: %v", err)
	}
}

// TestVariables shows how flags get values from variables and secrets from files.
func TestVariables(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "key")
	if err := os.WriteFile(file, []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	empty := filepath.Join(dir, "empty")
	if err := os.WriteFile(empty, []byte("\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, want, _ := inProcess(t, t.Context(), nil, "{}", "sign", "--key", "secret")
	_, other, _ := inProcess(t, t.Context(), nil, "{}", "sign", "--key", "another")
	if len(strings.TrimSpace(want)) != 88 || want == other {
		t.Fatalf("signatures %q, %q", want, other)
	}
	for _, c := range []struct {
		name      string
		variables map[string]string
		args      []string
		code      int
		out, errs string
	}{
		{"variable", map[string]string{"FLASHPAY_KEY": "secret"}, nil, 0, want, ""},
		{"file", map[string]string{"FLASHPAY_KEY_FILE": file}, nil, 0, want, ""},
		{"flag wins", map[string]string{"FLASHPAY_KEY": "another"}, []string{"--key", "secret"}, 0, want, ""},
		{"both", map[string]string{"FLASHPAY_KEY": "secret", "FLASHPAY_KEY_FILE": file}, nil, 2, "", "keep one"},
		{"no file", map[string]string{"FLASHPAY_KEY_FILE": file + "x"}, nil, 2, "", "no such file"},
		{"empty file", map[string]string{"FLASHPAY_KEY_FILE": empty}, nil, 2, "", "is empty"},
		{"not a secret", map[string]string{"FLASHPAY_KEY": "secret", "FLASHPAY_ROLES_FILE": file + "x"}, nil, 0, want, ""},
	} {
		code, out, errs := inProcess(t, t.Context(), c.variables, "{}", append([]string{"sign"}, c.args...)...)
		if code != c.code || out != c.out || !strings.Contains(errs, c.errs) {
			t.Errorf("%s: %d %q %q", c.name, code, out, errs)
		}
	}
	code, _, errs := inProcess(t, t.Context(), map[string]string{"FLASHPAY_DATABASE": "sqlite:x", "FLASHPAY_ROLES": "gate, nobody"}, "", "serve")
	if code != exitUsage || !strings.Contains(errs, `no role "nobody"`) {
		t.Errorf("roles from a variable: %d %s", code, errs)
	}
}

// TestServeInProcess starts the platform as a test does, and ends it by its context.
func TestServeInProcess(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	out, stdout := io.Pipe()
	ended := make(chan int, 1)
	var errs strings.Builder
	variables := map[string]string{"FLASHPAY_DATABASE": "sqlite:" + filepath.Join(t.TempDir(), "f.db")}
	go func() {
		ended <- run(ctx, []string{"serve", "--gate", "127.0.0.1:0", "--dashboard", "127.0.0.1:0", "--ops", "127.0.0.1:0"}, func(n string) string { return variables[n] }, strings.NewReader(""), stdout, &errs)
		_ = stdout.Close()
	}()
	line := make([]byte, 1024)
	n, err := out.Read(line)
	if err != nil || !strings.HasPrefix(string(line[:n]), `{"ready":true,"gate":"http://127.0.0.1:`) {
		t.Fatalf("first line %q, %v, code %d, %s", line[:n], err, <-ended, errs.String())
	}
	address, _, _ := strings.Cut(strings.TrimPrefix(string(line[:n]), `{"ready":true,"gate":"http://`), `"`)
	if answer := withoutHost(t, address); !strings.HasPrefix(answer, "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json") || !strings.Contains(answer, `"code":"702"`) {
		t.Errorf("Gate answers a request without Host: %s", answer)
	}
	stop()
	select {
	case code := <-ended:
		if code != exitOK {
			t.Errorf("ended with %d: %s", code, errs.String())
		}
	case <-time.After(stopGrace + patience):
		t.Fatal("does not end")
	}
}

// withoutHost sends what net/http refuses before there is a handler.
func withoutHost(t *testing.T, address string) string {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	return string(answer)
}

// A request that runs when the program is asked to stop gets its answer.
func TestStopFinishesRequests(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	entered, release := make(chan struct{}), make(chan struct{})
	s := startServer(ln, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(entered)
		<-release
		_, _ = io.WriteString(w, "done")
	}), nil, make(chan error, 1))
	answer := make(chan string, 1)
	go func() {
		resp, err := http.Get(s.url)
		if err != nil {
			answer <- err.Error()
			return
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		answer <- string(body)
	}()
	<-entered
	stopped := make(chan error, 1)
	go func() { stopped <- s.stop(withGrace(t.Context(), patience)) }()
	awaitClosed(t, ln.Addr().String())
	close(release)
	if got := <-answer; got != "done" {
		t.Errorf("answer %q", got)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	// One that takes too long is cut off, and stopping says so.
	ln, err = net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	entered = make(chan struct{})
	hangs := startServer(ln, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(entered)
		<-r.Context().Done()
	}), nil, make(chan error, 1))
	go func() {
		if resp, err := http.Get(hangs.url); err == nil {
			_ = resp.Body.Close()
		}
	}()
	<-entered
	if err := hangs.stop(withGrace(t.Context(), 50*time.Millisecond)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("hanging request: %v", err)
	}
}

// awaitClosed waits until nobody listens at an address any more: that is how stopping begins.
func awaitClosed(t *testing.T, address string) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			return
		}
		_ = conn.Close()
		if time.Now().After(deadline) {
			t.Fatalf("%s still listens", address)
		}
	}
}

// The first signal lets a callback that is being forwarded finish; the second ends the program at once.
func TestSecondSignal(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	target := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		close(entered)
		<-release
	}))
	defer target.Close()
	defer close(release)
	program, err := exec.LookPath("flashpay")
	if err != nil {
		t.Fatal(err)
	}
	listener := exec.Command(program, "listen", "--addr", "127.0.0.1:0", "--key", "K", "--json", "--forward", target.URL)
	stdout, err := listener.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := listener.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Process.Kill() }()
	var ready struct{ Listen string }
	if err := json.NewDecoder(stdout).Decode(&ready); err != nil {
		t.Fatal(err)
	}
	_, signed, _ := inProcess(t, t.Context(), nil, `{"payment":{"id":"1"}}`, "sign", "--key", "K", "--body")
	go func() {
		if resp, err := http.Post(ready.Listen, "application/json", strings.NewReader(signed)); err == nil {
			_ = resp.Body.Close()
		}
	}()
	<-entered
	ended := make(chan struct{})
	go func() {
		_ = listener.Wait()
		close(ended)
	}()
	if err := listener.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	awaitClosed(t, strings.TrimPrefix(ready.Listen, "http://"))
	select {
	case <-ended:
		t.Fatal("the first signal cut the callback off")
	default:
	}
	if err := listener.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case <-ended:
	case <-time.After(patience):
		t.Fatal("the second signal does not end it")
	}
	if code := listener.ProcessState.ExitCode(); code != exitForced {
		t.Errorf("ended with %d, want %d", code, exitForced)
	}
}

func TestLocalURL(t *testing.T) {
	for addr, want := range map[string]string{
		"127.0.0.1:80": "http://127.0.0.1:80", "0.0.0.0:80": "http://127.0.0.1:80", "[::]:80": "http://127.0.0.1:80",
		"[::1]:80": "http://[::1]:80", "192.0.2.1:80": "http://192.0.2.1:80",
	} {
		tcp, err := net.ResolveTCPAddr("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		if got := localURL(tcp); got != want {
			t.Errorf("%s: %s, want %s", addr, got, want)
		}
	}
}

func TestPrintable(t *testing.T) {
	if got := printable([]byte("a\x1b[2J\n\u0085b\xff")); got != "a [2J  b\ufffd" {
		t.Errorf("%q", got)
	}
	if got := printable([]byte(strings.Repeat("x", 5000))); len(got) > 4200 {
		t.Errorf("%d bytes", len(got))
	}
}
