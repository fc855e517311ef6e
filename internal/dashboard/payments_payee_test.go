package dashboard

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"flashpay/internal/payout"
	"flashpay/internal/staff"
	"flashpay/internal/store"
)

// holder gives a payout another account, with a name, and a customer.
func holder(account, name, customer string) func(*store.NewPayout) {
	return func(p *store.NewPayout) {
		p.Request = []byte(strings.Replace(string(p.Request), fmt.Sprintf(`{"number":%q}`, paidAccount), fmt.Sprintf(`{"number":%q,"customer_name":%q}`, account, name), 1))
		p.Account, p.AccountMask, p.CustomerID = account, account[:6]+"******"+account[12:], customer
	}
}

// TestRecipientsAreFoundByName walks a clerk's way: from a name in any spelling of case to one payout, and from there to all
// that the account, and the customer, were paid. The account number is on no page and in no address.
func TestRecipientsAreFoundByName(t *testing.T) {
	s := newSite(t)
	const first, second = "1090000000000001", "1090000000000002"
	october := s.pay(210, "salary-10/0001", 100_00, payout.Succeeded, holder(first, "Үсөнов Бакыт Нурланович", "employee-1"))
	s.pay(210, "salary-11/0001", 200_00, payout.Succeeded, holder(second, "УСЕНОВ БАКЫТ", "EMPLOYEE-1"))
	s.pay(211, "bonus", 300_00, payout.Succeeded, holder(first, "Үсөнов Б. Н.", "other-system-1"))
	s.pay(210, "company", 400_00, 0, holder("1090000000000003", `ОсОО «Ак-Кеме»`, "firm"))
	s.pay(220, "theirs", 500_00, 0, holder(first, "Үсөнов Бакыт Нурланович", "employee-1"))
	if err := s.Store.FollowJournal(t.Context()); err != nil {
		t.Fatal(err)
	}
	b := s.signedIn(staff.Support)
	all := []string{"salary-10/0001", "salary-11/0001", "bonus", "company", "theirs"}
	for text, want := range map[string][]string{
		"бакыт ҮСӨНОВ": {"salary-10/0001"}, "нурланович": {"salary-10/0001"}, "Бакыт": {"salary-10/0001", "salary-11/0001"},
		"усонов": {"salary-10/0001", "bonus"}, "осоо ак кеме": {"company"}, "Кеме": {"company"}, "Employee-1": {"salary-10/0001", "salary-11/0001"},
		"1090-0000-0000-0003": {"company"}, "109000****0003": {"company"}, "0001": {"salary-10/0001", "salary-11/0001"}, "SALARY-1": {"salary-10/0001", "salary-11/0001"},
		"bonus, company": {"bonus", "company"}, "Бакыт Кеме": nil,
	} {
		page := b.get("/payments?q=" + url.QueryEscape(text)).wants(http.StatusOK)
		for _, id := range all {
			if shown := strings.Contains(page.Body, ">"+id+"<"); shown != contains(want, id) {
				t.Errorf("%q: shows %s: %v", text, id, shown)
			}
		}
	}
	b.get("/payments").says("Үсөнов Бакыт Нурланович", "ОсОО «Ак-Кеме»").saysNot(first, second)
	page := b.get(pageOf(october)).says("Recipient Үсөнов Бакыт Нурланович", "109000******0001").saysNot(first)
	account := b.get(page.link("All payouts to this account")).wants(http.StatusOK)
	account.says("Payouts to Үсөнов Бакыт Нурланович", "Account 109000******0001", "salary-10/0001", "bonus").saysNot("salary-11/0001", "company", "theirs", first)
	b.get(account.link("All payouts to this customer")).says("Payouts to Үсөнов", "Customer employee-1 (210)", "salary-10/0001").saysNot("salary-11/0001", "bonus", "theirs")
	b.get(strings.Replace(page.link("All payouts to this account"), "/payments?", "/payments/totals?", 1)).says("2 payments", "400.00")
	b.get(strings.Replace(page.link("All payouts to this account"), "/payments?", "/payments/export?", 1)).says("bonus").saysNot("salary-11", "Үсөнов", first)
	for _, nobody := range []string{"account.220.1", "account.210.999999", "card.210." + fmt.Sprint(october.Payment.ID), "x"} {
		b.get("/payments?recipient=" + nobody).wants(http.StatusOK).says("does not exist").saysNot("salary")
	}
	b.get("/payments?q=" + strings.Repeat("a", 1001)).says("At most 50 values")
	if to := b.get("/search?q=" + strings.Repeat("a,b,", 1)).wants(http.StatusSeeOther).Location; to != "/payments?q=a%2Cb%2C" {
		t.Error(to)
	}
}

// TestRegisterLeavesOutWhatIsTheSame holds that the usual columns are those that tell rows apart, and that chosen ones stay.
func TestRegisterLeavesOutWhatIsTheSame(t *testing.T) {
	s := newSite(t)
	s.pay(210, "one", 100, 0)
	s.pay(210, "two", 200, 0)
	b := s.signedIn(staff.Support)
	b.get("/payments").says("In every row: Project: 210 Shop · Method: Bank transfer Kyrgyzstan", "Made Account Amount Status ID")
	s.pay(211, "three", 300, 0, holder("1090000000000001", "Айгүл", "c"))
	b.get("/payments").says("In every row: Method: Bank transfer Kyrgyzstan", "Made Recipient Account Amount Status ID Project", "211 Salaries")
	b.get("/payments?columns=id,project&project=210").says("ID Project two 210 Shop one 210 Shop").saysNot("In every row")
}
