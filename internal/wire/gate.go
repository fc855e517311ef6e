package wire

import (
	"strconv"

	"flashpay/internal/method"
	"flashpay/internal/money"
	"flashpay/signature"
)

// ErrorItem is one fault in errors[] of an answer or a callback. What is empty or 0 is left out.
type ErrorItem struct {
	Code        int    // of the registry, an integer on the wire
	Message     string // the registry's
	Field       string // path of the parameter, such as "payment.amount"
	Description string // what is wrong with it and what to do
}

// ErrorBody is the answer to a refused request. What is empty or 0 is left out, except status, code and message.
type ErrorBody struct {
	Code      int // of the registry; a string on the wire
	Message   string
	RequestID string
	ProjectID int64
	PaymentID string
	Errors    []ErrorItem
}

// AppendAccepted appends the answer to an accepted request: exactly four members, unsigned (protocol.md §3.1).
func AppendAccepted(dst []byte, requestID string, projectID int64, paymentID string) []byte {
	dst = append(dst, `{"status":"success","request_id":`...)
	dst = appendString(dst, requestID)
	dst = append(dst, `,"project_id":`...)
	dst = strconv.AppendInt(dst, projectID, 10)
	dst = append(dst, `,"payment_id":`...)
	dst = appendString(dst, paymentID)
	return append(dst, '}')
}

// AppendError appends the answer to a refused request, unsigned (product.md §2).
func AppendError(dst []byte, e *ErrorBody) []byte {
	dst = append(dst, `{"status":"error","code":"`...)
	dst = strconv.AppendInt(dst, int64(e.Code), 10)
	dst = append(dst, `","message":`...)
	dst = appendString(dst, e.Message)
	dst = appendText(dst, `,"request_id":`, e.RequestID)
	if e.ProjectID != 0 {
		dst = append(dst, `,"project_id":`...)
		dst = strconv.AppendInt(dst, e.ProjectID, 10)
	}
	dst = appendText(dst, `,"payment_id":`, e.PaymentID)
	if len(e.Errors) > 0 {
		dst = append(dst, `,"errors":[`...)
		for i := range e.Errors {
			if i > 0 {
				dst = append(dst, ',')
			}
			item := e.Errors[i].value(plainText)
			dst = item.AppendJSON(dst)
		}
		dst = append(dst, ']')
	}
	return append(dst, '}')
}

// appendText appends a member whose name is given as it stands in JSON, unless the text is empty.
func appendText(dst []byte, name, text string) []byte {
	if text == "" {
		return dst
	}
	return appendString(append(dst, name...), text)
}

// value is the item with its texts as text or plainText makes them.
func (e *ErrorItem) value(member func(name, value string) signature.Member) signature.Value {
	var members []signature.Member
	if e.Code != 0 {
		members = append(members, signature.Field("code", signature.Int(int64(e.Code))))
	}
	for _, m := range [...]struct{ name, text string }{{"message", e.Message}, {"field", e.Field}, {"description", e.Description}} {
		if m.text != "" {
			members = append(members, member(m.name, m.text))
		}
	}
	return signature.Obj(members...)
}

// AppendBankList appends the answer with a method's bank list: an array, unsigned (protocol.md §2.5). A currency's id
// is its ISO 4217 number.
func AppendBankList(dst []byte, banks []method.Bank) []byte {
	items := make([]signature.Value, 0, len(banks))
	for _, b := range banks {
		currencies := make([]signature.Value, 0, len(b.Currencies))
		for _, code := range b.Currencies {
			if c, ok := money.Lookup(code); ok { // method files name no other
				currencies = append(currencies, bankCurrency(c))
			}
		}
		items = append(items, signature.Obj(
			number("id", b.ID),
			text("abbr", b.Abbr),
			text("name", b.Name),
			text("nativeName", b.NativeName),
			number("min amount", b.Min),
			number("max amount", b.Max),
			text("limitCurrency", b.LimitCurrency),
			signature.Field("currencies", signature.Arr(currencies...)),
		))
	}
	list := signature.Arr(items...)
	return list.AppendJSON(dst)
}

func bankCurrency(c money.Currency) signature.Value {
	id, _ := strconv.ParseInt(c.Numeric, 10, 64) // three digits, as a test of the table says
	return signature.Obj(
		number("id", id),
		text("alpha_3_4217", c.Code),
		text("number_3_4217", c.Numeric),
		number("exponent", int64(c.Exponent)),
		text("currency_type", "fiat"),
	)
}

// MethodAvailability is one line of the answer about available methods.
type MethodAvailability struct {
	Method    string // as the request names it
	Available bool
}

// AvailableMethods is the answer about available methods, to be signed (protocol.md §2.5). It answers every line of the
// request; one of eleven lines or more would be the one array on the wire that some SDKs cannot verify.
func AvailableMethods(projectID int64, list []MethodAvailability) *signature.Value {
	items := make([]signature.Value, 0, len(list))
	for _, m := range list {
		items = append(items, signature.Obj(
			text("payment_method", m.Method),
			signature.Field("is_available", signature.Boolean(m.Available)),
		))
	}
	v := signature.Obj(number("project_id", projectID), signature.Field("available_methods", signature.Arr(items...)))
	return &v
}

// text makes a member of a text that may come from outside, such as a bank's. In what we sign, none of them may read as
// another member.
func text(name, value string) signature.Member {
	return signature.Field(name, signature.Str(signature.Unambiguous(value)))
}

// plainText makes a member of a text as it is, for what is not signed.
func plainText(name, value string) signature.Member {
	return signature.Field(name, signature.Str(value))
}

func number(name string, value int64) signature.Member {
	return signature.Field(name, signature.Int(value))
}
