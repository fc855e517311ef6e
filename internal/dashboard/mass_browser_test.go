package dashboard

import (
	"net/http"
	"strings"

	"flashpay/internal/staff"
)

// payFiles makes mass payouts of each state: one that was checked and has faults and warnings, one that waits, one on its way,
// one that was sent.
func (g *gallery) payFiles() {
	g.t.Helper()
	clerk := g.signedIn(staff.Operations)
	send := func(path, once string) string {
		clerk.post(path+"/send", "good", "yes", "once", "once-of-gallery-"+once).wants(http.StatusSeeOther)
		return path
	}
	good := func(prefix string) string {
		return massFile(massRow(210, prefix+"-1", 120), massRow(210, prefix+"-2", 130), massRow(210, prefix+"-3", 140))
	}
	sent := strings.Replace(good("bonus"), ";14000;", ";1,4E+04;", 1)
	g.places["mass-sent"] = send(clerk.takes("210", "бонус-октябрь.csv", sent), "mass-1")
	g.sendBatches()
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
