package sandbox

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"flashpay/internal/provider"
)

var _ provider.Books = (*Adapter)(nil)

// Newest reads the transfers that the bank took last.
func (a *Adapter) Newest(ctx context.Context, n int) ([]provider.Booked, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, a.transfers+"?newest="+strconv.Itoa(n), nil)
	if err != nil {
		return nil, err
	}
	answer, err := a.client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("no answer: %w", err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("answered %d", answer.StatusCode)
	}
	lines := bufio.NewScanner(answer.Body)
	lines.Buffer(nil, maxAnswer)
	var booked []provider.Booked
	for len(booked) < n && lines.Scan() {
		var line struct {
			Key       string    `json:"key"`
			Reference string    `json:"reference"`
			At        time.Time `json:"accepted_at"`
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			return nil, fmt.Errorf("a line that is no transfer: %w", err)
		}
		booked = append(booked, provider.Booked{Key: line.Key, Reference: line.Reference, At: line.At.UTC()})
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("the answer broke off: %w", err)
	}
	return booked, nil
}
