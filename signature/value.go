package signature

import (
	"strconv"
	"strings"
)

// Kind says which of the six kinds of JSON a [Value] is.
type Kind uint8

// The kinds of JSON values. The zero Value is null.
const (
	Null Kind = iota
	Bool
	Number
	String
	Array
	Object
)

// String returns the kind's name in lower case, as error messages use it.
func (k Kind) String() string {
	switch k {
	case Null:
		return "null"
	case Bool:
		return "bool"
	case Number:
		return "number"
	case String:
		return "string"
	case Array:
		return "array"
	case Object:
		return "object"
	}
	return "kind " + strconv.Itoa(int(k))
}

// Value is one JSON value with everything below it. Values that come from
// [Parse] share the memory of one copy of the body, so keeping any of them
// keeps all of it.
type Value struct {
	Kind    Kind
	Text    string   // String: the decoded text; Number: as written; Bool: "true" or "false"
	Members []Member // Object: its members in the order sent
	Items   []Value  // Array: its elements
}

// Member is one named value of an object.
type Member struct {
	Name  string
	Value Value
}

// Get follows names through nested objects and returns what it finds there,
// without copying, or nil where a name is missing or something on the way is
// not an object. Without names it returns v. Get on a nil Value returns nil.
func (v *Value) Get(path ...string) *Value {
	for _, name := range path {
		v = v.member(name)
		if v == nil {
			return nil
		}
	}
	return v
}

func (v *Value) member(name string) *Value {
	if v == nil || v.Kind != Object {
		return nil
	}
	for i := range v.Members {
		if v.Members[i].Name == name {
			return &v.Members[i].Value
		}
	}
	return nil
}

// Str makes a string. Bytes that are not UTF-8 become U+FFFD, so that what is
// signed and what is sent cannot differ.
func Str(text string) Value {
	return Value{Kind: String, Text: strings.ToValidUTF8(text, "\uFFFD")}
}

// Int makes a number. Integers from 2^53 on are lost by some SDKs (JavaScript,
// Go) when they verify.
func Int(n int64) Value { return Value{Kind: Number, Text: strconv.FormatInt(n, 10)} }

// Boolean makes true or false.
func Boolean(b bool) Value { return Value{Kind: Bool, Text: strconv.FormatBool(b)} }

// Obj makes an object with these members in this order. Giving a name twice
// makes a body that [Parse] refuses.
func Obj(members ...Member) Value { return Value{Kind: Object, Members: members} }

// Arr makes an array.
func Arr(items ...Value) Value { return Value{Kind: Array, Items: items} }

// Field makes a member for [Obj].
func Field(name string, v Value) Member {
	return Member{Name: strings.ToValidUTF8(name, "\uFFFD"), Value: v}
}

// AppendJSON appends v as JSON to dst and returns the longer slice. The JSON is
// compact, members stay in their order, numbers are written as they came, and
// only what JSON demands is escaped: quotation marks, backslashes and control
// characters, not "<", ">", "&" or "/". What [Parse] made of a body, written
// with AppendJSON and parsed again, is the same tree.
func (v *Value) AppendJSON(dst []byte) []byte {
	if v == nil {
		return append(dst, "null"...)
	}
	switch v.Kind {
	case Bool, Number:
		return append(dst, v.Text...)
	case String:
		return appendString(dst, v.Text)
	case Array:
		dst = append(dst, '[')
		for i := range v.Items {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = v.Items[i].AppendJSON(dst)
		}
		return append(dst, ']')
	case Object:
		dst = append(dst, '{')
		for i := range v.Members {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendString(dst, v.Members[i].Name)
			dst = append(dst, ':')
			dst = v.Members[i].Value.AppendJSON(dst)
		}
		return append(dst, '}')
	}
	return append(dst, "null"...)
}

func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	from := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		dst = append(dst, s[from:i]...)
		from = i + 1
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			const hex = "0123456789abcdef"
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
	}
	dst = append(dst, s[from:]...)
	return append(dst, '"')
}
