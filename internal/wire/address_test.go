package wire_test

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"flashpay/internal/wire"
)

func prefixes(t testing.TB, texts ...string) []netip.Prefix {
	t.Helper()
	var all []netip.Prefix
	for _, s := range texts {
		p, err := netip.ParsePrefix(s)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	return all
}

func TestClientAddress(t *testing.T) {
	trusted := prefixes(t, "10.0.0.0/8", "fd00::/8")
	for _, c := range []struct {
		remote    string
		forwarded []string
		trusted   []netip.Prefix
		want      string
	}{
		{"203.0.113.5:4711", nil, nil, "203.0.113.5"},
		{"[2001:db8::1]:4711", nil, nil, "2001:db8::1"},
		{"[::ffff:203.0.113.5]:4711", nil, nil, "203.0.113.5"},
		{"10.1.2.3:1", []string{"203.0.113.9"}, nil, "10.1.2.3"},                 // nobody is trusted
		{"203.0.113.5:1", []string{"203.0.113.9"}, trusted, "203.0.113.5"},       // the connection is not a proxy's
		{"10.1.2.3:1", []string{"203.0.113.9"}, trusted, "203.0.113.9"},          //
		{"10.1.2.3:1", []string{"1.1.1.1, 203.0.113.9"}, trusted, "203.0.113.9"}, // the first hop may be made up
		{"10.1.2.3:1", []string{"1.1.1.1, 203.0.113.9, 10.9.9.9"}, trusted, "203.0.113.9"},
		{"10.1.2.3:1", []string{"1.1.1.1", "203.0.113.9 ,10.9.9.9"}, trusted, "203.0.113.9"},
		{"10.1.2.3:1", []string{"203.0.113.9, junk, 10.9.9.9"}, trusted, "invalid IP"},
		{"10.1.2.3:1", []string{"10.4.4.4, 10.9.9.9"}, trusted, "10.4.4.4"},
		{"10.1.2.3:1", []string{"203.0.113.9, unknown"}, trusted, "invalid IP"}, // never the proxy's
		{"10.1.2.3:1", []string{"10.9.9.9, 203.0.113.256"}, trusted, "invalid IP"},
		{"10.1.2.3:1", []string{""}, trusted, "invalid IP"},
		{"10.1.2.3:1", nil, trusted, "10.1.2.3"},
		{"10.1.2.3:1", []string{"203.0.113.9:5555"}, trusted, "203.0.113.9"},
		{"10.1.2.3:1", []string{"[2001:db8::9]:443"}, trusted, "2001:db8::9"},
		{"[fd00::1]:1", []string{"2001:db8::9"}, trusted, "2001:db8::9"},
		{"pipe", []string{"203.0.113.9"}, trusted, "invalid IP"},
	} {
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		r.RemoteAddr = c.remote
		for _, line := range c.forwarded {
			r.Header.Add("X-Forwarded-For", line)
		}
		if got := wire.ClientAddress(r, c.trusted).String(); got != c.want {
			t.Errorf("from %s by %q: %s, want %s", c.remote, c.forwarded, got, c.want)
		}
	}
}
