package client

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"

	"flashpay/signature"
)

// MassFile is a file of payouts: CSV in UTF-8, with the columns of the
// platform's templates.
type MassFile struct {
	Content io.ReaderAt // such as an *os.File or a *bytes.Reader; it must not change meanwhile
	Size    int64       // in bytes
	Name    string      // what lists call it; may be empty
}

// MassReport is what the check of a file found. Sums are in minor units.
type MassReport struct {
	Rows        int64         `json:"rows"`
	Good        int64         `json:"good"` // may be sent; those that were paid already are among them
	Bad         int64         `json:"bad"`
	Totals      []MassTotal   `json:"totals"`
	Faults      []MassFault   `json:"faults"` // the first thousand
	AllFaults   int64         `json:"all_faults"`
	Warnings    []MassWarning `json:"warnings"` // the first thousand
	AllWarnings int64         `json:"all_warnings"`
	SeenBefore  *MassSeen     `json:"seen_before"` // the same file became a batch before; nil: it did not
}

// MassTotal is what the good rows of a project ask for in a currency, without
// those that were paid already, and the balance in that currency.
type MassTotal struct {
	ProjectID int64  `json:"project_id"`
	Currency  string `json:"currency"`
	Rows      int64  `json:"rows"`
	Amount    int64  `json:"amount"`
	Available int64  `json:"available"` // on the balance
	Missing   int64  `json:"missing"`   // what the balance is short of, with fees and what it pays for rows in other currencies
}

// MassFault is a fault of a row.
type MassFault struct {
	Line    int64  `json:"line"`   // from 1, as an editor counts; 0: the whole file
	Column  string `json:"column"` // empty: the whole row
	Message string `json:"message"`
	Advice  string `json:"advice"`
}

// MassWarning is what a person should look at.
type MassWarning struct {
	Line    int64  `json:"line"`
	Column  string `json:"column"`
	Kind    string `json:"kind"` // paid_already, same_account_and_amount, account, spreadsheet or unknown_column
	Message string `json:"message"`
}

// MassSeen is the batch that a file became before.
type MassSeen struct {
	Batch string    `json:"batch"`
	At    time.Time `json:"at"`
}

// MassBatch is a file that was sent.
type MassBatch struct {
	ID     int64  `json:"batch"`
	State  string `json:"state"` // sending, awaiting approval, paused, done or cancelled
	Rows   int64  `json:"rows"`
	Good   int64  `json:"good"`
	Bad    int64  `json:"bad"`
	Repeat bool   `json:"repeat"` // the file had been sent before
}

// MassStatus is how far a batch has come.
type MassStatus struct {
	ID          int64            `json:"batch"`
	State       string           `json:"state"`
	Rows        int64            `json:"rows"`
	PaidAlready int64            `json:"paid_already"`
	ByStatus    map[string]int64 `json:"by_status"` // the other rows: by the status of their payments, or not sent, with faults, refused
}

const (
	massPath       = "/v2/mass-payout/"
	massParameters = "Flashpay-Parameters"
	massTimeout    = 20 * time.Minute // of one attempt to send a file
	massAnswer     = 16 << 20         // bytes
)

// MassCheck has the platform check a file. Nothing is sent. An [*Error] says
// what is wrong with the request, or why nothing of the file can be read.
func (c *Client) MassCheck(ctx context.Context, f MassFile) (MassReport, error) {
	var report MassReport
	_, err := c.postFile(ctx, "check", f, nil, &report)
	if err != nil {
		return MassReport{}, fmt.Errorf("client: check of a file: %w", err)
	}
	return report, nil
}

// MassSend has the platform pay a file's rows. With goodOnly rows with faults are
// left out; without it a file that has any is refused, with an [*Error] whose
// Fields name the first of them. Where no answer comes it sends the file again,
// which is safe: the same file is the same batch, and each row is paid once. So
// is a later call after [ErrUnknown].
func (c *Client) MassSend(ctx context.Context, f MassFile, goodOnly bool) (MassBatch, error) {
	var more []signature.Member
	if goodOnly {
		more = append(more, signature.Field("good_only", signature.Boolean(true)))
	}
	var b MassBatch
	open, err := c.postFile(ctx, "send", f, more, &b)
	switch {
	case err == nil:
		return b, nil
	case open:
		return MassBatch{}, fmt.Errorf("client: file: %w: %w", ErrUnknown, err)
	}
	return MassBatch{}, fmt.Errorf("client: file: %w", err)
}

// MassStatus asks how far a batch has come. Counters stand a moment behind the
// payments. [ErrNotFound] where the project has no such batch.
func (c *Client) MassStatus(ctx context.Context, batch int64) (MassStatus, error) {
	var status MassStatus
	_, err := c.repeat(ctx, func(ctx context.Context) attempt {
		req, err := c.aboutBatch("status", batch)
		if err != nil {
			return attempt{err: err}
		}
		return c.once(ctx, req, func(body []byte) error { return c.readMass(body, &status) })
	})
	if err != nil {
		return MassStatus{}, fmt.Errorf("client: status of batch %d: %w", batch, err)
	}
	return status, nil
}

// MassResult reads a batch's file with what came of each row behind its columns,
// as it is now. It streams: the caller reads to the end, where an error other
// than io.EOF says that the file is not whole, and closes it. The context is that
// of reading, too. The platform gives up on a reader that stands still for half a
// minute.
func (c *Client) MassResult(ctx context.Context, batch int64) (io.ReadCloser, error) {
	var result io.ReadCloser
	_, err := c.repeat(ctx, func(ctx context.Context) attempt {
		req, err := c.aboutBatch("result", batch)
		if err != nil {
			return attempt{err: err}
		}
		ctx, cancel := context.WithCancel(ctx)
		soon := time.AfterFunc(c.cfg.Timeout, cancel) // for the answer to begin
		r, err := c.request(ctx, req.Path, bytes.NewReader(req.Body))
		if err != nil {
			cancel()
			return attempt{err: err}
		}
		a := c.exchange(r, func(body io.ReadCloser) error {
			if !soon.Stop() {
				return errors.Join(context.DeadlineExceeded, body.Close())
			}
			result = &massResult{body, cancel}
			return nil
		})
		if a.err != nil {
			cancel()
		}
		return a
	})
	if err != nil {
		return nil, fmt.Errorf("client: result of batch %d: %w", batch, err)
	}
	return result, nil
}

// massResult is a result on its way.
type massResult struct {
	io.ReadCloser
	cancel context.CancelFunc
}

func (r *massResult) Close() error {
	defer r.cancel()
	return r.ReadCloser.Close()
}

// massRoot is what all requests about files have.
func (c *Client) massRoot(action string, more ...signature.Member) signature.Value {
	return signature.Obj(append([]signature.Member{
		signature.Field("project_id", signature.Int(c.cfg.ProjectID)), signature.Field("action", signature.Str(action)),
		signature.Field("timestamp", signature.Str(time.Now().UTC().Format("2006-01-02T15:04:05-0700"))),
	}, more...)...)
}

func (c *Client) aboutBatch(action string, batch int64) (Request, error) {
	root := c.massRoot(action, signature.Field("batch", signature.Int(batch)))
	return c.sign(massPath+action, &root, "signature")
}

// postFile sends a file, each attempt signed anew, and reads the answer into to.
func (c *Client) postFile(ctx context.Context, action string, f MassFile, more []signature.Member, to any) (open bool, err error) {
	if f.Content == nil || f.Size < 0 {
		return false, errors.New("the file has no content; set Content and Size")
	}
	digest := sha256.New()
	if n, err := io.Copy(digest, io.NewSectionReader(f.Content, 0, f.Size)); err != nil || n != f.Size {
		return false, fmt.Errorf("reading the file: %d bytes of %d: %w", n, f.Size, cmp.Or(err, io.ErrUnexpectedEOF))
	}
	more = append(more, signature.Field("body_sha256", signature.Str(hex.EncodeToString(digest.Sum(nil)))))
	if f.Name != "" {
		more = append(more, signature.Field("name", signature.Str(f.Name)))
	}
	patient := *c
	patient.maxAnswer = massAnswer
	return patient.repeat(ctx, func(ctx context.Context) attempt {
		root := c.massRoot(action, more...)
		req, err := c.sign(massPath+action, &root, "signature")
		if err != nil {
			return attempt{err: err}
		}
		ctx, cancel := context.WithTimeout(ctx, massTimeout)
		defer cancel()
		r, err := c.request(ctx, req.Path, io.NewSectionReader(f.Content, 0, f.Size))
		if err != nil {
			return attempt{err: err}
		}
		r.ContentLength = f.Size
		r.Header.Set("Content-Type", "text/csv")
		r.Header.Set("Expect", "100-continue") // a refusal comes before the file travels
		r.Header.Set(massParameters, ascii(req.Body))
		return patient.exchange(r, patient.whole(func(body []byte) error { return c.readMass(body, to) }))
	})
}

// readMass reads a signed answer about a file.
func (c *Client) readMass(body []byte, to any) error {
	v, _, err := verified(body, c.cfg.Key)
	if err != nil {
		return err
	}
	if got := text(v, "project_id"); got != strconv.FormatInt(c.cfg.ProjectID, 10) {
		return fmt.Errorf("answer is about project %q", got)
	}
	return json.Unmarshal(v.AppendJSON(nil), to)
}

// ascii writes JSON so that it may stand in a header.
func ascii(body []byte) string {
	var b strings.Builder
	for _, r := range string(body) {
		switch high, low := utf16.EncodeRune(r); {
		case r < 0x7f:
			b.WriteRune(r)
		case r <= 0xffff:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		}
	}
	return b.String()
}
