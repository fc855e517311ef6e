package masspayout_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding/charmap"

	"flashpay/internal/accept"
	"flashpay/internal/account"
	"flashpay/internal/masspayout"
	"flashpay/internal/merchant"
	"flashpay/internal/method"
)

var update = flag.Bool("update", false, "write the golden files anew")

const kyrgyzstan = "bank-transfer/kyrgyzstan"

var today = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

func methods(t testing.TB) *method.Registry {
	t.Helper()
	r, err := method.Load(accept.Payout.Known)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// rules knows projects of two merchants, each with one thing that is special.
func rules(t testing.TB) masspayout.Rules {
	t.Helper()
	project := func(id, owner int64, s merchant.Settings) *merchant.Project {
		return &merchant.Project{ID: id, MerchantID: owner, Mode: merchant.Test, Settings: s}
	}
	off := map[string]merchant.MethodSettings{kyrgyzstan: {Disabled: true}}
	projects := map[int64]*merchant.Project{
		210: project(210, 7, merchant.Settings{}),
		211: project(211, 7, merchant.Settings{AccountCheck: account.Warn}),
		212: project(212, 7, merchant.Settings{AccountCheck: account.Strict}),
		213: project(213, 7, merchant.Settings{Methods: off}),
		214: project(214, 7, merchant.Settings{}),
		220: project(220, 8, merchant.Settings{}),
	}
	projects[214].Blocked = true
	return masspayout.Rules{
		Payouts: &accept.Service{Banks: account.Banks{"109": "Test bank"}},
		Method:  methods(t).Get,
		Project: func(id int64) (*merchant.Project, bool) { p, ok := projects[id]; return p, ok },
		Sender:  projects[210],
		Now:     today,
	}
}

const head = "operation_type;general.project_id;method;general.payment_id;payment.amount;payment.currency;account.number;customer.id;customer.ip_address\n"

// line is a good row with some cells changed: "payment.amount=1".
func line(changes ...string) string {
	names := strings.Split(strings.TrimSpace(head), ";")
	cells := []string{"payout", "210", kyrgyzstan, "id-1", "200000", "KGS", "1090000000000060", "c-1", "192.0.2.1"}
	for _, c := range changes {
		name, value, _ := strings.Cut(c, "=")
		for i := range names {
			if names[i] == name {
				cells[i] = value
			}
		}
	}
	return strings.Join(cells, ";") + "\n"
}

func id(n int) string { return fmt.Sprintf("general.payment_id=id-%d", n) }

func checkFile(t testing.TB, name, text string, o masspayout.Options) *masspayout.Report {
	t.Helper()
	c := masspayout.Checker{Rules: rules(t)}
	o.Name = name
	report, err := c.Check(t.Context(), strings.NewReader(text), o)
	if err != nil {
		t.Fatal(err)
	}
	if report.Good+report.Bad != report.Rows {
		t.Errorf("%d good and %d bad rows of %d", report.Good, report.Bad, report.Rows)
	}
	return report
}

// render writes a report as golden files have it.
func render(r *masspayout.Report) string {
	var b strings.Builder
	fmt.Fprintf(&b, "rows %d, good %d, bad %d", r.Rows, r.Good, r.Bad)
	if r.Unreadable != nil {
		b.WriteString(", unreadable")
	}
	b.WriteString("\n")
	for _, t := range r.Totals {
		fmt.Fprintf(&b, "total of project %d: %d %s of %d rows\n", t.ProjectID, t.Amount, t.Currency, t.Rows)
	}
	for _, f := range r.Faults {
		fmt.Fprintf(&b, "fault %d %s | %s | %s\n", f.Line, f.Column, f.Message, f.Advice)
	}
	for _, w := range r.Warnings {
		fmt.Fprintf(&b, "warning %d %s | %s | %s\n", w.Line, w.Column, w.Kind, w.Message)
	}
	return b.String()
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", "golden", strings.NewReplacer(" ", "-", "/", "-").Replace(name)+".txt")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

func windows1251(text string) string {
	s, err := charmap.Windows1251.NewEncoder().String(text)
	if err != nil {
		panic(err)
	}
	return s
}

// cardHead has the columns of cards, too.
const cardHead = "operation_type;general.project_id;method;general.payment_id;payment.amount;payment.currency;account.number;customer.id;customer.ip_address;card.year;card.month\n"

func cardLine(id, year, month string) string {
	return strings.TrimSuffix(line("method=card", "general.payment_id="+id, "account.number="), "\n") + ";" + year + ";" + month + "\n"
}

// TestReports holds what a check says of each file, word for word.
func TestReports(t *testing.T) {
	t.Parallel()
	for _, c := range reports {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var b strings.Builder
			for i, text := range c.files {
				name := c.file
				if i > 0 {
					b.WriteString("--\n")
				}
				b.WriteString(render(checkFile(t, name, text, masspayout.Options{})))
			}
			golden(t, c.name, b.String())
		})
	}
}

// TestEveryMessageIsTold holds that each message of the platform's table stands in some report, as it stands in the table.
func TestEveryMessageIsTold(t *testing.T) {
	t.Parallel()
	told := make(map[string]bool)
	for _, c := range reports {
		for _, text := range c.files {
			for _, f := range checkFile(t, c.file, text, masspayout.Options{}).Faults {
				told[f.Message] = true
				for n := range 40 {
					told[strings.Replace(f.Message, fmt.Sprintf("(line# %d)", n), "(line# number)", 1)] = true
				}
				if f.Advice == "" {
					t.Errorf("%s: line %d, %s: no advice", c.name, f.Line, f.Message)
				}
			}
		}
	}
	for _, m := range masspayout.Messages() {
		if !told[string(m)] {
			t.Errorf("%q is in no report", m)
		}
	}
	if n := len(masspayout.Messages()); n != 18 {
		t.Errorf("%d messages in the table", n)
	}
}

func TestTheFaultsDownloadIsTheFileWithTwoColumnsMore(t *testing.T) {
	t.Parallel()
	text := "\ufeff" + strings.TrimSuffix(head, "\n") + ";payment.description;Note\n" +
		strings.TrimSuffix(line(), "\n") + ";-5% of it;=1+1\n" +
		strings.TrimSuffix(line(id(2), "payment.amount=12.50"), "\n") + ";+996;@x\n" +
		strings.TrimSuffix(line(id(3), "payment.amount=x", "payment.currency=kgs"), "\n") + ";\"a;=b\";\n"
	var out bytes.Buffer
	report := checkFile(t, "a.csv", text, masspayout.Options{Faults: &out})
	if report.Bad != 2 {
		t.Fatalf("%d bad rows", report.Bad)
	}
	golden(t, "faults download", out.String())
	mended := strings.NewReplacer("12.50", "200000", `"x"`, `"300000"`, `"kgs"`, `"KGS"`).Replace(out.String())
	var again bytes.Buffer
	second := checkFile(t, "a.csv", mended, masspayout.Options{Faults: &again})
	if second.Bad != 0 || second.Good != 3 {
		t.Errorf("mended: %s", render(second))
	}
	if first, _, _ := strings.Cut(again.String(), "\n"); !strings.HasSuffix(first, `"Note";"error";"advice"`) {
		t.Errorf("the second download begins with %s", first)
	}
	r := rules(t)
	bodies := func(text string) (all []string) {
		reader, err := masspayout.NewReader(strings.NewReader(text), "a.csv", &r)
		if err != nil {
			t.Fatal(err)
		}
		for {
			row, err := reader.Next()
			if err != nil {
				return all
			}
			if in, err := reader.Request(row); err == nil {
				all = append(all, string(in.Body))
			}
		}
	}
	if diff := cmp.Diff(bodies(text)[0], bodies(mended)[0]); diff != "" {
		t.Errorf("a row that came back says something else (-before +after):\n%s", diff)
	}
}

func TestTheRequestIsTheOneThatGateWouldGet(t *testing.T) {
	t.Parallel()
	r := rules(t)
	text := strings.TrimSuffix(head, "\n") + ";customer.phone;customer.city\n" + strings.TrimSuffix(line(), "\n") + ";+996555123456;\n"
	reader, err := masspayout.NewReader(strings.NewReader(text), "", &r)
	if err != nil {
		t.Fatal(err)
	}
	row, err := reader.Next()
	if err != nil || len(row.Faults) > 0 {
		t.Fatal(row.Faults, err)
	}
	in, err := reader.Request(row)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"general":{"project_id":210,"payment_id":"id-1"},"account":{"number":"1090000000000060"},` +
		`"customer":{"id":"c-1","ip_address":"192.0.2.1","phone":"996555123456"},"payment":{"amount":200000,"currency":"KGS"}}`
	if string(in.Body) != want || in.Interface != accept.InterfaceDashboard {
		t.Errorf("body %s\nwant %s", in.Body, want)
	}
	if !json.Valid(in.Body) {
		t.Error("no JSON")
	}
}

func TestTemplates(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	for _, m := range methods(t).All() {
		text := masspayout.Template(m, 210)
		fmt.Fprintf(&b, "%s\n%s", m.Path, text)
		if !m.Enabled {
			continue
		}
		report := checkFile(t, "template.csv", text, masspayout.Options{})
		if report.Bad != 1 || len(report.Faults) != 1 || !strings.Contains(report.Faults[0].Advice, "sample") {
			t.Errorf("%s: the sample row as it is: %s", m.Path, render(report))
		}
		filled := strings.ReplaceAll(text, "sample-row-delete-it", "id-1")
		if report := checkFile(t, "template.csv", filled, masspayout.Options{}); report.Good != 1 {
			t.Errorf("%s: the sample row with an id of its own: %s", m.Path, render(report))
		}
	}
	golden(t, "templates", b.String())
}

func TestFaultsAreCountedBeyondThoseKept(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString(head)
	for n := range 2500 {
		b.WriteString(line(id(n), "payment.amount=0"))
	}
	var out bytes.Buffer
	report := checkFile(t, "", b.String(), masspayout.Options{Faults: &out})
	if report.Bad != 2500 || len(report.Faults) != masspayout.Kept || report.AllFaults != 2500 {
		t.Errorf("%d bad rows, %d faults kept of %d", report.Bad, len(report.Faults), report.AllFaults)
	}
	if n := strings.Count(out.String(), "Incorrect Amount"); n != 2500 {
		t.Errorf("%d faults in the download", n)
	}
}

// TestFilesOfLibreOffice checks one sheet as LibreOffice Calc saves it, in a live project: with its numbers as text and as
// numbers, between semicolons and between commas, in UTF-8, Windows-1251 and a character set that has no Cyrillic.
func TestFilesOfLibreOffice(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob("testdata/libreoffice/*.csv")
	if err != nil || len(paths) != 7 {
		t.Fatal(paths, err)
	}
	r := rules(t)
	r.Sender = &merchant.Project{ID: 210, MerchantID: 7, Mode: merchant.Live}
	r.Project = func(id int64) (*merchant.Project, bool) { return r.Sender, id == 210 }
	c := masspayout.Checker{Rules: r}
	var b strings.Builder
	for _, path := range paths {
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		report, err := c.Check(t.Context(), f, masspayout.Options{Name: filepath.Base(path)})
		if err := errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "== %s\n%s", filepath.Base(path), render(report))
	}
	golden(t, "libreoffice", b.String())
}
