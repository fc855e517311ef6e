package callback

import (
	"net/http"
	"strconv"
	"strings"
)

// maxStatusLine is how many bytes a status line may have, and each line of a header that is skipped to find it.
const maxStatusLine = 4 << 10

// statusLine finds the status of an answer in its bytes, in whatever pieces they come, without waiting for the header
// fields: only 200 acknowledges, and the status line suffices (product.md §5). Answers before the last one (1xx) are
// skipped. The zero value waits for the first byte.
type statusLine struct {
	line    []byte
	skipped int  // bytes of answers before the last one
	interim bool // in the header of one
}

// read takes the next bytes. done is true once nothing more can be learnt: with the status, or with 0 where this is no
// answer of HTTP/1.
func (s *statusLine) read(b []byte) (status int, done bool) {
	for _, c := range b {
		if c != '\n' {
			if s.line = append(s.line, c); len(s.line) > maxStatusLine {
				return 0, true
			}
			continue
		}
		line := strings.TrimSuffix(string(s.line), "\r")
		s.skipped += len(s.line) + 1
		s.line = s.line[:0]
		switch {
		case s.interim:
			s.interim = line != ""
		default:
			status := parseStatus(line)
			if s.interim = interim(status); !s.interim {
				return status, true
			}
		}
		if s.skipped > answerRead {
			return 0, true
		}
	}
	return 0, false
}

// interim tells whether another answer follows the one of this status.
func interim(status int) bool {
	return status >= 100 && status <= 199 && status != http.StatusSwitchingProtocols
}

// parseStatus reads a status line as net/http does; 0 where it is none.
func parseStatus(line string) int {
	version, rest, ok := strings.Cut(line, " ")
	if _, _, known := http.ParseHTTPVersion(version); !ok || !known {
		return 0
	}
	code, _, _ := strings.Cut(strings.TrimLeft(rest, " "), " ")
	status, err := strconv.Atoi(code)
	if err != nil || len(code) != 3 || status < 100 {
		return 0
	}
	return status
}
