package callback

import (
	"strings"
	"testing"
)

// TestStatusLine: an answer is its status line alone; what is no answer of HTTP/1, or hides one behind too much, has none.
func TestStatusLine(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", maxStatusLine)
	hints := "HTTP/1.1 103 Early Hints\r\nX: y\r\n\r\n"
	for _, test := range []struct {
		name, text string
		status     int
		done       bool
	}{
		{"acknowledged", "HTTP/1.1 200 OK\r\n", 200, true},
		{"not ended yet", "HTTP/1.1 200 OK", 0, false},
		{"100 is followed by the answer", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n", 200, true},
		{"100 alone is no answer yet", "HTTP/1.1 100 Continue\r\n\r\n", 0, false},
		{"199 is followed by the answer", "HTTP/1.1 199 Mine\r\n\r\nHTTP/1.1 503 Busy\r\n", 503, true},
		{"101 is the answer", "HTTP/1.1 101 Switching Protocols\r\n", 101, true},
		{"another protocol", "ICY 200 OK\r\n", 0, true},
		{"no version", "200\r\n", 0, true},
		{"no number", "HTTP/1.1 2x0 OK\r\n", 0, true},
		{"below 100", "HTTP/1.1 099 Odd\r\n", 0, true},
		{"four digits", "HTTP/1.1 2000 OK\r\n", 0, true},
		{"a longest line", "HTTP/1.1 200 " + long[:maxStatusLine-len("HTTP/1.1 200 ")] + "\n", 200, true},
		{"a line that is too long", "HTTP/1.1 200 " + long, 0, true},
		{"too many answers before the last", strings.Repeat(hints, answerRead/len(hints)+1) + "HTTP/1.1 200 OK\r\n", 0, true},
	} {
		var line statusLine
		if status, done := line.read([]byte(test.text)); status != test.status || done != test.done {
			t.Errorf("%s: %d, %v; want %d, %v", test.name, status, done, test.status, test.done)
		}
	}
}
