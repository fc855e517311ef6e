package gate

import (
	"slices"
	"testing"

	"flashpay/internal/merchant"
)

// The hook is told which key has signed a request, and nothing of requests that no key has signed.
func TestKeyUseIsTold(t *testing.T) {
	var used [][2]int64
	g, m := setup(t, func(c *Config) { c.KeyUsed = func(project, key int64) { used = append(used, [2]int64{project, key}) } })
	m.projects[210].Keys = []merchant.Key{{ID: 1, Secret: "one"}, {ID: 2, Secret: "two"}}
	post(t, g, kyrgyzstan, signed(t, seedBody, "two"))
	post(t, g, kyrgyzstan, signed(t, seedBody, "three"))
	post(t, g, kyrgyzstan, signed(t, seedBody, "one"))
	if want := [][2]int64{{210, 2}, {210, 1}}; !slices.Equal(used, want) {
		t.Errorf("used %v, want %v", used, want)
	}
}
