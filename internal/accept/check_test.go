package accept

import (
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"flashpay/internal/merchant"
	"flashpay/internal/method"
	"flashpay/internal/payout"
	"flashpay/signature"
)

const seed = `{"general":{"project_id":210,"payment_id":"test_payment","signature":"c2ln"},
"customer":{"id":"customer123","ip_address":"192.0.2.0"},"payment":{"amount":100000,"currency":"KGS"},
"account":{"number":"00004598"}}`

func parse(t testing.TB, body string) *signature.Value {
	t.Helper()
	v, err := signature.Parse([]byte(body))
	if err != nil {
		t.Fatalf("body does not parse: %v\n%s", err, body)
	}
	return v
}

// set gives the seed's request with the member at path set to a JSON text; an empty text removes it. Objects on the
// way are made.
func set(t testing.TB, path, json string) *signature.Value {
	t.Helper()
	v := parse(t, seed)
	put(t, v, path, json)
	return v
}

func put(t testing.TB, v *signature.Value, path, json string) {
	t.Helper()
	names := strings.Split(path, ".")
	for i, name := range names {
		last := i == len(names)-1
		found := v.Get(name)
		if found == nil {
			v.Members = append(v.Members, signature.Field(name, signature.Obj()))
			found = &v.Members[len(v.Members)-1].Value
		}
		if !last {
			v = found
			continue
		}
		if json != "" {
			*found = *parse(t, json)
			return
		}
		for k := range v.Members {
			if v.Members[k].Name == name {
				v.Members = append(v.Members[:k:k], v.Members[k+1:]...)
				return
			}
		}
	}
}

func fieldsOf(faults []Fault) string {
	var all []string
	for _, f := range faults {
		all = append(all, f.Field)
	}
	return strings.Join(all, " ")
}

func TestSeedIsGood(t *testing.T) {
	if r := Payout.Check(parse(t, seed)); len(r.Shape)+len(r.Faults) > 0 {
		t.Fatalf("the seed's request is refused: %+v", r)
	}
}

func TestTableIsTheWholeTable(t *testing.T) {
	if n := len(Payout.Rows()); n != 193 {
		t.Fatalf("the payout table has %d rows, want 193", n)
	}
}

// TestEveryRow takes each row of the table at its word: types, containers, lengths, ranges, patterns, null.
func TestEveryRow(t *testing.T) {
	for _, row := range Payout.Rows() {
		t.Run(row.Path, func(t *testing.T) {
			if row.Type == "object" {
				wantShape(t, row.Path, `"text"`, `5`, `true`, `[1]`, `[{}]`)
				if !row.Required {
					wantGood(t, row.Path, `null`)
				}
				if got, want := Payout.Check(set(t, row.Path, `[]`)), Payout.Check(set(t, row.Path, `{}`)); !reflect.DeepEqual(got, want) {
					t.Errorf("%s: PHP's [] is judged %+v, {} %+v", row.Path, got, want)
				}
				return
			}
			wantShape(t, row.Path, `{}`, `[]`, `{"a":1}`, `["a"]`)
			if strings.HasPrefix(row.Path, "additional_data.") {
				return // its required siblings are TestRequiredInside's
			}
			if !row.Required {
				wantGood(t, row.Path, `null`)
			}
			wantTypes(t, row)
			wantLengths(t, row)
			wantRange(t, row)
			wantPattern(t, row)
		})
	}
}

func wantTypes(t *testing.T, row Row) {
	t.Helper()
	bad := map[string][]string{
		"string":  {`1.5`, `1e2`, `true`},
		"integer": {`1.0`, `1e2`, `"x"`, `"1.0"`, `""`, `" 1"`, `true`},
		"boolean": {`"true"`, `1`, `0`, `""`},
	}
	for _, json := range bad[row.Type] {
		wantFault(t, row.Path, json)
	}
	switch {
	case row.Path == "general.payment_id":
		wantGood(t, row.Path, `17`)
	case row.Type == "string":
		wantFault(t, row.Path, `1`)
		wantFault(t, row.Path, `"\u0000"`)
	case row.Path == "general.project_id", row.Path == "payment.amount":
		wantGood(t, row.Path, `"210"`)
	case row.Type == "integer":
		wantFault(t, row.Path, `"1"`)
	case row.Type == "boolean":
		wantGood(t, row.Path, `true`)
		wantGood(t, row.Path, `false`)
	}
}

func wantLengths(t *testing.T, row Row) {
	t.Helper()
	if row.Pattern != "" {
		return
	}
	if n, err := strconv.Atoi(row.MaxLength); err == nil && row.Type == "string" {
		wantGood(t, row.Path, quoted("я", n))
		wantFault(t, row.Path, quoted("я", n+1))
	} else if err == nil {
		wantGood(t, row.Path, strings.Repeat("7", n))
		wantFault(t, row.Path, strings.Repeat("7", n+1))
	} else if row.Type == "string" {
		wantGood(t, row.Path, quoted("я", 2000))
	}
	if n, err := strconv.Atoi(row.MinLength); err == nil {
		wantGood(t, row.Path, quoted("я", n))
		wantFault(t, row.Path, quoted("я", n-1))
	} else if row.Type == "string" && !row.Required {
		wantGood(t, row.Path, `""`)
	}
}

func quoted(s string, n int) string { return `"` + strings.Repeat(s, n) + `"` }

func wantRange(t *testing.T, row Row) {
	t.Helper()
	if row.Type != "integer" || row.MaxLength != "" {
		return
	}
	if n, err := strconv.ParseInt(row.Minimum, 10, 64); err == nil {
		wantGood(t, row.Path, fmt.Sprint(n))
		wantFault(t, row.Path, fmt.Sprint(n-1))
	}
	n, err := strconv.ParseInt(row.Maximum, 10, 64)
	if err != nil {
		wantGood(t, row.Path, "12")
		return
	}
	wantGood(t, row.Path, fmt.Sprint(n))
	wantFault(t, row.Path, fmt.Sprint(n+1))
	wantFault(t, row.Path, strings.Repeat("9", 40))
}

var samples = map[string]struct{ good, bad []string }{
	"format:email":      {[]string{"a@b.kg", "a.b+c@mail.example.com", "имя@пример.рф", "x@localhost", `"ab"@example.com`}, []string{"", "a", "@b", "a@", "a b@c.d", "a@b@c", "a@.b", "a@b..c", "a@b\n", "<a@b.c>"}},
	"format:ip-address": {[]string{"192.0.2.0", "2001:db8::1", "::ffff:192.0.2.1"}, []string{"", "192.0.2", "192.0.2.256", "192.0.2.1 ", "fe80::1%eth0", "host", "192.0.2.1/24", "192.0.02.1"}},
	"format:dateTime":   {[]string{"2026-01-31T12:00:00", "2026-01-31 12:00:00", "2026-01-31T12:00:00Z", "2026-01-31T12:00:00+0600"}, []string{"", "2026-01-31", "2026-02-30T12:00:00", "31.01.2026 12:00"}},
	"format:date-time":  {[]string{"2026-01-31T12:00:00Z", "2026-01-31T12:00:00+06:00", "2026-01-31T12:00:00+0600", "2026-01-31T12:00:00.123+06", "2026-01-31T12:00Z"}, []string{"", "2026-01-31", "2026-01-31T12:00:00", "2026-02-30T12:00:00Z", "tomorrow", "1769860800"}},
	`^[A-Z]{2}$`:        {[]string{"KG"}, []string{"", "kg", "K", "KGZ", "KG\n", "КГ"}},
	`^[0-9]{4,24}$`:     {[]string{"1234", strings.Repeat("1", 24)}, []string{"", "123", strings.Repeat("1", 25), "+1234", "١٢٣٤"}},
	`male|female`:       {[]string{"male", "female"}, []string{"", "mal", "female ", "malefemale", "male|female"}},
	`1|3|6|9|12`:        {[]string{"1", "12"}, []string{"", "2", "13", "|"}},
	`^[^!@&~№{}|<>\[\]Ёё]*$`: {
		[]string{"", "wallet-1", "кошелек"}, []string{"a@b", "№5", "[", "]", "ёж", strings.Repeat("w", 65)},
	},
}

func wantPattern(t *testing.T, row Row) {
	t.Helper()
	if row.Pattern == "" {
		return
	}
	s, known := samples[row.Pattern]
	if !known {
		re := regexp.MustCompile(`\A(?:` + row.Pattern + `)\z`)
		for _, try := range []string{"", "01", "02", "09", "00", "010", "KGS", "kgs", "12-12-2026", "12-12-20266", "12-12-202612:30", "7", "A1", "ABCD", "123456789012", "6ba7b810-9dad-11d1-80b4-00c04fd430c8", "6BA7B810-9DAD-11D1-80B4-00C04FD430C8"} {
			if re.MatchString(try) {
				s.good = append(s.good, try)
			} else {
				s.bad = append(s.bad, try)
			}
		}
	}
	if len(s.good) == 0 || len(s.bad) == 0 {
		t.Fatalf("no sample for the pattern %s", row.Pattern)
	}
	for _, v := range s.good {
		wantGood(t, row.Path, strconv.Quote(v))
	}
	for _, v := range s.bad {
		wantFault(t, row.Path, strconv.Quote(v))
	}
}

func wantGood(t *testing.T, path, json string) {
	t.Helper()
	if r := Payout.Check(set(t, path, json)); len(r.Shape)+len(r.Faults) > 0 {
		t.Errorf("%s = %.40s is refused: %+v", path, json, r)
	}
}

func wantFault(t *testing.T, path, json string) {
	t.Helper()
	r := Payout.Check(set(t, path, json))
	if len(r.Shape) > 0 || len(r.Faults) == 0 {
		t.Errorf("%s = %.40s: want a fault, got %+v", path, json, r)
		return
	}
	for _, f := range r.Faults {
		if f.Field != path || f.Message == "" || !strings.HasPrefix(f.Description, path+" ") {
			t.Errorf("%s = %.40s: fault names another field or nothing: %+v", path, json, f)
		}
	}
}

func wantShape(t *testing.T, path string, values ...string) {
	t.Helper()
	for _, json := range values {
		r := Payout.Check(set(t, path, json))
		if len(r.Shape) != 1 || r.Shape[0].Field != path || r.Shape[0].Code != payout.CodeInvalidJSON {
			t.Errorf("%s = %s: want one shape fault there, got %+v", path, json, r)
		}
	}
}

func TestRootMustBeAnObject(t *testing.T) {
	for _, body := range []string{`[]`, `null`, `1`, `"x"`, `true`} {
		if r := Payout.Check(parse(t, body)); len(r.Shape) != 1 {
			t.Errorf("%s: want one shape fault, got %+v", body, r)
		}
	}
}

func TestMissing(t *testing.T) {
	for _, c := range []struct {
		path, fields string
		code         int
	}{
		{"general", "general general.project_id general.payment_id general.signature", 2004},
		{"general.project_id", "general.project_id", 2004},
		{"general.payment_id", "general.payment_id", 2004},
		{"general.signature", "general.signature", 3262},
		{"customer", "customer customer.id customer.ip_address", 2004},
		{"customer.id", "customer.id", 2004},
		{"customer.ip_address", "customer.ip_address", 2004},
		{"payment", "payment payment.amount payment.currency", 2004},
		{"payment.amount", "payment.amount", 3286},
		{"payment.currency", "payment.currency", 3287},
		{"account.number", "account.number", 3242},
	} {
		for _, json := range []string{"", "null"} {
			r := Payout.Check(set(t, c.path, json))
			if got := fieldsOf(r.Faults); got != c.fields || r.Faults[0].Code != c.code || !r.Faults[0].Missing {
				t.Errorf("%s set to %q: faults %q, first %+v; want %q, %d", c.path, json, got, r.Faults[0], c.fields, c.code)
			}
			if code := BodyCode(r.Faults); code != 2004 {
				t.Errorf("%s set to %q: body code %d, want 2004", c.path, json, code)
			}
		}
	}
}

func TestEmptyTextOfARequiredMemberIsMissing(t *testing.T) {
	for _, path := range []string{"general.payment_id", "customer.id", "customer.ip_address", "payment.currency", "account.number"} {
		r := Payout.Check(set(t, path, `""`))
		if len(r.Faults) != 1 || !r.Faults[0].Missing {
			t.Errorf("%s empty: want missing, got %+v", path, r.Faults)
		}
	}
	r := Payout.Check(set(t, "general.signature", `""`))
	if len(r.Faults) != 1 || r.Faults[0].Missing {
		t.Errorf("an empty signature has a code of its own and is not missing: %+v", r.Faults)
	}
}

func TestRequiredInside(t *testing.T) {
	r := Payout.Check(set(t, "additional_data.avs_data.avs_post_code", `"720000"`))
	if got := fieldsOf(r.Faults); got != "additional_data.avs_data.avs_street_address" {
		t.Errorf("faults in %q, want the missing sibling", got)
	}
	if r = Payout.Check(set(t, "additional_data.avs_data", `null`)); len(r.Faults) > 0 {
		t.Errorf("an optional object that is null is asked for members: %+v", r.Faults)
	}
}

func TestPaymentIDEdges(t *testing.T) {
	for _, c := range []string{` `, `\t`, `\u000b`, `\u0000`, `\r`, `\n`} {
		wantFault(t, "general.payment_id", `"`+c+`x"`)
		wantFault(t, "general.payment_id", `"x`+c+`"`)
	}
	wantFault(t, "general.payment_id", `"x\u0000x"`)
	for _, good := range []string{`"a b"`, `"a\tb"`, `"тест-№1"`, `"\u00a0x"`, `9007199254740993`} {
		wantGood(t, "general.payment_id", good)
	}
}

func TestAllFaultsInTheTablesOrder(t *testing.T) {
	v := parse(t, `{"payment":{"currency":"kgs","amount":0},"customer":{"phone":"+996","id":7},"general":{"payment_id":" x","project_id":0,"signature":"s"},"unknown":{"a":[1,2]}}`)
	r := Payout.Check(v)
	want := "general.project_id general.payment_id customer.id customer.phone customer.ip_address payment.amount payment.currency"
	if got := fieldsOf(r.Faults); got != want {
		t.Errorf("faults\n got %s\nwant %s", got, want)
	}
}

func TestBodyCode(t *testing.T) {
	all := []Fault{{Field: "account.number"}, {Field: "payment.currency"}, {Field: "customer.id"}, {Field: "general.payment_id"}, {Field: "x", Missing: true}}
	for i, want := range []int{702, 3121, 2124, 3024, 2004} {
		if got := BodyCode(all[:i+1]); got != want {
			t.Errorf("with %d faults: %d, want %d", i+1, got, want)
		}
	}
}

func TestTablesOfOtherEndpoints(t *testing.T) {
	lists, err := ParseTable(columns + "\nlist,array,yes,,3,,,,x\nlist.[],object,no,,,,,,x\nlist.[].name,string,yes,,3,,,,x\n")
	if err != nil {
		t.Fatal(err)
	}
	r := lists.Check(parse(t, `{"list":[{"name":"abc"},{"name":"abcd"},{}]}`))
	if got := fieldsOf(r.Faults); got != "list.1.name list.2.name" {
		t.Errorf("faults in %q: %+v", got, r.Faults)
	}
	if r := lists.Check(parse(t, `{"list":[{"name":"a"},{"name":"a"},{"name":"a"},{"name":"a"}]}`)); fieldsOf(r.Faults) != "list" {
		t.Errorf("four of at most three elements: %+v", r.Faults)
	}
	if r := lists.Check(parse(t, `{"list":[1]}`)); len(r.Shape) != 1 || r.Shape[0].Field != "list.0" {
		t.Errorf("shape: %+v", r.Shape)
	}
}

func TestTableErrors(t *testing.T) {
	for _, c := range []struct{ rows, want string }{
		{"a,text,no,,,,,,", "line 2: type"},
		{"a,string,maybe,,,,,,", "required"},
		{"a.b,string,no,,,,,,", "stands before"},
		{"a,string,no,,,,,,\na,string,no,,,,,,", "line 3: a stands twice"},
		{"a,string,no,x,,,,,", "min_length"},
		{"a,string,no,,x,,,,", "max_length"},
		{"a,integer,no,,,x,,,", "minimum"},
		{"a,integer,no,,,,x,,", "maximum"},
		{"a,string,no,,,,,format:moon,", "format"},
		{"a,string,no,,,,,[,", "pattern"},
		{"a,string,no,,,,,,\na.b,string,no,,,,,,", "cannot hold"},
	} {
		if _, err := ParseTable(columns + "\n" + c.rows + "\n"); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: error %v, want one that says %q", c.rows, err, c.want)
		}
	}
	if _, err := ParseTable("a,b\n"); err == nil {
		t.Error("a table without its first line is taken")
	}
}

// FuzzPatterns compares the compiled patterns with the regular expressions that they stand for.
func FuzzPatterns(f *testing.F) {
	for _, s := range []string{"", "KG", "0123", "male", "12-12-2026", "ё", "12", "\x80", "AB\n"} {
		f.Add(s)
	}
	type pair struct {
		re   *regexp.Regexp
		fast func(string) bool
	}
	var pairs []pair
	patterns := []string{`[a-c]{2,3}x`, `a|bc`, `(?i)ab`, `a*`, `[0-9]+`, `x?y`, `.`}
	for _, row := range Payout.Rows() {
		if row.Pattern != "" && !strings.HasPrefix(row.Pattern, "format:") {
			patterns = append(patterns, row.Pattern)
		}
	}
	for _, p := range patterns {
		fast, err := method.CompilePattern(p)
		if err != nil {
			f.Fatal(err)
		}
		pairs = append(pairs, pair{regexp.MustCompile(`\A(?:` + p + `)\z`), fast})
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, p := range pairs {
			if got, want := p.fast(s), p.re.MatchString(s); got != want {
				t.Errorf("%s on %q: %t, want %t", p.re, s, got, want)
			}
		}
	})
}

func TestPorts(t *testing.T) {
	t.Parallel()
	for port, want := range map[string]bool{"0": false, "1": true, "65535": true, "65536": false, "-1": false, "x": false} {
		if got := isPort(port); got != want {
			t.Errorf("%s: %v", port, got)
		}
	}
}

// Memory that is used again holds nothing of the request before, and none is kept that was large once.
func TestScratchForgets(t *testing.T) {
	t.Parallel()
	s := &scratch{lines: []signature.Line{{Path: "account:number", Value: "1090000000000000"}}}
	b := []byte("1090000000000000")
	s.keep(b)
	if s.lines[0] != (signature.Line{}) || string(b) != string(make([]byte, len(b))) {
		t.Errorf("%+v, %q", s.lines, b)
	}
	if cap(s.bytes) != cap(b) || len(s.bytes) != 0 {
		t.Errorf("%d bytes of %d are kept for use", cap(s.bytes), cap(b))
	}
	if s.keep(make([]byte, 0, keptScratch)); cap(s.bytes) != keptScratch {
		t.Error("what is just small enough is not kept")
	}
	if s.keep(make([]byte, 0, keptScratch+1)); s.bytes != nil {
		t.Error("what is too large is kept")
	}
}

// What people fill in becomes the kind of value that its member holds; what does not fit stays a text, which the table refuses.
func TestInputValues(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		kind InputKind
		text string
		want signature.Value
	}{
		{TextInput, "true", signature.Str("true")},
		{TextInput, "7", signature.Str("7")},
		{BooleanInput, "true", signature.Boolean(true)},
		{BooleanInput, "false", signature.Boolean(false)},
		{BooleanInput, "yes", signature.Str("yes")},
		{IntegerInput, "007", signature.Value{Kind: signature.Number, Text: "7"}},
		{IntegerInput, "7.5", signature.Str("7.5")},
		{BankInput, "109", signature.Value{Kind: signature.Number, Text: "109"}},
		{ChoiceInput, "1", signature.Str("1")},
	} {
		if got := test.kind.Value(test.text); !reflect.DeepEqual(got, test.want) {
			t.Errorf("%v %q: %+v, want %+v", test.kind, test.text, got, test.want)
		}
	}
}

// A request is paid in its own currency where method and project have it; else, where the project may convert, in the method's first
// one of those that the project has.
func TestPaidCurrency(t *testing.T) {
	t.Parallel()
	m := &method.Method{Path: "m", Currencies: []method.Currency{{Code: "KGS"}, {Code: "USD"}, {Code: "EUR"}}}
	for _, test := range []struct {
		own      []string // currencies of the project
		converts bool
		currency string
		want     string
	}{
		{nil, false, "USD", "USD"},
		{nil, true, "USD", "USD"},
		{nil, true, "GBP", "KGS"},
		{nil, false, "GBP", "GBP"},
		{[]string{"EUR", "USD"}, true, "EUR", "EUR"},
		{[]string{"EUR", "USD"}, true, "KGS", "USD"},
		{[]string{"EUR", "USD"}, false, "KGS", "KGS"},
		{[]string{"JPY"}, true, "KGS", "KGS"},
	} {
		p := &merchant.Project{Settings: merchant.Settings{
			Methods:    map[string]merchant.MethodSettings{"m": {Currencies: test.own}},
			Conversion: merchant.Conversion{On: test.converts},
		}}
		if got := paidCurrency(p, m, test.currency); got != test.want {
			t.Errorf("%s of a project with %v, converting %v: %s, want %s", test.currency, test.own, test.converts, got, test.want)
		}
	}
}

// A bank is known by its whole number, read in tens.
func TestBankOfTheList(t *testing.T) {
	t.Parallel()
	in := In{Project: &merchant.Project{}, Method: &method.Method{Path: "m", Banks: []method.Bank{{ID: 12}, {ID: 109}}}}
	for id, want := range map[string]int{"12": 0, "109": 0, "13": 1, "9": 1, "99999999999999999999": 1} {
		in.Tree = parse(t, `{"account":{"bank_id":`+id+`}}`)
		faults := 0
		checkMethod(&in, "KGS", func(path string, code int, _ string, _ bool) {
			if faults++; path != "account.bank_id" || code != codeBankNotFound {
				t.Errorf("%s: %s %d", id, path, code)
			}
		})
		if faults != want {
			t.Errorf("%s: %d faults, want %d", id, faults, want)
		}
	}
}

func TestKindOf(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]InputKind{PathCustomerID: TextInput, PathAmount: IntegerInput, "callback.force_disable": BooleanInput} {
		if k, ok := KindOf(path); !ok || k != want {
			t.Errorf("%s: %v, %v; want %v", path, k, ok, want)
		}
	}
	for _, path := range []string{"customer", "nothing", ""} {
		if _, ok := KindOf(path); ok {
			t.Errorf("%q has a kind", path)
		}
	}
}

// What is checked by itself passes or fails as the whole request would; objects and what the table does not know are never so checked.
func TestMemberChecker(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"customer", "receipt_data.positions", "nothing", "nothing.else"} {
		if Payout.scalarAt(path) != nil {
			t.Errorf("%s is checked by itself", path)
		}
	}
	p := &MemberChecker{members: []checkedMember{{field: Payout.scalarAt(PathAmount)}, {field: Payout.scalarAt(PathPaymentID)}}}
	number := func(text string) signature.Value { return signature.Value{Kind: signature.Number, Text: text} }
	for _, test := range []struct {
		member int
		value  signature.Value
		want   bool
	}{
		{0, number("100"), true},
		{0, number("0"), false},
		{0, number("1.5"), false},
		{0, signature.Str(""), false},
		{0, signature.Value{Kind: signature.Null}, false},
		{0, signature.Value{Kind: signature.Object, Text: "x"}, false},
		{1, signature.Str("p-1"), true},
		{1, signature.Str(" p-1"), false},
	} {
		if got := p.Passes(test.member, &test.value); got != test.want {
			t.Errorf("member %d, %+v: %v", test.member, test.value, got)
		}
	}
}
