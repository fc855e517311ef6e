package wire_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"flashpay/internal/wire"
)

func TestSignaturesAreHidden(t *testing.T) {
	t.Parallel()
	for i := range 200 {
		long, short := hmac.New(sha512.New, []byte("k")), hmac.New(sha256.New, []byte("k"))
		fmt.Fprint(long, i)
		fmt.Fprint(short, i)
		for _, secret := range []string{base64.StdEncoding.EncodeToString(long.Sum(nil)), base64.StdEncoding.EncodeToString(short.Sum(nil))} {
			quoted, err := json.Marshal(secret)
			if err != nil {
				t.Fatal(err)
			}
			escaped := strings.ReplaceAll(string(quoted), "/", `\/`)
			unicoded := strings.NewReplacer("+", `\u002b`, "/", `\u002F`, "=", `\u003d`).Replace(string(quoted))
			for _, text := range []string{
				secret, "got " + secret + " from you", `{"signature":` + string(quoted) + `}`, `{"signature":` + escaped + `}`, unicoded,
				"signature=" + url.QueryEscape(secret) + "&x=1", "v1," + secret + " v1," + secret, "got " + secret[:30],
			} {
				got := string(wire.HideSignatures([]byte(text), strings.HasSuffix(text, secret[:30])))
				if strings.Contains(got, secret[4:20]) || !strings.Contains(got, "[signature]") {
					t.Errorf("%q becomes %q", text, got)
				}
			}
		}
	}
}

func TestOtherTextsStayAsTheyAre(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "OK", `{"status":"error","message":"order 4711 is not known"}`, "<html><body>502 Bad Gateway</body></html>",
		"PHP Fatal error: Uncaught Error in /var/www/html/callback/handler.php:17",
		"311e0d431203f59c-1-00000001 and more", "0123456789abcdef0123456789abcdef",
	} {
		if got := string(wire.HideSignatures([]byte(text), false)); got != text {
			t.Errorf("%q becomes %q", text, got)
		}
	}
}
