package gate

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"flashpay/internal/merchant"
	"flashpay/internal/store"
	"flashpay/signature"
)

func TestAccepted(t *testing.T) {
	g, m := setup(t)
	a := post(t, g, kyrgyzstan, request(t))
	want := `{"status":"success","request_id":"accepted-1","project_id":210,"payment_id":"test_payment"}`
	if a.status != 200 || string(a.raw) != want {
		t.Fatalf("answered %d %s, want 200 %s", a.status, a.raw, want)
	}
	p := m.accepted["test_payment"]
	if p.ProjectID != 210 || p.Amount != 100000 || p.Account != "00004598" || p.Interface != 1 || p.Provider != "sandbox" || p.ProviderID != 6 {
		t.Errorf("accepted %+v", p)
	}
	if string(p.Request) != request(t) {
		t.Errorf("the request is not kept as received: %s", p.Request)
	}
	if m.refreshes != 0 {
		t.Errorf("a good request made %d readings of the projects", m.refreshes)
	}
}

// TestRejections has a line for each refusal of product.md §2 that one request brings about.
func TestRejections(t *testing.T) {
	long := strings.Repeat("x", 64<<10)
	for _, c := range []struct {
		name   string
		path   string
		body   string
		option option
		status int
		code   string
		items  []string
	}{
		{"too large", "", request(t, "customer.address", `"`+long+`"`), nil, 413, "702", []string{"702"}},
		{"not JSON by its type", "", request(t), func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }, 415, "702", []string{"702"}},
		{"a form", "", "general[project_id]=210", func(r *http.Request) { r.Header.Set("Content-Type", "application/x-www-form-urlencoded") }, 415, "702", []string{"702"}},
		{"a form that holds no object", "", "[]", func(r *http.Request) {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8")
		}, 415, "702", []string{"702"}},
		{"an object under the type of a form that cannot be read", "", `{"general":`, func(r *http.Request) { r.Header.Set("Content-Type", "application/x-www-form-urlencoded") }, 422, "2003", []string{"2003"}},
		{"amount as a float", "", request(t, "payment.amount", "100000.0"), nil, 400, "702", []string{"702 payment.amount"}},
		{"amount with an exponent", "", request(t, "payment.amount", "1e5"), nil, 400, "702", []string{"702 payment.amount"}},
		{"amount as a float, signed as written", "", signedAs(t, edited(t, "payment.amount", "100000.0"), strings.Replace(seedString, "amount:100000", "amount:100000.0", 1)), nil, 400, "702", []string{"702 payment.amount"}},
		{"project as a float", "", request(t, "general.project_id", "210.0"), nil, 400, "702", []string{"702 general.project_id"}},
		{"type that cannot be read", "", request(t), func(r *http.Request) { r.Header.Set("Content-Type", ";;") }, 415, "702", nil},
		{"empty body", "", "", nil, 422, "2003", []string{"2003"}},
		{"not JSON", "", `{"general":`, nil, 422, "2003", []string{"2003"}},
		{"names twice", "", `{"general":{},"general":{}}`, nil, 422, "2003", nil},
		{"trailing data", "", request(t) + "{}", nil, 422, "2003", nil},
		{"not UTF-8", "", strings.Replace(request(t), "customer123", "\xff", 1), nil, 422, "2003", nil},
		{"byte order mark", "", "\ufeff" + request(t), nil, 422, "2003", nil},
		{"too deep", "", strings.Repeat("[", 17) + strings.Repeat("]", 17), nil, 422, "2003", nil},
		{"not an object", "", `[]`, nil, 422, "2003", []string{"2003 the body"}},
		{"container for a scalar", "", request(t, "payment.amount", `[1]`), nil, 422, "2003", []string{"2003 payment.amount"}},
		{"scalar for a container", "", request(t, "account", `"1"`), nil, 422, "2003", []string{"2003 account"}},
		{"array for an object", "", request(t, "sender", `[1]`), nil, 422, "2003", []string{"2003 sender"}},
		{"empty object for an array", methodsPath, signed(t, `{"general":{"project_id":210},"payment_method_list":{}}`, key), nil, 422, "2003", []string{"2003 payment_method_list"}},
		{"nothing in an object that is required, as PHP writes it", "", request(t, "account", `[]`), nil, 400, "2004", []string{"3242 account.number"}},

		{"no general", "", edited(t, "general", ""), nil, 400, "2004", []string{"2004 general", "2004 general.project_id", "2004 general.payment_id", "3262 general.signature"}},
		{"no project_id", "", request(t, "general.project_id", ""), nil, 400, "2004", []string{"2004 general.project_id"}},
		{"no payment_id", "", request(t, "general.payment_id", ""), nil, 400, "2004", []string{"2004 general.payment_id"}},
		{"no signature", "", edited(t), nil, 400, "2004", []string{"3262 general.signature"}},
		{"signature null", "", edited(t, "general.signature", "null"), nil, 400, "2004", []string{"3262 general.signature"}},
		{"signature a number", "", edited(t, "general.signature", "1"), nil, 400, "702", []string{"3261 general.signature"}},
		{"general before the rest", "", request(t, "general.project_id", "0", "payment.amount", "0"), nil, 400, "702", []string{"702 general.project_id"}},
		{"project_id a fraction", "", request(t, "general.project_id", "210.0"), nil, 400, "702", []string{"702 general.project_id"}},
		{"project_id an exponent", "", request(t, "general.project_id", "21e1"), nil, 400, "702", []string{"702 general.project_id"}},
		{"project_id too large", "", request(t, "general.project_id", "4294967296"), nil, 400, "702", []string{"702 general.project_id"}},
		{"project unknown", "", request(t, "general.project_id", "999"), nil, 404, "2442", []string{"2442 general.project_id"}},

		{"signature empty", "", edited(t, "general.signature", `""`), nil, 400, "3262", []string{"3262 general.signature"}},
		{"signature malformed", "", edited(t, "general.signature", `"abc"`), nil, 400, "3261", []string{"3261 general.signature"}},
		{"signature too long", "", edited(t, "general.signature", `"`+strings.Repeat("a", 256)+`"`), nil, 400, "3261", nil},
		{"signature of another key", "", signed(t, seedBody, "other"), nil, 400, "3261", []string{"3261 general.signature"}},
		{"signature before the fields", "", signed(t, edited(t, "payment.amount", "0"), "other"), nil, 400, "3261", nil},

		{"all fields together", "", request(t, "payment.amount", "", "payment.currency", "", "customer.id", "7", "account", "", "general.payment_id", `" x"`), nil, 400, "2004", []string{"3024 general.payment_id", "2124 customer.id", "3286 payment.amount", "3287 payment.currency", "3242 account.number"}},
		{"payment_id outranks", "", request(t, "general.payment_id", `"x "`, "customer.id", "1", "payment.currency", `"k"`, "payment.amount", "0"), nil, 400, "3024", []string{"3024 general.payment_id", "2124 customer.id", "702 payment.amount", "3121 payment.currency"}},
		{"customer outranks", "", request(t, "customer.id", "1", "payment.currency", `"k"`, "payment.amount", "0"), nil, 400, "2124", nil},
		{"currency outranks", "", request(t, "payment.currency", `"k"`, "payment.amount", "0"), nil, 400, "3121", nil},
		{"else malformed", "", request(t, "payment.amount", "0"), nil, 400, "702", []string{"702 payment.amount"}},
		{"amount a fraction", "", request(t, "payment.amount", "100.00"), nil, 400, "702", []string{"702 payment.amount"}},
		{"amount an exponent", "", request(t, "payment.amount", "1e5"), nil, 400, "702", []string{"702 payment.amount"}},
		{"amount a string that is no integer", "", request(t, "payment.amount", `"100000.0"`), nil, 400, "702", []string{"702 payment.amount"}},
		{"account a number", "", request(t, "account.number", "4598"), nil, 400, "702", []string{"702 account.number"}},
		{"account with a space", "", request(t, "account.number", `"0000 4598"`), nil, 400, "702", []string{"702 account.number"}},
		{"callback over http in a live project", "", request(t, "general.project_id", "211", "general.merchant_callback_url", `"http://shop.kg/cb"`), nil, 400, "702", []string{"702 general.merchant_callback_url"}},
		{"fields before the method", "/v2/payment/bank-transfer/atlantis/payout", request(t, "payment.amount", "0"), nil, 400, "702", nil},
		{"method unknown", "/v2/payment/bank-transfer/atlantis/payout", request(t), nil, 400, "2541", []string{"2541"}},
		{"method disabled", "/v2/payment/bank-transfer/africa/payout", request(t), nil, 400, "2541", []string{"2541"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			g, m := setup(t)
			path, options := c.path, []option{}
			if path == "" {
				path = kyrgyzstan
			}
			if c.option != nil {
				options = append(options, c.option)
			}
			a := post(t, g, path, c.body, options...)
			wantRefused(t, a, c.status, c.code, c.items...)
			if len(m.accepted) > 0 {
				t.Error("a refused request was accepted")
			}
			for _, item := range a.json["errors"].([]any) {
				text, _ := item.(map[string]any)["description"].(string)
				if text == "" || strings.Contains(text, "0000 4598") {
					t.Errorf("description %q", text)
				}
			}
		})
	}
}

func TestOtherGroups(t *testing.T) {
	for _, path := range []string{
		"/v2/payment/banks/korea/payout", "/v2/payment/p2p-banks/x/payout", "/v2/payment/wallet/qiwi/payout", "/v2/payment/sbp-p2p/payout",
		"/v2/payment/card/payout", "/v2/payment/card/payout/token", "/v2/payment/individual/payout",
	} {
		g, m := setup(t)
		wantRefused(t, post(t, g, path, request(t)), 400, "2541")
		wantRefused(t, post(t, g, path, request(t, "general.payment_id", `" "`)), 400, "3024")
		wantRefused(t, post(t, g, path, signed(t, seedBody, "other")), 400, "3261")
		if len(m.rejections) != 2 {
			t.Errorf("%s: %d rejections kept, want the two whose signature was good", path, len(m.rejections))
		}
	}
}

func TestPathsAndMethods(t *testing.T) {
	g, _ := setup(t)
	for _, path := range []string{"/", "/v2/payment", "/v2/payment/bank-transfer//payout", "/v2/payment/bank-transfer/a/b/payout", "/v2/payment/status/", "/v1/x", "/v2/payment/bank-transfer/a%2Fb/payout"} {
		a := post(t, g, path, request(t))
		wantRefused(t, a, 404, "702", "702")
		if !strings.Contains(a.descriptions(), "POST "+payoutPath) {
			t.Errorf("%s: the answer does not say which endpoints exist: %s", path, a.raw)
		}
	}
	for path, allow := range map[string]string{kyrgyzstan: "POST", statusPath: "POST", "/provider/sandbox/notification": "POST", "/v2/payment/card/payout": "POST"} {
		for _, verb := range []string{"GET", "PUT", "OPTIONS", "DELETE"} {
			a := send(t, g, verb, path, "")
			wantRefused(t, a, 405, "702", "702")
			if a.header.Get("Allow") != allow {
				t.Errorf("%s %s: Allow %q, want %q", verb, path, a.header.Get("Allow"), allow)
			}
		}
	}
	if a := send(t, g, "POST", openapiPath, ""); a.status != 405 || a.header.Get("Allow") != "GET, HEAD" {
		t.Errorf("POST %s: %d, Allow %q", openapiPath, a.status, a.header.Get("Allow"))
	}
}

func TestRequestsAtTheLimitOfSize(t *testing.T) {
	g, _ := setup(t)
	fill := maxBody - len(request(t, "customer.address", `""`))
	body := request(t, "customer.address", `"`+strings.Repeat("x", fill)+`"`)
	if len(body) != maxBody {
		t.Fatalf("body of %d bytes", len(body))
	}
	if a := post(t, g, kyrgyzstan, body); a.status != 200 {
		t.Errorf("65,536 bytes: %d %s", a.status, a.raw)
	}
	wantRefused(t, post(t, g, kyrgyzstan, body+" "), 413, "702")
	chunked := func(r *http.Request) { r.ContentLength = -1 }
	if a := post(t, g, kyrgyzstan, body, chunked); a.status != 200 {
		t.Errorf("65,536 bytes without Content-Length: %d %s", a.status, a.raw)
	}
	wantRefused(t, post(t, g, kyrgyzstan, body+" ", chunked), 413, "702")
	short := func(r *http.Request) { r.ContentLength = int64(len(body)) }
	wantRefused(t, post(t, g, kyrgyzstan, body[:100], short), 400, "702")
}

func TestContentTypes(t *testing.T) {
	for _, ct := range []string{
		"", "application/json", "application/json; charset=utf-8", "Application/JSON;charset=UTF-8", "text/json", "application/vnd.api+json",
		"application/json; charset=", "application/json;", "application/json; charset=utf-8; charset=utf-8", "application/json ;charset",
		"application/x-www-form-urlencoded", "application/x-www-form-urlencoded; charset=UTF-8",
	} {
		g, _ := setup(t)
		set := func(r *http.Request) {
			r.Header.Del("Content-Type")
			if ct != "" {
				r.Header.Set("Content-Type", ct)
			}
		}
		if a := post(t, g, kyrgyzstan, request(t), set); a.status != 200 {
			t.Errorf("Content-Type %q: %d %s", ct, a.status, a.raw)
		}
	}
}

func TestLiberties(t *testing.T) {
	for name, body := range map[string]string{
		"project_id as a string":     request(t, "general.project_id", `"210"`),
		"amount as a string":         request(t, "payment.amount", `"100000"`),
		"empty objects of PHP":       request(t, "additional_data", `[]`, "customer.identify", `[]`, "sender", `[]`, "callback", `[]`, "payment.gift_card", `[]`, "return_url", `[]`),
		"a float, signed shortened":  request(t, "x", "87.0", "y", "1.50"),
		"a float, signed as written": signedAs(t, edited(t, "x", "87.0", "y", "1e+16"), seedString+";x:87.0;y:1e+16"),
		"null for optional members":  request(t, "sender", "null", "customer.email", "null", "payment.best_before", "null", "callback", "null", "account.bank_id", "null"),
		"unknown members":            request(t, "interface_type", `{"id":23}`, "customer.favourite", `[1,{"a":null}]`, "x", "1.5e3"),
		"zeros of the account":       request(t, "account.number", `"00000000000000000"`),
		"http callback in a test":    request(t, "general.merchant_callback_url", `"http://127.0.0.1:8082/cb"`),
		"https callback in a live":   request(t, "general.project_id", "211", "general.merchant_callback_url", `"https://shop.kg/cb"`),
		"letters of any alphabet":    request(t, "general.payment_id", `"заказ-№5"`, "customer.id", `"Айгүл"`),
		"escapes":                    strings.Replace(request(t), "test_payment", `\u0074est_payment`, 1),
		"frame_mode is not signed":   strings.Replace(request(t), `{"general"`, `{"frame_mode":"iframe","general"`, 1),
		"an avs object with members": request(t, "additional_data", `{"avs_data":{"avs_post_code":"1","avs_street_address":"2"}}`),
	} {
		g, _ := setup(t)
		if a := post(t, g, kyrgyzstan, body); a.status != 200 {
			t.Errorf("%s: %d %s", name, a.status, a.raw)
		}
	}
	g, m := setup(t)
	a := post(t, g, kyrgyzstan, request(t, "general.payment_id", "9007199254740993"))
	if a.status != 200 || a.json["payment_id"] != "9007199254740993" || m.accepted["9007199254740993"] == nil {
		t.Errorf("payment_id as an integer: %d %s", a.status, a.raw)
	}
}

func TestRepeats(t *testing.T) {
	g, m := setup(t)
	first := post(t, g, kyrgyzstan, request(t, "general.payment_id", `"Order_314"`, "payment.description", "null", "sender.zip", `"1"`))
	for name, body := range map[string]string{
		"same bytes":            request(t, "general.payment_id", `"Order_314"`, "payment.description", "null", "sender.zip", `"1"`),
		"other order":           request(t, "sender.zip", `"1"`, "payment.description", "null", "general.payment_id", `"Order_314"`),
		"empty for null":        request(t, "general.payment_id", `"Order_314"`, "payment.description", `""`, "sender.zip", `"1"`),
		"string for a number":   request(t, "general.payment_id", `"Order_314"`, "payment.description", "null", "sender.zip", `"1"`, "general.project_id", `"210"`),
		"white space":           " " + strings.ReplaceAll(request(t, "general.payment_id", `"Order_314"`, "payment.description", "null", "sender.zip", `"1"`), ",", " ,\n\t"),
		"escapes and Unicode":   strings.Replace(request(t, "general.payment_id", `"Order_314"`, "payment.description", "null", "sender.zip", `"1"`), "Order", `\u004frder`, 1),
		"an unsigned member":    strings.Replace(request(t, "general.payment_id", `"Order_314"`, "payment.description", "null", "sender.zip", `"1"`), `{"`, `{"frame_mode":"x","`, 1),
		"null for what is null": request(t, "general.payment_id", `"Order_314"`, "payment.description", "null", "sender.zip", `"1"`),
	} {
		a := post(t, g, kyrgyzstan, body)
		if a.status != 200 || string(a.raw) != string(first.raw) {
			t.Errorf("%s: %d %s, want %s", name, a.status, a.raw, first.raw)
		}
	}
	for name, body := range map[string]string{
		"absent for null":     request(t, "general.payment_id", `"Order_314"`, "sender.zip", `"1"`),
		"another amount":      request(t, "general.payment_id", `"Order_314"`, "payment.description", "null", "sender.zip", `"1"`, "payment.amount", "100001"),
		"one more member":     request(t, "general.payment_id", `"Order_314"`, "payment.description", "null", "sender.zip", `"1"`, "x", "1"),
		"the id in capitals":  request(t, "general.payment_id", `"ORDER_314"`, "payment.description", "null", "sender.zip", `"1"`),
		"the id in small":     request(t, "general.payment_id", `"order_314"`),
		"another description": request(t, "general.payment_id", `"Order_314"`, "payment.description", `" "`, "sender.zip", `"1"`),
	} {
		a := post(t, g, kyrgyzstan, body)
		wantRefused(t, a, 400, "3041", "3041 general.payment_id")
		if r, ok := m.rejections[a.json["request_id"].(string)]; !ok || r.ProjectID != 210 || r.Status != 400 || string(r.Body) != string(a.raw) {
			t.Errorf("%s: the refusal is not kept: %+v", name, r)
		}
	}
	if len(m.accepted) != 1 {
		t.Errorf("%d payments, want one", len(m.accepted))
	}
}

func TestAnotherKeyIsNoOtherContent(t *testing.T) {
	g, m := setup(t)
	m.projects[210].Keys = append(m.projects[210].Keys, merchant.Key{ID: 9, Secret: "second"})
	first := post(t, g, kyrgyzstan, signed(t, seedBody, key))
	if again := post(t, g, kyrgyzstan, signed(t, seedBody, "second")); string(again.raw) != string(first.raw) {
		t.Errorf("%s, want %s", again.raw, first.raw)
	}
}

func TestAllOrdersOfTheSDKs(t *testing.T) {
	body := edited(t, "list", `[0,1,2,3,4,5,6,7,8,9,10,11]`, "a", `{"a10":1,"a2":2,"a1":3,"a":4}`, "f", "1.0")
	distinct := map[string]bool{}
	for _, order := range signature.Orders() {
		text := signature.Canonical(parsed(t, body)).SigningString(order)
		distinct[string(text)] = true
		g, _ := setup(t)
		a := post(t, g, kyrgyzstan, edit2(t, body, "general.signature", `"`+mac(key, text)+`"`))
		if a.status != 200 {
			t.Errorf("%v: %d %s", order, a.status, a.raw)
		}
	}
	if len(distinct) != 10 {
		t.Fatalf("the body tells only %d orders apart", len(distinct))
	}
}

func TestWhatAnswersName(t *testing.T) {
	g, m := setup(t)
	for body, want := range map[string][2]any{
		`{`:                                    {nil, nil},
		edited(t, "general.project_id", `"x"`): {nil, "test_payment"},
		edited(t, "general.payment_id", `" x"`, "general.project_id", "999"):            {999.0, nil},
		edited(t, "general.payment_id", `7`, "general.signature", `"x"`):                {210.0, "7"},
		edited(t, "general.payment_id", `"`+strings.Repeat("x", 256)+`"`):               {210.0, nil},
		edited(t, "general.project_id", `0`):                                            {nil, "test_payment"},
		edited(t, "general.payment_id", `"Тест"`, "general.project_id", `"4294967295"`): {4294967295.0, "Тест"},
	} {
		a := post(t, g, kyrgyzstan, body)
		if a.json["project_id"] != want[0] || a.json["payment_id"] != want[1] || a.json["request_id"] == "" {
			t.Errorf("%s\nanswer %s, want project %v, payment %v", body, a.raw, want[0], want[1])
		}
	}
	if len(m.rejections) > 0 {
		t.Error("requests without a good signature were kept")
	}
}

func TestServerFaults(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*memory)
		status int
		code   string
	}{
		{"queue full", func(m *memory) { m.acceptErr = fmt.Errorf("accept: %w", store.ErrQueueFull) }, 503, "601"},
		{"database away", func(m *memory) { m.acceptErr = fmt.Errorf("accept: %w", store.ErrUnavailable) }, 503, "601"},
		{"client gone", func(m *memory) { m.acceptErr = context.Canceled }, 503, "601"},
		{"unknown error", func(m *memory) { m.acceptErr = errDatabase }, 500, "501"},
		{"panic", func(m *memory) { m.onAccept = func() { panic("oh") } }, 500, "501"},
	} {
		t.Run(c.name, func(t *testing.T) {
			log := &lines{}
			g, m := setup(t, log.to)
			c.change(m)
			a := post(t, g, kyrgyzstan, request(t))
			wantRefused(t, a, c.status, c.code)
			id := a.json["request_id"].(string)
			if id == "" || !strings.Contains(log.String(), id) {
				t.Errorf("the log does not have the reference %q: %s", id, log)
			}
			if strings.Contains(string(a.raw), "fire") || strings.Contains(string(a.raw), "goroutine") {
				t.Errorf("the answer tells what is inside: %s", a.raw)
			}
			if len(m.rejections) > 0 {
				t.Error("a fault of the platform is kept as a rejection")
			}
		})
	}
}

func TestRejectionThatCannotBeKept(t *testing.T) {
	log := &lines{}
	g, m := setup(t, log.to)
	m.rejectionErr = errDatabase
	wantRefused(t, post(t, g, kyrgyzstan, request(t, "payment.amount", "0")), 400, "702")
	if !strings.Contains(log.String(), "on fire") {
		t.Errorf("the log does not say that the rejection was lost: %s", log)
	}
}

func TestLimiter(t *testing.T) {
	g, _ := setup(t, func(c *Config) { c.Limiter = PerProject(time.Hour, 2) })
	for range 2 {
		if a := post(t, g, kyrgyzstan, request(t)); a.status != 200 {
			t.Fatalf("%d %s", a.status, a.raw)
		}
	}
	wantRefused(t, post(t, g, kyrgyzstan, signed(t, seedBody, "other")), 400, "3261") // costs the project nothing
	a := post(t, g, kyrgyzstan, request(t))
	wantRefused(t, a, 429, "601")
	if got := a.header.Get("Retry-After"); got != "3600" {
		t.Errorf("Retry-After %q, want 3600", got)
	}
	if a := post(t, g, kyrgyzstan, request(t, "general.project_id", "211")); a.status != 200 {
		t.Errorf("another project: %d %s", a.status, a.raw)
	}
}
