package gate

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"flashpay/internal/accept"
	"flashpay/internal/provider"
	"flashpay/internal/storetest"
)

// noText is what PostgreSQL takes for no text: NUL, bytes that are no UTF-8, and half a character at the end.
const noText = "a\x00b\xff\xfe\xd0"

// No text makes an answer fail, on a real store: in a field that is signed or not, in a name, path, header or file, or in what
// a provider sends. What fails may be sent again without end.
func TestNoTextMakesAnAnswerFail(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, database string) {
		t.Parallel()
		g, _ := node(t, database, func(c *Config) {
			c.Doors = map[string]provider.Door{"sandbox": {MaxBody: maxBody, Headers: []string{proof}, Verify: verifyProof}}
		})
		fine := func(a *answer, what string) {
			t.Helper()
			if a.status >= http.StatusInternalServerError {
				t.Errorf("%.300q: %d %s", what, a.status, a.raw)
			}
		}
		for path, table := range Tables {
			if strings.HasPrefix(path, "/") {
				strangeFields(t, g, path, table, fine)
			}
		}
		strangeSeeds(t, g, fine)
		strangeNotifications(t, g, fine)
	})
}

// strangeFields has each field of an endpoint's requests hold no text, one by one.
func strangeFields(t *testing.T, g *Gate, path string, table *accept.Table, fine func(*answer, string)) {
	t.Helper()
	address, body := strings.Replace(path, "{payment_method}", "kyrgyzstan", 1), seedBody
	if table.Known("project_id") {
		body = parameters("send", about("x"))
	}
	for n, row := range table.Rows() {
		name, _, _ := strings.Cut(row.Path, "[")
		if row.Type == "object" || strings.HasSuffix(name, "project_id") || strings.HasSuffix(name, "signature") {
			continue
		}
		changed := body
		if body == seedBody {
			changed = edited(t, "general.payment_id", strconv.Quote(fmt.Sprint("p", n)))
		}
		ok := signed(t, edit2(t, changed, name, `"a\u0000b"`), key)
		for _, text := range []string{ok, strings.ReplaceAll(ok, `a\u0000b`, noText)} { // what is no UTF-8 has no signing string
			fine(ask(t, g, path, address, text), address+" "+text)
		}
	}
	for _, text := range []string{"{" + strconv.Quote("a\x00b") + ":1}", `{"` + noText + `":1}`, strings.Replace(body, "210", `"`+noText+`"`, 1), strings.Replace(body, "210", `"\ud800"`, 1)} {
		fine(ask(t, g, path, address, text), address+" "+text)
	}
}

// ask sends a body, or, to an endpoint that takes a file, a file with it as what is signed.
func ask(t *testing.T, g *Gate, path, address, body string) *answer {
	t.Helper()
	if path == massCheckPath || path == massSendPath {
		return upload(t, g, address, body, "x")
	}
	return post(t, g, address, body)
}

// strangeSeeds has a payout's headers and path, and the cells of a file, hold no text.
func strangeSeeds(t *testing.T, g *Gate, fine func(*answer, string)) {
	t.Helper()
	good := signed(t, seedBody, key)
	for _, name := range []string{"User-Agent", "X-Request-Id", "X-Forwarded-For", "Idempotency-Key", "Accept", "Content-Type", parametersHeader} {
		fine(post(t, g, kyrgyzstan, good, setHeader(name, noText)), name)
	}
	for _, path := range []string{"/v2/payment/bank-transfer/%00%ff/payout", "/provider/%00%ff/notification", "/%00%ff", "/v2/info/banks/bank-transfer/%ff%00/payout/list"} {
		fine(post(t, g, path, good), path)
	}
	for _, file := range []string{noText, massHead + noText, massFile(massRow("m"+noText, 100)), strings.Replace(massFile(massRow("m", 100)), "c-1", noText, 1), strings.Replace(massHead, "note", noText, 1)} {
		fine(check(t, g, file), file)
		fine(sendFile(t, g, file, ""), file)
		fine(upload(t, g, massCheckPath, signed(t, strings.Replace(parameters("check", about(file)), "wages", `\u0000`, 1), key), file), file)
	}
}

// strangeNotifications has what a provider sends hold no text, with its proof and without one.
func strangeNotifications(t *testing.T, g *Gate, fine func(*answer, string)) {
	t.Helper()
	for _, body := range []string{noText, `{"key":"` + noText + `"}`, `{"key":"a\u0000b"}`, ""} {
		for _, value := range []string{strconv.Itoa(len(body)), noText} {
			a := post(t, g, "/provider/sandbox/notification", body, setHeader(proof, value))
			if fine(a, body); (a.status == http.StatusOK) != (value != noText) {
				t.Errorf("%q with the proof %q: %d %s", body, value, a.status, a.raw)
			}
		}
	}
}
