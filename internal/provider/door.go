package provider

import (
	"net/netip"
	"slices"
	"time"
)

// Door holds the checks that a provider's notification must pass before it is stored, so that strangers cannot fill the disk.
// They must be cheap and never refuse what the provider really sends. What a notification says is parsed later by
// ReadNotification, which verifies it once more.
type Door struct {
	Networks []netip.Prefix // from where the provider posts; empty: from anywhere
	MaxBody  int            // bytes of the largest body that it sends
	Headers  []string       // canonical names of the headers that the adapter reads; others are not kept
	// Verify checks by its proof, such as a MAC, that a notification is the provider's. at is when it was received: a proof that
	// is made for each attempt may be too old. The error is sent to whoever posted it, so it reveals no secret.
	Verify func(n Notification, at time.Time) error
}

// Admits reports whether the provider may post from this address.
func (d *Door) Admits(from netip.Addr) bool {
	return len(d.Networks) == 0 || slices.ContainsFunc(d.Networks, func(n netip.Prefix) bool { return n.Contains(from) })
}
