package evidence

import (
	"encoding/hex"
	"encoding/json"
	"time"

	"flashpay/internal/store"
	"flashpay/signature"
)

// payment is what of payment.json stands in the journal, too.
type payment struct {
	ProjectID int64  `json:"project_id"`
	Payment   int64  `json:"payment"`
	PaymentID string `json:"payment_id"`
	RequestID string `json:"request_id"`
	Status    string `json:"status"`
	Amount    int64  `json:"amount"`
	Currency  string `json:"currency"`
	Lines     int    `json:"journal_lines"`
	Head      string `json:"head_hash"`
}

type line struct {
	ID        int64  `json:"id"`
	ProjectID int64  `json:"project_id"`
	Payment   int64  `json:"payment"`
	Seq       int64  `json:"seq"`
	At        string `json:"at"`
	Micros    int64  `json:"at_microseconds"`
	Kind      string `json:"kind"`
	Operation int64  `json:"operation"`
	Detail    string `json:"detail"`
	Hash      string `json:"hash"`
}

type seal struct {
	Line     int64  `json:"line"`
	Sealed   bool   `json:"sealed"`
	Shard    int64  `json:"shard"`
	Number   int64  `json:"number"`
	LastRow  int64  `json:"last_row"`
	Lines    int64  `json:"lines"`
	At       string `json:"at"`
	Micros   int64  `json:"at_microseconds"`
	Root     string `json:"root"`
	Hash     string `json:"hash"`
	Previous string `json:"previous_hash"`
	Path     []struct {
		Neighbour string `json:"neighbour"`
		Stands    string `json:"stands"`
	} `json:"path"`
}

// Stamp is how the bundle writes a time.
func Stamp(at time.Time) string { return at.UTC().Format(time.RFC3339Nano) }

func micros(n int64) time.Time { return time.UnixMicro(n).UTC() }

func (c *check) checkPayment() {
	if !c.read("payment.json", &c.payment) {
		return
	}
	p := &c.payment
	c.report.ProjectID, c.report.PaymentID, c.report.Status = p.ProjectID, p.PaymentID, p.Status
}

// checkJournal computes the chain of hashes anew, up to the payment's head.
func (c *check) checkJournal() {
	const file = "journal.json"
	if !c.read(file, &c.lines) {
		return
	}
	c.report.Lines = len(c.lines)
	if len(c.lines) == 0 || len(c.lines) != c.payment.Lines {
		c.fail(file, "has %d lines, payment.json states %d", len(c.lines), c.payment.Lines)
		return
	}
	var previous [32]byte
	for i := range c.lines {
		l := &c.lines[i]
		stated, ok := hash(l.Hash)
		computed := (&store.JournalLine{
			ProjectID: l.ProjectID, Payment: l.Payment, Seq: l.Seq, At: micros(l.Micros), Kind: l.Kind, Operation: l.Operation, Detail: l.Detail,
		}).Chain(previous)
		switch {
		case l.Seq != int64(i+1):
			c.fail(file, "line %d has the number %d", i+1, l.Seq)
		case l.ProjectID != c.payment.ProjectID || l.Payment != c.payment.Payment:
			c.fail(file, "line %d is of another payment", i+1)
		case l.At != Stamp(micros(l.Micros)):
			c.fail(file, "line %d states two times", i+1)
		case !ok || stated != computed:
			c.fail(file, "line %d does not continue the chain of hashes", i+1)
		}
		previous = stated
	}
	if c.payment.Head != hex.EncodeToString(previous[:]) {
		c.fail("payment.json", "head_hash is not the hash of the journal's last line")
	}
	c.checkAccepted(c.lines[0].Detail)
}

// checkAccepted compares the payment with what the journal's first line says of it.
func (c *check) checkAccepted(detail string) {
	var was struct {
		RequestID string `json:"request_id"`
		Amount    int64  `json:"amount"`
		Currency  string `json:"currency"`
	}
	if err := json.Unmarshal([]byte(detail), &was); err != nil {
		c.fail("journal.json", "line 1: detail cannot be read: %v", err)
		return
	}
	p := &c.payment
	if was.RequestID != p.RequestID || was.Amount != p.Amount || was.Currency != p.Currency {
		c.fail("payment.json", "request, sum or currency is not what the journal's first line says")
	}
}

// WhyUnsealed says why no seal covers a row of the journal.
func WhyUnsealed(row int64) string {
	if store.ShardOf(row) == store.CommandShard {
		return "it was written by a command, and no seal covers those"
	}
	return "another node wrote it, which seals its lines once a minute: take the bundle again later"
}

// checkSeals follows each line's path to its seal, and the seals' own chain as far as the bundle holds it.
func (c *check) checkSeals() {
	const file = "seals.json"
	if !c.read(file, &c.seals) {
		return
	}
	if len(c.seals) != len(c.lines) {
		c.fail(file, "has %d entries for %d lines of the journal", len(c.seals), len(c.lines))
		return
	}
	passed := make(map[[2]int64]*seal)
	for i := range c.seals {
		s, l := &c.seals[i], &c.lines[i]
		if s.Line != l.ID {
			c.fail(file, "entry %d is of row %d, the journal's line is row %d", i+1, s.Line, l.ID)
			continue
		}
		if !s.Sealed {
			c.report.Unsealed = append(c.report.Unsealed, Unsealed{i + 1, WhyUnsealed(l.ID)})
			continue
		}
		c.checkSeal(i+1, s, l)
		place := [2]int64{s.Shard, s.Number}
		if same := passed[place]; same != nil && same.Hash != s.Hash {
			c.fail(file, "states seal %d of shard %d twice, with other hashes", s.Number, s.Shard)
		} else if same == nil {
			c.report.Seals = append(c.report.Seals, Seal{s.Shard, s.Number, s.At, s.Hash})
		}
		passed[place] = s
	}
	for place, s := range passed {
		if before := passed[[2]int64{place[0], place[1] - 1}]; before != nil && before.Hash != s.Previous {
			c.fail(file, "seal %d of shard %d does not continue seal %d", s.Number, s.Shard, before.Number)
		}
	}
}

func (c *check) checkSeal(n int, s *seal, l *line) {
	const file = "seals.json"
	leaf, _ := hash(l.Hash) // a bad one is a fault of the journal already
	proof, root, own, ok := s.proof()
	after, last := store.ShardRange(s.Shard)
	switch {
	case !ok:
		c.fail(file, "line %d: a hash or a side cannot be read", n)
	case proof.Root(leaf) != root:
		c.fail(file, "line %d does not lead to the root of its seal", n)
	case proof.Seal.Chain(proof.Previous) != own:
		c.fail(file, "line %d: the seal's hash is not that of its members and the seal before", n)
	case s.At != Stamp(micros(s.Micros)):
		c.fail(file, "line %d: the seal states two times", n)
	case l.ID < after || l.ID > s.LastRow || s.LastRow > last:
		c.fail(file, "line %d is not within its seal's rows", n)
	case s.Number == 1 && proof.Previous != [32]byte{}:
		c.fail(file, "line %d: the shard's first seal has one before it", n)
	}
}

// checkRequest compares the request, where it is there, with what was signed.
func (c *check) checkRequest() {
	body, there := c.files["request.json"]
	var stated struct {
		Signature string  `json:"signature"`
		Signed    *string `json:"signed_string"`
		Order     string  `json:"order"`
	}
	if !c.read("signature.json", &stated) || !there || stated.Signed == nil {
		return
	}
	tree, err := signature.Parse(body)
	if err != nil {
		c.fail("request.json", "cannot be read: %v", err)
		return
	}
	if sent, _ := signature.Find(tree); sent != stated.Signature {
		c.fail("request.json", "carries another signature than signature.json")
	}
	form := signature.Canonical(tree)
	for _, order := range signature.Orders() {
		if order.String() == stated.Order && string(form.SigningString(order)) == *stated.Signed {
			return
		}
	}
	c.fail("signature.json", "signed_string is not that of request.json")
}
