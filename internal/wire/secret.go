package wire

import (
	"bytes"
	"strings"
)

// The texts of one character of base64 beside the letters and digits, and of its padding: as they stand in plain text, in
// JSON and in addresses.
var (
	base64Signs   = []string{"+", "/", `\/`, `\u002b`, `\u002f`, "%2b", "%2f"}
	base64Padding = []string{"=", `\u003d`, "%3d"}
)

const (
	shortSignature = 43 // characters of base64 before the padding of an HMAC-SHA-256, the shortest of signatures
	longSignature  = 86 // likewise of an HMAC-SHA-512, the longest
	cutSignature   = 20 // from which one that was cut off is hidden
)

// HideSignatures returns a text of a stranger's, such as an endpoint's answer that repeats what it was sent, without what
// can be a signature: a signature is a secret, and such texts are kept and shown. cut says that the text was longer: a
// signature may have been cut off at its end.
func HideSignatures(text []byte, cut bool) []byte {
	var out bytes.Buffer
	for i := 0; i < len(text); {
		end, digits := base64Run(text, i)
		if digits == 0 {
			out.WriteByte(text[i])
			i++
			continue
		}
		behind, padded := end, false
		for n := signLength(text[end:], base64Padding); n > 0; n = signLength(text[behind:], base64Padding) {
			behind, padded = behind+n, true
		}
		if digits >= shortSignature && padded || cut && behind == len(text) && digits >= cutSignature && digits <= longSignature+2 {
			out.WriteString("[signature]")
			i = behind
			continue
		}
		out.Write(text[i:end])
		i = end
	}
	return out.Bytes()
}

// base64Run finds the end of the base64 that stands at a place, and how many characters it has.
func base64Run(text []byte, from int) (end, digits int) {
	for end = from; end < len(text); digits++ {
		c := text[end]
		if c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' {
			end++
			continue
		}
		n := signLength(text[end:], base64Signs)
		if n == 0 {
			break
		}
		end += n
	}
	return end, digits
}

// signLength is how many bytes of a text are one of these signs; 0: it begins with none.
func signLength(text []byte, signs []string) int {
	for _, sign := range signs {
		if len(text) >= len(sign) && strings.EqualFold(string(text[:len(sign)]), sign) {
			return len(sign)
		}
	}
	return 0
}
