package audit

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"flashpay/internal/payout"
	"flashpay/internal/store/snapshot"
)

// The bank's books are compared in both directions. Each of their lines is looked up by its key. That no success is
// missing there is shown by a tally: of payments that had succeeded at the audit's begin, before the books were read,
// each must be listed once.

const (
	bankPage  = 128      // lines that are looked up at a time
	bankLine  = 64 << 10 // bytes of a line
	maxLate   = 1000     // lines that are looked up again, because what they show may be on its way
	bankTries = 3
)

// entry is a line of the bank's books.
type entry struct {
	Key       string `json:"key"`
	Reference string `json:"reference"`
	Amount    int64  `json:"amount"` // minor units
	Currency  string `json:"currency"`
	Account   string `json:"account"`
	Executed  int64  `json:"executed"` // how often it was paid
}

// expectExecution takes a payment that had succeeded at the ledger's instant from what the bank lists.
func (r *run) expectExecution(d *dossier) {
	if r.BankURL != "" && r.executes(d) {
		r.executed.take(d.operation.Key, hash(r.executed, d.operation.Key))
	}
}

func (r *run) executes(d *dossier) bool {
	return d.operation != nil && d.operation.Provider == r.Provider && (d.then().state.Status == payout.Success || d.then().state.Status == payout.Reversed)
}

// checkBank compares the bank's books with the operations.
func (r *run) checkBank(ctx context.Context) error {
	if r.BankURL == "" {
		return nil
	}
	b := &books{run: r}
	if err := b.read(ctx, func(page []entry) error { return b.compare(ctx, page) }); err != nil {
		return err
	}
	if err := b.compareAgain(ctx); err != nil {
		return err
	}
	differing, more := r.executed.differing()
	if len(differing) == 0 {
		return nil
	}
	if more > 0 {
		r.fail(KindBank, 0, "", "of 65536 groups of successes %d more are not what the bank lists", more)
	}
	return b.findMissing(ctx, differing)
}

// books is the comparison with the bank's books.
type books struct {
	*run
	late []entry // what may be on its way to us
}

// read reads the books page after page. What breaks off is an error: nobody may take a part for the whole.
func (b *books) read(ctx context.Context, page func([]entry) error) error {
	address := strings.TrimRight(b.BankURL, "/") + "/transfers"
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return fmt.Errorf("the bank's address %q: %w", b.BankURL, err)
	}
	resp, err := b.Client.Do(req)
	if err != nil {
		return fmt.Errorf("reading the bank's books: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("reading the bank's books: %s answered %d", address, resp.StatusCode)
	}
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(make([]byte, 0, bankLine), bankLine)
	entries := make([]entry, 0, bankPage)
	for more := true; more; {
		more = lines.Scan()
		if more {
			var e entry
			if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
				return fmt.Errorf("reading the bank's books: %s: a line that is no transfer: %w", address, err)
			}
			entries = append(entries, e)
		}
		if len(entries) == bankPage || !more {
			if err := page(entries); err != nil {
				return err
			}
			entries = entries[:0]
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("reading the bank's books: %w", err)
	}
	return nil
}

// compare looks up some of the bank's lines.
func (b *books) compare(ctx context.Context, page []entry) error {
	b.checked("bank's transfers", int64(len(page)))
	found, err := b.lookUp(ctx, page)
	if err != nil {
		return err
	}
	for i := range page {
		e := &page[i]
		o := found[e.Key]
		if o != nil && o.Status == payout.Success && o.Provider == b.Provider && b.marks.Had(o.SucceededBy) {
			b.executed.add(e.Key, hash(b.executed, e.Key))
		}
		if what, late := b.judge(e, o, false); late && len(b.late) < maxLate {
			b.late = append(b.late, *e)
		} else if what != "" {
			b.report.add(finding(e, o, what))
		}
	}
	return nil
}

// lookUp finds operations by their keys: among those of the payment that a line names; where the bank paid and names
// another one, or none, among all.
func (b *books) lookUp(ctx context.Context, page []entry) (map[string]*snapshot.BankOperation, error) {
	found := make(map[string]*snapshot.BankOperation, len(page))
	keep := func(o *snapshot.BankOperation) error {
		found[o.Key] = o
		return nil
	}
	var names []snapshot.Name
	for i := range page {
		if project, id, ok := page[i].name(); ok {
			names = append(names, snapshot.Name{ProjectID: project, PaymentKey: payout.Fold(id)})
		}
	}
	if len(names) > 0 {
		if err := snapshot.Of(b.store).ByName(ctx, names, keep); err != nil {
			return nil, err
		}
	}
	var keys []string
	for i := range page {
		if found[page[i].Key] == nil && page[i].Executed > 0 {
			keys = append(keys, page[i].Key)
		}
	}
	if len(keys) == 0 {
		return found, nil
	}
	return found, snapshot.Of(b.store).ByKey(ctx, keys, keep)
}

// name is the payment that a line says it is of.
func (e *entry) name() (project int64, paymentID string, ok bool) {
	number, paymentID, ok := strings.Cut(e.Reference, "/")
	project, err := strconv.ParseInt(number, 10, 64)
	return project, paymentID, ok && err == nil
}

// judge says what is wrong with a line of the books; empty: nothing. late is true where a result may still be on its
// way to us; the last look does not wait for it. The line was read before the operation.
func (b *books) judge(e *entry, o *snapshot.BankOperation, last bool) (what string, late bool) {
	switch {
	case o == nil && e.Executed > 0:
		return fmt.Sprintf("the bank executed a transfer that is no operation of ours: key %s, %d %s", e.Key, e.Amount, e.Currency), false
	case o == nil:
		b.inform("bank: transfers that are not ours, and were not executed", 1)
		return "", false
	case e.Executed > 1:
		return fmt.Sprintf("paid twice: the bank executed key %s %d times", e.Key, e.Executed), false
	case e.Amount != o.Amount || e.Currency != o.Currency:
		return fmt.Sprintf("the bank was asked to pay %d %s under key %s; the operation is of %d %s", e.Amount, e.Currency, e.Key, o.Amount, o.Currency), false
	case e.Account != accountOf(o):
		return fmt.Sprintf("the bank was asked to pay to another account under key %s than the request says", e.Key), false
	case e.Reference != nameOf(o):
		return fmt.Sprintf("the bank knows key %s as %s", e.Key, e.Reference), false
	case e.Executed == 0 && o.Status == payout.Success:
		if b.marks.Had(o.SucceededBy) { // before the line was read
			return fmt.Sprintf("success without execution: the bank never executed key %s", e.Key), false
		}
	case e.Executed == 1 && o.Status == payout.Decline && o.Stage == payout.Closed && !o.Discrepancy:
		if !last {
			return "", true
		}
		return fmt.Sprintf("paid, but declined: the bank executed key %s, and no discrepancy is recorded", e.Key), false
	case e.Executed == 1 && o.Status != payout.Success:
		where := string(o.Status) + "/" + string(o.Stage)
		if o.Discrepancy {
			where += ", with a discrepancy recorded"
		}
		b.inform("bank: executed, and no success of ours: "+where, 1)
	}
	return "", false
}

func nameOf(o *snapshot.BankOperation) string {
	return strconv.FormatInt(o.ProjectID, 10) + "/" + o.PaymentID
}

// accountOf is the account that an operation's request asks for; empty where it cannot be read: other checks say why.
func accountOf(o *snapshot.BankOperation) string {
	asked, err := readRequest(o.Request)
	if err != nil {
		return ""
	}
	return asked["account"]["number"]
}

func finding(e *entry, o *snapshot.BankOperation, what string) Finding {
	f := Finding{Kind: KindBank, What: what}
	if o != nil {
		f.ProjectID, f.PaymentID = o.ProjectID, o.PaymentID
		return f
	}
	if project, payment, ok := e.name(); ok {
		f.ProjectID, f.PaymentID = project, payment
	}
	return f
}

// compareAgain gives results that may be on their way some time, then looks a last time.
func (b *books) compareAgain(ctx context.Context) error {
	for try := 1; len(b.late) > 0 && try <= bankTries; try++ {
		select {
		case <-time.After(b.Patience / bankTries):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		entries := b.late
		b.late = nil
		for len(entries) > 0 {
			page := entries[:min(bankPage, len(entries))]
			entries = entries[len(page):]
			found, err := b.lookUp(ctx, page)
			if err != nil {
				return err
			}
			for i := range page {
				what, late := b.judge(&page[i], found[page[i].Key], try == bankTries)
				switch {
				case late:
					b.late = append(b.late, page[i])
				case what != "":
					b.report.add(finding(&page[i], found[page[i].Key], what))
				}
			}
		}
	}
	return nil
}

// findMissing reads the books and the payments again and names the successes in some buckets that are not listed once.
func (b *books) findMissing(ctx context.Context, differing map[int]bool) error {
	listed := make(map[string]int)
	err := b.read(ctx, func(page []entry) error {
		for i := range page {
			if differing[b.executed.bucket(page[i].Key)] {
				listed[page[i].Key]++
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return b.eachDossier(ctx, func(d *dossier) {
		if !b.executes(d) || !differing[b.executed.bucket(d.operation.Key)] {
			return
		}
		switch n := listed[d.operation.Key]; {
		case n == 0:
			b.fail(KindBank, d.ProjectID, d.PaymentID, "success without execution: the bank does not list key %s", d.operation.Key)
		case n > 1:
			b.fail(KindBank, d.ProjectID, d.PaymentID, "the bank lists key %s %d times", d.operation.Key, n)
		}
	})
}
