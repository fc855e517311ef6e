package dashboard

import (
	"context"
	"errors"
	"html"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"flashpay/internal/merchant"
	"flashpay/internal/staff"
	"flashpay/internal/store"
	"flashpay/signature"
)

// Each declared setting has words in every language, its faults have the parameters of their English ones, and it stands
// on the tab of its group.
func TestEverySettingHasItsPlace(t *testing.T) {
	s := newSite(t)
	admin := s.signedIn(staff.MerchantAdmin)
	for _, lang := range languages {
		words := messagesOf(t, lang)
		for _, setting := range merchant.Declared() {
			want := []string{"projects.setting." + setting.Name, "projects.help." + setting.Name, "projects.tab." + string(setting.Group)}
			if setting.Default != "" {
				want = append(want, "projects.default."+setting.Name)
			}
			for _, choice := range setting.Choices {
				want = append(want, "projects.choice."+setting.Name+"."+choice)
			}
			for _, id := range want {
				if words[id] == nil {
					t.Errorf("%s: there is no word %s", lang, id)
				}
			}
		}
		for id, text := range merchant.FaultTexts() {
			m := words["projects.fault."+id]
			if m == nil {
				t.Errorf("%s: there is no word projects.fault.%s", lang, id)
				continue
			}
			for _, p := range placeholder.FindAllStringSubmatch(text, -1) {
				if !strings.Contains(m.Other, "{{."+p[1]+"}}") {
					t.Errorf("%s: projects.fault.%s does not say {%s}", lang, id, p[1])
				}
			}
		}
	}
	p, _ := s.Store.Project(210)
	changed := *p // of a method with one currency, the choice is shown only where one is made
	changed.Settings.Methods = map[string]merchant.MethodSettings{"bank-transfer/kyrgyzstan": {Currencies: []string{"KGS"}}}
	if err := s.Store.UpdateProject(t.Context(), &changed, "test"); err != nil {
		t.Fatal(err)
	}
	for _, setting := range merchant.Declared() {
		label := messagesOf(t, "en")["projects.setting."+setting.Name].Other
		admin.get("/projects/210/" + string(setting.Group)).wants(http.StatusOK).says(label)
	}
	for _, id := range []string{"block", "unblock", "pause", "resume"} {
		for _, lang := range languages {
			if words := messagesOf(t, lang); words["operate.act."+id] == nil || words["operate.done."+id] == nil {
				t.Errorf("%s: the act %s lacks words", lang, id)
			}
		}
	}
}

// save opens a tab, changes fields and saves.
func (b *browser) save(path string, pairs ...string) *answer {
	b.site.t.Helper()
	page := b.get(path).wants(http.StatusOK)
	return b.post(path, append([]string{"once", page.field("once"), "version", page.field("version")}, pairs...)...)
}

const maxKey = "methods.bank-transfer/kyrgyzstan.max"

func TestSettingsAreSavedFromTheirForms(t *testing.T) {
	s := newSite(t)
	admin, operator := s.signedIn(staff.MerchantAdmin), s.signedIn(staff.Operator)
	for _, step := range []struct {
		who   *browser
		path  string
		pairs []string
		check func(p *merchant.Project) bool
	}{
		{admin, "/projects/210/general", []string{"name", " Бакыт & Co "}, func(p *merchant.Project) bool { return p.Name == "Бакыт & Co" }},
		{admin, "/projects/210/methods", []string{maxKey + ".KGS", "10000"}, func(p *merchant.Project) bool {
			return p.Settings.Methods["bank-transfer/kyrgyzstan"].Max["KGS"] == 1_000_000
		}},
		{admin, "/projects/210/callbacks", []string{"callback_url", "https://shop.example/cb"}, func(p *merchant.Project) bool {
			return p.Settings.CallbackURL == "https://shop.example/cb"
		}},
		{admin, "/projects/210/security", []string{"allow_ip", "192.0.2.7\r\n2001:db8::/32", "account_check", "warn"}, func(p *merchant.Project) bool {
			return len(p.Settings.AllowIP) == 2 && p.Settings.AccountCheck == "warn"
		}},
		{admin, "/projects/210/limits", []string{"approval.KGS", "15 000,50"}, func(p *merchant.Project) bool { return p.Settings.Approval["KGS"] == 1_500_050 }},
		{operator, "/projects/210/limits", []string{"threshold", "12h", "approval.KGS", "14,000.50"}, func(p *merchant.Project) bool {
			return p.Settings.Threshold == merchant.Duration(12*time.Hour) && p.Settings.Approval["KGS"] == 1_400_050
		}},
	} {
		a := step.who.save(step.path, step.pairs...).wants(http.StatusSeeOther)
		if a.Location != step.path {
			t.Errorf("%s: sent to %s", step.path, a.Location)
		}
		step.who.get(step.path).wants(http.StatusOK).says("The settings are saved.")
		if p, _ := s.Store.Project(210); !step.check(p) {
			t.Errorf("%s with %q: stored %+v", step.path, step.pairs, p)
		}
	}
	admin.get("/projects/210/history").wants(http.StatusOK).says("Version 7", "Threshold", "12h", "Payment", "10,000.00", "15,000.50", admin.user.Email)
	lines, err := s.Store.AuditLog(t.Context(), store.AuditFilter{Action: "project settings", Limit: 1})
	if err != nil || len(lines) != 1 || !strings.Contains(lines[0].Detail, `"approval.before":"KGS=15000.50"`) || lines[0].Actor != operator.user.Actor() {
		t.Errorf("audit log %+v, %v", lines, err)
	}
}

// Sums of settings are shown as people of the language write them, and taken so: what a field holds can be sent again.
func TestSumsOfSettingsAsPeopleWriteThem(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	admin := s.signedIn(staff.MerchantAdmin)
	for _, c := range []struct{ lang, typed, shown string }{
		{"en", "1234,5", "1,234.50"}, {"ru", "1 234,50", "1\u00a0234,50"}, {"ky", "1234.50", "1\u00a0234,50"},
	} {
		admin.post("/profile", "name", admin.user.Name, "language", c.lang, "zone", "Asia/Bishkek", "theme", "").wants(http.StatusSeeOther)
		admin.save("/projects/210/limits", "approval.KGS", c.typed).wants(http.StatusSeeOther)
		shown := admin.get("/projects/210/limits").field("approval.KGS")
		if shown != c.shown {
			t.Errorf("%s: the field holds %q, want %q", c.lang, shown, c.shown)
		}
		admin.save("/projects/210/limits", "approval.KGS", shown).wants(http.StatusSeeOther)
		if p, _ := s.Store.Project(210); p.Settings.Approval["KGS"] != 123_450 {
			t.Errorf("%s: %q, sent again, is %d", c.lang, shown, p.Settings.Approval["KGS"])
		}
	}
	for _, c := range []struct{ lang, text, want string }{
		{"en", "JPY=1500", "1500"}, {"ru", "JPY=1500", "1\u00a0500"}, {"en", "KWD=1234.500", "1,234.500"},
	} {
		w, err := loadWords(c.lang)
		if err != nil {
			t.Fatal(err)
		}
		currency, major, _ := strings.Cut(c.text, "=")
		if got := w.typed(major, currency); got != c.want {
			t.Errorf("%s: %s in a field is %q, want %q", c.lang, c.text, got, c.want)
		}
	}
}

func TestSettingsSayWhatIsWrongBesideTheField(t *testing.T) {
	s := newSite(t)
	admin := s.signedIn(staff.MerchantAdmin)
	for _, c := range []struct{ path, field, value, says string }{
		{"/projects/210/general", "name", "", "must not be empty"},
		{"/projects/210/methods", maxKey + ".KGS", "15000.01", "enter a sum from 15.00\u00a0KGS to 15,000.00\u00a0KGS"},
		{"/projects/210/methods", maxKey + ".KGS", "1,500", "at most 2 digits"},
		{"/projects/211/callbacks", "callback_url", "http://shop.example/", "https addresses only"},
		{"/projects/210/security", "allow_ip", "192.0.2.1/24", "Did you mean 192.0.2.0/24?"},
		{"/projects/210/limits", "approval.KGS", "many", "such as 1,234.50"},
	} {
		a := admin.save(c.path, c.field, c.value).wants(http.StatusUnprocessableEntity).says(c.says)
		if kept := a.field(c.field); kept != c.value && c.field != "allow_ip" {
			t.Errorf("%s: the entry %q became %q", c.field, c.value, kept)
		}
		if !strings.Contains(a.Body, `id="f-`+c.field+`-fault"`) {
			t.Errorf("%s: the fault does not stand beside the field", c.field)
		}
	}
	if p, _ := s.Store.Project(210); p.Version != 1 {
		t.Errorf("something was saved: %+v", p)
	}
}

// A form that was open while somebody else saved is not lost and overwrites nothing unseen.
func TestSettingsShowWhatSomebodyElseChanged(t *testing.T) {
	s := newSite(t)
	aida, bakyt := s.signedIn(staff.MerchantAdmin), s.signedIn(staff.MerchantAdmin)
	open := aida.get("/projects/210/general")
	bakyt.save("/projects/210/general", "name", "Theirs").wants(http.StatusSeeOther)
	a := aida.post("/projects/210/general", "once", open.field("once"), "version", open.field("version"), "name", "Mine").wants(http.StatusConflict)
	a.says("Somebody changed these settings", bakyt.user.Email, "Theirs", "Mine")
	if a.field("name") != "Mine" || a.field("version") != "2" {
		t.Errorf("the form has name %q, version %q", a.field("name"), a.field("version"))
	}
	for range 2 { // the second click is no conflict
		aida.post("/projects/210/general", "once", a.field("once"), "version", a.field("version"), "name", "Mine").wants(http.StatusSeeOther)
	}
	if p, _ := s.Store.Project(210); p.Name != "Mine" || p.Version != 3 {
		t.Errorf("stored %+v", p)
	}
}

// Who may not edit sees the settings without their forms; what belongs to another merchant does not exist.
func TestProjectsAreSeenByThoseWhoMay(t *testing.T) {
	s := newSite(t)
	support, admin := s.signedIn(staff.Support), s.signedIn(staff.MerchantAdmin)
	support.get("/projects").wants(http.StatusOK).says("Shop", "Salaries").saysNot("Another merchant", "New project")
	for _, path := range []string{"/projects/220", "/projects/220/keys", "/projects/220/history", "/projects/999", "/projects/x", "/finance/220"} {
		admin.get(path).wants(http.StatusNotFound)
	}
	admin.post("/projects/220/general", "name", "Taken over").wants(http.StatusNotFound)
	admin.post("/projects/220/keys", "label", "mine").wants(http.StatusNotFound)
	support.get("/projects/210/limits").wants(http.StatusOK).says("Second person above", "no second person").saysNot("Save")
	support.get("/projects/210/keys").wants(http.StatusOK).says("signs callbacks").saysNot("Add a key", "Revoke")
	support.post("/projects/210/general", "name", "Hacked").wants(http.StatusForbidden)
	admin.get("/projects/210/limits").wants(http.StatusOK).says("Save")
	admin.get("/projects/210/general").saysNot("End the block", "Pause")
	// The threshold is the operators': a form that was made up changes nothing of it.
	admin.save("/projects/210/limits", "threshold", "1h").wants(http.StatusSeeOther)
	if p, _ := s.Store.Project(210); p.Settings.Threshold != 0 {
		t.Errorf("a merchant's admin has set the threshold: %+v", p.Settings)
	}
	operator := s.signedIn(staff.Operator)
	operator.get("/projects").wants(http.StatusOK).says("Another merchant", "Merchant 2", "New project")
}

// A new key is shown once, also where the button was clicked twice; a rotation overlaps; the last key stays.
func TestKeysAreAddedAndRevoked(t *testing.T) {
	s := newSite(t)
	admin := s.signedIn(staff.MerchantAdmin)
	page := admin.get("/projects/210/keys").wants(http.StatusOK).says("signs callbacks", "never")
	admin.post("/projects/210/keys", "once", page.field("once"), "label", " ").wants(http.StatusUnprocessableEntity).says("Name what uses the key")
	admin.get("/projects/210/keys/1/revoke").wants(http.StatusOK).says("This is the only live key")
	admin.post("/projects/210/keys/1/revoke", "once", "0123456789abcdef").wants(http.StatusOK).says("This is the only live key")
	var secret string
	for range 2 { // the second click shows the same key, and adds none
		a := admin.post("/projects/210/keys", "once", page.field("once"), "label", "payroll").wants(http.StatusOK).says("The new secret key", "payroll")
		p, _ := s.Store.Project(210)
		if len(p.Keys) != 2 || len(p.Keys[1].Secret) != 52 || !strings.Contains(a.Body, p.Keys[1].Secret) {
			t.Fatalf("keys %+v\n%s", p.Keys, a.text())
		}
		secret = p.Keys[1].Secret
	}
	if a := admin.get("/projects/210/keys"); strings.Contains(a.Body, secret) || strings.Contains(a.Body, "secret-210") {
		t.Error("a secret is shown again")
	}
	shown := admin.post("/projects/210/webhooks", "once", page.field("once")).wants(http.StatusOK)
	for _, key := range []string{"secret-210", secret} {
		if !strings.Contains(html.UnescapeString(shown.Body), signature.WebhookSecret(key)) || strings.Contains(shown.Body, key) {
			t.Errorf("not the secret of webhooks, or the key itself, is shown of %s", key)
		}
	}
	s.signedIn(staff.Support).post("/projects/210/webhooks", "once", "once-of-support-here").wants(http.StatusForbidden)
	s.Store.KeyUsed(210, 1)
	admin.get("/projects/210/keys/1/revoke").wants(http.StatusOK).says("Revoke key 1?", "This key signs callbacks. Once it is revoked, key 2 does")
	idempotencyKey := admin.get("/projects/210/keys/1/revoke").field("once")
	for range 2 {
		admin.post("/projects/210/keys/1/revoke", "once", idempotencyKey).wants(http.StatusSeeOther)
	}
	admin.get("/projects/210/keys").wants(http.StatusOK).says("Key 1 is revoked.", "1 revoked key")
	if p, _ := s.Store.Project(210); len(p.Keys) != 1 || p.Keys[0].ID != 2 {
		t.Errorf("keys %+v", p.Keys)
	}
	admin.get("/projects/210/keys/1/revoke").wants(http.StatusNotFound)
	lines, err := s.Store.AuditLog(t.Context(), store.AuditFilter{Object: "project 210", Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(lines, func(l store.AuditEntry) bool { return l.Action == "download webhook secrets" }) {
		t.Error("the audit log does not know who has seen the secrets of webhooks")
	}
	for _, l := range lines {
		if strings.Contains(l.Detail, secret) || strings.Contains(l.Detail, "secret-210") {
			t.Errorf("a secret stands in the audit log: %+v", l)
		}
	}
}

func TestSampleCallbackShowsTheAnswer(t *testing.T) {
	var got SampleAnswer
	var failed error
	s := newSite(t, func(c *Config) {
		c.TestCallback = func(_ context.Context, id int64) (SampleAnswer, error) {
			if id != 210 {
				return SampleAnswer{}, errors.New("project " + strconv.FormatInt(id, 10))
			}
			return got, failed
		}
	})
	admin := s.signedIn(staff.MerchantAdmin)
	admin.get("/projects/210/callbacks").wants(http.StatusOK).saysNot("Send a sample")
	admin.save("/projects/210/callbacks", "callback_url", "https://shop.example/cb").wants(http.StatusSeeOther)
	admin.get("/projects/210/callbacks").wants(http.StatusOK).says("Send a sample")
	got = SampleAnswer{URL: "https://shop.example/cb", HTTPStatus: 200, Answer: []byte("OK <b>"), Body: []byte(`{"project_id":210}`)}
	admin.post("/projects/210/callbacks/test").wants(http.StatusOK).says("acknowledged the callback", "OK <b>", `{"project_id":210}`)
	got = SampleAnswer{URL: "https://shop.example/cb", HTTPStatus: 500, Error: "want 200"}
	admin.post("/projects/210/callbacks/test").wants(http.StatusOK).says("answered HTTP 500", "want 200")
	got, failed = SampleAnswer{URL: "https://shop.example/cb"}, errors.New("connection refused")
	admin.post("/projects/210/callbacks/test").wants(http.StatusOK).says("There was no answer", "connection refused")
	s.signedIn(staff.Support).post("/projects/210/callbacks/test").wants(http.StatusForbidden)
}
