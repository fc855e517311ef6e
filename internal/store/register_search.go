package store

import (
	"context"
	"database/sql"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"flashpay/internal/payout"
	"flashpay/internal/store/sqldb"
	"flashpay/internal/vault"
)

// MaxSearched is how many values can be searched for at once.
const MaxSearched = 50

// SearchedValues are the values of a search: they stand between commas, semicolons or line breaks.
func SearchedValues(text string) (values []string) {
	for value := range strings.FieldsFuncSeq(text, func(r rune) bool { return strings.ContainsRune(",;\n\r\t", r) }) {
		if value = strings.TrimSpace(value); value != "" && !slices.Contains(values, value) {
			values = append(values, value)
		}
	}
	return values
}

// sought is a value that is searched for, in all readings that it can have.
type sought struct {
	text     string
	id       string // folded
	accounts []string
	mask     string
	words    []string // of a name
}

var (
	maskPattern = regexp.MustCompile(`^([0-9A-Z]{0,6})[*•●∗…·.]+([0-9A-Z]{2,4})$`)
	// separators stand within account numbers where people write them down.
	separators = func(r rune) bool { return unicode.IsSpace(r) || unicode.Is(unicode.Pd, r) || unicode.Is(unicode.Cf, r) }
)

func newSought(text string) *sought {
	w := &sought{text: text, id: payout.Fold(text), words: nameWords(text)}
	plain := strings.Map(func(r rune) rune {
		if separators(r) {
			return -1
		}
		return unicode.ToUpper(r)
	}, text)
	w.accounts = slices.Compact([]string{vault.Normalise(lookupAccount, text), plain})
	if m := maskPattern.FindStringSubmatch(plain); m != nil {
		w.mask = m[1] + "******" + m[2]
	}
	return w
}

// exact are the keys under which a payment stands that has the value as a whole.
func (w *sought) exact(v *vault.Vault) (keys []int64) {
	keys = append(keys, v.Index(lookupCustomer, w.text), v.Index(lookupProvider, w.text), v.Index(lookupAnyCase, w.id), v.Index(lookupBank, w.id))
	for _, number := range w.accounts {
		keys = append(keys, v.Index(lookupAccount, number))
	}
	if w.mask != "" {
		keys = append(keys, v.Index(lookupMask, w.mask))
	}
	if len(w.words) > 0 {
		keys = append(keys, v.Index(lookupName, wholeName(w.words)))
	}
	return keys
}

// each are the keys of the words of a name.
func (w *sought) each(v *vault.Vault) (keys []int64) {
	for _, word := range w.words {
		keys = append(keys, v.Index(lookupName, word))
	}
	return keys
}

// pieces are what stands between blanks, where each piece has a digit: then they are several values. A name's words are
// one value.
func (w *sought) pieces() []*sought {
	var out []*sought
	fields := strings.Fields(w.text)
	for _, field := range fields {
		if len(fields) == 1 || len(fields) > MaxSearched || !strings.ContainsFunc(field, unicode.IsDigit) {
			return nil
		}
		out = append(out, newSought(field))
	}
	return out
}

// searchKeys are the payments that the search finds. false: no index names them, or too many.
func (s *Store) searchKeys(ctx context.Context, f *RegisterFilter) (found []callbackKey, ok bool, err error) {
	partly := false
	for _, value := range SearchedValues(f.Search) {
		w := newSought(value)
		more, err := s.findSought(ctx, f, w)
		if err == nil && len(more) == 0 && len(w.words) > 1 {
			more, err = f.each(ctx, s, func(projects []int64) *sqldb.Statement { return byAllLookups(projects, w.each(s.Vault())) })
			if err == nil && len(more) <= bounds.found {
				more, err = s.confirm(ctx, w, more)
			}
		}
		if err == nil && len(more) == 0 {
			for _, piece := range w.pieces() {
				of, err := s.findSought(ctx, f, piece)
				if err != nil {
					return nil, false, err
				}
				more = append(more, of...)
			}
		}
		if err != nil {
			return nil, false, err
		}
		if found = append(found, more...); len(found) > bounds.found {
			return nil, false, nil
		}
		partly = partly || len([]rune(w.id)) >= shortPart
	}
	// What no index names can still be in the midst of an id: then the payments are walked through by time.
	return distinct(found), len(found) > 0 || !partly, nil
}

// findSought finds payments by each reading of a value, and confirms them.
func (s *Store) findSought(ctx context.Context, f *RegisterFilter, w *sought) (found []callbackKey, err error) {
	found, err = f.each(ctx, s, func(projects []int64) *sqldb.Statement { return byPaymentID(projects, w.id) })
	if id, e := strconv.ParseInt(w.text, 10, 64); e == nil && err == nil {
		var of []callbackKey
		of, err = f.each(ctx, s, func(projects []int64) *sqldb.Statement { return byOperation(projects, id) })
		found = append(found, of...)
	}
	if err != nil {
		return nil, err
	}
	keys := w.exact(s.Vault())
	for _, p := range partsWanted(w.id) {
		keys = append(keys, s.Vault().Index(p.kind, p.text))
	}
	named, err := f.each(ctx, s, func(projects []int64) *sqldb.Statement { return byLookup(projects, keys) })
	if err != nil || len(named) > bounds.found {
		return append(found, named...), err
	}
	named, err = s.confirm(ctx, w, distinct(named))
	return distinct(append(found, named...)), err
}

// confirm keeps the payments that have the value: two values can share an index, and a part can stand elsewhere.
func (s *Store) confirm(ctx context.Context, w *sought, keys []callbackKey) (found []callbackKey, err error) {
	has := make(map[callbackKey]bool, len(keys))
	read := func(b *sqldb.Bulk, scan func(*sql.Rows) (callbackKey, bool, error)) error {
		left := slices.DeleteFunc(slices.Clone(keys), func(k callbackKey) bool { return has[k] })
		return b.Split(s.DB().Dialect, keyArgs(left), func(text string, args []any) error {
			return s.DB().List(ctx, text, func(r *sql.Rows) error {
				k, fits, err := scan(r)
				has[k] = has[k] || fits
				return err
			}, args...)
		})
	}
	err = read(readIDs, func(r *sql.Rows) (k callbackKey, fits bool, err error) {
		var id, customer, mask string
		err = r.Scan(&k.project, &k.number, &id, &customer, &mask)
		part := len([]rune(w.id)) >= shortPart && strings.Contains(id, w.id)
		return k, part || payout.Fold(strings.TrimSpace(customer)) == w.id || w.mask != "" && strings.ToUpper(mask) == w.mask, err
	})
	if err == nil {
		err = read(readProviderPayments, func(r *sql.Rows) (k callbackKey, fits bool, err error) {
			var id string
			err = r.Scan(&k.project, &k.number, &id)
			return k, payout.Fold(strings.TrimSpace(id)) == w.id, err
		})
	}
	if err == nil {
		left := slices.DeleteFunc(slices.Clone(keys), func(k callbackKey) bool { return has[k] })
		err = s.readPayees(ctx, left, func(k callbackKey, p payee) {
			has[k] = p.has(w.words) || slices.Contains(w.accounts, vault.Normalise(lookupAccount, p.account))
		})
	}
	return slices.DeleteFunc(keys, func(k callbackKey) bool { return !has[k] }), err
}

// matches asks for what is searched for where more payments match than an index may name, or none does: a part in the
// midst of an id is found here alone.
func (f *RegisterFilter) matches(v *vault.Vault) func(*sqldb.Statement) {
	var all []*sought
	for _, value := range SearchedValues(f.Search) {
		w := newSought(value)
		all = append(append(all, w), w.pieces()...)
	}
	return func(q *sqldb.Statement) {
		q.Text("(1 = 0")
		for _, w := range all {
			q.Text(" OR p.payment_key = ").Arg(w.id).Text(" OR ")
			listedUnder(q, w.exact(v))
			if len([]rune(w.id)) >= shortPart {
				q.Text(" OR p.payment_key LIKE ").Arg("%" + likely.Replace(w.id) + "%").Text(` ESCAPE '!'`)
			}
			if len(w.words) > 1 {
				q.Text(" OR (1 = 1")
				for _, key := range w.each(v) {
					q.Text(" AND ")
					listedUnder(q, []int64{key})
				}
				q.Text(")")
			}
		}
		q.Text(")")
	}
}

var likely = strings.NewReplacer("!", "!!", "%", "!%", "_", "!_")

// listedUnder asks whether lookups have a payment p under one of the keys.
func listedUnder(q *sqldb.Statement, keys []int64) {
	q.Text(fmt.Sprintf("EXISTS (SELECT 1 FROM lookups l WHERE l.bucket IN (%d + p.id / %d, p.id / %d) AND ", lookupBucketsFrom, lookupBucket, formerBucket))
	q.In("l.key", sqldb.IntArgs(keys))
	q.Text(" AND l.project_id = p.project_id AND l.payment = p.id)")
}

// Payee chooses all payments to one account, or to one customer of a project.
type Payee struct {
	Project  int64  // of the customer
	Customer string // empty: the account is what counts
	account  int64  // keyed index of its number
}

// PayeeOf is the payee of a payment: by its account, or by its customer.
func (s *Store) PayeeOf(ctx context.Context, project, payment int64, byCustomer bool) (*Payee, error) {
	p := &Payee{Project: project}
	var customer string
	err := sqldb.One(ctx, s.DB().Lists, `SELECT r.account_key, p.customer_id FROM payments p JOIN requests r ON r.project_id = p.project_id AND r.payment = p.id
		WHERE p.project_id = $1 AND p.id = $2`, project, payment).Scan(&p.account, &customer)
	if byCustomer {
		p.Customer = customer
	}
	return p, s.DB().Unavailable(err)
}

func (p *Payee) keys(v *vault.Vault) []int64 {
	if p.Customer == "" {
		return []int64{p.account}
	}
	return []int64{v.Index(lookupAnyCase, payout.Fold(p.Customer)), v.Index(lookupCustomer, p.Customer)}
}

// condition keeps the payments of the payee; the keys that name them can be those of others, too.
func (p *Payee) condition(q *sqldb.Statement) {
	if p.Customer != "" {
		q.Text("p.project_id = ").Arg(p.Project).Text(" AND p.customer_id = ").Arg(p.Customer)
		return
	}
	q.Text("EXISTS (SELECT 1 FROM requests r WHERE r.project_id = p.project_id AND r.payment = p.id AND r.account_key = ").Arg(p.account).Text(")")
}
