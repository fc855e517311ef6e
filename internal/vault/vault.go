// Package vault keeps secrets at rest: it seals requests and keys, makes the keyed index under which sealed fields
// can be searched, and derives the keys that operations carry towards a provider. All of it hangs on one keyset,
// which stands beside the SQLite file or in FLASHPAY_KEYSET; without it the sealed data cannot be read.
package vault

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"strconv"
	"strings"
	"sync"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// Vault seals, opens, indexes and derives. It is safe for concurrent use.
type Vault struct {
	aead         tink.AEAD
	installation []byte
	fingerprint  string
	indexMACs    macs // under the index key
	keyMACs      macs // under the installation's secret
}

// file is the keyset as text: a Tink AEAD keyset, which can hold several keys for rotation, and two secrets that
// never rotate, because searches and providers' keys hang on them.
type file struct {
	AEAD         json.RawMessage `json:"aead"`
	Index        []byte          `json:"index"`
	Installation []byte          `json:"installation"`
}

// Generate makes a new keyset as JSON text. Whoever has it can read everything that is sealed under it.
func Generate() ([]byte, error) {
	handle, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	if err != nil {
		return nil, fmt.Errorf("vault: making a keyset: %w", err)
	}
	var text bytes.Buffer
	if err := insecurecleartextkeyset.Write(handle, keyset.NewJSONWriter(&text)); err != nil {
		return nil, fmt.Errorf("vault: writing a keyset: %w", err)
	}
	f := file{AEAD: text.Bytes(), Index: make([]byte, 32), Installation: make([]byte, 32)}
	_, _ = rand.Read(f.Index) // never fails, says crypto/rand
	_, _ = rand.Read(f.Installation)
	return json.MarshalIndent(f, "", "  ")
}

// Open reads a keyset that Generate made.
func Open(text []byte) (*Vault, error) {
	var f file
	if err := json.Unmarshal(text, &f); err != nil {
		return nil, fmt.Errorf("vault: the keyset is not the JSON that flashpay wrote: %w", err)
	}
	if len(f.Index) < 32 || len(f.Installation) < 32 {
		return nil, errors.New("vault: the keyset lacks its members index and installation (32 bytes each)")
	}
	handle, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(f.AEAD)))
	if err != nil {
		return nil, fmt.Errorf("vault: member aead of the keyset: %w", err)
	}
	primitive, err := aead.New(handle)
	if err != nil {
		return nil, fmt.Errorf("vault: member aead of the keyset: %w", err)
	}
	sum := sha256.Sum256(append([]byte("flashpay keyset\x00"), f.Installation...))
	return &Vault{
		aead: primitive, installation: f.Installation, fingerprint: hex.EncodeToString(sum[:8]),
		indexMACs: macs{secret: f.Index}, keyMACs: macs{secret: f.Installation},
	}, nil
}

// Fingerprint names the keyset without revealing it; a database remembers which one it was made with.
func (v *Vault) Fingerprint() string { return v.fingerprint }

// Seal encrypts plain; what binds it to its place (a table and row) must be given to Open again.
func (v *Vault) Seal(plain []byte, place string) ([]byte, error) {
	sealed, err := v.aead.Encrypt(plain, []byte(place))
	if err != nil {
		return nil, fmt.Errorf("vault: sealing %s: %w", place, err)
	}
	return sealed, nil
}

// Unseal decrypts what Seal made for the same place.
func (v *Vault) Unseal(sealed []byte, place string) ([]byte, error) {
	plain, err := v.aead.Decrypt(sealed, []byte(place))
	if err != nil {
		return nil, fmt.Errorf("vault: unsealing %s: the data or the keyset is not the one it was sealed with: %w", place, err)
	}
	return plain, nil
}

// Index is the keyed index of a searchable field: 63 bits of HMAC-SHA-256 over the field's name and its normalised
// value. Equal values have equal indexes; who finds by index confirms by unsealing.
func (v *Vault) Index(field, value string) int64 {
	m := v.indexMACs.take()
	m.text = append(append(append(m.text, field...), 0), Normalise(field, value)...)
	sum := v.indexMACs.sum(m)
	return int64(binary.BigEndian.Uint64(sum[:]) >> 1)
}

// Digest is a keyed digest of what must be compared and not guessed: HMAC-SHA-256 under the index key.
func (v *Vault) Digest(name string, value []byte) (sum [32]byte) {
	m := v.indexMACs.take()
	m.text = append(append(append(append(m.text, "digest\x00"...), name...), 0), value...)
	return v.indexMACs.sum(m)
}

// macs makes HMACs-SHA-256 under one secret. What the secret makes of them is computed once and used again, and so is the room.
type macs struct {
	secret []byte
	free   sync.Pool // of *mac
}

type mac struct {
	hash.Hash
	text, room []byte
}

// take begins a text; sum ends it.
func (k *macs) take() *mac {
	m, ok := k.free.Get().(*mac)
	if !ok {
		m = &mac{Hash: hmac.New(sha256.New, k.secret)}
	}
	m.text = m.text[:0]
	return m
}

func (k *macs) sum(m *mac) (sum [32]byte) {
	m.Reset()
	m.Write(m.text)
	m.room = m.Sum(m.room[:0])
	copy(sum[:], m.room)
	k.free.Put(m)
	return sum
}

// Normalise gives the form under which a searchable field is compared: e-mail addresses without case, account numbers
// without case and blanks, phones without anything but digits.
func Normalise(field, value string) string {
	value = strings.TrimSpace(value)
	switch field {
	case "email":
		return strings.ToLower(value)
	case "account":
		return strings.ToUpper(strings.ReplaceAll(value, " ", ""))
	case "phone":
		return strings.Map(func(r rune) rune {
			if r < '0' || r > '9' {
				return -1
			}
			return r
		}, value)
	}
	return value
}

var keyEncoding = base32.StdEncoding.WithPadding(base32.NoPadding)

// ProviderKey is the one key of an operation towards its provider: base32 of HMAC over project, folded payment id and
// operation number, 32 characters (160 bits). It is not random, so that a payout that was lost with a database and
// accepted again carries the same key (product.md §3.2).
func (v *Vault) ProviderKey(projectID int64, paymentKey string, number int) string {
	m := v.keyMACs.take()
	m.text = append(strconv.AppendInt(m.text, projectID, 10), 0)
	m.text = append(append(m.text, paymentKey...), 0)
	m.text = strconv.AppendInt(m.text, int64(number), 10)
	sum := v.keyMACs.sum(m)
	return keyEncoding.EncodeToString(sum[:20])
}

// Secret derives a named secret of this installation, such as the one that the sandbox signs notifications with.
func (v *Vault) Secret(name string) string {
	mac := hmac.New(sha256.New, v.installation)
	mac.Write([]byte("secret\x00" + name))
	return hex.EncodeToString(mac.Sum(nil))
}
