package crashtest

import (
	"net/http"
	"strings"
	"testing"

	"flashpay/client"
	"flashpay/signature"
)

func TestReceiver(t *testing.T) {
	r, err := newReceiver(&plan{payouts: []*wish{{id: "a", refuse: 1}, {id: "b"}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.close)
	r.know("secret")
	post := func(id, key string, want int) {
		t.Helper()
		answer, err := http.Post(r.url, "application/json", strings.NewReader(callback(t, id, key)))
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if answer.StatusCode != want {
			t.Errorf("%s under %s: answered %s", id, key, answer.Status)
		}
	}
	post("a", "secret", http.StatusInternalServerError) // as planned
	post("a", "secret", http.StatusOK)
	post("b", "other", http.StatusBadRequest)
	got, refused, bad := r.heardAll()
	want := news{status: client.StatusSuccess, code: "0", amount: 100, currency: currency}
	if len(got) != 1 || len(got["a"]) != 1 || got["a"][0] != want || refused != 1 {
		t.Errorf("heard %v, refused %d", got, refused)
	}
	if len(bad) != 1 || !strings.Contains(bad[0], "400") {
		t.Errorf("faults %q", bad)
	}
	if len(r.heard("b")) != 0 {
		t.Error("what does not verify was believed")
	}
}

// callback is the body of a callback, signed.
func callback(t *testing.T, id, key string) string {
	t.Helper()
	unsigned := `{"project_id":7,"payment":{"id":"` + id + `","type":"payout","status":"success","sum":{"amount":100,"currency":"KGS"}},
		"operation":{"id":1,"code":"0","sum_initial":{"amount":100,"currency":"KGS"},"sum_converted":{"amount":100,"currency":"KGS"}}}`
	tree, err := signature.Parse([]byte(unsigned))
	if err != nil {
		t.Fatal(err)
	}
	tree.Members = append(tree.Members, signature.Field("signature", signature.Str(signature.Canonical(tree).Sign(key))))
	return string(tree.AppendJSON(nil))
}
