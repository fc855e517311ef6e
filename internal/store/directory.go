package store

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"
	"unicode"

	"flashpay/internal/payout"
	"flashpay/internal/store/sqldb"
)

// The directory is the part of lookups by which people search: parts of ids, masks, customers and recipients' names. It
// follows the journal at a position of its own, so that it begins at the first payment where the program is newer than
// the database. It holds keyed indexes alone; names stand in the sealed requests, and nowhere else.

// The kinds of what the directory finds.
const (
	lookupAnyCase = "customer in any case"
	lookupBank    = "provider payment in any case"
	lookupMask    = "mask"
	lookupBegin   = "id begins"
	lookupEnd     = "id ends"
	lookupWithin  = "id has the word"
	lookupName    = "recipient"
)

const (
	shortPart   = 4 // characters of an id by which it is found at least
	longPart    = 8 // characters of its beginning that tell it from its neighbours
	withinWords = 3 // words in the midst of an id that are found
)

// Each line of the journal comes, so that the position moves on; of the first lines of payments with what is looked up.
const readListed = `SELECT j.id, j.project_id, j.payment, COALESCE(p.payment_key, ''), COALESCE(p.customer_id, ''), COALESCE(p.account_mask, ''), r.sealed
	FROM (SELECT id, seq, project_id, payment FROM journal WHERE id > $1 AND id < $2 AND at <= $3 ORDER BY id LIMIT $4) j
	LEFT JOIN payments p ON j.seq = 1 AND p.project_id = j.project_id AND p.id = j.payment
	LEFT JOIN requests r ON j.seq = 1 AND r.project_id = j.project_id AND r.payment = j.payment
	ORDER BY j.id`

// listPiece takes the next payments of a shard into the directory, and says whether there are more lines.
func (s *Store) listPiece(ctx context.Context, shard int64) (more bool, err error) {
	at := shard * shardSpan
	err = sqldb.One(ctx, s.db.Lists, "SELECT last_row FROM directory WHERE shard = $1", shard).Scan(&at)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return false, err
	}
	keys, last, lines, err := s.readListed(ctx, shard, at)
	if err != nil || lines == 0 {
		return false, err
	}
	slices.SortFunc(keys, lookupKey.compare)
	args := make([]any, 0, len(keys)*insertLookups.Columns)
	for _, k := range slices.Compact(keys) {
		args = append(args, k.bucket, k.key, k.project, k.payment)
	}
	err = s.offWriter(ctx, func(ctx context.Context, on *sqldb.Conn) error {
		first, err := s.advance(ctx, on, "directory", shard, at, last)
		if err != nil || !first {
			return err
		}
		return insertLookups.Run(ctx, on, args, nil)
	})
	return lines == followBatch, err
}

func (s *Store) readListed(ctx context.Context, shard, after int64) (keys []lookupKey, last int64, lines int, err error) {
	err = sqldb.Query(ctx, s.db.Lists, readListed, after, (shard+1)*shardSpan, s.settledAt(shard), followBatch).Each(func(r *sql.Rows) error {
		var k lookupKey
		var id, customer, mask string
		var sealed []byte
		if err := r.Scan(&last, &k.project, &k.payment, &id, &customer, &mask, &sealed); err != nil {
			return err
		}
		lines++
		if id == "" {
			return nil
		}
		k.bucket = k.payment / LookupBucket
		add := func(kind, text string) {
			k.key = s.vault.Index(kind, text)
			keys = append(keys, k)
		}
		for _, part := range partsOf(id) {
			add(part.kind, part.text)
		}
		add(lookupAnyCase, payout.Fold(strings.TrimSpace(customer)))
		add(lookupMask, strings.ToUpper(mask))
		for _, text := range s.namesIn(sealed, RequestPlace(k.project, id)) {
			add(lookupName, text)
		}
		return nil
	})
	return keys, last, lines, err
}

// part is a part of an id by which it is found.
type part struct{ kind, text string }

// partsOf are the beginnings, the end, and the words in the midst of a folded id; as a whole it is found by itself.
func partsOf(id string) (parts []part) {
	runes := []rune(id)
	if len(runes) <= shortPart {
		return nil
	}
	parts = append(parts, part{lookupBegin, string(runes[:shortPart])}, part{lookupEnd, string(runes[len(runes)-shortPart:])})
	if len(runes) > longPart {
		parts = append(parts, part{lookupBegin, string(runes[:longPart])})
	}
	words := strings.FieldsFunc(id, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	for i, word := range words {
		if i > 0 && i < len(words)-1 && i <= withinWords && len([]rune(word)) >= shortPart {
			parts = append(parts, part{lookupWithin, word})
		}
	}
	return parts
}

// partsWanted are the parts under which ids are indexed that can have a folded text as a part.
func partsWanted(text string) []part {
	runes := []rune(text)
	if len(runes) < shortPart {
		return nil
	}
	begin := shortPart
	if len(runes) >= longPart {
		begin = longPart
	}
	return []part{
		{lookupBegin, string(runes[:begin])},
		{lookupEnd, string(runes[len(runes)-shortPart:])},
		{lookupWithin, text},
	}
}

// namesIn are the keys of the names in a sealed request. One that is damaged has none: the audit says so.
func (s *Store) namesIn(sealed []byte, place string) []string {
	request, err := s.vault.Unseal(sealed, place)
	if err != nil {
		return nil
	}
	p, err := payeeOf(request)
	if err != nil {
		return nil
	}
	return p.nameKeys()
}
