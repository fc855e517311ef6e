package vault

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
)

func TestSealBindsToKeysetAndPlace(t *testing.T) {
	a, b := fresh(t), fresh(t)
	sealed, err := a.Seal([]byte("secret"), "request/1")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(sealed), "secret") {
		t.Error("it is not sealed")
	}
	if plain, err := a.Unseal(sealed, "request/1"); err != nil || string(plain) != "secret" {
		t.Errorf("unsealed %q, %v", plain, err)
	}
	if _, err := a.Unseal(sealed, "request/2"); err == nil {
		t.Error("it opens at another place")
	}
	if _, err := b.Unseal(sealed, "request/1"); err == nil {
		t.Error("it opens with another keyset")
	}
	sealed[len(sealed)-1] ^= 1
	if _, err := a.Unseal(sealed, "request/1"); err == nil {
		t.Error("it opens though it was changed")
	}
}

func TestIndexesAndKeys(t *testing.T) {
	a, b := fresh(t), fresh(t)
	if a.Index("email", " A@b.kg ") != a.Index("email", "a@B.kg") || a.Index("phone", "+996 700") != a.Index("phone", "996700") ||
		a.Index("account", "kg 12") != a.Index("account", "KG12") {
		t.Error("values that are normalised alike have other indexes")
	}
	if a.Index("email", "1") == a.Index("phone", "1") || a.Index("email", "1") == b.Index("email", "1") || a.Index("ip", "1") < 0 {
		t.Error("an index depends on field and keyset, and is not negative")
	}
	key := a.ProviderKey(210, "order", 1)
	if !regexp.MustCompile(`^[A-Z2-7]{32}$`).MatchString(key) || key != a.ProviderKey(210, "order", 1) {
		t.Errorf("key %q", key)
	}
	for _, other := range []string{a.ProviderKey(211, "order", 1), a.ProviderKey(210, "orde", 1), a.ProviderKey(210, "order", 2), b.ProviderKey(210, "order", 1), a.ProviderKey(21, "0order", 1)} {
		if other == key {
			t.Errorf("two operations have key %q", key)
		}
	}
}

func TestLocate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sub", "db.keyset")
	if _, err := Locate("", path, false); err == nil || !strings.Contains(err.Error(), "FLASHPAY_KEYSET") {
		t.Errorf("a lost keyset: %v", err)
	}
	fingerprints := make(chan string, 20)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			v, err := Locate("", path, true)
			if err != nil {
				t.Error(err)
				return
			}
			fingerprints <- v.Fingerprint()
		})
	}
	wg.Wait()
	close(fingerprints)
	first := <-fingerprints
	for f := range fingerprints {
		if f != first {
			t.Fatal("processes that start at once made different keysets")
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, setting := range []string{string(text), path} {
		if v, err := Locate(setting, "/nowhere", false); err != nil || v.Fingerprint() != first {
			t.Errorf("by setting: %v", err)
		}
	}
	for _, bad := range []string{"{", "{}", `{"aead":{},"index":"","installation":""}`} {
		if _, err := Locate(bad, "", false); err == nil {
			t.Errorf("%q is taken for a keyset", bad)
		}
	}
}

func fresh(t *testing.T) *Vault {
	t.Helper()
	text, err := Generate()
	if err != nil {
		t.Fatal(err)
	}
	v, err := Open(text)
	if err != nil {
		t.Fatal(err)
	}
	return v
}
