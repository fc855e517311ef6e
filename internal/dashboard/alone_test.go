package dashboard

import (
	"fmt"
	"strings"
	"sync"
	"testing"
)

// Payouts that together are above the approval sum wait like one that is, to one account and to many.
func TestASumSplitIntoPartsWaitsForASecondPerson(t *testing.T) {
	m := newManualSite(t)
	send := func(who, id, amount, account string) page {
		return m.as(who, "/manual/send", payoutEntries("once", "once-of-"+id, "general.payment_id", id, "payment.amount", amount, "account.number", account))
	}
	if p := send("aida", "part-1", "600.00", "1090000000000000"); !strings.HasPrefix(p.path, "/manual/payouts/210/") {
		t.Fatalf("the first part: %s\n%s", p.path, p.body)
	}
	m.as("aida", "/manual/check", payoutEntries("general.payment_id", "part-2", "payment.amount", "400.01")).must(t, 200,
		"This sum needs a second person", "Within 24 hours you have sent 600.00\u00a0KGS", "Ask for approval of 400.01\u00a0KGS")
	for i, account := range []string{"1090000000000000", "1090000000000001"} {
		if p := send("aida", fmt.Sprint("part-2", i), "400.01", account).must(t, 200, "waits for a second person"); !strings.HasPrefix(p.path, "/manual/approvals/") {
			t.Errorf("to %s it is at %s", account, p.path)
		}
	}
	send("aida", "part-3", "400.00", "1090000000000001").must(t, 200).mustNot(t, "waits for a second person")
	send("bakyt", "part-4", "1000.00", "1090000000000001").must(t, 200).mustNot(t, "waits for a second person")
	m.payments(3)
}

// Two tabs that send at once pass the same rule.
func TestTwoTabsAtOnceSendNoMoreThanOne(t *testing.T) {
	m := newManualSite(t)
	var wg sync.WaitGroup
	for i := range 6 {
		wg.Go(func() {
			id := fmt.Sprint("tab-", i)
			m.as("aida", "/manual/send", payoutEntries("once", "once-of-the-"+id, "general.payment_id", id, "payment.amount", "400.00")).must(t, 200)
		})
	}
	wg.Wait()
	m.payments(2)
}
