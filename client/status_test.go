package client_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"flashpay/client"
	"flashpay/signature"
)

// signedJSON puts the signature at the root of a body.
func signedJSON(t testing.TB, body, key string) string {
	t.Helper()
	v, err := signature.Parse([]byte(body))
	if err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	v.Members = append(v.Members, signature.Field("signature", signature.Str(signature.Canonical(v).Sign(key))))
	return string(v.AppendJSON(nil))
}

// statusGate answers every request with one body and keeps what was asked.
func statusGate(t *testing.T, status int, body string) (url string, asked *string) {
	asked = new(string)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		if _, err := signature.Verify(b, key); err != nil {
			t.Errorf("request %s: %v", b, err)
		}
		v, err := signature.Parse(b)
		if err != nil {
			t.Error(err)
			return
		}
		sig, _ := signature.Find(v)
		*asked = r.URL.Path + " " + strings.Replace(string(b), sig, "…", 1)
		answer(w, status, body)
	}))
	t.Cleanup(s.Close)
	return s.URL, asked
}

const operationJSON = `{"id":5028800010128225,"type":"payout","status":"success","date":"2025-02-13T14:59:31+0000",` +
	`"created_date":"2025-02-13T20:59:24+0600","request_id":"2fbe5a03094681-00000001","sum_initial":{"amount":100000,"currency":"KGS"},` +
	`"sum_converted":{"amount":"1140","currency":"USD"},"code":"0","message":"Success","provider":{"id":21432,"payment_id":"p","auth_code":"a"}}`

const paymentJSON = `"project_id":210,"payment":{"id":"p-1","type":"payout","status":"success","method":"Bank transfer Kyrgyzstan",` +
	`"date":"2025-02-13T14:59:31+0000","sum":{"amount":100000,"currency":"KGS"},"description":"d"},` +
	`"account":{"number":"ACC123******6789"},"customer":{"id":"123"},"errors":[{"code":3023,"message":"m","field":"payment.currency"}]`

func wantPayment() client.Payment {
	return client.Payment{
		ProjectID: 210, ID: "p-1", Type: "payout", Status: client.StatusSuccess, Method: "Bank transfer Kyrgyzstan",
		Date: time.Date(2025, 2, 13, 14, 59, 31, 0, time.UTC), Sum: client.Sum{Amount: 100000, Currency: "KGS"},
		Description: "d", AccountNumber: "ACC123******6789", CustomerID: "123",
		Operations: []client.Operation{{
			ID: 5028800010128225, Type: "payout", Status: "success", Date: time.Date(2025, 2, 13, 14, 59, 31, 0, time.UTC),
			CreatedDate: time.Date(2025, 2, 13, 14, 59, 24, 0, time.UTC), RequestID: "2fbe5a03094681-00000001",
			SumInitial: client.Sum{Amount: 100000, Currency: "KGS"}, SumConverted: client.Sum{Amount: 1140, Currency: "USD"},
			Code: "0", Message: "Success", Provider: client.Provider{ID: 21432, PaymentID: "p", AuthCode: "a"},
		}},
		Errors: []client.FieldError{{Code: "3023", Message: "m", Field: "payment.currency"}},
	}
}

func TestStatus(t *testing.T) {
	body := signedJSON(t, `{`+paymentJSON+`,"operations":[`+operationJSON+`]}`, key)
	want := wantPayment()
	want.Raw = []byte(body)

	url, asked := statusGate(t, 200, body)
	got, err := newClient(t, url).Status(t.Context(), "P-1") // ids have no case
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(*got, want) {
		t.Errorf("got  %+v\nwant %+v", *got, want)
	}
	if *asked != `/v2/payment/status {"general":{"project_id":210,"payment_id":"P-1","signature":"…"}}` {
		t.Errorf("asked %s", *asked)
	}

	got, err = newClient(t, url).StatusByRequest(t.Context(), "r-1")
	if err != nil || !reflect.DeepEqual(*got, want) {
		t.Errorf("by request: %+v, %v", got, err)
	}
	if *asked != `/v2/payment/status/request {"project_id":210,"request_id":"r-1","signature":"…"}` {
		t.Errorf("asked %s", *asked)
	}
}

func TestStatusRefusesAnswers(t *testing.T) {
	whole := `{` + paymentJSON + `,"operations":[]}`
	signed := signedJSON(t, whole, key)
	for _, c := range []struct {
		name, body, says string
		is               error
	}{
		{"unsigned", whole, "missing", signature.ErrMissing},
		{"other key", signedJSON(t, whole, "other"), "does not fit", signature.ErrMismatch},
		{"changed", strings.Replace(signed, `"status":"success"`, `"status":"decline"`, 1), "does not fit", signature.ErrMismatch},
		{"no JSON", "<html>", "JSON refused at byte 0", nil},
		{"other payment", signedJSON(t, strings.Replace(whole, `"p-1"`, `"p-2"`, 1), key), `about "p-2"`, nil},
		{"other project", signedJSON(t, strings.Replace(whole, `210`, `211`, 1), key), "about project 211", nil},
		{"sum is no integer", signedJSON(t, strings.Replace(whole, `"amount":100000`, `"amount":1000.5`, 1), key), `payment.sum.amount: "1000.5" is not an integer`, nil},
		{"date is none", signedJSON(t, strings.Replace(whole, `2025-02-13T`, `13.02.2025 `, 1), key), "payment.date:", nil},
		{"operation is none", signedJSON(t, strings.Replace(whole, `"operations":[]`, `"operations":[{"id":"x"}]`, 1), key), `operations[0]: id: "x" is not an integer`, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			url, _ := statusGate(t, 200, c.body)
			p, err := newClient(t, url).Status(t.Context(), "p-1")
			if err == nil {
				t.Fatalf("accepted: %+v", p)
			}
			if !strings.Contains(err.Error(), c.says) || c.is != nil && !errors.Is(err, c.is) {
				t.Errorf("%v, want it to say %s", err, c.says)
			}
		})
	}
}

func TestStatusNotFound(t *testing.T) {
	notFound := signedJSON(t, `{"project_id":210,"payment":{"status":"error"},"operations":[],"errors":[{"code":3061,"message":"Transaction not found"}]}`, key)
	later := strings.ReplaceAll(notFound, "3061", "3062")
	later = signedJSON(t, later[:strings.LastIndex(later, `,"signature"`)]+"}", key)
	noProject := `{"status":"error","code":"2442","message":"Project ID not found"}`
	for _, c := range []struct {
		name     string
		status   int
		body     string
		code     string
		notFound bool
	}{
		{"no such payment", 200, notFound, "3061", true},
		{"no data now", 200, later, "3062", false},
		{"404", 404, `{"status":"error","code":"3061","message":"Payment not found"}`, "3061", true},
		{"404 of a project", 404, noProject, "2442", false},
		{"403", 403, `{"status":"error","code":"303"}`, "303", false},
	} {
		url, _ := statusGate(t, c.status, c.body)
		cl := newClient(t, url)
		_, byID := cl.Status(t.Context(), "p-1")
		_, byRequest := cl.StatusByRequest(t.Context(), "r-1")
		for _, err := range []error{byID, byRequest} {
			var refused *client.Error
			if !errors.As(err, &refused) || refused.Code != c.code || refused.HTTPStatus != c.status {
				t.Errorf("%s: %v, want an *Error with code %s", c.name, err, c.code)
			}
			if errors.Is(err, client.ErrNotFound) != c.notFound {
				t.Errorf("%s: %v, want ErrNotFound: %v", c.name, err, c.notFound)
			}
		}
	}
}

func TestStatusByRequestTellsTheErrorsOfARefusedRequest(t *testing.T) {
	url, _ := statusGate(t, 200, signedJSON(t, `{"project_id":210,"request_id":"r-1","errors":[{"code":3242,"message":"m","field":"account.number"}]}`, key))
	_, err := newClient(t, url).StatusByRequest(t.Context(), "r-1")
	var refused *client.Error
	if !errors.As(err, &refused) || refused.Code != "3242" || refused.RequestID != "r-1" || refused.Fields[0].Field != "account.number" {
		t.Errorf("%v, want the request's errors", err)
	}
}

func TestFinal(t *testing.T) {
	for status, want := range map[client.Status]bool{
		client.StatusSuccess: true, client.StatusDecline: true, client.StatusReversed: true,
		client.StatusProcessing: false, client.StatusAwaitingRetry: false, client.StatusAwaitingClarification: false,
		"some future status": false, "": false,
	} {
		if status.Final() != want {
			t.Errorf("%q is final: %v", status, status.Final())
		}
	}
}
