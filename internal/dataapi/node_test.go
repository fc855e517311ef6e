package dataapi_test

import (
	"encoding/json"
	"net/http"
	"os"
	"testing"

	"flashpay/internal/dataapi"
	"flashpay/internal/merchant"
	"flashpay/internal/store/people"
	"flashpay/internal/storetest"
	"flashpay/signature"
)

// The documentation's samples as the official signer for Node (npm: ecommpay 0.1.7) signs them are taken as they are. By
// hand that signer was also run against a started program: it verified each answer.
func TestRequestsOfTheNodeSigner(t *testing.T) {
	t.Parallel()
	d := newDesk(t, storetest.URL(t, storetest.SQLite))
	p := &merchant.Project{ID: 183, MerchantID: 1, Name: "Documented", Mode: merchant.Test}
	d.must(d.store.CreateProject(t.Context(), p, "secret", map[string]int64{"KGS": 5}, "test"))
	d.must(d.people.SetToken(t.Context(), "", d.user, people.Token{Token: "WKiarERJ5pcceNerpM9R5TNnyPTQMl", Secret: "secret"}, "test"))
	text, err := os.ReadFile("testdata/node-signer.json")
	d.must(err)
	var vectors []struct{ Path, Secret, String, Body string }
	d.must(json.Unmarshal(text, &vectors))
	answers := map[string]string{ // but for the signature, which follows
		"/v1/operations/get": `{"operations":[]`, "/v1/operations/get-by-payment": `{"operations":[]`, "/v1/currency-rates/get": `{"rates":[]`,
		"/v1/balance/get": `{"balance":[{"name":"Documented (183)","KGS":"5"},{"name":"Shop 210 (210)","KGS":"1000000"},{"name":"Shop 211 (211)","KGS":"1000000"}]`,
	}
	for _, v := range vectors {
		d.handler = dataapi.New(dataapi.Config{Store: d.store}).Handler() // neither pace nor turn
		a := d.send(http.MethodPost, v.Path, v.Body)
		if a.Status != http.StatusOK {
			t.Fatalf("%s of %s: %d %s", v.Path, v.String, a.Status, a.Raw)
		}
		if _, err := signature.Verify(a.Raw, v.Secret); err != nil {
			t.Errorf("%s: the answer %s: %v", v.Path, a.Raw, err)
		}
		sig, err := signature.Sign([]byte(answers[v.Path]+"}"), v.Secret)
		d.must(err)
		if want := answers[v.Path] + `,"signature":"` + sig + `"}`; string(a.Raw) != want {
			t.Errorf("%s answers %s, want %s", v.Path, a.Raw, want)
		}
	}
	if len(vectors) != 5 {
		t.Errorf("%d vectors", len(vectors))
	}
}
