package dashboard

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"flashpay/internal/browsertest"
	"flashpay/internal/merchant"
	"flashpay/internal/payout"
	"flashpay/internal/staff"
)

// payFiles makes mass payouts of each state: one that was checked and has faults and warnings, one that waits, one on its way,
// one that was sent.
func (g *gallery) payFiles() {
	g.t.Helper()
	clerk := g.signedIn(staff.Operations)
	send := func(path, idempotencyKey string) string {
		clerk.post(path+"/send", "good", "yes", "once", "once-of-gallery-"+idempotencyKey).wants(http.StatusSeeOther)
		return path
	}
	good := func(prefix string) string {
		return massFile(massRow(210, prefix+"-1", 120), massRow(210, prefix+"-2", 130), massRow(210, prefix+"-3", 140))
	}
	sent := strings.Replace(good("bonus"), ";14000;", ";1,4E+04;", 1)
	g.places["mass-sent"] = send(clerk.takes("210", "бонус-октябрь.csv", sent), "mass-1")
	g.sendBatches()
	g.decide("bonus-1", payout.Succeeded, 0)
	g.decide("bonus-2", payout.Declined, 20101)
	g.places["mass-sending"] = send(clerk.takes("210", "prizes.csv", good("prize")), "mass-2")
	large := massFile(massRow(210, "salary-1", 5_000), massRow(210, "salary-2", 5_000))
	g.places["mass-waiting"] = send(clerk.takes("210", "айлык-ноябрь-2026-бардык-кызматкерлер.csv", large), "mass-3")
	faulty := massFile(
		massRow(210, "bonus-1", 120), massRow(210, "x-1", 9_000_000), massRow(210, "x-2", 500), massRow(210, "x-3", 500),
		strings.Replace(massRow(210, "x-4", 500), ";50000;", ";500,00;", 1), strings.Replace(massRow(210, "x-5", 500), "KGS", "kgs", 1),
		strings.Replace(massRow(210, "x-6", 500), "payout", "refund", 1), massRow(210, "x-2", 700), massRow(210, "", 700),
		strings.Replace(massRow(210, "x-7", 500), "210", "2l0", 1),
	)
	faulty = strings.Replace(faulty, massRow(210, "x-3", 500), strings.Replace(massRow(210, "x-2", 500), ";x-2;", ";x-3;", 1), 1)
	g.places["mass-checked"] = clerk.takes("210", "wages-november.csv", faulty)
}

// uploads chooses a file, as a person does, and sends it.
func (p *person) uploads(name, text string) {
	p.t.Helper()
	file := filepath.Join(p.t.TempDir(), name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
	p.open("/manual/mass/new")
	p.Do(chromedp.SetUploadFiles(chromedp.CSS("#f-file"), []string{file}))
	p.Click("#upload .btn-primary")
}

// A clerk's whole way: a file that cannot be read, one with faults, the mended one, a colleague's approval on a telephone,
// progress, pause, resume, the result, and the declined row once more.
func TestAMassPayoutInABrowser(t *testing.T) {
	s := newSite(t)
	now, _ := s.Store.Project(210)
	project := *now
	project.Settings.Approval = merchant.Sums{"KGS": 150_000}
	if err := s.Store.UpdateProject(t.Context(), &project, "test"); err != nil {
		t.Fatal(err)
	}
	aida, bakyt := s.signedIn(staff.Operations), s.signedIn(staff.Operations)
	chromium := browsertest.Start(t)
	clerk, approver := seat(t, chromium, s, atADesk), seat(t, chromium, s, browsertest.View{Width: 390, Height: 844})
	clerk.as(aida)

	clerk.open("/manual")
	clerk.follow(`.tabs a[href="/manual/mass"]`)
	clerk.follow(`main a.btn-primary[href="/manual/mass/new"]`)
	clerk.uploads("wages.xlsx", "PK\x03\x04")
	clerk.Wait("The file cannot be read", "Incorrect file format")
	good := massFile(massRow(210, "w1", 500), massRow(210, "w2", 700), massRow(210, "w3", 900))
	clerk.uploads("wages.csv", strings.Replace(good, ";90000;", ";9E+04;", 1))
	clerk.Wait("2 of 3 rows can be paid, 1 needs you", "1 fault", "Incorrect Amount (line# 4)")
	clerk.uploads("wages.csv", good)
	clerk.Wait("3 of 3 rows can be paid; 2,100.00")
	batch := browsertest.Eval[string](clerk.Page, "location.pathname")
	clerk.follow(`main a.btn-primary[href$="/send"]`)
	clerk.Wait("A second person must approve")
	clerk.follow("main form .btn-primary")
	clerk.Wait("waiting for approval", "a second person must decide")

	approver.as(bakyt) // the windows share their cookies
	approver.open("/manual/waiting")
	approver.follow(fmt.Sprintf(`main a[href=%q]`, batch))
	for _, over := range approver.Overflows() {
		t.Error(over)
	}
	approver.follow(`form[action$="/approve"] .btn-primary`)
	approver.Wait("being sent", "approved")

	clerk.as(aida)
	clerk.Wait("0 of 3 sent") // the page has heard of it by itself
	clerk.follow(`form[action$="/pause"] button`)
	s.sendBatches()
	clerk.Wait("paused", "0 of 3 sent")
	clerk.follow(`form[action$="/resume"] button`)
	clerk.Wait("being sent")
	s.sendBatches()
	clerk.Wait("processing", "Download the result")
	clerk.WaitFor(`document.querySelector("form[action$='/pause']") === null`)
	s.decide("w1", payout.Succeeded, 0)
	s.decide("w2", payout.Declined, 20101)
	s.decide("w3", payout.Succeeded, 0)
	if err := s.Store.FollowJournal(t.Context()); err != nil {
		t.Fatal(err)
	}
	clerk.WaitFor(`document.querySelector("#rows-decline")?.textContent === "1"`)
	clerk.follow("#rows-decline")
	clerk.Wait("w2", "20101")
	clerk.open(batch)
	clerk.follow(`form[action$="/again"] button`)
	clerk.Wait("wages_declined.csv", "1 of 1 rows can be paid; 700.00")
	if ids, err := s.Store.DB().Numbers(t.Context(), "SELECT id FROM payments"); err != nil || len(ids) != 3 {
		t.Errorf("%d payments: %v", len(ids), err)
	}
}

// Without script a file is uploaded and sent all the same.
func TestAMassPayoutWithoutScript(t *testing.T) {
	s := newSite(t)
	p := seat(t, browsertest.Start(t), s, browsertest.View{NoScript: true})
	p.as(s.signedIn(staff.Operations))
	p.uploads("wages.csv", massFile(massRow(210, "w1", 500)))
	p.Wait("1 of 1 rows can be paid; 500.00")
	p.Click(`main a.btn-primary[href$="/send"]`)
	p.Wait("Check before sending")
	p.Click("main form .btn-primary")
	p.Wait("being sent", "Refresh")
	s.sendBatches()
	p.Click("#live noscript a, #live a.btn")
	p.Wait("processing")
}
