package payout

import (
	"strings"
	"testing"
)

// TestTableOfMoves walks all states and events: the table may only do what product.md §3 allows.
func TestTableOfMoves(t *testing.T) {
	statuses := []Status{Processing, AwaitingRetry, Decline, Success, Reversed}
	stages := []Stage{New, Sending, Disputed, Unsettled, Settled, Refunded, Closed}
	found := 0
	for _, status := range statuses {
		for _, stage := range stages {
			for _, e := range Events() {
				s := State{status, stage}
				m, ok := s.On(e)
				if !ok {
					continue
				}
				found++
				checkMove(t, s, e, m)
			}
		}
	}
	if found != len(Moves()) {
		t.Errorf("%d moves are found, the table has %d: a state or event is missing here, or a row stands twice", found, len(Moves()))
	}
}

func checkMove(t *testing.T, s State, e Event, m Move) {
	t.Helper()
	to := m.To
	if m.From != s || m.On != e {
		t.Errorf("%v on %s finds the row of %v on %s", s, e, m.From, m.On)
	}
	if s.Status.Final() && to.Status != s.Status && (s.Status != Success || to.Status != Reversed) {
		t.Errorf("%v on %s leaves a final status for %v", s, e, to)
	}
	if m.Callback != (to.Status != s.Status) {
		t.Errorf("%v on %s to %v: the merchant is told of each change of status, and of nothing else", s, e, to)
	}
	// Where the money must lie in each stage, and so what a move must do with it.
	funds := map[[2]string]Funds{
		{"held", "held"}: KeepFunds, {"held", "spent"}: SpendHold, {"held", "returned"}: ReturnHold, {"held", "disputed"}: DisputeHold,
		{"disputed", "disputed"}: KeepFunds, {"disputed", "returned"}: ReturnDispute,
		{"disputed", "spent"}: SpendDispute, {"returned", "spent"}: SpendLate, {"spent", "returned"}: Refund,
		{"spent", "spent"}: KeepFunds, {"returned", "returned"}: KeepFunds,
	}
	want, ok := funds[[2]string{place(s), place(to)}]
	if to.Status == Reversed && s.Status != Reversed {
		want = map[string]Funds{"held": ReverseHold, "spent": Reverse}[place(s)]
	}
	if !ok || m.Funds != want {
		t.Errorf("%v on %s to %v does %q with the funds, want %q", s, e, to, m.Funds, want)
	}
}

// place is where the money of an operation lies.
func place(s State) string {
	switch {
	case s.Stage == New || s.Stage == Sending:
		return "held"
	case s.Stage == Disputed || s.Stage == Unsettled:
		return "disputed"
	case s.Stage == Refunded:
		return "returned"
	case s.Status == Success || s.Stage == Settled:
		return "spent"
	}
	return "returned"
}

func TestRegistryHasTheCodesThatThePlatformGives(t *testing.T) {
	want := map[int]string{
		CodeSuccess: "Success", CodeAutoDecline: "Auto decline", CodePaymentIDExists: "Payment ID already exists",
		CodeInsufficientFunds: "Insufficient funds on merchant balance", CodeAwaiting: "Awaiting processing", CodeSignature: "Invalid signature",
	}
	for code, message := range want {
		if c, ok := LookUp(code); !ok || c.Message != message {
			t.Errorf("%d: %+v, want %q", code, c, message)
		}
	}
	if len(registry) != 378 {
		t.Errorf("the registry has %d codes, protocol.md §8 says 378", len(registry))
	}
	if Message(-1) != "General decline" {
		t.Errorf("an unknown code reads %q", Message(-1))
	}
	for _, bad := range []string{"code,message,action\nx,y,z\n", "code,message,action\n1,a,b\n1,a,b\n", "code,message,action\n\"\n"} {
		if _, err := readRegistry(bad); err == nil {
			t.Errorf("%q is read without an error", bad)
		}
	}
}

func TestFold(t *testing.T) {
	for _, pair := range [][2]string{
		{"order_314", "Order_314"}, {"ТӨЛӨМ-Ң", "төлөм-ң"}, {"STRASSE", "straße"}, {"ς", "σ"}, {"", ""}, {"k", "\u212a"},
	} {
		if Fold(pair[0]) != Fold(pair[1]) {
			t.Errorf("%q and %q are one id", pair[0], pair[1])
		}
	}
	if Fold("é") == Fold("e\u0301") {
		t.Error("there is no normalisation")
	}
	if s := strings.Repeat("a", 255); Fold(s) != s {
		t.Error("what is folded already stays")
	}
}
