// Package audit checks every invariant of a whole database: the ledger against its transfers and operations, statuses
// against the table of moves and the journal, hash chains and seals, sealed requests, the numbers of events and what
// became of their callbacks, and, where a bank's books can be read, what the bank executed.
//
// It runs beside working servers, in bounded memory, and never reports what only moved while it looked: payments are
// read in pages with all that belongs to them, each page in one snapshot of the database. Balances and transfers,
// which belong to no page, are compared as of one instant, at the audit's begin, and operations are taken back to that
// instant by their journal: see ledger.go.
package audit

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"flashpay/internal/store"
	"flashpay/internal/store/snapshot"
)

// Config says what is audited.
type Config struct {
	Store    *store.Store
	BankURL  string        // of the simulated bank, to compare its books; empty: they are not compared
	Client   *http.Client  // for the bank; nil: http.DefaultClient
	Provider string        // the provider whose operations that bank executes; empty: sandbox
	Patience time.Duration // how long a result that the bank has and we have not may be on its way; 0: 5 s
}

// MaxFindings is how many findings a report lists; it counts them all.
const MaxFindings = 1000

// Run audits the database. An error means that the audit could not be finished; what it found is in the report, whose
// OK says whether all invariants hold.
func Run(ctx context.Context, c Config) (*Report, error) {
	r := newRun(c)
	return r.finish(r.all(ctx))
}

func newRun(c Config) *run {
	if c.Client == nil {
		c.Client = http.DefaultClient
	}
	if c.Provider == "" {
		c.Provider = "sandbox"
	}
	if c.Patience == 0 {
		c.Patience = 5 * time.Second
	}
	return &run{
		Config: c, store: c.Store, report: newReport(c.Store), begun: time.Now(), now: c.Store.Now(),
		transfers: newTally(), executed: newTally(), funds: make(map[fundsKey]*funds), days: make(map[store.LedgerDay]*daySums),
	}
}

func (r *run) finish(err error) (*Report, error) {
	if err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	r.report.DurationMS = time.Since(r.begun).Milliseconds()
	r.report.OK = len(r.report.Failures) == 0
	return r.report, nil
}

// run is one audit under way.
type run struct {
	Config
	store  *store.Store
	report *Report
	begun  time.Time
	now    time.Time // of the database, at the audit's begin

	marks     *snapshot.Marks
	funds     map[fundsKey]*funds
	days      map[store.LedgerDay]*daySums
	transfers *tally            // what stands in the table, less what operations ask for
	executed  *tally            // of successes: what the bank lists, less what operations ask for
	quotes    map[quoteKey]bool // of rates; nil: not read yet
	tariffs   map[tariffKey][]store.TariffVersion
}

func (r *run) all(ctx context.Context) error {
	for _, step := range []func(context.Context) error{
		r.readLedger, r.readQuotes, r.readTariffs, r.checkPayments, r.compareLedger, r.checkNumbers, r.checkSeals, r.checkParts, r.checkDiscrepancies,
		r.checkNotifications, r.checkJobs, r.checkApprovals, r.checkFiles, r.checkBatches, r.checkRollups, r.checkCallbackRollups, r.checkBank,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}
