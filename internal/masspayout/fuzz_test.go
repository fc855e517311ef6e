package masspayout_test

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"strings"
	"testing"

	"flashpay/internal/masspayout"
)

// FuzzCheck holds that a check counts each row once and its sums once, that reading row by row finds the same, and that what
// the faults' download brings back is found as it was.
func FuzzCheck(f *testing.F) {
	for _, c := range reports {
		for _, text := range c.files {
			f.Add([]byte(text))
		}
	}
	r := rules(f)
	f.Fuzz(func(t *testing.T, text []byte) {
		var download bytes.Buffer
		c := masspayout.Checker{Rules: r}
		report, err := c.Check(t.Context(), bytes.NewReader(text), masspayout.Options{Faults: &download})
		if err != nil {
			t.Fatal(err)
		}
		if report.Good+report.Bad != report.Rows || report.Good < 0 || report.Bad < 0 {
			t.Fatalf("%d good and %d bad rows of %d", report.Good, report.Bad, report.Rows)
		}
		if report.Bad > 0 && report.AllFaults < report.Bad {
			t.Fatalf("%d bad rows have %d faults", report.Bad, report.AllFaults)
		}
		one, unreadable := readAll(t, text, &r)
		if unreadable != (report.Unreadable != nil) && !(report.Unreadable != nil && report.Unreadable.Fault.Message == "File is empty") {
			t.Fatalf("unreadable: row by row %v, as a whole %v", unreadable, report.Unreadable)
		}
		if unreadable {
			return
		}
		var rows, amount int64
		for _, total := range report.Totals {
			rows, amount = rows+total.Rows, amount+total.Amount
		}
		if one.rows != report.Rows || report.Good > one.good || amount > one.amount {
			t.Fatalf("row by row %+v; as a whole %d rows, %d to be paid %d", one, report.Rows, rows, amount)
		}
		if rows != report.Good {
			t.Fatalf("%d rows in the totals, %d good", rows, report.Good)
		}
		if report.Rows > 0 && report.Unreadable == nil {
			again, err := c.Check(t.Context(), bytes.NewReader(download.Bytes()), masspayout.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if again.Good != report.Good && again.Unreadable == nil {
				t.Fatalf("%d good rows, %d in the download:\n%s", report.Good, again.Good, download.String())
			}
		}
	})
}

type counted struct{ rows, good, bad, amount int64 }

func readAll(t *testing.T, text []byte, r *masspayout.Rules) (n counted, unreadable bool) {
	t.Helper()
	var u *masspayout.Unreadable
	reader, err := masspayout.NewReader(bytes.NewReader(text), "", r)
	if err != nil {
		if !errors.As(err, &u) {
			t.Fatal(err)
		}
		return n, true
	}
	for {
		row, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return n, false
		}
		if err != nil {
			if !errors.As(err, &u) {
				t.Fatal(err)
			}
			return n, true
		}
		n.rows++
		if len(row.Faults) > 0 {
			n.bad++
			continue
		}
		n.good++
		n.amount += row.Payout.Amount
		if len(reader.Cells(row)) < len(reader.Names()) {
			t.Fatalf("line %d: fewer cells than names", row.Line)
		}
		if in, err := reader.Request(row); err != nil || len(in.Body) == 0 {
			t.Fatalf("line %d: %v", row.Line, err)
		}
	}
}

// FuzzCells holds that what another writer of CSV has written is read as it was, whatever is in the cells.
func FuzzCells(f *testing.F) {
	f.Add("a", "b;c", "d\"e")
	f.Add("", "\n", "\"")
	f.Add(" x ", "a\nb", ",;,")
	r := rules(f)
	f.Fuzz(func(t *testing.T, a, b, c string) {
		want := []string{strings.ToValidUTF8(a, ""), strings.ToValidUTF8(b, ""), strings.ToValidUTF8(c, "")}
		for i := range want {
			want[i] = strings.NewReplacer("\r", "", "\x00", "").Replace(want[i])
			if len(want[i]) > 10_000 {
				return
			}
		}
		var file bytes.Buffer
		w := csv.NewWriter(&file)
		w.Comma = ';'
		names := append(strings.Split(strings.TrimSpace(head), ";"), "A", "B", "C")
		cells := append(strings.Split(strings.TrimSpace(line()), ";"), want...)
		for _, row := range [][]string{names, cells, cells} {
			if err := w.Write(row); err != nil {
				t.Fatal(err)
			}
		}
		w.Flush()
		reader, err := masspayout.NewReader(&file, "", &r)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			row, err := reader.Next()
			if err != nil {
				t.Fatal(err)
			}
			got := reader.Cells(row)
			if len(got) != len(cells) {
				t.Fatalf("%q: %d cells", cells, len(got))
			}
			for i := range got {
				if got[i] != cells[i] {
					t.Fatalf("cell %d is %q, was %q", i, got[i], cells[i])
				}
			}
		}
	})
}
