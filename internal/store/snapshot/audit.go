package snapshot

import (
	"cmp"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"math"
	"slices"

	"flashpay/internal/ledger"
	"flashpay/internal/store"
	"flashpay/internal/store/sqldb"
)

// Snapshot is one consistent view of the database for internal/audit. It only reads. It is valid inside the
// function that AuditSnapshot calls, and belongs to one goroutine; none of its methods may be called from inside the
// function that another one calls for each row.
type Snapshot struct {
	store *store.Store
	conn  *sql.Conn
}

// Read runs read over one consistent view of the database. On SQLite it should take well under a second, so
// that checkpoints and writers get their turn (design.md §4); who reads more reads page after page.
func (reader *Reader) Read(ctx context.Context, read func(*Snapshot) error) error {
	return reader.read(ctx, func(v *Snapshot) error {
		// Pages are found by index, and so is what belongs to their rows: without statistics, such as right after a
		// restore, PostgreSQL would join them by reading whole tables, page after page.
		if reader.store.DB().Dialect == &sqldb.Postgres {
			const byIndex = "SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL jit = off"
			if _, err := v.conn.ExecContext(ctx, byIndex); err != nil {
				return fmt.Errorf("store: audit: %w", err)
			}
		}
		return read(v)
	})
}

func (reader *Reader) read(ctx context.Context, read func(*Snapshot) error) (err error) {
	conn, err := reader.store.DB().Reads.Conn(ctx)
	if err != nil {
		return fmt.Errorf("store: audit: %w", err)
	}
	defer func() {
		if _, e := conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK"); e != nil { // the pool must not get it back inside a transaction
			_ = conn.Raw(func(any) error { return driver.ErrBadConn })
		}
		_ = conn.Close()
	}()
	begin := "BEGIN" // deferred: the first read takes the snapshot, and no writer waits for it
	if reader.store.DB().Dialect == &sqldb.Postgres {
		begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
	}
	if _, err := conn.ExecContext(ctx, begin); err != nil {
		return fmt.Errorf("store: audit: %w", err)
	}
	return read(&Snapshot{store: reader.store, conn: conn})
}

// each runs a query and calls scan for each row.
func (v *Snapshot) each(ctx context.Context, query string, scan func(*sql.Rows) error, args ...any) error {
	if err := sqldb.Query(ctx, v.conn, query, args...).Each(scan); err != nil {
		return fmt.Errorf("store: audit: %s: %w", sqldb.FirstWords(query), err)
	}
	return nil
}

// Place is a place in the order in which an audit reads payments: on SQLite by id, on PostgreSQL by project and
// id, as their primary keys stand.
type Place struct{ Project, ID int64 }

// The places before and behind everything.
var (
	Start = Place{math.MinInt64, math.MinInt64}
	End   = Place{math.MaxInt64, math.MaxInt64}
)

// Range is what lies behind After, up to To. Where it ends before AuditEnd, all of it is of To's project on
// PostgreSQL, as pages of payments are.
type Range struct{ After, To Place }

// within is a condition on the columns project and id, with its arguments, which are the statement's first.
func (v *Snapshot) within(project, id string, r Range) (string, []any) {
	switch {
	case v.store.DB().Dialect == &sqldb.SQLite:
		return id + " > $1 AND " + id + " <= $2", []any{r.After.ID, r.To.ID}
	case r.To == End:
		return "(" + project + ", " + id + ") > ($1, $2)", []any{r.After.Project, r.After.ID}
	case r.After.Project != r.To.Project:
		r.After.ID = math.MinInt64
	}
	// Not a comparison of pairs with an end: it looks to PostgreSQL as if any index of projects would do.
	return project + " = $1 AND " + id + " > $2 AND " + id + " <= $3", []any{r.To.Project, r.After.ID, r.To.ID}
}

// order is the columns' order in which within walks.
func (v *Snapshot) order(project, id string) string {
	if v.store.DB().Dialect == &sqldb.SQLite {
		return id
	}
	return project + ", " + id
}

// Shard is how far a shard had come at one instant.
type Shard struct {
	Shard      int64
	Known      bool  // it has a row in the table of shards
	NextNumber int64 // the first of its numbers that nobody has taken
	NextRow    int64
	Line       int64 // id of its newest journal line; 0: it has none
	Seals      int64 // number of its newest seal
	transfer   int64 // id of its newest transfer (SQLite only)
}

// Marks says how far the tables that only grow had grown at one instant. Within a shard, rows become visible in
// the order of their ids, so a journal line was there exactly where its id is not above its shard's mark.
type Marks struct {
	Shards  map[int64]*Shard
	Payment int64 // the greatest id of a payment
}

// Had tells whether a journal line of this id was there at the marks' instant.
func (m *Marks) Had(line int64) bool {
	s := m.Shards[store.ShardOf(line)]
	return s != nil && line <= s.Line
}

func (m *Marks) shard(number int64) *Shard {
	s := m.Shards[number]
	if s == nil {
		s = &Shard{Shard: number}
		m.Shards[number] = s
	}
	return s
}

// Balance is a row of balances.
type Balance struct {
	ledger.Balance
	Opened  int64 // 1: by operators; 0: by payouts that another balance pays for
	Project bool  // the project exists
}

// Ledger is what AuditLedger reads, in the order of the fields: all of one instant.
type Ledger struct {
	Marks    func(*Marks) error
	Balance  func(*Balance) error
	Day      func(store.LedgerDay, store.LedgerDaySum) error // nil: they are not read
	Transfer func(*ledger.Transfer) error
}

// Ledger reads balances and transfers of one and the same instant, and says by its marks which one. PostgreSQL
// keeps one snapshot over all of it. SQLite does so for the balances and the marks, and reads the transfers in pages
// up to the marks: transfers are never changed, and those of servers become visible in the order of their ids. The few
// that command-line programs make do not (several of them share a shard), so they are read with the balances.
func (reader *Reader) Ledger(ctx context.Context, r Ledger) error {
	marks := &Marks{Shards: make(map[int64]*Shard)}
	err := reader.read(ctx, func(v *Snapshot) error {
		if err := v.marks(ctx, marks); err != nil {
			return err
		}
		if err := r.Marks(marks); err != nil {
			return err
		}
		if err := v.balances(ctx, r.Balance); err != nil {
			return err
		}
		if err := v.days(ctx, r.Day); err != nil {
			return err
		}
		if reader.store.DB().Dialect == &sqldb.Postgres {
			return v.transfers(ctx, "1 = 1", r.Transfer)
		}
		after, last := store.ShardRange(store.CommandShard)
		return v.transfers(ctx, "id > $1 AND id <= $2", r.Transfer, after, last)
	})
	if err != nil || reader.store.DB().Dialect == &sqldb.Postgres {
		return err
	}
	for _, shard := range marks.Shards {
		if shard.Shard == store.CommandShard {
			continue
		}
		if err := reader.transferPages(ctx, shard, r.Transfer); err != nil {
			return err
		}
	}
	return nil
}

// transferPage is how many transfers SQLite reads at a time.
const transferPage = 20_000

func (reader *Reader) transferPages(ctx context.Context, shard *Shard, each func(*ledger.Transfer) error) error {
	after, _ := store.ShardRange(shard.Shard)
	if after--; shard.Shard < 0 { // ids that no shard gives are read, too
		after = math.MinInt64
	}
	for n := transferPage; n == transferPage; {
		err := reader.read(ctx, func(v *Snapshot) error {
			n = 0
			return v.transfers(ctx, "id > $1 AND id <= $2 ORDER BY id LIMIT $3", func(t *ledger.Transfer) error {
				n, after = n+1, t.ID
				return each(t)
			}, after, shard.transfer, transferPage)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (v *Snapshot) transfers(ctx context.Context, where string, each func(*ledger.Transfer) error, args ...any) error {
	query := "SELECT id, project_id, currency, debit, credit, amount, kind, payment, operation, reason, at FROM transfers WHERE " + where
	var t ledger.Transfer
	return v.each(ctx, query, func(r *sql.Rows) error {
		var debit, credit, at int64
		err := r.Scan(&t.ID, &t.ProjectID, &t.Currency, &debit, &credit, &t.Amount, (*string)(&t.Kind), &t.Payment, &t.Operation, &t.Reason, &at)
		if err != nil {
			return err
		}
		t.Debit, t.Credit, t.At = account(debit), account(credit), sqldb.FromMicros(at)
		return each(&t)
	}, args...)
}

// account is a stored account number; one that there is not becomes 0.
func account(n int64) ledger.Account {
	if n < 0 || n > math.MaxUint8 {
		return 0
	}
	return ledger.Account(n)
}

// days reads the daily sums of transfers.
func (v *Snapshot) days(ctx context.Context, each func(store.LedgerDay, store.LedgerDaySum) error) error {
	if each == nil {
		return nil
	}
	const query = "SELECT project_id, day, currency, kind, debit, credit, shard, transfers, amount, first_id, last_id FROM ledger_days"
	return v.each(ctx, query, func(r *sql.Rows) error {
		var k store.LedgerDay
		var sum store.LedgerDaySum
		var debit, credit int64
		if err := r.Scan(&k.ProjectID, &k.Day, &k.Currency, (*string)(&k.Kind), &debit, &credit, &k.Shard, &sum.Transfers, &sum.Amount, &sum.First, &sum.Last); err != nil {
			return err
		}
		k.Debit, k.Credit = account(debit), account(credit)
		return each(k, sum)
	})
}

func (v *Snapshot) balances(ctx context.Context, each func(*Balance) error) error {
	const query = `SELECT ` + store.BalanceColumns + `, opened, EXISTS (SELECT 1 FROM projects p WHERE p.id = project_id) FROM balances ORDER BY project_id, currency`
	return v.each(ctx, query, func(r *sql.Rows) error {
		var b Balance
		var project int64
		var currency string
		sums := make([]int64, len(ledger.Accounts()))
		into := []any{&project, &currency}
		for i := range sums {
			into = append(into, &sums[i])
		}
		if err := r.Scan(append(into, &b.Opened, &b.Project)...); err != nil {
			return err
		}
		byAccount := make(map[ledger.Account]int64, len(sums))
		for i, a := range ledger.Accounts() {
			byAccount[a] = sums[i]
		}
		b.Balance = ledger.NewBalance(project, currency, byAccount)
		return each(&b)
	})
}

func (v *Snapshot) marks(ctx context.Context, m *Marks) error {
	const known = "SELECT shard, next_number, next_row FROM shards"
	err := v.each(ctx, known, func(r *sql.Rows) error {
		s := Shard{Known: true}
		err := r.Scan(&s.Shard, &s.NextNumber, &s.NextRow)
		m.Shards[s.Shard] = &s
		return err
	})
	if err != nil {
		return err
	}
	const seals = "SELECT shard, MAX(number) FROM seals GROUP BY shard"
	err = v.each(ctx, seals, func(r *sql.Rows) error {
		var shard, number int64
		err := r.Scan(&shard, &number)
		m.shard(shard).Seals = number
		return err
	})
	if err != nil {
		return err
	}
	if err := v.newest(ctx, "journal", func(id int64) { m.shard(store.ShardOf(id)).Line = id }); err != nil {
		return err
	}
	if v.store.DB().Dialect == &sqldb.SQLite {
		if err := v.newest(ctx, "transfers", func(id int64) { m.shard(store.ShardOf(id)).transfer = id }); err != nil {
			return err
		}
	}
	return v.each(ctx, "SELECT COALESCE(MAX(id), 0) FROM payments", func(r *sql.Rows) error { return r.Scan(&m.Payment) })
}

// newest finds the greatest id of each shard that a table has rows of, without reading the rows between.
func (v *Snapshot) newest(ctx context.Context, table string, found func(id int64)) error {
	for from := int64(math.MinInt64); ; {
		first, err := v.one(ctx, "SELECT MIN(id) FROM "+table+" WHERE id >= $1", from)
		if err != nil || !first.Valid {
			return err
		}
		_, last := store.ShardRange(store.ShardOf(first.Int64))
		greatest, err := v.one(ctx, "SELECT MAX(id) FROM "+table+" WHERE id >= $1 AND id <= $2", first.Int64, last)
		if err != nil {
			return err
		}
		found(greatest.Int64)
		from = last + 1
	}
}

// one runs a query for one number, which may be null.
func (v *Snapshot) one(ctx context.Context, query string, args ...any) (n sql.NullInt64, err error) {
	err = v.each(ctx, query, func(r *sql.Rows) error { return r.Scan(&n) }, args...)
	return n, err
}

// Seals reads up to n seals of a shard behind a number, in their order.
func (reader *Reader) Seals(ctx context.Context, shard, after int64, n int) (seals []store.JournalSeal, err error) {
	const query = "SELECT number, last_row, lines, root, hash, at FROM seals WHERE shard = $1 AND number > $2 ORDER BY number LIMIT $3"
	err = reader.read(ctx, func(v *Snapshot) error {
		return v.each(ctx, query, func(r *sql.Rows) error {
			seal := store.JournalSeal{Shard: shard}
			var root, hash sql.RawBytes
			var at int64
			if err := r.Scan(&seal.Number, &seal.LastRow, &seal.Lines, &root, &hash, &at); err != nil {
				return err
			}
			if err := errors.Join(fill(&seal.Root, root), fill(&seal.Hash, hash)); err != nil {
				seal.Root, seal.Hash = [32]byte{}, [32]byte{} // no seal has them
			}
			seal.At = sqldb.FromMicros(at)
			seals = append(seals, seal)
			return nil
		}, shard, after, n)
	})
	return seals, err
}

var errLength = errors.New("store: a hash of another length than 32 bytes")

func fill(hash *[32]byte, from []byte) error {
	if copy(hash[:], from) != len(hash) || len(from) != len(hash) {
		return errLength
	}
	return nil
}

// Line is what a seal covers of a journal line.
type Line struct {
	ID        int64
	ProjectID int64
	Payment   int64
	Hash      [32]byte
	Found     bool // its payment exists
}

// Lines reads up to n journal lines with ids above after, up to last, in their order.
func (reader *Reader) Lines(ctx context.Context, after, last int64, n int, each func(*Line) error) error {
	const query = `SELECT j.id, j.project_id, j.payment, j.hash, p.id IS NOT NULL FROM journal j
		LEFT JOIN payments p ON p.project_id = j.project_id AND p.id = j.payment WHERE j.id > $1 AND j.id <= $2 ORDER BY j.id LIMIT $3`
	return reader.Read(ctx, func(v *Snapshot) error {
		var l Line
		var hash sql.RawBytes
		return v.each(ctx, query, func(r *sql.Rows) error {
			if err := r.Scan(&l.ID, &l.ProjectID, &l.Payment, &hash, &l.Found); err != nil {
				return err
			}
			if err := fill(&l.Hash, hash); err != nil {
				l.Hash = [32]byte{}
			}
			return each(&l)
		}, after, last, n)
	})
}

// InOrder lists the marks' shards by their numbers.
func (m *Marks) InOrder() []*Shard {
	var out []*Shard
	for _, s := range m.Shards {
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b *Shard) int { return cmp.Compare(a.Shard, b.Shard) })
	return out
}
