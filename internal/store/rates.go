package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"flashpay/internal/rates"
	"flashpay/internal/store/sqldb"
)

// knownRates is the rates that are not too old to be used, as they stood at one version. It is never changed, only replaced.
type knownRates struct {
	version int64
	book    *rates.Book
}

// Rates returns the rates as this process knows them now; what is imported elsewhere arrives within a second. Quotes
// older than rates.MaxAge are not in it.
func (s *Store) Rates() *rates.Book { return s.rates.Load().book }

// RateQuote is a quote as it is stored.
type RateQuote struct {
	rates.Quote
	Revision   int64     `json:"revision"` // from 1; a later one corrects those before
	RecordedAt time.Time `json:"recorded_at"`
	Actor      string    `json:"actor"` // who imported or set it
}

// RateQuotes lists the quotes that hold from a moment behind after, up to last: the oldest first, of one moment those
// that correct others behind them.
func (s *Store) RateQuotes(ctx context.Context, after, last time.Time) (out []RateQuote, err error) {
	const find = `SELECT source, series, base, term, valid_at, revision, value, recorded_at, actor FROM rates
		WHERE valid_at > $1 AND valid_at <= $2 ORDER BY valid_at, source, series, base, term, revision`
	err = sqldb.Query(ctx, s.db.Reads, find, after.UnixMicro(), last.UnixMicro()).Each(func(r *sql.Rows) error {
		q, err := scanRate(r)
		out = append(out, q)
		return err
	})
	return out, s.db.Unavailable(err)
}

func scanRate(r sqldb.Row) (q RateQuote, err error) {
	var valid, recorded int64
	var value string
	if err := r.Scan((*string)(&q.Source), (*string)(&q.Series), &q.Base, &q.Term, &valid, &q.Revision, &value, &recorded, &q.Actor); err != nil {
		return q, err
	}
	q.ValidFrom, q.RecordedAt = sqldb.FromMicros(valid), sqldb.FromMicros(recorded)
	return q, q.Value.UnmarshalText([]byte(value))
}

// RatesAt makes a book of the quotes by which rates up to a moment are found, as known now.
func (s *Store) RatesAt(ctx context.Context, at time.Time) (*rates.Book, error) {
	return s.RatesOver(ctx, at, at)
}

// RatesOver makes a book of the quotes by which rates from a moment to another one are found, as known now.
func (s *Store) RatesOver(ctx context.Context, from, to time.Time) (*rates.Book, error) {
	stored, err := s.RateQuotes(ctx, from.Add(-rates.MaxAge-time.Microsecond), to)
	if err != nil {
		return nil, err
	}
	return bookOf(stored), nil
}

func bookOf(stored []RateQuote) *rates.Book {
	quotes := make([]rates.Quote, len(stored))
	for i := range stored {
		quotes[i] = stored[i].Quote
	}
	return rates.NewBook(quotes)
}

// forever is later than any quote holds from.
var forever = time.UnixMicro(1<<62 - 1)

// loadRates reads the rates again where their version has changed.
func (s *Store) loadRates(ctx context.Context, version int64) error {
	if known := s.rates.Load(); known != nil && known.version == version {
		return nil
	}
	s.refreshMu.Lock()
	defer s.refreshMu.Unlock()
	stored, err := s.RateQuotes(ctx, s.Now().Add(-rates.MaxAge), forever)
	if err != nil {
		return fmt.Errorf("store: reading rates: %w", err)
	}
	if known := s.rates.Load(); known == nil || known.version <= version {
		s.rates.Store(&knownRates{version: version, book: bookOf(stored)})
	}
	return nil
}

// MaxRateAhead is how far ahead a quote can hold from: sources publish some days before.
const MaxRateAhead = 14 * 24 * time.Hour

// AddRates keeps quotes of one source, all of them or, where one is wrong, none. One that says what is known already
// changes nothing; one that says something else of the same moment corrects it from now on. A quote without ValidFrom
// holds from now on. It returns how many were news. ErrNeedsSecond where they are by hand and there is an operator to decide: ask
// for it by RequestRateApproval.
func (s *Store) AddRates(ctx context.Context, quotes []rates.Quote, by By) (added int, err error) {
	if len(quotes) == 0 {
		return 0, nil
	}
	err = s.Do(ctx, by.idempotencyKey("rates add", string(quotes[0].Source)), func(ctx context.Context, t *Tx) (err error) {
		if quotes[0].Source == rates.Manual {
			if err := t.checkRateAlone(ctx); err != nil {
				return err
			}
		}
		added, err = t.AddRates(ctx, quotes, by.Actor, nil)
		return err
	})
	if err != nil {
		return 0, err
	}
	return added, s.Refresh(ctx)
}

var insertRates = sqldb.NewBulk(
	"INSERT INTO rates (source, series, base, term, valid_at, revision, value, recorded_at, actor) VALUES ",
	"(%s, %s, %s, %s, %i, %i, %s, %i, %s)", " ON CONFLICT DO NOTHING")

// rateMoment is what there is one newest revision of.
type rateMoment struct {
	series     rates.Series
	base, term string
	at         int64
}

// AddRates writes those of the quotes that are news. The line of the audit log begins with detail.
func (t *Tx) AddRates(ctx context.Context, quotes []rates.Quote, actor string, detail Detail) (added int, err error) {
	source, now := quotes[0].Source, t.now.UnixMicro()
	first, last := forever.UnixMicro(), int64(0)
	for i := range quotes {
		q := &quotes[i]
		if err := q.Check(); err != nil {
			return 0, err
		}
		switch at := validAt(q, now); {
		case q.Source != source:
			return 0, fmt.Errorf("store: rates of %s and of %s: add those of one source", source, q.Source)
		case at > t.now.Add(MaxRateAhead).UnixMicro():
			return 0, fmt.Errorf("%s/%s would hold from %s on only: look at the date", q.Base, q.Term, q.ValidFrom.Format(time.RFC3339))
		default:
			first, last = min(first, at), max(last, at)
		}
	}
	known, err := t.newestRates(ctx, source, first, last)
	if err != nil {
		return 0, err
	}
	var args []any
	for i := range quotes {
		q := &quotes[i]
		at := validAt(q, now)
		k := rateMoment{q.Series, q.Base, q.Term, at}
		have, found := known[k]
		if found && have.Value.Cmp(q.Value) == 0 {
			continue
		}
		known[k] = RateQuote{Quote: *q, Revision: have.Revision + 1}
		args = append(args, string(source), string(q.Series), q.Base, q.Term, at, have.Revision+1, q.Value.String(), now, actor)
		added++
	}
	if added == 0 {
		return 0, nil
	}
	if err := insertRates.Run(ctx, t.conn, args, nil); err != nil {
		return 0, err
	}
	if _, err := t.Exec(ctx, "UPDATE settings_version SET rates = rates + 1 WHERE one = 1"); err != nil {
		return 0, err
	}
	detail = detail.Int("added", int64(added)).Int("of", int64(len(quotes)))
	if len(quotes) == 1 {
		detail = detail.Text("pair", quotes[0].Base+"/"+quotes[0].Term).Text("value", quotes[0].Value.String())
	}
	return added, t.Audit(ctx, actor, "rates add", "rates "+string(source), detail)
}

// validAt is from when on a quote holds; now where it does not say.
func validAt(q *rates.Quote, now int64) int64 {
	if q.ValidFrom.IsZero() {
		return now
	}
	return q.ValidFrom.UnixMicro()
}

// newestRates reads the newest revision of each moment of a source.
func (t *Tx) newestRates(ctx context.Context, source rates.Source, first, last int64) (map[rateMoment]RateQuote, error) {
	const find = `SELECT source, series, base, term, valid_at, revision, value, recorded_at, actor FROM rates
		WHERE valid_at >= $1 AND valid_at <= $2 AND source = $3 ORDER BY revision`
	known := make(map[rateMoment]RateQuote)
	err := t.Query(ctx, find, func(r *sql.Rows) error {
		q, err := scanRate(r)
		known[rateMoment{q.Series, q.Base, q.Term, q.ValidFrom.UnixMicro()}] = q
		return err
	}, first, last, string(source))
	return known, err
}
