package access

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"net/url"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"flashpay/internal/store"
	"flashpay/internal/store/people"
)

// newPasskeys reads which host passkeys are bound to. Browsers make none for a bare IP address: nil there.
func newPasskeys(address string) (*webauthn.WebAuthn, error) {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" {
		return nil, fmt.Errorf("access: %q is no address that browsers reach", address)
	}
	if _, err := netip.ParseAddr(u.Hostname()); err == nil {
		return nil, nil
	}
	return webauthn.New(&webauthn.Config{
		RPID: u.Hostname(), RPDisplayName: issuer, RPOrigins: []string{u.Scheme + "://" + u.Host},
		AttestationPreference: protocol.PreferNoAttestation,
		AuthenticatorSelection: protocol.AuthenticatorSelection{
			ResidentKey: protocol.ResidentKeyRequirementRequired, UserVerification: protocol.VerificationRequired,
		},
	})
}

// Passkeys tells whether passkeys can be used at Dashboard's address.
func (s *Service) Passkeys() bool { return s.passkeys != nil }

// Ceremony is what a page hands to the browser's passkeys.
type Ceremony struct {
	Options string // JSON for navigator.credentials
	Ticket  string // carries the challenge to the answer
}

// holder is a user as passkeys see it.
type holder struct {
	account *people.UserRecord
	handle  [32]byte
}

func (s *Service) holder(a *people.UserRecord) *holder {
	return &holder{a, s.store.Vault().Digest("passkey user", fmt.Append(nil, a.ID))}
}

// WebAuthnID is the user's handle, which says nothing about the user.
func (h *holder) WebAuthnID() []byte { return h.handle[:] }

// WebAuthnName is what the browser shows of the account.
func (h *holder) WebAuthnName() string { return h.account.Email }

// WebAuthnDisplayName is the user's name.
func (h *holder) WebAuthnDisplayName() string { return h.account.Name }

// WebAuthnCredentials are the user's passkeys.
func (h *holder) WebAuthnCredentials() []webauthn.Credential {
	var all []webauthn.Credential
	for _, f := range h.account.Factors {
		var c webauthn.Credential
		if f.Kind == people.Passkey && json.Unmarshal(f.Secret, &c) == nil {
			all = append(all, c)
		}
	}
	return all
}

// The purposes of tickets.
const signInPurpose = "passkey sign-in"

func passkeyPurpose(what string, session *Session) string {
	return fmt.Sprintf("passkey %s %d %d", what, session.User.ID, session.ID)
}

func (s *Service) ceremony(purpose string, options any, data *webauthn.SessionData) (*Ceremony, error) {
	text, err := json.Marshal(options)
	if err != nil {
		return nil, fmt.Errorf("access: options of a passkey: %w", err)
	}
	sealed, err := s.seal(purpose, data)
	return &Ceremony{Options: string(text), Ticket: sealed}, err
}

// BeginPasskey makes the challenge for a new passkey of a session's user. ErrNoPasskeys where Dashboard's address has
// none.
func (s *Service) BeginPasskey(ctx context.Context, session *Session) (*Ceremony, error) {
	if s.passkeys == nil {
		return nil, ErrNoPasskeys
	}
	account, err := s.people.User(ctx, session.User.ID)
	if err != nil {
		return nil, err
	}
	h := s.holder(account)
	options, data, err := s.passkeys.BeginRegistration(h, webauthn.WithExclusions(webauthn.Credentials(h.WebAuthnCredentials()).CredentialDescriptors()))
	if err != nil {
		return nil, fmt.Errorf("access: beginning a passkey: %w", err)
	}
	return s.ceremony(passkeyPurpose("add", session), options.Response, data)
}

// AddPasskey adds the passkey with which the browser answered. A sign-in that waited for a first factor is complete with
// it. ErrWrong where the answer does not verify, ErrTicket where the page is too old.
func (s *Service) AddPasskey(ctx context.Context, session *Session, sealed, answer, name string, from Client) (*Added, error) {
	if s.passkeys == nil {
		return nil, ErrNoPasskeys
	}
	var data webauthn.SessionData
	if err := s.unseal(passkeyPurpose("add", session), sealed, &data); err != nil {
		return nil, err
	}
	account, err := s.people.User(ctx, session.User.ID)
	if err != nil {
		return nil, err
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes([]byte(answer))
	if err != nil {
		return nil, fmt.Errorf("%w (%w)", ErrWrong, err)
	}
	credential, err := s.passkeys.CreateCredential(s.holder(account), data, parsed)
	if err != nil {
		return nil, fmt.Errorf("%w (%w)", ErrWrong, err)
	}
	record, err := json.Marshal(credential)
	if err != nil {
		return nil, fmt.Errorf("access: a passkey's record: %w", err)
	}
	f := &people.Factor{Kind: people.Passkey, Name: name, Secret: record, Credential: sha256.Sum256(credential.ID)}
	return s.addFactor(ctx, session, f, 0, "passkey "+data.Challenge, from)
}

// BeginProof makes the challenge for the passkeys of a session's user, as second factor.
func (s *Service) BeginProof(ctx context.Context, session *Session) (*Ceremony, error) {
	if s.passkeys == nil {
		return nil, ErrNoPasskeys
	}
	account, err := s.people.User(ctx, session.User.ID)
	if err != nil {
		return nil, err
	}
	options, data, err := s.passkeys.BeginLogin(s.holder(account), webauthn.WithUserVerification(protocol.VerificationRequired))
	if err != nil {
		return nil, fmt.Errorf("access: asking for a passkey: %w", err)
	}
	return s.ceremony(passkeyPurpose("prove", session), options.Response, data)
}

// ProveByPasskey takes a passkey's answer as the session's second factor, like ProveByCode.
func (s *Service) ProveByPasskey(ctx context.Context, session *Session, sealed, answer string, from Client) (Tokens, error) {
	if s.passkeys == nil {
		return Tokens{}, ErrNoPasskeys
	}
	var data webauthn.SessionData
	if err := s.unseal(passkeyPurpose("prove", session), sealed, &data); err != nil {
		return Tokens{}, err
	}
	return s.prove(ctx, session, from, func(account *people.UserRecord) error {
		parsed, err := protocol.ParseCredentialRequestResponseBytes([]byte(answer))
		if err != nil {
			return fmt.Errorf("%w (%w)", ErrWrong, err)
		}
		credential, err := s.passkeys.ValidateLogin(s.holder(account), data, parsed)
		if err != nil {
			return fmt.Errorf("%w (%w)", ErrWrong, err)
		}
		return s.usePasskey(ctx, account, credential, data.Challenge)
	})
}

// usePasskey notes that a passkey has answered a challenge. One whose counter went back was copied: it is refused.
func (s *Service) usePasskey(ctx context.Context, account *people.UserRecord, credential *webauthn.Credential, challenge string) error {
	if credential.Authenticator.CloneWarning {
		s.log.Warn("access: a passkey's counter went back: there may be a copy of it", "user", account.ID)
		return ErrWrong
	}
	record, err := json.Marshal(credential)
	if err != nil {
		return fmt.Errorf("access: a passkey's record: %w", err)
	}
	known := sha256.Sum256(credential.ID)
	for _, f := range account.Factors {
		if f.Kind == people.Passkey && f.Credential == known {
			f.Secret = record
			return s.people.UsePasskey(ctx, &f, challenge)
		}
	}
	return ErrWrong
}

// BeginSignIn makes the challenge for whoever signs in by passkey alone, which is both factors: the device, and what
// unlocks it.
func (s *Service) BeginSignIn() (*Ceremony, error) {
	if s.passkeys == nil {
		return nil, ErrNoPasskeys
	}
	options, data, err := s.passkeys.BeginDiscoverableLogin(webauthn.WithUserVerification(protocol.VerificationRequired))
	if err != nil {
		return nil, fmt.Errorf("access: asking for a passkey: %w", err)
	}
	return s.ceremony(signInPurpose, options.Response, data)
}

// SignInByPasskey signs in whoever owns the passkey with which the browser answered. ErrWrong where it is unknown, its
// answer does not verify or its user is not active; ErrCodeUsed where the challenge was answered before.
func (s *Service) SignInByPasskey(ctx context.Context, sealed, answer string, from Client) (Tokens, error) {
	if s.passkeys == nil {
		return Tokens{}, ErrNoPasskeys
	}
	var data webauthn.SessionData
	if err := s.unseal(signInPurpose, sealed, &data); err != nil {
		return Tokens{}, err
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes([]byte(answer))
	if err != nil {
		return Tokens{}, fmt.Errorf("%w (%w)", ErrWrong, err)
	}
	account, err := s.passkeyOwner(ctx, parsed.RawID, parsed.Response.UserHandle)
	if err != nil {
		return Tokens{}, err
	}
	find := func(_, _ []byte) (webauthn.User, error) { return s.holder(account), nil }
	credential, err := s.passkeys.ValidateDiscoverableLogin(find, data, parsed)
	if err != nil {
		return Tokens{}, fmt.Errorf("%w (%w)", ErrWrong, err)
	}
	err = s.usePasskey(ctx, account, credential, data.Challenge)
	if errors.Is(err, people.ErrCodeUsed) {
		err = ErrCodeUsed
	}
	if err != nil {
		return Tokens{}, err
	}
	return s.begin(ctx, account, from)
}

// passkeyOwner finds the active user of a credential.
func (s *Service) passkeyOwner(ctx context.Context, credential, handle []byte) (*people.UserRecord, error) {
	f, err := s.people.FactorByCredential(ctx, sha256.Sum256(credential))
	if errors.Is(err, store.ErrNotFound) {
		return nil, ErrWrong
	}
	if err != nil {
		return nil, err
	}
	account, err := s.people.User(ctx, f.UserID)
	if err != nil {
		return nil, err
	}
	if !account.Deactivated.IsZero() || !bytes.Equal(handle, s.holder(account).WebAuthnID()) {
		return nil, ErrWrong
	}
	return account, nil
}
