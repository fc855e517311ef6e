package access

import (
	"errors"
	"net/mail"
	"strings"
	"unicode"

	"flashpay/internal/staff"
)

// What may be wrong with a new user.
var (
	ErrEmail  = errors.New("access: this is no e-mail address, such as aida@example.kg")
	ErrName   = errors.New("access: a name has 1 to 100 characters")
	ErrRights = errors.New("access: these roles, rights and projects do not go together")
)

const (
	maxEmail = 254 // RFC 5321
	maxName  = 100
)

// CheckEmail refuses what is no plain e-mail address.
func CheckEmail(email string) error {
	a, err := mail.ParseAddress(email)
	if err != nil || a.Address != email || a.Name != "" || len(email) > maxEmail || strings.ContainsFunc(email, unicode.IsSpace) {
		return ErrEmail
	}
	return nil
}

// CheckName refuses what is no name to show.
func CheckName(name string) error {
	n := len([]rune(name))
	if n == 0 || n > maxName || name != strings.TrimSpace(name) || strings.ContainsFunc(name, unicode.IsControl) {
		return ErrName
	}
	return nil
}

// checkNew checks a user who is about to be made.
func checkNew(u *staff.User) error {
	if err := CheckEmail(u.Email); err != nil {
		return err
	}
	if u.Name != "" { // whoever is invited gives it themselves
		if err := CheckName(u.Name); err != nil {
			return err
		}
	}
	if !u.Consistent() {
		return ErrRights
	}
	return nil
}
