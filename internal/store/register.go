package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"flashpay/internal/payout"
	"flashpay/internal/store/sqldb"
)

// RegisterFilter chooses payments of the register. Zero members choose everything; Projects is never wider than what
// the asking user sees, and where it is empty nothing is found.
type RegisterFilter struct {
	Projects   []int64
	From, To   time.Time // when the payment was made; To is exclusive
	Statuses   []payout.Status
	Situation  Situation
	Methods    []string // paths
	Currencies []string
	MinAmount  int64  // minor units; 0: no bound
	MaxAmount  int64  // minor units, inclusive; 0: no bound
	Code       *int   // of one of its operations
	Interface  int    // interface_type: 1 Gate, 5 Dashboard
	Bank       string // the first three digits of the account
	Search     string // values, between commas: ids, parts of ids, accounts, masks, names
	Payee      *Payee // nil: everybody
}

// Situation is what a payment is in, beyond its status.
type Situation string

// The situations.
const (
	SituationOpen        Situation = "open"             // no final status yet
	SituationAtRisk      Situation = "at risk"          // open, and nine tenths of the time to its threshold are over
	SituationDisputed    Situation = "disputed"         // declined at the threshold while the bank may have paid
	SituationDiscrepancy Situation = "discrepancy"      // one is open
	SituationFailing     Situation = "callback failing" // it is repeated or was given up, and no newer one was delivered
)

// Situations lists the situations, in the order in which forms show them.
var Situations = []Situation{SituationOpen, SituationAtRisk, SituationDisputed, SituationDiscrepancy, SituationFailing}

// RegisterRow is a payment as lists show it.
type RegisterRow struct {
	ID                int64
	ProjectID         int64
	PaymentID         string
	Status            payout.Status
	Method            string
	MethodTitle       string
	Amount            int64 // minor units
	Currency          string
	Description       string
	AccountMask       string
	Recipient         string // the name; only where NameRecipients has added it
	CustomerID        string
	Interface         int
	CreatedAt         time.Time
	UpdatedAt         time.Time
	Operation         int64 // the newest one's id, as are the fields below
	Code              int
	Stage             payout.Stage
	Provider          string
	ProviderPaymentID string
	ThresholdAt       time.Time
}

// Cursor is a place in the register, which is ordered by time and id, newest first.
type Cursor struct {
	At int64 // microseconds
	ID int64
}

// String is the form of a cursor in an address.
func (c Cursor) String() string {
	return strconv.FormatInt(c.At, 10) + "-" + strconv.FormatInt(c.ID, 10)
}

// ParseCursor reads what Cursor.String wrote.
func ParseCursor(text string) (c Cursor, err error) {
	at, id, _ := strings.Cut(text, "-")
	c.At, err = strconv.ParseInt(at, 10, 64)
	var e error
	c.ID, e = strconv.ParseInt(id, 10, 64)
	if err != nil || e != nil || c.At < 0 || c.ID < 0 {
		return Cursor{}, fmt.Errorf("store: %q is no place in the register", text)
	}
	return c, nil
}

// Place is where the row stands in the register.
func (r *RegisterRow) Place() Cursor { return Cursor{r.CreatedAt.UnixMicro(), r.ID} }

func (c Cursor) compare(o Cursor) int {
	return cmp.Or(cmp.Compare(c.At, o.At), cmp.Compare(c.ID, o.ID))
}

// RegisterPage asks for one page: the rows behind Place in the direction, or the newest ones where Place is nil.
type RegisterPage struct {
	Place *Cursor
	Newer bool // the rows that are newer than Place, not older
	Limit int
}

// Register is one page of the register, newest first.
type Register struct {
	Rows  []RegisterRow
	More  bool    // there are more behind them in the direction that was asked for
	Until *Cursor // where the search stopped because it had looked at enough; nil: it did not. Ask on from there.
}

// bounds keep the work of one page small: a filter that few payments fit must not read on without end.
var bounds = struct {
	candidates int // payments that a page looks at
	found      int // payments that an index may name; more are walked through by time
	failing    int // the same, of payments whose callback fails
	counted    int // payments that one step of counting looks at
}{10_000, 2_000, 20_000, 50_000}

const registerGroup = 64 // projects in one statement

// Register reads a page of the register. What an index names (searches, what is open or in dispute) is read from there
// unless it is too much; everything else walks through the payments by time, through bounds.candidates at most.
func (s *Store) Register(ctx context.Context, f RegisterFilter, page RegisterPage) (*Register, error) {
	if len(f.Projects) == 0 {
		return &Register{}, nil
	}
	found, ok, err := s.registerKeys(ctx, &f)
	if err != nil {
		return nil, s.DB().Unavailable(err)
	}
	var out *Register
	if ok {
		out, err = s.registerOf(ctx, &f, found, page)
	} else {
		out, err = s.registerByTime(ctx, &f, page)
	}
	if err != nil {
		return nil, s.DB().Unavailable(err)
	}
	if page.Newer {
		slices.Reverse(out.Rows)
	}
	return out, s.DB().Unavailable(s.addOperations(ctx, out.Rows))
}

// registerOf makes a page of payments that an index has named.
func (s *Store) registerOf(ctx context.Context, f *RegisterFilter, keys []callbackKey, page RegisterPage) (*Register, error) {
	rows, err := s.registerRows(ctx, f, keys, f.span(page))
	if err != nil {
		return nil, err
	}
	out := &Register{Rows: rows}
	out.cut(page)
	return out, nil
}

// cut puts rows in the page's order and leaves as many as it wants.
func (out *Register) cut(page RegisterPage) {
	slices.SortFunc(out.Rows, func(a, b RegisterRow) int {
		if page.Newer {
			return a.Place().compare(b.Place())
		}
		return b.Place().compare(a.Place())
	})
	if len(out.Rows) > page.Limit {
		out.Rows, out.More, out.Until = out.Rows[:page.Limit], true, nil
	}
}

// registerByTime walks through the payments of the filter's projects, a group of them at a time.
func (s *Store) registerByTime(ctx context.Context, f *RegisterFilter, page RegisterPage) (*Register, error) {
	out := &Register{}
	groups := slices.Collect(slices.Chunk(f.Projects, registerGroup))
	for _, projects := range groups {
		w := walk{
			dialect: s.DB().Dialect, projects: projects, span: f.span(page), newer: page.Newer, candidates: max(bounds.candidates/len(groups), 1),
			conditions: f.conditions(s.Now(), s.vault), limit: page.Limit + 1,
		}
		rows, err := s.walkRows(ctx, &w)
		if err != nil {
			return nil, err
		}
		out.Rows = append(out.Rows, rows...)
		if len(rows) == w.limit || len(w.conditions) == 0 {
			continue
		}
		end, err := s.walkEnd(ctx, &w)
		if err != nil {
			return nil, err
		}
		if end != nil && (out.Until == nil || page.Newer == (end.compare(*out.Until) < 0)) {
			out.Until = end
		}
	}
	if out.Until != nil { // a group has been looked through to there only
		out.Rows = slices.DeleteFunc(out.Rows, func(r RegisterRow) bool {
			beyond := r.Place().compare(*out.Until)
			return page.Newer && beyond > 0 || !page.Newer && beyond < 0
		})
	}
	out.cut(page)
	return out, nil
}

// span is what lies between two places: after the first, before the second, neither included.
type span struct{ after, before Cursor }

// span is where a page's rows can lie.
func (f *RegisterFilter) span(page RegisterPage) span {
	p := span{Cursor{-1, 0}, Cursor{1 << 62, 0}}
	if !f.From.IsZero() {
		p.after = Cursor{f.From.UnixMicro() - 1, 1 << 62}
	}
	if !f.To.IsZero() {
		p.before = Cursor{f.To.UnixMicro(), 0}
	}
	switch {
	case page.Place == nil:
	case page.Newer && page.Place.compare(p.after) > 0:
		p.after = *page.Place
	case !page.Newer && page.Place.compare(p.before) < 0:
		p.before = *page.Place
	}
	return p
}

const registerColumns = `p.id, p.project_id, p.payment_id, p.status, p.method, p.method_title, p.amount, p.currency, p.description, p.account_mask,
	p.customer_id, p.interface, p.created_at, p.updated_at, p.payment_key`

func scanRegisterRow(r *sql.Rows) (RegisterRow, error) {
	var row RegisterRow
	var created, updated int64
	var key string
	err := r.Scan(&row.ID, &row.ProjectID, &row.PaymentID, (*string)(&row.Status), &row.Method, &row.MethodTitle, &row.Amount, &row.Currency,
		&row.Description, &row.AccountMask, &row.CustomerID, &row.Interface, &created, &updated, &key)
	row.CreatedAt, row.UpdatedAt = sqldb.FromMicros(created), sqldb.FromMicros(updated)
	return row, err
}

// registerRows reads the payments of keys that fit the filter and lie in the span, in no order.
func (s *Store) registerRows(ctx context.Context, f *RegisterFilter, keys []callbackKey, within span) (out []RegisterRow, err error) {
	conditions := f.conditions(s.Now(), nil)
	for keys := range slices.Chunk(keys, 256) {
		q := rowsOf(keys, within, conditions)
		err := s.DB().List(ctx, q.String(), func(r *sql.Rows) error {
			row, err := scanRegisterRow(r)
			out = append(out, row)
			return err
		}, q.Args...)
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// rowsOf is the statement that reads the payments of keys. As in the others over keys, CROSS JOIN has SQLite begin with
// the keys, however many there are.
func rowsOf(keys []callbackKey, within span, conditions []func(*sqldb.Statement)) *sqldb.Statement {
	q := &sqldb.Statement{}
	q.Text("WITH v (project_id, id) AS (VALUES ")
	for i, k := range keys {
		if i > 0 {
			q.Text(", ")
		}
		q.Text("(CAST(").Arg(k.project).Text(" AS BIGINT), CAST(").Arg(k.number).Text(" AS BIGINT))")
	}
	q.Text(") SELECT " + registerColumns + " FROM v CROSS JOIN payments p WHERE p.project_id = v.project_id AND p.id = v.id AND ")
	return within.condition(q, "p.").Where(conditions)
}

var readNewestOperations = sqldb.NewBulk(keysHead, keysRow,
	`) SELECT o.project_id, o.payment, o.id, o.code, o.stage, o.provider, o.provider_payment_id, o.threshold_at
		FROM v CROSS JOIN operations o WHERE o.project_id = v.project_id AND o.id = COALESCE((SELECT n.id FROM operations n
			WHERE n.project_id = v.project_id AND n.payment = v.id AND n.number > 1 ORDER BY n.number DESC LIMIT 1), v.id)`)

// addOperations adds to each row what its newest operation says.
func (s *Store) addOperations(ctx context.Context, rows []RegisterRow) error {
	byKey := make(map[callbackKey]*RegisterRow, len(rows))
	keys := make([]callbackKey, len(rows))
	for i := range rows {
		keys[i] = callbackKey{rows[i].ProjectID, rows[i].ID}
		byKey[keys[i]] = &rows[i]
	}
	return readNewestOperations.Split(s.DB().Dialect, keyArgs(keys), func(text string, args []any) error {
		return s.DB().List(ctx, text, func(r *sql.Rows) error {
			var k callbackKey
			var o RegisterRow
			var threshold int64
			if err := r.Scan(&k.project, &k.number, &o.Operation, &o.Code, (*string)(&o.Stage), &o.Provider, &o.ProviderPaymentID, &threshold); err != nil {
				return err
			}
			row, ok := byKey[k]
			if !ok {
				return errors.New("an operation of another payment")
			}
			row.Operation, row.Code, row.Stage, row.Provider = o.Operation, o.Code, o.Stage, o.Provider
			row.ProviderPaymentID, row.ThresholdAt = o.ProviderPaymentID, sqldb.FromMicros(threshold)
			return nil
		}, args...)
	})
}
