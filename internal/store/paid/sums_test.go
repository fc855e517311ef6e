package paid

import (
	"math/rand/v2"
	"strings"
	"testing"
	"unicode"

	"flashpay/internal/wire"
)

// TestAMaskTellsHowItsAccountEnds holds that an account is looked for wherever it may have been paid: of two that are compared
// as the same one, whatever their case and blanks, the mask of one and the other itself end alike, or do not tell.
func TestAMaskTellsHowItsAccountEnds(t *testing.T) {
	t.Parallel()
	letters := []rune("01aZяıß*\t\u00a0K")
	random := rand.New(rand.NewPCG(1, 2))
	spelled := func(account []rune) string {
		var b strings.Builder
		for _, r := range account {
			for random.IntN(8) == 0 {
				b.WriteByte(' ')
			}
			if random.IntN(2) == 0 {
				r = unicode.ToUpper(r)
			}
			b.WriteRune(r)
		}
		return b.String()
	}
	told := 0
	for range 20_000 {
		account := make([]rune, random.IntN(20))
		for i := range account {
			account[i] = letters[random.IntN(len(letters))]
		}
		one, other := accountEnd(wire.Mask(spelled(account))), accountEnd(spelled(account))
		if one != "" && other != "" && one != other {
			t.Fatalf("%q: %q and %q", string(account), one, other)
		}
		if one != "" && other != "" {
			told++
		}
	}
	if told < 1000 {
		t.Errorf("only %d accounts tell how they end", told)
	}
}

func TestFingerprintsAreASet(t *testing.T) {
	t.Parallel()
	var f fingerprints
	if f.has(7) {
		t.Error("an empty set has something")
	}
	for i := range uint32(5000) {
		f.add(3*i + 1)
		f.add(3*i + 1)
	}
	for i := uint32(1); i < 15_000; i++ {
		if f.has(i) != (i%3 == 1) {
			t.Fatalf("%d: %v", i, f.has(i))
		}
	}
	if f.used != 5000 {
		t.Errorf("%d are kept", f.used)
	}
}
