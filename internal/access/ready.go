package access

import (
	"context"

	"flashpay/internal/staff"
	"flashpay/internal/store/people"
)

// CreateReady makes a user who can sign in at once, with a given password and TOTP secret (base32): for demonstrations,
// tests and automation. People are invited. The user's ID, CreatedAt and Version are set.
// store.ErrUserExists where the address is taken.
func (s *Service) CreateReady(ctx context.Context, u *staff.User, password, secret, actor string) error {
	if err := checkSecret(secret); err != nil {
		return err
	}
	if err := s.CreateWithPassword(ctx, u, password, actor); err != nil {
		return err
	}
	factor := &people.Factor{UserID: u.ID, Kind: people.TOTP, Name: "TOTP", Secret: []byte(secret)}
	return s.people.AddFactor(ctx, "ready factor "+u.Email, factor, 0, nil, actor)
}

// CreateWithPassword makes a user with a password, who is led to a second factor at the first sign-in.
func (s *Service) CreateWithPassword(ctx context.Context, u *staff.User, password, actor string) error {
	if err := checkNew(u); err != nil {
		return err
	}
	if err := CheckPassword(password, u); err != nil {
		return err
	}
	hash, err := s.hashes.hash(ctx, actor, password)
	if err != nil {
		return err
	}
	account := &people.UserRecord{User: *u, Password: hash}
	if err := s.people.CreateUser(ctx, newToken(), account, nil, actor); err != nil {
		return err
	}
	*u = account.User
	return nil
}
