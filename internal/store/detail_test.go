package store_test

import (
	"encoding/json"
	"testing"

	"flashpay/internal/store"
)

// TestDetailIsJSON has texts of all kinds come back as they were, written as encoding/json writes them.
func TestDetailIsJSON(t *testing.T) {
	for _, text := range []string{
		"plain", "a b/c:d", `"quoted"`, `back\slash`, "<b>&amp;</b>", "line\nbreak", "\x00\x1f", "\x7f", "Айгүл 🙂", "\xff broken", "\u2028", "'", "~",
	} {
		got := store.Detail{}.Int("n", -7).Text("empty", "").Text("text", text).String()
		quoted, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		if want := `{"n":-7,"text":` + string(quoted) + "}"; got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
	if got := (store.Detail{}).String(); got != "{}" {
		t.Errorf("without members: %s", got)
	}
}
