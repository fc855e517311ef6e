package dataapi_test

import (
	"net/http"
	"testing"

	"flashpay/internal/storetest"
)

// No text makes an answer fail, wherever it stands: in what is signed, in a token or signature, in a name, in the path.
func TestNoTextMakesAnAnswerFail(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		d := newDesk(t, url)
		fine := func(a answer, what ...string) {
			t.Helper()
			if a.Status >= http.StatusInternalServerError {
				t.Errorf("%q: %d %s", what, a.Status, a.Raw)
			}
		}
		const signable = `"a\u0000b"`                         // what is no UTF-8 has no signing string
		for _, ask := range []struct{ path, members string }{ // lists come in turns, so each is asked once
			{"/v1/operations/get", `"project_id":210,"date_from":` + signable + `,"date_to":` + signable + `,"currency":` + signable + `,"cursor":` + signable},
			{"/v1/operations/get-by-payment", `"project_id":210,"payment_id":` + signable},
			{"/v1/operations/get-by-payment", `"project_id":` + signable + `,"payment_id":"p"`},
			{"/v1/balance/get", `"project_id":210,"currency":` + signable + `,` + signable + `:1`},
			{"/v1/financial-reporting/operations", `"project_id":210,"customer_id":` + signable + `,"customer_email":` + signable + `,"fields":[` + signable + `]`},
			{"/v1/financial-reporting/operations", `"project_id":210,"tz":` + signable + `,"operation_type":` + signable + `,"operation_status":` + signable},
			{"/v1/financial-reporting/operations", `"interval":{"from":` + signable + `,"to":` + signable + `},"limit":` + signable + `,"offset":` + signable},
			{"/v1/currency-rates/get", `"date":` + signable + `,"currency":` + signable},
		} {
			fine(d.ask(ask.path, ask.members), ask.path, ask.members)
		}
		for _, text := range []string{signable, "\"a\x00b\"", "\"a\xff\xfeb\"", `"\ud800"`} {
			for _, body := range []string{
				`{"token":` + text + `,"signature":"x"}`, `{"token":"` + d.token.Token + `","signature":` + text + "}", "{" + text + ":1}",
				`{"token":"` + d.token.Token + `","project_id":210,"payment_id":` + text + `,"signature":"x"}`,
			} {
				fine(d.send("POST", "/v1/operations/get-by-payment", body), body)
			}
		}
		fine(d.send("POST", "/v1/%00%ff", "{}"), "path")
		fine(d.send("GET", "/%ff?a=%00%ff", ""), "query")
	})
}
