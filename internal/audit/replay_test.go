package audit

import (
	"testing"
	"time"

	"flashpay/internal/payout"
	"flashpay/internal/store"
	"flashpay/internal/store/snapshot"
)

// TestEveryMoveCanBeFollowed takes every move of the table and its journal line from where it begins.
func TestEveryMoveCanBeFollowed(t *testing.T) {
	for _, m := range payout.Moves() {
		if m.On == payout.Intent { // no line tells of it
			continue
		}
		before := track{instant: instant{state: canonical(m.From)}}
		line := &store.JournalLine{Seq: 2, Kind: m.On.String(), At: time.UnixMicro(1000)}
		says := &said{Code: 20102}
		if m.On == payout.SettledPaid || m.On == payout.SettledUnpaid {
			line.Kind, says = store.SettledLine, settling(t, m)
			if says.Discrepancy != payout.HoldDisputed {
				before.open(says.Discrepancy)
			}
		}
		after := follow([]track{before}, line, says, time.UnixMicro(1000), true)
		found := false
		for _, a := range after {
			found = found || a.state == canonical(m.To) && a.then == a.instant && (a.announced > 0) == m.Callback && (a.announced == 2) == (m.Funds == payout.ReverseHold) &&
				(a.moves == 1) == (m.Funds != payout.KeepFunds) && (m.Funds == payout.KeepFunds || a.funds[0].funds == m.Funds) &&
				(a.discrepancies != 0) == (m.Discrepancy != "" || says.Discrepancy != "")
		}
		if !found {
			t.Errorf("%+v: followed to %+v", m, after)
		}
		if !reachable[m.From] || !reachable[m.To] {
			t.Errorf("%+v: not reachable", m)
		}
	}
	if reachable[payout.State{Status: payout.Success, Stage: payout.Sending}] || len(reachable) != 9 {
		t.Errorf("reachable: %v", reachable)
	}
}

// settling is what a line says of a settlement that makes a move.
func settling(t *testing.T, m payout.Move) *said {
	t.Helper()
	for _, kind := range discrepancyKinds {
		for _, d := range []payout.Decision{payout.BankIsRight, payout.WeAreRight} {
			if found, ok := payout.Settle(kind, m.From, d); ok && found == m {
				return &said{Discrepancy: kind, Decision: string(d), Moved: m.On.String(), Funds: m.Funds.String()}
			}
		}
	}
	t.Fatalf("no decision makes %+v", m)
	return nil
}

// TestJournals follows whole journals; each ends in the states that are given, or cannot be.
func TestJournals(t *testing.T) {
	type line struct {
		kind string
		code int
		at   int64 // microseconds; the threshold is at 100
	}
	const processing, success, closed, disputed, unsettled, reversed = "processing/new", "success/closed", "decline/closed", "decline/disputed", "decline/unsettled", "reversed/closed"
	for name, c := range map[string]struct {
		lines []line
		want  []string
	}{
		"nothing else":                       {[]line{{"accepted", 0, 1}}, []string{processing}},
		"declined at once":                   {[]line{{"declined", 3028, 1}}, []string{closed}},
		"declined for no reason":             {[]line{{"declined", 0, 1}}, nil},
		"accepted with a reason":             {[]line{{"accepted", 3028, 1}}, nil},
		"beginning with its end":             {[]line{{"succeeded", 0, 1}}, nil},
		"accepted twice":                     {[]line{{"accepted", 0, 1}, {"accepted", 0, 2}}, nil},
		"a kind that there is not":           {[]line{{"accepted", 0, 1}, {"paid", 0, 2}}, nil},
		"success after trouble":              {[]line{{"accepted", 0, 1}, {"unknown", 0, 2}, {"not sent", 0, 3}, {"provider out of funds", 20504, 4}, {"succeeded", 0, 5}}, []string{success}},
		"success twice":                      {[]line{{"accepted", 0, 1}, {"succeeded", 0, 5}, {"succeeded", 0, 6}}, nil},
		"success repeated":                   {[]line{{"accepted", 0, 1}, {"succeeded", 0, 5}, {"repeated", 0, 6}}, []string{success}},
		"success, then no":                   {[]line{{"accepted", 0, 1}, {"succeeded", 0, 5}, {"declined", 20000, 6}}, []string{success}},
		"no, then success":                   {[]line{{"accepted", 0, 1}, {"declined", 20000, 5}, {"succeeded", 0, 6}}, []string{closed}},
		"threshold":                          {[]line{{"accepted", 0, 1}, {"threshold", 0, 100}}, []string{closed, disputed}},
		"threshold too early":                {[]line{{"accepted", 0, 1}, {"threshold", 0, 99}}, nil},
		"threshold, then no":                 {[]line{{"accepted", 0, 1}, {"threshold", 0, 100}, {"declined", 20000, 101}}, []string{closed}},
		"threshold, then success":            {[]line{{"accepted", 0, 1}, {"threshold", 0, 100}, {"succeeded", 0, 101}}, []string{closed, unsettled}},
		"threshold, then given up":           {[]line{{"accepted", 0, 1}, {"threshold", 0, 100}, {"given up", 0, 101}}, []string{unsettled}},
		"given up without threshold":         {[]line{{"accepted", 0, 1}, {"given up", 0, 101}}, nil},
		"mismatch":                           {[]line{{"accepted", 0, 1}, {"mismatch", 0, 50}}, []string{processing}},
		"mismatch after the threshold":       {[]line{{"accepted", 0, 1}, {"threshold", 0, 100}, {"mismatch", 0, 101}}, []string{closed, disputed}},
		"returned, having never been a yes":  {[]line{{"accepted", 0, 1}, {"returned", 0, 5}}, []string{reversed}},
		"returned":                           {[]line{{"accepted", 0, 1}, {"succeeded", 0, 5}, {"returned", 0, 9}}, []string{reversed}},
		"returned twice":                     {[]line{{"accepted", 0, 1}, {"succeeded", 0, 5}, {"returned", 0, 9}, {"returned", 0, 10}}, nil},
		"returned, then another return":      {[]line{{"accepted", 0, 1}, {"succeeded", 0, 5}, {"returned", 0, 9}, {"returned again", 0, 10}}, []string{reversed}},
		"returned, then the success again":   {[]line{{"accepted", 0, 1}, {"succeeded", 0, 5}, {"returned", 0, 9}, {"repeated", 0, 10}}, []string{reversed}},
		"returned again, having never been":  {[]line{{"accepted", 0, 1}, {"succeeded", 0, 5}, {"returned again", 0, 10}}, nil},
		"returned after a success too late":  {[]line{{"accepted", 0, 1}, {"threshold", 0, 100}, {"succeeded", 0, 101}, {"returned", 0, 102}}, []string{closed, unsettled}},
		"a success that is lost after a yes": {[]line{{"accepted", 0, 1}, {"succeeded", 0, 5}, {"threshold", 0, 100}}, nil},
	} {
		var tracks []track
		for i, l := range c.lines {
			tracks = follow(tracks, &store.JournalLine{Seq: int64(i + 1), Kind: l.kind, At: time.UnixMicro(l.at)}, &said{Code: l.code}, time.UnixMicro(100), true)
		}
		got := map[string]bool{}
		for _, t := range tracks {
			got[string(t.state.Status)+"/"+string(t.state.Stage)] = true
		}
		same := len(got) == len(c.want)
		for _, w := range c.want {
			same = same && got[w]
		}
		if !same {
			t.Errorf("%s: leads to %v, want %v", name, got, c.want)
		}
	}
}

// TestCallbacksOfOnePayment judges what no road leads to yet: more than one event of a payment.
func TestCallbacksOfOnePayment(t *testing.T) {
	for name, c := range map[string]struct {
		states []store.CallbackState
		want   int // findings about callbacks
	}{
		"none":                  {nil, 0},
		"one":                   {[]store.CallbackState{store.CallbackPending}, 0},
		"superseded by a newer": {[]store.CallbackState{store.CallbackSuperseded, store.CallbackPending}, 0},
		"superseded by nothing": {[]store.CallbackState{store.CallbackDelivered, store.CallbackSuperseded}, 1},
		"two pending":           {[]store.CallbackState{store.CallbackPending, store.CallbackPending}, 1},
		"an older one resent":   {[]store.CallbackState{store.CallbackPending, store.CallbackDelivered}, 0},
	} {
		d := &dossier{Payment: &snapshot.Payment{ID: 1}, operation: &snapshot.Operation{Operation: payout.Operation{ID: 1}}}
		for i, state := range c.states {
			e := snapshot.Event{State: state}
			e.Number, e.Operation = int64(len(c.states)-i), 1
			e.State = c.states[len(c.states)-1-i]
			d.events = append(d.events, e) // newest first: as the database likes
			d.eventCount++
		}
		d.checkEvents()
		got := 0
		for _, f := range d.faults {
			if f.Kind == KindCallback {
				got++
			}
		}
		if got != c.want {
			t.Errorf("%s: %d findings, want %d: %v", name, got, c.want, d.faults)
		}
	}
}

func TestTally(t *testing.T) {
	x := newTally()
	for _, e := range []string{"a", "b", "a", "c"} {
		x.add(e, hash(x, e))
	}
	for _, e := range []string{"c", "a", "b"} {
		x.take(e, hash(x, e))
	}
	if some, more := x.differing(); more != 0 || len(some) != 1 || !some[x.bucket("a")] {
		t.Fatalf("one «a» is left: %v, %d", some, more)
	}
	x.take("a", hash(x, "a"))
	if some, more := x.differing(); more != 0 || len(some) != 0 {
		t.Fatalf("nothing is left: %v, %d", some, more)
	}
	for i := range x.sums[:1000] {
		x.sums[i] = 1
	}
	if some, more := x.differing(); len(some) != maxBuckets || more != 1000-maxBuckets {
		t.Fatalf("%d, %d", len(some), more)
	}
}

// TestRequestsAreReadByExactNames reads scalars as the wire has them.
func TestRequestsAreReadByExactNames(t *testing.T) {
	got, err := readRequest([]byte(`{"account":{"number":"007","Number":"other"},"general":{"payment_id":42},"customer":{"id":null,"ip_address":true,"x":{}},"payment":5}`))
	if err != nil || got["account"]["number"] != "007" || got["general"]["payment_id"] != "42" || got["customer"]["id"] != "" ||
		got["customer"]["ip_address"] != "true" || got["payment"]["description"] != "" {
		t.Fatalf("%v, %v", got, err)
	}
	for _, bad := range []string{"", "null x", "[]", `"x"`} {
		if got, err := readRequest([]byte(bad)); err == nil {
			t.Errorf("%q: %v", bad, got)
		}
	}
}
