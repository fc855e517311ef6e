package demo

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"flashpay/signature"
)

// wayView is one payout's way, step by step.
type wayView struct {
	Number      int
	ID          string
	Chip        chip
	Amount      string
	Currency    string
	Account     string
	Name        string
	Description string
	Bank        scenario
	Since       stamp
	Say         string
	Pending     bool
	CanRepeat   bool
	Retry       bool // to repeat is what should be done now
	CanChange   bool
	CanForge    bool
	Marks       []markView
	Request     *document
	Curl        string
	Answers     []answerView
	Callbacks   []callbackView
	Queries     []queryView
}

type markView struct {
	Stamp       stamp
	After       string // since the payout began
	Title, Note string
	Tone        string
}

// document is a signed body and how it was signed.
type document struct {
	JSON          []token
	Raw           string // the very bytes
	SigningString string
	Lines         []string // the signing string, cut behind each ";"
	Signature     string
}

type answerView struct {
	Title    string
	Key      string // tells the answers of a payout apart
	Chip     chip
	Lead     string
	Stamp    stamp
	Request  *document // of those that differ from the payout's own
	Attempts []attemptView
	Faults   []string
}

type attemptView struct {
	Title string
	Took  string
	Good  bool
	JSON  []token
	Raw   string
	Error string
}

type callbackView struct {
	Key      string
	Verified bool
	Chip     chip
	Lead     string
	Claim    string // what one says that does not verify
	Stamp    stamp
	After    string
	Times    int
	Document *document
	Open     bool
}

type queryView struct {
	Key   string
	Chip  chip
	Lead  string
	Stamp stamp
	JSON  []token
	Raw   string
	Open  bool
}

// way makes the view of a payout, nil where there is none.
func (s *Shop) way(n int) *wayView {
	s.book.mu.RLock()
	defer s.book.mu.RUnlock()
	p := s.book.number(n)
	if p == nil {
		return nil
	}
	r := s.row(p)
	w := &wayView{
		Number: n, ID: p.ID, Chip: r.Chip, Amount: r.Amount, Currency: currency, Account: r.Account, Since: r.Stamp,
		Pending: pending(p), Say: "Payout " + p.ID + ": " + r.Chip.Text,
	}
	if r.Proof != "" {
		w.Say += ", " + r.Proof
	}
	s.fillAnswers(w, p)
	w.Marks = marksOf(p)
	for _, c := range p.Callbacks {
		v := callbackOf(c, p.Since)
		v.Key = "callback-" + stampOf(c.At).Machine
		w.Callbacks = append(w.Callbacks, v)
		w.CanForge = w.CanForge || v.Verified
	}
	openLastVerified(w.Callbacks)
	for i, q := range p.Queries {
		v := queryOf(q)
		v.Open = i == len(p.Queries)-1
		w.Queries = append(w.Queries, v)
	}
	return w
}

// openLastVerified unfolds the callback that tells how the payout stands.
func openLastVerified(list []callbackView) {
	for i := len(list) - 1; i >= 0; i-- {
		if list[i].Verified {
			list[i].Open = true
			return
		}
	}
}

// marksOf returns the timeline in the order of time, which is not always that of
// the journal: a callback can overtake the answer.
func marksOf(p *payout) []markView {
	marks := slices.Clone(p.Marks)
	slices.SortStableFunc(marks, func(a, b mark) int { return a.At.Compare(b.At) })
	var views []markView
	for i, m := range marks {
		v := markView{Stamp: stampOf(m.At), Title: m.Title, Note: m.Note, Tone: m.Tone}
		if v.After = after(marks[0].At, m.At); i == 0 {
			v.After = v.Stamp.Short
		}
		views = append(views, v)
	}
	return views
}

func (s *Shop) fillAnswers(w *wayView, p *payout) {
	e := p.decisive()
	if e == nil {
		return
	}
	req := e.Request
	w.Name, w.Description, w.Bank = req.Name, req.Description, scenarioOf(s.scenarios, req.Account)
	w.Request = documentOf(req.Body, req.SigningString, req.Signature)
	w.Curl = curl(strings.TrimRight(s.cfg.GateURL, "/")+req.Path, req.Body)
	idle := p.last().Answer != nil
	accepted := e.Answer != nil && e.Answer.Outcome == outcomeAccepted
	w.CanRepeat, w.CanChange = idle, idle && accepted
	w.Retry = p.unanswered()
	first := ""
	for _, x := range p.Exchanges {
		w.Answers = append(w.Answers, answerOf(x, first))
		if x.Answer != nil && x.Answer.Outcome == outcomeAccepted && first == "" {
			first = x.Answer.RequestID
		}
	}
}

var titles = map[string]string{
	whyFirst:     "The request",
	whyRepeat:    "The same request again",
	whyCorrected: "The request, corrected",
	whyChanged:   "Another amount under the same id",
}

func answerOf(e *exchange, first string) answerView {
	v := answerView{
		Title: titles[e.Request.Why], Key: "answer-" + stampOf(e.At).Machine, Chip: answerChip(e), Lead: answerLead(e, first), Stamp: stampOf(e.At),
	}
	if e.Request.Why == whyChanged || e.Request.Why == whyCorrected {
		v.Request = documentOf(e.Request.Body, e.Request.SigningString, e.Request.Signature)
	}
	for _, a := range e.Attempts {
		t := attemptView{Took: span(a.Took), Good: a.Status == 200 && a.Error == "", Error: a.Error, Raw: a.Body, JSON: highlight(a.Body)}
		t.Title = "No answer"
		if a.Status != 0 {
			t.Title = "HTTP " + statusLine(a.Status)
		}
		v.Attempts = append(v.Attempts, t)
	}
	if e.Answer != nil {
		for _, f := range e.Answer.Fields {
			v.Faults = append(v.Faults, strings.Trim(strings.Join([]string{f.Field, f.Code, f.Message, f.Description}, " · "), " ·"))
		}
	}
	return v
}

func callbackOf(c *received, since time.Time) callbackView {
	v := callbackView{Verified: c.Error == "", Lead: c.Error, Stamp: stampOf(c.At), Times: c.Times}
	if !since.IsZero() {
		v.After = after(since, c.At)
	}
	if v.Verified {
		v.Chip = factChip(c.Fact)
		v.Lead = strings.TrimSpace(c.Fact.Code+" "+c.Fact.Message) + ". Its signature fits in " + c.Order + " order. Stored, then answered 200."
		v.Document = documentOf(c.Body, signingStringOf(c.Body, c.Order), signatureOf(c.Body))
		return v
	}
	v.Chip = chip{toneBad, "stop", "Not verified"}
	v.Lead += " Answered 400, and nothing in it was believed."
	v.Claim = claimOf(c.Body)
	v.Document = documentOf(c.Body, "", signatureOf(c.Body))
	return v
}

// claimOf says what an unverified callback wants to be believed.
func claimOf(body string) string {
	v, err := signature.Parse([]byte(body))
	if err != nil {
		return ""
	}
	status, amount, currency := v.Get("payment", "status"), v.Get("payment", "sum", "amount"), v.Get("payment", "sum", "currency")
	if status == nil || amount == nil || currency == nil {
		return ""
	}
	minor, err := strconv.ParseInt(amount.Text, 10, 64)
	if err != nil {
		return ""
	}
	return status.Text + ", " + formatAmount(minor) + " " + currency.Text
}

func queryOf(q *query) queryView {
	v := queryView{Key: "query-" + stampOf(q.At).Machine, Stamp: stampOf(q.At), JSON: highlight(q.Body), Raw: q.Body, Lead: q.Error}
	if q.Fact == nil {
		v.Chip = chip{toneWait, "ask", "No status"}
		return v
	}
	v.Chip = factChip(q.Fact)
	v.Lead = strings.TrimSpace(q.Fact.Code+" "+q.Fact.Message) + ". The answer's signature is verified."
	return v
}

// after writes how much later t is.
func after(since, t time.Time) string {
	if d := t.Sub(since); d >= time.Millisecond {
		return "+" + span(d)
	}
	return "+0 ms"
}

func documentOf(body, signingString, sig string) *document {
	d := &document{JSON: highlight(body), Raw: body, SigningString: signingString, Signature: sig}
	if signingString != "" {
		d.Lines = strings.SplitAfter(signingString, ";")
	}
	return d
}

// curl is the request as a command for a shell.
func curl(url, body string) string {
	quoted := func(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
	return "curl -sS -H 'Content-Type: application/json' --data-binary " + quoted(body) + " " + quoted(url)
}

// token is a piece of JSON with what it is: key, text, number, word or nothing.
type token struct{ Class, Text string }

// highlight writes JSON over several lines and tells its pieces apart. What is
// no JSON stays as it is.
func highlight(body string) []token {
	var indented bytes.Buffer
	if json.Indent(&indented, []byte(body), "", "  ") != nil {
		return []token{{"", body}}
	}
	var tokens []token
	rest := indented.String()
	for rest != "" {
		n, class := piece(rest)
		tokens = append(tokens, token{class, rest[:n]})
		rest = rest[n:]
	}
	return tokens
}

// piece returns the length of the first piece of JSON text and its class.
func piece(s string) (n int, class string) {
	switch c := s[0]; {
	case c == '"':
		n = 1
		for s[n] != '"' {
			if s[n] == '\\' {
				n++
			}
			n++
		}
		n++
		if strings.HasPrefix(s[n:], ":") {
			return n, "key"
		}
		return n, "text"
	case c == '-' || c >= '0' && c <= '9':
		return leading(s, "-+.eE0123456789"), "number"
	case c >= 'a' && c <= 'z':
		return leading(s, "aeflnrstu"), "word"
	}
	if n = strings.IndexAny(s, "\"-0123456789aeflnrstu"); n < 0 {
		n = len(s)
	}
	return n, ""
}

// leading returns how many characters at the beginning of s are of the set.
func leading(s, set string) int {
	return len(s) - len(strings.TrimLeft(s, set))
}
