package sandbox

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"flashpay/internal/provider"
)

// typeLines is the content type of one JSON object a line.
const typeLines = "application/x-ndjson"

// answerLine is the answer to one line of a request with several transfers.
type answerLine struct {
	Line   int     `json:"line"`   // from 1
	Status int     `json:"status"` // of HTTP, as it would have been alone
	Answer message `json:"answer"`
}

// several are transfers in one request.
type several struct {
	transfers []provider.Transfer
	told      func(i int, o provider.Outcome)
	lines     []int  // the transfer of each line
	done      []bool // by transfer: its outcome is told
}

// SubmitBulk hands transfers to the bank in at most one HTTP request.
func (a *Adapter) SubmitBulk(ctx context.Context, transfers []provider.Transfer, told func(i int, o provider.Outcome)) {
	s := &several{transfers: transfers, told: told, done: make([]bool, len(transfers))}
	var body []byte
	for i, t := range transfers {
		text, err := a.message(t)
		if err != nil {
			s.tell(i, noMessage(err))
			continue
		}
		body = append(append(body, text...), '\n')
		s.lines = append(s.lines, i)
	}
	if len(s.lines) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, a.traits.SubmitDeadline)
	defer cancel()
	request, err := a.post(ctx, typeLines, body)
	if err != nil {
		s.rest(func(provider.Transfer) provider.Outcome {
			return provider.Outcome{Kind: provider.NotSent, Message: "not sent: " + err.Error()}
		})
		return
	}
	err = a.callBulk(request, s)
	s.rest(func(t provider.Transfer) provider.Outcome { return unanswered(ctx, t, err) })
}

func (s *several) tell(i int, o provider.Outcome) {
	if !s.done[i] {
		s.done[i] = true
		s.told(i, o)
	}
}

// rest tells the outcome of the transfers that have none.
func (s *several) rest(outcome func(t provider.Transfer) provider.Outcome) {
	for i, t := range s.transfers {
		if !s.done[i] {
			s.tell(i, outcome(t))
		}
	}
}

// callBulk makes the request and tells what each line of the answer says. It returns why there are no more.
func (a *Adapter) callBulk(request *http.Request, s *several) error {
	answer, err := a.client.Do(request)
	if err != nil {
		return fmt.Errorf("no answer: %w", err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Type") != typeLines {
		_, _ = io.CopyN(io.Discard, answer.Body, maxAnswer) // so that the connection can be used again
		return fmt.Errorf("several transfers were answered %d as a whole", answer.StatusCode)
	}
	in := bufio.NewReaderSize(answer.Body, 16<<10) // four times the longest line
	for {
		text, err := in.ReadSlice('\n')
		if errors.Is(err, io.EOF) && len(text) == 0 {
			return errors.New("the answer has no line for it")
		}
		if err != nil {
			return fmt.Errorf("the answer broke off: %w", err)
		}
		if err := s.read(bytes.TrimSuffix(text, []byte{'\n'})); err != nil {
			return err
		}
	}
}

// read tells what one line of the answer says.
func (s *several) read(text []byte) error {
	var l answerLine
	if err := json.Unmarshal(text, &l); err != nil {
		return fmt.Errorf("the answer is not the bank's JSON: %w", err)
	}
	if l.Line < 1 || l.Line > len(s.lines) {
		return fmt.Errorf("the answer has a line %d", l.Line)
	}
	i := s.lines[l.Line-1]
	s.tell(i, submitOutcome(reply{status: l.Status, message: l.Answer}, s.transfers[i]))
	return nil
}
