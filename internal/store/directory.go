package store

import (
	"context"
	"database/sql"
	"strings"
	"unicode"
	"unicode/utf8"

	"flashpay/internal/payout"
	"flashpay/internal/store/sqldb"
	"flashpay/signature"
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
	FROM (SELECT id, seq, project_id, payment FROM journal WHERE id > $1 AND id <= $2 ORDER BY id LIMIT $3) j
	LEFT JOIN payments p ON j.seq = 1 AND p.project_id = j.project_id AND p.id = j.payment
	LEFT JOIN requests r ON j.seq = 1 AND r.project_id = j.project_id AND r.payment = j.payment
	ORDER BY j.id`

// listPiece takes the next payments of a shard into the directory, as far as its lines are followed, and says whether there
// are more. What this node itself has committed followPiece takes in, as it was heard; here is what has to be read.
func (s *Store) listPiece(ctx context.Context, shard int64) (more bool, err error) {
	at, err := s.followedTo(ctx, shard)
	if err != nil || at.listed >= at.followed {
		return false, err
	}
	keys, last, lines, err := s.readListed(ctx, at, followBatch)
	if err != nil || lines == 0 {
		return false, err
	}
	if err := s.writeLookups(ctx, lookupRows(keys)); err != nil {
		return false, err
	}
	err = s.offWriter(ctx, func(ctx context.Context, on *sqldb.Conn) error {
		_, err := s.advance(ctx, on, "directory", shard, at.listed, last)
		return err
	})
	return lines == followBatch, err
}

func (s *Store) readListed(ctx context.Context, at followPosition, most int) (keys []lookupKey, last int64, lines int, err error) {
	s.listReads.Add(1)
	err = sqldb.Query(ctx, s.db.Lists, readListed, at.listed, at.followed, most).Each(func(r *sql.Rows) error {
		var project, payment int64
		var id, customer, mask string
		var sealed []byte
		if err := r.Scan(&last, &project, &payment, &id, &customer, &mask, &sealed); err != nil {
			return err
		}
		if lines++; id != "" {
			keys = addLookups(keys, project, payment, s.listed(id, customer, mask, s.sealedPayee(sealed, RequestPlace(project, id))))
		}
		return nil
	})
	return keys, last, lines, err
}

// listed are the keys under which the directory has a payment.
func (s *Store) listed(id, customer, mask string, p *payee) []int64 {
	keys := make([]int64, 0, 16)
	add := func(kind, text string) { keys = append(keys, s.vault.Index(kind, text)) }
	eachPart(id, add)
	add(lookupAnyCase, payout.Fold(strings.TrimSpace(customer)))
	add(lookupMask, strings.ToUpper(mask))
	return append(keys, s.names.keysOf(s.vault, p)...)
}

// listedOf is listed for a payout that is about to be accepted. A body that cannot be read names nobody, as it will when it is
// read again.
func (s *Store) listedOf(n *NewPayout, key string) []int64 {
	var p payee
	if n.Parsed != nil {
		p = payeeIn(n.Parsed)
	} else if tree, err := signature.Parse(n.Request); err == nil {
		p = payeeIn(tree)
	}
	return s.listed(key, n.CustomerID, n.AccountMask, &p)
}

// part is a part of an id by which it is found.
type part struct{ kind, text string }

// eachPart calls add for the beginnings, the end, and the words in the midst of a folded id; as a whole it is found by itself.
func eachPart(id string, add func(kind, text string)) {
	length := utf8.RuneCountInString(id)
	if length <= shortPart {
		return
	}
	add(lookupBegin, id[:runes(id, shortPart)])
	add(lookupEnd, id[runes(id, length-shortPart):])
	if length > longPart {
		add(lookupBegin, id[:runes(id, longPart)])
	}
	before, words := "", 0 // the word before, of which it is not known yet whether it is the last one
	for word := range strings.FieldsFuncSeq(id, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
		if words > 1 && words <= withinWords+1 && utf8.RuneCountInString(before) >= shortPart {
			add(lookupWithin, before)
		}
		before, words = word, words+1
	}
}

// runes is how many bytes the first characters of a text have.
func runes(text string, characters int) int {
	for at := range text {
		if characters == 0 {
			return at
		}
		characters--
	}
	return len(text)
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

// sealedPayee is whom a sealed request pays. One that is damaged names nobody: the audit says so.
func (s *Store) sealedPayee(sealed []byte, place string) *payee {
	request, err := s.vault.Unseal(sealed, place)
	if err != nil {
		return &payee{}
	}
	p, err := payeeOf(request)
	if err != nil {
		return &payee{}
	}
	return &p
}
