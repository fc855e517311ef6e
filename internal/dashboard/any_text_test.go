package dashboard

import (
	"bytes"
	"io/fs"
	"maps"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"flashpay/internal/merchant"
	"flashpay/internal/staff"
	"flashpay/internal/storetest"
)

// noText is what PostgreSQL takes for no text: NUL, bytes that are no UTF-8, and half a character at the end.
const noText = "a\x00b\xff\xfe\xd0"

var (
	namedInPage = regexp.MustCompile(`name="([A-Za-z0-9_.-]+)"`)
	namedInCode = regexp.MustCompile(`(?:Get|Has|newInput|All)\((?:f, )?"([A-Za-z0-9_.-]+)"`)
)

// fieldNames are the names of all that Dashboard reads from queries and forms.
func fieldNames(t *testing.T) []string {
	t.Helper()
	names := make(map[string]bool)
	find := func(pattern *regexp.Regexp, text []byte) {
		for _, m := range pattern.FindAllSubmatch(text, -1) {
			names[string(m[1])] = true
		}
	}
	for _, from := range []struct {
		files   fs.FS
		glob    string
		pattern *regexp.Regexp
	}{{pageFiles, "pages/*.html", namedInPage}, {os.DirFS("."), "*.go", namedInCode}} {
		paths, err := fs.Glob(from.files, from.glob)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			text, err := fs.ReadFile(from.files, path)
			if err != nil {
				t.Fatal(err)
			}
			find(from.pattern, text)
		}
	}
	for name := range wellFormed {
		names[name] = true
	}
	if len(names) < 80 || !names["q"] || !names["email"] || !names["reason"] {
		t.Fatalf("the names of fields are read wrongly: %d, %v", len(names), slices.Sorted(maps.Keys(names)))
	}
	return slices.Sorted(maps.Keys(names))
}

// wellFormed are values of the fields that a route looks at first, so that it comes to the others.
var wellFormed = map[string]string{
	"project": "210", "currency": "KGS", "method": "bank-transfer/kyrgyzstan", "amount": "100.00", "from": "2026-01-01", "to": "2026-12-31", "zone": "Asia/Bishkek", "limit": "10",
	"account.number": "00004598", "payment.amount": "100.00", "customer.ip_address": "192.0.2.7", "once": "0123456789abcdef",
}

// No text makes a page or an act fail, wherever it stands: in a query, a form, the path, a cookie, a header, with a session and
// without one.
func TestNoTextMakesAPageFail(t *testing.T) {
	names := fieldNames(t)
	storetest.Each(t, func(t *testing.T, database string) {
		t.Parallel()
		s := newSiteOver(t, database)
		p := &merchant.Project{ID: 210, MerchantID: 1, Name: "Shop", Mode: merchant.Test}
		if err := s.Store.CreateProject(t.Context(), p, "secret-210", map[string]int64{"KGS": 100_000_000}, "test"); err != nil {
			t.Fatal(err)
		}
		all, most := make(url.Values), make(url.Values)
		for _, name := range names {
			all.Set(name, noText)
			if good, ok := wellFormed[name]; ok {
				most.Set(name, good)
			} else {
				most.Set(name, noText)
			}
		}
		people := []*browser{s.stranger(), s.signedIn(staff.Operator), s.signedIn(staff.MerchantAdmin)}
		for _, b := range people {
			b.header["User-Agent"], b.header["Accept-Language"] = []string{noText}, []string{noText}
			b.header["X-Forwarded-For"], b.header["Hx-Current-Url"], b.header["X-Request-Id"] = []string{noText}, []string{noText}, []string{noText}
		}
		for i := range routes {
			rt := &routes[i]
			verb, path := example(rt)
			_, pattern, _ := strings.Cut(rt.pattern, " ")
			strange := wildcard.ReplaceAllString(strings.ReplaceAll(pattern, "{$}", ""), url.PathEscape(noText))
			for _, who := range people {
				for _, try := range []struct {
					path   string
					values url.Values
				}{{strange, nil}, {path, all}, {path, most}} {
					if rt.endsSession() && who.user != nil {
						header := who.header
						who = s.signInAgain(who.user)
						who.header = header
					}
					address := try.path
					if verb == http.MethodGet {
						address += "?" + try.values.Encode()
					}
					if a := who.do(verb, address, try.values); a.Status >= http.StatusInternalServerError {
						t.Errorf("%s %.80q answers %d: %s", verb, address, a.Status, a.text())
					}
				}
			}
		}
		strangeCookies(t, s)
		strangeFiles(t, s, people[2])
	})
}

// strangeCookies has every cookie hold no text.
func strangeCookies(t *testing.T, s *site) {
	for _, path := range []string{"/", "/sign-in", "/payments", "/profile"} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://127.0.0.1"+path, http.NoBody)
		var cookies []string
		for _, name := range []string{s.sessionCookie(), s.deviceCookie(), noticeCookie, languageCookie} {
			cookies = append(cookies, name+"="+noText, name+`="`+noText+`"`)
		}
		r.Header["Cookie"] = []string{strings.Join(cookies, "; ")}
		w := httptest.NewRecorder()
		s.handler.ServeHTTP(w, r)
		if w.Code >= http.StatusInternalServerError {
			t.Errorf("%s with strange cookies answers %d", path, w.Code)
		}
	}
}

// strangeFiles uploads files of mass payouts whose names, cells, fields and boundaries hold no text.
func strangeFiles(t *testing.T, s *site, who *browser) {
	for _, content := range []string{
		noText, "payment_id,account.number,payment.amount,payment.currency\n" + noText + "," + noText + "," + noText + "," + noText + "\n",
		"payment_id;account.number;payment.amount;payment.currency;customer.id;customer.ip_address\nm-1;00004598;1.00;KGS;" + noText + ";192.0.2.7\n",
	} {
		var body bytes.Buffer
		form := multipart.NewWriter(&body)
		for _, name := range []string{"project", "once", "note"} {
			value := wellFormed[name]
			if value == "" {
				value = noText
			}
			if err := form.WriteField(name, value); err != nil {
				t.Fatal(err)
			}
		}
		file, err := form.CreateFormFile("file", noText+".csv")
		if err != nil {
			t.Fatal(err)
		}
		_, _ = file.Write([]byte(content))
		_ = form.Close()
		for _, path := range []string{"/manual/mass/new", "/reports", "/sign-in"} {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://127.0.0.1"+path, bytes.NewReader(body.Bytes()))
			r.Header.Set("Content-Type", form.FormDataContentType())
			r.Header.Set("Sec-Fetch-Site", "same-origin")
			r.AddCookie(&http.Cookie{Name: s.sessionCookie(), Value: who.cookies[s.sessionCookie()]})
			w := httptest.NewRecorder()
			s.handler.ServeHTTP(w, r)
			if w.Code >= http.StatusInternalServerError {
				t.Errorf("%s with a strange file answers %d: %s", path, w.Code, w.Body)
			}
		}
	}
}
