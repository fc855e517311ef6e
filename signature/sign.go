package signature

import (
	"crypto/hmac"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"hash"
	"slices"
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
	// any order. Either the key is wrong or the body was changed.
	ErrMismatch = errors.New("signature: does not fit body and key")
	// ErrAmbiguous: the signing string can be cut into lines in several ways, see
	// [Form.Ambiguous]. Verify does not look for that; package client does.
	ErrAmbiguous = errors.New("signature: the signing string can be read in several ways")
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
// key, in any order (see [Orders]). It returns the one that fitted. The error
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
	var sum [sha512.Size]byte
	return base64.StdEncoding.EncodeToString(f.appendMAC(sum[:0], Natural, key))
}

// SignString returns the signature of a signing string that the caller made, as
// tools do that look for the mistake in a refused signature. To sign a body use
// [Sign].
func SignString(signingString []byte, key string) string {
	var sum [sha512.Size]byte
	m := takeMAC(key)
	defer m.giveBack()
	m.hash.Write(signingString)
	return base64.StdEncoding.EncodeToString(m.hash.Sum(sum[:0]))
}

// Verify checks a signature under key. It tries all orders (see [Orders]), each
// distinct signing string once, and returns the first that fits. Digests are
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
	if o, ok := f.fits(want, key); ok {
		return o, nil
	}
	if written := f.asWritten(); written != f {
		if o, ok := written.fits(want, key); ok {
			return o + AsWritten, nil
		}
	}
	return 0, ErrMismatch
}

// fits looks for the order in which the lines have this signature.
func (f *Form) fits(want [sha512.Size]byte, key string) (o Order, ok bool) {
	var sum [sha512.Size]byte
	for i, o := range orders {
		if f.triedBefore(i, o) {
			continue
		}
		if hmac.Equal(want[:], f.appendMAC(sum[:0], o, key)) {
			return o, true
		}
	}
	return 0, false
}

// triedBefore reports whether one of the first n orders sorts the lines as o.
func (f *Form) triedBefore(n int, o Order) bool {
	for _, before := range orders[:n] {
		if slices.Equal(f.sequence(before), f.sequence(o)) {
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

// appendMAC appends the HMAC-SHA-512 of the signing string in order o, which
// runs through a small buffer and is never put together.
func (f *Form) appendMAC(dst []byte, o Order, key string) []byte {
	m := takeMAC(key)
	defer m.giveBack()
	f.pieces(o, m.write)
	m.hash.Write(m.buffer)
	return m.hash.Sum(dst)
}

// mac is an HMAC that has taken its key in already, which is a third of the
// work on a short text, with a buffer that gathers pieces for it.
type mac struct {
	hash   hash.Hash
	buffer []byte
	pool   *sync.Pool // where it goes back to; nil: nowhere
}

const macBuffer = 2 << 10

// write always says that there is need of more.
func (m *mac) write(piece string) bool {
	for len(piece) > macBuffer-len(m.buffer) {
		n := macBuffer - len(m.buffer)
		m.hash.Write(append(m.buffer, piece[:n]...))
		m.buffer, piece = m.buffer[:0], piece[n:]
	}
	m.buffer = append(m.buffer, piece...)
	return true
}

func newMAC(key string, pool *sync.Pool) *mac {
	return &mac{hash: hmac.New(sha512.New, []byte(key)), buffer: make([]byte, 0, macBuffer), pool: pool}
}

// macs holds HMACs by key. Keys beyond maxMACs are not remembered, so that a
// program that meets many does not keep them all.
var (
	macs    sync.Map // *sync.Pool by key
	macKeys atomic.Int64
)

const maxMACs = 10_000

func takeMAC(key string) *mac {
	pool := macsOf(key)
	if pool == nil {
		return newMAC(key, nil)
	}
	return pool.Get().(*mac)
}

func (m *mac) giveBack() {
	if m.pool == nil {
		return
	}
	m.hash.Reset()
	m.buffer = m.buffer[:0]
	m.pool.Put(m)
}

func macsOf(key string) *sync.Pool {
	if known, ok := macs.Load(key); ok {
		return known.(*sync.Pool)
	}
	if macKeys.Load() >= maxMACs {
		return nil
	}
	fresh := &sync.Pool{}
	fresh.New = func() any { return newMAC(key, fresh) }
	known, there := macs.LoadOrStore(key, fresh)
	if !there {
		macKeys.Add(1)
	}
	return known.(*sync.Pool)
}
