package bank

import (
	"strings"
	"testing"

	"flashpay/internal/pgtest"
)

// The books never hold a secret of notifications in clear, not even one that an earlier version wrote; and it still signs
// after a restart.
func TestSecretsAreSealed(t *testing.T) {
	for name, cfg := range map[string]Config{
		"sqlite": {State: t.TempDir() + "/a.bank"}, "postgres": {State: pgtest.URL(t), Vault: seals(t)},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := openStore(t.Context(), cfg.State, cfg.Vault)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.writer.ExecContext(t.Context(), s.text(insertEndpoint), 7, "http://127.0.0.1/", "in clear"); err != nil {
				t.Fatal(err)
			}
			if err := s.close(); err != nil {
				t.Fatal(err)
			}
			s, err = openStore(t.Context(), cfg.State, cfg.Vault)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = s.close() }()
			var stored string
			if err := s.reader.QueryRowContext(t.Context(), s.text("SELECT secret FROM {s}endpoints WHERE id = 7")).Scan(&stored); err != nil {
				t.Fatal(err)
			}
			e, err := s.endpoint(t.Context(), 7)
			if err != nil || e.secret != "in clear" || strings.Contains(stored, "clear") {
				t.Errorf("stands as %q, reads as %q, %v", stored, e.secret, err)
			}
		})
	}
}
