package dashboard

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"flashpay/internal/accept"
	"flashpay/internal/merchant"
	"flashpay/internal/payout"
	"flashpay/internal/staff"
	"flashpay/internal/store"
	"flashpay/signature"
)

// payloads break out of text, of attributes in both quotes, of scripts, of comments and of templates.
var payloads = []string{
	`<x-evil>`, `"><x-evil>`, `'><x-evil>`, `" onxevil="1`, `' onxevil='1`, `</script><x-evil>`, `</textarea></title></select><x-evil>`,
	`--><x-evil>`, `{{.User.Email}}<x-evil>`, `javascript:xevil()`, `<svg/onxevil=1>`, `&lt;x-evil&gt;<x-evil>`, "`${xevil}`<x-evil>",
}

var (
	quoted  = regexp.MustCompile(`"[^"]*"`)
	markup  = regexp.MustCompile(`(?i)<x-evil|<[^>]*\sonxevil|<svg/onxevil`)
	scripts = regexp.MustCompile(`(?i)(?:href|src|action)="\s*javascript:`)
)

// evil is what of a payload got into a page as markup; empty: nothing.
func evil(body string) string {
	bare := quoted.ReplaceAllString(body, `""`)
	if found := markup.FindStringIndex(bare); found != nil {
		return bare[max(0, found[0]-80):min(len(bare), found[1]+40)]
	}
	return scripts.FindString(body)
}

// request is a payout whose every text that a merchant chooses is the payload.
func evilRequest(t *testing.T, n int, payload string) []byte {
	t.Helper()
	body, err := json.Marshal(map[string]any{
		"general":  map[string]any{"project_id": 210, "payment_id": fmt.Sprintf("p%d%s", n, payload), "merchant_callback_url": "https://shop.example/?q=" + escapeQuery(payload)},
		"customer": map[string]any{"id": payload, "ip_address": "192.0.2.1", "first_name": payload, "last_name": payload, "city": payload, "address": payload, "browser": payload},
		"payment":  map[string]any{"amount": 10000 + n, "currency": "KGS", "description": payload, "extra_param": payload},
		"account":  map[string]any{"number": fmt.Sprintf("10900000000%05d", n), "customer_name": payload, "bank_name": payload},
		"sender":   map[string]any{"first_name": payload, "payment_purpose": payload},
	})
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// accepted sends a request by the very way that Gate's requests take.
func (s *site) accepted(body []byte) store.Receipt {
	s.t.Helper()
	tree, err := signature.Parse(body)
	if err != nil {
		s.t.Fatal(err)
	}
	project, _ := s.Store.Project(210)
	m, _ := s.Methods.Get("bank-transfer/kyrgyzstan")
	receipt, err := s.Accept.Payout(s.t.Context(), accept.In{
		Project: project, Method: m, Tree: tree, Form: signature.Canonical(tree), Body: body, Interface: accept.InterfaceDashboard,
	})
	if err != nil {
		s.t.Fatalf("%s: %v", body, err)
	}
	return receipt
}

// What merchants and their endpoints send is text on every page, for everybody who sees it.
func TestNothingThatIsSentBecomesMarkup(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	var ids []string
	for n, payload := range payloads {
		receipt := s.accepted(evilRequest(t, n, payload))
		v, err := s.Store.PaymentView(t.Context(), 210, receipt.PaymentID)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, fmt.Sprint(v.Payment.ID))
		s.finish(v, payload)
	}
	admin := &staff.User{MerchantID: 1, Email: "evil@example.kg", Name: payloads[1], Roles: []staff.Role{staff.MerchantAdmin}}
	project, _ := s.Store.Project(210)
	named := *project
	named.Name = payloads[0]
	if err := s.Store.UpdateProject(t.Context(), &named, payloads[3]); err != nil {
		t.Fatal(err)
	}
	s.addRates()
	s.converts(210, merchant.Conversion{On: true})
	batches := s.evilFiles()
	for _, who := range []*browser{s.signedIn(staff.Operator), s.signedInAs(admin)} {
		for _, path := range batches {
			for _, page := range []string{path, path + "/rows", path + "/send?good=yes", "/manual/mass"} {
				if found := evil(who.get(page).Body); found != "" {
					t.Errorf("GET %s: %s", page, found)
				}
			}
		}
		for i := range routes {
			verb, path := example(&routes[i])
			if verb != http.MethodGet || routes[i].endsSession() {
				continue
			}
			a := who.get(path)
			if found := evil(a.Body); found != "" && strings.HasPrefix(a.Header.Get("Content-Type"), "text/html") {
				t.Errorf("GET %s: %s", path, found)
			}
		}
		for _, id := range ids {
			for _, path := range []string{"/payments/210/" + id, "/payments?open=210." + id, "/payments?project=210", "/manual", "/finance/rates?day=2024-05-23"} {
				a := who.get(path)
				if found := evil(a.Body); found != "" {
					t.Errorf("GET %s: %s", path, found)
				}
			}
			if a := who.get("/payments/210/" + id); a.Status != http.StatusOK {
				t.Errorf("payment %s is answered with %d", id, a.Status)
			}
		}
		for _, payload := range payloads {
			for _, path := range []string{"/search?q=", "/sign-in?next=", "/payments?customer=", "/payments?q=", "/payments?open=", "/nothing/", "/finance/rates?day=", "/finance/rates?currency=", "/finance/rates?source=", "/finance/rates?project="} {
				if found := evil(who.get(path + escapeQuery(payload)).Body); found != "" {
					t.Errorf("GET %s%s: %s", path, payload, found)
				}
			}
		}
	}
}

// evilFiles uploads files whose names, columns and cells are the payloads, and sends what can be sent.
func (s *site) evilFiles() (paths []string) {
	s.t.Helper()
	clerk := s.signedIn(staff.Operations)
	for n, payload := range payloads {
		cell := `"` + strings.ReplaceAll(payload, `"`, `""`) + `"`
		good := strings.Replace(massRow(210, fmt.Sprintf("file%d", n), 500), ";c-1;", ";"+cell+";", 1)
		rows := []string{good + ";" + cell}
		for _, was := range []string{"payout", ";210;", "bank-transfer/kyrgyzstan", "KGS", "50000"} {
			now := cell
			if strings.HasPrefix(was, ";") {
				now = ";" + cell + ";"
			}
			rows = append(rows, strings.Replace(massRow(210, fmt.Sprintf("bad%d%s", n, was[:2]), 500), was, now, 1)+";"+cell)
		}
		path := clerk.takes("210", "f"+payload+".csv", massHead+";"+cell+"\n"+strings.Join(rows, "\n")+"\n")
		if n%2 == 0 {
			clerk.post(path+"/send", "good", "yes", "once", fmt.Sprintf("0123456789abcdef-%d", n))
		}
		paths = append(paths, path)
	}
	s.sendBatches()
	return paths
}

func escapeQuery(text string) string {
	var b strings.Builder
	for _, c := range []byte(text) {
		fmt.Fprintf(&b, "%%%02x", c)
	}
	return b.String()
}

// finish ends a payment with a success whose callback's endpoint answers with the payload.
func (s *site) finish(v *store.View, payload string) {
	s.t.Helper()
	work, err := s.Store.Reload(s.t.Context(), 210, v.Operations[0].ID)
	if err != nil {
		s.t.Fatal(err)
	}
	_, err = s.Store.Apply(s.t.Context(), store.Step{
		Payment: work.Payment, Operation: work.Operation, Event: payout.Succeeded, Kind: "succeeded", Detail: store.Detail{}.Text("reason", payload),
		ProviderPaymentID: payload, AuthCode: payload,
	})
	if err != nil {
		s.t.Fatal(err)
	}
	deliveries, err := s.Store.Deliveries(s.t.Context(), store.DeliveryFilter{ProjectID: 210, PaymentID: v.Payment.PaymentID})
	if err != nil || len(deliveries) != 1 {
		s.t.Fatalf("callbacks: %v, %v", deliveries, err)
	}
	now := s.Store.Now()
	err = s.Store.SaveAttempt(s.t.Context(), store.Attempt{
		ProjectID: 210, Number: deliveries[0].Number, Attempt: 1, Scheduled: 0, URL: deliveries[0].URL, At: now, Duration: time.Second,
		HTTPStatus: 500, Error: payload, Answer: []byte(payload),
	}, store.CallbackPending, now.Add(time.Hour))
	if err != nil {
		s.t.Fatal(err)
	}
}
