package bank

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
)

const (
	typeLines = "application/x-ndjson"
	maxLines  = 256     // submissions in one request
	maxBodies = 1 << 20 // bytes of it
)

// line is one line of a request with several submissions: a submission, or why it is none.
type line struct {
	*submission
	refusal []byte
}

// handleSeveral takes several submissions in one request, each as POST /transfers takes it, one a line. All are recorded
// in one commit. The answer has a line for each of them, with the number of its line, the status that it would have had
// alone, and the body: {"line":1,"status":200,"answer":{…}}. What an account asks for concerns its own line only: a line
// whose answer has to wait comes last, and where a connection is to be broken, the other lines are answered before, and
// the lines that ask for it are not.
func (b *Bank) handleSeveral(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBodies))
	var tooLarge *http.MaxBytesError
	texts := bytes.Split(bytes.TrimSuffix(body, []byte{'\n'}), []byte{'\n'})
	switch {
	case errors.As(err, &tooLarge), len(texts) > maxLines:
		refuse(w, http.StatusRequestEntityTooLarge, "too_large", "", "the body is larger than 1048576 bytes or has more than 256 lines")
		return
	case err != nil:
		refuse(w, http.StatusBadRequest, "bad_request", "", err.Error())
		return
	}
	lines, good := readLines(texts)
	if len(good) > 0 {
		if status, code, message := b.take(r.Context(), good); status != 0 {
			refuse(w, status, code, "", message)
			return
		}
	}
	w.Header().Set("Content-Type", typeLines)
	answerLines(r.Context(), w, lines)
}

func readLines(texts [][]byte) (lines []line, good []*submission) {
	for _, text := range texts {
		var in request
		err := json.Unmarshal(text, &in)
		if err == nil {
			err = in.check()
		}
		if err != nil {
			lines = append(lines, line{refusal: appendError(nil, "bad_request", "", err.Error())})
			continue
		}
		s := newSubmission(in)
		lines, good = append(lines, line{submission: s}), append(good, s)
	}
	return lines, good
}

// answerLines answers the lines in their order, then those that wait for their notice; at last it breaks the connection
// where a line asks for that.
func answerLines(ctx context.Context, w http.ResponseWriter, lines []line) {
	var out []byte
	var waiting []int
	breaks := false
	for i, l := range lines {
		switch {
		case l.submission == nil:
			out = appendLine(out, i, http.StatusBadRequest, l.refusal)
		case l.waitsForNotice():
			waiting = append(waiting, i)
		default:
			status, body := l.answer()
			if status == 0 {
				breaks = true
				continue
			}
			out = appendLine(out, i, status, body)
		}
	}
	_, _ = w.Write(out) // who has gone gets no answer, and will inquire
	control := http.NewResponseController(w)
	patience, cancel := context.WithTimeout(ctx, notifyTimeout)
	defer cancel()
	for _, i := range waiting {
		_ = control.Flush()
		awaitNotice(patience, lines[i].notice)
		status, body := lines[i].answer()
		_, _ = w.Write(appendLine(nil, i, status, body))
	}
	if breaks {
		_ = control.Flush()
		panic(http.ErrAbortHandler) // net/http breaks the connection
	}
}

func appendLine(b []byte, i, status int, body []byte) []byte {
	b = append(b, `{"line":`...)
	b = strconv.AppendInt(b, int64(i+1), 10)
	b = append(b, `,"status":`...)
	b = strconv.AppendInt(b, int64(status), 10)
	b = append(b, `,"answer":`...)
	b = append(b, bytes.TrimSuffix(body, []byte{'\n'})...)
	return append(b, "}\n"...)
}
