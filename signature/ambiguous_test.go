package signature

import "testing"

func TestAmbiguous(t *testing.T) {
	for _, c := range []struct{ body, path string }{
		{`{"name":"Doe;sum:9"}`, "name"},
		{`{"name":"Doe","a":{"b;c":1}}`, "a:b;c"},
		{`{"name":"Doe","a":{"b;c":{"d":1}}}`, "a:b;c:d"},
		{`{"a":["x",";$a-b.c@d_9:"]}`, "a:1"},
		{`{"a b":1}`, "a b"},
		{`{"a;b":1}`, "a;b"},
		{`{"a":1,"ab c":1,"a:b":1}`, "ab c"},
		{`{"a":{"b":1},"a b":{"c":1}}`, "a b:c"},
		{`{"":1}`, ""},
		{`{"имя":1}`, "имя"},
		{`{"name":"Doe; sum:9"}`, "-"},
		{`{"name":"Doe;сумма:9;a;b"}`, "-"},
		{`{"name":";:x;;","x:y;":{"ъ;я":"1;"}}`, "-"},
		{`{"signature":"a;b:c","frame_mode":{"a;b":1}}`, "-"},
	} {
		v, err := Parse([]byte(c.body))
		if err != nil {
			t.Fatal(err)
		}
		found := Canonical(v).Ambiguous()
		if c.path == "-" && len(found) > 0 || c.path != "-" && (len(found) != 1 || found[0].Path != c.path || found[0].Why == "") {
			t.Errorf("%s: %+v, want %q", c.body, found, c.path)
		}
	}
}

func TestUnambiguous(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "a;b": "a;b", "a;b:c": "a; b:c", ";a:;b:;;c:": "; a:; b:;; c:", "a; b:c": "a; b:c", ";:": ";:",
	} {
		if got := Unambiguous(text); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
	var all func(text string)
	all = func(text string) { // every text of up to seven of these characters
		body := Obj(Field("a", Str(Unambiguous(text))))
		if found := Canonical(&body).Ambiguous(); len(found) > 0 {
			t.Fatalf("%q is ambiguous still", text)
		}
		for _, c := range "a;: " {
			if len(text) < 7 {
				all(text + string(c))
			}
		}
	}
	all("")
}
