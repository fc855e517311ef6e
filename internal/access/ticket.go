package access

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"
)

// ticketLife is how long what a page was made with, such as a challenge, can be answered.
const ticketLife = 15 * time.Minute

// ticket carries what a page was made with to the form that answers it, sealed, so that nothing has to be written for
// visitors who only look.
type ticket struct {
	Until time.Time       `json:"until"`
	Value json.RawMessage `json:"value"`
}

func (s *Service) seal(purpose string, value any) (string, error) {
	plain, err := json.Marshal(value)
	if err != nil {
		return "", fmt.Errorf("access: a ticket: %w", err)
	}
	if plain, err = json.Marshal(ticket{s.store.Now().Add(ticketLife), plain}); err != nil {
		return "", fmt.Errorf("access: a ticket: %w", err)
	}
	sealed, err := s.store.Vault().Seal(plain, "ticket "+purpose)
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(sealed), nil
}

// unseal reads a ticket of the same purpose. ErrTicket where it is none, or too old.
func (s *Service) unseal(purpose, text string, value any) error {
	sealed, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return ErrTicket
	}
	plain, err := s.store.Vault().Unseal(sealed, "ticket "+purpose)
	if err != nil {
		return ErrTicket
	}
	var t ticket
	if err := json.Unmarshal(plain, &t); err != nil || s.store.Now().After(t.Until) {
		return ErrTicket
	}
	return json.Unmarshal(t.Value, value)
}
