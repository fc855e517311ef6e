package report_test

import (
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"flashpay/internal/payout"
	"flashpay/internal/report"
)

var reader = report.Reader{Projects: []int64{210, 211}, Zone: "Asia/Bishkek", Language: "ru"}

func TestParse(t *testing.T) {
	t.Parallel()
	got, faults := report.Parse(url.Values{
		"kind": {"operations"}, "columns": {"payment_id, customer_ip", "sum_initial.amount"}, "project": {"211"}, "from": {"2026-03-01"}, "to": {"2026-03-31"},
		"method": {"bank-transfer/kyrgyzstan"}, "status": {"success", "decline"}, "code": {"0"}, "currency": {"KGS"}, "min": {"10,50"}, "max": {"100"},
		"separator": {"semicolon"}, "decimal": {"comma"}, "bom": {"yes"}, "gzip": {"yes"}, "header": {"own"},
	}, reader)
	if faults != nil {
		t.Fatal(faults)
	}
	bishkek := time.FixedZone("", 6*60*60)
	want := &report.Request{
		Kind: "operations", Columns: []string{"payment_id", "customer_ip", "sum_initial.amount"}, Projects: []int64{211}, Zone: "Asia/Bishkek",
		From: time.Date(2026, 3, 1, 0, 0, 0, 0, bishkek).UTC(), To: time.Date(2026, 4, 1, 0, 0, 0, 0, bishkek).UTC(),
		Methods: []string{"bank-transfer/kyrgyzstan"}, Statuses: []payout.Status{payout.Success, payout.Decline}, Codes: []int{0}, Currencies: []string{"KGS"},
		MinAmount: 1050, MaxAmount: 10000, Format: report.Format{Semicolon: true, DecimalComma: true, BOM: true, Gzip: true, Header: "ru"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// A second that to names is in the report, and the zone is the one that is named.
func TestPeriodToTheSecond(t *testing.T) {
	t.Parallel()
	got, faults := report.Parse(url.Values{
		"kind": {"movements"}, "zone": {"Europe/Berlin"}, "from": {"2026-03-29T01:59:59"}, "to": {"2026-03-29 03:00:00"},
	}, reader)
	if faults != nil {
		t.Fatal(faults)
	}
	// the clocks go from 02:00 to 03:00, so that there are two seconds in it
	if got.From != time.Date(2026, 3, 29, 0, 59, 59, 0, time.UTC) || got.To.Sub(got.From) != 2*time.Second {
		t.Errorf("from %s to %s", got.From, got.To)
	}
}

func TestDefaultColumns(t *testing.T) {
	t.Parallel()
	got, faults := report.Parse(url.Values{"kind": {"operations"}}, reader)
	if faults != nil || len(got.Columns) != 19 || got.Columns[0] != "project_id" || got.Zone != "Asia/Bishkek" {
		t.Errorf("%+v, %v", got, faults)
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		values string
		field  string
		what   report.FaultKind
	}{
		{"kind=chargebacks", "kind", report.FaultUnknown},
		{"", "kind", report.FaultUnknown},
		{"kind=operations&columns=payment_id,nonsense", "columns", report.FaultUnknown},
		{"kind=operations&columns=sum_initial", "columns", report.FaultUnknown},
		{"kind=payments&columns=payment_id,payment_id", "columns", report.FaultTwice},
		{"kind=payments&project=999", "project", report.FaultUnknown},
		{"kind=payments&project=x", "project", report.FaultUnknown},
		{"kind=payments&from=yesterday", "from", report.FaultTime},
		{"kind=payments&to=2026-02-30", "to", report.FaultTime},
		{"kind=payments&from=2026-03-02&to=2026-03-01", "to", report.FaultPeriod},
		{"kind=payments&zone=Asia/Atlantis", "zone", report.FaultUnknown},
		{"kind=payments&zone=Local", "zone", report.FaultUnknown},
		{"kind=payments&status=paid", "status", report.FaultUnknown},
		{"kind=payments&code=-1", "code", report.FaultUnknown},
		{"kind=payments&currency=KGZ", "currency", report.FaultUnknown},
		{"kind=payments&min=10", "min", report.FaultCurrency},
		{"kind=payments&min=ten&currency=KGS", "min", report.FaultAmount},
		{"kind=payments&min=10&max=5&currency=KGS", "max", report.FaultBounds},
		{"kind=movements&status=success", "status", report.FaultFilter},
		{"kind=payments&separator=tab", "separator", report.FaultUnknown},
		{"kind=payments&header=de", "header", report.FaultUnknown},
	} {
		values, err := url.ParseQuery(c.values)
		if err != nil {
			t.Fatal(err)
		}
		got, faults := report.Parse(values, reader)
		if got != nil || len(faults) != 1 || faults[0].Field != c.field || faults[0].What != c.what || !strings.Contains(faults[0].Error(), c.field) {
			t.Errorf("%s: %+v, faults %v; want %s of %s", c.values, got, faults, c.what, c.field)
		}
	}
}

// Every column that is ever filled has a title in each language, and there is no title without a column.
func TestTitles(t *testing.T) {
	t.Parallel()
	for _, k := range report.Kinds {
		for _, c := range k.Columns {
			for _, language := range []string{"en", "ru", "ky"} {
				if title := report.Title(c.Name, language); (title == c.Name || title == "") != c.Absent {
					t.Errorf("%s: %s has the title %q in %s", k.Name, c.Name, title, language)
				}
			}
		}
	}
}
