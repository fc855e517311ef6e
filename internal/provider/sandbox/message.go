package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"flashpay/internal/provider"
)

// Codes of the registry (codes.csv).
const (
	codeGeneral = 20000 // General decline
	codeRefused = 20502 // Error during operation validation
)

// codes are the registry's codes for ISO 20022 status reason codes; others are codeGeneral.
var codes = map[string]int{
	"MS03": codeGeneral, // no reason given
	"AC01": 20102,       // incorrect account number
	"AC04": 20106,       // closed account
	"AC06": 20204,       // blocked account
	"AM04": 20504,       // our account at the bank is empty
	"NARR": 20501,       // see the narrative: refer to the bank
}

// duplicate is the one reason code for a rejection that does not decline: the transfer was sent before, and that
// one may have been paid.
const duplicate = "AM05"

// message is what the bank says about a transfer, in answers and in notifications, or why it says nothing.
type message struct {
	Key       string    `json:"key"`
	ID        string    `json:"id"`
	Status    string    `json:"status"`
	Reason    string    `json:"reason"`
	Narrative string    `json:"narrative"`
	Returned  bool      `json:"returned"`
	ReturnID  string    `json:"return_id"`
	Came      int64     `json:"returned_amount"` // 0: all of it
	At        time.Time `json:"at"`
	Amount    int64     `json:"amount"`
	Currency  string    `json:"currency"`
	Account   string    `json:"account"`
	Error     *struct {
		Code string `json:"code"`
		Key  string `json:"key"`
	} `json:"error"`
}

// outcome reads what the bank says of the transfer with that key.
func (m *message) outcome(key string) provider.Outcome {
	if m.Key != key || key == "" {
		return provider.Outcome{Kind: provider.Unknown, Message: "the answer speaks of another key"}
	}
	o := provider.Outcome{
		Message: m.Status, PaymentID: m.ID, At: m.At.UTC(), Amount: m.Amount, Currency: m.Currency, Account: m.Account,
	}
	switch m.Status {
	case "RCVD", "ACTC", "ACCP", "ACSP", "PDNG":
		o.Kind = provider.Accepted
	case "ACSC", "ACCC":
		o.Kind = provider.Succeeded
		if m.Returned {
			o.Kind, o.Message = provider.Returned, m.Status+" returned"
			o.ReturnID, o.Returned = m.ReturnID, m.Came
		}
	case "RJCT":
		o.Message = m.Status + " " + m.Reason + " " + m.Narrative
		if m.Reason == duplicate {
			break
		}
		o.Kind, o.Code = provider.Declined, codes[m.Reason]
		if o.Code == 0 {
			o.Code = codeGeneral
		}
	default:
		o.Message = fmt.Sprintf("a status that is not understood: %.20q", m.Status)
	}
	return o
}

// ReadNotification verifies the bank's signature and reads the notices, of which there are at least one. A notice with a
// status that is not understood is reported as Unknown and does not hide the others.
//
// The timestamp's age was judged at the door: what is stored may be read much later.
func (a *Adapter) ReadNotification(_ context.Context, n provider.Notification) ([]provider.Report, error) {
	if err := verify(a.secret, n); err != nil {
		return nil, err
	}
	var body struct {
		Notifications []message `json:"notifications"`
	}
	if err := json.Unmarshal(n.Body, &body); err != nil {
		return nil, fmt.Errorf("sandbox: the notification is not the bank's JSON: %w", err)
	}
	if len(body.Notifications) == 0 {
		return nil, errors.New("sandbox: the notification says nothing")
	}
	reports := make([]provider.Report, 0, len(body.Notifications))
	for i := range body.Notifications {
		m := &body.Notifications[i]
		if m.Key == "" {
			return nil, fmt.Errorf("sandbox: notice %d of the notification names no transfer", i+1)
		}
		reports = append(reports, provider.Report{Key: m.Key, Outcome: m.outcome(m.Key)})
	}
	return reports, nil
}
