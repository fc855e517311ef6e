// Package store holds the road's SQL: payments from their acceptance to their callbacks, with funds, journal, settings, approvals
// and the register. What stands beside the road (people, jobs, files, batches, reports' rows) has packages of its own below this one,
// which commit through its Tx. It commits in groups: callers hand over items, and whatever waits while the last commit runs goes
// into the next one, on SQLite and PostgreSQL alike (docs/ROAD.md).
package store

import (
	"cmp"
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"flashpay/internal/batch"
	"flashpay/internal/store/sqldb"
	"flashpay/internal/vault"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Config says how to open a store.
type Config struct {
	URL     string // sqlite:PATH or postgres://…
	Keyset  string // value of FLASHPAY_KEYSET: JSON or path; empty: beside the file, or in the user's configuration folder
	Migrate bool   // bring an older database up to date; an empty one always is
	// Existing refuses, with ErrNoDatabase, what holds no database of this program, and makes nothing there. Without it
	// an address that holds nothing gets a new database.
	Existing bool
	Serve    bool // this process works on the road: it takes a shard, and the file's only server lock
	New      bool // make an empty SQLite database also where a keyset says that there was one
	Logger   *slog.Logger
	Follow   time.Duration // how often changed settings are looked for, and at most the journal is followed; 0: twice a second, and each 5 s
	// Clock tells the time of all that is stored; nil: this machine's clock does, on PostgreSQL corrected by the
	// database's. Another one is for making a past, where no server works on the database.
	Clock func() time.Time
	// Space tells how many bytes of a folder's disk are free, and how many it has; nil: as the system says.
	Space func(folder string) (free, total int64, err error)
}

// Store is an open database. It is safe for concurrent use.
type Store struct {
	db          *sqldb.DB
	follows     bool // the journal: this process serves
	following   sync.Mutex
	catching    sync.Mutex
	journalTail journalTail
	names       knownNames
	listReads   atomic.Int64 // pieces of the directory that were not heard
	vault       *vault.Vault
	logger      *slog.Logger
	url         string

	batcher  *batch.Batcher[*command]
	conn     *sqldb.Conn // the writer's, used only inside commits
	logPages int64       // that this connection is set to; used only inside commits
	numbers  allocator
	rows     allocator
	shard    atomic.Int64
	owner    string
	renewed  time.Time             // when this node's lease on its shard was renewed last; used only inside commits
	trouble  atomic.Pointer[error] // why the writer cannot commit now
	held     map[int64]bool        // projects of which another client of PostgreSQL held rows for long; used only inside commits
	file     *databaseFile         // of SQLite
	room     *diskRoom             // of a server's SQLite database

	logGrows  chan struct{} // SQLite's log: something was committed
	logCopies atomic.Int64
	copying   sync.Mutex // held while the log is copied beside the writer

	given            func() time.Time // Config.Clock
	steady           steadyClock
	measured         atomic.Pointer[measured] // on PostgreSQL
	offset           atomic.Int64             // of the database's clock from this machine's, in microseconds
	shifted          atomic.Int64             // of tests: how far the clock was set, in nanoseconds
	snapshot         atomic.Pointer[snapshot]
	rates            atomic.Pointer[knownRates]
	refreshMu        sync.Mutex
	used             sync.Map                     // *atomic.Int64, when a request was last signed with a key that is not saved yet, by keyRef
	committed        atomic.Pointer[func() error] // of tests: what a commit that went through answers; nil: that
	commits          atomic.Int64
	items            atomic.Int64
	lastCommittedRow atomic.Int64 // newest journal row of this shard that is committed
	engine           Engine
	callbacks        Dispatcher
	listeners        sync.Map // func(), by topic

	stop context.CancelFunc
	done sync.WaitGroup
}

// Open opens the database, making its schema where it is empty. ErrNewer and ErrOlder say that this program and the
// database do not fit.
func Open(ctx context.Context, c Config) (*Store, error) {
	d, address, err := sqldb.ParseURL(c.URL)
	if err != nil {
		return nil, err
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Store{db: &sqldb.DB{Dialect: d}, url: c.URL, logger: c.Logger, owner: newOwner(), given: c.Clock, follows: c.Serve, held: make(map[int64]bool), logGrows: make(chan struct{}, 1)}
	s.steady.logger = c.Logger
	if err := s.open(ctx, c, address); err != nil {
		s.release()
		return nil, err
	}
	return s, nil
}

func (s *Store) open(ctx context.Context, c Config, address string) (err error) {
	if s.db.Dialect == &sqldb.SQLite {
		if s.file, err = openFile(address, c); err != nil {
			return err
		}
		if c.Serve {
			s.room = newDiskRoom(s.file.path, c)
			s.room.measure() // before anything is written
		}
	}
	if err := s.connect(ctx, address, c); err != nil {
		return err
	}
	if err := s.db.CheckSessions(ctx); err != nil {
		return err
	}
	s.shortenLog(ctx)
	if err := s.checkDurability(ctx); err != nil {
		return err
	}
	if c.Existing {
		if err := s.checkExisting(ctx); err != nil {
			return err
		}
	}
	if err := s.migrate(ctx, c.Migrate); err != nil {
		return err
	}
	if err := s.openVault(ctx, c.Keyset); err != nil {
		return err
	}
	if err := s.startClock(ctx); err != nil {
		return err
	}
	if s.conn, err = s.connectWriter(ctx); err != nil {
		return err
	}
	if err := s.takeShard(ctx, c.Serve); err != nil {
		return err
	}
	if err := s.findUnsealed(ctx); err != nil {
		return err
	}
	if err := s.Refresh(ctx); err != nil {
		return err
	}
	if s.file != nil {
		s.file.remember()
	}
	s.batcher = batch.New(batch.Config{MaxItems: 1024, QueueLength: 16384, Enough: 128, Background: mostInBackground, Beside: besideOthers}, s.commit)
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.stop = stop
	if c.Serve {
		s.startBackground(background, c.Follow)
	}
	return nil
}

// startBackground begins what a server does by itself.
func (s *Store) startBackground(ctx context.Context, follow time.Duration) {
	s.every(ctx, cmp.Or(follow, 500*time.Millisecond), s.follow)
	s.every(ctx, time.Minute, s.SealJournal)
	s.every(ctx, max(followLook, follow), s.followInTime(max(followBeat, follow)))
	s.every(ctx, max(followBeat, follow), s.CatchUpRollups)
	s.every(ctx, time.Minute, s.saveKeyUse)
	s.every(ctx, time.Hour, s.DeleteExpired)
	if s.file != nil { // one server and one clock
		s.done.Go(func() { s.watchLog(ctx) })
		s.every(ctx, max(fileBeat, follow), s.watchFile)
		s.every(ctx, max(fileBeat, follow), s.watchRoom)
		s.every(ctx, max(fileBeat, follow), s.tryAgain)
		return
	}
	s.done.Go(func() { _ = s.keepShard(ctx) }) // a predecessor's leases are freed at once
	s.every(ctx, shardBeat, s.keepShard)
	s.every(ctx, clockBeat, s.measureClock)
}

// connect opens the pools. SQLite has one writer and several readers; PostgreSQL's writer has a connection of its own.
func (s *Store) connect(ctx context.Context, address string, c Config) (err error) {
	writeDSN, readDSN := address, address
	if s.db.Dialect == &sqldb.SQLite {
		patience := 10 * time.Second
		if !c.Serve { // a command waits its turn beside a busy server
			patience = time.Minute
		}
		writeDSN, readDSN = sqliteDSN(address, patience, false), sqliteDSN(address, patience, true)
		s.db.OpenDirect(address, patience)
	}
	for _, pool := range []struct {
		db       **sql.DB
		address  string
		settings string
	}{{&s.db.Writes, writeDSN, ""}, {&s.db.Reads, readDSN, s.db.Dialect.Reading}, {&s.db.Lists, readDSN, s.db.Dialect.ByKey}} {
		if *pool.db, err = s.db.OpenPool(pool.address, pool.settings); err != nil {
			return fmt.Errorf("store: database %s: %w", redacted(s.url), err)
		}
	}
	if s.db.Dialect == &sqldb.Postgres {
		if s.db.Probes, err = s.db.OpenPool(writeDSN, ""); err != nil {
			return fmt.Errorf("store: database %s: %w", redacted(s.url), err)
		}
		s.db.Probes.SetMaxIdleConns(0)
	}
	s.db.Writes.SetMaxOpenConns(3) // the writer's own, and those of what must not wait for it
	for _, db := range []*sql.DB{s.db.Reads, s.db.Lists} {
		db.SetMaxOpenConns(8)
		db.SetMaxIdleConns(8)
	}
	if err := s.db.Writes.PingContext(ctx); err != nil {
		return fmt.Errorf("store: database %s cannot be opened: %w", redacted(s.url), err)
	}
	return nil
}

func sqliteDSN(path string, patience time.Duration, readOnly bool) string {
	pragmas := []string{fmt.Sprintf("busy_timeout(%d)", patience.Milliseconds()), "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)", fmt.Sprintf("wal_autocheckpoint(%d)", leastLog/pageSize)}
	if readOnly {
		pragmas = append(pragmas, "query_only(1)", "cache_size(-4096)")
	} else {
		pragmas = append(pragmas, "cache_size(-16384)", "temp_store(memory)") // KiB: enough for what a commit touches; each one walks the cache
	}
	q := url.Values{"_pragma": pragmas}
	return (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: q.Encode()}).String()
}

// redacted is a database's URL without its password, for messages.
func redacted(address string) string {
	if u, err := url.Parse(address); err == nil {
		return u.Redacted()
	}
	return "(an address that cannot be read)"
}

// checkDurability refuses a database that would answer before data is durable: an accepted payout may not be lost.
func (s *Store) checkDurability(ctx context.Context) error {
	if s.db.Dialect == &sqldb.SQLite {
		var level int
		if err := sqldb.One(ctx, s.db.Writes, "PRAGMA synchronous").Scan(&level); err != nil {
			return fmt.Errorf("store: reading PRAGMA synchronous: %w", err)
		}
		if level < 2 {
			return fmt.Errorf("store: the writer's connection has synchronous=%d; it must be FULL", level)
		}
		return nil
	}
	for _, setting := range []string{"synchronous_commit", "fsync"} {
		var value string
		if err := sqldb.One(ctx, s.db.Writes, "SELECT current_setting($1)", setting).Scan(&value); err != nil {
			return fmt.Errorf("store: reading the setting %s: %w", setting, err)
		}
		if value == "off" || (setting == "synchronous_commit" && value == "local") {
			return fmt.Errorf("store: PostgreSQL has %s = %s: an accepted payout could be lost; set %s = on", setting, value, setting)
		}
	}
	return nil
}

func (s *Store) openVault(ctx context.Context, setting string) error {
	var known string
	err := sqldb.One(ctx, s.db.Writes, "SELECT fingerprint FROM installation WHERE one = 1").Scan(&known)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("store: reading the installation: %w", err)
	}
	fallback, err := KeysetPath(s.url)
	if err != nil && setting == "" {
		return err
	}
	if s.vault, err = vault.Locate(setting, fallback, known == ""); err != nil {
		return err
	}
	if known == "" {
		const insert = "INSERT INTO installation (one, fingerprint, created_at) VALUES (1, $1, $2) ON CONFLICT (one) DO NOTHING"
		if _, err := s.db.Writes.ExecContext(ctx, insert, s.vault.Fingerprint(), time.Now().UnixMicro()); err != nil {
			return fmt.Errorf("store: writing the installation: %w", err)
		}
		if err := sqldb.One(ctx, s.db.Writes, "SELECT fingerprint FROM installation WHERE one = 1").Scan(&known); err != nil {
			return fmt.Errorf("store: reading the installation: %w", err)
		}
	}
	if known != s.vault.Fingerprint() {
		return fmt.Errorf("store: this database was made with keyset %s, not %s: give its keyset in FLASHPAY_KEYSET", known, s.vault.Fingerprint())
	}
	return nil
}

// KeysetPath is where the keyset of a database stands that is given none.
func KeysetPath(databaseURL string) (string, error) {
	d, address, err := sqldb.ParseURL(databaseURL)
	if err != nil || d == &sqldb.SQLite {
		return address + ".keyset", err
	}
	return vault.DefaultPath(keysetName(address))
}

// keysetName is what identifies a PostgreSQL database, without user and password.
func keysetName(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	return u.Host + u.Path
}

// every runs f at each interval until the store closes; its errors are logged.
func (s *Store) every(ctx context.Context, interval time.Duration, f func(context.Context) error) {
	s.done.Go(func() {
		ticker := time.NewTicker(interval)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				if err := f(ctx); err != nil && ctx.Err() == nil {
					s.logger.Error("store: background work failed", "err", err)
				}
			}
		}
	})
}

// Ready says why this process should get no requests now; nil means that it should.
func (s *Store) Ready(ctx context.Context) error {
	if offset := time.Duration(s.offset.Load()) * time.Microsecond; offset.Abs() > maxClockOffset {
		return fmt.Errorf("store: this machine's clock is %s off the database's; at most %s is allowed", offset, maxClockOffset)
	}
	if err := s.inPlace(); err != nil {
		return err
	}
	if err := s.roomForMore(); err != nil {
		return err
	}
	if trouble := s.trouble.Load(); trouble != nil {
		return fmt.Errorf("store: nothing can be committed: %w", *trouble)
	}
	var one int
	if err := sqldb.One(ctx, s.db.Reads, "SELECT 1").Scan(&one); err != nil {
		return fmt.Errorf("store: the database does not answer: %w", err)
	}
	return nil
}

// Stats are the writer's figures since the store was opened.
type Stats struct {
	Queued  int   // items that wait for a commit now
	Commits int64 // made
	Items   int64 // in them

	ClockJumps int64 // how often the clock was found to have been set
}

// Stats returns the writer's figures.
func (s *Store) Stats() Stats {
	return Stats{Queued: s.batcher.Queued(), Commits: s.commits.Load(), Items: s.items.Load(), ClockJumps: s.steady.jumped()}
}

// SetEngine tells the store what processes operations in this process. It must be called before the first request.
func (s *Store) SetEngine(e Engine) { s.engine = e }

// SetDispatcher tells the store what sends callbacks in this process. It must be called before the first request.
func (s *Store) SetDispatcher(d Dispatcher) { s.callbacks = d }

// DB is the database, for the packages below this one that read it.
func (s *Store) DB() *sqldb.DB { return s.db }

// Vault is the vault of this database's keyset.
func (s *Store) Vault() *vault.Vault { return s.vault }

// DialectName is the database engine's name: "sqlite" or "postgres".
func (s *Store) DialectName() string { return s.db.Dialect.Name }

// Path is where a SQLite database stands; empty for PostgreSQL.
func (s *Store) Path() string {
	if s.db.Dialect == &sqldb.SQLite {
		return strings.TrimPrefix(s.url, "sqlite:")
	}
	return ""
}

// Close finishes what was handed over, gives the shard and its leases back and closes the database.
func (s *Store) Close(ctx context.Context) error {
	s.stop()
	s.done.Wait()
	err := errors.Join(s.SealRemaining(ctx), s.saveKeyUse(ctx))
	err = errors.Join(err, s.batcher.Close(ctx), s.releaseShard(ctx))
	s.release()
	return err
}

func (s *Store) release() {
	if s.conn != nil {
		s.conn.Close()
	}
	s.db.CloseDirect()
	for _, db := range []*sql.DB{s.db.Reads, s.db.Lists, s.db.Writes, s.db.Probes} {
		if db != nil {
			_ = db.Close()
		}
	}
	if s.file != nil {
		s.file.close()
	}
}
