package dashboard

import (
	"fmt"
	"html"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"flashpay/internal/accept"
	"flashpay/internal/account"
	"flashpay/internal/merchant"
	"flashpay/internal/method"
	"flashpay/internal/payout"
	"flashpay/internal/staff"
	"flashpay/internal/store"
)

// manualSite is a site with people: Aida and Bakyt (operations), Support and Admin of merchant 1, and a stranger of merchant 2.
// Project 210 asks for a second person above 1,000.00 KGS; 212 has little money and does not pay to Africa.
type manualSite struct {
	*site
	store  *store.Store
	people map[string]*browser
}

func newManualSite(t *testing.T) *manualSite {
	t.Helper()
	banks := account.Banks{"109": "Optima"}
	m := &manualSite{people: make(map[string]*browser)}
	m.site = newSite(t, func(c *Config) {
		methods, err := method.Load(accept.Payout.Known, os.DirFS(enabledMethods(t)))
		if err != nil {
			t.Fatal(err)
		}
		c.Methods, c.Banks, c.Accept.Banks = methods, banks, banks
	})
	m.store = m.Store
	m.change(210, func(s *merchant.Settings) { s.AccountCheck, s.Approval = account.Warn, merchant.Sums{"KGS": 100000} })
	poor := &merchant.Project{ID: 212, MerchantID: 1, Name: "Poor", Mode: merchant.Test, Settings: merchant.Settings{
		Methods: map[string]merchant.MethodSettings{"bank-transfer/africa": {Disabled: true}},
	}}
	if err := m.store.CreateProject(t.Context(), poor, "key", map[string]int64{"KGS": 1000000}, "test"); err != nil {
		t.Fatal(err)
	}
	for name, role := range map[string]staff.Role{"aida": staff.Operations, "bakyt": staff.Operations, "support": staff.Support, "admin": staff.MerchantAdmin} {
		m.people[name] = m.user(name, 1, role)
	}
	m.people["stranger"] = m.user("stranger", 2, staff.Operations)
	return m
}

func (m *manualSite) user(name string, merchantID int64, role staff.Role) *browser {
	return m.signedInAs(&staff.User{
		MerchantID: merchantID, Email: name + "@example.kg", Name: strings.ToUpper(name[:1]) + name[1:], Roles: []staff.Role{role}, AllProjects: true, Language: "en",
	})
}

// change changes a project's settings.
func (m *manualSite) change(id int64, f func(s *merchant.Settings)) {
	m.t.Helper()
	now, _ := m.store.Project(id)
	p := *now
	f(&p.Settings)
	if err := m.store.UpdateProject(m.t.Context(), &p, "test"); err != nil {
		m.t.Fatal(err)
	}
}

// enabledMethods is a folder with the examples that ship disabled, enabled.
func enabledMethods(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"africa", "sepa"} {
		text, err := os.ReadFile("../method/files/" + name + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		enabled := strings.Replace(string(text), "enabled: false", "enabled: true", 1)
		enabled = strings.Replace(enabled, "banks: []", "banks:\n  - {id: 7, abbr: GTB, name: Guaranty Trust, min: 1, limit_currency: NGN, currencies: [NGN]}", 1)
		if err := os.WriteFile(filepath.Join(dir, name+".yaml"), []byte(enabled), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// page is an answer of the site.
type page struct {
	status int
	path   string // after a redirect
	body   string
}

// as asks for a page in somebody's name, and follows a redirect; with a form it is a POST. Each call is a tab of its own.
func (m *manualSite) as(name, path string, form url.Values, header ...string) page {
	m.t.Helper()
	b := *m.people[name]
	b.cookies = maps.Clone(b.cookies)
	b.header = make(http.Header)
	for i := 0; i+1 < len(header); i += 2 {
		b.header.Set(header[i], header[i+1])
	}
	verb := http.MethodGet
	if form != nil {
		verb = http.MethodPost
	}
	got := b.do(verb, path, form)
	if got.Status == http.StatusSeeOther {
		path = got.Location
		got = b.get(path)
	}
	return page{got.Status, path, got.Body}
}

func (p page) must(t *testing.T, status int, texts ...string) page {
	t.Helper()
	if p.status != status {
		t.Errorf("%s: status %d, want %d\n%s", p.path, p.status, status, p.body)
	}
	for _, text := range texts {
		if !strings.Contains(html.UnescapeString(p.body), text) {
			t.Errorf("%s lacks %q\n%s", p.path, text, p.body)
		}
	}
	return p
}

func (p page) mustNot(t *testing.T, texts ...string) page {
	t.Helper()
	for _, text := range texts {
		if strings.Contains(html.UnescapeString(p.body), text) {
			t.Errorf("%s has %q\n%s", p.path, text, p.body)
		}
	}
	return p
}

// fault is the text beside a field; empty: there is none.
func (p page) fault(name string) string {
	m := regexp.MustCompile(`(?s)<div class="invalid-feedback" id="f-` + regexp.QuoteMeta(name) + `-fault">.*?<span>(.*?)</span>`).FindStringSubmatch(p.body)
	if m == nil {
		return ""
	}
	return html.UnescapeString(m[1])
}

// entry is what a field of the page holds.
func (p page) entry(name string) string {
	m := regexp.MustCompile(`(?s)<input[^>]*name="` + regexp.QuoteMeta(name) + `"[^>]*?value="([^"]*)"`).FindStringSubmatch(p.body)
	if m == nil {
		return ""
	}
	return html.UnescapeString(m[1])
}

func payoutEntries(change ...string) url.Values {
	v := url.Values{
		"project": {"210"}, "method": {"bank-transfer/kyrgyzstan"}, "payment.currency": {"KGS"}, "payment.amount": {"500.00"},
		"account.number": {"1090000000000000"}, "customer.id": {"c-1"}, "customer.ip_address": {"192.0.2.1"}, "general.payment_id": {"Manual-1"},
		"payment.description": {"Salary"}, "once": {"once-of-this-form-1"},
	}
	for i := 0; i+1 < len(change); i += 2 {
		v.Set(change[i], change[i+1])
	}
	return v
}

func (m *manualSite) payments(want int) []payout.Payment {
	m.t.Helper()
	list, err := m.store.ManualPayments(m.t.Context(), nil, nil, 100)
	if err != nil || len(list) != want {
		m.t.Errorf("%d payments, want %d: %v", len(list), want, err)
	}
	return list
}

func TestASinglePayoutIsCheckedConfirmedAndSent(t *testing.T) {
	t.Parallel()
	m := newManualSite(t)
	m.as("aida", "/manual", nil).must(t, 200, "No manual payouts yet")
	form := m.as("aida", "/manual/new?project=210&method=bank-transfer/kyrgyzstan", nil).must(t, 200, "210 · Shop (test)", "Account number", "From 15.00")
	if id := form.entry("general.payment_id"); !strings.HasPrefix(id, "manual-") {
		t.Errorf("proposed payment id %q", id)
	}
	if form.entry("customer.ip_address") != "192.0.2.1" {
		t.Errorf("proposed address %q", form.entry("customer.ip_address"))
	}
	confirm := m.as("aida", "/manual/check", payoutEntries()).must(t, 200, "500.00", "1090000000000000", "Test project: no money moves", "Salary", "Send 500.00")
	confirm.mustNot(t, "approval")
	m.payments(0)
	for name, values := range payoutEntries() {
		if got := confirm.entry(name); got != values[0] {
			t.Errorf("the confirmation carries %s = %q, want %q", name, got, values[0])
		}
	}
	edit := m.as("aida", "/manual/new", payoutEntries()).must(t, 200)
	if edit.entry("account.number") != "1090000000000000" || edit.entry("payment.amount") != "500.00" || edit.entry("general.payment_id") != "Manual-1" {
		t.Errorf("going back to the form loses entries\n%s", edit.body)
	}

	result := m.as("aida", "/manual/send", payoutEntries()).must(t, 200, "processing", "109000******0000", "Manual-1", `hx-trigger="every 2s"`)
	if !strings.HasPrefix(result.path, "/manual/payouts/210/") {
		t.Errorf("the result is at %s", result.path)
	}
	again := m.as("aida", "/manual/send", payoutEntries()).must(t, 200)
	if again.path != result.path {
		t.Errorf("the second click shows %s, the first %s", again.path, result.path)
	}
	paid := m.payments(1)[0]
	if paid.Interface != accept.InterfaceDashboard || paid.Description != "Salary" {
		t.Errorf("payment %+v", paid)
	}
	live := m.as("aida", result.path, nil, "HX-Request", "true").must(t, 200, `id="live"`)
	if strings.Contains(live.body, "<html") {
		t.Error("the fragment is a whole page")
	}
	m.as("aida", "/manual", nil).must(t, 200, "Manual-1", "109000******0000", "processing").mustNot(t, "1090000000000000")
	m.as("aida", "/manual/check", payoutEntries()).must(t, 422, "exists already (3041)", result.path)
}

func TestTheResultIsFollowedUntilItIsFinal(t *testing.T) {
	t.Parallel()
	m := newManualSite(t)
	result := m.as("aida", "/manual/send", payoutEntries()).must(t, 200)
	work, err := m.store.LeaseOperations(t.Context(), store.Lease{ProjectID: 210, Provider: "sandbox", N: 1, Submit: true, SubmitDeadline: 10e9, Duration: 12e9})
	if err != nil || len(work) != 1 {
		t.Fatal(work, err)
	}
	step := store.Step{Payment: work[0].Payment, Operation: work[0].Operation, Event: payout.Succeeded, Kind: "succeeded", ProviderPaymentID: "b-1"}
	if _, err := m.store.Apply(t.Context(), step); err != nil {
		t.Fatal(err)
	}
	m.as("aida", result.path, nil, "HX-Request", "true").must(t, 200, "success", "The bank has paid it").mustNot(t, "every 2s")

	poor := m.as("aida", "/manual/send", payoutEntries("project", "212", "payment.amount", "15000")).must(t, 200, "3028", "Insufficient funds", "Have it topped up", "decline")
	poor.mustNot(t, "every 2s")
	m.as("aida", "/manual/check", payoutEntries("project", "212", "payment.amount", "15000", "general.payment_id", "Manual-2")).must(t, 200, "would be declined (3028)").
		mustNot(t, "Available after it", "10,000.00") // operations may not see balances
	m.as("admin", "/manual/check", payoutEntries("project", "212", "general.payment_id", "Manual-2")).must(t, 200, "Available after it", "9,500.00")
}

func TestParallelSendsMakeOnePayout(t *testing.T) {
	t.Parallel()
	m := newManualSite(t)
	var wg sync.WaitGroup
	pages := make([]page, 12)
	for i := range pages {
		wg.Go(func() { pages[i] = m.as([]string{"aida", "bakyt"}[i%2], "/manual/send", payoutEntries()) })
	}
	wg.Wait()
	for _, p := range pages {
		if p.status != 200 || p.path != pages[0].path {
			t.Errorf("%d %s, the first shows %s", p.status, p.path, pages[0].path)
		}
	}
	m.payments(1)
	for _, user := range []string{"aida", "bakyt"} { // one of whom has sent it
		other := m.as(user, "/manual/send", payoutEntries("payment.amount", "501")).must(t, 422, pages[0].path)
		if !strings.Contains(other.fault("general.payment_id"), "3041") || other.entry("payment.amount") != "501" {
			t.Errorf("other content of the same payment id: %q\n%s", other.fault("general.payment_id"), other.body)
		}
	}
	m.payments(1)
}

// Once more the same sum would be above what one person sends alone in a day: but sent again, it is the same payout.
func TestASecondClickNeedsNoSecondPerson(t *testing.T) {
	t.Parallel()
	m := newManualSite(t)
	first := m.as("aida", "/manual/send", payoutEntries("payment.amount", "600")).must(t, 200)
	if again := m.as("aida", "/manual/send", payoutEntries("payment.amount", "600")).must(t, 200); again.path != first.path {
		t.Errorf("the second click leads to %s, the first to %s", again.path, first.path)
	}
	m.payments(1)
}

func TestFaultsStandBesideTheirFields(t *testing.T) {
	t.Parallel()
	m := newManualSite(t)
	for _, c := range []struct{ name, value, fault string }{
		{"payment.amount", "abc", "Write the sum in digits"},
		{"payment.amount", "1,500", "at most 2 digits"},
		{"payment.amount", "14.99", "The smallest sum is 15.00"},
		{"payment.amount", "15000.01", "The largest sum is 15,000.00"},
		{"payment.amount", "", "Fill in"},
		{"account.number", "KG-1", "Latin letters and digits"},
		{"account.number", "", "Fill in"},
		{"customer.id", "", "Fill in"},
		{"customer.ip_address", "1.2.3", "IP address"},
		{"general.payment_id", " ", "Fill in"},
		{"general.payment_id", strings.Repeat("x", 256), "At most 255 characters; these are 256"},
		{"payment.description", strings.Repeat("x", 256), "At most 255"},
	} {
		for _, path := range []string{"/manual/check", "/manual/send"} {
			p := m.as("aida", path, payoutEntries(c.name, c.value)).must(t, 422, "One field needs your attention")
			if !strings.Contains(p.fault(c.name), c.fault) {
				t.Errorf("%s: %s = %q: %q, want %q", path, c.name, c.value, p.fault(c.name), c.fault)
			}
			for name, values := range payoutEntries(c.name, c.value) {
				if name == "project" || name == "method" || name == "payment.currency" { // selects
					continue
				}
				if got := p.entry(name); got != values[0] {
					t.Errorf("%s: the entry %s became %q", path, name, got)
				}
			}
		}
	}
	p := m.as("aida", "/manual/check", payoutEntries("payment.currency", "USD")).must(t, 422)
	if !strings.Contains(p.fault("method"), "not offered any more") {
		t.Errorf("a currency that is not offered: %q", p.fault("method"))
	}
	m.as("aida", "/manual/check", url.Values{}).must(t, 422)
	m.payments(0)
}

func TestTheAccountDoctorInTheForm(t *testing.T) {
	t.Parallel()
	m := newManualSite(t)
	for number, text := range map[string]string{
		"1091234567890120": "Looks cut by a spreadsheet", "1090000000000001": "The last two digits do not fit", "109": "has 16 digits", "10900000x": "is not a digit",
		"1090 1234 5678 0111": "The bank: Optima.",
	} {
		p := m.as("aida", "/manual/account", payoutEntries("account.number", number), "HX-Request", "true").must(t, 200, text)
		if strings.Contains(p.body, "<html") || strings.Contains(p.body, number) {
			t.Errorf("%s: %s", number, p.body)
		}
	}
	m.as("aida", "/manual/account", payoutEntries("project", "212"), "HX-Request", "true").must(t, 200).mustNot(t, "alert") // test project: off
	m.as("aida", "/manual/check", payoutEntries("account.number", "1091234567890120")).must(t, 200, "Looks cut by a spreadsheet")
	m.change(210, func(s *merchant.Settings) { s.AccountCheck = account.Strict })
	for _, path := range []string{"/manual/check", "/manual/send"} {
		refused := m.as("aida", path, payoutEntries("account.number", "1091234567890120")).must(t, 422)
		if !strings.Contains(refused.fault("account.number"), "Looks cut by a spreadsheet") {
			t.Errorf("%s: %q", path, refused.fault("account.number"))
		}
	}
	m.payments(0)
}

func TestMethodsShowTheirOwnFields(t *testing.T) {
	t.Parallel()
	m := newManualSite(t)
	africa := m.as("aida", "/manual/new", payoutEntries("method", "bank-transfer/africa", "payment.currency", "NGN"))
	africa.must(t, 200, "Security code (BVN)", "Guaranty Trust", "savings", "10 digits.", "First name")
	if africa.entry("payment.amount") != "500.00" {
		t.Error("changing the method loses entries")
	}
	m.as("aida", "/manual/new", payoutEntries("method", "bank-transfer/africa", "payment.currency", "ZAR")).must(t, 200, "From 10 to 11 digits").mustNot(t, "BVN")
	sepa := m.as("aida", "/manual/new", payoutEntries("method", "bank-transfer/sepa", "payment.currency", "EUR"), "HX-Request", "true")
	sepa.must(t, 200, "Date of birth", "Day-month-year", "Account holder", "Requests before 18:00").mustNot(t, "<html")
	m.as("aida", "/manual/new", payoutEntries("project", "212", "method", "bank-transfer/africa")).must(t, 200).mustNot(t, "Bank transfer Africa", "BVN")
	p := m.as("aida", "/manual/send", payoutEntries("project", "212", "method", "bank-transfer/africa", "payment.currency", "NGN")).must(t, 422)
	if p.fault("method") == "" {
		t.Error("a disabled method was replaced without a word")
	}
	p = m.as("aida", "/manual/check", payoutEntries("method", "bank-transfer/africa", "payment.currency", "NGN", "account.number", "123")).must(t, 422)
	for _, name := range []string{"account.number", "customer.first_name", "customer.last_name", "customer.email", "account.bank_id"} {
		if p.fault(name) == "" {
			t.Errorf("no fault beside %s", name)
		}
	}
	m.payments(0)
}

func TestPossibleDuplicatesAreWarnedOf(t *testing.T) {
	t.Parallel()
	m := newManualSite(t)
	m.as("aida", "/manual/check", payoutEntries()).must(t, 200).mustNot(t, "payout of the same sum")
	m.as("aida", "/manual/send", payoutEntries()).must(t, 200)
	if err := m.store.FollowJournal(t.Context()); err != nil {
		t.Fatal(err)
	}
	m.as("aida", "/manual/check", payoutEntries("general.payment_id", "Manual-2")).must(t, 200, "payout of the same sum", "Manual-1")
	m.as("aida", "/manual/check", payoutEntries("general.payment_id", "Manual-2", "payment.amount", "501")).must(t, 200).mustNot(t, "payout of the same sum")
}

func TestWhoMaySeeAndIssue(t *testing.T) {
	t.Parallel()
	m := newManualSite(t)
	result := m.as("aida", "/manual/send", payoutEntries()).must(t, 200)
	waiting := m.as("aida", "/manual/send", payoutEntries("payment.amount", "2000", "general.payment_id", "Manual-2", "once", "once-of-this-form-2")).must(t, 200)
	for _, path := range []string{"/manual", "/manual/waiting", "/manual/new", result.path, waiting.path} {
		m.as("support", path, nil).must(t, 403).mustNot(t, "Manual-1", "Manual-2")
		m.as("bakyt", path, nil).must(t, 200)
	}
	for _, path := range []string{"/manual/new", "/manual/account", "/manual/check", "/manual/send", waiting.path + "/approve", waiting.path + "/reject", waiting.path + "/withdraw"} {
		m.as("support", path, payoutEntries("general.payment_id", "Manual-3", "reason", "x")).must(t, 403)
	}
	// What is another merchant's does not exist.
	for _, path := range []string{result.path, waiting.path} {
		m.as("stranger", path, nil).must(t, 404).mustNot(t, "Manual-1", "Manual-2")
	}
	for _, path := range []string{"/manual", "/manual/waiting", "/manual/new"} {
		m.as("stranger", path, nil).must(t, 200).mustNot(t, "Manual-1", "Manual-2", "210 · Shop (test)")
	}
	for _, path := range []string{"/manual/new", "/manual/account", "/manual/check", "/manual/send", waiting.path + "/approve", waiting.path + "/reject", waiting.path + "/withdraw"} {
		m.as("stranger", path, payoutEntries("general.payment_id", "Manual-3", "reason", "x")).must(t, 404)
	}
	m.payments(1)
}

func TestASecondPersonApproves(t *testing.T) {
	t.Parallel()
	m := newManualSite(t)
	big := func(change ...string) url.Values {
		return payoutEntries(append([]string{"payment.amount", "2000"}, change...)...)
	}
	m.as("aida", "/manual/check", big()).must(t, 200, "Ask for approval of 2,000.00", "7 days")
	asked := m.as("aida", "/manual/send", big()).must(t, 200, "waiting", "1090000000000000", "Withdraw the request").mustNot(t, "Approve and pay")
	if again := m.as("aida", "/manual/send", big()); again.path != asked.path {
		t.Errorf("the second click shows %s, the first %s", again.path, asked.path)
	}
	if p := m.as("bakyt", "/manual/send", big("payment.amount", "700", "once", "once-of-this-form-2")).must(t, 422, asked.path); p.fault("general.payment_id") == "" {
		t.Error("a small payout of the same payment id is sent while a large one waits")
	}
	m.payments(0)
	m.as("bakyt", "/manual", nil).must(t, 200, `<span class="badge badge-amber">1</span>`)
	m.as("bakyt", "/manual/waiting", nil).must(t, 200, "Manual-1", "109000******0000", "Aida", asked.path).mustNot(t, "1090000000000000")
	m.as("aida", asked.path+"/approve", url.Values{"once": {"once-of-decision-1"}}).must(t, 403, "A second person must decide")
	m.payments(0)
	m.as("bakyt", asked.path, nil).must(t, 200, "Approve and pay 2,000.00", "Reject").mustNot(t, "Withdraw")
	m.as("bakyt", asked.path+"/withdraw", url.Values{"once": {"once-of-decision-2"}}).must(t, 403)
	empty := m.as("bakyt", asked.path+"/reject", url.Values{"once": {"once-of-decision-3"}}).must(t, 422)
	if empty.fault("reason") == "" {
		t.Error("rejected without a reason")
	}
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			m.as("bakyt", asked.path+"/approve", url.Values{"once": {"once-of-decision-4"}, "reason": {"checked"}}).must(t, 200)
			m.as("admin", asked.path+"/approve", url.Values{"once": {"once-of-decision-5"}}).must(t, 200)
		})
	}
	wg.Wait()
	paid := m.payments(1)[0]
	done := m.as("aida", asked.path, nil).must(t, 200, "approved", manualPath(210, paid.RequestID)).mustNot(t, "Withdraw")
	if !strings.Contains(done.body, "Bakyt") && !strings.Contains(done.body, "Admin") {
		t.Errorf("who approved is not shown\n%s", done.body)
	}
	m.as("admin", asked.path+"/reject", url.Values{"once": {"once-of-decision-6"}, "reason": {"late"}}).must(t, 200, "approved")
	m.payments(1)
}

func TestRejectedAndWithdrawn(t *testing.T) {
	t.Parallel()
	m := newManualSite(t)
	for i, c := range []struct{ who, act, state string }{{"bakyt", "reject", "rejected"}, {"aida", "withdraw", "withdrawn"}} {
		asked := m.as("aida", "/manual/send", payoutEntries("payment.amount", "2000", "once", fmt.Sprint("once-of-this-form-", i))).must(t, 200, "waiting")
		m.as(c.who, asked.path+"/"+c.act, url.Values{"once": {fmt.Sprint("once-of-decision-", i)}, "reason": {"wrong account"}}).must(t, 200, c.state, "wrong account")
		m.as("bakyt", asked.path+"/approve", url.Values{"once": {fmt.Sprint("once-of-decision-late-", i)}}).must(t, 200, c.state)
		m.as("aida", "/manual/waiting?state="+c.state, nil).must(t, 200, "Manual-1")
	}
	m.as("aida", "/manual/waiting", nil).must(t, 200, "Nothing waits for approval")
	m.payments(0)
}

func TestSettingsThatChangedMeanwhile(t *testing.T) {
	t.Parallel()
	m := newManualSite(t)
	asked := m.as("aida", "/manual/send", payoutEntries("payment.amount", "2000")).must(t, 200, "waiting")
	m.change(210, func(s *merchant.Settings) {
		s.Methods = map[string]merchant.MethodSettings{"bank-transfer/kyrgyzstan": {Disabled: true}}
	})
	m.as("bakyt", asked.path+"/approve", url.Values{"once": {"once-of-decision-1"}}).must(t, 200, "approved")
	declined := m.payments(1)[0]
	if declined.Status != payout.Decline {
		t.Errorf("payment %+v", declined)
	}
	m.as("aida", manualPath(210, declined.RequestID), nil).must(t, 200, "310", "not allowed by project settings")
	// A form that was filled in before is refused, with what is offered now.
	if f := m.as("aida", "/manual/check", payoutEntries()).must(t, 422); f.fault("method") == "" {
		t.Error("a method that was disabled meanwhile")
	}
}

func TestManualListsHavePages(t *testing.T) {
	t.Parallel()
	m := newManualSite(t)
	for i := range listLength + 3 {
		entries := payoutEntries("payment.amount", "15", "general.payment_id", fmt.Sprintf("small-%02d", i))
		m.as("aida", "/manual/send", entries).must(t, 200)
	}
	first := m.as("aida", "/manual", nil).must(t, 200, fmt.Sprintf("small-%02d", listLength+2), "small-03").mustNot(t, "small-02")
	next := regexp.MustCompile(`rel="next" href="([^"]+)"`).FindStringSubmatch(first.body)
	if next == nil {
		t.Fatal("there is no next page")
	}
	m.as("aida", html.UnescapeString(next[1]), nil).must(t, 200, "small-02", "small-00", "To the newest").mustNot(t, "small-03", `rel="next"`)
	m.as("aida", "/manual?after=nonsense", nil).must(t, 200, "small-27")
	m.as("bakyt", "/manual/waiting?state=nonsense", nil).must(t, 200, "Nothing waits")
}

// What people type comes out as text, wherever it is shown.
func TestEntriesComeOutAsText(t *testing.T) {
	t.Parallel()
	m := newManualSite(t)
	const bad = `"><script>alert(1)</script><img src=x onerror=alert(1)>{{.}}`
	raw := regexp.MustCompile(`<script>alert|<img src=x`)
	for name := range payoutEntries() {
		if name == "once" {
			continue
		}
		for _, path := range []string{"/manual/new", "/manual/check", "/manual/send", "/manual/account"} {
			p := m.as("aida", path, payoutEntries(name, bad, "payment.amount", "2000", name, bad))
			if raw.MatchString(p.body) {
				t.Errorf("%s: %s comes out as markup\n%s", path, name, p.body)
			}
		}
	}
	payout := payoutEntries("payment.description", bad, "customer.id", bad, "general.payment_id", bad+"1")
	result := m.as("aida", "/manual/send", payout).must(t, 200, "processing")
	big := payoutEntries("payment.amount", "2000", "payment.description", bad, "customer.id", bad, "general.payment_id", bad+"2", "once", "once-of-this-form-9")
	asked := m.as("aida", "/manual/send", big).must(t, 200, "waiting", bad)
	rejected := m.as("bakyt", asked.path+"/reject", url.Values{"once": {"once-of-decision-9"}, "reason": {bad}}).must(t, 200, "rejected", bad)
	for _, p := range []page{result, asked, rejected, m.as("aida", "/manual", nil), m.as("aida", "/manual/waiting?state=rejected", nil)} {
		if raw.MatchString(p.body) || !strings.Contains(p.body, "&lt;script&gt;alert") {
			t.Errorf("%s: entries are not text\n%s", p.path, p.body)
		}
	}
}

// pairs is a form as browser.post takes it.
func pairs(form url.Values) []string {
	var all []string
	for name, values := range form {
		all = append(all, name, values[0])
	}
	return all
}

// Sending and approving ask for a fresh second factor, and go on with the form that was kept.
func TestMoneyAsksForAFreshFactor(t *testing.T) {
	t.Parallel()
	m := newManualSite(t)
	clerk := m.people["aida"]
	m.stale(clerk.user)
	asked := clerk.post("/manual/send", pairs(payoutEntries())...).wants(http.StatusOK).says("Confirm that it is you")
	m.payments(0)
	done := clerk.post("/confirm", "kept", asked.field("kept"), "code", m.code(0)).wants(http.StatusSeeOther)
	if paid := m.payments(1)[0]; done.Location != manualPath(210, paid.RequestID) {
		t.Errorf("sent to %s", done.Location)
	}
	// The same kept form once more is the same payout.
	clerk.post("/confirm", "kept", asked.field("kept"), "code", m.code(1))
	m.payments(1)

	waiting := m.as("bakyt", "/manual/send", payoutEntries("payment.amount", "2000", "general.payment_id", "Manual-2")).must(t, 200, "waiting")
	admin := m.people["admin"]
	m.stale(admin.user)
	asked = admin.post(waiting.path+"/approve", "once", "once-of-decision-1").wants(http.StatusOK).says("Confirm that it is you")
	m.payments(1)
	admin.post("/confirm", "kept", asked.field("kept"), "code", m.code(0)).wants(http.StatusSeeOther)
	m.payments(2)
}

// A session that has ended loses nothing of the form.
func TestThePayoutFormOutlivesItsSession(t *testing.T) {
	t.Parallel()
	m := newManualSite(t)
	b := m.people["aida"]
	b.ended()
	asked := b.post("/manual/check", pairs(payoutEntries())...).wants(http.StatusOK).says("What you had entered is kept")
	factor := b.post("/sign-in", "email", "aida@example.kg", "password", sitePassword, "kept", asked.field("kept")).wants(http.StatusOK)
	form := b.post("/sign-in/factor", "code", m.code(0), "kept", factor.field("kept")).wants(http.StatusOK).says("nothing has been done with it yet", "Single payout").saysNot("Send it now")
	if got := form.field("account.number"); got != "1090000000000000" || form.field("payment.amount") != "500.00" {
		t.Errorf("the form comes back with account %q and sum %q", got, form.field("payment.amount"))
	}
	confirm := b.post("/manual/check", pairs(payoutEntries())...).wants(http.StatusOK).says("Check before sending", "1090000000000000", "500.00")
	if confirm.field("general.payment_id") != "Manual-1" {
		t.Errorf("the entry became %q", confirm.field("general.payment_id"))
	}
	m.payments(0)
}
