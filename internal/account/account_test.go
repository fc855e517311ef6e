package account

import (
	"fmt"
	"maps"
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// The numbers below are made up; 999 is no bank's.
var testBanks = Banks{"999": "Test bank"}

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		number  string
		verdict Verdict
		bank    string
		says    string
	}{
		{"9990000000000149", OK, "Test bank", "well-formed (Test bank)"},             // 99900000000001 mod 97 = 49
		{"1230000000007006", OK, "", "well-formed."},                                 // 12300000000070 mod 97 = 6, written 06
		{"0000000000000000", OK, "", "well-formed"},                                  // 0 mod 97 = 0
		{"9990000000000141", WrongCheckDigits, "Test bank", "last two digits"},       // last digit
		{"9990000000001049", WrongCheckDigits, "Test bank", "(Test bank)"},           // two digits swapped
		{"1230000000007016", WrongCheckDigits, "", "do not fit the others: "},        // no bank known
		{"9990000000000140", CutBySpreadsheet, "Test bank", "that fits is 9."},       // 49 became 40
		{"9990000000000200", CutBySpreadsheet, "Test bank", "account number again."}, // more than the last digit is wrong
		{"999000000000014", WrongLength, "Test bank", "has 15 digits"},
		{"99900000000001490", WrongLength, "Test bank", "has 17 digits"},
		{"00004598", WrongLength, "", "has 8 digits"}, // the seed's sample
		{"99", WrongLength, "", "has 2 digits"},
		{"", WrongLength, "", "has 0 digits"},
		{"ACC1230000006789", NotDigits, "", "Character 1 "},
		{"9990 0000 0000 0149", NotDigits, "", "Character 5 "},
		{"999000000000014१", NotDigits, "", "Character 16 "},
		{"өө1", NotDigits, "", "Character 1 "},
		{"1.09E+15", CutBySpreadsheet, "", "1.09E+15"},
		{"1,09E+15", CutBySpreadsheet, "", "spreadsheet"},
		{"9.99E15", CutBySpreadsheet, "", "spreadsheet"},
		{"1e+15", CutBySpreadsheet, "", "spreadsheet"},
		{"1.09E+", NotDigits, "", "Character 2 "},
		{"KG1.09E+15", NotDigits, "", "Character 1 "},
	} {
		f := Check(c.number, testBanks)
		if f.Verdict != c.verdict || f.Bank != c.bank || !strings.Contains(f.Message, c.says) {
			t.Errorf("Check(%q) = %v, bank %q, %q; want %v, bank %q, …%s…", c.number, f.Verdict, f.Bank, f.Message, c.verdict, c.bank, c.says)
		}
		if f.OK() != (c.verdict == OK) {
			t.Errorf("Check(%q).OK() = %v", c.number, f.OK())
		}
		if len(c.number) > 8 && strings.Contains(f.Message, c.number) {
			t.Errorf("the message shows the account number: %q", f.Message)
		}
	}
	if f := Check("9990000000000149", nil); !f.OK() || f.Bank != "" {
		t.Errorf("without a bank list: %+v", f)
	}
}

// wellFormed makes numbers the slow way: with big integers, as the instruction words it.
func wellFormed(t *rapid.T) string {
	head := rapid.StringMatching(`[0-9]{14}`).Draw(t, "head")
	n, ok := new(big.Int).SetString(head, 10)
	if !ok {
		t.Fatalf("%q is no number", head)
	}
	return fmt.Sprintf("%s%02d", head, n.Mod(n, big.NewInt(97)).Int64())
}

func TestEveryWellFormedNumberIsOK(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		if n := wellFormed(t); !Check(n, nil).OK() {
			t.Fatalf("%s: %+v", n, Check(n, nil))
		}
	})
}

func TestOneWrongDigitIsFound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := []byte(wellFormed(t))
		i := rapid.IntRange(0, length-1).Draw(t, "place")
		n[i] = '0' + (n[i]-'0'+byte(rapid.IntRange(1, 9).Draw(t, "shift")))%10
		if f := Check(string(n), nil); f.OK() {
			t.Fatalf("%s: taken with digit %d changed", n, i+1)
		}
	})
}

func TestACutNumberIsToldAndItsDigitNamed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := wellFormed(t)
		last := n[length-1:]
		if last == "0" {
			return // cutting it changes nothing
		}
		f := Check(n[:length-1]+"0", nil)
		if f.Verdict != CutBySpreadsheet || !strings.HasSuffix(f.Message, "the last digit that fits is "+last+".") {
			t.Fatalf("%s cut: %+v", n, f)
		}
	})
}

func TestReadBanks(t *testing.T) {
	got, err := ReadBanks(strings.NewReader("\ufeffdigits,bank\n999,Test bank\n012,\"Bank, the second\"\n"))
	if err != nil || !maps.Equal(got, Banks{"999": "Test bank", "012": "Bank, the second"}) {
		t.Errorf("read %v, %v", got, err)
	}
	if got, err := ReadBanks(strings.NewReader("digits,bank\n")); err != nil || len(got) != 0 {
		t.Errorf("a list without banks: %v, %v", got, err)
	}
	for text, says := range map[string]string{
		"":                                "the file is empty",
		"999,Test bank\n":                 "line 1: the first row must be",
		"digits,bank\n99,Test bank\n":     `line 2: "99": want the first 3 digits`,
		"digits,bank\n9a9,Test bank\n":    "want the first 3 digits",
		"digits,bank\n999, \n":            "999 has no bank name",
		"digits,bank\n999,A\n999,B\n":     "line 3: 999 stands twice",
		"digits,bank\n999\n":              "want two columns",
		"digits;bank\n999;Test bank\n":    "want two columns",
		"digits,bank\n999,\"Test bank\n":  "want two columns",
		"digits,bank\n999,Test bank,KG\n": "want two columns",
	} {
		if _, err := ReadBanks(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: error %v, want %q in it", text, err, says)
		}
	}
}

func TestPolicies(t *testing.T) {
	for p, valid := range map[Policy]bool{Off: true, Warn: true, Strict: true, "": false, "on": false} {
		if p.Valid() != valid {
			t.Errorf("%q.Valid() = %v", p, p.Valid())
		}
	}
}

func TestVerdictNames(t *testing.T) {
	seen := map[string]bool{}
	for v := OK; v <= CutBySpreadsheet+1; v++ {
		if v.String() == "" || seen[v.String()] {
			t.Errorf("verdict %d has the name %q", v, v.String())
		}
		seen[v.String()] = true
	}
}
