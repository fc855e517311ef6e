package sqldb

import (
	"context"
	"database/sql"
	"slices"
	"strings"
	"unicode/utf8"
)

// storable replaces, in a text, what PostgreSQL refuses to take, NUL and what is no UTF-8, by U+FFFD: in what is stored and in
// what is looked for, on both engines. So no value that comes from outside makes a statement fail, and what was refused
// for its characters, once, is not tried again without end. Where such a text would matter, as in a payment id, it is refused
// before (accept).
func storable(s string) string {
	if strings.IndexByte(s, 0) < 0 && utf8.ValidString(s) {
		return s
	}
	const replacement = "\uFFFD"
	return strings.ReplaceAll(strings.ToValidUTF8(s, replacement), "\x00", replacement)
}

// storables is storable for the texts among arguments, which stay as they are.
func storables(args []any) []any {
	copied := false
	for i, v := range args {
		var clean any
		switch v := v.(type) {
		case string:
			text := storable(v)
			if text == v {
				continue
			}
			clean = text
		case []string:
			if !slices.ContainsFunc(v, func(s string) bool { return storable(s) != s }) {
				continue
			}
			texts := make([]string, len(v))
			for k := range v {
				texts[k] = storable(v[k])
			}
			clean = texts
		default:
			continue
		}
		if !copied {
			args, copied = append([]any(nil), args...), true
		}
		args[i] = clean
	}
	return args
}

// One runs a query that answers with one row at most.
func One(ctx context.Context, on interface {
	QueryRowContext(ctx context.Context, text string, args ...any) *sql.Row
}, text string, args ...any,
) *sql.Row {
	return on.QueryRowContext(ctx, text, storables(args)...)
}
