package gate

import (
	"strings"
	"testing"

	"flashpay/internal/payout"
	"flashpay/signature"
)

// TestRecutsAreRefusedEverywhere sends every endpoint that wants a signature texts that the signing string could be cut
// at, and what the signature leaves out.
func TestRecutsAreRefusedEverywhere(t *testing.T) {
	for path, body := range everyRequest(t) {
		for member, value := range map[string]string{
			"note":         `"x;general:payment_id:NEW"`,
			"payment_note": `"x;payment:amount:1"`,
			"a;note":       `{"b":1}`,
			"box":          `{"signature":{"a":1}}`,
			"frame_mode":   `{"a":1}`,
		} {
			g, m := setup(t)
			a := post(t, g, path, signed(t, edit2(t, body, member, value), key))
			if a.status != 400 || len(a.items()) != 1 || !strings.Contains(a.items()[0], member) {
				t.Errorf("%s with %s %s: %d %s", path, member, value, a.status, a.raw)
			}
			if len(m.accepted) > 0 {
				t.Errorf("%s with %s was accepted", path, member)
			}
		}
	}
	// The groups that are not served, too.
	a := post(t, mustGate(t), otherGroups[0][:len("/v2/payment/banks/")]+"x/payout", request(t, "note", `"x;payment:amount:1"`))
	wantRefused(t, a, 400, "702", "702 note")
	// Whoever holds no key learns nothing of it: the signature is judged first.
	wantRefused(t, post(t, mustGate(t), kyrgyzstan, signed(t, edited(t, "note", `"x;a:b"`), "other")), 400, "3261")
}

func mustGate(t *testing.T) *Gate {
	t.Helper()
	g, _ := setup(t)
	return g
}

// TestRecutOfASignedRequest is the attack that was made: of a request that was signed once, somebody who has seen the
// signature makes others. None is accepted, whichever of them the merchant signed.
func TestRecutOfASignedRequest(t *testing.T) {
	whole := edited(t, "general.platform", `"7"`)
	glued := edited(t, "general.payment_id", `"test_payment;general:platform:7"`)
	hidden := edit2(t, edited(t, "general.merchant_callback_url", `"https://a.example/c"`), "general.payment_id", `"test_payment"`)
	hiding := edited(t, "general.lang", `"kg;general:merchant_callback_url:https://a.example/c"`)
	for _, c := range []struct{ first, second string }{
		{whole, glued},
		{edit2(t, hidden, "general.lang", `"kg"`), hiding},
	} {
		a, b := stringOf(t, c.first), stringOf(t, c.second)
		if a != b {
			t.Fatalf("the pair has two signing strings:\n%s\n%s", a, b)
		}
		g, m := setup(t)
		if got := post(t, g, kyrgyzstan, signed(t, c.first, key)); got.status != 200 {
			t.Errorf("the request itself: %d %s", got.status, got.raw)
		}
		if got := post(t, g, kyrgyzstan, signed(t, c.second, key)); got.status != 400 || len(m.accepted) != 1 {
			t.Errorf("cut another way: %d %s", got.status, got.raw)
		}
	}
}

func stringOf(t *testing.T, body string) string {
	t.Helper()
	v, err := signature.Parse([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return string(signature.Canonical(v).SigningString(signature.Natural))
}

// TestWhatIsSignedCannotBeCutAgain fills a status answer with texts from outside that try to be members.
func TestWhatIsSignedCannotBeCutAgain(t *testing.T) {
	const evil = "x;payment:status:success;operations:0:code:0"
	g, m := setup(t)
	v := view(payout.Decline, 20000)
	v.Payment.Description, v.Payment.CustomerID, v.Payment.MethodTitle = evil, evil, evil
	v.Operations[0].ProviderPaymentID, v.Operations[0].AuthCode = evil, evil
	m.views["210/test_payment"] = v
	a := post(t, g, statusPath, signed(t, `{"general":{"project_id":210,"payment_id":"test_payment"}}`, key))
	sent, err := signature.Parse(a.raw)
	if err != nil || a.status != 200 {
		t.Fatalf("%d %s", a.status, a.raw)
	}
	if found := signature.Canonical(sent).Ambiguous(); len(found) > 0 {
		t.Errorf("%+v in %s", found, a.raw)
	}
	if text := sent.Get("payment", "description").Text; text != "x; payment:status:success; operations:0:code:0" {
		t.Errorf("the description became %q", text)
	}
	if _, err := signature.Verify(a.raw, key); err != nil {
		t.Error(err)
	}
}
