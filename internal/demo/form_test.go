package demo

import (
	"testing"
	"time"
)

func TestParseAmount(t *testing.T) {
	for s, want := range map[string]int64{
		"1000": 100000, "1,000": 100000, "1,000.00": 100000, "1,000.5": 100050, "1000,50": 100050, "0.01": 1, "15": 1500,
		" 1 000.25 ": 100025, "1\u00a0000": 100000, "1,234,567.89": 123456789, "9999999999999.99": 999999999999999,
	} {
		if got, wrong := parseAmount(s); got != want || wrong != "" {
			t.Errorf("%q: %d %q, want %d", s, got, wrong, want)
		}
	}
	for _, s := range []string{
		"", " ", "-1", "+1", "1.234", "1.", ".5", "1,00,000", "1,000,0", "1e3", "0x10", "١٠", "1.000,00", "12345678901234", "1,0000", "ten",
	} {
		if got, wrong := parseAmount(s); wrong == "" {
			t.Errorf("%q is taken as %d", s, got)
		}
	}
}

func TestFormatAmount(t *testing.T) {
	for minor, want := range map[int64]string{
		0: "0.00", 1: "0.01", 1500: "15.00", 99999: "999.99", 100000: "1,000.00", 123456789: "1,234,567.89", -100050: "-1,000.50",
	} {
		if got := formatAmount(minor); got != want {
			t.Errorf("%d: %s, want %s", minor, got, want)
		}
	}
}

func TestScenarioOf(t *testing.T) {
	groups := scenarios(2 * time.Minute)
	rows := 0
	for _, g := range groups {
		for _, s := range g.Rows {
			rows++
			if got := scenarioOf(groups, "1234"+s.Ending); got != s {
				t.Errorf("ending %q: %q", s.Ending, got.Short)
			}
			if s.Short == "" || s.Long == "" {
				t.Errorf("ending %q has no words", s.Ending)
			}
		}
	}
	if rows != 20 {
		t.Errorf("%d rows, want the sandbox table's 19 and «anything else»", rows)
	}
	if got := scenarioOf(groups, "00010"); got.Ending != "0010" {
		t.Errorf("00010: %q", got.Ending)
	}
	for _, c := range []struct{ account, ending, want string }{
		{"00004598", "0007", "00000007"}, {"00000007", "", "00004598"}, {"7", "0001", "0001"}, {"", "0001", "0001"},
	} {
		if got := withEnding(c.account, c.ending); got != c.want {
			t.Errorf("%q with %q: %q, want %q", c.account, c.ending, got, c.want)
		}
	}
}

func TestHighlightChangesNothing(t *testing.T) {
	const body = `{"a":"x\"y\\","b":[1,-2.5e3,true,null,{}],"c\"":"é: <>","":""}`
	var all string
	kinds := map[string]int{}
	for _, token := range highlight(body) {
		all += token.Text
		kinds[token.Class]++
	}
	const want = "{\n  \"a\": \"x\\\"y\\\\\",\n  \"b\": [\n    1,\n    -2.5e3,\n    true,\n    null,\n    {}\n  ],\n  \"c\\\"\": \"é: <>\",\n  \"\": \"\"\n}"
	if all != want {
		t.Errorf("got %s", all)
	}
	if kinds["key"] != 4 || kinds["text"] != 3 || kinds["number"] != 2 || kinds["word"] != 2 {
		t.Errorf("pieces: %v", kinds)
	}
	for _, s := range []string{"", "{", "no JSON", `"\`} {
		if got := highlight(s); len(got) != 1 || got[0].Text != s {
			t.Errorf("%q: %v", s, got)
		}
	}
}

func TestSpan(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "under 1 ms", 12 * time.Millisecond: "12 ms", 3250 * time.Millisecond: "3.2 s", 61 * time.Second: "1 min 1 s",
		25*time.Hour + 5*time.Minute: "25 h 5 min",
	} {
		if got := span(d); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}
}

func TestCurlQuotes(t *testing.T) {
	if got, want := curl("http://g/x", `{"n":"O'Hara"}`),
		`curl -sS -H 'Content-Type: application/json' --data-binary '{"n":"O'\''Hara"}' 'http://g/x'`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
