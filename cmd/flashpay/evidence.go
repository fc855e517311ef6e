package main

import (
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"

	"flashpay/internal/evidence"
)

type evidenceCmd struct {
	Verify evidenceVerifyCmd `cmd:"" help:"Check an evidence bundle without a database: not a byte was changed, and its journal leads to a seal."`
}

type evidenceVerifyCmd struct {
	File string `arg:"" help:"The bundle, as it was downloaded from a payment's page in Dashboard."`
	Seal string `placeholder:"HASH" help:"The hash of a seal that was noted elsewhere: the bundle must hold it."`
	JSON bool   `help:"Print JSON."`
}

// Help is shown by --help.
func (c *evidenceVerifyCmd) Help() string {
	return `Needs the file alone: no database, no network, no key. The exit code is 1 where something does not fit; which file of the
bundle it is, and what does not fit, is named. It is 4 where all fits, but a line of the journal is in no seal: what another node
wrote within the last minute is not yet, what a command wrote never is.

What holds when it ends with 0:

- No byte of the bundle differs from what its own digests state, no file was added or taken away.
- Each line of the journal continues the chain of hashes; the last one is the payment's; request id, sum and currency are those of the first.
- Each line leads to the root of its seal, and the seal's hash continues the hash of the seal before.
- In a bundle «in full»: the signed string and the signature are those of the request.

What it does not prove:

- Who made the bundle. It carries no signature: whoever can compute SHA-256 can make another that fits in itself. What was handed
  out is in the audit log of Dashboard, with the SHA-256 that this command prints.
- That the chain is the platform's. Whoever runs the database could compute another chain with other seals. Compare a seal that is printed
  here with one that was noted at the time outside of their reach, such as in an earlier bundle: --seal HASH fails where the bundle
  does not hold it, as a line's seal or as the one before.
- The page evidence.html, the status, ledger, callbacks and discrepancies beyond the bundle's digests: seals cover journal lines only.
  ` + "`flashpay audit`" + ` compares these over the database; the page tells in words what the other files hold.
- The request's signature: with the project's key, ` + "`flashpay verify`" + ` checks request.json.

README.txt in the bundle says how to make these checks without this program.

  flashpay evidence verify evidence-210-4711.zip
  flashpay evidence verify evidence-210-4711.zip --seal 5f0c…`
}

var sealPattern = regexp.MustCompile(`^[0-9a-f]{64}$`)

// Run verifies a bundle.
func (c *evidenceVerifyCmd) Run(a *app) error {
	noted := strings.ToLower(c.Seal)
	if noted != "" && !sealPattern.MatchString(noted) {
		return usagef("--seal=%s: want a seal's hash, 64 hexadecimal digits", c.Seal)
	}
	archive, err := readBundle(c.File)
	if err != nil {
		return err
	}
	report := evidence.Verify(archive, noted)
	if c.JSON {
		err = a.printJSON(report)
	} else {
		err = printEvidence(a.stdout, c.File, report)
	}
	switch {
	case err != nil || report.OK:
		return err
	case len(report.Faults) > 0:
		return errNo
	}
	return errUnsealed
}

func readBundle(name string) ([]byte, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // nothing was written
	archive, err := io.ReadAll(io.LimitReader(file, evidence.MaxBytes+1))
	if err == nil && len(archive) > evidence.MaxBytes {
		err = fmt.Errorf("%s has more than %d bytes: that is no evidence bundle", name, evidence.MaxBytes)
	}
	return archive, err
}

func printEvidence(w io.Writer, name string, r *evidence.Report) error {
	var text strings.Builder
	for _, f := range r.Faults {
		fmt.Fprintf(&text, "FAILED %s: %s\n", printable([]byte(f.File)), printable([]byte(f.What)))
	}
	for _, s := range r.Seals {
		fmt.Fprintf(&text, "Seal %d of shard %d, %s: %s\n", s.Number, s.Shard, printable([]byte(s.At)), printable([]byte(s.Hash)))
	}
	fmt.Fprintf(&text, "SHA-256 of %s: %s\n", name, r.SHA256)
	for _, u := range r.Unsealed {
		fmt.Fprintf(&text, "NOT SEALED line %d of the journal: %s\n", u.Line, u.Why)
	}
	switch {
	case r.OK:
		fmt.Fprintf(&text, "Payment %q of project %d, status %q: not a byte of %d files was changed; %d lines of the journal lead to the seals above.\n",
			r.PaymentID, r.ProjectID, r.Status, r.Files, r.Lines)
	case len(r.Faults) == 0:
		fmt.Fprintf(&text, "Payment %q of project %d, status %q: not a byte of %d files was changed, and the chain of %d lines fits; no seal covers %d of them.\n",
			r.PaymentID, r.ProjectID, r.Status, r.Files, r.Lines, len(r.Unsealed))
	default:
		text.WriteString("This bundle proves nothing as it is. Take it again from the payment's page, and compare.\n")
	}
	_, err := io.WriteString(w, text.String())
	return err
}
