package signature_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"flashpay/signature"
)

func addSeeds(f *testing.F) {
	for _, v := range allVectors(f) {
		f.Add([]byte(v.Body))
	}
	for _, file := range []string{"sort-orders.json", "field-clients.json", "callbacks.json"} {
		for _, v := range load[vector](f, file) {
			f.Add([]byte(v.Body))
		}
	}
	for _, s := range []string{
		`[-0,1.50,1e3,1E-400,1e1101]`, `{"a:b":1,"a":{"":{"b":2}}}`, `{"":{"":[[],{}]}}`,
		`"\ud83d\ude42\u0000"`, `{"x 1":1,"x1":2,"x01":3,"x  1":4}`, `{"signature":{"signature":1},"frame_mode":[]}`,
	} {
		f.Add([]byte(s))
	}
}

// FuzzParse: no input makes Parse panic, and what it accepts is the same tree
// after writing and reading again.
func FuzzParse(f *testing.F) {
	addSeeds(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		v, err := signature.Parse(body)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "signature: JSON refused at byte ") {
				t.Fatalf("error without a place: %v", err)
			}
			return
		}
		written := v.AppendJSON(nil)
		again, err := signature.Parse(written)
		if err != nil {
			t.Fatalf("%q was written as %q, which is refused: %v", body, written, err)
		}
		if !reflect.DeepEqual(v, again) {
			t.Fatalf("%q was written as %q, which is another tree", body, written)
		}
	})
}

// FuzzSignVerify: whatever the tree, its signature verifies, in every order,
// with the signature in the body, under this key only.
func FuzzSignVerify(f *testing.F) {
	addSeeds(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		v, err := signature.Parse(body)
		if err != nil {
			return
		}
		form := signature.Canonical(v)
		sig := form.Sign("key")
		if o, err := form.Verify(sig, "key"); err != nil || o != signature.Natural {
			t.Fatalf("own signature: %v, %v", o, err)
		}
		if _, err := form.Verify(sig, "other"); err == nil {
			t.Fatal("verifies under another key")
		}
		for _, o := range signature.Orders() {
			text := form.SigningString(o)
			if got, want := len(text), len(form.SigningString(signature.Natural)); got != want && o < signature.AsWritten {
				t.Fatalf("order %v has %d bytes, natural order %d", o, got, want)
			}
			if fits, err := form.Verify(signature.SignString(text, "key"), "key"); err != nil || string(form.SigningString(fits)) != string(text) {
				t.Fatalf("signed in order %v, verified in %v, %v", o, fits, err)
			}
		}
		if v.Kind != signature.Object {
			return
		}
		members := slices.DeleteFunc(slices.Clone(v.Members), func(m signature.Member) bool { return m.Name == "signature" })
		signed := signature.Obj(append(members, signature.Field("signature", signature.Str(sig)))...)
		if _, err := signature.Verify(signed.AppendJSON(nil), "key"); err != nil {
			t.Fatalf("signed body: %v", err)
		}
	})
}

// FuzzNaturalLine: comparing lines without building them is comparing what they
// would be built to.
func FuzzNaturalLine(f *testing.F) {
	for _, s := range []string{"p", "p2", "a01", "a1", "0", "007", "1 2", " 1", "1", "a ", "a", "", "a:10", "a:9", "x\x00"} {
		for _, other := range []string{"", "p10", "1", "01", "0", " a", "9:9"} {
			f.Add(s, other, other, s)
			f.Add(s, other, s, "0"+other)
			f.Add(s, s, s+s, other)
		}
	}
	f.Fuzz(func(t *testing.T, path, value, path2, value2 string) {
		a, b := signature.Line{Path: path, Value: value}, signature.Line{Path: path2, Value: value2}
		if got, want := signature.CompareNaturalLines(a, b), signature.CompareNatural(path+":"+value, path2+":"+value2); got != want {
			t.Errorf("%q:%q and %q:%q compare %d, their texts %d", path, value, path2, value2, got, want)
		}
	})
}

// FuzzForms takes two trees, the second made of the first by edits of which some
// are signed and some are not. The forms must be equal exactly when the trees
// differ only in what is not signed.
func FuzzForms(f *testing.F) {
	for i, v := range allVectors(f) {
		f.Add([]byte(v.Body), uint64(i))
	}
	f.Fuzz(func(t *testing.T, body []byte, seed uint64) {
		a, err := signature.Parse(body)
		if err != nil {
			return
		}
		b := edit(*a, rand.New(rand.NewPCG(seed, 0)))
		sameForm := slices.Equal(sortedLines(a), sortedLines(&b))
		left, right := map[string]string{}, map[string]string{}
		plainA, plainB := facts(left, "", a), facts(right, "", &b)
		sameFacts := maps.Equal(left, right)
		if sameFacts && !sameForm {
			t.Errorf("differ only in what is not signed, but have two forms:\n%s\n%s", a.AppendJSON(nil), b.AppendJSON(nil))
		}
		if sameForm && !sameFacts && plainA && plainB {
			t.Errorf("one form, but more differs than what is not signed:\n%s\n%s", a.AppendJSON(nil), b.AppendJSON(nil))
		}
		natural := signature.Natural
		if sameForm && string(signature.Canonical(a).SigningString(natural)) != string(signature.Canonical(&b).SigningString(natural)) {
			t.Errorf("one form, two signing strings:\n%s\n%s", a.AppendJSON(nil), b.AppendJSON(nil))
		}
	})
}

func sortedLines(v *signature.Value) []signature.Line {
	lines := signature.Canonical(v).Lines()
	slices.SortFunc(lines, func(a, b signature.Line) int {
		if c := strings.Compare(a.Path, b.Path); c != 0 {
			return c
		}
		return strings.Compare(a.Value, b.Value)
	})
	return lines
}

// facts is an independent statement of what is signed: it notes each scalar
// under its quoted names, so that no two places share one. It reports whether
// the names are plain, that is, not among those whose paths are ambiguous.
func facts(into map[string]string, at string, v *signature.Value) (plain bool) {
	plain = true
	switch v.Kind {
	case signature.Object:
		for i := range v.Members {
			name := v.Members[i].Name
			if name == "signature" || name == "frame_mode" {
				continue
			}
			plain = facts(into, fmt.Sprintf("%s/%q", at, name), &v.Members[i].Value) && plain
			plain = plain && name != "" && !strings.Contains(name, ":")
		}
	case signature.Array:
		for i := range v.Items {
			plain = facts(into, fmt.Sprintf("%s/%q", at, fmt.Sprint(i)), &v.Items[i]) && plain
		}
	case signature.Null:
		into[at] = ""
	case signature.Bool:
		into[at] = map[string]string{"true": "1", "false": "0"}[v.Text]
	case signature.Number:
		// Numbers are held to TestNumbers; here the form itself says their text.
		into[at] = signature.Canonical(v).Lines()[0].Value
	default:
		into[at] = v.Text
	}
	return plain
}

// edit returns a copy of v with a few edits of the kinds that the package
// documentation lists as not signed, and sometimes one that is signed.
func edit(v signature.Value, r *rand.Rand) signature.Value {
	switch v.Kind {
	case signature.Object:
		return editObject(v, r)
	case signature.Array:
		items := make([]signature.Value, len(v.Items))
		members := make([]signature.Member, len(v.Items))
		for i := range v.Items {
			items[i] = edit(v.Items[i], r)
			members[i] = signature.Field(fmt.Sprint(i), items[i])
		}
		switch r.IntN(8) {
		case 0:
			return signature.Obj(members...)
		case 1:
			return signature.Arr(append(items, signature.Arr())...)
		}
		return signature.Arr(items...)
	}
	switch r.IntN(12) {
	case 0: // another kind, the same signed form
		text := signature.Canonical(&v).Lines()[0].Value
		return map[string]signature.Value{"": {}, "1": signature.Boolean(true), "0": signature.Boolean(false)}[text]
	case 1:
		return signature.Str(signature.Canonical(&v).Lines()[0].Value)
	case 2:
		if r.IntN(4) == 0 {
			return signature.Str(v.Text + "x")
		}
	}
	return v
}

func editObject(v signature.Value, r *rand.Rand) signature.Value {
	members := make([]signature.Member, 0, len(v.Members)+2)
	for _, m := range v.Members {
		if m.Name == "signature" && r.IntN(2) == 0 {
			continue
		}
		if r.IntN(64) == 0 {
			continue
		}
		members = append(members, signature.Member{Name: m.Name, Value: edit(m.Value, r)})
	}
	r.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
	for _, m := range []signature.Member{
		signature.Field("frame_mode", signature.Obj(signature.Field("x", signature.Int(1)))),
		signature.Field("empty", signature.Obj(signature.Field("inner", signature.Arr()))),
	} {
		if v.Get(m.Name) == nil && r.IntN(4) == 0 {
			members = append(members, m)
		}
	}
	return signature.Obj(members...)
}

// TestFormsSeeTheEdits makes sure that FuzzForms meets both outcomes: over the
// vectors, edits that leave the form and edits that change it.
func TestFormsSeeTheEdits(t *testing.T) {
	same, other := 0, 0
	for _, v := range allVectors(t) {
		a := parse(t, v.Body)
		for seed := range uint64(50) {
			b := edit(*a, rand.New(rand.NewPCG(seed, 0)))
			if slices.Equal(sortedLines(a), sortedLines(&b)) {
				same++
			} else {
				other++
			}
		}
	}
	if same < 100 || other < 100 {
		t.Errorf("%d edits left the form, %d changed it", same, other)
	}
}
