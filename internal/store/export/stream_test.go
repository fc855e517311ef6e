package export_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"flashpay/internal/store/sqldb"
	"flashpay/internal/storetest"
)

// TestStreamReadsWhatIsStored holds what Stream reads past database/sql against what was written.
func TestStreamReadsWhatIsStored(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := storetest.Open(t, url)
		db := s.DB()
		if _, err := db.Writes.ExecContext(t.Context(), db.Dialect.SQL("CREATE TABLE cells (id BIGINT NOT NULL PRIMARY KEY, n BIGINT, t TEXT, b {{bytes}})")); err != nil {
			t.Fatal(err)
		}
		texts := []string{"", "Айгүл\n\"x\"", strings.Repeat("я", 100_000), "'; DROP TABLE cells"}
		numbers := []int64{0, -1, math.MaxInt64, math.MinInt64}
		for i, text := range texts {
			args := []any{i, numbers[i], text, []byte{0, byte(i), 0xff}}
			if _, err := db.Writes.ExecContext(t.Context(), "INSERT INTO cells (id, n, t, b) VALUES ($1, $2, $3, $4)", args...); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := db.Writes.ExecContext(t.Context(), "INSERT INTO cells (id) VALUES (9)"); err != nil {
			t.Fatal(err)
		}
		const read = "SELECT id, n, t, b FROM cells WHERE id >= $1 AND id < $2 AND COALESCE(t, '') <> $3 ORDER BY id"
		var kept []string
		rows := 0
		err := db.Stream(t.Context(), read, func(c *sqldb.Cells) error {
			i := rows
			rows++
			if i == len(texts) {
				if c.Numbers[0] != 9 || c.Numbers[1] != 0 || c.Texts[2] != "" || c.Texts[3] != "" {
					t.Errorf("of NULLs: %v %q", c.Numbers, c.Texts)
				}
				return nil
			}
			if c.Numbers[0] != int64(i) || c.Numbers[1] != numbers[i] || c.Texts[3] != string([]byte{0, byte(i), 0xff}) {
				t.Errorf("row %d: %v %q", i, c.Numbers, c.Texts[3])
			}
			kept = append(kept, c.Texts[2])
			return nil
		}, 0, int64(10), "no\x00where")
		if err != nil || rows != len(texts)+1 || !slices.Equal(kept, texts) {
			t.Error(rows, err, "texts that were kept are others")
		}
	})
}

// TestStreamEnds holds that errors come out, whoever makes them, and that the next reader is not touched by them.
func TestStreamEnds(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := storetest.Open(t, url)
		const two = "SELECT version FROM settings_version UNION ALL SELECT 2"
		count := func(ctx context.Context) (rows int, err error) {
			err = s.DB().Stream(ctx, two, func(*sqldb.Cells) error { rows++; return nil })
			return rows, err
		}
		own := errors.New("own")
		if err := s.DB().Stream(t.Context(), two, func(*sqldb.Cells) error { return own }); !errors.Is(err, own) {
			t.Error(err)
		}
		if err := s.DB().Stream(t.Context(), "SELECT nothing FROM nowhere", func(*sqldb.Cells) error { return nil }); err == nil || sqldb.Classify(err) != sqldb.FaultItem {
			t.Error(err)
		}
		ended, end := context.WithCancel(t.Context())
		end()
		if _, err := count(ended); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		if rows, err := count(t.Context()); rows != 2 || err != nil {
			t.Error(rows, err)
		}
		if s.DialectName() == storetest.SQLite {
			err := s.DB().Stream(t.Context(), "DELETE FROM settings_version", func(*sqldb.Cells) error { return nil })
			if err == nil || sqldb.Classify(err) != sqldb.FaultLost {
				t.Errorf("what only reads has written: %v", err)
			}
		}
	})
}
