package people

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/base32"
	"math/big"
	"strconv"
	"time"

	"flashpay/internal/staff"
	"flashpay/internal/store"
	"flashpay/internal/store/sqldb"
)

// Token is what signs a program in at the Data API. Neither part is stored in the clear.
type Token struct {
	Token  string `json:"token"`  // 30 letters and digits, sent with each request
	Secret string `json:"secret"` // signs requests and answers
}

const (
	tokenLength  = 30 // protocol.md §13.1
	secretLength = 64
	alphabet     = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)

// NewToken makes a token of random letters and digits.
func NewToken() Token { return Token{randomText(tokenLength), randomText(secretLength)} }

// Digest is by what a token is found.
func (t Token) Digest() [32]byte { return sha256.Sum256([]byte(t.Token)) }

func randomText(length int) string {
	text := make([]byte, length)
	for i := range text {
		n, err := rand.Int(rand.Reader, big.NewInt(int64(len(alphabet))))
		if err != nil {
			panic(err) // the system has no randomness: crypto/rand ends the program itself
		}
		text[i] = alphabet[n.Int64()]
	}
	return string(text)
}

// TokenOfForm makes the token that a form asks for. It follows from the form's token, so that a second click shows what the
// first one made; who lacks the keyset cannot guess it.
func (dir *Directory) TokenOfForm(userID int64, idempotencyKey string) Token {
	text := func(part string) string {
		sum := dir.store.Vault().Digest("data api "+part, []byte(strconv.FormatInt(userID, 10)+"/"+idempotencyKey))
		return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:])
	}
	return Token{Token: text("token")[:tokenLength], Secret: text("secret")}
}

func tokenPlace(userID int64) string { return "data-api-token/" + strconv.FormatInt(userID, 10) }

// SetToken gives a user a token for the Data API, which is kept by its SHA-256, its secret sealed. The user's earlier token
// is void from then on.
func (dir *Directory) SetToken(ctx context.Context, idempotencyKey string, userID int64, token Token, actor string) error {
	digest := token.Digest()
	return dir.store.Do(ctx, idempotencyKey, func(ctx context.Context, t *store.Tx) error {
		sealed, err := t.Vault().Seal([]byte(token.Secret), tokenPlace(userID))
		if err != nil {
			return err
		}
		const put = `INSERT INTO data_api_tokens (user_id, digest, sealed, created_at) VALUES ($1, $2, $3, $4)
			ON CONFLICT (user_id) DO UPDATE SET digest = excluded.digest, sealed = excluded.sealed, created_at = excluded.created_at`
		if _, err := t.Exec(ctx, put, userID, digest[:], sealed, t.Now().UnixMicro()); err != nil {
			return err
		}
		return t.Audit(ctx, actor, "data api token", userObject(userID), nil)
	})
}

// RevokeToken voids a user's token. ErrNotFound where there is none.
func (dir *Directory) RevokeToken(ctx context.Context, userID int64, actor string) error {
	return dir.store.Do(ctx, "", func(ctx context.Context, t *store.Tx) error {
		n, err := t.Exec(ctx, "DELETE FROM data_api_tokens WHERE user_id = $1", userID)
		if err != nil {
			return err
		}
		if n == 0 {
			return store.ErrNotFound
		}
		return t.Audit(ctx, actor, "data api token revoke", userObject(userID), nil)
	})
}

// TokenSince says since when a user's token is valid; the zero time: there is none.
func (dir *Directory) TokenSince(ctx context.Context, userID int64) (since time.Time, err error) {
	const find = "SELECT created_at FROM data_api_tokens WHERE user_id = $1"
	err = dir.store.DB().Read(ctx, find, func(r *sql.Rows) error {
		var at int64
		err := r.Scan(&at)
		since = sqldb.FromMicros(at)
		return err
	}, userID)
	return since, dir.store.DB().Unavailable(err)
}

// ByToken finds whose token it is, with the rights that the user has now, and the secret that signs with it. ErrNotFound
// where nobody has it, or the user is deactivated.
func (dir *Directory) ByToken(ctx context.Context, digest [32]byte) (user *staff.User, secret string, err error) {
	const find = "SELECT user_id, sealed FROM data_api_tokens WHERE digest = $1"
	var id int64
	var sealed []byte
	err = dir.store.DB().Read(ctx, find, func(r *sql.Rows) error { return r.Scan(&id, &sealed) }, digest[:])
	if err != nil {
		return nil, "", dir.store.DB().Unavailable(err)
	}
	if sealed == nil {
		return nil, "", store.ErrNotFound
	}
	plain, err := dir.store.Vault().Unseal(sealed, tokenPlace(id))
	if err != nil {
		return nil, "", err
	}
	record, err := dir.User(ctx, id)
	if err != nil {
		return nil, "", err
	}
	if !record.Deactivated.IsZero() {
		return nil, "", store.ErrNotFound
	}
	return &record.User, string(plain), nil
}
