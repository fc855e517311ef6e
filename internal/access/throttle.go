package access

import (
	"context"
	"fmt"
	"time"

	"flashpay/internal/store/people"
	"flashpay/internal/vault"
)

// WaitError says that too much was tried, and when the next try may be made. What was tried was not looked at.
type WaitError struct{ Until time.Time }

func (e *WaitError) Error() string {
	return "access: too many tries; the next may be made at " + e.Until.Format(time.RFC3339)
}

// tries are the counts that one try counts in. Those of its own it forgets when it was right; to the shared ones it is
// only given back, because others count in them, too. In the queue for hashes it stands with its source: whoever is known
// from an earlier sign-in by themselves, others with all of their network.
type tries struct {
	own, shared []people.Try
	source      string
}

func (t tries) all() []people.Try { return append(append([]people.Try(nil), t.own...), t.shared...) }

// What a password may be tried, and a code. Somebody who guesses from one network is slowed down there. Somebody who
// guesses from many is slowed down by the account's own budget, and so is, alas, the owner at a computer and a network
// that are new: but never at those known from an earlier sign-in, which have a count of their own. Guesses at many
// accounts from one network count together.
var (
	passwordAtPlace = people.Try{Free: 5, Base: 5 * time.Second, Most: 15 * time.Minute, Forget: time.Hour}
	passwordBudget  = people.Try{Free: 30, Base: 10 * time.Second, Most: 5 * time.Minute, Forget: time.Hour}
	networkBudget   = people.Try{Free: 100, Base: 5 * time.Second, Most: time.Minute, Forget: time.Hour}
	codeAtPlace     = people.Try{Free: 5, Base: 30 * time.Second, Most: 15 * time.Minute, Forget: 24 * time.Hour}
	inviteBudget    = people.Try{Free: 20, Base: time.Minute, Most: time.Hour, Forget: 24 * time.Hour} // of a merchant, or addresses could be tried
	codeBudget      = people.Try{Free: 10, Base: time.Minute, Most: 15 * time.Minute, Forget: 24 * time.Hour}
)

// passwordTries are the counts for a password of the account of an e-mail address; user is 0 where there is none.
func (s *Service) passwordTries(ctx context.Context, email string, user int64, from Client) (tries, error) {
	account := "password " + vault.Normalise("email", email)
	place, known, err := s.place(ctx, user, from)
	if err != nil {
		return tries{}, err
	}
	t := tries{own: []people.Try{s.count(passwordAtPlace, account+" "+place)}, source: account + " " + place}
	if !known {
		t.source = "network " + from.network()
		t.shared = []people.Try{s.count(passwordBudget, account), s.count(networkBudget, "network "+from.network())}
	}
	return t, nil
}

// codeTries are the counts for a second factor of a user.
func (s *Service) codeTries(ctx context.Context, user int64, from Client) (tries, error) {
	account := fmt.Sprintf("code %d", user)
	place, known, err := s.place(ctx, user, from)
	if err != nil {
		return tries{}, err
	}
	t := tries{own: []people.Try{s.count(codeAtPlace, account+" "+place)}}
	if !known {
		t.shared = []people.Try{s.count(codeBudget, account)}
	}
	return t, nil
}

// place is where a user tries from: a device or a network that is known from an earlier sign-in, or a network that is
// not.
func (s *Service) place(ctx context.Context, user int64, from Client) (place string, known bool, err error) {
	device, network, err := s.people.KnownDevice(ctx, user, *s.device(from))
	switch {
	case err != nil:
		return "", false, err
	case device && from.Device != "":
		return fmt.Sprintf("device %x", hashToken(from.Device)), true, nil
	}
	return "network " + from.network(), network && from.network() != "", nil
}

func (s *Service) count(t people.Try, what string) people.Try {
	t.Digest = s.store.Vault().Digest("tries", []byte(what))
	return t
}

// take counts a try before it is made. A *WaitError says that it must not be made now. Nothing is written then.
func (s *Service) take(ctx context.Context, t tries) error {
	next, err := s.people.NextTry(ctx, t.all())
	if err != nil {
		return err
	}
	if !next.After(s.store.Now()) {
		if next, err = s.people.TakeTry(ctx, t.all()); err != nil {
			return err
		}
	}
	if next.After(s.store.Now()) {
		return &WaitError{next}
	}
	return nil
}

// right takes back what take counted.
func (s *Service) right(ctx context.Context, t tries) error {
	return s.people.GiveBackTry(ctx, t.own, t.shared)
}
