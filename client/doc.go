// Package client is the Go SDK for a merchant's web service: it requests
// payouts, asks for their status, and receives callbacks. It needs nothing but
// the standard library and package signature beside it.
//
// # Request a payout
//
//	c, err := client.New(client.Config{GateURL: "https://gate.example", ProjectID: 210, Key: key})
//	receipt, err := c.Create(ctx, client.Payout{
//		Method:    "kyrgyzstan",
//		PaymentID: "salary-2025-02-0042", // yours; one id, one payout
//		Amount:    100000,                // 1,000.00 KGS: minor units
//		Currency:  "KGS",
//		Customer:  client.Customer{ID: "customer123", IPAddress: "192.0.2.0"},
//		Account:   client.Account{Number: "00004598"},
//	})
//
// A receipt says that the platform has taken the request and will not lose it.
// It does not say that the payout succeeded: that comes as a callback.
//
// # Nothing is paid twice
//
// Choose the payment id, and store it, before you call Create. A request without
// an answer may have been accepted all the same; Create repeats it with the same
// payment id, and the platform pays one id once, however often it is sent. Where
// even that gave no answer the error is [ErrUnknown]: then send the same payout
// again later, or ask [Client.Status], but never send it under another id.
// An [*Error] that is not ErrUnknown means that nothing was created.
//
// # Receive callbacks
//
// [CallbackHandler] verifies the signature, hands a typed view to your function
// and answers 200 only after it returned without error, so a callback that you
// could not store comes again. Expect the same callback more than once.
//
// # Miss nothing
//
// [Client.Events] reads what callbacks tell, numbered without gaps: to catch up
// after an outage, to prove that nothing is missing, or, with
// [Client.FollowEvents], to do without an endpoint of your own.
//
// # Pay a file
//
// [Client.MassCheck] checks a CSV file of payouts without sending anything,
// [Client.MassSend] pays its rows, [Client.MassStatus] counts what came of them,
// and [Client.MassResult] reads it row by row. The same file is the same batch,
// however often it is sent.
//
// # Read what was
//
// [Data] reads operations of any past interval from the Data API, page after
// page, with a token that My profile in Dashboard makes.
package client
