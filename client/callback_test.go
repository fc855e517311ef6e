package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"strings"
	"testing"

	"flashpay/client"
	"flashpay/signature"
)

// TestCallbackVectors holds ParseCallback to what all SDKs make of these bodies.
func TestCallbackVectors(t *testing.T) {
	raw, err := os.ReadFile("../signature/testdata/callbacks.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []struct {
		Name, Body, Secret string
		Verifies           bool
		PaymentID          string `json:"payment_id"`
		PaymentStatus      string `json:"payment_status"`
	}
	if err := json.Unmarshal(raw, &vectors); err != nil || len(vectors) == 0 {
		t.Fatalf("%d vectors, %v", len(vectors), err)
	}
	for _, v := range vectors {
		cb, err := client.ParseCallback([]byte(v.Body), v.Secret)
		if (err == nil) != v.Verifies {
			t.Errorf("%s: %v, want verified: %v", v.Name, err, v.Verifies)
			continue
		}
		if err == nil && (cb.ID != v.PaymentID || string(cb.Status) != v.PaymentStatus) {
			t.Errorf("%s: payment %q %q, want %q %q", v.Name, cb.ID, cb.Status, v.PaymentID, v.PaymentStatus)
		}
	}
}

func callbackBody(t testing.TB) string {
	return signedJSON(t, `{`+paymentJSON+`,"decision":{"message":"T"},"operation":`+operationJSON+`}`, key)
}

func TestParseCallback(t *testing.T) {
	body := callbackBody(t)
	want := client.Callback{Payment: wantPayment(), Decision: "T", Order: signature.Natural}
	want.Raw = []byte(body)
	want.Operation = want.Operations[0]
	got, err := client.ParseCallback([]byte(body), "new key", key)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(*got, want) {
		t.Errorf("got  %+v\nwant %+v", *got, want)
	}
	if _, err := client.ParseCallback([]byte(body)); !errors.Is(err, signature.ErrNoKey) {
		t.Errorf("without keys: %v", err)
	}
	// A key that was not set must not let through what anyone can sign.
	forged := signedJSON(t, `{"payment":{"id":"1","status":"success"}}`, "")
	if _, err := client.ParseCallback([]byte(forged), key, ""); !errors.Is(err, signature.ErrNoKey) {
		t.Errorf("with an empty key: %v", err)
	}
	if _, err := client.ParseCallback([]byte(body), "a", "b"); !errors.Is(err, signature.ErrMismatch) {
		t.Errorf("with other keys: %v", err)
	}
	odd := signedJSON(t, `{"payment":{"id":"1"},"operation":{"sum_initial":{"amount":1.5}}}`, key)
	if _, err := client.ParseCallback([]byte(odd), key); err == nil || !strings.Contains(err.Error(), "operation: sum_initial.amount") {
		t.Errorf("sum is no integer: %v", err)
	}
}

// TestRecutCallbacksAreRefused: somebody who has seen a callback's signature hides members in a text of another body, or
// makes members of a text. The signature fits; nothing is believed.
func TestRecutCallbacksAreRefused(t *testing.T) {
	sign := func(body string) []byte {
		sig, err := signature.Sign([]byte(body), key)
		if err != nil {
			t.Fatal(err)
		}
		return []byte(strings.Replace(body, "{", `{"signature":"`+sig+`",`, 1))
	}
	for _, body := range []string{
		`{"project_id":210,"payment":{"id":"p","description":"x;payment:status:success"}}`,
		`{"project_id":210,"payment":{"id":"p","description:x":"y"}}`,
		`{"project_id":210,"payment":{"id":"p","description":{"":"y"}}}`,
		`{"project id":210,"payment":{"id":"p"}}`,
	} {
		if _, err := client.ParseCallback(sign(body), key); !errors.Is(err, signature.ErrAmbiguous) {
			t.Errorf("%s: %v", body, err)
		}
	}
	if _, err := client.ParseCallback(sign(`{"project_id":210,"payment":{"id":"p","description":"a; b:c"}}`), key); err != nil {
		t.Error(err)
	}
}

func keys() []string { return []string{key} }

func TestCallbackHandler(t *testing.T) {
	good := callbackBody(t)
	var handled int
	var fail error
	h := client.CallbackHandler(keys, func(_ context.Context, cb *client.Callback) error {
		handled++
		if cb.ID != "p-1" {
			t.Errorf("handed payment %q", cb.ID)
		}
		return fail
	})
	for _, c := range []struct {
		name, method, body string
		fail               error
		status, handled    int
		says               string
	}{
		{"good", "POST", good, nil, 200, 1, ""},
		{"handle fails", "POST", good, errors.New("disk password is 1234"), 500, 1, "send it again"},
		{"GET", "GET", "", nil, 405, 0, "POST"},
		{"not JSON", "POST", "{", nil, 400, 0, "JSON refused at byte 1"},
		{"empty", "POST", "", nil, 400, 0, "JSON refused at byte 0"},
		{"changed", "POST", strings.Replace(good, "success", "decline", 1), nil, 400, 0, "does not fit"},
		{"as long as may be", "POST", good + strings.Repeat(" ", client.MaxCallback-len(good)), nil, 200, 1, ""},
		{"too long", "POST", good + strings.Repeat(" ", client.MaxCallback+1-len(good)), nil, 413, 0, "65536"},
	} {
		t.Run(c.name, func(t *testing.T) {
			handled, fail = 0, c.fail
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest(c.method, "/callback", strings.NewReader(c.body)))
			if w.Code != c.status || handled != c.handled || !strings.Contains(w.Body.String(), c.says) {
				t.Errorf("answered %d %q, handled %d times; want %d, %d", w.Code, w.Body, handled, c.status, c.handled)
			}
			if strings.Contains(w.Body.String(), "1234") {
				t.Error("the answer tells the handler's error")
			}
		})
	}
	w := httptest.NewRecorder()
	client.CallbackHandler(func() []string { return nil }, nil).ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", strings.NewReader(good)))
	if w.Code != 500 {
		t.Errorf("without keys: %d, want 500", w.Code)
	}
	w = httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", io.MultiReader(strings.NewReader(good), brokenReader{})))
	if w.Code != 400 {
		t.Errorf("body breaks off: %d, want 400", w.Code)
	}
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestForwarder(t *testing.T) {
	var got []string
	status := 200
	target := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		got = append(got, r.Header.Get("Content-Type")+" "+r.Header.Get("Webhook-Id")+" "+r.Header.Get("Cookie")+string(b))
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(status)
	}))
	defer target.Close()
	var reported []client.Delivery
	f := &client.Forwarder{Keys: keys, Target: target.URL, Report: func(d client.Delivery) { reported = append(reported, d) }}
	send := func(body string) int {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json; charset=utf-8")
		r.Header.Set("Webhook-Id", "evt-7")
		r.Header.Set("Cookie", "c=1")
		got, reported = nil, nil
		f.ServeHTTP(w, r)
		if len(reported) == 1 && (reported[0].Status != w.Code || string(reported[0].Body) != body) {
			t.Errorf("reported %+v, answered %d", reported[0], w.Code)
		}
		return w.Code
	}
	good := " " + callbackBody(t) + "\n" // white space shows that the bytes stay
	for _, status = range []int{200, 204, 302, 500, 503} {
		if code := send(good); code != status {
			t.Errorf("target answered %d, we %d", status, code)
		}
		if len(got) != 1 || got[0] != "application/json; charset=utf-8 evt-7 "+good {
			t.Errorf("target got %q", got)
		}
		if len(reported) != 1 || reported[0].Err != nil || reported[0].Callback.ID != "p-1" {
			t.Errorf("reported %+v", reported)
		}
	}
	if code := send(strings.Replace(good, "success", "decline", 1)); code != 400 || len(got) != 0 {
		t.Errorf("changed: %d, passed on %d times", code, len(got))
	}
	if len(reported) != 1 || !errors.Is(reported[0].Err, signature.ErrMismatch) || reported[0].Callback != nil {
		t.Errorf("changed: reported %+v", reported)
	}
	target.Close()
	if code := send(good); code != 502 || len(reported) != 1 || reported[0].Err == nil || reported[0].Callback == nil {
		t.Errorf("target is down: %d, reported %+v", code, reported)
	}
	f.Target, f.Report = "", nil
	if code := send(good); code != 200 {
		t.Errorf("without target: %d", code)
	}
}
