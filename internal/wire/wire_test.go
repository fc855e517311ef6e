package wire

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"flashpay/internal/method"
	"flashpay/signature"
)

func TestDate(t *testing.T) {
	bishkek := time.FixedZone("+06", 6*3600)
	for _, c := range []struct {
		at   time.Time
		want string
	}{
		{time.Date(2025, 2, 13, 14, 59, 31, 0, time.UTC), "2025-02-13T14:59:31+0000"},
		{time.Date(2025, 2, 13, 20, 59, 31, 0, bishkek), "2025-02-13T14:59:31+0000"},
		{time.Date(2025, 2, 13, 14, 59, 31, 999_999_999, time.UTC), "2025-02-13T14:59:31+0000"},
	} {
		if got := Date(c.at); got != c.want {
			t.Errorf("Date(%v) = %s, want %s", c.at, got, c.want)
		}
	}
}

func TestMask(t *testing.T) {
	for account, want := range map[string]string{
		"ACC1230000006789":    "ACC123******6789", // the seed's
		"4242424242424242":    "424242******4242",
		"123456789012":        "123456******9012", // 12: the shortest of the long ones
		"12345678901":         "12******01",
		"00004598":            "00******98", // 8
		"1234567":             "******67",
		"12":                  "******12",
		"1":                   "******1",
		"":                    "******",
		"өтүнмөөтүнмө":        "өтүнмө******үнмө", // 12 code points in 24 bytes
		"өтүнмөөт":            "өт******өт",
		"өтүнмө":              "******мө",
		"KG12345678901234567": "KG1234******4567",
	} {
		if got := Mask(account); got != want {
			t.Errorf("Mask(%q) = %q, want %q", account, got, want)
		}
	}
}

func TestAppendAccepted(t *testing.T) {
	got := string(AppendAccepted([]byte("x"), "2fbe5a03094681-00000001", 210, "p-\"1\"\n<é>"))
	want := `x{"status":"success","request_id":"2fbe5a03094681-00000001","project_id":210,"payment_id":"p-\"1\"\n<é>"}`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestAppendError(t *testing.T) {
	for _, c := range []struct {
		body ErrorBody
		want string
	}{
		{
			ErrorBody{Code: 2003, Message: "Invalid JSON string"},
			`{"status":"error","code":"2003","message":"Invalid JSON string"}`,
		},
		{
			ErrorBody{Code: 2442, Message: "Project ID not found", RequestID: "ab-00000001", ProjectID: 210, PaymentID: "p\\1"},
			`{"status":"error","code":"2442","message":"Project ID not found","request_id":"ab-00000001","project_id":210,"payment_id":"p\\1"}`,
		},
		{
			ErrorBody{
				Code: 2004, Message: "Required field not provided", PaymentID: "p-1",
				Errors: []ErrorItem{
					{Code: 2004, Message: "Required field not provided", Field: "account.number", Description: "add \"it\""},
					{Code: 3242, Message: "m"},
					{Field: "payment"},
				},
			},
			`{"status":"error","code":"2004","message":"Required field not provided","payment_id":"p-1","errors":[` +
				`{"code":2004,"message":"Required field not provided","field":"account.number","description":"add \"it\""},` +
				`{"code":3242,"message":"m"},{"field":"payment"}]}`,
		},
		{
			ErrorBody{Code: 0, Message: "bad \xff byte"},
			"{\"status\":\"error\",\"code\":\"0\",\"message\":\"bad \ufffd byte\"}",
		},
	} {
		got := AppendError(nil, &c.body)
		if string(got) != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
		if !json.Valid(got) {
			t.Errorf("not JSON: %s", got)
		}
	}
}

func TestEveryFaultOfARequestIsInItsAnswer(t *testing.T) {
	body := ErrorBody{Code: 702, Errors: make([]ErrorItem, 25)} // unsigned, so ten is no limit here
	var got struct{ Errors []any }
	if err := json.Unmarshal(AppendError(nil, &body), &got); err != nil || len(got.Errors) != 25 {
		t.Errorf("%d errors, %v", len(got.Errors), err)
	}
}

func TestHotAnswersAllocateNothing(t *testing.T) {
	buf := make([]byte, 0, 512)
	body := ErrorBody{Code: 501, Message: "Internal error", RequestID: "ab-00000001", ProjectID: 210, PaymentID: "p-1"}
	if n := testing.AllocsPerRun(100, func() {
		buf = AppendAccepted(buf[:0], "ab-00000001", 210, "p-1")
		buf = AppendError(buf[:0], &body)
	}); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}

func TestAppendBankList(t *testing.T) {
	got := AppendBankList(nil, []method.Bank{
		{
			ID: 7, Abbr: "TST", Name: "Test bank", NativeName: "Туршилтын банк", Min: 1000, Max: 2000000,
			LimitCurrency: "MNT", Currencies: []string{"MNT", "KWD", "ALL"},
		},
		{ID: 8, Name: "Second", Max: 1_000_000_000, LimitCurrency: "MNT", Currencies: []string{"MNT"}},
	})
	want := `[
	 {"id": 7, "abbr": "TST", "name": "Test bank", "nativeName": "Туршилтын банк", "min amount": 1000, "max amount": 2000000,
	  "limitCurrency": "MNT", "currencies": [
	   {"id": 496, "alpha_3_4217": "MNT", "number_3_4217": "496", "exponent": 2, "currency_type": "fiat"},
	   {"id": 414, "alpha_3_4217": "KWD", "number_3_4217": "414", "exponent": 3, "currency_type": "fiat"},
	   {"id": 8, "alpha_3_4217": "ALL", "number_3_4217": "008", "exponent": 2, "currency_type": "fiat"}]},
	 {"id": 8, "abbr": "", "name": "Second", "nativeName": "", "min amount": 0, "max amount": 1000000000,
	  "limitCurrency": "MNT", "currencies": [
	   {"id": 496, "alpha_3_4217": "MNT", "number_3_4217": "496", "exponent": 2, "currency_type": "fiat"}]}
	]`
	sameJSON(t, "bank list", got, []byte(want))
	if got := string(AppendBankList(nil, nil)); got != "[]" {
		t.Errorf("an empty list is %s, want []", got)
	}
}

func TestAvailableMethods(t *testing.T) {
	v := AvailableMethods(210, []MethodAvailability{{"bank-transfer/kyrgyzstan", true}, {"bank-transfer/sepa", false}})
	sameJSON(t, "available methods", v.AppendJSON(nil), []byte(`{"project_id": 210, "available_methods": [
	 {"payment_method": "bank-transfer/kyrgyzstan", "is_available": true},
	 {"payment_method": "bank-transfer/sepa", "is_available": false}]}`))
	if _, err := signature.Verify(SignedJSON(v, "secret"), "secret"); err != nil {
		t.Error(err)
	}
}

func TestSignedJSONLeavesTheBodyAlone(t *testing.T) {
	v := signature.Obj(make([]signature.Member, 0, 4)...)
	v.Members = append(v.Members, signature.Field("a", signature.Int(1)))
	first := string(SignedJSON(&v, "k1"))
	second := string(SignedJSON(&v, "k2"))
	if len(v.Members) != 1 || first == second || first != string(SignedJSON(&v, "k1")) {
		t.Errorf("body now has %d members; signed %s, then %s", len(v.Members), first, second)
	}
}

// sameJSON compares two texts as JSON: order of members and white space do not count, kinds of values do.
func sameJSON(t *testing.T, what string, got, want []byte) {
	t.Helper()
	var g, w any
	for text, into := range map[*[]byte]*any{&got: &g, &want: &w} {
		d := json.NewDecoder(strings.NewReader(string(*text)))
		d.UseNumber()
		if err := d.Decode(into); err != nil {
			t.Fatalf("%s: %v in %s", what, err, *text)
		}
	}
	if diff := cmp.Diff(w, g); diff != "" {
		t.Errorf("%s differs (-want +got):\n%s", what, diff)
	}
}
