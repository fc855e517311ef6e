package wire

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// ClientAddress is the connection's address, or, where that is a trusted proxy, the last hop of X-Forwarded-For that is
// not: what stands before it may be made up. Where a hop that cannot be read is met first, nobody
// knows who asks: that is no address, which no list allows, and never the proxy's.
func ClientAddress(r *http.Request, trusted []netip.Prefix) netip.Addr {
	addr := hop(r.RemoteAddr)
	if len(trusted) == 0 || !isTrusted(addr, trusted) {
		return addr
	}
	lines := r.Header["X-Forwarded-For"]
	for _, line := range slices.Backward(lines) {
		hops := strings.Split(line, ",")
		for _, text := range slices.Backward(hops) {
			next := hop(strings.TrimSpace(text))
			if !next.IsValid() {
				return netip.Addr{}
			}
			addr = next
			if !isTrusted(addr, trusted) {
				return addr
			}
		}
	}
	return addr
}

func isTrusted(addr netip.Addr, trusted []netip.Prefix) bool {
	return slices.ContainsFunc(trusted, func(n netip.Prefix) bool { return n.Contains(addr) })
}

// hop reads an address with or without port; invalid where it is none.
func hop(text string) netip.Addr {
	if withPort, err := netip.ParseAddrPort(text); err == nil {
		return withPort.Addr().Unmap().WithZone("")
	}
	addr, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(text, "["), "]"))
	if err != nil {
		return netip.Addr{}
	}
	return addr.Unmap().WithZone("")
}
