package dashboard

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"flashpay/internal/evidence"
	"flashpay/internal/merchant"
	"flashpay/internal/payout"
	"flashpay/internal/store"
	"flashpay/signature"
)

// bundle is the evidence of one payment, as files of a zip archive (product.md §12.7).
type bundle struct {
	v       *visit
	project *merchant.Project
	view    *store.View
	full    bool // with the request as it was received, and its signature
	files   *evidence.Writer
	made    time.Time
	lines   []store.JournalLine

	// What the page tells beyond that.
	Merchant  string
	Recipient string // the name, where it is known
	signature string // what is known about the request's
	seals     []store.JournalSeal
	unsealed  bool
	told      []store.PaymentCallback
	cases     []store.Discrepancy
}

// serveEvidence hands out what is known about a payment in one file, with account number and personal data masked as they
// are on all pages.
func serveEvidence(_ *Dashboard, v *visit) error { return v.evidence(false) }

// serveFullEvidence hands out the request as it was received with it: account number, personal data, and the signature,
// which is a secret like the key that made it. The route asks for the right to see those, and for a fresh second factor.
func serveFullEvidence(_ *Dashboard, v *visit) error { return v.evidence(true) }

func (v *visit) evidence(full bool) error {
	project, view, err := v.readPayment()
	if err != nil {
		return err
	}
	p := &view.Payment
	object := "project " + strconv.FormatInt(project.ID, 10)
	what := "evidence"
	if full {
		what = "evidence in full"
	}
	now := v.d.Store.Now()
	b := &bundle{v: v, project: project, view: view, full: full, made: now, files: evidence.NewWriter(now)}
	if err := b.write(); err != nil {
		return err
	}
	out, err := b.files.Close()
	if err != nil {
		return err
	}
	sum := sha256.Sum256(out)
	detail := store.Detail{}.Text("payment_id", p.PaymentID).Text("sha256", hex.EncodeToString(sum[:]))
	if err := v.d.people.LogDownload(v.ctx(), v.actor(), what, object, detail); err != nil {
		return err
	}
	v.w.Header().Set("Content-Type", "application/zip")
	v.w.Header().Set("Content-Disposition", fmt.Sprintf(`attachment; filename="evidence-%d-%d.zip"`, project.ID, p.ID))
	v.w.Header().Set("Content-Length", strconv.Itoa(len(out)))
	_, _ = v.w.Write(out) // a browser that has gone is not told
	return nil
}

func (b *bundle) write() error {
	for _, part := range []func() error{b.readme, b.payment, b.request, b.journal, b.ledger, b.callbacks, b.discrepancies, b.page} {
		if err := part(); err != nil {
			return err
		}
	}
	return nil
}

const evidenceReadme = `Evidence of one payout. Times are UTC, sums are minor units.

evidence.html       what happened, for people, in English, Russian and Kyrgyz; it prints on A4
payment.json        the payment and its operations, as they stand; cost is what the project pays, with the rates, margin and tariff
                    that were agreed when it was accepted (terms; null: its own sum, without a fee)
request.json        the request as it was received, byte by byte (only in the bundle «in full»)
signature.json      whose key verifies it; in full, the signature and the string that was signed, too
journal.json        every step, in order: a chain of hashes
seals.json          for each line: the seal that covers it, and the way to its root
ledger.json         what was moved between the accounts of the project
callbacks.json      what the merchant was told: each body, each attempt, each answer
discrepancies.json  what did not fit and a person had to look at
manifest.json       the SHA-256 of each file above; the archive itself ends with that of all its bytes before

How to verify, with SHA-256 and numbers as 8 bytes, big-endian:

1. A journal line's hash is SHA-256 of: the hash of the line before (32 zero bytes for the first), project_id, payment,
   seq, at_microseconds, operation, then kind and detail, each as its length (a number) and its bytes.
   The hash of the last line is payment.json's head_hash.
2. A line is under a seal: start with SHA-256(0x00, hash). For each step of its path in seals.json take
   SHA-256(0x01, left, right), where the neighbour stands left or right as the step says. The end is the seal's root.
3. A seal's hash is SHA-256 of: the previous seal's hash (32 zero bytes for the first), shard, number, last_row, lines,
   at_microseconds, then the root. Whoever has kept any later seal of that shard can follow the chain to it.
4. The request's signature is HMAC-SHA-512, in base64, of the string in signature.json under the project's secret key.
   Callbacks carry the same kind of signature, made with the oldest key that was live at each attempt; the bodies here
   are without it.

The command «flashpay evidence verify FILE» makes the checks 1 to 3 without a database, and says whether any byte was changed;
its --help says what that proves and what it does not. «flashpay audit» makes them, and those of the ledger, over the whole database.
`

func (b *bundle) readme() error {
	b.files.Add("README.txt", []byte(evidenceReadme))
	return nil
}

func (b *bundle) payment() error {
	p := &b.view.Payment
	operations := make([]map[string]any, 0, len(b.view.Operations))
	for _, o := range b.view.Operations {
		operations = append(operations, map[string]any{
			"id": o.ID, "number": o.Number, "stage": o.Stage, "status": o.Status, "provider": o.Provider, "provider_key": o.Key,
			"provider_payment_id": o.ProviderPaymentID, "auth_code": o.AuthCode, "amount": o.Amount, "currency": o.Currency, "code": o.Code,
			"submits": o.Submits, "created_at": stamp(o.CreatedAt), "updated_at": stamp(o.UpdatedAt), "threshold_at": stamp(o.ThresholdAt),
			"cost": costEvidence(&o),
		})
	}
	return b.files.AddJSON("payment.json", map[string]any{
		"project_id": p.ProjectID, "payment": p.ID, "payment_id": p.PaymentID, "request_id": p.RequestID, "status": p.Status, "method": p.Method,
		"amount": p.Amount, "currency": p.Currency, "description": p.Description, "account_number": p.AccountMask, "customer_id": p.CustomerID,
		"interface_type": p.Interface, "created_at": stamp(p.CreatedAt), "updated_at": stamp(p.UpdatedAt), "journal_lines": p.Head.Seq,
		"head_hash": hex.EncodeToString(p.Head.Hash[:]), "operations": operations, "bundle_made_at": stamp(b.v.d.Store.Now()),
	})
}

// costEvidence is what an operation costs its project, and by which rates and tariff.
func costEvidence(o *payout.Operation) map[string]any {
	amount, fee, currency := o.Cost()
	return map[string]any{"amount": amount, "fee": fee, "currency": currency, "terms": o.Terms}
}

func stamp(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.UTC().Format(time.RFC3339Nano)
}

func (b *bundle) request() error {
	body, err := b.v.d.Store.OpenRequest(b.v.ctx(), b.view)
	if err != nil {
		return err
	}
	check := checkSignature(b.project, body)
	b.signature, _ = check["result"].(string)
	if b.full {
		b.files.Add("request.json", body)
	} else {
		delete(check, "signed_string")
		delete(check, "signature")
		const withheld = "The request holds account number and personal data in full, and its signature. Those who may edit the project get it in the\n" +
			"bundle «in full».\n"
		b.files.Add("request-withheld.txt", []byte(withheld))
	}
	return b.files.AddJSON("signature.json", check)
}

const signatureValid = "valid"

// checkSignature verifies a request's signature anew, with the keys that are live.
func checkSignature(p *merchant.Project, body []byte) map[string]any {
	tree, err := signature.Parse(body)
	if err != nil {
		return map[string]any{"result": "the request cannot be read", "reason": err.Error()}
	}
	sent, signed := signature.Find(tree)
	if !signed {
		return map[string]any{"result": "unsigned: the payout was made in Dashboard by a person who was signed in"}
	}
	form := signature.Canonical(tree)
	for _, k := range p.Keys {
		if order, err := form.Verify(sent, k.Secret); err == nil {
			return map[string]any{
				"result": signatureValid, "signature": sent, "key": k.ID, "key_created_at": stamp(k.CreatedAt), "order": order.String(),
				"signed_string": string(form.SigningString(order)),
			}
		}
	}
	return map[string]any{"result": "no live key verifies it: the key that it was verified with at acceptance has been revoked since", "signature": sent}
}

// journal writes the lines, and the proofs that they are sealed.
func (b *bundle) journal() (err error) {
	p := &b.view.Payment
	if b.lines, err = b.v.d.Store.Journal(b.v.ctx(), p.ProjectID, p.ID); err != nil {
		return err
	}
	if n := int(p.Head.Seq); len(b.lines) > n { // it moved since the payment was read: the bundle is of that moment
		b.lines = b.lines[:n]
	}
	lines := make([]map[string]any, 0, len(b.lines))
	for _, l := range b.lines {
		lines = append(lines, map[string]any{
			"id": l.ID, "project_id": l.ProjectID, "payment": l.Payment, "seq": l.Seq, "at": stamp(l.At), "at_microseconds": l.At.UnixMicro(),
			"kind": l.Kind, "operation": l.Operation, "detail": l.Detail, "hash": hex.EncodeToString(l.Hash[:]),
		})
	}
	if err := b.files.AddJSON("journal.json", lines); err != nil {
		return err
	}
	seals := make([]map[string]any, 0, len(b.lines))
	for _, l := range b.lines {
		seal, err := b.seal(l.ID)
		if err != nil {
			return err
		}
		seals = append(seals, seal)
	}
	return b.files.AddJSON("seals.json", seals)
}

// proof proves that a line is sealed. A line of this node is sealed now, if its minute is not over: at the second try at the
// latest, where the minute's own seal was under way and ends before it.
func (b *bundle) proof(line int64) (*store.Proof, error) {
	proof, err := b.v.d.Store.SealProof(b.v.ctx(), line)
	for try := 0; try < 2 && errors.Is(err, store.ErrNotFound); try++ {
		if err := b.v.d.Store.SealRemaining(b.v.ctx()); err != nil {
			return nil, err
		}
		proof, err = b.v.d.Store.SealProof(b.v.ctx(), line)
	}
	return proof, err
}

func (b *bundle) seal(line int64) (map[string]any, error) {
	proof, err := b.proof(line)
	if errors.Is(err, store.ErrNotFound) {
		b.unsealed = true
		return map[string]any{"line": line, "sealed": false, "reason": evidence.WhyUnsealed(line)}, nil
	}
	if err != nil {
		return nil, err
	}
	path := make([]map[string]any, 0, len(proof.Path))
	for _, step := range proof.Path {
		side := "right"
		if step.Left {
			side = "left"
		}
		path = append(path, map[string]any{"neighbour": hex.EncodeToString(step.Hash[:]), "stands": side})
	}
	s := &proof.Seal
	if !slices.Contains(b.seals, *s) {
		b.seals = append(b.seals, *s)
	}
	return map[string]any{
		"line": line, "sealed": true, "path": path, "shard": s.Shard, "number": s.Number, "last_row": s.LastRow, "lines": s.Lines,
		"at": stamp(s.At), "at_microseconds": s.At.UnixMicro(), "root": hex.EncodeToString(s.Root[:]), "hash": hex.EncodeToString(s.Hash[:]),
		"previous_hash": hex.EncodeToString(proof.Previous[:]),
	}, nil
}

func (b *bundle) ledger() error {
	transfers, err := b.v.d.Store.PaymentTransfers(b.v.ctx(), b.lines)
	if err != nil {
		return err
	}
	rows := make([]map[string]any, 0, len(transfers))
	for _, t := range transfers {
		rows = append(rows, map[string]any{
			"id": t.ID, "at": stamp(t.At), "kind": t.Kind, "debit": t.Debit.String(), "credit": t.Credit.String(), "amount": t.Amount,
			"currency": t.Currency, "operation": t.Operation, "reason": t.Reason,
		})
	}
	return b.files.AddJSON("ledger.json", rows)
}

func (b *bundle) callbacks() error {
	all, err := b.v.d.Store.PaymentCallbacks(b.v.ctx(), b.view.Payment.ProjectID, b.view.Payment.ID)
	if err != nil {
		return err
	}
	b.told = all
	rows := make([]map[string]any, 0, len(all))
	for _, c := range all {
		attempts := make([]map[string]any, 0, len(c.Attempts))
		for _, a := range c.Attempts {
			attempts = append(attempts, map[string]any{
				"attempt": a.Attempt, "at": stamp(a.At), "duration_microseconds": a.Duration.Microseconds(), "http_status": a.HTTPStatus,
				"error": a.Error, "answer": strings.ToValidUTF8(string(a.Answer), "\uFFFD"),
			})
		}
		rows = append(rows, map[string]any{
			"number": c.Job.Event.Number, "at": stamp(c.Job.Event.At), "state": c.State, "body": json.RawMessage(c.Job.Body().AppendJSON(nil)),
			"attempts": attempts,
		})
	}
	return b.files.AddJSON("callbacks.json", rows)
}

func (b *bundle) discrepancies() error {
	all, err := b.v.d.Store.PaymentDiscrepancies(b.v.ctx(), b.view.Payment.ProjectID, b.view.Payment.ID)
	if err != nil {
		return err
	}
	b.cases = all
	rows := make([]map[string]any, 0, len(all))
	for _, d := range all {
		rows = append(rows, map[string]any{
			"kind": d.Kind, "detail": json.RawMessage(d.Detail), "opened_at": stamp(d.OpenedAt), "settled_at": stamp(d.SettledAt), "decision": d.Decision,
			"funds": d.Funds, "reason": d.Reason,
		})
	}
	return b.files.AddJSON("discrepancies.json", rows)
}
