package e2e

import (
	"bufio"
	"net/http"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"flashpay/internal/browsertest"
)

// runDemo starts the demo over a folder and returns the address of its page, and how to stop it with Ctrl-C.
func runDemo(t *testing.T, dir string) (page string, stop func()) {
	t.Helper()
	cmd := exec.Command(program, "demo", "--data", dir, "--sample", "0")
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(stdout)
	for page == "" && lines.Scan() {
		if _, address, ok := strings.Cut(lines.Text(), "open this:"); ok {
			page = strings.TrimSpace(address)
		}
	}
	done := make(chan error, 1)
	go func() {
		for lines.Scan() {
		}
		done <- cmd.Wait()
	}()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		_ = cmd.Process.Signal(syscall.SIGINT)
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("after Ctrl-C: %v", err)
			}
		case <-time.After(patience):
			_ = cmd.Process.Kill()
			t.Errorf("it did not stop within %s", patience)
		}
	}
	t.Cleanup(stop)
	if page == "" {
		t.Fatal("the demo did not say where its page is")
	}
	return page, stop
}

// TestScreenshotDemo drives the demo as somebody who sees it for the first time, over the real platform and bank: one
// payout, one of each row of the sandbox table, a repeat, a restart. With FLASHPAY_SCREENSHOTS it takes its picture.
func TestScreenshotDemo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	url, stop := runDemo(t, dir)
	browser := browsertest.Start(t)
	p := browser.Open(t, browsertest.View{Width: 1280, Height: 900})
	p.Goto(url)
	p.Wait("Nothing has been paid yet")
	p.Click("button[value=send]")
	p.Wait("Signature verified")
	p.Goto(url + "/payouts/1")
	p.Wait("Signature verified", "success")
	p.Screenshot("demo-way", true)
	p.Click("#act-repeat")
	p.Wait("same request_id")
	p.Goto(url)
	p.Click("button[value=each]")
	p.WaitFor(`(document.body.innerText.match(/\b(success|declined|reversed)\b/gi) ?? []).length > 12`) // most of the sixteen are final
	p.Wait("decline", "success")
	p.Screenshot("demo", false)

	stop()
	again, _ := runDemo(t, dir)
	answer, err := http.Get(again + "/payouts/1")
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		t.Errorf("after a restart the first payout is gone: %s", answer.Status)
	}
	p.Goto(again)
	p.Wait("success")
	for _, fault := range p.Faults() {
		t.Errorf("the page: %s", fault)
	}
}
