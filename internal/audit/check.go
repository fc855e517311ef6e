package audit

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"flashpay/internal/payout"
	"flashpay/internal/store"
	"flashpay/internal/store/snapshot"
	"flashpay/internal/vault"
	"flashpay/internal/wire"
)

// reachable are the states that the table of moves leads to from acceptance, or in which acceptance leaves a payment.
var reachable = func() map[payout.State]bool {
	found := map[payout.State]bool{
		{Status: payout.Processing, Stage: payout.New}: true,
		{Status: payout.Decline, Stage: payout.Closed}: true,
	}
	for grown := true; grown; {
		grown = false
		for _, m := range payout.Moves() {
			if found[m.From] && !found[m.To] {
				found[m.To], grown = true, true
			}
		}
	}
	return found
}()

// check checks a payment by itself.
func (d *dossier) check(r *run) {
	if !d.Project {
		d.fail(KindPayment, "its project does not exist")
	}
	if d.PaymentKey != payout.Fold(d.PaymentID) {
		d.fail(KindPayment, "it is stored under %q, not under its id without case", d.PaymentKey)
	}
	if !json.Valid([]byte(d.Options)) {
		d.fail(KindPayment, "its options are no JSON")
	}
	if d.Events != d.eventCount {
		d.fail(KindEvent, "the payment counts %d events, there are %d", d.Events, d.eventCount)
	}
	d.checkNumbers(r)
	d.checkHead()
	d.checkRequest(r)
	if d.operation == nil {
		d.fail(KindOperation, "the payment has no operation")
		return
	}
	r.checked("operations", 1)
	d.checkFirstLine()
	d.checkTerms(r)
	d.checkOperation(r)
	d.checkState()
	d.checkEvents()
	d.checkDiscrepancies()
}

// checkNumbers checks that the payment's id will not be given again.
func (d *dossier) checkNumbers(r *run) {
	s := r.marks.Shards[store.ShardOf(d.ID)]
	if s == nil || !s.Known || d.ID < 1 {
		d.fail(KindShard, "the payment's number %d is of shard %d, which does not exist: it could be given again", d.ID, store.ShardOf(d.ID))
		return
	}
	if number := store.RowOf(d.ID); number >= s.NextNumber {
		d.fail(KindShard, "shard %d gives number %d next, but the payment has %d already", s.Shard, s.NextNumber, number)
	}
}

func (d *dossier) checkHead() {
	switch j := &d.journal; {
	case j.lines == 0:
		d.fail(KindJournal, "the payment has no journal")
	case d.HeadSeq != j.seq:
		d.fail(KindJournal, "the payment's journal ends at line %d, there are lines up to %d", d.HeadSeq, j.seq)
	case !bytes.Equal(d.HeadHash, j.hash[:]):
		d.fail(KindJournal, "the hash of the journal's last line is not the one that the payment keeps")
	}
}

// checkFirstLine compares the payment with what the journal's first line says: it is in the hash chain.
func (d *dossier) checkFirstLine() {
	s := d.journal.first
	if s == nil {
		return // there is no first line: the journal's own findings say so
	}
	o := d.operation
	for _, c := range []struct {
		what         string
		stored, said string
	}{
		{"request id", d.RequestID, s.RequestID},
		{"amount", strconv.FormatInt(d.Amount, 10), strconv.FormatInt(s.Amount, 10)},
		{"currency", d.Currency, s.Currency},
		{"content hash", hex.EncodeToString(d.ContentHash), s.Content},
		{"time of creation", strconv.FormatInt(d.CreatedAt, 10), strconv.FormatInt(d.journal.firstAt, 10)},
		{"operation's provider", o.Provider, s.Provider},
		{"operation's time of creation", strconv.FormatInt(o.CreatedAt.UnixMicro(), 10), strconv.FormatInt(d.journal.firstAt, 10)},
	} {
		if c.stored != c.said {
			d.fail(KindPayment, "its %s is %s; its journal says %s", c.what, c.stored, c.said)
		}
	}
	if d.AccountKey.Valid && d.AccountKey.Int64 != s.AccountKey {
		d.fail(KindRequest, "the keyed index of its account is not the one that its journal says")
	}
}

func (d *dossier) checkOperation(r *run) {
	o := d.operation
	for _, number := range d.others {
		d.fail(KindOperation, "there is an operation of number %d, which no move of the table makes", number)
	}
	if o.Number != 1 || o.Payment != d.ID {
		d.fail(KindOperation, "operation %d is number %d of payment %d; it should be the first of its own", o.ID, o.Number, o.Payment)
	}
	if o.Key != r.store.Vault().ProviderKey(d.ProjectID, d.PaymentKey, 1) {
		d.fail(KindOperation, "its key towards the provider is not the one that follows from project, payment id and number")
	}
	if result := d.result(); o.Status != result {
		d.fail(KindOperation, "the operation is %s, the payment %s", o.Status, d.Status)
	}
	d.checkReversal()
	switch {
	case o.Stage.Open() && !o.Due:
		d.fail(KindOperation, "it is %s, but no next step is due: nobody would take it up", o.Stage)
	case !o.Stage.Open() && o.Due:
		d.fail(KindOperation, "it is %s, but a next step is due", o.Stage)
	case o.Lease && !o.Due:
		d.fail(KindOperation, "it is leased to nobody's next step")
	}
	sent := o.Stage == payout.Sending || o.Stage == payout.Disputed || o.Stage == payout.Unsettled
	switch {
	case (o.Submits == 0) != o.SubmitDeadline.IsZero():
		d.fail(KindOperation, "it was handed over %d times, which does not fit its last deadline", o.Submits)
	case sent && o.Submits == 0:
		d.fail(KindOperation, "it is %s, but was never handed over", o.Stage)
	case o.Submits < 0 || o.Inquiries < 0:
		d.fail(KindOperation, "it counts %d submits and %d inquiries", o.Submits, o.Inquiries)
	}
	if o.Version < d.journal.lines {
		d.fail(KindOperation, "it has changed %d times, but its journal has %d lines", o.Version, d.journal.lines)
	}
	if o.Stage.Open() {
		r.inform("operations open: "+string(o.Stage), 1)
		if o.NextAt.Before(r.now.Add(-overdue)) {
			r.inform("operations whose next step is more than ten minutes late", 1)
		}
	}
}

// result is the status that the operation which pays should have.
func (d *dossier) result() payout.Status {
	if d.Status == payout.Reversed {
		return payout.Success
	}
	return d.Status
}

// checkReversal checks the operation that a return adds: there is one where the payment is reversed, of the sum that was paid.
func (d *dossier) checkReversal() {
	o, back := d.operation, d.reversal
	if (back != nil) != (d.Status == payout.Reversed) {
		d.fail(KindOperation, "the payment is %s; it has an operation of type %s: %t", d.Status, payout.TypeReversal, back != nil)
	}
	switch {
	case back == nil:
	case back.Stage != payout.Closed || back.Due || back.Lease || back.Key != "" || back.Submits != 0 || back.Code != payout.CodeSuccess:
		d.fail(KindOperation, "operation %d, its reversal, is not one that a return adds", back.ID)
	case back.Amount != o.Amount || back.Currency != o.Currency || back.Provider != o.Provider || back.ProviderID != o.ProviderID:
		d.fail(KindOperation, "operation %d, its reversal, is of %d %s by %s; %d %s were paid by %s", back.ID, back.Amount, back.Currency, back.Provider,
			o.Amount, o.Currency, o.Provider)
	case back.Terms.String() != o.Terms.String():
		d.fail(KindOperation, "operation %d, its reversal, has the terms %q; those of what was paid are %q", back.ID, back.Terms, o.Terms)
	case back.CreatedAt.UnixMicro() != d.UpdatedAt || back.UpdatedAt.UnixMicro() != d.UpdatedAt:
		d.fail(KindOperation, "operation %d, its reversal, is of another time than the payment's status", back.ID)
	}
}

// checkState checks where payment and operation stand: by the table of moves, and by their journal.
func (d *dossier) checkState() {
	o := d.operation
	state := payout.State{Status: d.Status, Stage: o.Stage}
	if !reachable[state] {
		d.fail(KindPayment, "it is %s and its operation %s: no move of the table leads there", d.Status, o.Stage)
	}
	t := d.chosen
	if t == nil {
		if !d.journal.stuck && d.journal.lines > 0 {
			d.fail(KindPayment, "it is %s and its operation %s; its journal leads to %s", d.Status, o.Stage, d.journal.ends())
		}
		return
	}
	if d.UpdatedAt != t.statusAt {
		d.fail(KindPayment, "its status changed at %d, by its journal at %d (microseconds)", d.UpdatedAt, t.statusAt)
	}
	if o.UpdatedAt.UnixMicro() != t.resultAt {
		d.fail(KindOperation, "its status changed at %d, by its journal at %d (microseconds)", o.UpdatedAt.UnixMicro(), t.resultAt)
	}
	if o.Code != t.code {
		d.fail(KindOperation, "its code is %d, by its journal %d", o.Code, t.code)
	}
	if _, known := payout.LookUp(o.Code); !known {
		d.fail(KindOperation, "its code %d is not in the registry", o.Code)
	}
	if t.told != "" && o.ProviderPaymentID != t.told {
		d.fail(KindOperation, "the provider's id of it is %q, by its journal %q", o.ProviderPaymentID, t.told)
	}
}

// ends names the states that a journal can lead to.
func (j *journal) ends() string {
	var text string
	for i, t := range j.tracks {
		if i > 0 {
			text += ", or to "
		}
		text += string(t.state.Status) + "/" + string(t.state.Stage)
	}
	return text
}

// checkEvents checks that each final status has exactly one event, and that it tells what became of the payment.
func (d *dossier) checkEvents() {
	if t := d.chosen; t != nil && d.eventCount != int64(t.announced) {
		d.fail(KindEvent, "the payment is %s and has %d events; by its journal it should have %d", d.Status, d.eventCount, t.announced)
	}
	pending := 0
	slices.SortFunc(d.events, func(a, b snapshot.Event) int { return cmp.Compare(a.Number, b.Number) })
	for i := range d.events {
		e := &d.events[i]
		d.checkEvent(e)
		switch e.State {
		case store.CallbackPending:
			pending++
		case store.CallbackSuperseded:
			if i == len(d.events)-1 && d.eventCount <= keptOfOne {
				d.fail(KindCallback, "callback %d is superseded, but the payment has no newer one", e.Number)
			}
		}
	}
	if pending > 1 {
		d.fail(KindCallback, "%d callbacks of the payment are pending at once", pending)
	}
}

func (d *dossier) checkEvent(e *snapshot.Event) {
	o, status := d.operation, d.result()
	if d.reversal != nil && e.Operation == d.reversal.ID {
		o, status = d.reversal, payout.Reversed
	}
	if e.Operation != o.ID {
		d.fail(KindEvent, "event %d speaks of operation %d, which the payment does not have", e.Number, e.Operation)
	}
	if e.PaymentStatus != status || e.OperationStatus != o.Status || e.Code != o.Code {
		d.fail(KindEvent, "event %d says %s/%s with code %d; it is %s/%s with %d", e.Number, e.PaymentStatus, e.OperationStatus, e.Code,
			status, o.Status, o.Code)
	}
	if e.ProviderID != o.ReachedProvider() {
		d.fail(KindEvent, "event %d says provider %d; it is %d", e.Number, e.ProviderID, o.ReachedProvider())
	}
	t := d.chosen
	if t == nil || t.announced != 1 && o != d.reversal { // of several the last is known
		return
	}
	if e.At.UnixMicro() != t.announcedAt {
		d.fail(KindEvent, "event %d is of %d, by the journal of %d (microseconds)", e.Number, e.At.UnixMicro(), t.announcedAt)
	}
	// What came later can have changed the provider's own names, but only while something was open, or by a line.
	still := t.announcedBy == d.journal.seq && !o.Stage.Open()
	if still && (e.ProviderPaymentID != o.ProviderPaymentID || e.AuthCode != o.AuthCode) {
		d.fail(KindEvent, "event %d says the provider's id %q and authorisation %q; they are %q and %q", e.Number, e.ProviderPaymentID,
			e.AuthCode, o.ProviderPaymentID, o.AuthCode)
	}
}

func (d *dossier) checkDiscrepancies() {
	t := d.chosen
	if t == nil {
		return
	}
	for i, kind := range discrepancyKinds {
		want := int(t.discrepancies >> i & 1)
		if got := d.discrepancies[kind]; got != want {
			d.fail(KindDiscrepancy, "there are %d discrepancies «%s»; by its journal there should be %d", got, kind, want)
		}
	}
	for i, kind := range discrepancyKinds {
		if stored, told := d.settlements[kind], t.settlements[i]; stored != told {
			d.fail(KindDiscrepancy, "the discrepancy «%s» is %s; by its journal it is %s", kind, stored, told)
		}
	}
	for kind := range d.discrepancies {
		if !slices.Contains(discrepancyKinds, kind) {
			d.fail(KindDiscrepancy, "there is a discrepancy «%s», which nothing opens", kind)
		}
	}
}

// String says how it was settled.
func (s settlement) String() string {
	if s == (settlement{}) {
		return "open"
	}
	return fmt.Sprintf("settled as %q, and moved %q", s.decision, s.funds)
}

// checkRequest opens the sealed request and compares what it says with what is stored beside it.
func (d *dossier) checkRequest(r *run) {
	if !d.AccountKey.Valid {
		d.fail(KindRequest, "the payment has no request")
		return
	}
	r.checked("requests", 1)
	body, err := snapshot.Of(r.store).Request(d.Payment)
	if err != nil {
		d.fail(KindRequest, "its request cannot be opened: %v", err)
		return
	}
	asked, err := readRequest(body)
	if err != nil {
		d.fail(KindRequest, "its request is no JSON object")
		return
	}
	v := r.store.Vault()
	account := asked["account"]["number"]
	if v.Index("account", account) != d.AccountKey.Int64 {
		d.fail(KindRequest, "the keyed index of its account is not that of the request's account")
	}
	if wire.Mask(account) != d.AccountMask {
		d.fail(KindPayment, "its account is shown as %s, which is not the mask of the request's", d.AccountMask)
	}
	customer := asked["customer"]
	for _, c := range []struct {
		field, value string
		key          int64
		has          bool
	}{
		{"email", customer["email"], d.EmailKey.Int64, d.EmailKey.Valid},
		{"phone", customer["phone"], d.PhoneKey.Int64, d.PhoneKey.Valid},
		{"ip", customer["ip_address"], d.IPKey.Int64, d.IPKey.Valid},
	} {
		if !fits(v, c.field, c.value, c.key, c.has) {
			d.fail(KindRequest, "the keyed index of its customer's %s is not that of the request", c.field)
		}
	}
	for _, c := range []struct{ what, stored, asked string }{
		{"payment id", d.PaymentID, asked["general"]["payment_id"]},
		{"customer id", d.CustomerID, customer["id"]},
		{"description", d.Description, asked["payment"]["description"]},
	} {
		if c.stored != c.asked {
			d.fail(KindPayment, "its %s is %q; its request says %q", c.what, c.stored, c.asked)
		}
	}
}

func fits(v *vault.Vault, field, value string, key int64, has bool) bool {
	if value == "" {
		return !has
	}
	return has && v.Index(field, value) == key
}

// readRequest reads the scalars of a request's objects, by their exact names: those of encoding/json would do with
// other case. A number is its text, null is empty.
func readRequest(body []byte) (map[string]map[string]string, error) {
	var objects map[string]json.RawMessage
	if err := json.Unmarshal(body, &objects); err != nil {
		return nil, err
	}
	out := make(map[string]map[string]string)
	for _, name := range []string{"general", "account", "customer", "payment"} {
		var members map[string]json.RawMessage
		if json.Unmarshal(objects[name], &members) != nil {
			continue
		}
		out[name] = make(map[string]string)
		for member, value := range members {
			var text string
			if json.Unmarshal(value, &text) != nil {
				text = string(value)
			}
			out[name][member] = text
		}
	}
	return out, nil
}
