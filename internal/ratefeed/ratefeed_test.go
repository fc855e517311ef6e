package ratefeed

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"flashpay/internal/rates"
)

const daily = `<?xml version="1.0" encoding="windows-1251"?><CurrencyRates Name="Daily Exchange Rates" Date="23.05.2026">
	<Currency ISOCode="USD"><Nominal>1</Nominal><Value>87,4500</Value></Currency></CurrencyRates>`

func TestFetch(t *testing.T) {
	elsewhere := 0
	mux := http.NewServeMux()
	mux.HandleFunc("/daily.xml", func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, daily) })
	mux.HandleFunc("/moved", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) })
	mux.HandleFunc("/elsewhere", func(http.ResponseWriter, *http.Request) { elsewhere++ })
	mux.HandleFunc("/maintenance", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprint(w, "<!DOCTYPE html><html>later</html>")
	})
	mux.HandleFunc("/odd", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprint(w, strings.Replace(daily, "87,4500", "87,45,00", 1))
	})
	mux.HandleFunc("/large", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprint(w, strings.Repeat(" ", rates.MaxFile+1)+daily)
	})
	mux.HandleFunc("/short", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000")
		_, _ = fmt.Fprint(w, daily[:20])
	})
	server := httptest.NewTLSServer(mux)
	t.Cleanup(server.Close)
	c := New(server.Client().Transport)
	f, err := c.Fetch(t.Context(), rates.NBKR, server.URL+"/daily.xml")
	if err != nil || len(f.Quotes) != 1 || f.Quotes[0].Value.String() != "87.4500" {
		t.Errorf("%+v, %v", f, err)
	}
	for address, want := range map[string]string{
		server.URL + "/moved":       "redirects to",
		server.URL + "/maintenance": "HTML page",
		server.URL + "/large":       "more than any file",
		server.URL + "/short":       "breaks off",
		server.URL + "/none":        "404",
		strings.Replace(server.URL, "https", "http", 1) + "/daily.xml":                "https://",
		strings.Replace(server.URL, "https://", "https://user:secret@", 1) + "/daily": "without user",
		"file:///etc/passwd": "https://",
	} {
		if f, err := c.Fetch(t.Context(), rates.NBKR, address); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %+v, %v; want an error about %q", address, f, err, want)
		}
	}
	for path, want := range map[string]Why{"/moved": Redirected, "/maintenance": Maintenance, "/large": TooLarge, "/short": Unreachable, "/none": Refused, "/odd": Unreadable} {
		_, err := c.Fetch(t.Context(), rates.NBKR, server.URL+path)
		var f *Fault
		if !errors.As(err, &f) || f.Why != want {
			t.Errorf("%s: %v, want the kind %s", path, err, want)
		} else if why, text := whyOf(err.Error()); why != want || text != f.Err.Error() {
			t.Errorf("kept and read again: %s, %q", why, text)
		}
	}
	if elsewhere > 0 {
		t.Error("a redirect was followed")
	}
	if _, err := New(nil).Fetch(t.Context(), rates.NBKR, server.URL+"/daily.xml"); err == nil || !strings.HasPrefix(err.Error(), "certificate: ") {
		t.Errorf("a server that nobody vouches for: %v", err)
	}
	server.Close()
	if _, err := c.Fetch(t.Context(), rates.NBKR, server.URL+"/daily.xml"); err == nil || !strings.HasPrefix(err.Error(), "unreachable: ") {
		t.Errorf("a server that is away: %v", err)
	}
}
