package client_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"
	"time"

	"flashpay/client"
)

// Store the payment id first, then request the payout. Whatever goes wrong,
// the same id can be sent again.
func Example() {
	c, err := client.New(client.Config{
		GateURL:   os.Getenv("FLASHPAY_GATE"),
		ProjectID: 210,
		Key:       os.Getenv("FLASHPAY_KEY"),
	})
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	receipt, err := c.Create(ctx, client.Payout{
		Method:    "kyrgyzstan",
		PaymentID: "salary-2025-02-0042",
		Amount:    100000, // 1,000.00 KGS
		Currency:  "KGS",
		Customer:  client.Customer{ID: "customer123", IPAddress: "192.0.2.0"},
		Account:   client.Account{Number: "00004598"},
	})
	var refused *client.Error
	switch {
	case err == nil:
		log.Printf("taken as request %s; the result comes as a callback", receipt.RequestID)
	case errors.Is(err, client.ErrUnknown):
		log.Printf("send salary-2025-02-0042 again later, under this id: %v", err)
	case errors.As(err, &refused):
		log.Printf("refused, nothing was paid: %v", refused)
	default:
		log.Printf("not sent: %v", err)
	}
}

// Build shows what is signed and sent.
func ExampleClient_Build() {
	c, err := client.New(client.Config{GateURL: "https://gate.example", ProjectID: 210, Key: "secret"})
	if err != nil {
		log.Fatal(err)
	}
	req, err := c.Build(client.Payout{
		Method:    "kyrgyzstan",
		PaymentID: "test_payment",
		Amount:    100000,
		Currency:  "KGS",
		Customer:  client.Customer{ID: "customer123", IPAddress: "192.0.2.0"},
		Account:   client.Account{Number: "00004598"},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(req.Path)
	fmt.Println(req.SigningString)
	fmt.Println(req.Signature)
	// Output:
	// /v2/payment/bank-transfer/kyrgyzstan/payout
	// account:number:00004598;customer:id:customer123;customer:ip_address:192.0.2.0;general:payment_id:test_payment;general:project_id:210;payment:amount:100000;payment:currency:KGS
	// u9Gt5ENX5uH5sJPAiknW45ir2Ft1UTywQsY3LvxHKe79X3mBQzuumsBd5kADSH/v/zhuKn9x9M5DFEGVTqlXxA==
}

// A payout has come to its end when a callback says so. Store the status under
// the payment id before you return, and expect to be told twice.
func ExampleCallbackHandler() {
	keys := func() []string { return []string{os.Getenv("FLASHPAY_KEY")} }
	store := func(ctx context.Context, paymentID, status, code string) error { return nil } // yours

	http.Handle("POST /callback", client.CallbackHandler(keys, func(ctx context.Context, cb *client.Callback) error {
		if !cb.Status.Final() {
			return nil
		}
		return store(ctx, cb.ID, string(cb.Status), cb.Operation.Code)
	}))
}

// Store the number of each event with what you make of it, in one transaction,
// and go on from there after a start: then nothing is missed or done twice.
func ExampleClient_FollowEvents() {
	c, err := client.New(client.Config{GateURL: os.Getenv("FLASHPAY_GATE"), ProjectID: 210, Key: os.Getenv("FLASHPAY_KEY")})
	if err != nil {
		log.Fatal(err)
	}
	store := func(number int64, paymentID string, status client.Status) error { return nil } // yours
	stored := int64(0)                                                                       // read from where you keep it

	for event, err := range c.FollowEvents(context.Background(), stored) {
		if err != nil {
			log.Fatal(err) // start again later, from the number that is stored
		}
		if err := store(event.Number, event.Callback.ID, event.Callback.Status); err != nil {
			log.Fatal(err)
		}
	}
}

// The feed is read to its end in pages, each of them verified.
func ExampleClient_Events() {
	gate := feedOf(3) // stands in for the platform
	defer gate.Close()
	c, err := client.New(client.Config{GateURL: gate.URL, ProjectID: 210, Key: "secret"})
	if err != nil {
		log.Fatal(err)
	}
	for event, err := range c.Events(context.Background(), 1) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(event.Number, event.Callback.ID, event.Callback.Status)
	}
	// Output:
	// 2 p-2 success
	// 3 p-3 success
}
