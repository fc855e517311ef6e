// Command pay requests one payout of the tutorial in README.md and waits for its result.
package main

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"time"

	"flashpay/client"
)

func main() {
	keys := func() []string { return []string{"secret"} }
	done := make(chan *client.Callback, 1)
	handler := client.CallbackHandler(keys, func(_ context.Context, cb *client.Callback) error {
		done <- cb // a web service stores it, under its payment id, before it returns nil
		return nil
	})
	go func() { log.Fatal(http.ListenAndServe("127.0.0.1:8082", handler)) }()

	c, err := client.New(client.Config{GateURL: "http://127.0.0.1:8080", ProjectID: 210, Key: "secret"})
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	receipt, err := c.Create(ctx, client.Payout{
		Method:    "kyrgyzstan",
		PaymentID: "salary-2025-02-0042", // yours, stored before: one id is paid once
		Amount:    100000,                // 1,000.00 KGS
		Currency:  "KGS",
		Customer:  client.Customer{ID: "customer123", IPAddress: "192.0.2.0"},
		Account:   client.Account{Number: "00004598"},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("taken:", receipt.RequestID)
	select {
	case cb := <-done:
		fmt.Println(cb.ID, cb.Status, cb.Operation.Code, cb.Operation.Message)
	case <-time.After(5 * time.Second): // sent before, its callback has come already: so ask
		payment, err := c.Status(ctx, "salary-2025-02-0042")
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(payment.ID, payment.Status)
	}
}
