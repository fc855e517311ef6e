package paid

import (
	"context"
	"database/sql"
	"strings"
	"sync"
	"sync/atomic"
)

// recentSums tells of most sums that no recent payment of a project paid them, so that their account need not be looked for. It
// is read while accounts are looked for one by one, a payment for each that was looked for: a short file never reads
// many payments, and a long one looks for few accounts.
type recentSums struct {
	whole atomic.Bool  // all are read; what stands below is only read from then on
	looks atomic.Int64 // for accounts

	mu     sync.Mutex
	read   int64
	at, id int64 // of the last one that was read
	full   bool  // there are too many
	set    fingerprints
}

const (
	sumsPage    = 2000
	maxSums     = 4_000_000
	looksBefore = 4096
)

// may tells whether a recent payment may have paid a sum to an account that ends like this one.
func (s *recentSums) may(sum *Sum) bool {
	if !s.whole.Load() {
		return true
	}
	end := accountEnd(sum.Account)
	return end == "" || s.set.has(fingerprint(sum.Amount, sum.Currency, end)) || s.set.has(fingerprint(sum.Amount, sum.Currency, ""))
}

const sumsSince = `SELECT created_at, id, amount, currency, account_mask FROM payments
	WHERE project_id = $1 AND (created_at, id) > ($2, $3) ORDER BY created_at, id LIMIT $4`

// asked notes that an account is being looked for, and reads on if there were enough of them.
func (s *recentSums) asked(ctx context.Context, r *Recent, project, looks int64) error {
	n := s.looks.Add(looks)
	if s.whole.Load() || n < looksBefore || !s.mu.TryLock() {
		return nil
	}
	defer s.mu.Unlock()
	if s.at == 0 {
		s.at = r.since.UnixMicro() - 1
	}
	db := r.payments.store.DB()
	for !s.full && !s.whole.Load() && s.read < n {
		page := 0
		err := db.Read(ctx, sumsSince, func(rows *sql.Rows) error {
			var amount int64
			var currency, mask sql.RawBytes
			err := rows.Scan(&s.at, &s.id, &amount, &currency, &mask)
			s.set.add(fingerprint(amount, string(currency), accountEnd(string(mask))))
			page++
			return err
		}, project, s.at, s.id, int64(sumsPage))
		if err != nil {
			return db.Unavailable(err)
		}
		s.read += int64(page)
		s.full = s.read > maxSums
		if s.full {
			s.set = fingerprints{}
		} else if page < sumsPage {
			s.whole.Store(true)
		}
	}
	return nil
}

// endLength is how many characters at their end accounts and masks have in common, whatever the account's length.
const endLength = 2

// accountEnd is how an account ends, or the one behind a mask, as accounts are compared: without case and blanks
// (vault.Normalise). It is empty where these characters alone do not tell it.
func accountEnd(account string) string {
	end := account[max(0, len(account)-endLength):]
	for i := range len(end) {
		if c := end[i]; c <= ' ' || c == '*' || c >= 0x7f {
			return ""
		}
	}
	return strings.ToUpper(end)
}

// fingerprint is a hash of a sum and how the account ends that it was paid to.
func fingerprint(amount int64, currency, end string) uint32 {
	h := uint64(amount) ^ 14695981039346656037
	for _, s := range [...]string{currency, end} {
		for i := range len(s) {
			h = (h ^ uint64(s[i])) * 1099511628211
		}
		h = (h ^ 0xff) * 1099511628211
	}
	h ^= h >> 29
	h *= 0xbf58476d1ce4e5b9
	return max(1, uint32(h>>32))
}

// fingerprints are a set.
type fingerprints struct {
	slots []uint32 // 0: free
	used  int
}

func (f *fingerprints) place(p uint32) *uint32 {
	mask := uint32(len(f.slots) - 1)
	for at := p & mask; ; at = (at + 1) & mask {
		if s := &f.slots[at]; *s == 0 || *s == p {
			return s
		}
	}
}

func (f *fingerprints) has(p uint32) bool { return len(f.slots) > 0 && *f.place(p) != 0 }

func (f *fingerprints) add(p uint32) {
	if 2*f.used >= len(f.slots) {
		old := f.slots
		f.slots = make([]uint32, max(1024, 2*len(old)))
		for _, p := range old {
			if p != 0 {
				*f.place(p) = p
			}
		}
	}
	if s := f.place(p); *s == 0 {
		*s = p
		f.used++
	}
}
