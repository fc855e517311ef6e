package gate

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"flashpay/internal/merchant"
	"flashpay/internal/method"
	"flashpay/internal/payout"
	"flashpay/internal/store"
	"flashpay/openapi"
	"flashpay/signature"
)

// wantSigned checks that an answer carries its signature under k.
func wantSigned(t testing.TB, a *answer, k string) {
	t.Helper()
	if order, err := signature.Verify(a.raw, k); err != nil || order != signature.Natural {
		t.Errorf("signature under %q: %v, order %v: %s", k, err, order, a.raw)
	}
}

func view(status payout.Status, code int) *store.View {
	at := time.Date(2025, 2, 13, 14, 59, 24, 500, time.UTC)
	return &store.View{
		Payment: payout.Payment{
			ID: 1, ProjectID: 210, PaymentID: "P-1", RequestID: "2fbe5a03094681-00000001", Status: status, MethodTitle: "Bank transfer Kyrgyzstan",
			Amount: 100000, Currency: "KGS", AccountMask: "ACC123******6789", CustomerID: "123", UpdatedAt: at.Add(7 * time.Second),
		},
		Operations: []payout.Operation{{
			ID: 214, Number: 1, Status: status, ProviderID: 21432, Submits: 1, Amount: 100000, Currency: "KGS", Code: code, CreatedAt: at, UpdatedAt: at.Add(7 * time.Second),
		}},
	}
}

func statusBody(t testing.TB, id string) string {
	return signed(t, fmt.Sprintf(`{"general":{"project_id":210,"payment_id":%q}}`, id), key)
}

func TestStatus(t *testing.T) {
	g, m := setup(t)
	m.views["210/p-1"] = view(payout.Success, 0)
	a := post(t, g, statusPath, statusBody(t, "p-1"))
	want := `{"project_id":210,"payment":{"id":"P-1","type":"payout","status":"success","date":"2025-02-13T14:59:31+0000","method":"Bank transfer Kyrgyzstan","sum":{"amount":100000,"currency":"KGS"},"description":""},` +
		`"account":{"number":"ACC123******6789"},"customer":{"id":"123"},"operations":[{"id":214,"type":"payout","status":"success","date":"2025-02-13T14:59:31+0000","created_date":"2025-02-13T14:59:24+0000",` +
		`"request_id":"2fbe5a03094681-00000001","sum_initial":{"amount":100000,"currency":"KGS"},"sum_converted":{"amount":100000,"currency":"KGS"},"code":"0","message":"Success","provider":{"id":21432,"payment_id":"","auth_code":""}}],"signature":"`
	if a.status != 200 || !strings.HasPrefix(string(a.raw), want) {
		t.Errorf("answered %d\n%s\nwant\n%s", a.status, a.raw, want)
	}
	wantSigned(t, a, key)

	for status, want := range map[payout.Status]string{payout.Processing: "29999", payout.Decline: "20106"} {
		m.views["210/p-1"] = view(status, map[payout.Status]int{payout.Decline: 20106}[status])
		a := post(t, g, statusPath, statusBody(t, "P-1"))
		operation := a.json["operations"].([]any)[0].(map[string]any)
		if operation["code"] != want || operation["status"] != string(status) || a.json["payment"].(map[string]any)["status"] != string(status) {
			t.Errorf("%s: %s", status, a.raw)
		}
		wantSigned(t, a, key)
	}
}

func TestStatusOfNothing(t *testing.T) {
	g, _ := setup(t)
	a := post(t, g, statusPath, statusBody(t, "nothing"))
	if a.status != 200 || a.json["payment"].(map[string]any)["status"] != "error" || len(a.json["operations"].([]any)) != 0 || a.items()[0] != "3061" {
		t.Errorf("answered %d %s", a.status, a.raw)
	}
	wantSigned(t, a, key)
}

func TestStatusFaults(t *testing.T) {
	g, m := setup(t)
	wantRefused(t, post(t, g, statusPath, statusBody(t, " x")), 400, "3024", "3024 general.payment_id")
	wantRefused(t, post(t, g, statusPath, signed(t, `{"general":{"project_id":210,"payment_id":"x"},"destination":"moon"}`, key)), 400, "702", "702 destination")
	wantRefused(t, post(t, g, statusPath, signed(t, `{"general":{"project_id":210,"payment_id":null}}`, key)), 400, "2004", "2004 general.payment_id")
	wantRefused(t, post(t, g, requestPath, signed(t, `{"project_id":210}`, key)), 400, "2004", "2004 request_id")
	wantRefused(t, post(t, g, requestPath, signed(t, `{"project_id":210,"request_id":"`+strings.Repeat("x", 101)+`"}`, key)), 400, "702", "702 request_id")
	for err, status := range map[error]int{store.ErrUnavailable: 503, errDatabase: 500, &net.OpError{Op: "dial", Err: errDatabase}: 503} {
		m.viewErr = err
		for _, path := range []string{statusPath, requestPath} {
			if a := post(t, g, path, everyRequest(t)[path]); a.status != status {
				t.Errorf("%s with %v: %d %s", path, err, a.status, a.raw)
			}
		}
	}
	m.viewErr = nil
	for err, status := range map[error]int{store.ErrUnavailable: 503, errDatabase: 500} {
		m.rejectionErr = err
		if a := post(t, g, requestPath, everyRequest(t)[requestPath]); a.status != status {
			t.Errorf("rejection with %v: %d %s", err, a.status, a.raw)
		}
	}
}

func requestBody(t testing.TB, project int, id any) string {
	return signed(t, fmt.Sprintf(`{"project_id":%d,"request_id":%q}`, project, id), key)
}

func TestStatusByRequest(t *testing.T) {
	g, m := setup(t)
	m.views["210?r-1"] = view(payout.Decline, 3028)
	a := post(t, g, requestPath, requestBody(t, 210, "r-1"))
	if a.status != 200 || a.json["payment"].(map[string]any)["id"] != "P-1" || a.json["operations"].([]any)[0].(map[string]any)["message"] != "Insufficient funds on merchant balance" {
		t.Errorf("answered %d %s", a.status, a.raw)
	}
	wantSigned(t, a, key)
	wantRefused(t, post(t, g, requestPath, requestBody(t, 211, "r-1")), 404, "3061", "3061 request_id")
}

func TestStatusOfARefusedRequest(t *testing.T) {
	g, m := setup(t)
	for body, want := range map[string][]string{
		request(t, "payment.amount", "", "customer.phone", `"+996"`): {"702 customer.phone", "3286 payment.amount"},
		request(t, "general.payment_id", `"other-data"`):             {"3041 general.payment_id"},
	} {
		m.acceptErr = store.ErrOtherData
		refusal := post(t, g, kyrgyzstan, body)
		a := post(t, g, requestPath, requestBody(t, 210, refusal.json["request_id"]))
		if a.status != 200 || fmt.Sprint(a.items()) != fmt.Sprint(want) || a.json["payment"].(map[string]any)["status"] != "error" {
			t.Errorf("answered %d %s, want errors %v", a.status, a.raw, want)
		}
		if a.json["payment"].(map[string]any)["id"] != refusal.json["payment_id"] {
			t.Errorf("payment %v, want %v", a.json["payment"], refusal.json["payment_id"])
		}
		wantSigned(t, a, key)
		wantRefused(t, post(t, g, requestPath, requestBody(t, 211, refusal.json["request_id"])), 404, "3061")
	}
	unknown := post(t, g, "/v2/payment/bank-transfer/atlantis/payout", request(t))
	if a := post(t, g, requestPath, requestBody(t, 210, unknown.json["request_id"])); a.items()[0] != "2541" {
		t.Errorf("answered %s", a.raw)
	}
	bad := post(t, g, kyrgyzstan, signed(t, seedBody, "other"))
	wantRefused(t, post(t, g, requestPath, requestBody(t, 210, bad.json["request_id"])), 404, "3061")

	m.rejections["broken"] = store.Rejection{RequestID: "broken", ProjectID: 210, Body: []byte("{")}
	wantRefused(t, post(t, g, requestPath, requestBody(t, 210, "broken")), 500, "501")
	m.rejections["short"] = store.Rejection{RequestID: "short", ProjectID: 210, Body: []byte(`{"status":"error","code":"702","message":"Malformed request"}`)}
	if a := post(t, g, requestPath, requestBody(t, 210, "short")); a.items()[0] != "702" {
		t.Errorf("answered %s", a.raw)
	}
}

const banksOf = "/v2/info/banks/bank-transfer/%s/payout/list"

func TestBankList(t *testing.T) {
	methods, err := method.Load(nil)
	if err != nil {
		t.Fatal(err)
	}
	georgia, _ := methods.Get("bank-transfer/georgia")
	georgia.Enabled = true // of this test's own registry
	georgia.Banks = []method.Bank{
		{ID: 7, Abbr: "TBC", Name: "TBC Bank", NativeName: "თიბისი", Min: 100, Max: 1000000, LimitCurrency: "GEL", Currencies: []string{"GEL", "USD"}},
		{ID: 8, Abbr: "X", Name: "X", LimitCurrency: "USD", Currencies: []string{"USD"}},
	}
	g, m := setup(t, func(c *Config) { c.Methods = methods })
	body := func(currency string) string {
		return signed(t, `{"general":{"project_id":210,"payment_id":"any"},"payment":{"amount":100,"currency":"`+currency+`"}}`, key)
	}
	a := post(t, g, fmt.Sprintf(banksOf, "georgia"), body("GEL"))
	want := `[{"id":7,"abbr":"TBC","name":"TBC Bank","nativeName":"თიბისი","min amount":100,"max amount":1000000,"limitCurrency":"GEL","currencies":[` +
		`{"id":981,"alpha_3_4217":"GEL","number_3_4217":"981","exponent":2,"currency_type":"fiat"},{"id":840,"alpha_3_4217":"USD","number_3_4217":"840","exponent":2,"currency_type":"fiat"}]}]`
	if a.status != 200 || string(a.raw) != want {
		t.Errorf("answered %d\n%s\nwant\n%s", a.status, a.raw, want)
	}
	if a := post(t, g, fmt.Sprintf(banksOf, "kyrgyzstan"), body("KGS")); a.status != 200 || string(a.raw) != "[]" {
		t.Errorf("a method without banks: %d %s", a.status, a.raw)
	}
	wantRefused(t, post(t, g, fmt.Sprintf(banksOf, "africa"), body("NGN")), 400, "2541")
	wantRefused(t, post(t, g, fmt.Sprintf(banksOf, "atlantis"), body("NGN")), 400, "2541")
	wantRefused(t, post(t, g, fmt.Sprintf(banksOf, "georgia"), body("ZZZ")), 400, "3121", "3121 payment.currency")
	wantRefused(t, post(t, g, fmt.Sprintf(banksOf, "georgia"), signed(t, `{"general":{"project_id":210,"payment_id":"any"}}`, key)), 400, "2004",
		"2004 payment", "3286 payment.amount", "3287 payment.currency")
	if len(m.rejections) > 0 {
		t.Error("refusals of questions were kept")
	}
}

func TestAvailableMethods(t *testing.T) {
	g, m := setup(t)
	ask := func(list string) *answer {
		t.Helper()
		a := post(t, g, methodsPath, signed(t, `{"general":{"project_id":210},"payment_method_list":`+list+`}`, key))
		if a.status == 200 {
			wantSigned(t, a, key)
		}
		return a
	}
	a := ask(`[{"payment_method":"kyrgyzstan","amount":1500,"currency":"KGS"},{"payment_method":"bank-transfer/kyrgyzstan"},{"payment_method":"kyrgyzstan","currency":null,"amount":null},
		{"payment_method":"kyrgyzstan","amount":1499,"currency":"KGS"},{"payment_method":"kyrgyzstan","amount":1500001,"currency":"KGS"},
		{"payment_method":"kyrgyzstan","amount":1500,"currency":"USD"},{"payment_method":"africa"},{"payment_method":"card"}]`)
	var got []bool
	for _, line := range a.json["available_methods"].([]any) {
		got = append(got, line.(map[string]any)["is_available"].(bool))
	}
	if fmt.Sprint(got) != fmt.Sprint([]bool{true, true, true, false, false, false, false, false}) {
		t.Errorf("available: %v in %s", got, a.raw)
	}
	one := `[{"payment_method":"kyrgyzstan","amount":2000,"currency":"KGS"}]`
	available := func() bool {
		return ask(one).json["available_methods"].([]any)[0].(map[string]any)["is_available"].(bool)
	}
	for name, change := range map[string]func(){
		"blocked": func() { m.projects[210].Blocked = true },
		"disabled": func() {
			m.projects[210].Settings.Methods = map[string]merchant.MethodSettings{"bank-transfer/kyrgyzstan": {Disabled: true}}
		},
		"currency": func() {
			m.projects[210].Settings.Methods = map[string]merchant.MethodSettings{"bank-transfer/kyrgyzstan": {Currencies: []string{"USD"}}}
		},
		"its limit": func() {
			m.projects[210].Settings.Methods = map[string]merchant.MethodSettings{"bank-transfer/kyrgyzstan": {Min: merchant.Sums{"KGS": 2001}}}
		},
		"its other": func() {
			m.projects[210].Settings.Methods = map[string]merchant.MethodSettings{"bank-transfer/kyrgyzstan": {Max: merchant.Sums{"KGS": 1999}}}
		},
	} {
		m.projects[210] = &merchant.Project{ID: 210, Mode: merchant.Test, Keys: []merchant.Key{{Secret: key}}}
		if !available() {
			t.Error("not available before the change")
		}
		if change(); available() {
			t.Errorf("available although %s", name)
		}
	}
	m.projects[210] = &merchant.Project{ID: 210, Mode: merchant.Test, Keys: []merchant.Key{{Secret: key}}}
	g.Route = func(*merchant.Project, *method.Method) (string, int64, bool) { return "", 0, false }
	if available() {
		t.Error("available without provider")
	}
	if g.Route = nil; available() {
		t.Error("available without routes")
	}
	wantRefused(t, ask(`[{"payment_method":""},{"payment_method":"x","amount":0}]`), 400, "2004", "2004 payment_method_list.0.payment_method", "702 payment_method_list.1.amount")
	wantRefused(t, ask("["+strings.Repeat(`{"payment_method":"x"},`, 10)+`{"payment_method":"x"}]`), 400, "702", "702 payment_method_list")
	wantRefused(t, ask(`{}`), 422, "2003", "2003 payment_method_list")
}

func TestOpenAPIIsServed(t *testing.T) {
	g, _ := setup(t)
	if a := send(t, g, "GET", openapiPath, ""); a.status != 200 || string(a.raw) != string(openapi.Gate) {
		t.Errorf("answered %d, %d bytes", a.status, len(a.raw))
	}
	if a := send(t, g, "HEAD", openapiPath, ""); a.status != 200 {
		t.Errorf("HEAD: %d", a.status)
	}
}
