package dataapi

import (
	"crypto/rand"
	"crypto/sha256"
	"math/big"
)

// Token is what signs a program in. Neither part is stored in the clear.
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
