package dataapi_test

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"flashpay/internal/dataapi"
	"flashpay/internal/money"
	"flashpay/internal/payout"
	"flashpay/internal/rates"
	"flashpay/internal/staff"
	"flashpay/internal/store"
	"flashpay/internal/storetest"
	"flashpay/signature"
)

// columnsOf are the documented columns of operations/get, name and type, in their order; and which of them are required.
func columnsOf(t *testing.T) (names []string, types map[string]string, required []string) {
	t.Helper()
	file, err := os.Open("../record/data-api-columns.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	types = make(map[string]string)
	for _, row := range rows[1:] {
		if !strings.HasPrefix(row[3], "operations/get:") && !strings.HasPrefix(row[0], "sum_") {
			continue
		}
		names, types[row[0]] = append(names, row[0]), row[1]
		if row[2] == "yes" {
			required = append(required, row[0])
		}
	}
	return names, types, required
}

// TestEveryColumnIsAnswered holds the table of columns: all of them come where they are asked for, in its order whatever the order of
// the names, each of its type; without names the required ones come.
func TestEveryColumnIsAnswered(t *testing.T) {
	t.Parallel()
	d := newDesk(t, storetest.URL(t, storetest.SQLite))
	d.pay(210, "p", 100, payout.Succeeded, 0)
	names, types, required := columnsOf(t)
	whole := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return strings.Contains(name, ".") })
	asked := slices.Clone(whole)
	slices.Reverse(asked)
	fields, err := json.Marshal(asked)
	d.must(err)
	row := &d.ask("/v1/operations/get", `"fields":`+string(fields)).tree.Get("operations").Items[0]
	d.wants(memberNames(row), whole...)
	kinds := map[string]signature.Kind{"string": signature.String, "integer": signature.Number, "object": signature.Object}
	for _, name := range names {
		if v := row.Get(strings.Split(name, ".")...); v == nil || v.Kind != kinds[types[name]] {
			t.Errorf("%s: %+v, want %s", name, v, types[name])
		}
	}
	d.handler = dataapi.New(dataapi.Config{Store: d.store}).Handler() // neither pace nor turn
	usual := &d.ask("/v1/operations/get", "").tree.Get("operations").Items[0]
	d.wants(memberNames(usual), slices.DeleteFunc(required, func(name string) bool { return strings.Contains(name, ".") })...)
	if len(names) < 50 || len(required) < 20 {
		t.Errorf("%d columns, %d of them required: the table was not read", len(names), len(required))
	}
}

// A payment's operations come newest first, with the documented columns in the documented types.
func TestOperationsOfAPayment(t *testing.T) {
	t.Parallel()
	d := newDesk(t, storetest.URL(t, storetest.SQLite))
	d.pay(210, "p", 100, payout.Succeeded, 0)
	d.reverse(210, "p")
	a := d.ask("/v1/operations/get-by-payment", `"payment_id":"p"`)
	d.wants(a.list("operation_type"), payout.TypeReversal, "payout")
	row := &a.tree.Get("operations").Items[0]
	d.wants(memberNames(row), "operation_id", "operation_type", "operation_created_at", "operation_completed_at", "amount", "currency", "arn", "rrn")
	for _, m := range row.Members {
		if want := map[bool]signature.Kind{true: signature.Number, false: signature.String}[m.Name == "amount"]; m.Value.Kind != want {
			t.Errorf("%s is of kind %v", m.Name, m.Value.Kind)
		}
	}
}

// Without a limit an answer has 1,000 operations, and a filter by one customer may be a string.
func TestAThousandIsTheLimit(t *testing.T) {
	t.Parallel()
	d := newDesk(t, storetest.URL(t, storetest.SQLite))
	var accepting errgroup.Group
	accepting.SetLimit(100)
	for i := range 1001 {
		accepting.Go(func() error { d.accept(210, fmt.Sprint("p-", i), 1); return nil })
	}
	d.must(accepting.Wait())
	for members, want := range map[string]int{"": 1000, `"limit":"1000","offset":"1000"`: 1, `"customer_id":"c-p-7"`: 1} {
		d.handler = dataapi.New(dataapi.Config{Store: d.store}).Handler() // neither pace nor turn
		if got := d.ask("/v1/operations/get", members).list("payment_id"); len(got) != want {
			t.Errorf("%s: %d operations, want %d", members, len(got), want)
		}
	}
}

// Rates: of an interval of less than an hour those that held at its beginning, else those that began in it; by currency, in the zone.
func TestRatesOfAnInterval(t *testing.T) {
	t.Parallel()
	d := newDesk(t, storetest.URL(t, storetest.SQLite))
	at := time.Date(2024, 5, 22, 18, 0, 0, 0, time.UTC)
	for i, value := range []int64{87, 88} {
		q := rates.Quote{Source: rates.NBKR, Series: rates.Daily, Base: "USD", Term: "KGS", Value: money.Whole(value), ValidFrom: at.AddDate(0, 0, i)}
		_, err := d.store.AddRates(t.Context(), []rates.Quote{q}, store.By{Actor: "test"})
		d.must(err)
	}
	for members, want := range map[string]string{
		`"tz":"Asia/Bishkek","filter":{"merchant":1,"currency":"USD","interval":{"from":"2024-05-23 12:00:00","to":"2024-05-23 12:10:00"}}`: "87 2024-05-23T00:00:00+06:00",
		`"tz":"Asia/Bishkek","filter":{"currency":"KGS","interval":{"from":"2024-05-24 00:00:00","to":"2024-05-24 23:59:59"}}`:              "88 2024-05-24T00:00:00+06:00",
		`"tz":"UTC","filter":{"interval":{"from":"2024-05-22 00:00:00","to":"2024-05-24 00:00:00"}}`:                                        "87 2024-05-22T18:00:00+00:00,88 2024-05-23T18:00:00+00:00",
		`"tz":"UTC","filter":{"currency":"GEL","interval":{"from":"2024-05-22 00:00:00","to":"2024-05-24 00:00:00"}}`:                       "",
	} {
		a := d.ask("/v1/currency-rates/get", members)
		var got []string
		for i := range a.tree.Get("rates").Items {
			item := &a.tree.Get("rates").Items[i]
			got = append(got, item.Get("rate").Text+" "+item.Get("valid_from").Text)
		}
		d.wants(got, strings.Split(want, ",")...)
		if want == "" && len(got) > 0 {
			t.Errorf("%s: %v", members, got)
		}
	}
	d.ask("/v1/currency-rates/get", `"filter":{"merchant":"x"}`).refused(http.StatusBadRequest, "filter.merchant")
	d.ask("/v1/currency-rates/get", `"filter":{"interval":{"from":"2020-01-01 00:00:00","to":"2024-01-01 00:00:00"}}`).refused(http.StatusBadRequest, "a year")
}

// A token has 30 characters and no end. It follows its account's rights at once, but for the right to manage tokens: without it the
// token of before stays usable.
func TestTokensStayAndRightsChange(t *testing.T) {
	t.Parallel()
	d := newDesk(t, storetest.URL(t, storetest.SQLite))
	if n := len([]rune(d.token.Token)); n != 30 {
		t.Errorf("the token has %d characters", n)
	}
	withheld := func(rights ...staff.Right) {
		t.Helper()
		account, err := d.people.User(t.Context(), d.user)
		d.must(err)
		account.Withheld = rights
		d.must(d.people.ChangeRights(t.Context(), "", &account.User, "cli:root"))
	}
	withheld(staff.ManageTokens)
	if a := d.ask("/v1/balance/get", ""); a.Status != http.StatusOK {
		t.Errorf("without the right to manage tokens: %d %s", a.Status, a.Raw)
	}
	withheld(staff.ViewBalances)
	d.ask("/v1/balance/get", "").refused(http.StatusForbidden, "finance.view")
	withheld()
	if a := d.ask("/v1/balance/get", ""); a.Status != http.StatusOK {
		t.Errorf("with all rights again: %d %s", a.Status, a.Raw)
	}
}
