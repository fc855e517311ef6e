package bank

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// lineReply is a line of the answer to several submissions.
type lineReply struct {
	Line   int
	Status int
	Answer struct {
		arrival
		Error struct{ Code, Key, Message string }
	}
}

// submitLines sends one request with these lines and returns what came back, and whether the connection broke after it.
func (w *world) submitLines(lines ...string) (status int, replies []lineReply, broke bool) {
	w.t.Helper()
	request, err := http.NewRequest(http.MethodPost, "http://bank/transfers", strings.NewReader(strings.Join(lines, "\n")+"\n"))
	if err != nil {
		w.t.Fatal(err)
	}
	request.GetBody = nil
	request.Header.Set("Content-Type", typeLines)
	answer, err := w.client.Do(request)
	if err != nil {
		return 0, nil, true
	}
	defer answer.Body.Close()
	raw, err := io.ReadAll(answer.Body)
	if broke = err != nil; broke && !errors.Is(err, io.ErrUnexpectedEOF) {
		w.t.Errorf("the answer ends with %v", err)
	}
	if answer.StatusCode != http.StatusOK {
		return answer.StatusCode, nil, broke
	}
	for text := range bytes.Lines(raw) {
		var l lineReply
		if err := json.Unmarshal(text, &l); err != nil {
			w.t.Errorf("line %s: %v", text, err)
		}
		replies = append(replies, l)
	}
	return answer.StatusCode, replies, broke
}

func lineOf(t *testing.T, key, account string) string {
	t.Helper()
	text, err := json.Marshal(transferOf(key, account))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestSeveralInOneRequest has accounts ask for everything at once, among lines that are no submissions.
func TestSeveralInOneRequest(t *testing.T) {
	engines(t, func(t *testing.T, state string) {
		w := newWorld(t, Config{State: state})
		w.submit(transferOf("TAKEN", "5678"))
		status, replies, broke := w.submitLines(
			lineOf(t, "BREAKS", "0007"), lineOf(t, "WAITS", "0011"), `{"key":"x"`, lineOf(t, "PLAIN", "1234"), lineOf(t, "OUT", "0006"),
			lineOf(t, "PLAIN", "1234"), lineOf(t, "TAKEN", "1234"), lineOf(t, "", "1234"), lineOf(t, "FAILS", "0008"), lineOf(t, "TELLS", "0014"),
		)
		var got []string
		for _, r := range replies {
			got = append(got, fmt.Sprintf("%d %d %s%s%s", r.Line, r.Status, r.Answer.Key, r.Answer.Error.Code, r.Answer.Status))
		}
		want := []string{
			"3 400 bad_request", "4 200 PLAINACCP", "5 503 unavailable", "6 200 PLAINACSC", "7 409 key_conflict", "8 400 bad_request",
			"10 200 TELLSACSC", "2 200 WAITSACCP",
		}
		for i := range got { // a refusal names its key, too
			got[i] = strings.Replace(got[i], "OUT", "", 1)
		}
		if status != http.StatusOK || !broke || !slices.Equal(got, want) {
			t.Errorf("%d, broke %v:\n%q, want\n%q", status, broke, got, want)
		}
		if n := len(w.inbox.of("WAITS")); n != 1 {
			t.Errorf("WAITS was answered after %d notices", n)
		}
		for key, want := range map[string][2]int64{
			"BREAKS": {1, 1}, "WAITS": {1, 1}, "PLAIN": {2, 1}, "OUT": {1, 0}, "TAKEN": {1, 1}, "FAILS": {1, 0}, "TELLS": {1, 1},
		} {
			if c := w.counts(key); c.Submissions != want[0] || c.Executed != want[1] {
				t.Errorf("%s: %+v, want %d submissions and %d executions", key, c, want[0], want[1])
			}
		}
	})
}

// TestSeveralWithoutAnyGood has nothing to record.
func TestSeveralWithoutAnyGood(t *testing.T) {
	engines(t, func(t *testing.T, state string) {
		w := newWorld(t, Config{State: state})
		if status, replies, broke := w.submitLines(`[]`, ``, `null`); status != 200 || broke || len(replies) != 3 || replies[1].Status != 400 {
			t.Errorf("%d %+v %v", status, replies, broke)
		}
		if status, _, _ := w.submitLines(slices.Repeat([]string{`{}`}, maxLines+1)...); status != http.StatusRequestEntityTooLarge {
			t.Errorf("too many lines: %d", status)
		}
		if status, _, _ := w.submitLines(strings.Repeat(" ", maxBodies)); status != http.StatusRequestEntityTooLarge {
			t.Errorf("too long: %d", status)
		}
		if all := w.list(); len(all) != 0 {
			t.Errorf("recorded %+v", all)
		}
	})
}
