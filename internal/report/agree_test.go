package report_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"flashpay/internal/dataapi"
	"flashpay/internal/ledger"
	"flashpay/internal/payout"
	"flashpay/internal/staff"
	"flashpay/internal/store/figures"
	"flashpay/internal/store/people"
	"flashpay/signature"
)

// analytics are the figures that boards show of the projects, from rollups.
func (d *desk) analytics(t *testing.T, what figures.Metric, projects []int64) map[string]int64 {
	t.Helper()
	rows, err := figures.Of(d.Store).Sum(t.Context(), figures.Query{
		What: what, Projects: projects, From: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), To: d.Store.Now().Truncate(time.Hour).Add(2 * time.Hour),
		By: []figures.Column{figures.Currency, figures.Status},
	})
	d.must(err)
	out := make(map[string]int64)
	for _, r := range rows {
		if r.Payments > 0 {
			key := r.Currency + " " + string(r.Status)
			out[key], out[key+" rows"] = r.Amount, r.Payments
		}
	}
	return out
}

// program reads from the Data API.
type program struct {
	d       *desk
	handler http.Handler
	token   people.Token
}

func (d *desk) program(projects []int64) *program {
	d.t.Helper()
	known, _ := d.Store.Project(projects[0])
	directory := people.New(d.Store)
	email := fmt.Sprintf("program-%v@example.kg", projects)
	u := &people.UserRecord{User: staff.User{MerchantID: known.MerchantID, Email: strings.NewReplacer("[", "", "]", "", " ", "-").Replace(email), Roles: []staff.Role{staff.Finance}, Projects: projects}}
	d.must(directory.CreateUser(d.t.Context(), email, u, nil, "test"))
	p := &program{d, dataapi.New(dataapi.Config{Store: d.Store}).Handler(), people.NewToken()}
	d.must(directory.SetToken(d.t.Context(), "", u.ID, p.token, "test"))
	return p
}

// ask sends members, as JSON without braces, and returns a list of the answer.
func (p *program) ask(path, members, list string) []signature.Value {
	p.d.t.Helper()
	body := `{"token":` + strconv.Quote(p.token.Token) + members
	sign, err := signature.Sign([]byte(body+"}"), p.token.Secret)
	p.d.must(err)
	r := httptest.NewRequestWithContext(p.d.t.Context(), http.MethodPost, "http://127.0.0.1"+path, strings.NewReader(body+`,"signature":`+strconv.Quote(sign)+"}"))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	p.handler.ServeHTTP(w, r)
	tree, err := signature.Parse(w.Body.Bytes())
	if err != nil || w.Code != http.StatusOK {
		p.d.t.Fatalf("%s answered %d %s", path, w.Code, w.Body)
	}
	return tree.Get(list).Items
}

// number reads a sum of an answer.
func (p *program) number(v *signature.Value, path ...string) int64 {
	p.d.t.Helper()
	n, err := strconv.ParseInt(v.Get(path...).Text, 10, 64)
	p.d.must(err)
	return n
}

// operations are what the Data API says of the operations: sums that were asked for and that were paid by status, and fees.
func (p *program) operations() (asked, paid, fees map[string]int64) {
	p.d.t.Helper()
	asked, paid, fees = make(map[string]int64), make(map[string]int64), make(map[string]int64)
	const most = 1000 // of an answer
	const members = `,"tz":"UTC","interval":{"from":"2020-01-01 00:00:00","to":"2120-01-01 00:00:00"},"fields":["operation_status","sum_initial","sum_converted","fee_amount","fee_currency"]`
	rows := p.ask("/v1/financial-reporting/operations", members, "operations")
	if len(rows) == 0 || len(rows) == most {
		p.d.t.Fatalf("%d operations in an answer", len(rows))
	}
	for i := range rows {
		o := &rows[i]
		for to, sum := range map[string]map[string]int64{"sum_initial": asked, "sum_converted": paid} {
			key := o.Get(to, "currency").Text + " " + o.Get("operation_status").Text
			sum[key] += p.number(o, to, "amount")
			sum[key+" rows"]++
		}
		fees[o.Get("fee_currency").Text] += p.number(o, "fee_amount")
	}
	return asked, paid, fees
}

// balances are what may be paid out, by currency.
func (p *program) balances() map[string]int64 {
	p.d.t.Helper()
	out := make(map[string]int64)
	for _, project := range p.ask("/v1/balance/get", "", "balance") {
		for _, m := range project.Members {
			if m.Name != "name" {
				out[m.Name] += p.number(&m.Value)
			}
		}
	}
	return out
}

// truth is what payments cost in the end: by currency what balances paid, what fees were, and what banks paid.
func (d *desk) truth(payments *table, settled map[string]int64) map[string]int64 {
	d.t.Helper()
	out := maps.Clone(settled)
	if out == nil {
		out = make(map[string]int64)
	}
	for _, row := range payments.rows {
		project, err := strconv.ParseInt(payments.cell(row, "project_id"), 10, 64)
		d.must(err)
		v, err := d.Store.PaymentView(d.t.Context(), project, payments.cell(row, "payment_id"))
		d.must(err)
		o := &v.Operations[0]
		if o.Status == payout.Success {
			cost(out, o, 1, false)
		}
		if v.Payment.Status == payout.Reversed {
			cost(out, o, -1, o.KeepsFee())
		}
	}
	return out
}

// cost adds what an operation cost, sign times.
func cost(to map[string]int64, o *payout.Operation, sign int64, keep bool) {
	amount, fee, currency := o.Cost()
	to[currency+" cost"] += sign * amount
	to[o.Currency+" paid"] += sign * o.Amount
	if !keep {
		to[currency+" fee"] += sign * fee
	}
}

// compareCosts compares ledger and statement with what payments cost.
func (d *desk) compareCosts(t *testing.T, movements *table, want map[string]int64, projects []int64) {
	t.Helper()
	got := make(map[string]int64)
	for sign, side := range map[int64]string{1: "credit", -1: "debit"} {
		for key, sum := range movements.sums("amount", "currency", side) {
			currency, account, _ := strings.Cut(key, " ")
			switch account {
			case ledger.Settlement.String():
				got[currency+" paid"] += sign * sum
			case ledger.Fees.String():
				got[currency+" fee"] += sign * sum
			}
		}
	}
	statements := d.statements(t, projects)
	for currency, s := range statements {
		got[currency+" cost"] = -s.Of(ledger.Payouts, ledger.Exchanges, ledger.Refunds, ledger.ExchangeReturns).Total()
		if fees := -s.Of(ledger.PayoutFees, ledger.RefundedFees, ledger.OtherFees).Total(); fees != want[currency+" fee"] {
			t.Errorf("%s: the statement has fees of %d, payments cost %d", currency, fees, want[currency+" fee"])
		}
	}
	for key := range want {
		if got[key] != want[key] {
			t.Errorf("%s: ledger and statement have %d, payments %d", key, got[key], want[key])
		}
	}
	for key := range got {
		if got[key] != want[key] {
			t.Errorf("%s: ledger and statement have %d, payments %d", key, got[key], want[key])
		}
	}
}

// compareProgram compares what a program reads with the reports and the ledger.
func (d *desk) compareProgram(t *testing.T, asked, paid, want, settled map[string]int64, projects []int64) {
	t.Helper()
	p := d.program(projects)
	gotAsked, gotPaid, fees := p.operations()
	if !reflect.DeepEqual(gotAsked, asked) || !reflect.DeepEqual(gotPaid, paid) {
		t.Errorf("the Data API has %v and %v, reports %v and %v", gotAsked, gotPaid, asked, paid)
	}
	for currency, sum := range fees {
		if charged := want[currency+" fee"] - settled[currency+" fee"]; sum != charged {
			t.Errorf("%s: the Data API has fees of %d, payments %d", currency, sum, charged)
		}
	}
	have := make(map[string]int64)
	for _, project := range projects {
		balances, err := d.Store.Balances(t.Context(), project)
		d.must(err)
		for currency, b := range balances {
			have[currency] += b.Sum(ledger.Available)
		}
	}
	if got := p.balances(); !reflect.DeepEqual(got, have) {
		t.Errorf("the Data API has balances of %v, the ledger %v", got, have)
	}
}
