package signature

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"hash"
	"sync"
	"sync/atomic"
)

// Size is the length of a signature: base64 with padding of 64 bytes.
const Size = 88

// Why a signature was refused.
var (
	// ErrNoKey: the key is empty, most likely a setting that was not made. Anyone
	// can sign under it, so nothing verifies under it.
	ErrNoKey = errors.New("signature: key is empty")
	// ErrMissing: there is no signature, or it is empty.
	ErrMissing = errors.New("signature: missing")
	// ErrMalformed: the signature cannot be one under any key: it is not the
	// padded standard base64 (88 characters) of 64 bytes.
	ErrMalformed = errors.New("signature: not the base64 of 64 bytes")
	// ErrMismatch: the signature is another one than the body and the key give in
	// any of the four orders. Either the body was changed or the key is wrong.
	ErrMismatch = errors.New("signature: does not fit body and key")
)

// Sign parses a body and returns its signature under key, in natural order. It
// does not matter whether the body has a signature already. The caller puts the
// result into the body: at the root, or for Gate requests into general.
func Sign(body []byte, key string) (string, error) {
	v, err := Parse(body)
	if err != nil {
		return "", err
	}
	return Canonical(v).Sign(key), nil
}

// Verify parses a body, looks for its signature (see [Find]) and checks it under
// key, in any of the four orders. It returns the order that fitted. The error
// is a *[SyntaxError], [ErrMissing], [ErrMalformed], [ErrMismatch] or [ErrNoKey].
func Verify(body []byte, key string) (Order, error) {
	v, err := Parse(body)
	if err != nil {
		return 0, err
	}
	sig, ok := Find(v)
	if !ok {
		return 0, ErrMissing
	}
	return Canonical(v).Verify(sig, key)
}

// Find returns the signature that a body carries: the member "signature" of the
// root, or, where the root has none, of "general". A member that is null counts
// as absent. One that is no string is returned as its JSON text, which no check
// will accept.
func Find(v *Value) (sig string, ok bool) {
	s := v.Get("signature")
	if s == nil || s.Kind == Null {
		s = v.Get("general", "signature")
	}
	switch {
	case s == nil || s.Kind == Null:
		return "", false
	case s.Kind == String:
		return s.Text, true
	}
	return string(s.AppendJSON(nil)), true
}

// Sign returns the signature under key, in natural order.
func (f *Form) Sign(key string) string {
	return SignString(f.signingString(Natural), key)
}

// SignString returns the signature of a signing string that the caller made, as
// tools do that look for the mistake in a refused signature. To sign a body use
// [Sign].
func SignString(signingString []byte, key string) string {
	var sum [sha512.Size]byte
	return base64.StdEncoding.EncodeToString(appendMAC(sum[:0], key, signingString))
}

// Verify checks a signature under key. It tries the four orders, each distinct
// signing string once, and returns the first order that fits. Digests are
// compared in constant time. The error is [ErrMissing], [ErrMalformed],
// [ErrMismatch] or [ErrNoKey].
func (f *Form) Verify(sig, key string) (Order, error) {
	if key == "" {
		return 0, ErrNoKey
	}
	if sig == "" {
		return 0, ErrMissing
	}
	want, ok := decode(sig)
	if !ok {
		return 0, ErrMalformed
	}
	var sum [sha512.Size]byte
	for i, o := range orders {
		s := f.signingString(o)
		if f.triedBefore(i, s) {
			continue
		}
		if hmac.Equal(want[:], appendMAC(sum[:0], key, s)) {
			return o, nil
		}
	}
	return 0, ErrMismatch
}

// triedBefore reports whether one of the first n orders gave the string s.
func (f *Form) triedBefore(n int, s []byte) bool {
	for _, o := range orders[:n] {
		if bytes.Equal(f.signingString(o), s) {
			return true
		}
	}
	return false
}

// decode reads a signature strictly. The standard decoder skips line breaks;
// with the length fixed, a text that has some is too short for 64 bytes.
func decode(sig string) (raw [sha512.Size]byte, ok bool) {
	if len(sig) != Size {
		return raw, false
	}
	var text [Size]byte
	copy(text[:], sig)
	var buf [Size / 4 * 3]byte
	n, err := base64.StdEncoding.Strict().Decode(buf[:], text[:])
	copy(raw[:], buf[:])
	return raw, err == nil && n == len(raw)
}

// appendMAC appends the HMAC-SHA-512 of text under key.
func appendMAC(dst []byte, key string, text []byte) []byte {
	pool := macsOf(key)
	if pool == nil {
		return sum(hmac.New(sha512.New, []byte(key)), dst, text)
	}
	mac := pool.Get().(hash.Hash)
	dst = sum(mac, dst, text)
	pool.Put(mac)
	return dst
}

func sum(mac hash.Hash, dst, text []byte) []byte {
	mac.Reset()
	mac.Write(text)
	return mac.Sum(dst)
}

// macs holds, by key, HMACs that have taken their key in already: that is a third of the work on a short text. Keys
// beyond maxMACs are not remembered, so that a program that meets many does not keep them all.
var (
	macs    sync.Map // *sync.Pool by key
	macKeys atomic.Int64
)

const maxMACs = 10_000

func macsOf(key string) *sync.Pool {
	if known, ok := macs.Load(key); ok {
		return known.(*sync.Pool)
	}
	if macKeys.Load() >= maxMACs {
		return nil
	}
	fresh := &sync.Pool{New: func() any { return hmac.New(sha512.New, []byte(key)) }}
	known, there := macs.LoadOrStore(key, fresh)
	if !there {
		macKeys.Add(1)
	}
	return known.(*sync.Pool)
}
