package provider

import (
	"net/netip"
	"slices"
	"time"
)

// Door says what a provider's notifications look like from outside. Whoever takes them asks it before anything is stored,
// so that strangers fill no disk. It must be cheap, and it never turns away what the provider sends: what a notification
// says is read later, by ReadNotification, which verifies it once more.
type Door struct {
	Networks []netip.Prefix // from where the provider posts; empty: from anywhere
	MaxBody  int            // bytes of the largest body that it sends
	Headers  []string       // canonical names of the headers that the adapter reads; others are not kept
	// Verify tells by its proof, such as a MAC, whether a notification is the provider's. at is when it came in: a proof
	// that is made afresh for each attempt may be too old. The error is told to the sender and shows no secret.
	Verify func(n Notification, at time.Time) error
}

// Admits tells whether the provider may post from this address.
func (d *Door) Admits(from netip.Addr) bool {
	return len(d.Networks) == 0 || slices.ContainsFunc(d.Networks, func(n netip.Prefix) bool { return n.Contains(from) })
}
