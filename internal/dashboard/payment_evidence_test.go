package dashboard

import (
	"html"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"flashpay/internal/evidence"
	"flashpay/internal/payout"
	"flashpay/internal/staff"
	"flashpay/internal/store"
)

// told pays, and records that the merchant answered the callback so.
func (s *site) told(id string, answer store.Attempt, change ...func(*store.NewPayout)) *store.View {
	s.t.Helper()
	v := s.pay(210, id, 123456_78, payout.Succeeded, change...)
	answer.ProjectID, answer.Number, answer.Attempt, answer.At = 210, int64(v.Payment.Events), 1, s.Store.Now()
	state := store.CallbackDelivered
	if answer.HTTPStatus != http.StatusOK {
		state = store.CallbackPending
	}
	if err := s.Store.SaveAttempt(s.t.Context(), answer, state, s.Store.Now().Add(time.Minute)); err != nil {
		s.t.Fatal(err)
	}
	return v
}

// readable is what a person reads of a page.
func readable(page string) string {
	_, body, _ := strings.Cut(page, "<body>")
	text := regexp.MustCompile(`<[^>]*>`).ReplaceAllString(body, " ")
	return html.UnescapeString(strings.Join(strings.Fields(text), " "))
}

// The bundle's first file is a page that needs nothing beside it: parties, sum, times in the zone of whoever took it, what
// each side said, the bank's reference, and how it is verified, in three languages.
func TestEvidencePage(t *testing.T) {
	s := newSite(t)
	const name = "Үсөнов Бакыт Нурланович"
	v := s.told("salary-10", store.Attempt{HTTPStatus: http.StatusOK, Answer: []byte("noted, thank you")}, holder(paidAccount, name, "employee-1"))
	b := s.signedInAs(&staff.User{MerchantID: 1, Email: "aida@example.kg", Name: "Aida", Roles: []staff.Role{staff.MerchantAdmin}, AllProjects: true, Zone: "Asia/Bishkek"})
	project, _ := s.Store.Project(210)
	m, _ := s.Store.Merchant(project.MerchantID)
	masked := bundleOf(t, b.get(pageOf(v)+"/evidence").wants(http.StatusOK))["evidence.html"]
	whole := b.post(pageOf(v) + "/evidence").wants(http.StatusOK)
	full := bundleOf(t, whole)["evidence.html"]
	if r := evidence.Verify([]byte(whole.Body), ""); !r.OK {
		t.Errorf("%+v", r.Faults)
	}
	if !strings.HasPrefix(whole.Body[30:], "evidence.html") { // after the header of the archive's first file
		t.Error("another file stands before it")
	}
	moment := v.Payment.CreatedAt.In(time.FixedZone("Bishkek", 6*60*60))
	for _, want := range []string{
		m.Name, projectLabel(project), name, "109000******5678", "employee-1", "Bank transfer Kyrgyzstan", "BANK-salary-10", "noted, thank you", "HTTP 200 OK", "(UTC+06:00)",
		moment.Format("02.01.2006"), moment.Format("2 Jan 2006"), "Evidence of payout salary-10", "Доказательства по выплате salary-10", "salary-10 төлөмү боюнча далилдер",
		"123,456.78 KGS", "123 456,78 KGS", "Paid, says the bank", "Confirmed the callback", "Подтвердил оповещение", "Билдирмени ырастады", "Seal 1 of shard",
	} {
		if !strings.Contains(readable(full), want) {
			t.Errorf("%q is missing: %s", want, readable(full))
		}
	}
	if strings.Contains(masked, name) || !strings.Contains(masked, "109000******5678") || !strings.Contains(readable(masked), "The name is withheld") {
		t.Errorf("masked: %s", readable(masked))
	}
	for _, page := range []string{masked, full} {
		if strings.Contains(page, paidAccount) {
			t.Error("the account number stands there in full")
		}
		if found := regexp.MustCompile(`(?i)(src|srcset|action|href)="?[^#"]|url\(|@import|<script|<link`).FindString(page); found != "" {
			t.Errorf("the page leads outside of itself: %s", found)
		}
		if n := strings.Count(page, "<section "); n != len(languages) || strings.Contains(page, "evidence.by.") {
			t.Errorf("%d languages, or a word that does not exist", n)
		}
	}
}

// No text that a merchant, an endpoint or a bank chose becomes markup.
func TestEvidencePageEscapes(t *testing.T) {
	s := newSite(t)
	const hostile = `</td></style></title><script>alert(1)</script><img src=x onerror=alert(1)><a href="javascript:alert(1)" onclick='x'>`
	for id, change := range map[string]func(*store.NewPayout){
		"plain": func(*store.NewPayout) {},
		"hostile": func(p *store.NewPayout) {
			p.Request = []byte(strings.Replace(string(p.Request), `{"number"`, `{"customer_name":"`+strings.ReplaceAll(hostile, `"`, `\"`)+`","number"`, 1))
			p.PaymentID, p.Description, p.CustomerID, p.MethodTitle, p.AccountMask = "hostile", hostile, hostile, hostile, hostile
		},
	} {
		answer := store.Attempt{HTTPStatus: http.StatusInternalServerError, Error: "answered", Answer: []byte("plain")}
		if id == "hostile" {
			answer.Error, answer.Answer = hostile, []byte(hostile)
		}
		v := s.told(id, answer, change)
		page := bundleOf(t, s.signedIn(staff.MerchantAdmin).post(pageOf(v)+"/evidence").wants(http.StatusOK))["evidence.html"]
		for _, m := range regexp.MustCompile(`<([^ >\n]+)([^>]*)>`).FindAllStringSubmatch(page, -1) {
			known := []string{"!DOCTYPE", "html", "head", "meta", "title", "style", "body", "nav", "a", "section", "h1", "h2", "p", "strong", "code", "table", "thead", "tbody", "tr", "th", "td", "br"}
			if !slices.Contains(known, strings.TrimPrefix(m[1], "/")) || strings.Contains(m[2], "on") && strings.Contains(m[2], "alert") {
				t.Errorf("%s: live markup: %s", id, m[0])
			}
		}
		if n := strings.Count(page, "</style>") + strings.Count(page, "</title>"); n != 2 {
			t.Errorf("%s: style or title ends %d times", id, n)
		}
		if shown := strings.Contains(page, "&lt;img src=x onerror=alert(1)&gt;"); shown != (id == "hostile") {
			t.Errorf("%s: shown as text: %v", id, shown)
		}
	}
}
