package ratefeed

import (
	"crypto/tls"
	"errors"
	"strings"

	"flashpay/internal/rates"
)

// Why says what kind of error kept a file from being imported, for those who are to do something about it.
type Why string

// The kinds of errors.
const (
	Unreachable Why = "unreachable" // there is no answer, or it breaks off
	Certificate Why = "certificate" // nobody vouches for the server
	Redirected  Why = "redirect"    // the file has moved
	Refused     Why = "status"      // another status than 200
	TooLarge    Why = "large"       // more than any file of rates holds
	Maintenance Why = "page"        // a web page, or something else that is no file of rates
	Unreadable  Why = "contents"    // a file of rates with something wrong in it
	Other       Why = "other"       // the platform's own
)

// Fault is an error with its kind.
type Fault struct {
	Why Why
	Err error
}

// Error begins with the kind: so it is kept, and read again.
func (f *Fault) Error() string { return string(f.Why) + ": " + f.Err.Error() }

// Unwrap is the error itself.
func (f *Fault) Unwrap() error { return f.Err }

func fault(why Why, err error) error { return &Fault{why, err} }

// whyOf takes a kept error apart.
func whyOf(text string) (Why, string) {
	for _, why := range []Why{Unreachable, Certificate, Redirected, Refused, TooLarge, Maintenance, Unreadable} {
		if rest, ok := strings.CutPrefix(text, string(why)+": "); ok {
			return why, rest
		}
	}
	return Other, text
}

// ofConnection says why there is no answer.
func ofConnection(err error) error {
	var redirect *redirectError
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.As(err, &redirect):
		return fault(Redirected, err)
	case errors.As(err, &certificate):
		return fault(Certificate, err)
	}
	return fault(Unreachable, err)
}

// ofContent says why a file cannot be used.
func ofContent(err error) error {
	if errors.Is(err, rates.ErrNotRates) {
		return fault(Maintenance, err)
	}
	return fault(Unreadable, err)
}
