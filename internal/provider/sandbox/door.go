package sandbox

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"time"

	"flashpay/internal/provider"
)

// Headers of a notification.
const (
	headerTimestamp = "Bank-Timestamp" // seconds since 1970
	headerSignature = "Bank-Signature" // HMAC-SHA256 of timestamp, full stop and body, in lower-case hexadecimal
)

const (
	// maxNotification is beyond what the bank puts into one notification, which is 48 KiB and one notice more.
	maxNotification = 64 << 10
	// maxAge is how far a notification's timestamp may be from our clock. The bank signs each attempt afresh, so its age
	// is the difference of two clocks and the way; a copy that is played back is older.
	maxAge = 15 * time.Minute
)

// Door is where the bank's notifications come in, signed under that secret, from those networks or, where there are none,
// from anywhere.
func Door(secret string, networks []netip.Prefix) provider.Door {
	key := []byte(secret)
	return provider.Door{
		Networks: networks, MaxBody: maxNotification, Headers: []string{headerTimestamp, headerSignature},
		Verify: func(n provider.Notification, at time.Time) error {
			if err := verify(key, n); err != nil {
				return err
			}
			return fresh(n, at)
		},
	}
}

// verify checks the bank's signature.
func verify(secret []byte, n provider.Notification) error {
	if len(secret) == 0 {
		return errors.New("sandbox: no secret for notifications is set, so none can be believed")
	}
	sent, err := hex.DecodeString(n.Header[headerSignature])
	if err != nil || len(sent) != sha256.Size {
		return errors.New("sandbox: the header " + headerSignature + " is not 64 hexadecimal digits")
	}
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(n.Header[headerTimestamp] + "."))
	mac.Write(n.Body)
	if !hmac.Equal(sent, mac.Sum(nil)) {
		return errors.New("sandbox: the notification's signature does not fit, it is not the bank's")
	}
	return nil
}

// fresh checks the age of a notification whose signature fits.
func fresh(n provider.Notification, at time.Time) error {
	seconds, err := strconv.ParseInt(n.Header[headerTimestamp], 10, 64)
	if err != nil {
		return errors.New("sandbox: the header " + headerTimestamp + " is not a number of seconds since 1970")
	}
	if age := at.Sub(time.Unix(seconds, 0)); age.Abs() > maxAge {
		return fmt.Errorf("sandbox: the notification was signed %s from now, by our clock; sign each attempt afresh, and set the clocks", age.Round(time.Second).Abs())
	}
	return nil
}
