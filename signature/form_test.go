package signature_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"flashpay/signature"
)

func parse(t testing.TB, body string) *signature.Value {
	t.Helper()
	v, err := signature.Parse([]byte(body))
	if err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	return v
}

func TestSigningString(t *testing.T) {
	for _, c := range []struct{ name, body, want string }{
		{"nothing", `{}`, ""},
		{"empties", `{"a":{},"b":[],"c":[[],{}]}`, ""},
		{"booleans, null, empty text", `{"a":true,"b":false,"c":null,"d":""}`, "a:1;b:0;c:;d:"},
		{"array keeps the places of empties", `{"m":[[],1,{},2]}`, "m:1:1;m:3:2"},
		{"array at the root", `["x",{"a":"y"}]`, "0:x;1:a:y"},
		{"scalar at the root", `"x"`, ":x"},
		{"colon in a name", `{"a:b":{"c":1}}`, "a::b:c:1"},
		{"colons at the ends of a name", `{":a:":1}`, "::a:::1"},
		{"empty names", `{"":{"":1}}`, "::1"},
		{"values are not escaped", `{"a":"x:y;z"}`, "a:x:y;z"},
		{"signature at any depth", `{"signature":"s","a":{"signature":{"x":1},"b":[{"signature":[1]},2]}}`, "a:b:1:2"},
		{"frame_mode at any depth", `{"frame_mode":"popup","a":[{"frame_mode":{"x":1},"b":1}]}`, "a:0:b:1"},
		{"names like them", `{"signatures":1,"Signature":2,"frame_modes":3}`, "Signature:2;frame_modes:3;signatures:1"},
		{"element 10 behind 9", `[0,1,2,3,4,5,6,7,8,9,"x"]`, "0:0;1:1;2:2;3:3;4:4;5:5;6:6;7:7;8:8;9:9;10:x"},
		{"one path twice, in any order", `{"a:b":2,"a":{"":{"b":1}}}`, "a::b:1;a::b:2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			form := signature.Canonical(parse(t, c.body))
			if got := string(form.SigningString(signature.Natural)); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestNumbers(t *testing.T) {
	for number, want := range map[string]string{
		"0": "0", "-0": "0", "-0.0": "0", "0e5": "0", "-0e-5": "0", "0.000": "0",
		"5": "5", "-5": "-5", "100000": "100000",
		"9007199254740993": "9007199254740993", "-123456789012345678901234567890": "-123456789012345678901234567890",
		"1.0": "1", "1.50": "1.5", "-1.50": "-1.5", "10.0": "10", "0.10": "0.1", "100.001": "100.001",
		"1e3": "1000", "1E+3": "1000", "-1.5e1": "-15", "1.2345e2": "123.45", "1.2e1": "12",
		"1e-3": "0.001", "25e-1": "2.5", "-25E-4": "-0.0025", "100e-2": "1", "120e-2": "1.2", "0.05e1": "0.5",
		"1e1100": "1" + strings.Repeat("0", 1100), "1e1101": "1e1101", "1e-1101": "1e-1101",
		"1e99999999999999999999": "1e99999999999999999999",
	} {
		form := signature.Canonical(parse(t, `{"n":`+number+`}`))
		if got := string(form.SigningString(signature.Natural)); got != "n:"+want {
			t.Errorf("%s is signed as %q, want n:%s", number, got, want)
		}
	}
}

func TestLinesAreInTreeOrderAndTheCallersOwn(t *testing.T) {
	form := signature.Canonical(parse(t, `{"b":{"y":1,"x":2},"a":3}`))
	want := []signature.Line{{"b:y", "1"}, {"b:x", "2"}, {"a", "3"}}
	lines := form.Lines()
	if !slices.Equal(lines, want) {
		t.Errorf("got %v, want %v", lines, want)
	}
	before := form.Sign("k")
	clear(lines)
	clear(form.SigningString(signature.Natural))
	if !slices.Equal(form.Lines(), want) || form.Sign("k") != before {
		t.Error("the form changed with what it gave out")
	}
}

// TestNaturalOrder: each list is in PHP's order (strnatcmp, ties by bytes).
func TestNaturalOrder(t *testing.T) {
	for _, sorted := range [][]string{
		{"f1", "f2", "f10"},
		{"a", "a1", "a1b", "a2", "a10", "b"},
		{"B", "a", "b"},                                           // case-sensitive: capitals first
		{"a001", "a01", "a1"},                                     // zeros in front: compared from the left
		{"a0", "a00", "a05", "a5", "a10"},                         // a run with a zero in front is below all without
		{"a1.09", "a1.1", "a1.5", "a1.10"},                        // fractions and numbers
		{"01", "1", "02", "2", "10"},                              // zeros that begin the text are skipped; a tie goes by bytes
		{"0", "00", "000", "1"},                                   //
		{"a  b", "a b", "ab", "a c"},                              // white space is skipped
		{"a", "a ", "ab"},                                         // but a shorter text is first
		{"a1 b", "a1b"},                                           // behind a digit it counts
		{"a1", "a1 ", "a1-"},                                      //
		{"x9", "x99999999999999999999", "x100000000000000000000"}, // beyond 64 bits
		{"z", "é", "ж", "ү", "我", "🙂"},                            // bytes are unsigned
	} {
		for i := range sorted {
			for j := range sorted {
				got := signature.ComparePaths(sorted[i], sorted[j])
				if want := compareInts(i, j); got != want {
					t.Errorf("%q and %q compare as %d, want %d", sorted[i], sorted[j], got, want)
				}
			}
		}
	}
}

func compareInts(i, j int) int {
	switch {
	case i < j:
		return -1
	case i > j:
		return 1
	}
	return 0
}

// TestNaturalOrderIsTotal takes all texts of up to four characters from those
// that the comparison treats in special ways: antisymmetric, transitive, and
// equal only for equal texts.
func TestNaturalOrderIsTotal(t *testing.T) {
	texts := []string{""}
	for from, length := 0, 1; length <= 4; length++ {
		to := len(texts)
		for _, prefix := range texts[from:to] {
			for _, c := range "01 \x00a" {
				texts = append(texts, prefix+string(c))
			}
		}
		from = to
	}
	// A sort by a comparison that is not transitive leaves pairs out of order.
	slices.SortFunc(texts, signature.ComparePaths)
	for i := range texts {
		for j := range texts {
			if got := signature.ComparePaths(texts[i], texts[j]); got != compareInts(i, j) {
				t.Fatalf("%q (%d) and %q (%d) compare as %d", texts[i], i, texts[j], j, got)
			}
		}
	}
}

// TestPerLevelOrderIsUTF16 holds the order of names to JavaScript's: a character
// beyond the basic plane is two units from U+D800 on.
func TestPerLevelOrderIsUTF16(t *testing.T) {
	form := signature.Canonical(parse(t, `{"\uff5e":1,"🙂":2,"z":3,"a🙃":4,"a🙂":5,"a":6,"\ud7ff":7}`))
	if got, want := string(form.SigningString(signature.PerLevel)), "a:6;a🙂:5;a🙃:4;z:3;\ud7ff:7;🙂:2;\uff5e:1"; got != want {
		t.Errorf("per level %q, want %q", got, want)
	}
	if got, want := string(form.SigningString(signature.PathBytes)), "a:6;a🙂:5;a🙃:4;z:3;\ud7ff:7;\uff5e:1;🙂:2"; got != want {
		t.Errorf("path bytes %q, want %q", got, want)
	}
}

func TestFind(t *testing.T) {
	for _, c := range []struct {
		body, sig string
		ok        bool
	}{
		{`{"signature":"r","general":{"signature":"g"}}`, "r", true},
		{`{"general":{"signature":"g"}}`, "g", true},
		{`{"signature":null,"general":{"signature":"g"}}`, "g", true},
		{`{"signature":"","general":{"signature":"g"}}`, "", true},
		{`{"signature":5}`, "5", true},
		{`{"signature":{"a":1}}`, `{"a":1}`, true},
		{`{"payment":{"signature":"p"}}`, "", false},
		{`{"general":{"signature":null}}`, "", false},
		{`{"general":"signature"}`, "", false},
		{`[]`, "", false},
	} {
		if sig, ok := signature.Find(parse(t, c.body)); sig != c.sig || ok != c.ok {
			t.Errorf("%s: %q, %v; want %q, %v", c.body, sig, ok, c.sig, c.ok)
		}
	}
}

func TestVerifyRefusesMalformed(t *testing.T) {
	form := signature.Canonical(parse(t, `{"a":1}`))
	good := form.Sign("k")
	if _, err := form.Verify(good, "k"); err != nil {
		t.Fatal(err)
	}
	last := strings.Replace(good, good[85:], string(good[85]+1)+"==", 1) // bits behind the last byte
	for name, sig := range map[string]string{
		"short":              good[:87],
		"long":               good + "=",
		"line breaks inside": good[:84] + "\r\n\r\n",
		"URL alphabet":       strings.Repeat("-_", 43) + "==",
		"loose last bits":    last,
		"text":               strings.Repeat("?", 88),
	} {
		if _, err := form.Verify(sig, "k"); !errors.Is(err, signature.ErrMalformed) {
			t.Errorf("%s: %v, want ErrMalformed", name, err)
		}
	}
	if _, err := form.Verify("", "k"); !errors.Is(err, signature.ErrMissing) {
		t.Errorf("empty: %v, want ErrMissing", err)
	}
	if _, err := form.Verify(good, "K"); !errors.Is(err, signature.ErrMismatch) {
		t.Errorf("other key: %v, want ErrMismatch", err)
	}
	if _, err := form.Verify(form.Sign(""), ""); !errors.Is(err, signature.ErrNoKey) {
		t.Errorf("empty key: %v, want ErrNoKey", err)
	}
	if got := signature.SignString([]byte("a:1"), "k"); got != good {
		t.Errorf("SignString = %s, want %s", got, good)
	}
	if _, err := form.Verify(good, "k"); err != nil {
		t.Errorf("right key after a wrong one: %v", err)
	}
}
