package accept

import (
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// format is a check that the field table names instead of a pattern.
type format struct {
	ok   func(string) bool
	want string // continues «customer.email must be …»
}

var formats = map[string]format{
	"email":      {isEmail, "an e-mail address such as name@example.com"},
	"ip-address": {isIP, "an IPv4 or IPv6 address such as 192.0.2.1"},
	"dateTime":   {isDateTime, "a date and time such as 2026-01-31T12:00:00+0600"},
	"date-time":  {hasInstant, "an ISO 8601 date and time with its offset, such as 2026-01-31T12:00:00+06:00 or 2026-01-31T06:00:00Z"},
}

// isEmail asks for one @ between two parts without white space and control characters. Whether mail arrives is not
// a question that a pattern answers.
func isEmail(s string) bool {
	at := strings.LastIndexByte(s, '@')
	if at < 1 || at == len(s)-1 {
		return false
	}
	for _, c := range s {
		if unicode.IsSpace(c) || unicode.IsControl(c) {
			return false
		}
	}
	local, domain := s[:at], s[at+1:]
	if strings.HasPrefix(local, `"`) {
		return strings.HasSuffix(local, `"`) && len(local) > 2 && goodDomain(domain)
	}
	return !strings.ContainsAny(local, "@,;<>()[]\\") && goodDomain(domain)
}

func goodDomain(s string) bool {
	if strings.ContainsAny(s, "@,;<>()\\_") {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
	}
	return true
}

func isIP(s string) bool {
	addr, err := netip.ParseAddr(s)
	return err == nil && addr.Zone() == ""
}

// The offsets that clients write: none of them is wrong by ISO 8601.
var (
	offsets       = []string{"Z07:00", "Z0700", "Z07"}
	withOffset    = layouts(offsets)
	withoutOffset = layouts([]string{""})
)

func layouts(ends []string) []string {
	var all []string
	for _, end := range ends {
		all = append(all, "2006-01-02T15:04:05"+end, "2006-01-02T15:04"+end, "2006-01-02 15:04:05"+end)
	}
	return all
}

// instant reads a moment with its offset. A date and time without one names no moment and is refused.
func instant(s string) (time.Time, bool) {
	for _, layout := range withOffset {
		if t, err := time.Parse(layout, s); err == nil {
			t = t.UTC()
			return t, t.Year() >= 1 && t.Year() <= 9999
		}
	}
	return time.Time{}, false
}

func hasInstant(s string) bool {
	_, ok := instant(s)
	return ok
}

func isDateTime(s string) bool {
	if hasInstant(s) {
		return true
	}
	for _, layout := range withoutOffset {
		if _, err := time.Parse(layout, s); err == nil {
			return true
		}
	}
	return false
}

// urlFault says what is wrong with a callback URL, as words that continue «the URL …»; empty where nothing is.
func urlFault(text string, live bool) string {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Opaque != "" || u.Hostname() == "" || strings.ContainsFunc(text, unicode.IsSpace):
		return "must be an absolute URL such as https://example.com/callback"
	case u.User != nil:
		return "must hold no user name and password, which would be stored and shown as they are"
	case u.Port() != "" && !isPort(u.Port()):
		return "must have a port from 1 to 65535, or none"
	case live && u.Scheme != "https":
		return "must begin with https:// in a live project"
	case u.Scheme != "https" && u.Scheme != "http":
		return "must begin with https:// or http://"
	}
	return ""
}

func isPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n > 0
}
