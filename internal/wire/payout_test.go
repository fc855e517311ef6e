package wire

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"flashpay/signature"
)

// The seed's two samples: R2 and R3 of protocol.md §4.4, as printed, misprint included.
const (
	r2String = `account:number:ACC123******6789;customer:id:123;decision:message:T;operation:code:0;operation:created_date:2025-02-13T14:59:24+0000;operation:date:2025-02-13T14:59:31+0000;operation:id:214;operation:message:Success;operation:provider:auth_code:;operation:provider:id:21432;operation:provider:payment_id:;operation:request_id:2fbe5a03094681-00000001;operation:status:success;operation:sum_converted:amount:10000;operation:sum_converted:currency:KGS;operation:sum_initial:amount:10000;operation:sum_initial:currency:KGS;operation:type:payout;payment:date:2025-02-13T14:59:31+0000;payment:description:;payment:id:ORDER_ID_155930150;payment:method:Bank transfer Kyrgyzstan;payment:status:success;payment:sum:amount:100000;payment:sum:currency:KGS;payment:type:payout;project_id:438385`
	r2Sig    = `1fLOieSJiEumdNq5NpgNmNyVwYFkN0XsYI6+yDr0pdUUyjvUgmchcradKt0SRrDahhseH1RE56ovE/CxKE0//Q==`
	r3String = `account:number:ACC123******6789;customer:id:123;decision:message:T;operation:code:20000;operation:created_date:2025-02-13T15:01:05+0000;operation:date:2025-02-13T15:01:12+0000;operation:id:223;operation:message:General decline;operation:provider:auth_code:;operation:provider:id:21432;operation:provider:payment_id:;operation:request_id:f9b853dc27f53e51f5d1-00000001;operation:status:decline;operation:sum_converted:amount:33200;operation:sum_converted:currency:KGS;operation:sum_initial:amount:33200;operation:sum_initial:currency:KGS;operation:type:payout;payment:date:2025-02-13T15:01:12+0000;payment:description:;payment:id:ORDER_ID_232580020;payment:method:Bank transfer Kyrgyzstan;payment:status:decline;payment:sum:amount:33200;payment:sum:currency:KGS;payment:type:payout;project_id:438385`
	r3Sig    = `p2fM0aQiYvHAafcD2fBe2Mw78O2oPAOjXibkMk6Zja6+ScUotHZhblCO6HN8pF7bjRVysGpwCcUs+h8/XVlLNQ==`
)

func seedSuccess() *CallbackFacts {
	return &CallbackFacts{
		Payment: PaymentFacts{
			ProjectID: 438385, PaymentID: "ORDER_ID_155930150", Type: "payout", Status: "success",
			Date: time.Date(2025, 2, 13, 14, 59, 31, 0, time.UTC), MethodTitle: "Bank transfer Kyrgyzstan",
			Amount: 100000, Currency: "KGS", AccountMask: Mask("ACC1230000006789"), CustomerID: "123",
		},
		Operation: OperationFacts{
			ID: 214, Type: "payout", Status: "success", Date: time.Date(2025, 2, 13, 14, 59, 31, 0, time.UTC),
			CreatedDate: time.Date(2025, 2, 13, 14, 59, 24, 0, time.UTC), RequestID: "2fbe5a03094681-00000001",
			Initial: Sum{10000, "KGS"}, Converted: Sum{10000, "KGS"}, Code: 0, Message: "Success", ProviderID: 21432,
		},
	}
}

func seedDecline() *CallbackFacts {
	f := seedSuccess()
	f.Payment.PaymentID, f.Payment.Status, f.Payment.Amount = "ORDER_ID_232580020", "decline", 33200
	f.Payment.Date = time.Date(2025, 2, 13, 15, 1, 12, 0, time.UTC)
	o := &f.Operation
	o.ID, o.Status, o.Code, o.Message, o.RequestID = 223, "decline", 20000, "General decline", "f9b853dc27f53e51f5d1-00000001"
	o.Date, o.CreatedDate = f.Payment.Date, time.Date(2025, 2, 13, 15, 1, 5, 0, time.UTC)
	o.Initial, o.Converted = Sum{33200, "KGS"}, Sum{33200, "KGS"}
	return f
}

func TestCallbackIsTheSeeds(t *testing.T) {
	for _, c := range []struct {
		sample      string
		facts       *CallbackFacts
		str, signed string
	}{
		{"success", seedSuccess(), r2String, r2Sig},
		{"decline", seedDecline(), r3String, r3Sig},
	} {
		v := Callback(c.facts)
		want, err := os.ReadFile("testdata/callback-" + c.sample + ".json")
		if err != nil {
			t.Fatal(err)
		}
		sameJSON(t, c.sample, v.AppendJSON(nil), want)
		form := signature.Canonical(v)
		if got := string(form.SigningString(signature.Natural)); got != c.str {
			t.Errorf("%s: signing string\ngot  %s\nwant %s", c.sample, got, c.str)
		}
		if got := form.Sign("secret"); got != c.signed {
			t.Errorf("%s: signature %s, want %s", c.sample, got, c.signed)
		}
		body := SignedJSON(v, "secret")
		if !strings.HasSuffix(string(body), `,"signature":"`+c.signed+`"}`) {
			t.Errorf("%s: the signature is not the last member: %s", c.sample, body)
		}
		if order, err := signature.Verify(body, "secret"); err != nil || order != signature.Natural {
			t.Errorf("%s: Verify: %v, %v", c.sample, order, err)
		}
		if _, err := signature.Verify(body, "another"); err == nil {
			t.Errorf("%s: verifies under another key", c.sample)
		}
	}
}

func TestCallbackWithRemarkAndErrors(t *testing.T) {
	f := seedDecline()
	f.Decision = "account is on a black list"
	f.Payment.Description = "Айлык акы"
	f.Operation.ProviderPaymentID, f.Operation.AuthCode = "B-1", "77"
	f.Errors = []ErrorItem{{Code: 3041, Message: "Payment ID already exists", Field: "general.payment_id", Description: "use another"}}
	v := Callback(f)
	for path, want := range map[string]string{
		"decision.message": "account is on a black list", "payment.description": "Айлык акы",
		"operation.provider.payment_id": "B-1", "operation.provider.auth_code": "77",
	} {
		if got := v.Get(strings.Split(path, ".")...); got == nil || got.Text != want || got.Kind != signature.String {
			t.Errorf("%s = %+v, want %q", path, got, want)
		}
	}
	sameJSON(t, "errors", v.Get("errors").AppendJSON(nil), []byte(
		`[{"code":3041,"message":"Payment ID already exists","field":"general.payment_id","description":"use another"}]`))
}

func TestTheSameFactsMakeTheSameBody(t *testing.T) {
	a, b := SignedJSON(Callback(seedSuccess()), "k"), SignedJSON(Callback(seedSuccess()), "k")
	if string(a) != string(b) {
		t.Errorf("%s\n%s", a, b)
	}
}

func TestStatusAnswer(t *testing.T) {
	c := seedSuccess()
	v := Status(&StatusFacts{Payment: c.Payment, Operations: []OperationFacts{c.Operation}})
	// protocol.md §7.1, with the sums of the callback sample.
	sameJSON(t, "status", v.AppendJSON(nil), []byte(`{"project_id":438385,
	 "payment":{"id":"ORDER_ID_155930150","type":"payout","status":"success","method":"Bank transfer Kyrgyzstan","date":"2025-02-13T14:59:31+0000",
	            "sum":{"amount":100000,"currency":"KGS"},"description":""},
	 "account":{"number":"ACC123******6789"},
	 "customer":{"id":"123"},
	 "operations":[{"id":214,"type":"payout","status":"success","date":"2025-02-13T14:59:31+0000","created_date":"2025-02-13T14:59:24+0000",
	   "request_id":"2fbe5a03094681-00000001","sum_initial":{"amount":10000,"currency":"KGS"},"sum_converted":{"amount":10000,"currency":"KGS"},
	   "code":"0","message":"Success","provider":{"id":21432,"payment_id":"","auth_code":""}}]}`))
}

func TestStatusErrors(t *testing.T) {
	notFound := StatusError(210, "", []ErrorItem{{Code: 3061, Message: "Transaction not found"}})
	sameJSON(t, "not found", notFound.AppendJSON(nil), []byte(
		`{"project_id":210,"payment":{"status":"error"},"operations":[],"errors":[{"code":3061,"message":"Transaction not found"}]}`))
	refused := StatusError(210, "p-1", []ErrorItem{{Code: 2004, Message: "Required field not provided", Field: "account.number"}})
	sameJSON(t, "refused", refused.AppendJSON(nil), []byte(
		`{"project_id":210,"payment":{"id":"p-1","status":"error"},"operations":[],`+
			`"errors":[{"code":2004,"message":"Required field not provided","field":"account.number"}]}`))
	if _, err := signature.Verify(SignedJSON(notFound, "secret"), "secret"); err != nil {
		t.Error(err)
	}
}

func TestSignedArraysStayBelowEleven(t *testing.T) {
	c := seedDecline()
	c.Errors = make([]ErrorItem, 14)
	for i := range c.Errors {
		c.Errors[i].Code = i + 1
	}
	if got := Callback(c).Get("errors").Items; len(got) != 10 || got[0].Get("code").Text != "1" {
		t.Errorf("callback: %d errors, want the first ten", len(got))
	}
	ops := make([]OperationFacts, 13) // twelve attempts and a reversal
	for i := range ops {
		ops[i].ID = int64(i + 1)
	}
	got := Status(&StatusFacts{Payment: c.Payment, Operations: ops, Errors: c.Errors}).Get("operations").Items
	if len(got) != 10 || got[9].Get("id").Text != "13" {
		t.Errorf("status: %d operations, want the newest ten", len(got))
	}
	if len(ops) != 13 || ops[0].ID != 1 {
		t.Error("the caller's operations were changed")
	}
}

// Property: whatever the facts, what we sign has one signing string in all orders, so it verifies under every
// SDK, and it keeps every rule of protocol.md §4.3.
func TestWhatWeEmitVerifiesInEveryOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		facts := drawCallback(t)
		key := rapid.StringN(1, 40, -1).Draw(t, "key")
		status := &StatusFacts{Payment: facts.Payment, Errors: facts.Errors}
		for i := range rapid.IntRange(0, 12).Draw(t, "operations") {
			o := facts.Operation
			o.ID += int64(i)
			status.Operations = append(status.Operations, o)
		}
		for name, v := range map[string]*signature.Value{
			"callback":     Callback(facts),
			"status":       Status(status),
			"status error": StatusError(facts.Payment.ProjectID, facts.Payment.PaymentID, facts.Errors),
		} {
			body := SignedJSON(v, key)
			if _, err := signature.Verify(body, key); err != nil {
				t.Fatalf("%s: %v\n%s", name, err, body)
			}
			parsed, err := signature.Parse(body)
			if err != nil {
				t.Fatalf("%s: %v\n%s", name, err, body)
			}
			form := signature.Canonical(parsed)
			natural := string(form.SigningString(signature.Natural))
			for _, o := range signature.Orders()[1:] {
				if got := string(form.SigningString(o)); got != natural {
					t.Fatalf("%s: order %v differs:\n%s\n%s", name, o, got, natural)
				}
			}
			if broken := brokenRule(parsed, "", true); broken != "" {
				t.Fatalf("%s: %s\n%s", name, broken, body)
			}
		}
	})
}

func drawCallback(t *rapid.T) *CallbackFacts {
	text := rapid.String()
	sum := rapid.Int64Range(0, 10_000_000_000_000)
	at := rapid.Map(rapid.Int64Range(0, 4102444800), func(s int64) time.Time { return time.Unix(s, 0) })
	f := &CallbackFacts{
		Payment: PaymentFacts{
			ProjectID: rapid.Int64Range(1, 1<<32-1).Draw(t, "project"), PaymentID: text.Draw(t, "payment id"), Type: "payout",
			Status: rapid.SampledFrom([]string{"success", "decline", "awaiting retry", "reversed"}).Draw(t, "status"),
			Date:   at.Draw(t, "date"), MethodTitle: text.Draw(t, "title"), Amount: sum.Draw(t, "amount"), Currency: "KGS",
			Description: text.Draw(t, "description"), AccountMask: Mask(text.Draw(t, "account")), CustomerID: text.Draw(t, "customer"),
		},
		Operation: OperationFacts{
			ID: rapid.Int64Range(1, 1<<52).Draw(t, "operation"), Type: "payout", Status: "success", Date: at.Draw(t, "op date"),
			CreatedDate: at.Draw(t, "created"), RequestID: text.Draw(t, "request id"), Initial: Sum{sum.Draw(t, "initial"), "USD"},
			Converted: Sum{sum.Draw(t, "converted"), "KGS"}, Code: rapid.IntRange(0, 99999).Draw(t, "code"), Message: text.Draw(t, "message"),
			ProviderID: rapid.Int64Range(0, 99999).Draw(t, "provider"), ProviderPaymentID: text.Draw(t, "bank's id"), AuthCode: text.Draw(t, "auth"),
		},
		Decision: text.Draw(t, "decision"),
	}
	for range rapid.IntRange(0, 12).Draw(t, "errors") {
		f.Errors = append(f.Errors, ErrorItem{
			Code: rapid.IntRange(0, 99999).Draw(t, "error code"), Message: text.Draw(t, "error"),
			Field: text.Draw(t, "field"), Description: text.Draw(t, "words"),
		})
	}
	return f
}

var digitsOfName = regexp.MustCompile(`[0-9]+`)

// brokenRule names the first rule of protocol.md §4.3 that a body breaks; empty where it keeps them all.
func brokenRule(v *signature.Value, path string, root bool) string {
	switch v.Kind {
	case signature.Null:
		return path + " is null"
	case signature.Number:
		if n, err := strconv.ParseInt(v.Text, 10, 64); err != nil || n >= 1<<53 || n <= -(1<<53) {
			return path + " is no integer below 2^53: " + v.Text
		}
	case signature.Array:
		if len(v.Items) > 10 {
			return fmt.Sprintf("%s has %d elements", path, len(v.Items))
		}
		for i := range v.Items {
			if broken := brokenRule(&v.Items[i], path+"."+strconv.Itoa(i), false); broken != "" {
				return broken
			}
		}
	case signature.Object:
		return brokenNames(v, path, root)
	}
	return ""
}

func brokenNames(v *signature.Value, path string, root bool) string {
	signatures := 0
	stems := map[string]bool{}
	for i := range v.Members {
		name := v.Members[i].Name
		if name == "signature" {
			signatures++
		}
		if strings.Contains(name, ":") {
			return path + " has a name with a colon: " + name
		}
		stem := digitsOfName.ReplaceAllString(name, "0")
		if stems[stem] {
			return path + " has two names that differ only by digits: " + name
		}
		stems[stem] = true
		for _, other := range v.Members {
			if rest, ok := strings.CutPrefix(other.Name, name); ok && rest != "" && rest[0] >= '0' && rest[0] <= '9' {
				return path + ": " + other.Name + " continues " + name + " with a digit"
			}
		}
		if broken := brokenRule(&v.Members[i].Value, path+"."+name, false); broken != "" {
			return broken
		}
	}
	if want := map[bool]int{true: 1, false: 0}[root]; signatures != want {
		return fmt.Sprintf("%s has %d signatures, want %d", path, signatures, want)
	}
	return ""
}

// The checker itself must be able to fail.
func TestBrokenRulesAreSeen(t *testing.T) {
	for body, rule := range map[string]string{
		`{"signature":"x","a":null}`:                          "null",
		`{"signature":"x","a":1.5}`:                           "no integer",
		`{"signature":"x","a":9007199254740992}`:              "no integer",
		`{"signature":"x","a":[1,2,3,4,5,6,7,8,9,10,11]}`:     "11 elements",
		`{"signature":"x","a:b":1}`:                           "colon",
		`{"signature":"x","a1":1,"a2":1}`:                     "only by digits",
		`{"signature":"x","a":1,"a2":1}`:                      "with a digit",
		`{"a":1}`:                                             "0 signatures",
		`{"signature":"x","a":{"signature":"y"}}`:             "1 signatures",
		`{"signature":"x","project_id":1,"a":[{"b":"text"}]}`: "",
	} {
		v, err := signature.Parse([]byte(body))
		if err != nil {
			t.Fatal(err)
		}
		if got := brokenRule(v, "", true); (rule == "") != (got == "") || !strings.Contains(got, rule) {
			t.Errorf("%s: %q, want %q", body, got, rule)
		}
	}
}

func BenchmarkCallback(b *testing.B) {
	f := seedSuccess()
	b.ReportAllocs()
	for b.Loop() {
		SignedJSON(Callback(f), "secret")
	}
}

// TestTextsFromOutsideStayTexts: a bank's text that tries to be a member of the callback cannot be read as one.
func TestTextsFromOutsideStayTexts(t *testing.T) {
	const evil = "x;payment:status:success;operation:code:0"
	f := seedSuccess()
	f.Decision, f.Operation.AuthCode, f.Operation.ProviderPaymentID, f.Operation.Message = evil, evil, evil, evil
	f.Payment.Description, f.Payment.CustomerID, f.Payment.MethodTitle = evil, evil, evil
	f.Errors = []ErrorItem{{Code: 1, Message: evil, Field: evil, Description: evil}}
	for _, v := range []*signature.Value{
		Callback(f), Status(&StatusFacts{Payment: f.Payment, Operations: []OperationFacts{f.Operation}, Errors: f.Errors}),
		StatusError(210, evil, f.Errors), AvailableMethods(210, []MethodAvailability{{evil, true}}),
	} {
		body := SignedJSON(v, "secret")
		if found := signature.Canonical(v).Ambiguous(); len(found) > 0 {
			t.Errorf("%+v in %s", found, body)
		}
		if _, err := signature.Verify(body, "secret"); err != nil || strings.Contains(string(body), ";p") || !strings.Contains(string(body), "; payment:status") {
			t.Errorf("%v: %s", err, body)
		}
	}
}
