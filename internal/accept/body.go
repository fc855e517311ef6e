package accept

import (
	"strings"

	"flashpay/signature"
)

// SetMember puts a value at a path with dots, making the objects on the way. It is for requests that are made here, of a form
// or a file's row; v is an object.
func SetMember(v *signature.Value, path string, to signature.Value) {
	name, rest, deeper := strings.Cut(path, ".")
	if !deeper {
		v.Members = append(v.Members, signature.Field(name, to))
		return
	}
	if v.Get(name) == nil {
		v.Members = append(v.Members, signature.Field(name, signature.Obj()))
	}
	SetMember(v.Get(name), rest, to)
}
