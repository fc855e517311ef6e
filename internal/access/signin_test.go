package access_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"flashpay/internal/access"
	"flashpay/internal/staff"
	"flashpay/internal/store/people"
)

const email = "aida@example.kg"

// pending signs in by password.
func (w *world) pending(client access.Client) *access.Session {
	w.t.Helper()
	token, err := w.Password(w.t.Context(), email, goodPassword, client)
	if err != nil {
		w.t.Fatal(err)
	}
	session, err := w.Pending(w.t.Context(), token)
	if err != nil {
		w.t.Fatal(err)
	}
	return session
}

func code(t *testing.T, at time.Time) string {
	t.Helper()
	code, err := access.Code(testSecret, at)
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// signIn signs in with both factors, from a device that is known from then on.
func (w *world) signIn(client access.Client) (*access.Session, access.Client) {
	w.t.Helper()
	tokens, err := w.ProveByCode(w.t.Context(), w.pending(client), code(w.t, time.Now()), client)
	if err != nil {
		w.t.Fatal(err)
	}
	session, err := w.Resume(w.t.Context(), tokens.Session)
	if err != nil {
		w.t.Fatal(err)
	}
	client.Device = tokens.Device
	return session, client
}

func isWait(err error) bool {
	var wait *access.WaitError
	return errors.As(err, &wait)
}

func TestPasswordAloneOpensNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user(email, 1, staff.Operations)
	token, err := w.Password(t.Context(), " AIDA@example.kg ", goodPassword, from("192.0.2.7"))
	if err != nil {
		t.Fatal(err)
	}
	if w.resumes(token) {
		t.Error("a password alone opens a session")
	}
	session, err := w.Pending(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	if f, err := w.Factors(t.Context(), session); err != nil || !f.TOTP || f.Passkey || f.Recovery {
		t.Errorf("factors %+v, %v", f, err)
	}
	if _, err := w.AddTOTP(t.Context(), session, "", "000000", "Phone", from("192.0.2.7")); !errors.Is(err, access.ErrTicket) {
		t.Errorf("without a ticket: %v", err)
	}
	// Whoever has the password must not get around the factor by adding one of their own.
	enrolment, err := w.BeginTOTP(session)
	if err != nil {
		t.Fatal(err)
	}
	own, err := access.Code(strings.ReplaceAll(enrolment.Secret, " ", ""), w.store.Now())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.AddTOTP(t.Context(), session, enrolment.Ticket, own, "Mine", from("192.0.2.7")); !errors.Is(err, access.ErrNoSession) {
		t.Errorf("adding a second factor behind a password alone: %v", err)
	}
}

func TestSessionTokenIsAnotherOneAfterEachFactor(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, w *world) {
		w.user(email, 1, staff.Operations)
		before, err := w.Password(t.Context(), email, goodPassword, from("192.0.2.7"))
		if err != nil {
			t.Fatal(err)
		}
		session, err := w.Pending(t.Context(), before)
		if err != nil {
			t.Fatal(err)
		}
		first, err := w.ProveByCode(t.Context(), session, code(t, time.Now()), from("192.0.2.7"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Pending(t.Context(), before); !errors.Is(err, access.ErrNoSession) || w.resumes(before) || !w.resumes(first.Session) {
			t.Fatalf("the token from before the sign-in lives: %v", err)
		}
		time.Sleep(10 * time.Minute)
		session, err = w.Resume(t.Context(), first.Session)
		if err != nil || session.Fresh(time.Now()) {
			t.Fatalf("%+v, %v", session, err)
		}
		expires := session.ExpiresAt
		second, err := w.ProveByCode(t.Context(), session, code(t, time.Now()), from("192.0.2.7"))
		if err != nil {
			t.Fatal(err)
		}
		if w.resumes(first.Session) {
			t.Error("the token from before the fresh factor lives")
		}
		session, err = w.Resume(t.Context(), second.Session)
		if err != nil || !session.Fresh(time.Now()) || !session.ExpiresAt.Equal(expires) {
			t.Errorf("%+v, %v: want it fresh, and ending at %v as before", session, err, expires)
		}
	})
}

func TestSignInThatIsNotFinishedEnds(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, w *world) {
		w.user(email, 1, staff.Operations)
		token, err := w.Password(t.Context(), email, goodPassword, from("192.0.2.7"))
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(15 * time.Minute)
		if _, err := w.Pending(t.Context(), token); !errors.Is(err, access.ErrNoSession) {
			t.Errorf("after 15 minutes: %v", err)
		}
	})
}

func TestUnknownAddressAndWrongPasswordAreTheSame(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user(email, 1, staff.Operations)
	gone := w.user("gone@example.kg", 1, staff.Support)
	if err := people.New(w.store).SetActive(t.Context(), "off", gone.ID, false, true, "test"); err != nil {
		t.Fatal(err)
	}
	invited := &staff.User{MerchantID: 1, Email: "new@example.kg", Roles: []staff.Role{staff.Support}}
	if _, err := w.Invite(t.Context(), "once", access.ByCommand("test"), invited); err != nil {
		t.Fatal(err)
	}
	writes := make(map[string]int64)
	hashes := make(map[string]int64)
	for name, c := range map[string]struct{ email, password string }{
		"a wrong password": {email, "another-password"}, "nobody": {"nobody@example.kg", goodPassword},
		"somebody deactivated": {"gone@example.kg", goodPassword}, "somebody invited": {"new@example.kg", goodPassword}, "no address": {"x", goodPassword},
	} {
		items, checks := w.store.Stats().Items, access.Checks(w.Service)
		if _, err := w.Password(t.Context(), c.email, c.password, from("192.0.2.7")); err == nil || err.Error() != access.ErrWrong.Error() {
			t.Errorf("%s: %v", name, err)
		}
		writes[name], hashes[name] = w.store.Stats().Items-items, access.Checks(w.Service)-checks
	}
	for name := range writes {
		if writes[name] != writes["nobody"] || hashes[name] != 1 {
			t.Errorf("%s: %d writes, %d hashes; nobody: %d writes", name, writes[name], hashes[name], writes["nobody"])
		}
	}
}

func TestGuessingIsSlowedDownWhereItComesFrom(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, w *world) {
		w.user(email, 1, staff.Operations)
		_, known := w.signIn(from("198.51.100.20"))
		guesses := 0
		for start := time.Now(); time.Since(start) < 24*time.Hour; time.Sleep(30 * time.Second) {
			_, err := w.Password(t.Context(), email, "guess-guess-guess", from("192.0.2.66"))
			if errors.Is(err, access.ErrWrong) {
				guesses++
			} else if !isWait(err) {
				t.Fatal(err)
			}
		}
		if guesses < 5 || guesses > 110 {
			t.Errorf("%d guesses in a day from one network", guesses)
		}
		// The right password is not looked at before the time has come, or guessing would go on behind the wait.
		if _, err := w.Password(t.Context(), email, "guess-guess-guess", from("192.0.2.66")); !isWait(err) && !errors.Is(err, access.ErrWrong) {
			t.Fatal(err)
		}
		if _, err := w.Password(t.Context(), email, goodPassword, from("192.0.2.99")); !isWait(err) {
			t.Errorf("the right password from the network that guesses: %v", err)
		}
		if _, err := w.Password(t.Context(), email, goodPassword, from("198.51.100.20")); err != nil {
			t.Errorf("the owner's network: %v", err)
		}
		known.Addr = from("192.0.2.66").Addr
		if _, err := w.Password(t.Context(), email, goodPassword, known); err != nil {
			t.Errorf("the owner's device, in the network of who guesses: %v", err)
		}
	})
}

func TestGuessingFromEverywhereDoesNotLockTheOwnerOut(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, w *world) {
		w.user(email, 1, staff.Operations)
		_, known := w.signIn(from("198.51.100.20"))
		guesses := 0
		for i := range 500 {
			_, err := w.Password(t.Context(), email, "guess-guess-guess", from(fmt.Sprintf("10.%d.%d.1", i/250, i%250)))
			if errors.Is(err, access.ErrWrong) {
				guesses++
			} else if !isWait(err) {
				t.Fatal(err)
			}
		}
		if guesses > 30 {
			t.Errorf("%d guesses at once at one account, each from a network of its own", guesses)
		}
		if _, err := w.Password(t.Context(), email, goodPassword, from("203.0.113.1")); !isWait(err) {
			t.Errorf("a network that is new: %v", err)
		}
		if _, err := w.Password(t.Context(), email, goodPassword, known); err != nil {
			t.Errorf("the owner's device: %v", err)
		}
		known.Device = ""
		if _, err := w.Password(t.Context(), email, goodPassword, known); err != nil {
			t.Errorf("the owner's network: %v", err)
		}
		forged := from("203.0.113.1")
		forged.Device = strings.Repeat("A", 43)
		if _, err := w.Password(t.Context(), email, goodPassword, forged); !isWait(err) {
			t.Errorf("a device that never signed in: %v", err)
		}
	})
}

func TestOneNetworkCannotTryManyAccounts(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, w *world) {
		tried := 0
		for i := range 300 {
			_, err := w.Password(t.Context(), fmt.Sprintf("u%d@example.kg", i), "guess-guess-guess", from("192.0.2.66"))
			if errors.Is(err, access.ErrWrong) {
				tried++
			}
		}
		if tried > 100 {
			t.Errorf("%d accounts tried at once from one network", tried)
		}
	})
}

func TestGuessesAtOnceAreAllCounted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user(email, 1, staff.Operations)
	var wg sync.WaitGroup
	errs := make([]error, 20)
	for i := range errs {
		wg.Go(func() {
			_, errs[i] = w.Password(context.WithoutCancel(t.Context()), email, "guess-guess-guess", from("192.0.2.66"))
		})
	}
	wg.Wait()
	wrong := 0
	for _, err := range errs {
		if errors.Is(err, access.ErrWrong) {
			wrong++
		} else if !isWait(err) {
			t.Error(err)
		}
	}
	if wrong != 5 {
		t.Errorf("%d of 20 guesses at once were looked at, want 5", wrong)
	}
}

// Hashes at once are few, and a flood from one network sends nobody else away: the others wait for their turn.
func TestHashesAtOnceAreFew(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	most := max(1, runtime.NumCPU()/2)
	held := access.HoldHashes(w.Service)
	var wg sync.WaitGroup
	flood, others := make([]error, 60), make([]error, 60)
	for i := range flood {
		wg.Go(func() {
			_, flood[i] = w.Password(t.Context(), fmt.Sprintf("f%d@example.kg", i), goodPassword, from("192.0.2.1"))
		})
	}
	for access.Refused(w.Service) < 60-20 {
		time.Sleep(time.Millisecond)
	}
	for i := range others {
		wg.Go(func() {
			_, others[i] = w.Password(t.Context(), fmt.Sprintf("u%d@example.kg", i), goodPassword, from(fmt.Sprintf("10.0.%d.1", i)))
		})
	}
	turns, waiting := access.Hashing(w.Service)
	for ; waiting < 20+60; turns, waiting = access.Hashing(w.Service) {
		time.Sleep(time.Millisecond)
	}
	if turns != most {
		t.Errorf("%d hashes at once, want %d", turns, most)
	}
	held()
	wg.Wait()
	for i, err := range others {
		if !errors.Is(err, access.ErrWrong) {
			t.Errorf("from network %d: %v", i, err)
		}
	}
	busy := 0
	for _, err := range flood {
		if errors.Is(err, access.ErrBusy) {
			busy++
		}
	}
	if busy != 40 {
		t.Errorf("%d of a flood of 60 were told to come again, want 40", busy)
	}
}

func TestCodeIsTakenOnce(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, w *world) {
		w.user(email, 1, staff.Operations)
		time.Sleep(time.Until(time.Now().Truncate(30 * time.Second).Add(30 * time.Second)))
		start := time.Now()
		client := from("192.0.2.7")
		try := func(text string) error {
			_, err := w.ProveByCode(t.Context(), w.pending(client), text, client)
			return err
		}
		for _, c := range []struct {
			name string
			code string
			want error
		}{
			{"two steps ago", code(t, start.Add(-60*time.Second)), access.ErrWrong},
			{"two steps ahead", code(t, start.Add(60*time.Second)), access.ErrWrong},
			{"no code", "12345", access.ErrWrong},
			{"the step before", code(t, start.Add(-30*time.Second)), nil},
			{"the step before, again", code(t, start.Add(-30*time.Second)), access.ErrCodeUsed},
			{"now, in groups", code(t, start)[:3] + " " + code(t, start)[3:], nil},
			{"now, again", code(t, start), access.ErrCodeUsed},
			{"the step before, after now", code(t, start.Add(-30*time.Second)), access.ErrCodeUsed},
			{"the step ahead", code(t, start.Add(30*time.Second)), nil},
		} {
			if err := try(c.code); !errors.Is(err, c.want) {
				t.Errorf("%s: %v, want %v", c.name, err, c.want)
			}
		}
	})
}

func TestCodesCannotBeGuessed(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, w *world) {
		w.user(email, 1, staff.Operations)
		_, known := w.signIn(from("198.51.100.20"))
		guesses := 0
		for i := 0; i < 24*60; i++ { // a day: somebody has the password, and many networks
			client := from(fmt.Sprintf("10.0.%d.1", i%200))
			token, err := w.Password(t.Context(), email, goodPassword, client)
			if err == nil {
				var session *access.Session
				if session, err = w.Pending(t.Context(), token); err == nil {
					_, err = w.ProveByCode(t.Context(), session, "000000", client)
				}
			}
			if errors.Is(err, access.ErrWrong) {
				guesses++
			} else if err != nil && !isWait(err) {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
		}
		if guesses > 110 {
			t.Errorf("%d guesses at a code in a day", guesses)
		}
		time.Sleep(time.Second)
		if _, err := w.ProveByCode(t.Context(), w.pending(known), code(t, time.Now()), known); err != nil {
			t.Errorf("the owner, at a known device: %v", err)
		}
	})
}

func TestRecoveryCodesStandInOnceEach(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, w *world) {
		w.user(email, 1, staff.Operations)
		session, client := w.signIn(from("192.0.2.7"))
		codes, err := w.RenewRecoveryCodes(t.Context(), session, "once")
		if err != nil || len(codes) != 10 || len(slices.Compact(slices.Sorted(slices.Values(codes)))) != 10 {
			t.Fatalf("%v, %v", codes, err)
		}
		if again, err := w.RenewRecoveryCodes(t.Context(), session, "once"); err != nil || !slices.Equal(again, codes) {
			t.Errorf("the same form again shows other codes: %v, %v", again, err)
		}
		for _, c := range []struct {
			code string
			want error
		}{
			{codes[0], nil},
			{codes[0], access.ErrCodeUsed},
			{strings.ToUpper(strings.ReplaceAll(codes[1], "-", " ")), nil},
			{"00000-00000", access.ErrWrong},
			{codes[1], access.ErrCodeUsed},
			{codes[9], nil},
		} {
			if _, err := w.ProveByRecoveryCode(t.Context(), w.pending(client), c.code, client); !errors.Is(err, c.want) {
				t.Errorf("%s: %v, want %v", c.code, err, c.want)
			}
		}
		if f, err := w.Factors(t.Context(), w.pending(client)); err != nil || !f.Recovery {
			t.Errorf("%+v, %v", f, err)
		}
		session, err = w.Resume(t.Context(), w.begin(session.User))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.RenewRecoveryCodes(t.Context(), session, "once"); err != nil {
			t.Fatal(err)
		}
		if _, err := w.ProveByRecoveryCode(t.Context(), w.pending(client), codes[0], client); !errors.Is(err, access.ErrCodeUsed) {
			t.Errorf("a form that is sent again makes used codes valid: %v", err)
		}
		fresh, err := w.RenewRecoveryCodes(t.Context(), session, "another")
		if err != nil || slices.Contains(fresh, codes[2]) {
			t.Fatalf("%v, %v", fresh, err)
		}
		if _, err := w.ProveByRecoveryCode(t.Context(), w.pending(client), codes[2], client); !errors.Is(err, access.ErrWrong) {
			t.Errorf("a code from before the renewal: %v", err)
		}
	})
}

func TestFirstFactorIsAllThatIsOpenBeforeIt(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, w *world) {
		u := &staff.User{MerchantID: 1, Email: email, Name: "Somebody", Roles: []staff.Role{staff.Operations}}
		if err := w.CreateWithPassword(t.Context(), u, goodPassword, "test"); err != nil {
			t.Fatal(err)
		}
		client := from("192.0.2.7")
		session := w.pending(client)
		if _, err := w.ProveByCode(t.Context(), session, "000000", client); !errors.Is(err, access.ErrNoFactor) {
			t.Errorf("a code without an authenticator: %v", err)
		}
		if _, err := w.ProveByRecoveryCode(t.Context(), session, "00000-00000", client); !errors.Is(err, access.ErrNoFactor) {
			t.Errorf("a recovery code without a factor: %v", err)
		}
		e, err := w.BeginTOTP(session)
		if err != nil || !strings.HasPrefix(e.QR, "data:image/png;base64,") {
			t.Fatalf("%+v, %v", e, err)
		}
		secret := strings.ReplaceAll(e.Secret, " ", "")
		right, err := access.Code(secret, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.AddTOTP(t.Context(), session, e.Ticket, "000000", "Phone", client); !errors.Is(err, access.ErrWrong) {
			t.Errorf("another code: %v", err)
		}
		if shown, err := w.ResumeTOTP(session, e.Ticket); err != nil || shown.Secret != e.Secret {
			t.Errorf("shown again: %+v, %v", shown, err)
		}
		if _, err := w.ResumeTOTP(w.pending(client), e.Ticket); !errors.Is(err, access.ErrTicket) {
			t.Errorf("another session's secret: %v", err)
		}
		added, err := w.AddTOTP(t.Context(), session, e.Ticket, right, "Phone", client)
		if err != nil || len(added.Codes) != 10 || !w.resumes(added.Tokens.Session) {
			t.Fatalf("%+v, %v", added, err)
		}
		if _, err := w.AddTOTP(t.Context(), session, e.Ticket, right, "Phone", client); err == nil {
			t.Error("the same ticket adds another one")
		}
		client.Device = added.Tokens.Device
		if _, err := w.ProveByCode(t.Context(), w.pending(client), right, client); !errors.Is(err, access.ErrCodeUsed) {
			t.Errorf("the code that proved the authenticator, again: %v", err)
		}
		later := w.pending(client)
		e, err = w.BeginTOTP(later)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(16 * time.Minute)
		if _, err := w.AddTOTP(t.Context(), later, e.Ticket, right, "Phone", client); !errors.Is(err, access.ErrTicket) {
			t.Errorf("a page of a quarter of an hour ago: %v", err)
		}
	})
}

func TestPasswordsAreChangedByThoseWhoKnowTheOldOne(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, w *world) {
		u := w.user(email, 1, staff.Operations)
		session, client := w.signIn(from("192.0.2.7"))
		other := w.begin(u)
		if err := w.ChangePassword(t.Context(), session, "wrong-wrong-wrong", "tulips-and-trains", client); !errors.Is(err, access.ErrWrong) {
			t.Errorf("without the old one: %v", err)
		}
		if err := w.ChangePassword(t.Context(), session, goodPassword, "qwertyuiop", client); !errors.Is(err, access.ErrPasswordCommon) {
			t.Errorf("a common one: %v", err)
		}
		if err := w.ChangePassword(t.Context(), session, goodPassword, "tulips-and-trains", client); err != nil {
			t.Fatal(err)
		}
		all, err := w.Sessions(t.Context(), u)
		if err != nil || len(all) != 1 || all[0].ID != session.ID || w.resumes(other) {
			t.Errorf("other sessions live on: %+v, %v", all, err)
		}
		if _, err := w.Password(t.Context(), email, goodPassword, client); !errors.Is(err, access.ErrWrong) {
			t.Errorf("the old password: %v", err)
		}
		if _, err := w.Password(t.Context(), email, "tulips-and-trains", client); err != nil {
			t.Errorf("the new password: %v", err)
		}
	})
}
