// Package wire holds the shapes of what goes out to merchants: the answers of Gate and the callbacks, and the forms
// of dates and masked account numbers in them. It decides nothing: callers fill in plain facts.
//
// What is signed keeps the rules of protocol.md §4.3, so that a body verifies under every SDK: no null, no floats, no
// array of eleven or more, no ":" in names, no names that sort differently from one SDK to the other.
package wire

import (
	"time"
	"unicode/utf8"

	"flashpay/signature"
)

// dateLayout is the form of every date on the wire (protocol.md §1); in UTC its end is +0000.
const dateLayout = "2006-01-02T15:04:05-0700"

// Date writes a time as the wire has it: UTC and whole seconds, the rest cut off: 2025-02-13T14:59:31+0000.
func Date(t time.Time) string { return t.UTC().Format(dateLayout) }

const asterisks = "******"

// Mask hides an account number (product.md §5): of 12 characters and more the first 6 and the last 4 are shown, of
// 8 to 11 the first 2 and the last 2, of fewer the last 2. Six asterisks stand between, whatever the length.
// Characters are code points.
func Mask(account string) string {
	switch n := utf8.RuneCountInString(account); {
	case n >= 12:
		return firstRunes(account, 6) + asterisks + lastRunes(account, 4)
	case n >= 8:
		return firstRunes(account, 2) + asterisks + lastRunes(account, 2)
	default:
		return asterisks + lastRunes(account, 2)
	}
}

func firstRunes(s string, n int) string {
	end := 0
	for range n {
		_, size := utf8.DecodeRuneInString(s[end:])
		end += size
	}
	return s[:end]
}

func lastRunes(s string, n int) string {
	start := len(s)
	for range n {
		_, size := utf8.DecodeLastRuneInString(s[:start])
		start -= size
	}
	return s[start:]
}

// SignedJSON renders a body with its signature as the last member of the root, signed under key in natural order.
// v is an object without a signature and stays as it is.
func SignedJSON(v *signature.Value, key string) []byte {
	root := *v
	root.Members = make([]signature.Member, 0, len(v.Members)+1)
	root.Members = append(root.Members, v.Members...)
	root.Members = append(root.Members, signature.Field("signature", signature.Str(signature.Canonical(v).Sign(key))))
	return root.AppendJSON(make([]byte, 0, 1024))
}

// appendString appends a JSON string.
func appendString(dst []byte, s string) []byte {
	v := signature.Str(s)
	return v.AppendJSON(dst)
}
