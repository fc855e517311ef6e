package dashboard

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"flashpay/internal/merchant"
	"flashpay/internal/payout"
	"flashpay/internal/store"
)

// evidencePage is the name of the bundle's first file: what a person reads of it, without the platform and without these
// files.
const evidencePage = "evidence.html"

// evidenceSheet is the page in one language.
type evidenceSheet struct {
	*bundle
	Lang  string
	words *words
}

// A speaker is who said something.
const (
	byMerchant = "merchant"
	byPlatform = "platform"
	byBank     = "bank"
	byOperator = "operator"
)

// statement is what one side said at a moment.
type statement struct {
	At    time.Time
	By    string // a speaker
	Word  string // id of what was said
	Wire  string // the same as the journal, or the wire, has it
	Notes []string
}

// page adds the page, before all other files.
func (b *bundle) page() error {
	if b.full { // else the bundle holds the name nowhere
		row := []store.RegisterRow{{ProjectID: b.view.Payment.ProjectID, ID: b.view.Payment.ID}}
		if err := b.v.d.Store.NameRecipients(b.v.ctx(), row); err != nil {
			return err
		}
		b.Recipient = row[0].Recipient
	}
	if m, ok := b.v.d.Store.Merchant(b.project.MerchantID); ok {
		b.Merchant = m.Name
	}
	var out bytes.Buffer
	sheets := make([]*evidenceSheet, 0, len(languages))
	for _, lang := range languages {
		sheets = append(sheets, &evidenceSheet{bundle: b, Lang: lang, words: b.v.d.pages[lang].words})
	}
	for i, block := range []string{"evidence-begin", "", "evidence-end"} {
		if block != "" {
			if err := b.v.d.pages[languages[0]].execute(&out, "evidence", block, sheets); err != nil {
				return fmt.Errorf("dashboard: evidence, part %d: %w", i, err)
			}
			continue
		}
		for _, s := range sheets {
			if err := b.v.d.pages[s.Lang].execute(&out, "evidence", "evidence-sheet", s); err != nil {
				return fmt.Errorf("dashboard: evidence in %s: %w", s.Lang, err)
			}
		}
	}
	b.files.AddFirst(evidencePage, out.Bytes())
	return nil
}

// Payment is the payment.
func (s *evidenceSheet) Payment() *payout.Payment { return &s.view.Payment }

// Project is whose payment it is.
func (s *evidenceSheet) Project() string { return projectLabel(s.project) }

// Live tells whether money was moved.
func (s *evidenceSheet) Live() bool { return s.project.Mode == merchant.Live }

// Operations are the transfers of the payment, the return among them.
func (s *evidenceSheet) Operations() []payout.Operation { return s.view.Operations }

// Discrepancies are what did not fit.
func (s *evidenceSheet) Discrepancies() []store.Discrepancy { return s.cases }

// Made is when the bundle was.
func (s *evidenceSheet) Made() time.Time { return s.made }

// Head is the hash that the journal's chain ends in.
func (s *evidenceSheet) Head() string { return hex.EncodeToString(s.view.Payment.Head.Hash[:]) }

// Seals are those over the journal's lines, each once.
func (s *evidenceSheet) Seals() []store.JournalSeal { return s.seals }

// Unsealed tells whether lines have no seal yet.
func (s *evidenceSheet) Unsealed() bool { return s.unsealed }

// Full tells whether the request stands in the bundle as it was received.
func (s *evidenceSheet) Full() bool { return s.full }

// Signed is the id of what is known about the request's signature.
func (s *evidenceSheet) Signed() string {
	switch result := s.signature; {
	case result == signatureValid:
		return "evidence.signed"
	case strings.HasPrefix(result, "unsigned"):
		return "evidence.unsigned"
	}
	return "evidence.key_gone"
}

// Zone is the zone of the page's times.
func (s *evidenceSheet) Zone() string { return s.v.zone.String() }

// Time is a moment in the zone of whoever took the bundle.
func (s *evidenceSheet) Time(at time.Time) string {
	_, layout := s.words.layouts()
	at = at.In(s.v.zone)
	return at.Format(layout) + " (" + at.Format("UTC-07:00") + ")"
}

// Cost is what was debited for an operation, and its fee; empty where that is the sum alone.
func (s *evidenceSheet) Cost(o payout.Operation) string {
	amount, fee, currency := o.Cost()
	switch {
	case fee > 0:
		return s.words.say("payments.debited_fee", "total", s.words.sum(amount+fee, currency), "sum", s.words.sum(amount, currency), "fee", s.words.sum(fee, currency))
	case currency != o.Currency:
		return s.words.sum(amount, currency)
	}
	return ""
}

// DiscrepancyWord is the id of the words about a kind of discrepancy.
func (s *evidenceSheet) DiscrepancyWord(kind string) string {
	return "payments.discrepancy." + strings.ReplaceAll(kind, " ", "_")
}

// SettledWord is the id of the words about what a settlement did.
func (s *evidenceSheet) SettledWord(funds string) string {
	return "payments.settled." + cmp.Or(strings.ReplaceAll(funds, " ", "_"), "nothing")
}

// Status is a status in words, beside its wire spelling.
func (s *evidenceSheet) Status(status payout.Status) template.HTML {
	word := s.words.say("status." + strings.ReplaceAll(string(status), " ", "_"))
	if word == string(status) {
		return escaped(word)
	}
	return escaped(word) + ` <code>` + escaped(string(status)) + `</code>`
}

// Statements are what each side said, in the order of time.
func (s *evidenceSheet) Statements() (out []statement) {
	p := &s.view.Payment
	asked := statement{At: p.CreatedAt, By: byMerchant, Word: "evidence.asked", Notes: []string{p.RequestID}}
	if p.Interface == 5 {
		asked.Word = "evidence.asked_by_hand"
	}
	out = append(out, asked)
	for _, l := range s.lines {
		out = append(out, s.statementOf(l))
	}
	for _, c := range s.told {
		e := &c.Job.Event
		out = append(out, statement{
			At: e.At, By: byPlatform, Word: "evidence.told", Wire: string(e.PaymentStatus), Notes: []string{"№ " + strconv.FormatInt(e.Number, 10)},
		})
		if len(c.Attempts) == 0 {
			continue
		}
		last := c.Attempts[len(c.Attempts)-1]
		answer := statement{
			At: last.At, By: byMerchant, Word: "evidence.not_confirmed", Wire: last.Error,
			Notes: []string{"№ " + strconv.FormatInt(e.Number, 10) + ", " + s.words.say("evidence.attempts", "number", strconv.Itoa(len(c.Attempts)))},
		}
		if text := startOf(last.Answer); text != "" {
			answer.Notes = append(answer.Notes, text)
		}
		if c.State == store.CallbackDelivered {
			answer.Word = "evidence.confirmed"
		}
		if last.HTTPStatus != 0 {
			answer.Wire = strings.TrimSpace("HTTP " + strconv.Itoa(last.HTTPStatus) + " " + http.StatusText(last.HTTPStatus))
		}
		out = append(out, answer)
	}
	slices.SortStableFunc(out, func(a, b statement) int { return a.At.Compare(b.At) })
	return out
}

// answerRunes is how much of an endpoint's answer stands on the page; all of it stands in callbacks.json.
const answerRunes = 200

// startOf is how an endpoint's answer begins.
func startOf(answer []byte) string {
	text := []rune(strings.TrimSpace(strings.ToValidUTF8(string(answer), "\uFFFD")))
	if len(text) > answerRunes {
		return string(text[:answerRunes]) + "…"
	}
	return string(text)
}

// statementOf is a line of the journal as one side's word.
func (s *evidenceSheet) statementOf(l store.JournalLine) statement {
	out := statement{At: l.At, By: byPlatform, Word: "payments.kind." + strings.ReplaceAll(l.Kind, " ", "_"), Wire: l.Kind}
	var said struct {
		By                string `json:"by"`
		Code              int    `json:"code"`
		ProviderPaymentID string `json:"provider_payment_id"`
	}
	_ = json.Unmarshal([]byte(l.Detail), &said) // what can be read of it: the whole line stands in journal.json
	if said.ProviderPaymentID != "" {
		out.Notes = append(out.Notes, said.ProviderPaymentID)
	}
	switch {
	case l.Kind == store.SettledLine:
		out.By = byOperator
	case l.Seq == 1 && l.Kind == "declined":
		out.Word = "payments.kind.refused"
	case said.By != "" && said.By != "block" && l.Kind != "threshold" && l.Kind != "not sent" && l.Kind != "given up":
		out.By = byBank
	}
	if said.Code != 0 {
		out.Notes = append(out.Notes, strconv.Itoa(said.Code)+" "+payout.Message(said.Code))
	}
	if !s.words.has(out.Word) {
		out.Word = ""
	}
	return out
}

// Name is the language's own name.
func (s *evidenceSheet) Name() string { return s.words.say("language." + s.Lang) }

// Hex is a hash as people compare it.
func (s *evidenceSheet) Hex(hash [32]byte) string { return hex.EncodeToString(hash[:]) }
