package gate

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"testing"

	"flashpay/internal/merchant"
	"flashpay/signature"
)

func mac(k string, text []byte) string { return base64.StdEncoding.EncodeToString(macBytes(k, text)) }

func signingString(t testing.TB, body string) []byte {
	return signature.Canonical(parsed(t, body)).SigningString(signature.Natural)
}

func macBytes(k string, text []byte) []byte {
	h := hmac.New(sha512.New, []byte(k))
	h.Write(text)
	return h.Sum(nil)
}

// TestSignatureDoctor makes each known mistake once, with clients' own means, and wants it named.
func TestSignatureDoctor(t *testing.T) {
	body := edited(t, "customer.address", `"ул. Чүй 1/2 <a>"`, "customer.save", "true", "payment.description", `""`, "sender.zip", "null", "customer.city", `" Ош "`)
	right := string(signature.Canonical(parsed(t, body)).SigningString(signature.Natural))
	replaced := func(pairs ...string) string { return mac(key, []byte(strings.NewReplacer(pairs...).Replace(right))) }
	lines := strings.Split(right, ";")
	backwards := append([]string(nil), lines...)
	for i, j := 0, len(backwards)-1; i < j; i, j = i+1, j-1 {
		backwards[i], backwards[j] = backwards[j], backwards[i]
	}
	sha := hmac.New(sha256.New, []byte(key))
	sha.Write([]byte(right))
	plain := sha512.Sum512([]byte(right + key))
	var unsorted []string
	for _, l := range signature.Canonical(parsed(t, body)).Lines() {
		unsorted = append(unsorted, l.Path+":"+l.Value)
	}
	for _, c := range []struct{ sent, name string }{
		{hex.EncodeToString(macBytes(key, []byte(right))), "hexadecimal"},
		{strings.ToUpper(hex.EncodeToString(macBytes(key, []byte(right)))), "hexadecimal"},
		{base64.StdEncoding.EncodeToString([]byte(hex.EncodeToString(macBytes(key, []byte(right))))), "hexadecimal digits"},
		{strings.TrimRight(mac(key, []byte(right)), "="), "padding"},
		{base64.URLEncoding.EncodeToString(macBytes(key, []byte(right))), "base64 of URLs"},
		{mac(key, []byte(right)) + "\n", "line feed was added"},
		{mac(key, []byte(strings.Join(unsorted, ";"))), "not sorted"},
		{mac(key, []byte(strings.Join(backwards, ";"))), "backwards"},
		{mac(key, []byte(right+";")), "ends in a semicolon"},
		{mac(key, []byte(strings.Join(lines, "&"))), `joined by "&"`},
		{mac(key, []byte(strings.Join(lines, "\n"))), `joined by "\n"`},
		{mac(key, []byte(body)), "JSON text"},
		{replaced("general:project_id:210", "general:project_id:210;general:signature:"), "signature was left in"},
		{replaced("customer:save:1", "customer:save:true"), "true and false"},
		{replaced("sender:zip:", "sender:zip:null"), "null was written"},
		{mac(key, []byte(strings.Replace(right, ";sender:zip:", "", 1))), "null were left out"},
		{mac(key, []byte(strings.NewReplacer(";sender:zip:", "", ";payment:description:", "").Replace(right))), "empty were left out"},
		{replaced("1/2", `1\/2`), `escaped as \/`},
		{replaced("ул. Чүй", `\u0443\u043b. \u0427\u04af\u0439`, "Ош", `\u041e\u0448`), `escaped as \u`},
		{replaced("ул. Чүй", `\u0443\u043b. \u0427\u04af\u0439`, "Ош", `\u041e\u0448`, "1/2", `1\/2`), `letters and slashes`},
		{replaced("<a>", `\u003ca\u003e`), `<, > and &`},
		{replaced("customer:city: Ош ", "customer:city:Ош"), "trimmed"},
		{mac(key+"\n", []byte(right)), "line feed; cut"},
		{mac(`"`+key+`"`, []byte(right)), "quotation marks"},
		{mac("", []byte(right)), "key is empty"},
		{mac(right, []byte(key)), "swapped"},
		{base64.StdEncoding.EncodeToString(sha.Sum(nil)), "HMAC-SHA-256"},
		{base64.StdEncoding.EncodeToString(plain[:]), "plain SHA-512"},
		{mac("revoked", []byte(right)), "the revoked key"},
		{mac("anything else", []byte(right)), ""},
	} {
		g, _ := setup(t, func(cfg *Config) {
			cfg.OtherKeys = func(p *merchant.Project) []OtherKey { return []OtherKey{{"the revoked key of project 210", "revoked"}} }
		})
		a := post(t, g, kyrgyzstan, edit2(t, body, "general.signature", strconv.Quote(c.sent)))
		wantRefused(t, a, 400, "3261", "3261 general.signature")
		text := a.descriptions()
		if !strings.HasSuffix(text, right) {
			t.Errorf("the signing string is not shown:\n%s\nwant\n%s", text, right)
		}
		mistake, _, named := strings.Cut(text, "; the server took")
		if !named || strings.Contains(mistake, "one mistake") != (c.name != "") || !strings.Contains(mistake, c.name) {
			t.Errorf("want the mistake %q named: %s", c.name, mistake)
		}
	}
}

// TestSignatureDoctorNamesWrongLines has what clients make of single lines, in natural order and in that of whole lines.
func TestSignatureDoctorNamesWrongLines(t *testing.T) {
	body := edited(t, "payment.amount", "1234500", "customer.save", "true", "box", `{"a:b":"c","rate":87.5,"x":null,"small":7}`)
	right := string(signingString(t, body))
	for _, c := range []struct {
		replace []string
		name    string
	}{
		{[]string{"box:a::b:c", "box:a:b:c"}, `":" in names`},
		{[]string{"87.5", "87"}, "fractions"},
		{[]string{"1234500", "1.2345e+06"}, "exponent"},
		{[]string{"1234500", "1234500.0", "project_id:210", "project_id:210.0", "small:7", "small:7.0"}, "as floats"},
		{[]string{"customer:save:1", "1"}, "without their path"},
		{[]string{";box:x:", ""}, "null were left out"},
	} {
		natural := strings.NewReplacer(c.replace...).Replace(right)
		lines := strings.Split(natural, ";")
		slices.Sort(lines)
		for _, text := range []string{natural, strings.Join(lines, ";")} {
			g, _ := setup(t)
			a := post(t, g, kyrgyzstan, edit2(t, body, "general.signature", strconv.Quote(mac(key, []byte(text)))))
			mistake, _, _ := strings.Cut(a.descriptions(), "; the server took")
			if text == right || a.status != 400 || !strings.Contains(mistake, "one mistake") || !strings.Contains(mistake, c.name) {
				t.Errorf("want the mistake %q named: %d %s", c.name, a.status, mistake)
			}
		}
	}
	for number, want := range map[string]string{
		"1000000": "1e+06", "-1000000": "-1e+06", "999999": "999999", "1234567.25": "1.23456725e+06", "12345678901": "1.2345678901e+10",
	} {
		if got := withExponent(number); got != want {
			t.Errorf("%s: %s, want %s", number, got, want)
		}
	}
}

// TestSignatureDoctorSuspectsTheKey where no mistake is found.
func TestSignatureDoctorSuspectsTheKey(t *testing.T) {
	g, _ := setup(t)
	a := post(t, g, kyrgyzstan, signed(t, seedBody, "other"))
	if text := a.descriptions(); !strings.Contains(text, "your key is more likely another one") {
		t.Error(text)
	}
	a = post(t, g, kyrgyzstan, edited(t, "general.signature", strconv.Quote(mac(key+"\n", signingString(t, seedBody)))))
	if text := a.descriptions(); strings.Contains(text, "more likely") {
		t.Error(text)
	}
}

func TestSignatureDoctorOfFlatRequests(t *testing.T) {
	g, _ := setup(t)
	a := post(t, g, requestPath, edit2(t, `{"project_id":210,"request_id":"r"}`, "signature", strconv.Quote(mac(key, []byte("project_id:210;request_id:r;signature:")))))
	wantRefused(t, a, 400, "3261", "3261 signature")
	if !strings.Contains(a.descriptions(), "left in") || !strings.HasSuffix(a.descriptions(), "project_id:210;request_id:r") {
		t.Errorf("%s", a.raw)
	}
}

func TestALiveProjectRevealsNothing(t *testing.T) {
	g, _ := setup(t)
	body := edited(t, "general.project_id", "211")
	right := signature.Canonical(parsed(t, body)).SigningString(signature.Natural)
	var answers []string
	for _, sent := range []string{mac("x", right), hex.EncodeToString(macBytes(key, right))} {
		a := post(t, g, kyrgyzstan, edit2(t, body, "general.signature", strconv.Quote(sent)))
		wantRefused(t, a, 400, "3261", "3261 general.signature")
		if strings.Contains(string(a.raw), "00004598") {
			t.Errorf("a live project's answer shows the request: %s", a.raw)
		}
		answers = append(answers, a.descriptions())
	}
	if answers[0] != answers[1] {
		t.Errorf("the answers differ:\n%s\n%s", answers[0], answers[1])
	}
}

func TestLongSigningStringsAreCut(t *testing.T) {
	g, _ := setup(t)
	a := post(t, g, kyrgyzstan, signed(t, edited(t, "customer.address", `"`+strings.Repeat("ы", 20000)+`"`), "other"))
	wantRefused(t, a, 400, "3261")
	if n := len(a.raw); n > 6<<10 {
		t.Errorf("an answer of %d bytes", n)
	}
}
