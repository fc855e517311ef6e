package access

import (
	"bytes"
	"compress/gzip"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"unicode"

	"github.com/alexedwards/argon2id"
	"golang.org/x/text/unicode/norm"

	"flashpay/internal/staff"
)

// What may be wrong with a new password (NIST SP 800-63B: length and what is commonly chosen, no rules of composition).
var (
	ErrPasswordShort    = errors.New("access: a password needs at least 10 characters")
	ErrPasswordLong     = errors.New("access: a password has at most 200 characters")
	ErrPasswordCommon   = errors.New("access: this password is among the first that are tried")
	ErrPasswordPersonal = errors.New("access: the password holds the name, the e-mail address or «flashpay»")
)

// Lengths of passwords, in characters.
const (
	MinPassword = 10
	MaxPassword = 200
)

// CheckPassword says what is wrong with a new password of a user; nil where nothing is.
func CheckPassword(password string, u *staff.User) error {
	runes := []rune(norm.NFKC.String(password))
	switch {
	case len(runes) < MinPassword:
		return ErrPasswordShort
	case len(runes) > MaxPassword:
		return ErrPasswordLong
	}
	folded := strings.ToLower(string(runes))
	if personal(folded, u) {
		return ErrPasswordPersonal
	}
	if monotonous([]rune(folded)) || common()[folded] || common()[stem(folded)] {
		return ErrPasswordCommon
	}
	return nil
}

// personal tells whether a password holds what everybody knows of its user: each part of at least four letters.
func personal(folded string, u *staff.User) bool {
	parts := strings.FieldsFunc(strings.ToLower(norm.NFKC.String(u.Name)), func(r rune) bool { return !unicode.IsLetter(r) })
	local, _, _ := strings.Cut(strings.ToLower(u.Email), "@")
	for _, part := range append(parts, local, "flashpay") {
		if len([]rune(part)) >= 4 && strings.Contains(folded, part) {
			return true
		}
	}
	return false
}

// stem is a password without the digits and signs at its ends, which people add to a word to please rules.
func stem(folded string) string {
	return strings.TrimFunc(folded, func(r rune) bool { return !unicode.IsLetter(r) })
}

// monotonous tells whether a password is made of up to three characters, or runs along the alphabet or the digits but
// for three steps.
func monotonous(runes []rune) bool {
	distinct := make(map[rune]bool)
	steps := make(map[rune]int)
	for i, r := range runes {
		distinct[r] = true
		if i > 0 {
			steps[r-runes[i-1]]++
		}
	}
	return len(distinct) < 4 || max(steps[1], steps[-1], steps[0]) >= len(runes)-4
}

//go:embed passwords/common.txt.gz
var commonText []byte

// common is the set of common passwords and of words that they are made of.
var common = sync.OnceValue(func() map[string]bool {
	unpacked, err := gzip.NewReader(bytes.NewReader(commonText))
	if err != nil {
		panic(err) // embedded: a test reads it
	}
	text, err := io.ReadAll(unpacked)
	if err != nil {
		panic(err)
	}
	set := make(map[string]bool)
	for line := range strings.Lines(string(text)) {
		set[strings.TrimSuffix(line, "\n")] = true
	}
	return set
})

// hasher makes and checks the hashes of passwords, few at once: each takes a core for a tenth of a second and 64 MiB,
// and whoever floods the sign-in must not have all of them.
type hasher struct {
	params  argon2id.Params
	queue   *queue
	done    atomic.Int64 // hashes made or compared
	refused atomic.Int64
	dummy   func() string // hash of a password that nobody knows
}

func newHasher(memory uint32) *hasher {
	h := &hasher{
		params: argon2id.Params{Memory: memory, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32},
		queue:  newQueue(max(1, runtime.NumCPU()/2)),
	}
	h.dummy = sync.OnceValue(func() string {
		hash, err := argon2id.CreateHash(newToken(), &h.params)
		if err != nil {
			panic(err) // the random source does not fail
		}
		return hash
	})
	return h
}

// turn waits for one that is this source's. ErrBusy where too many wait, or for too long.
func (h *hasher) turn(ctx context.Context, source string) error {
	err := h.queue.wait(ctx, source)
	switch {
	case err == nil:
		h.done.Add(1)
	case errors.Is(err, ErrBusy):
		h.refused.Add(1)
	}
	return err
}

// hash makes the hash of a new password. source is whose turn it takes: a network, or what is known of whoever asks.
func (h *hasher) hash(ctx context.Context, source, password string) (string, error) {
	if err := h.turn(ctx, source); err != nil {
		return "", err
	}
	defer h.queue.release()
	hash, err := argon2id.CreateHash(norm.NFKC.String(password), &h.params)
	if err != nil {
		return "", fmt.Errorf("access: hashing a password: %w", err)
	}
	return hash, nil
}

// check compares a password with a hash, in a turn of source; an empty hash takes as long, and fits nothing. stale says that the hash was made
// with other parameters than new ones are.
func (h *hasher) check(ctx context.Context, source, password, hash string) (ok, stale bool, err error) {
	if err := h.turn(ctx, source); err != nil {
		return false, false, err
	}
	defer h.queue.release()
	if runes := []rune(password); len(runes) > MaxPassword {
		password = string(runes[:MaxPassword+1]) // fits nothing, and takes no longer
	}
	against := hash
	if against == "" {
		against = h.dummy()
	}
	ok, params, err := argon2id.CheckHash(norm.NFKC.String(password), against)
	if err != nil {
		return false, false, fmt.Errorf("access: checking a password: %w", err)
	}
	return ok && hash != "", *params != h.params, nil
}
