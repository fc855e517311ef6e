package access

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"image/png"
	"strings"

	"github.com/pquerna/otp"

	"flashpay/internal/store/people"
)

// issuer is what authenticators show beside the account.
const issuer = "Flashpay"

// Enrolment is what a page shows to somebody who adds an authenticator.
type Enrolment struct {
	Secret string // in groups of four, for typing
	QR     string // a picture, as a data: URL
	Ticket string // carries the secret to AddTOTP
}

const qrSize = 240 // pixels

// BeginTOTP makes the secret of a new authenticator. Nothing is stored before AddTOTP.
func (s *Service) BeginTOTP(session *Session) (*Enrolment, error) {
	secret := newSecret()
	sealed, err := s.seal(enrolPurpose(session), secret)
	if err != nil {
		return nil, err
	}
	return s.enrolment(session, secret, sealed)
}

// ResumeTOTP shows an enrolment again, such as beside what was wrong with the code.
func (s *Service) ResumeTOTP(session *Session, sealed string) (*Enrolment, error) {
	var secret string
	if err := s.unseal(enrolPurpose(session), sealed, &secret); err != nil {
		return nil, err
	}
	return s.enrolment(session, secret, sealed)
}

func enrolPurpose(session *Session) string {
	return fmt.Sprintf("totp %d %d", session.User.ID, session.ID)
}

func (s *Service) enrolment(session *Session, secret, sealed string) (*Enrolment, error) {
	key, err := otp.NewKeyFromURL(keyURL(secret, issuer, session.User.Email))
	if err != nil {
		return nil, fmt.Errorf("access: a QR code: %w", err)
	}
	picture, err := key.Image(qrSize, qrSize)
	if err != nil {
		return nil, fmt.Errorf("access: a QR code: %w", err)
	}
	var out bytes.Buffer
	if err := png.Encode(&out, picture); err != nil {
		return nil, fmt.Errorf("access: a QR code: %w", err)
	}
	var groups []string
	for i := 0; i < len(secret); i += 4 {
		groups = append(groups, secret[i:min(i+4, len(secret))])
	}
	return &Enrolment{
		Secret: strings.Join(groups, " "), Ticket: sealed, QR: "data:image/png;base64," + base64.StdEncoding.EncodeToString(out.Bytes()),
	}, nil
}

// Added is what comes of adding a factor.
type Added struct {
	Tokens Tokens
	Codes  []string // recovery codes, shown once; none where the user has some already
}

// AddTOTP adds an authenticator that shows code. A sign-in that waited for a first factor is complete with it. ErrWrong
// where the code is another one, ErrTicket where the page is too old.
func (s *Service) AddTOTP(ctx context.Context, session *Session, sealed, code, name string, from Client) (*Added, error) {
	var secret string
	if err := s.unseal(enrolPurpose(session), sealed, &secret); err != nil {
		return nil, err
	}
	step, ok := matchCode(code, secret, s.store.Now())
	if !ok {
		return nil, ErrWrong
	}
	return s.addFactor(ctx, session, &people.Factor{Kind: people.TOTP, Name: name, Secret: []byte(secret)}, step, secret, from)
}

// addFactor adds a proved factor, with recovery codes where the user has none, and gives the session another token. seed
// names the act, and is secret.
func (s *Service) addFactor(ctx context.Context, session *Session, f *people.Factor, step int64, seed string, from Client) (*Added, error) {
	account, err := s.people.User(ctx, session.User.ID)
	if err != nil {
		return nil, err
	}
	if session.pending && account.HasFactor() { // it has to be shown, not to be added to
		return nil, ErrNoSession
	}
	if f.UserID = account.ID; f.Name == "" || CheckName(f.Name) != nil {
		return nil, ErrName
	}
	if len(account.Factors) >= maxFactors {
		return nil, ErrTooMany
	}
	added := &Added{}
	var digests [][32]byte
	if account.CodesLeft == 0 {
		added.Codes, digests = s.makeRecoveryCodes(account.ID, seed)
	}
	once := s.store.Vault().Digest("factor", fmt.Appendf(nil, "%d %s", account.ID, seed))
	err = s.people.AddFactor(ctx, fmt.Sprintf("factor add %x", once), f, step, digests, session.User.Actor())
	if errors.Is(err, people.ErrFactorExists) {
		return nil, ErrFactorExists
	}
	if err != nil {
		return nil, err
	}
	added.Tokens, err = s.promote(ctx, session, from)
	return added, err
}

// maxFactors is how many second factors a user can have.
const maxFactors = 20

// RemoveFactor removes one of the user's own factors. store.ErrLastFactor where it is the only one.
func (s *Service) RemoveFactor(ctx context.Context, session *Session, id int64) error {
	return s.people.RemoveFactor(ctx, session.User.ID, id, session.User.Actor())
}
