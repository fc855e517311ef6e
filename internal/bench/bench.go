// Package bench measures how many payouts an installation takes and pays, against what the same machine can do at all:
// real HTTP and real signatures on loopback, the server in processes of its own with the defaults of serve. Four stages
// are measured one after the other, in several rounds, so that a machine that changes its pace does not decide:
//
//   - bare HTTP: a server that reads the body and writes an answer of the same form;
//   - null gate: the production handler, which stores nothing;
//   - intake: the production handler over the real store;
//   - end to end: everything, up to the acknowledged callback, counted until nothing is left over.
package bench

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"flashpay/internal/accept"
	"flashpay/internal/merchant"
	"flashpay/internal/store"
	"flashpay/internal/wire"
)

// Part is a kind of process that a stage is made of.
type Part string

// The parts. How they are started is Config.Command's business.
const (
	Bare     Part = "bare"   // Nothing behind a server as serve has it
	NullGate Part = "null"   // Gate over Nowhere
	Intake   Part = "intake" // serve with the role gate
	Bank     Part = "bank"   // the simulated bank
	Platform Part = "serve"  // serve with all roles
	Sender   Part = "sender" // Gate, and what sends files of payouts and makes reports; nothing is paid
)

// Config says what is measured. All members but Profiles must be given.
type Config struct {
	Database    store.Config  // an empty URL: a temporary SQLite file
	Time        time.Duration // of the closed loop of each stage, all rounds together
	Concurrency int           // connections
	Projects    int           // among which the payouts are spread
	Profiles    string        // folder for profiles of CPU and allocations; empty: none are taken
	Conversion  bool          // measure end to end alone, with tariffs and conversion against without
	Mass        int           // rows of the file that is measured in the place of the stages; 0: none is
	Report      int           // operations of the report that is measured in the place of the stages; 0: none is

	// Command prepares the process of a part on a database, which calls Serve; bankURL is where the bank listens.
	Command func(p Part, databaseURL, bankURL string) *exec.Cmd
	// Flashpay makes a command of this program on a database, which ends by itself.
	Flashpay func(databaseURL string, args ...string) *exec.Cmd
	// Progress is told of each step, in words for people.
	Progress func(text string)
}

// Nothing answers any request like an accepted payout, after reading its body.
func Nothing() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := make([]byte, max(0, r.ContentLength))
		for got := 0; got < len(body); {
			n, err := r.Body.Read(body[got:])
			if got += n; err != nil && got < len(body) {
				w.WriteHeader(http.StatusBadRequest)
				return
			}
		}
		answer := wire.AppendAccepted(nil, "0123456789abcdef-0123456789-00000001", firstProject, paymentPrefix("0123abcd")+placeholder)
		h := w.Header()
		h["Content-Type"] = []string{"application/json"}
		h.Set("Content-Length", strconv.Itoa(len(answer)))
		_, _ = w.Write(answer) // a client that has gone is not told
	})
}

// Nowhere accepts payouts and forgets them.
type Nowhere struct{ Store *store.Store }

var _ accept.Acceptor = Nowhere{}

// Accept implements accept.Acceptor.
func (n Nowhere) Accept(_ context.Context, p *store.NewPayout) (store.Receipt, error) {
	return store.Receipt{RequestID: n.Store.NewRequestID(), PaymentID: p.PaymentID}, nil
}

// project is one that bench has made.
type project struct {
	ID  int64
	Key string
}

// run is one run of bench.
type run struct {
	Config
	dir       string // temporary
	id        string // makes payment ids of this run differ from another's
	database  *database
	templates []*template
	callbacks *receiver
	next      numbers
	taken     int64 // payouts that were answered «success» and must end
	result    *Result
}

// roundTime is how long a stage is measured before the next one has its turn, where there is time for rounds.
const maxRounds = 3

// Run measures. It ends early with ctx's cause when ctx ends, and leaves no process and no temporary file behind.
func Run(ctx context.Context, c Config) (result *Result, err error) {
	if c.Conversion && 2*c.Projects > maxProjects {
		return nil, fmt.Errorf("bench: want at most %d projects where half of them convert", maxProjects/2)
	}
	if c.Mass < 0 || c.Mass > maxMass || c.Mass > 0 && c.Conversion {
		return nil, fmt.Errorf("bench: want a file of at most %d rows, and no conversion beside it", maxMass)
	}
	if c.Report < 0 || c.Report > 0 && (c.Conversion || c.Mass > 0) {
		return nil, errors.New("bench: want a report of some rows, and neither conversion nor a file beside it")
	}
	if c.Time < time.Second || c.Concurrency < 1 || c.Projects < 1 || c.Projects > maxProjects {
		return nil, fmt.Errorf("bench: want 1 s or more, 1 connection or more, and 1 to %d projects", maxProjects)
	}
	dir, err := os.MkdirTemp("", "flashpay-bench-")
	if err != nil {
		return nil, fmt.Errorf("bench: a temporary folder: %w", err)
	}
	defer func() {
		if e := os.RemoveAll(dir); err == nil && e != nil {
			err = fmt.Errorf("bench: removing the temporary folder: %w", e)
		}
	}()
	r := &run{Config: c, dir: dir, id: strconv.FormatInt(time.Now().UnixMilli(), 36)}
	if c.Database.URL == "" {
		r.Database.URL = "sqlite:" + filepath.Join(dir, "bench.db")
	}
	r.result = newResult(&r.Config)
	if err := r.prepare(ctx); err != nil {
		return nil, err
	}
	defer r.callbacks.close()
	defer func() {
		if e := r.database.close(); err == nil {
			err = e
		}
	}()
	if c.Mass > 0 || c.Report > 0 {
		measure := r.mass
		if c.Report > 0 {
			measure = r.reports
		}
		if err := measure(ctx); err != nil {
			return nil, err
		}
		r.result.Payouts = r.taken
		return r.result, nil
	}
	rounds := 1
	if c.Time >= 2*maxRounds*time.Second {
		rounds = maxRounds
	}
	for round := 1; round <= rounds; round++ {
		for _, s := range r.stages() {
			if err := r.visit(ctx, s, round, c.Time/time.Duration(rounds)); err != nil {
				return nil, err
			}
		}
	}
	r.result.Payouts = r.taken
	r.result.finish()
	return r.result, nil
}

// prepare opens the database, makes projects, and lays out their requests.
func (r *run) prepare(ctx context.Context) (err error) {
	if r.callbacks, err = receive(r.id); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			r.callbacks.close()
		}
	}()
	if r.database, err = openDatabase(ctx, r.Database); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = r.database.close()
		}
	}()
	r.result.Engine = r.database.store.DialectName()
	if path := r.database.store.Path(); path != "" {
		if r.result.SyncMicroseconds, err = syncTime(filepath.Dir(path)); err != nil {
			return err
		}
	}
	number := r.Projects
	if r.Conversion {
		number *= 2 // the second half converts
	}
	projects, err := r.database.projects(ctx, number, r.callbacks.url)
	if err != nil {
		return err
	}
	if err := r.database.convert(ctx, projects[r.Projects:]); err != nil {
		return fmt.Errorf("bench: tariffs and rates: %w", err)
	}
	for i, p := range projects {
		sum, in := int64(amount), currency
		if i >= r.Projects {
			sum, in = askedAmount, askedCurrency
		}
		t, err := newTemplate(p, r.id, sum, in)
		if err != nil {
			return err
		}
		r.templates = append(r.templates, t)
		r.callbacks.keys[p.ID] = p.Key
	}
	r.callbacks.start()
	return nil
}

// benchProject is a project as bench makes it.
func benchProject(id int64, callbackURL string) *merchant.Project {
	return &merchant.Project{
		ID: id, MerchantID: id, Name: projectName + strconv.FormatInt(id-firstProject+1, 10), Mode: merchant.Test,
		Settings: merchant.Settings{CallbackURL: callbackURL},
	}
}
