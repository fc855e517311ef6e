package sample

import (
	"flashpay/internal/accept"
	"flashpay/signature"
)

// request is the body with which the merchant asks for a payout. What comes through Gate is signed with the project's
// key; what is entered in Dashboard is not.
func (i *planned) request() []byte {
	body := i.body("")
	if i.hands == accept.InterfaceGate {
		body = i.body(signature.Canonical(&body).Sign(i.project.Key))
	}
	return body.AppendJSON(nil)
}

func (i *planned) body(sign string) signature.Value {
	text := func(name, value string) signature.Member { return signature.Field(name, signature.Str(value)) }
	general := []signature.Member{signature.Field("project_id", signature.Int(i.project.ID)), text("payment_id", i.id)}
	if i.callbackURL != "" {
		general = append(general, text("merchant_callback_url", i.callbackURL))
	}
	if sign != "" {
		general = append(general, text("signature", sign))
	}
	first, last := i.payee.names()
	return signature.Obj(
		signature.Field("general", signature.Obj(general...)),
		signature.Field("customer", signature.Obj(
			text("id", i.payee.id), text("ip_address", i.payee.ip), text("first_name", first), text("last_name", last),
			text("email", i.payee.email), text("phone", i.payee.phone), text("country", "KG"),
		)),
		signature.Field("payment", signature.Obj(
			signature.Field("amount", signature.Int(i.amount)), text("currency", i.currency), text("description", i.description),
		)),
		signature.Field("account", signature.Obj(
			text("number", i.account), text("customer_name", romanize(i.payee.first)+" "+romanize(i.payee.last)),
		)),
		signature.Field("sender", signature.Obj(
			text("person_type", "company"), text("last_name", i.project.Name), text("country", "KG"), text("city", "Bishkek"),
			text("payment_purpose", i.purpose),
		)),
	)
}
