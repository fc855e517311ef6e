package signature_test

import (
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"flashpay/signature"
)

func TestParseRefuses(t *testing.T) {
	deep := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	var names []string
	for i := range 100 {
		names = append(names, fmt.Sprintf(`"n%d":0`, i))
	}
	many := strings.Join(names, ",")
	for _, c := range []struct {
		name, body, reason string
		offset             int
	}{
		{"empty", "", "text ends where a JSON value is due", 0},
		{"white space only", " \n", "text ends where a JSON value is due", 2},
		{"byte order mark", "\ufeff{}", `found '\ufeff' where a JSON value is due`, 0},
		{"trailing data", `{} {}`, "unexpected data after the JSON value", 3},
		{"trailing NUL", "{}\x00", "unexpected data after the JSON value", 2},
		{"NUL", "\x00", `found '\x00' where a JSON value is due`, 0},
		{"open object", `{"a":1`, "text ends where a comma or a closing brace is due", 6},
		{"open array", `[1`, "text ends where a comma or a closing bracket is due", 2},
		{"open string", `"abc`, "text ends where the end of a string is due", 4},
		{"open escape", `"abc\`, "unknown escape sequence", 4},
		{"comma at the end of an object", `{"a":1,}`, `found '}' where a member's name is due`, 7},
		{"comma at the end of an array", `[1,]`, `found ']' where a JSON value is due`, 3},
		{"comma first", `[,1]`, `found ',' where a JSON value is due`, 1},
		{"no colon", `{"a" 1}`, `found '1' where a colon is due`, 5},
		{"no comma", `{"a":1 "b":2}`, `found '"' where a comma or a closing brace is due`, 7},
		{"name without quotes", `{a:1}`, `found 'a' where a member's name is due`, 1},
		{"single quotes", `{'a':1}`, `found '\'' where a member's name is due`, 1},
		{"comment", `{/*x*/}`, `found '/' where a member's name is due`, 1},
		{"duplicate", `{"a":1,"b":2,"a":3}`, `member name "a" occurs twice`, 13},
		{"duplicate behind an escape", `{"a":1,"\u0061":3}`, `member name "a" occurs twice`, 7},
		{"duplicate deeper", `{"x":[{"a":1,"a":1}]}`, `member name "a" occurs twice`, 13},
		{"duplicate among many", "{" + many + `,"n7":1}`, `member name "n7" occurs twice`, len(many) + 2},
		{"duplicate of the last of many", "{" + many + `,"n99":1}`, `member name "n99" occurs twice`, len(many) + 2},
		{"not UTF-8", "{\"a\":\"\xff\"}", "text is not UTF-8", 6},
		{"overlong UTF-8", "\"\xc0\x80\"", "text is not UTF-8", 1},
		{"surrogate in UTF-8", "\"\xed\xa0\x80\"", "text is not UTF-8", 1},
		{"cut UTF-8", "\"\xd1", "text is not UTF-8", 1},
		{"lone high surrogate", `"\ud83d"`, "lone surrogate in an escape sequence", 1},
		{"lone low surrogate", `"\udc4d"`, "lone surrogate in an escape sequence", 1},
		{"two high surrogates", `"\ud83d\ud83d"`, "lone surrogate in an escape sequence", 1},
		{"high surrogate and a letter", `"\ud83d\u0041"`, "lone surrogate in an escape sequence", 1},
		{"high surrogate and a bad escape", `"\ud83d\uzzzz"`, "lone surrogate in an escape sequence", 1},
		{"control character", "\"a\nb\"", "control character in a string is not escaped", 2},
		{"control character behind an escape", "\"\\n\n\"", "control character in a string is not escaped", 3},
		{"unknown escape", `"\x41"`, "unknown escape sequence", 1},
		{"short escape", `"\u12"`, `\u is not followed by four hexadecimal digits`, 1},
		{"zero in front", `01`, "number begins with a superfluous zero", 0},
		{"negative zero in front", `-01`, "number begins with a superfluous zero", 0},
		{"plus", `+1`, `found '+' where a JSON value is due`, 0},
		{"minus only", `-`, "text ends where a digit is due", 1},
		{"point only", `1.`, "text ends where a digit after the decimal point is due", 2},
		{"point first", `.5`, `found '.' where a JSON value is due`, 0},
		{"exponent only", `1e+`, "text ends where a digit of the exponent is due", 3},
		{"hexadecimal", `0x10`, "unexpected data after the JSON value", 1},
		{"NaN", `NaN`, `found 'N' where a JSON value is due`, 0},
		{"cut literal", `tru`, `found 't' where true, false or null is due`, 0},
		{"capital literal", `True`, `found 'T' where a JSON value is due`, 0},
		{"too deep", deep(17), "nested deeper than 16 levels", 16},
		{"much too deep", deep(100_000), "nested deeper than 16 levels", 16},
	} {
		t.Run(c.name, func(t *testing.T) {
			v, err := signature.Parse([]byte(c.body))
			var syntax *signature.SyntaxError
			if !errors.As(err, &syntax) {
				t.Fatalf("Parse = %+v, %v; want a *SyntaxError", v, err)
			}
			if syntax.Reason != c.reason || syntax.Offset != c.offset {
				t.Errorf("refused at %d: %s; want at %d: %s", syntax.Offset, syntax.Reason, c.offset, c.reason)
			}
		})
	}
}

func TestParseAccepts(t *testing.T) {
	for _, c := range []struct{ body, json string }{
		{" \t\r\n{ } ", `{}`},
		{`[ ]`, `[]`},
		{`[ 1 , [ ] , { "a" : null } ]`, `[1,[],{"a":null}]`},
		{`"\u0041\/\b\f\n\r\t\"\\"`, `"A/\u0008\u000c\n\r\t\"\\"`},
		{`"\ud83d\udc4d\u00e9\uFFFF\u0000"`, "\"👍é\uffff\\u0000\""},
		{`"<a href='x'>&\u2028"`, "\"<a href='x'>&\u2028\""},
		{`[-0,0,-1,1.50,1E+5,1e-7,12345678901234567890]`, `[-0,0,-1,1.50,1E+5,1e-7,12345678901234567890]`},
		{`[true,false,null]`, `[true,false,null]`},
		{strings.Repeat("[", 16) + strings.Repeat("]", 16), strings.Repeat("[", 16) + strings.Repeat("]", 16)},
		{`{"b":1,"a":{"b":2},"":3}`, `{"b":1,"a":{"b":2},"":3}`},
	} {
		v, err := signature.Parse([]byte(c.body))
		if err != nil {
			t.Errorf("%s: %v", c.body, err)
			continue
		}
		if got := string(v.AppendJSON(nil)); got != c.json {
			t.Errorf("%s: written as %s, want %s", c.body, got, c.json)
		}
	}
}

// TestParseBoundsTheForm: a long name above many elements would make a signing
// string of hundreds of megabytes out of 64 KiB.
func TestParseBoundsTheForm(t *testing.T) {
	const size = 64 << 10
	for _, body := range []string{
		`{"` + strings.Repeat("n", size/2) + `":[0` + strings.Repeat(",0", size/4-4) + `]}`,
		`{"` + strings.Repeat(":", size/2) + `":[0` + strings.Repeat(",0", size/4-4) + `]}`,
	} {
		var syntax *signature.SyntaxError
		_, err := signature.Parse([]byte(body))
		if !errors.As(err, &syntax) || !strings.HasPrefix(syntax.Reason, "signing string over ") {
			t.Errorf("%.20s: %v, want the bound on signing strings", body, err)
		}
	}
	// Bodies as dense as people write them stay below the bound.
	for _, body := range []string{
		"[0" + strings.Repeat(",0", 1000) + "]",
		`[{"id":1}` + strings.Repeat(`,{"id":1}`, size/9-9) + "]",
		`{"receipt_data":{"positions":[{"quantity":1,"amount":100}` + strings.Repeat(`,{"quantity":1,"amount":100}`, size/28-9) + "]}}",
	} {
		v, err := signature.Parse([]byte(body))
		if err != nil {
			t.Fatalf("%.20s: %v", body, err)
		}
		form := signature.Canonical(v)
		if n := len(form.SigningString(signature.Natural)); n > 3*len(body) && n > 16<<10 || n != form.Len() {
			t.Errorf("%.20s: signing string of %d bytes, said to be %d, for a body of %d", body, n, form.Len(), len(body))
		}
	}
}

// TestHonestBodiesMeetNoBound: lists of hundreds of small elements, receipts of hundreds of positions and names as people
// give them, at every length up to 64 KiB.
func TestHonestBodiesMeetNoBound(t *testing.T) {
	head := `{"general":{"project_id":210,"payment_id":"p-1","signature":"c2lnbmF0dXJl"},"payment":{"amount":100,"currency":"KGS"},"x":`
	for name, body := range map[string]string{
		"small numbers":       head + "[0" + strings.Repeat(",1", 900) + "]}",
		"empty texts":         head + `[""` + strings.Repeat(`,""`, 900) + "]}",
		"small objects":       head + `[{"a":1}` + strings.Repeat(`,{"a":1}`, 450) + "]}",
		"receipt":             head + `{"positions":[{"quantity":1,"amount":100,"tax":1}` + strings.Repeat(`,{"quantity":1,"amount":100,"tax":1}`, 1700) + "]}}",
		"texts of four bytes": head + `["abcd"` + strings.Repeat(`,"abcd"`, 9000) + "]}",
		"names of 200":        head + `{"` + strings.Repeat("n", 200) + `":[1` + strings.Repeat(",1", 70) + `]}}`,
		"deep as may be":      head + strings.Repeat(`{"inner_name":`, signature.MaxDepth-2) + `"v"` + strings.Repeat("}", signature.MaxDepth-2) + "}",
	} {
		if _, err := signature.Parse([]byte(body)); err != nil || len(body) > 64<<10 {
			t.Errorf("%s, %d bytes: %v", name, len(body), err)
		}
	}
}

// TestParseBoundsValues: a value takes two bytes of an array, and a hundred of memory.
func TestParseBoundsValues(t *testing.T) {
	for _, element := range []string{",0", ",[]", ",{}"} {
		body := "[0" + strings.Repeat(element, 20_000) + "]"
		var syntax *signature.SyntaxError
		_, err := signature.Parse([]byte(body))
		if !errors.As(err, &syntax) || !strings.HasPrefix(syntax.Reason, "more than "+strconv.Itoa(signature.MaxValues(len(body)))+" values ") {
			t.Errorf("%s…: %v, want the bound on values", element, err)
		}
	}
}

// TestHostileBodiesCostLittle makes the worst bodies of 64 KiB that are known, and wants what they cost, refused or
// verified in vain in every order, to be a small multiple of their length.
func TestHostileBodiesCostLittle(t *testing.T) {
	const size = 64 << 10
	bodies := map[string]string{
		"one long name":        `{"` + strings.Repeat("n", 30_000) + `":[0` + strings.Repeat(",0", 500) + `]}`,
		"a name of colons":     `{"` + strings.Repeat(":", 30_000) + `":[0` + strings.Repeat(",0", 500) + `]}`,
		"long names nested":    strings.Repeat(`{"`+strings.Repeat(":", 3_000)+`":`, 15) + "[0,0,0,0,0]" + strings.Repeat("}", 15),
		"a name under a limit": `{"` + strings.Repeat("n", 8<<10) + `":[0` + strings.Repeat(",0", 30) + `],"z":"` + strings.Repeat("z", size/2) + `"}`,
		"numbers":              "[0" + strings.Repeat(",0", size/2-2) + "]",
		"objects":              "[{}" + strings.Repeat(",{}", size/3-2) + "]",
		"names":                `{"a":0` + names(size/8) + "}",
		"escapes":              `{"a":"` + strings.Repeat(`\\u0041`, size/6-3) + `"}`,
		"digits that sort":     "[" + strings.Repeat("1e1000,", 1_000) + "0]",
	}
	for name, body := range bodies {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			if v, err := signature.Parse([]byte(body)); err == nil {
				form := signature.Canonical(v)
				if _, err := form.Verify(form.Sign("other"), "key"); !errors.Is(err, signature.ErrMismatch) {
					t.Errorf("verified: %v", err)
				}
			}
			runtime.ReadMemStats(&after)
			if n := after.TotalAlloc - before.TotalAlloc; n > 80*uint64(len(body)) {
				t.Errorf("a body of %d bytes took %d bytes of memory, %d times its length", len(body), n, n/uint64(len(body)))
			} else {
				t.Logf("a body of %d bytes took %d bytes of memory, %d times its length", len(body), n, n/uint64(len(body)))
			}
		})
	}
}

func names(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(`,"` + strconv.Itoa(i) + `":0`)
	}
	return b.String()
}

// TestParseManyMembers: an object with many members takes linear time. Were each
// name compared with all before it, this test would take long.
func TestParseManyMembers(t *testing.T) {
	var b strings.Builder
	b.WriteString(`{"first":0`)
	for i := range 50_000 {
		fmt.Fprintf(&b, `,"%d":0`, i)
	}
	b.WriteString("}")
	v, err := signature.Parse([]byte(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	if len(v.Members) != 50_001 {
		t.Errorf("%d members", len(v.Members))
	}
}

// TestParseKeepsNothingOfTheBody: servers reuse the buffer that they read into.
func TestParseKeepsNothingOfTheBody(t *testing.T) {
	body := []byte(`{"a":"x","b":[1,"\n"]}`)
	v, err := signature.Parse(body)
	if err != nil {
		t.Fatal(err)
	}
	clear(body)
	if got := string(v.AppendJSON(nil)); got != `{"a":"x","b":[1,"\n"]}` {
		t.Errorf("after the buffer was reused: %s", got)
	}
}

func TestGet(t *testing.T) {
	v, err := signature.Parse([]byte(`{"a":{"b":{"c":5}},"l":[1],"n":null}`))
	if err != nil {
		t.Fatal(err)
	}
	if got := v.Get("a", "b", "c"); got == nil || got.Text != "5" || got.Kind != signature.Number {
		t.Errorf("a.b.c = %+v", got)
	}
	if got := v.Get("n"); got == nil || got.Kind != signature.Null {
		t.Errorf("n = %+v", got)
	}
	if v.Get() != v {
		t.Error("Get without names is not the value itself")
	}
	for _, path := range [][]string{{"x"}, {"a", "x"}, {"a", "x", "y"}, {"l", "0"}, {"n", "x"}, {"a", "b", "c", "d"}} {
		if got := v.Get(path...); got != nil {
			t.Errorf("%v = %+v, want nil", path, got)
		}
	}
	var none *signature.Value
	if none.Get("a") != nil {
		t.Error("nil.Get is not nil")
	}
}

func TestConstructors(t *testing.T) {
	v := signature.Obj(
		signature.Field("s", signature.Str("a\xffb")),
		signature.Field("i", signature.Int(-5)),
		signature.Field("b", signature.Boolean(true)),
		signature.Field("l", signature.Arr(signature.Value{}, signature.Boolean(false))),
		signature.Field("n\xff", signature.Obj()),
	)
	want := `{"s":"a�b","i":-5,"b":true,"l":[null,false],"n�":{}}`
	if got := string(v.AppendJSON(nil)); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	sig, err := signature.Sign([]byte(want), "k")
	if got := signature.Canonical(&v).Sign("k"); err != nil || got != sig {
		t.Errorf("built tree signs as %s, its JSON as %s, %v", got, sig, err)
	}
}

func TestNames(t *testing.T) {
	var kinds []string
	for k := signature.Null; k <= signature.Object+1; k++ {
		kinds = append(kinds, k.String())
	}
	if got := strings.Join(kinds, " "); got != "null bool number string array object kind 6" {
		t.Error(got)
	}
	var orders []string
	for _, o := range append(signature.Orders()[:6], signature.NaturalLine+1) {
		orders = append(orders, o.String())
	}
	if got := strings.Join(orders, "; "); got != "natural; per level; path bytes; line bytes; natural line; natural, numbers as written; order 5" {
		t.Error(got)
	}
}
