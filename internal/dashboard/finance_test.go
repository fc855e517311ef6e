package dashboard

import (
	"encoding/csv"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"flashpay/internal/ledger"
	"flashpay/internal/money"
	"flashpay/internal/staff"
)

// statementOf reads the CSV of a statement: lines by balance, position and account.
func (b *browser) statementOf(query string) map[string]int64 {
	b.site.t.Helper()
	file := b.get("/finance/statement/csv?" + query).wants(http.StatusOK)
	rows, err := csv.NewReader(strings.NewReader(file.Body)).ReadAll()
	if err != nil {
		b.site.t.Fatal(err)
	}
	out := make(map[string]int64)
	for _, row := range rows[1:] {
		for i := 6; i < 11; i++ {
			text, negative := strings.CutPrefix(strings.TrimPrefix(row[i], "'"), "-")
			sum, err := money.ParseMajor(text, row[4])
			if err != nil {
				b.site.t.Fatal(row, err)
			}
			if negative {
				sum = -sum
			}
			out[strings.Join([]string{row[2], row[4], row[5], rows[0][i]}, " ")] = sum
		}
	}
	return out
}

// A statement closes to the balances, its totals are the sums of its projects, and each figure opens the list that it sums.
func TestStatement(t *testing.T) {
	g := fullGallery(t)
	b := g.signedIn(staff.Finance)
	lines := b.statementOf("from=")
	for _, project := range []int64{210, 211} {
		balances, err := g.Store.Balances(t.Context(), project)
		if err != nil {
			t.Fatal(err)
		}
		for code, have := range balances {
			total := int64(0)
			for _, a := range ledger.Own {
				total += have.Sum(a)
				if got := lines[fmt.Sprintf("%d %s closing %s", project, code, columnOf(a))]; got != have.Sum(a) {
					t.Errorf("%d %s: %s closes with %d, the balance has %d", project, code, a, got, have.Sum(a))
				}
			}
			if got := lines[fmt.Sprintf("%d %s closing total", project, code)]; got != total || total == 0 {
				t.Errorf("%d %s closes with %d, the balance has %d", project, code, got, total)
			}
		}
	}
	if all := lines[" KGS payouts total"]; all >= 0 || all != lines["210 KGS payouts total"]+lines["211 KGS payouts total"] {
		t.Errorf("the agreement paid out %d, of its projects %d and %d", all, lines["210 KGS payouts total"], lines["211 KGS payouts total"])
	}
	page := b.get("/finance/statement?from=&project=210&currency=KGS").wants(http.StatusOK)
	links := regexp.MustCompile(`href="(/finance/statement/movements\?[^"]+)">([^<]+)<`).FindAllStringSubmatch(page.Body, -1)
	if len(links) < 8 {
		t.Fatalf("%d figures have lists", len(links))
	}
	for _, link := range links {
		list := b.get(strings.ReplaceAll(link[1], "&amp;", "&")).wants(http.StatusOK)
		if sum := regexp.MustCompile(`<p class="sum">([^<]+)<`).FindStringSubmatch(list.Body); sum == nil || sum[1] != link[2] {
			t.Errorf("%s: the list sums %v, the statement says %s", link[1], sum, link[2])
		}
	}
	b.get("/finance/statement/print?from=").wants(http.StatusOK).says("For the company", "Demo shop")
}

// What a statement shows is bound by rights and by the projects that a user sees.
func TestStatementsAreOfWhatOneSees(t *testing.T) {
	s := newSite(t)
	s.signedIn(staff.Support).get("/finance/statement").wants(http.StatusForbidden)
	b := s.signedInAs(&staff.User{MerchantID: 1, Email: "one@example.kg", Name: "One", Roles: []staff.Role{staff.Finance}, Projects: []int64{211}})
	b.get("/finance/statement").wants(http.StatusOK).says("1,000,000.00\u00a0KGS")
	if lines := b.statementOf("from="); lines["211 KGS closing total"] != 100_000_000 || lines[" KGS closing total"] != 100_000_000 || len(lines) != 30 {
		t.Errorf("somebody who sees 211 gets %v", lines)
	}
	b.get("/finance/statement?project=210").wants(http.StatusUnprocessableEntity).saysNot("Shop")
	b.get("/finance/statement?project=220").wants(http.StatusUnprocessableEntity)
	b.get("/finance/statement/movements?from=&currency=KGS&position=top-ups&project=210").wants(http.StatusNotFound)
	b.get("/finance/statement/movements?from=&currency=KGS&position=nonsense").wants(http.StatusNotFound)
	b.get("/finance/statement/movements?from=&currency=KGS&position=top-ups&account=available").wants(http.StatusOK).says("1 entry", "1,000,000.00\u00a0KGS")
	b.header.Set("HX-Request", "true")
	b.header.Set("HX-Target", "live")
	if part := b.get("/finance").wants(http.StatusOK); strings.Contains(part.Body, "<html") || !strings.Contains(part.Body, `id="live"`) {
		t.Errorf("the part that refreshes itself is\n%s", part.Body)
	}
}
