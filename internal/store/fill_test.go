package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"flashpay/internal/payout"
	"flashpay/internal/store/sqldb"
)

// filling puts many payments into a database, as a road of a year would have left them: payments, requests, operations,
// journal, events and callbacks fit each other. The ledger does not know of them.
type filling struct {
	s        *Store
	n        int
	projects []int64
	from     time.Time
	step     time.Duration
	rows     map[string][][]any
	row      int64
	batch    int             // payments written at a time
	numbers  map[int64]int64 // of events, by project
	beside   *beside         // nil: the journal is written, and followed later
}

var fillTables = []struct{ name, columns string }{
	{"payments", "id, project_id, payment_key, payment_id, request_id, content_hash, status, method, method_title, amount, currency, description, account_mask, customer_id, interface, options, created_at, updated_at, events, head_seq, head_hash"},
	{"requests", "payment, project_id, sealed, account_key, email_key, phone_key, ip_key"},
	{"operations", "id, project_id, payment, number, stage, status, provider, provider_id, provider_key, provider_payment_id, auth_code, amount, currency, code, submits, inquiries, created_at, updated_at, submit_deadline, threshold_at, next_at, lease, version"},
	{"journal", "id, project_id, payment, seq, at, kind, operation, detail, hash"},
	{"events", "project_id, number, payment, operation, payment_status, operation_status, code, provider_id, provider_payment_id, auth_code, at"},
	{"callbacks", "project_id, number, payment, state, url, lane, attempts, scheduled, next_at, lease, created_at, last_at, duration, http_status, error, answer"},
	{"discrepancies", "id, project_id, payment, operation, kind, detail, dedup, opened_at, settled_at, reason"},
	{"transfers", "id, project_id, currency, debit, credit, amount, kind, payment, operation, reason, at"},
}

// FillRegister makes n payments in the projects, spread over the year before now; the first project gets half of them.
func FillRegister(ctx context.Context, s *Store, n int, projects []int64) error {
	return newFilling(s, n, projects).fill(ctx)
}

func newFilling(s *Store, n int, projects []int64) *filling {
	return &filling{
		s: s, n: n, projects: projects, from: s.Now().Add(-365 * 24 * time.Hour), step: 365 * 24 * time.Hour / time.Duration(n),
		rows: make(map[string][][]any), numbers: make(map[int64]int64), row: s.shard.Load()*shardSpan + 1_000_000, batch: 5000,
	}
}

func (f *filling) fill(ctx context.Context) error {
	s, n := f.s, f.n
	for i := range n {
		if err := f.payment(i); err != nil {
			return err
		}
		if len(f.rows["payments"]) == f.batch || i == n-1 {
			if err := f.flush(ctx); err != nil {
				return err
			}
		}
	}
	if s.db.Dialect == &sqldb.Postgres {
		if _, err := s.db.Writes.ExecContext(ctx, "VACUUM ANALYZE"); err != nil {
			return err
		}
	}
	s.lastCommittedRow.Store(f.row)
	return nil
}

var fillMethods = []struct{ path, title, currency string }{
	{"bank-transfer/kyrgyzstan", "Bank transfer Kyrgyzstan", "KGS"},
	{"bank-transfer/sepa", "SEPA", "EUR"},
	{"bank-transfer/georgia", "Bank transfer Georgia", "USD"},
}

// fillState is how the i-th payment ended: one in 20 is declined, one in 5,000 disputed, the last thousandth is open.
func (f *filling) state(i int) (status payout.Status, stage payout.Stage, code int) {
	switch {
	case i >= f.n-max(f.n/1000, 2):
		return payout.Processing, payout.Sending, payout.CodeAwaiting
	case i%5000 == 77:
		return payout.Decline, payout.Unsettled, payout.CodeAutoDecline
	case i%20 == 3:
		return payout.Decline, payout.Closed, []int{payout.CodeGeneralDecline, payout.CodeAccountData, payout.CodeInsufficientFunds}[i/20%3]
	}
	return payout.Success, payout.Closed, payout.CodeSuccess
}

func (f *filling) payment(i int) error {
	project := f.projects[0]
	if i%2 == 1 {
		project = f.projects[i/2%len(f.projects)]
	}
	id := f.s.shard.Load()*shardSpan + 10_000 + int64(i)
	key := fmt.Sprintf("order-%d", i)
	m := fillMethods[i%7%3]
	at := f.from.Add(time.Duration(i) * f.step)
	status, stage, code := f.state(i)
	account := fmt.Sprintf("109%013d", i%(f.n/5+1))
	request := fmt.Appendf(nil, `{"general":{"project_id":%d,"payment_id":%q},"account":{"number":%q,"customer_name":%q},"payment":{"amount":%d,"currency":%q}}`,
		project, key, account, f.name(i), i%100_000+1, m.currency)
	sealed, err := f.s.vault.Seal(request, RequestPlace(project, key))
	if err != nil {
		return err
	}
	mask := "109000******" + account[12:]
	if f.beside != nil {
		mask = fmt.Sprintf("%03d000******%s", 100+i%20, account[12:])
	}
	accountKey := f.s.vault.Index(lookupAccount, account)
	content := sha256.Sum256(request)
	amount, providerID := int64(i%100_000+1), ""
	done := at.Add(2 * time.Second)
	var next, lease any
	if status == payout.Processing {
		done, next = at, f.s.Now().Add(24*time.Hour).UnixMicro()
	} else if code != payout.CodeInsufficientFunds {
		providerID = fmt.Sprintf("B%016d", i)
	}
	first := f.line(project, id, 1, at, "accepted", [32]byte{}, Detail{}.Text("request_id", "r").Int("amount", amount).Text("currency", m.currency).
		Int("account_key", accountKey).Text("content", hex.EncodeToString(content[:])).Text("provider", "sandbox").Int("code", 0))
	head, events := first, int64(0)
	if status != payout.Processing {
		head, events = f.line(project, id, 2, done, map[payout.Status]string{payout.Success: "succeeded", payout.Decline: "declined"}[status], first.Hash,
			Detail{}.Text("by", "notification").Text("outcome", "succeeded").Int("code", int64(code))), 1
		f.event(project, id, status, code, providerID, done, i%100 == 43)
	}
	if stage == payout.Unsettled {
		f.row++
		f.add("discrepancies", f.row, project, id, id, payout.LateSuccess, "{}", fmt.Sprint(id), done.UnixMicro(), nil, "")
	}
	f.add("payments", id, project, key, key, requestID("0123456789abcdef", id, 0), content[:], string(status), m.path, m.title, amount, m.currency,
		"invoice "+key, mask, fmt.Sprintf("customer-%d", i%(f.n/10+1)), int64(1+4*(i%2)), "{}", at.UnixMicro(), done.UnixMicro(), events, head.Seq, head.Hash[:])
	if f.beside != nil {
		f.beside.add(&followedLine{project: project, at: done.UnixMicro(), created: at.UnixMicro(), method: m.path, currency: m.currency, amount: amount, bank: bankOf(mask)}, id, status, code)
	}
	f.add("requests", id, project, sealed, accountKey, nil, nil, nil)
	f.add("operations", id, project, id, int64(1), string(stage), string(status), "sandbox", int64(21432), f.s.vault.ProviderKey(project, key, 1), providerID, "123456",
		amount, m.currency, int64(code), int64(1), int64(0), at.UnixMicro(), done.UnixMicro(), at.UnixMicro(), at.Add(9*time.Hour).UnixMicro(), next, lease, int64(2))
	return nil
}

// name is whom the i-th payment pays: some twenty payments have the family's name, a fifth the first name.
func (f *filling) name(i int) string {
	return fmt.Sprintf("Осмонов%d %s", i%(f.n/20+1), []string{"Бакыт", "Айгүл", "Нурлан", "Үмүт", "Пётр"}[i%5])
}

func (f *filling) add(table string, values ...any) { f.rows[table] = append(f.rows[table], values) }

func (f *filling) line(project, payment, seq int64, at time.Time, kind string, previous [32]byte, detail Detail) JournalLine {
	f.row++
	l := JournalLine{ID: f.row, ProjectID: project, Payment: payment, Seq: seq, At: at, Kind: kind, Operation: payment, Detail: detail.String()}
	l.Hash = l.Chain(previous)
	f.add("journal", l.ID, project, payment, seq, at.UnixMicro(), kind, payment, l.Detail, l.Hash[:])
	return l
}

func (f *filling) event(project, payment int64, status payout.Status, code int, providerID string, at time.Time, fails bool) {
	f.numbers[project]++
	number := f.numbers[project]
	state := CallbackDelivered
	if fails {
		state = CallbackGivenUp
	}
	f.add("events", project, number, payment, payment, string(status), string(status), int64(code), int64(21432), providerID, "123456", at.UnixMicro())
	f.add("callbacks", project, number, payment, string(state), "http://127.0.0.1:1/callback", int64(1), int64(1), int64(1), nil, nil, at.UnixMicro(),
		at.Add(time.Second).UnixMicro(), int64(5000), int64(200), "", []byte("OK"))
}

// flush writes what was gathered: PostgreSQL copies, SQLite inserts in one transaction.
func (f *filling) flush(ctx context.Context) error {
	defer clear(f.rows)
	if f.beside != nil {
		if err := f.beside.flush(ctx, f); err != nil {
			return err
		}
		delete(f.rows, "journal")
		delete(f.rows, "callbacks")
	}
	if f.s.db.Dialect == &sqldb.SQLite {
		return f.s.do(ctx, &command{exec: func(ctx context.Context, t *Tx) error {
			for _, table := range fillTables {
				insert := sqldb.NewBulk("INSERT INTO "+table.name+" ("+table.columns+") VALUES ", "("+strings.Repeat("%i, ", strings.Count(table.columns, ","))+"%i)", "")
				var args []any
				for _, row := range f.rows[table.name] {
					args = append(args, row...)
				}
				if err := insert.Run(ctx, t.conn, args, nil); err != nil {
					return err
				}
			}
			return nil
		}})
	}
	conn, err := f.s.db.Writes.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	return conn.Raw(func(driver any) error {
		for _, table := range fillTables {
			_, err := driver.(*stdlib.Conn).Conn().CopyFrom(ctx, pgx.Identifier{table.name}, strings.Split(table.columns, ", "), pgx.CopyFromRows(f.rows[table.name]))
			if err != nil {
				return fmt.Errorf("filling %s: %w", table.name, err)
			}
		}
		return nil
	})
}
