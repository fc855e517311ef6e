package accept

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"flashpay/internal/merchant"
	"flashpay/signature"
)

// TestOneSigningStringOneEffect makes signing strings, cuts and reads each in several ways, and asks of all readings that
// are accepted and have this string in some order that they do the same.
func TestOneSigningStringOneEffect(t *testing.T) {
	m := kyrgyzstan(t)
	rapid.Check(t, func(t *rapid.T) {
		first := drawRequest(t)
		order := rapid.SampledFrom(signature.Orders()).Draw(t, "order")
		text := string(signature.Canonical(first).SigningString(order))
		var want *effect
		var by string
		try := func(v *signature.Value) {
			if !signs(v, text) {
				return
			}
			in := In{
				Project: &merchant.Project{ID: 210, Mode: merchant.Test}, Method: m, Tree: v, Form: signature.Canonical(v), Interface: InterfaceGate,
			}
			got := effectOf(&in)
			if got == nil {
				return
			}
			if body := string(v.AppendJSON(nil)); want == nil {
				want, by = got, body
			} else if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("one signing string, two effects:\n%s\n%s\n%s\n%s", text, by, body, diff)
			}
		}
		try(first)
		for range 20 {
			if v, ok := drawReading(t, text); ok {
				try(v)
			}
		}
	})
}

// effect is what an accepted request does.
type effect struct {
	Payout  any
	Details map[string]string // what a provider may be told of sender and customer
}

// effectOf is nil for a request that is refused.
func effectOf(in *In) *effect {
	var got last
	if _, err := (&Service{Acceptor: &got}).Payout(context.Background(), *in); err != nil {
		return nil
	}
	p := *got.payout
	p.Request, p.Parsed, p.ContentHash = nil, nil, [32]byte{} // what was sent, not what comes of it
	e := &effect{Payout: p, Details: map[string]string{}}
	for _, row := range Payout.Rows() {
		if v := at(in.Tree, row.Path); row.Type == "string" && row.Path != "general.signature" && v != nil && v.Text != "" {
			e.Details[row.Path] = v.Text
		}
	}
	return e
}

func signs(v *signature.Value, text string) bool {
	form := signature.Canonical(v)
	return slices.ContainsFunc(signature.Orders(), func(o signature.Order) bool { return string(form.SigningString(o)) == text })
}

// fragments are what the values of the requests are made of.
var fragments = []string{
	"Doe", "7", " ", ";", ":", "; ", "::", "zzz", "zzz:1", ";zzz:1", ";n:", ";general:payment_id:NEW", ";general:platform:7", ";customer:inn:5",
	";payment:amount:900000", ";payment:currency:KGS", ";general:merchant_callback_url:https://evil.example/", ";account:number:5", ";operation:code:0",
	";frame_mode:", ";general:signature:", ";errors:0:code:",
}

// odd are names of members that the field table does not know, beside some that it knows.
var odd = []string{
	"platform", "payment_id2", "zzz", "inn", "a;b", "a;general:payment_id", "a;general", "payment_id:x", "description:x", "", ":", "number:",
	"signature", "frame_mode", "0", "Doe;zzz", "имя", "merchant_callback_url", "description", "last_name", "customer_name", "middle_name",
}

func drawText(t *rapid.T) string {
	return strings.Join(rapid.SliceOfN(rapid.SampledFrom(fragments), 0, 4).Draw(t, "text"), "")
}

// drawRequest gives the seed's request with some members more and some texts changed.
func drawRequest(t *rapid.T) *signature.Value {
	v, err := signature.Parse([]byte(seed))
	if err != nil {
		t.Fatal(err)
	}
	id := v.Get("general", "payment_id")
	switch rapid.IntRange(0, 5).Draw(t, "id") {
	case 0:
		id.Text = "p" + drawText(t)
	case 1:
		*id = signature.Value{Kind: signature.Number, Text: rapid.SampledFrom([]string{"0", "-0", "7", "1e2"}).Draw(t, "number")}
	}
	for range rapid.IntRange(0, 4).Draw(t, "more") {
		holder := v
		if name := rapid.SampledFrom([]string{"general", "customer", "payment", "account", ""}).Draw(t, "in"); name != "" {
			holder = v.Get(name)
		}
		name := rapid.SampledFrom(odd).Draw(t, "name")
		if holder.Get(name) == nil {
			holder.Members = append(holder.Members, signature.Member{Name: name, Value: drawValue(t)})
		}
	}
	return v
}

func drawValue(t *rapid.T) signature.Value {
	switch rapid.IntRange(0, 6).Draw(t, "kind") {
	case 0:
		return signature.Obj(signature.Field(rapid.SampledFrom(odd).Draw(t, "inner"), signature.Str(drawText(t))))
	case 1:
		return signature.Value{}
	case 2:
		return signature.Arr()
	}
	return signature.Str(drawText(t))
}

// drawReading cuts a signing string at some of its semicolons, each part at one of its colons, and makes a body of that.
func drawReading(t *rapid.T, text string) (*signature.Value, bool) {
	root := signature.Obj(signature.Field("general", signature.Obj(signature.Field("signature", signature.Str("c2ln")))))
	glue := rapid.IntRange(0, 4).Draw(t, "glue") // semicolons at which a part goes on although it might end; 0: none
	part := ""
	rest := strings.Split(text, ";")
	for i, piece := range rest {
		part += piece
		if i+1 < len(rest) && (!strings.Contains(rest[i+1], ":") || rapid.IntRange(0, 9).Draw(t, "on") < glue) {
			part += ";"
			continue
		}
		if !addPart(t, &root, part) {
			return nil, false
		}
		part = ""
	}
	body := root.AppendJSON(nil)
	if rapid.Bool().Draw(t, "unsigned") {
		body = append(body[:len(body)-1], `,"frame_mode":"1","signature":"x","sender":[]}`...)
	}
	v, err := signature.Parse(body)
	return v, err == nil
}

// addPart adds the member that a part of a signing string is read as; false: it cannot be one.
func addPart(t *rapid.T, root *signature.Value, part string) bool {
	path, value, ok := drawSplit(t, part)
	if !ok {
		return false
	}
	holder := root
	for i, name := range path {
		next := holder.Get(name)
		last := i == len(path)-1
		switch {
		case holder.Kind != signature.Object || last && next != nil:
			return false
		case last:
			holder.Members = append(holder.Members, signature.Member{Name: name, Value: kindOf(t, path, value)})
		case next == nil:
			holder.Members = append(holder.Members, signature.Field(name, signature.Obj()))
			next = holder.Get(name)
		}
		holder = next
	}
	return true
}

// drawSplit tells where the path of a part ends: mostly where it is one that the field table knows, else at any colon.
func drawSplit(t *rapid.T, part string) (path []string, value string, ok bool) {
	var known, all []int
	for i := range part {
		if part[i] != ':' {
			continue
		}
		all = append(all, i)
		if Payout.Known(strings.ReplaceAll(part[:i], ":", ".")) {
			known = append(known, i)
		}
	}
	if len(all) == 0 {
		return nil, "", false
	}
	end := all[len(all)-1]
	switch {
	case len(known) > 0 && rapid.IntRange(0, 9).Draw(t, "known") > 0:
		end = known[len(known)-1]
	case len(all) > 1:
		end = rapid.SampledFrom(all).Draw(t, "colon")
	}
	const doubled = "\x01"
	text := part[:end]
	if rapid.Bool().Draw(t, "colons in names") {
		text = strings.ReplaceAll(text, "::", doubled)
	}
	for name := range strings.SplitSeq(text, ":") {
		path = append(path, strings.ReplaceAll(name, doubled, ":"))
	}
	return path, part[end+1:], true
}

func kindOf(t *rapid.T, path []string, value string) signature.Value {
	kind := ""
	if order, ok := Payout.index[strings.Join(path, ".")]; ok {
		kind = Payout.rows[order].Type
	}
	number := signature.Value{Kind: signature.Number, Text: value}
	_, err := strconv.ParseUint(value, 10, 63)
	switch {
	case value == "" && rapid.Bool().Draw(t, "null"):
		return signature.Value{}
	case kind == "boolean" && (value == "0" || value == "1"):
		return signature.Boolean(value == "1")
	case err == nil && (kind == "integer" || rapid.Bool().Draw(t, "number")):
		if value == "0" && rapid.Bool().Draw(t, "negative zero") {
			number.Text = "-0"
		}
		return number
	}
	return signature.Str(value)
}

// TestRecutsAreRefused has the attacks that were made, one by one, and what resembles them and is fine.
func TestRecutsAreRefused(t *testing.T) {
	const evil = "Doe;general:payment_id:NEW;general:project_id:210;payment:amount:900000;payment:currency:KGS;zzz:"
	for _, c := range []struct{ path, value, field string }{
		{"customer.last_name", strconv.Quote(evil), "customer.last_name"},
		{"account.customer_name", `"A;account:number:1234"`, "account.customer_name"},
		{"payment.description", `"x;operation:code:0"`, "payment.description"},
		{"payment.description", `"x;errors:9:code:1"`, "payment.description"},
		{"general.payment_id", `"p;general:platform:7"`, "general.payment_id"}, // platform need not be known
		{"note", `"x;general:merchant_callback_url:https://evil.example/"`, "note"},
		{"a;general", `{"payment_id":"NEW"}`, "a;general.payment_id"},
		{"meta", `{"a;general":"payment_id:NEW"}`, "meta.a;general"},
		{"meta", `[["x;frame_mode:1"]]`, "meta.0.0"},
		{"имя", `"x"`, "имя"},
		{"", `"x"`, `""`},
		{"payment", `{"amount":100000,"currency":"KGS","description:x":"y"}`, "payment.description:x"},
		{"customer.signature", `{"first_name":"A"}`, "customer.signature"},
		{"customer.signature", `"x"`, "customer.signature"},
		{"meta", `{"list":[{"frame_mode":1}]}`, "meta.list.0.frame_mode"},
		{"frame_mode", `{"a":1}`, "frame_mode"},
		{"signature", `[1]`, "signature"},
		{"payment.description", `"Flat 5; floor: 2"`, "-"},
		{"payment.description", `"a;b;c"`, "-"},
		{"payment.description", `"a:b:c;"`, "-"},
		{"payment.description", `"кв. 5;этаж:2"`, "-"},
		{"customer.browser", `"Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:109.0) Gecko/20100101"`, "-"},
		{"payment.description", `"https://a.example/b;v=1?c=d:e"`, "-"},
		{"meta", `{"a; b":"c","a:b":"c","":1,"signature":"","frame_mode":null}`, "-"},
		{"frame_mode", `"popup"`, "-"},
		{"signature", `"x"`, "-"},
	} {
		v := set(t, c.path, c.value)
		if c.path == "" {
			v = parse(t, seed)
			v.Members = append(v.Members, signature.Member{Value: signature.Str("x")})
		}
		request := in(t, v)
		refusal := Validate(&request)
		switch {
		case c.field == "-" && refusal != nil:
			t.Errorf("%s %s: %v", c.path, c.value, refusal)
		case c.field != "-" && (refusal == nil || len(refusal.Faults) != 1 || refusal.Faults[0].Field != c.field || refusal.Code < 702):
			t.Errorf("%s %s: %+v, want one fault of %q", c.path, c.value, refusal, c.field)
		}
	}
}

// TestOfTwoReadingsOneIsAccepted has pairs of bodies that share a signing string, one for each rule.
func TestOfTwoReadingsOneIsAccepted(t *testing.T) {
	const start, end = `"currency":"KGS"`, `"account"`
	for _, pair := range [][2]string{
		{`,"description":"a","details":{"x":"1"}},`, `,"description":"a;payment:details:x:1"},`},
		{`,"dd":{"k;payment":{"description":"b"}}},`, `,"dd":"k","description":"b"},`},
		{`,"description:x":"y"},`, `,"description":":x:y"},`},
		{`,"description":"a"},"zz top":"b",`, `,"description":"a;zz top:b"},`},
	} {
		accepted := 0
		var texts []string
		for _, members := range pair {
			head, rest, _ := strings.Cut(seed, start)
			request := in(t, parse(t, head+start+members+rest[strings.Index(rest, end):]))
			texts = append(texts, string(request.Form.SigningString(signature.Natural)))
			if effectOf(&request) != nil {
				accepted++
			}
		}
		if texts[0] != texts[1] || accepted > 1 {
			t.Errorf("%d are accepted of %s\n%s", accepted, pair, texts)
		}
	}
}

// TestRecutFaultsStayFew: however many there are, and however long the names on the way.
func TestRecutFaultsStayFew(t *testing.T) {
	long := strings.Repeat("n", 30_000)
	v := set(t, long, `[`+strings.Repeat(`"a;b:c",`, 3000)+`{"signature":"x"}]`)
	request := in(t, v)
	refusal := Validate(&request)
	if refusal == nil || len(refusal.Faults) > maxFaults {
		t.Fatalf("%+v", refusal)
	}
	for _, f := range refusal.Faults {
		if len(f.Field) > maxFieldName {
			t.Errorf("a field of %d bytes", len(f.Field))
		}
	}
}
