package bank

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"flashpay/internal/vault"
)

// sealedPrefix marks a secret that stands sealed in the books; one without it was written before secrets were sealed.
const sealedPrefix = "sealed:"

// openVault finds what seals the secrets of notifications: what Open was given, else a keyset beside the file, or for
// PostgreSQL in the user's configuration folder, which is made with the first books.
func (s *store) openVault(ctx context.Context, given *vault.Vault, address string) error {
	s.vault = given
	if given != nil {
		return nil
	}
	path := address + ".keyset"
	if s.postgres {
		var err error
		if path, err = vault.DefaultPath(address); err != nil {
			return fmt.Errorf("bank: %w", err)
		}
	}
	var sealed int64
	if err := s.writer.QueryRowContext(ctx, s.text("SELECT COUNT(*) FROM {s}endpoints WHERE secret LIKE 'sealed:%'")).Scan(&sealed); err != nil {
		return fmt.Errorf("bank: look for sealed secrets: %w", err)
	}
	var err error
	if s.vault, err = vault.Locate("", path, sealed == 0); err != nil {
		return fmt.Errorf("bank: %w", err)
	}
	return nil
}

// sealOld seals the secrets that an earlier version wrote in clear.
func (s *store) sealOld(ctx context.Context) error {
	rows, err := s.writer.QueryContext(ctx, s.text("SELECT id, secret FROM {s}endpoints WHERE secret NOT LIKE 'sealed:%'"))
	if err != nil {
		return fmt.Errorf("bank: look for secrets in clear: %w", err)
	}
	defer rows.Close()
	clear := map[int64]string{}
	for rows.Next() {
		var id int64
		var secret string
		if err := rows.Scan(&id, &secret); err != nil {
			return fmt.Errorf("bank: read a secret: %w", err)
		}
		clear[id] = secret
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return fmt.Errorf("bank: look for secrets in clear: %w", err)
	}
	for id, secret := range clear {
		sealed, err := s.sealSecret(id, secret)
		if err != nil {
			return err
		}
		if _, err := s.writer.ExecContext(ctx, s.text("UPDATE {s}endpoints SET secret = $1 WHERE id = $2"), sealed, id); err != nil {
			return fmt.Errorf("bank: seal a secret: %w", err)
		}
	}
	return nil
}

func secretPlace(endpoint int64) string { return "bank endpoint " + strconv.FormatInt(endpoint, 10) }

func (s *store) sealSecret(endpoint int64, secret string) (string, error) {
	sealed, err := s.vault.Seal([]byte(secret), secretPlace(endpoint))
	if err != nil {
		return "", fmt.Errorf("bank: seal a secret: %w", err)
	}
	return sealedPrefix + base64.StdEncoding.EncodeToString(sealed), nil
}

func (s *store) unsealSecret(endpoint int64, stored string) (string, error) {
	sealed, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(stored, sealedPrefix))
	if err != nil {
		return "", fmt.Errorf("bank: the secret of endpoint %d is damaged: %w", endpoint, err)
	}
	secret, err := s.vault.Unseal(sealed, secretPlace(endpoint))
	if err != nil {
		return "", fmt.Errorf("bank: the secret of endpoint %d: %w", endpoint, err)
	}
	return string(secret), nil
}
