package store

import (
	"context"
	"reflect"
	"testing"

	"flashpay/internal/pgtest"
	"flashpay/internal/store/sqldb"
)

// What a bulk statement hands to PostgreSQL as arrays comes back as it was: nulls, empty texts and bytes, any number of rows.
func TestArraysKeepValues(t *testing.T) {
	s, err := Open(t.Context(), Config{URL: pgtest.URL(t), Keyset: t.TempDir() + "/keyset"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close(t.Context()) }()
	b := sqldb.NewBulk("SELECT a, b, c FROM (VALUES ", "(CAST(%i AS BIGINT), CAST(%s AS TEXT), CAST(%b AS {{bytes}}))", ") AS v (a, b, c) ORDER BY a")
	for _, rows := range []int{1, 3, 300} {
		var args, got []any
		for i := range rows {
			args = append(args, int64(i-1), []any{"", "Айгүл \"x\", {NULL}\\", nil}[i%3], []any{[]byte{0, 255}, nil, []byte{}}[i%3])
		}
		err := s.do(t.Context(), &command{exec: func(ctx context.Context, tx *Tx) error {
			got = nil
			return b.Run(ctx, tx.conn, args, func(r sqldb.Row) error {
				var a, text, bytes any
				err := r.Scan(&a, &text, &bytes)
				got = append(got, a, text, bytes)
				return err
			})
		}})
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, args) {
			t.Errorf("%d rows came back as %v, want %v", rows, got, args)
		}
	}
}

func TestArraysRefuseOtherTypes(t *testing.T) {
	b := sqldb.NewBulk("INSERT INTO x (a, b) VALUES ", "(%i, %s)", "")
	for _, args := range [][]any{{"1", "x"}, {int64(1), []byte("x")}, {1, "x"}, {int64(1)}} {
		s := &sqldb.Conn{Dialect: &sqldb.Postgres}
		if err := b.Later(t.Context(), s, args, nil); err == nil || len(s.Queued) > 0 {
			t.Errorf("%v was taken", args)
		}
	}
	if want := "INSERT INTO x (a, b) SELECT a.c1, a.c2 FROM UNNEST($1::BIGINT[], $2::TEXT[]) AS a (c1, c2)"; b.Arrays != want {
		t.Errorf("%s\nwant %s", b.Arrays, want)
	}
}
