package record

import (
	_ "embed"
	"encoding/csv"
	"fmt"
	"strconv"
	"strings"

	"flashpay/internal/payout"
)

// The endpoints of the Data API whose columns are taken from operations.
const (
	OperationsGet          = "operations/get"
	OperationsGetByPayment = "operations/get-by-payment"
)

//go:embed data-api-columns.csv
var columnsCSV string

// source is where a column of operations comes from.
type source struct {
	needs Fields
	take  func(*Operation) Value
}

// sources say how the columns of operations are taken from a record, by their names. What stands in data-api-columns.csv
// and not here is of cards, refunds and the like: payouts to accounts have none of it.
var sources = map[string]source{
	"project_id":             {0, func(o *Operation) Value { return digits(o.Project.ID) }},
	"operation_id":           {0, func(o *Operation) Value { return digits(o.ID) }},
	"payment_id":             {0, func(o *Operation) Value { return text(o.PaymentID) }},
	"operation_type":         {0, func(o *Operation) Value { return text(payout.TypeOf(o.Status)) }},
	"operation_status":       {0, func(o *Operation) Value { return text(string(o.Status)) }},
	"account_number":         {Texts, func(o *Operation) Value { return text(o.AccountMask) }},
	"customer_ip":            {Request, func(o *Operation) Value { return text(o.CustomerIP) }},
	"payment_method_name":    {Texts, func(o *Operation) Value { return text(o.MethodTitle) }},
	"payment_method_type":    {0, func(o *Operation) Value { return text(methodType(o.Method)) }},
	"payment_description":    {Texts, func(o *Operation) Value { return text(o.Description) }},
	"operation_created_at":   {0, func(o *Operation) Value { return moment(o.CreatedAt) }},
	"operation_completed_at": {0, func(o *Operation) Value { return moment(o.Completed()) }},
	"provider_date":          {0, providerDate},
	"sum_initial":            {0, func(o *Operation) Value { return Value{Kind: Object, Amount: o.Amount, Currency: o.Currency} }},
	"sum_initial.amount":     {0, func(o *Operation) Value { return sum(o.Amount, o.Currency) }},
	"sum_initial.currency":   {0, func(o *Operation) Value { return text(o.Currency) }},
	"sum_converted": {0, func(o *Operation) Value {
		return Value{Kind: Object, Amount: o.ConvertedAmount, Currency: o.ConvertedCurrency}
	}},
	"sum_converted.amount":     {0, func(o *Operation) Value { return sum(o.ConvertedAmount, o.ConvertedCurrency) }},
	"sum_converted.currency":   {0, func(o *Operation) Value { return text(o.ConvertedCurrency) }},
	"payment_provider_code":    {0, func(o *Operation) Value { return codeText(o.Code) }},
	"payment_provider_message": {0, func(o *Operation) Value { return text(payout.Message(o.Code)) }},
	"auth_code":                {Bank, func(o *Operation) Value { return text(o.AuthCode) }},
	"customer_email":           {Request, func(o *Operation) Value { return text(o.CustomerEmail) }},
	"customer_id":              {Texts, func(o *Operation) Value { return text(o.CustomerID) }},
	"legal_entity_name":        {0, func(o *Operation) Value { return text(o.Project.MerchantName) }},
	"merchant_id":              {0, func(o *Operation) Value { return digits(o.Project.MerchantID) }},
	"payment_currency":         {0, func(o *Operation) Value { return text(o.Currency) }},
	"payment_type":             {0, func(*Operation) Value { return text(payoutType) }},
	"project_name":             {0, func(o *Operation) Value { return text(o.Project.Name) }},
	"provider_payment_id":      {Bank, func(o *Operation) Value { return text(o.ProviderPaymentID) }},
	"transaction_completed_at": {0, paymentCompleted},
	"transaction_created_at":   {0, func(o *Operation) Value { return moment(o.PaymentCreatedAt) }},
	"transaction_status":       {0, func(o *Operation) Value { return text(string(o.PaymentStatus)) }},

	// of operations/get-by-payment
	"amount":   {0, func(o *Operation) Value { return sum(o.ConvertedAmount, o.ConvertedCurrency) }},
	"currency": {0, func(o *Operation) Value { return text(o.ConvertedCurrency) }},
}

// payoutType is what data-api-columns.csv has for payouts in payment_type.
const payoutType = "11"

// methodType is the group of a method's path: "bank-transfer" of "bank-transfer/kyrgyzstan".
func methodType(path string) string {
	group, _, _ := strings.Cut(path, "/")
	return group
}

// providerDate is when the provider's result was known.
func providerDate(o *Operation) Value {
	if !o.Reached {
		return Value{Kind: Moment}
	}
	return moment(o.Completed())
}

func paymentCompleted(o *Operation) Value {
	if !o.PaymentStatus.Final() {
		return Value{Kind: Moment}
	}
	return moment(o.PaymentUpdatedAt)
}

// Operations are the columns of operations/get, in the order of its answers.
var Operations = mustReadColumns(columnsCSV, OperationsGet)

// FinancialOperations are the columns of financial-reporting/operations, whose documentation names the endpoint only: those of
// operations/get with the balance that pays and the fee that was charged.
var FinancialOperations = financial(Operations)

func financial(operations Table[Operation]) (out Table[Operation]) {
	for _, c := range operations {
		if c.Name != "balance_id" {
			out = append(out, c)
		}
	}
	return append(out,
		Column[Operation]{Name: "balance_id", Type: "string", Required: true, Needs: Terms, take: func(o *Operation) Value {
			return text(strconv.FormatInt(o.Project.ID, 10) + "-" + o.balanceCurrency())
		}},
		Column[Operation]{Name: "fee_amount", Type: "string", Required: true, Needs: Terms, take: func(o *Operation) Value {
			return sum(o.chargedFee(), o.balanceCurrency())
		}},
		Column[Operation]{Name: "fee_currency", Type: "string", Required: true, Needs: Terms, take: func(o *Operation) Value {
			return text(o.balanceCurrency())
		}},
	)
}

// balanceCurrency is the currency of the balance that pays.
func (o *Operation) balanceCurrency() string {
	if o.Terms == nil {
		return o.ConvertedCurrency
	}
	return o.Terms.Currency
}

// chargedFee is the fee that the operation has charged: none before its success, nor after a decline. A reversal, which is an
// operation of its own, gives it back where it is not kept.
func (o *Operation) chargedFee() int64 {
	switch {
	case o.Terms == nil:
	case o.Status == payout.Success:
		return o.Terms.Fee
	case o.Status == payout.Reversed && !o.Terms.KeepFee:
		return -o.Terms.Fee
	}
	return 0
}

// OperationsOfPayment are the columns of operations/get-by-payment.
var OperationsOfPayment = mustReadColumns(columnsCSV, OperationsGetByPayment)

func mustReadColumns(table, endpoint string) Table[Operation] {
	columns, err := readColumns(table, endpoint)
	if err != nil {
		panic("record: embedded data-api-columns.csv: " + err.Error())
	}
	return columns
}

// readColumns reads the columns of an endpoint, which stands before each description.
func readColumns(table, endpoint string) (columns Table[Operation], err error) {
	rows, err := csv.NewReader(strings.NewReader(table)).ReadAll()
	if err != nil {
		return nil, err
	}
	for _, row := range rows[1:] {
		of, description, ok := strings.Cut(row[3], ": ")
		if !ok || of != endpoint {
			continue
		}
		from, known := sources[row[0]]
		columns = append(columns, Column[Operation]{
			Name: row[0], Type: row[1], Required: row[2] == "yes", Description: description, Needs: from.needs, Absent: !known, take: from.take,
		})
	}
	if len(columns) == 0 {
		return nil, fmt.Errorf("no column of %s", endpoint)
	}
	return columns, nil
}
