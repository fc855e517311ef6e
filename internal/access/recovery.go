package access

import (
	"context"
	"encoding/base32"
	"fmt"
	"strings"
)

// recoveryCodes is how many recovery codes a user gets at once.
const recoveryCodes = 10

// recoveryLetters are those of recovery codes: none that are taken for one another (Crockford's base 32).
var recoveryLetters = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// makeRecoveryCodes derives recovery codes of 50 bits each, such as 4fq0z-9wmh7, from a secret seed: the same seed makes
// the same codes, so that a form that is sent twice shows what is valid. digests are what is stored.
func (s *Service) makeRecoveryCodes(userID int64, seed string) (codes []string, digests [][32]byte) {
	for i := range recoveryCodes {
		sum := s.store.Vault().Digest("recovery seed", fmt.Appendf(nil, "%d %d %s", userID, i, seed))
		text := recoveryLetters.EncodeToString(sum[:])[:10]
		codes = append(codes, text[:5]+"-"+text[5:])
		digests = append(digests, s.recoveryDigest(userID, text))
	}
	return codes, digests
}

// recoveryDigest is what a recovery code is stored as, however it is typed.
func (s *Service) recoveryDigest(userID int64, code string) [32]byte {
	code = strings.NewReplacer("o", "0", "i", "1", "l", "1", "-", "", " ", "").Replace(strings.ToLower(code))
	return s.store.Vault().Digest("recovery code", fmt.Appendf(nil, "%d %s", userID, code))
}

// RenewRecoveryCodes replaces the recovery codes of a session's user, and returns the new ones, which nobody can read
// again. once names the act.
func (s *Service) RenewRecoveryCodes(ctx context.Context, session *Session, idempotencyKey string) ([]string, error) {
	codes, digests := s.makeRecoveryCodes(session.User.ID, "renew "+idempotencyKey)
	act := "recovery codes " + session.User.Object() + " " + idempotencyKey
	return codes, s.people.SetRecoveryCodes(ctx, act, session.User.ID, digests, session.User.Actor())
}
