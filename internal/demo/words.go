package demo

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"flashpay/client"
)

// Tones are the few ways in which the page colours what it says. Each goes with
// an icon and words, so that nothing rests on colour.
const (
	toneGood  = "good"
	toneBad   = "bad"
	toneBusy  = "busy"
	toneWait  = "wait"
	toneOdd   = "odd"
	tonePlain = "plain"
)

// chip is a status in two words.
type chip struct{ Tone, Icon, Text string }

func chipOf(p *payout) chip {
	if p.Fact != nil {
		return factChip(p.Fact)
	}
	if e := p.decisive(); e != nil {
		return answerChip(e)
	}
	return chip{tonePlain, "dot", "Heard of"}
}

func factChip(f *fact) chip {
	switch f.Status {
	case client.StatusSuccess:
		return chip{toneGood, "check", "Success"}
	case client.StatusDecline:
		return chip{toneBad, "cross", strings.TrimSpace("Declined " + f.Code)}
	case client.StatusReversed:
		return chip{toneOdd, "back", "Reversed"}
	case client.StatusProcessing:
		return chip{toneBusy, "clock", "Processing"}
	case client.StatusAwaitingRetry, client.StatusAwaitingClarification:
		return chip{toneWait, "clock", sentence(string(f.Status))}
	}
	return chip{tonePlain, "dot", sentence(string(f.Status))}
}

func answerChip(e *exchange) chip {
	if e.Answer == nil {
		if len(e.Attempts) > 0 {
			return chip{toneWait, "repeat", "Trying again"}
		}
		return chip{toneBusy, "up", "Sending"}
	}
	switch e.Answer.Outcome {
	case outcomeAccepted:
		return chip{toneBusy, "clock", "Accepted"}
	case outcomeRefused:
		return chip{toneBad, "stop", strings.TrimSpace("Refused " + e.Answer.Code)}
	case outcomeUnknown:
		return chip{toneWait, "ask", "Outcome unknown"}
	}
	return chip{toneWait, "ask", "Not sent"}
}

// pending reports whether a payout's way has not ended.
func pending(p *payout) bool { return p.Fact == nil || !p.Fact.Status.Final() }

func requestMark(r *record) mark {
	m := mark{At: r.At, Title: "Requested", Note: "stored, signed and sent", Tone: toneBusy}
	switch r.Request.Why {
	case whyRepeat:
		m.Title, m.Note = "Requested again", "the same bytes"
	case whyCorrected:
		m.Title, m.Note = "Requested anew", "the request before it created nothing"
	case whyChanged:
		m.Title, m.Note = "Same id, other amount", formatAmount(r.Request.Amount)+" "+currency
	}
	return m
}

func answerMark(r *record, e *exchange) mark {
	a := r.Answer
	m := mark{At: r.At, Note: strings.TrimSpace(a.Code + " " + a.Message)}
	if n := len(a.Attempts); n > 0 {
		m.At = a.Attempts[n-1].At.Add(a.Attempts[n-1].Took) // what came after was our own storing
	}
	switch a.Outcome {
	case outcomeAccepted:
		m.Title, m.Note, m.Tone = "Accepted", "durable at the platform", toneBusy
		if e.Request.Why == whyRepeat {
			m.Note = "as before; nothing is paid twice"
		}
	case outcomeRefused:
		m.Title, m.Tone = "Refused", toneBad
	case outcomeUnknown:
		m.Title, m.Tone = "No usable answer", toneWait
	default:
		m.Title, m.Tone = "Gate was not reached", toneWait
	}
	return m
}

func factMark(at time.Time, f *fact, source string) mark {
	c := factChip(f)
	note := source
	if f.Message != "" && f.Status != client.StatusSuccess && f.Status != client.StatusReversed {
		note = f.Message + " · " + source
	}
	return mark{At: at, Title: c.Text, Note: note, Tone: c.Tone}
}

// answerLead says in a sentence what an answer means and what may be done.
func answerLead(e *exchange, first string) string {
	a := e.Answer
	if a == nil {
		if len(e.Attempts) > 0 {
			return "No usable answer yet. The same bytes go out again and again: the platform pays one payment id once."
		}
		return "Waiting for Gate's answer."
	}
	switch a.Outcome {
	case outcomeAccepted:
		switch {
		case e.Request.Why == whyRepeat && a.RequestID == first:
			return "The same request_id as before: the platform knew this request. Nothing is paid twice, and no callback is sent twice."
		case e.Request.Why == whyRepeat && first != "":
			return "Accepted under another request_id than before."
		}
		return "Accepted: the platform has stored the payout and will carry it to its end. How it ends comes as a callback."
	case outcomeRefused:
		if e.Request.Why == whyChanged {
			return "Refused, as it should be: the id belongs to the payout with the first amount, which goes on untouched."
		}
		return "Refused: nothing was created. The same payment id can be used again."
	case outcomeUnknown:
		return "No answer says what became of the request. It may have been accepted. Send the same request again, or ask for its status; never under another id."
	}
	return "Gate was not reached, so nothing was created. Send the same request again when Gate is back; that is always safe."
}

func statusLine(status int) string {
	return strings.TrimSpace(strconv.Itoa(status) + " " + http.StatusText(status))
}

func sentence(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}

// span writes a length of time for people.
func span(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return "under 1 ms"
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < time.Minute:
		return fmt.Sprintf("%d.%d s", d/time.Second, d%time.Second/(100*time.Millisecond))
	case d < time.Hour:
		return fmt.Sprintf("%d min %d s", d/time.Minute, d%time.Minute/time.Second)
	}
	return fmt.Sprintf("%d h %d min", d/time.Hour, d%time.Hour/time.Minute)
}
