package report_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"flashpay/internal/merchant"
	"flashpay/internal/payout"
	"flashpay/internal/report"
	"flashpay/internal/rule"
	"flashpay/internal/staff"
	"flashpay/internal/store"
	"flashpay/internal/store/files"
	"flashpay/internal/store/jobs"
	"flashpay/internal/store/people"
	"flashpay/internal/storetest"
	"flashpay/internal/work"
)

// clock is a clock that tests set.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time          { return time.Now().Add(time.Duration(c.ahead.Load())) }
func (c *clock) advance(d time.Duration) { c.ahead.Add(int64(d)) }

// desk is a service over a database with two projects and a user who sees one of them.
type desk struct {
	*report.Service
	*clock
	t    testing.TB
	url  string
	user int64
}

func newDesk(t testing.TB, url string) *desk {
	t.Helper()
	d := &desk{t: t, url: url, clock: &clock{}}
	d.Service = &report.Service{Store: d.open()}
	for _, id := range []int64{210, 211} {
		p := &merchant.Project{ID: id, Name: fmt.Sprint("Shop ", id), Mode: merchant.Test, Settings: merchant.Settings{CallbackURL: "http://192.0.2.1/callback"}}
		d.must(d.Store.CreateProject(t.Context(), p, "secret", map[string]int64{"KGS": 1 << 40}, "test"))
	}
	d.user = d.newUser("aida@example.kg", staff.User{Projects: []int64{210}, Roles: []staff.Role{staff.Finance}, Language: "ru", Zone: "Asia/Bishkek"})
	return d
}

func (d *desk) open() *store.Store {
	d.t.Helper()
	s, err := store.Open(d.t.Context(), store.Config{URL: d.url, Keyset: storetest.Keyset(), Serve: true, Clock: d.now})
	d.must(err)
	d.t.Cleanup(func() { _ = s.Close(context.Background()) })
	return s
}

func (d *desk) must(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

// payout makes a payout and ends it; a negative sum is declined at once.
func (d *desk) payout(project int64, id string, amount int64, event payout.Event, code int) {
	d.t.Helper()
	declined := amount < 0
	amount = max(amount, -amount)
	_, err := d.Store.Accept(d.t.Context(), &store.NewPayout{
		ProjectID: project, PaymentID: id, Method: "bank-transfer/kyrgyzstan", MethodTitle: "Bank transfer Kyrgyzstan", Amount: amount, Currency: "KGS",
		Account: "00004598", AccountMask: "0000**98", CustomerID: "customer123", Description: "salary", Interface: 1, Threshold: time.Hour,
		Request:  fmt.Appendf(nil, `{"customer":{"ip_address":"192.0.2.7"},"account":{"number":"00004598"}}`),
		Provider: "bank-" + id, ProviderID: 7,
		Check: rule.Item{
			Method: "bank-transfer/kyrgyzstan", Currencies: []string{"KGS"}, MinAmount: 1, MaxAmount: 1 << 40, Amount: amount, Currency: "KGS", BadAccount: declined,
		},
	})
	d.must(err)
	if event != 0 {
		d.settle(project, id, event, code)
	}
}

func (d *desk) settle(project int64, id string, event payout.Event, code int) {
	d.t.Helper()
	work, err := d.Store.LeaseOperations(d.t.Context(), store.Lease{
		ProjectID: project, Provider: "bank-" + id, N: 1, Submit: true, SubmitDeadline: time.Second, Duration: time.Minute,
	})
	if err != nil || len(work) != 1 {
		d.t.Fatal(len(work), err)
	}
	d.apply(work[0], event, code)
}

func (d *desk) apply(w *store.Work, event payout.Event, code int) {
	d.t.Helper()
	after, err := d.Store.Apply(d.t.Context(), store.Step{
		Payment: w.Payment, Operation: w.Operation, Event: event, Kind: event.String(), Code: code, Detail: store.Detail{}.Int("code", int64(code)),
		ProviderPaymentID: "B-" + w.Payment.PaymentID, NextAt: d.now().Add(time.Hour),
	})
	d.must(err)
	w.Payment, w.Operation = after.Payment, after.Operation
}

// order makes an order of a form's values.
func (d *desk) order(user int64, values string) report.Order {
	d.t.Helper()
	form, err := url.ParseQuery(values)
	d.must(err)
	q, faults := report.Parse(form, report.Reader{Projects: []int64{210, 211}})
	if faults != nil {
		d.t.Fatal(faults)
	}
	return report.Order{Request: *q, UserID: user, Actor: "test"}
}

// write makes a report at once, and returns its lines.
func (d *desk) write(values string) []string {
	d.t.Helper()
	o := d.order(0, values)
	var out bytes.Buffer
	made, err := d.Write(d.t.Context(), &out, &o.Request, []int64{210, 211}, nil)
	d.must(err)
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	if made.Rows != int64(len(lines)-1) || made.AsOf.IsZero() {
		d.t.Errorf("%+v, but there are %d lines", made, len(lines))
	}
	return lines
}

// run has runners work until what done asks for has come about.
func (d *desk) run(done func() bool, services ...*report.Service) {
	d.t.Helper()
	ctx, stop := context.WithCancel(d.t.Context())
	var runners sync.WaitGroup
	for _, s := range services {
		runner := work.NewRunner(work.RunnerConfig{Store: s.Store, Kinds: s.Jobs(), Poll: 20 * time.Millisecond})
		runners.Go(func() { _ = runner.Run(ctx) })
	}
	defer runners.Wait()
	defer stop()
	for deadline := time.Now().Add(time.Minute); !done(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			d.t.Fatal("nothing came of it in a minute")
		}
	}
}

func (d *desk) get(id int64) *report.Report {
	d.t.Helper()
	r, err := d.Get(d.t.Context(), 0, id)
	d.must(err)
	return r
}

// make has a report made.
func (d *desk) make(id int64) *report.Report {
	d.t.Helper()
	d.run(func() bool { return d.get(id).State.Ended() }, d.Service)
	return d.get(id)
}

func (d *desk) download(user, id int64) (string, error) {
	_, file, err := d.Open(d.t.Context(), user, id, "test")
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(file)
	return string(text), errors.Join(err, file.Close())
}

func TestFormats(t *testing.T) {
	t.Parallel()
	d := newDesk(t, storetest.URL(t, storetest.SQLite))
	d.payout(210, "Order-1", 123456, payout.Succeeded, 0)
	d.payout(210, "=cmd|' /C calc'!A0", 5, 0, 0)
	const plain = "kind=operations&columns=payment_id,sum_initial.amount,customer_ip,operation_status,arn"
	want := []string{
		`"payment_id","sum_initial.amount","customer_ip","operation_status","arn"`,
		`"Order-1","1234.56","192.0.2.7","success",""`, `"'=cmd|' /C calc'!A0","0.05","192.0.2.7","processing",""`,
	}
	if got := d.write(plain); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	got := d.write(plain + "&separator=semicolon&decimal=comma&bom=yes&header=ru&status=success")
	if want := "\ufeff\"ID платежа\";\"Запрошенная сумма\";\"IP клиента\";\"Статус операции\";\"arn\"\n\"Order-1\";\"1234,56\";\"192.0.2.7\";\"success\";\"\""; strings.Join(got, "\n") != want {
		t.Errorf("got  %q\nwant %q", strings.Join(got, "\n"), want)
	}
	if got := d.write("kind=payments&columns=created_at&zone=Asia/Bishkek&status=success"); !strings.HasSuffix(got[1], `+06:00"`) {
		t.Errorf("a time of Bishkek: %s", got[1])
	}
	o := d.order(0, plain+"&gzip=yes")
	var out bytes.Buffer
	_, err := d.Write(t.Context(), &out, &o.Request, []int64{210}, nil)
	d.must(err)
	packed, err := gzip.NewReader(&out)
	d.must(err)
	text, err := io.ReadAll(packed)
	if err != nil || string(text) != strings.Join(want, "\n")+"\n" {
		t.Errorf("unpacked: %q, %v", text, err)
	}
	if got := d.write("kind=movements&project=211&from=2020-01-01&to=2020-01-01"); len(got) != 1 || !strings.HasPrefix(got[0], `"movement_id",`) {
		t.Errorf("a report of nothing: %q", got)
	}
}

func TestInTheBackground(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		d := newDesk(t, url)
		d.payout(210, "mine", 100, payout.Succeeded, 0)
		d.payout(211, "another's", 100, payout.Succeeded, 0)
		o := d.order(d.user, "kind=payments&columns=payment_id")
		id, err := d.Add(t.Context(), "form-1", o)
		d.must(err)
		again, err := d.Add(t.Context(), "form-1", o)
		if err != nil || again != id {
			t.Errorf("asked for twice: %d and %d, %v", id, again, err)
		}
		if _, err := d.download(d.user, id); !errors.Is(err, report.ErrNotReady) {
			t.Errorf("before it is made: %v", err)
		}
		r := d.make(id)
		if r.State != jobs.Done || r.Rows != 1 || r.AsOf.IsZero() || r.KeptUntil.Sub(r.EndedAt) != report.KeepFor {
			t.Errorf("%+v", r)
		}
		if text, err := d.download(d.user, id); err != nil || text != "\"payment_id\"\n\"mine\"\n" {
			t.Errorf("%q, %v", text, err)
		}
		list, err := d.List(t.Context(), d.user, nil, 10)
		if err != nil || len(list) != 1 || list[0].ID != id || list[0].Order.Request.Kind != "payments" {
			t.Errorf("list %+v, %v", list, err)
		}
		if list, err := d.List(t.Context(), d.user, list[0], 10); err != nil || len(list) != 0 {
			t.Errorf("behind the last one: %+v, %v", list, err)
		}
		stranger := d.newUser("stranger@example.kg", staff.User{AllProjects: true, Roles: []staff.Role{staff.Finance}})
		if _, err := d.download(stranger, id); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("to somebody else: %v", err)
		}
		if err := d.Cancel(t.Context(), stranger, id, "test"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("cancelled by somebody else: %v", err)
		}
		if err := d.Cancel(t.Context(), d.user, id, "test"); !errors.Is(err, jobs.ErrEnded) {
			t.Errorf("cancelled when it was ready: %v", err)
		}
		d.change(d.user, func(u *staff.User) { u.Projects = []int64{211} })
		if _, err := d.download(d.user, id); err == nil {
			t.Error("who does not see the project any more has its report")
		}
		other, err := d.Add(t.Context(), "", o)
		d.must(err)
		d.change(d.user, func(u *staff.User) { u.Withheld = []staff.Right{staff.ManageReports} })
		if r := d.make(other); r.State != jobs.Failed || !strings.Contains(r.Outcome, "may not have reports") {
			t.Errorf("without the right: %+v", r)
		}
	})
}

func TestCancelled(t *testing.T) {
	t.Parallel()
	d := newDesk(t, storetest.URL(t, storetest.SQLite))
	id, err := d.Add(t.Context(), "", d.order(d.user, "kind=callbacks"))
	d.must(err)
	d.must(d.Cancel(t.Context(), d.user, id, "test"))
	if r := d.make(id); r.State != jobs.Cancelled {
		t.Errorf("%+v", r)
	}
	if _, err := d.download(d.user, id); !errors.Is(err, report.ErrNotReady) {
		t.Errorf("download: %v", err)
	}
}

// A report that a node leaves in the middle is made by another one, once and whole, and what was left is deleted.
func TestTakenOver(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		d := newDesk(t, url)
		for i := range 30 {
			d.payout(210, fmt.Sprint("P-", i), 100, payout.Succeeded, 0)
		}
		id, err := d.Add(t.Context(), "", d.order(d.user, "kind=payments&columns=payment_id"))
		d.must(err)
		leased, err := jobs.Lease(t.Context(), d.Store, report.JobReport, 1, time.Minute)
		if err != nil || len(leased) != 1 {
			t.Fatal(len(leased), err)
		}
		dying, die := context.WithCancel(t.Context())
		die()
		if err := d.Jobs()[0].Run(dying, leased[0]); err == nil {
			t.Fatal("the node that died has made it")
		}
		d.advance(2 * time.Minute) // the lease ends
		if r := d.make(id); r.State != jobs.Done || r.Rows != 30 {
			t.Errorf("%+v", r)
		}
		text, err := d.download(d.user, id)
		if err != nil || strings.Count(text, "\n") != 31 {
			t.Errorf("%d lines, %v", strings.Count(text, "\n"), err)
		}
		// The dead node comes back: it has nothing to say any more.
		if err := d.Jobs()[0].Run(t.Context(), leased[0]); !errors.Is(err, jobs.ErrLost) {
			t.Errorf("the node that came back: %v", err)
		}
		if again, err := d.download(d.user, id); err != nil || again != text {
			t.Errorf("afterwards: %d bytes, %v", len(again), err)
		}
		d.advance(2 * time.Hour)
		d.must(files.DeleteExpired(t.Context(), d.Store))
		if n := d.kept(); n != 1 {
			t.Errorf("%d files are left", n)
		}
	})
}

// kept counts the files that there are: on disk beside SQLite, else in the database.
func (d *desk) kept() (n int) {
	d.t.Helper()
	if path := d.Store.Path(); path != "" {
		entries, err := os.ReadDir(files.Folder(path))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			d.t.Fatal(err)
		}
		for _, e := range entries {
			if e.Type().IsRegular() && filepath.Ext(e.Name()) == "" {
				n++
			}
		}
		return n
	}
	found, err := d.Store.DB().Numbers(d.t.Context(), "SELECT DISTINCT file FROM file_chunks")
	d.must(err)
	return len(found)
}

func TestKeptForFourDays(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		d := newDesk(t, url)
		id, err := d.Add(t.Context(), "", d.order(d.user, "kind=movements"))
		d.must(err)
		d.make(id)
		drop := func() {
			t.Helper()
			d.must(files.DeleteExpired(t.Context(), d.Store))
			for _, k := range d.Jobs() {
				d.must(jobs.DeleteExpired(t.Context(), d.Store, k.Name, k.Clean))
			}
		}
		d.advance(report.KeepFor - time.Hour)
		drop()
		if text, err := d.download(d.user, id); err != nil || !strings.Contains(text, `"top-up"`) || d.kept() != 1 {
			t.Errorf("an hour before its end: %q, %v, %d files", text, err, d.kept())
		}
		d.advance(2 * time.Hour)
		d.must(files.DeleteExpired(t.Context(), d.Store))
		if _, err := d.download(d.user, id); !errors.Is(err, report.ErrGone) || d.kept() != 0 {
			t.Errorf("after its end: %v, %d files", err, d.kept())
		}
		drop()
		if list, err := d.List(t.Context(), d.user, nil, 10); err != nil || len(list) != 0 {
			t.Errorf("the list has %+v, %v", list, err)
		}
	})
}

func (d *desk) newUser(email string, u staff.User) int64 {
	d.t.Helper()
	account := &people.UserRecord{User: u}
	account.Email, account.Name = email, email
	d.must(people.New(d.Store).CreateUser(d.t.Context(), "", account, nil, "test"))
	return account.ID
}

func (d *desk) change(id int64, change func(*staff.User)) {
	d.t.Helper()
	account, err := people.New(d.Store).User(d.t.Context(), id)
	d.must(err)
	change(&account.User)
	d.must(people.New(d.Store).ChangeRights(d.t.Context(), "", &account.User, "test"))
}
