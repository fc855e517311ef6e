package bench

import (
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"flashpay/internal/ledger"
	"flashpay/internal/merchant"
	"flashpay/internal/money"
	"flashpay/internal/rates"
	"flashpay/internal/store"
	"flashpay/internal/tariff"
)

// What bench's own projects are known by.
const (
	firstProject = 4_000_000_000
	maxProjects  = 1000
	projectName  = "flashpay bench "
	actor        = "flashpay bench"
)

// funds is what a project has at least, in minor units: more than any run pays out.
const funds = 1_000_000_000_000_000

// ErrForeign says that a database is somebody's.
var ErrForeign = errors.New("bench measures in a database of its own only")

// database is the one under test, as seen from beside the server.
type database struct {
	store *store.Store
	ids   []int64
	paid  int64 // by all projects before this run, in minor units

	direct     *sql.DB // to ask PostgreSQL who it is; nil for SQLite
	postmaster int     // its process, where it is on this machine; 0 elsewhere
}

func openDatabase(ctx context.Context, c store.Config) (*database, error) {
	s, err := store.Open(ctx, c)
	if err != nil {
		return nil, err
	}
	d := &database{store: s}
	if s.Path() == "" {
		if d.direct, err = sql.Open("pgx", c.URL); err != nil {
			return nil, errors.Join(fmt.Errorf("bench: %w", err), d.close())
		}
		d.postmaster = findPostmaster(ctx, d.direct)
	}
	return d, nil
}

func (d *database) close() error {
	if d.direct != nil {
		_ = d.direct.Close()
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return d.store.Close(ctx)
}

// projects makes the projects, or takes those of an earlier run, and sends their callbacks to this run. A database with
// other projects is refused.
func (d *database) projects(ctx context.Context, n int, callbackURL func(projectID int64) string) ([]project, error) {
	for _, p := range d.store.Projects() {
		if p.ID < firstProject || p.ID >= firstProject+maxProjects || !strings.HasPrefix(p.Name, projectName) {
			return nil, fmt.Errorf("bench: this database has the project %d (%s), which bench did not make, and %w: give an empty one, or none for a temporary SQLite file",
				p.ID, p.Name, ErrForeign)
		}
	}
	open, err := d.open(ctx)
	if err != nil {
		return nil, err
	}
	if open {
		return nil, errors.New("bench: this database has payouts or callbacks that an earlier run left open, because it was stopped: give an empty one")
	}
	var out []project
	for id := int64(firstProject); id < firstProject+int64(n); id++ {
		key, err := d.project(ctx, id, callbackURL(id))
		if err != nil {
			return nil, fmt.Errorf("bench: making project %d: %w", id, err)
		}
		out = append(out, project{ID: id, Key: key})
		d.ids = append(d.ids, id)
	}
	_, d.paid, err = d.sums(ctx)
	return out, err
}

// project makes one project, or takes it up again, and returns its key.
func (d *database) project(ctx context.Context, id int64, callbackURL string) (key string, err error) {
	known, ok := d.store.Project(id)
	if !ok {
		key = rand.Text()
		return key, d.store.CreateProject(ctx, benchProject(id, callbackURL), key, map[string]int64{currency: funds}, actor)
	}
	k, ok := known.SigningKey()
	if !ok {
		return "", errors.New("it has no key")
	}
	changed := *known
	changed.Settings.CallbackURL = callbackURL
	if err := d.store.UpdateProject(ctx, &changed, actor); err != nil {
		return "", err
	}
	balances, err := d.store.Balances(ctx, id)
	if err != nil {
		return "", err
	}
	balance := balances[currency]
	if missing := funds - balance.Sum(ledger.Available); missing > funds/2 {
		err = d.store.TopUp(ctx, id, currency, missing, "bench", actor)
	}
	return k.Secret, err
}

// convert has projects convert, at a rate of now, and pay fees.
func (d *database) convert(ctx context.Context, projects []project) error {
	if len(projects) == 0 {
		return nil
	}
	value, err := money.ParseDecimal(askedRate)
	if err != nil {
		return err
	}
	q := rates.Quote{Source: rates.Manual, Series: rates.ByHand, Base: askedCurrency, Term: currency, Value: value}
	by := store.By{Actor: actor}
	if _, err := d.store.AddRates(ctx, []rates.Quote{q}, by); err != nil {
		return err
	}
	fee := tariff.Holding{Tariff: tariff.Tariff{Fixed: 1000, Percent: money.Whole(15).Shift(-1), Min: 500, Max: 10000}}
	for _, p := range projects {
		known, ok := d.store.Project(p.ID)
		if !ok {
			return store.ErrNotFound
		}
		changed := *known
		changed.Settings.Conversion = merchant.Conversion{On: true, Margin: money.Whole(askedMargin)}
		if err := d.store.UpdateProject(ctx, &changed, actor); err != nil {
			return err
		}
		if _, err := d.store.SetTariff(ctx, p.ID, tariff.Key{Method: "bank-transfer/kyrgyzstan", Currency: currency}, fee, by); err != nil {
			return err
		}
	}
	return nil
}

// open says whether any operation or callback is not at its end.
func (d *database) open(ctx context.Context) (bool, error) {
	projects, err := d.store.OperationProjects(ctx)
	if err != nil || len(projects) > 0 {
		return true, err
	}
	lanes, err := d.store.CallbackLanes(ctx)
	return len(lanes) > 0, err
}

// sums adds up over all projects what is held and what was paid out.
func (d *database) sums(ctx context.Context) (held, paid int64, err error) {
	for _, id := range d.ids {
		balances, err := d.store.Balances(ctx, id)
		if err != nil {
			return 0, 0, err
		}
		balance := balances[currency]
		held += balance.Sum(ledger.Held) + balance.Sum(ledger.Disputed)
		paid += balance.Sum(ledger.Settlement)
	}
	return held, paid, nil
}

// nothingLeft fails unless exactly so many payouts of this run were paid, and no funds are held.
func (d *database) nothingLeft(ctx context.Context, payouts int64) error {
	held, paid, err := d.sums(ctx)
	if err != nil {
		return err
	}
	if paid -= d.paid; held != 0 || paid != payouts*amount {
		return fmt.Errorf("bench: after all callbacks %d minor units are held, and %d were paid for %d payouts of %d", held, paid, payouts, amount)
	}
	return nil
}

// syncTime measures what one durable write costs in a folder, in microseconds: about 1 says that it is not on a disk.
func syncTime(dir string) (micros float64, err error) {
	f, err := os.CreateTemp(dir, "flashpay-bench-sync-")
	if err != nil {
		return 0, fmt.Errorf("bench: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	block := bytes.Repeat([]byte("flashpay"), 512)
	var took []float64
	for range 50 {
		start := time.Now()
		if _, err := f.Write(block); err != nil {
			return 0, fmt.Errorf("bench: %w", err)
		}
		if err := f.Sync(); err != nil {
			return 0, fmt.Errorf("bench: %w", err)
		}
		took = append(took, float64(time.Since(start).Nanoseconds())/1000)
	}
	return median(took), nil
}

// findPostmaster finds PostgreSQL's parent process; 0 where it is not on this machine, or the system does not say.
func findPostmaster(ctx context.Context, db *sql.DB) int {
	var backend int
	if err := db.QueryRowContext(ctx, "SELECT pg_backend_pid()").Scan(&backend); err != nil {
		return 0
	}
	p, ok := readProcess(backend)
	if !ok || p.name != "postgres" {
		return 0
	}
	return p.parent
}

// cpu is what PostgreSQL's processes have taken of the processors; 0 where that is not known.
func (d *database) cpu() time.Duration {
	if d.postmaster == 0 {
		return 0
	}
	entries, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return 0
	}
	var sum time.Duration
	for _, e := range entries {
		pid, err := strconv.Atoi(filepath.Base(e))
		if err != nil {
			continue
		}
		switch p, ok := readProcess(pid); {
		case ok && pid == d.postmaster:
			sum += p.cpu + p.ended
		case ok && p.parent == d.postmaster:
			sum += p.cpu
		}
	}
	return sum
}

// process is what /proc says of a process.
type process struct {
	name       string
	parent     int
	cpu, ended time.Duration // its own, and of children that have ended
}

// tick is the unit of times in /proc, which Linux fixes at a hundredth of a second.
const tick = 10 * time.Millisecond

func readProcess(pid int) (p process, ok bool) {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return p, false
	}
	begin, end := bytes.IndexByte(text, '('), bytes.LastIndexByte(text, ')')
	if begin < 0 || end < begin {
		return p, false
	}
	p.name = string(text[begin+1 : end])
	fields := strings.Fields(string(text[end+1:])) // from the third of proc(5) on
	if len(fields) < 15 {
		return p, false
	}
	var n []int64
	for _, i := range []int{1, 11, 12, 13, 14} {
		v, err := strconv.ParseInt(fields[i], 10, 64)
		if err != nil {
			return p, false
		}
		n = append(n, v)
	}
	p.parent, p.cpu, p.ended = int(n[0]), time.Duration(n[1]+n[2])*tick, time.Duration(n[3]+n[4])*tick
	return p, true
}

// median of values; 0 of none.
func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 0 {
		return (sorted[middle-1] + sorted[middle]) / 2
	}
	return sorted[middle]
}
