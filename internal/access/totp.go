package access

import (
	"crypto/rand"
	"encoding/base32"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
)

const (
	codePeriod = 30 * time.Second // of a TOTP code (RFC 6238), like six digits and SHA-1 what every app takes
	codeDigits = 6
	codeSkew   = 1 // steps before and after now whose codes are taken
)

var secretEncoding = base32.StdEncoding.WithPadding(base32.NoPadding)

// newSecret makes a TOTP secret of 160 bits, in base32.
func newSecret() string {
	var b [20]byte
	_, _ = rand.Read(b[:]) // never fails, says crypto/rand
	return secretEncoding.EncodeToString(b[:])
}

// checkSecret refuses what is no TOTP secret.
func checkSecret(secret string) error {
	if b, err := secretEncoding.DecodeString(secret); err != nil || len(b) < 16 {
		return errors.New("access: a TOTP secret is base32 text of at least 16 bytes")
	}
	return nil
}

// stepAt is the number of the time step that a time lies in.
func stepAt(at time.Time) int64 { return at.Unix() / int64(codePeriod/time.Second) }

// matchCode finds the time step around now whose code this is.
func matchCode(code, secret string, now time.Time) (step int64, ok bool) {
	code = strings.Map(func(r rune) rune {
		if r == ' ' || r == '-' {
			return -1
		}
		return r
	}, code)
	if len(code) != codeDigits {
		return 0, false
	}
	options := hotp.ValidateOpts{Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1}
	for at := stepAt(now) - codeSkew; at <= stepAt(now)+codeSkew; at++ {
		if fits, err := hotp.ValidateCustom(code, uint64(at), secret, options); err == nil && fits {
			step, ok = at, true
		}
	}
	return step, ok
}

// Code is the TOTP code of a secret at a time. Tests and the demonstration sign in with it.
func Code(secret string, at time.Time) (string, error) {
	options := hotp.ValidateOpts{Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1}
	code, err := hotp.GenerateCodeCustom(secret, uint64(stepAt(at)), options)
	if err != nil {
		return "", fmt.Errorf("access: making a code: %w", err)
	}
	return code, nil
}

// keyURL is what an authenticator's app reads from the QR code.
func keyURL(secret, issuer, email string) string {
	values := url.Values{"secret": {secret}, "issuer": {issuer}, "algorithm": {"SHA1"}, "digits": {"6"}, "period": {"30"}}
	label := url.PathEscape(issuer) + ":" + url.PathEscape(email)
	return "otpauth://totp/" + label + "?" + strings.ReplaceAll(values.Encode(), "+", "%20")
}
