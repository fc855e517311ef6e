package dashboard

import (
	"bytes"
	"errors"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"flashpay/internal/massbatch"
	"flashpay/internal/merchant"
	"flashpay/internal/money"
	"flashpay/internal/payout"
	"flashpay/internal/staff"
	"flashpay/internal/store"
	"flashpay/internal/store/batches"
	"flashpay/internal/store/jobs"
	"flashpay/internal/tariff"
)

const massHead = "operation_type;general.project_id;method;general.payment_id;payment.amount;payment.currency;account.number;customer.id;customer.ip_address"

// massRow is a row that pays so many som.
func massRow(project int, id string, som int) string {
	account := 0
	for _, c := range id {
		account = (account*31 + int(c)) % 100_000_000
	}
	return fmt.Sprintf("payout;%d;bank-transfer/kyrgyzstan;%s;%d;KGS;10900000%08d;c-1;192.0.2.1", project, id, som*100, account)
}

func massFile(rows ...string) string { return massHead + "\n" + strings.Join(rows, "\n") + "\n" }

// upload uploads a file as a browser does.
func (b *browser) upload(project, name, text string) *answer {
	b.site.t.Helper()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	err := w.WriteField("project", project)
	if err == nil && name != "" {
		file, e := w.CreateFormFile("file", name)
		if e == nil {
			_, e = file.Write([]byte(text))
		}
		err = e
	}
	if err := errors.Join(err, w.Close()); err != nil {
		b.site.t.Fatal(err)
	}
	r := httptest.NewRequestWithContext(b.site.t.Context(), http.MethodPost, "http://127.0.0.1/manual/mass/new", &body)
	r.Header.Set("Content-Type", w.FormDataContentType())
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	got := httptest.NewRecorder()
	b.site.handler.ServeHTTP(got, r)
	return &answer{t: b.site.t, Status: got.Code, Location: got.Header().Get("Location"), Header: got.Header(), Body: got.Body.String()}
}

// takes uploads a file that can be read and returns its batch's path.
func (b *browser) takes(project, name, text string) string {
	b.site.t.Helper()
	return b.upload(project, name, text).wants(http.StatusSeeOther).Location
}

// sendBatches sends what the jobs of batches have to send.
func (s *site) sendBatches() {
	s.t.Helper()
	for {
		leased, err := jobs.Lease(s.t.Context(), s.Store, massbatch.JobKind, 1, time.Hour)
		if err != nil {
			s.t.Fatal(err)
		}
		if len(leased) == 0 {
			break
		}
		if err := s.mass().Job().Run(s.t.Context(), leased[0]); err != nil {
			s.t.Fatal(err)
		}
	}
	if err := s.Store.FollowJournal(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
}

// A clerk uploads a file with faults, sees them with their lines and what to do, and sends the good rows; the mended file pays
// the rest, and nothing twice.
func TestAFileIsCheckedAndSent(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	clerk := s.signedIn(staff.Operations)
	clerk.get("/manual/mass").wants(http.StatusOK).says("No mass payouts yet")
	clerk.get("/manual/mass/new").wants(http.StatusOK).says("190500 is 1,905.00", "210 · Shop")
	bad := massFile(massRow(210, "w1", 500), massRow(210, "w2", 700), strings.Replace(massRow(210, "w3", 900), ";90000;", ";900,00;", 1))
	path := clerk.takes("210", `C:\payroll\ноябрь.csv`, bad)
	page := clerk.get(path).wants(http.StatusOK)
	page.says("ноябрь.csv", "2 of 3 rows can be paid, 1 needs you; 1,200.00\u00a0KGS.", "Only checked", "1 fault", "Incorrect Amount (line# 4)", "Send only the 2 good rows", "payment.amount")
	page.saysNot("payroll", "Send all")
	clerk.get("/manual/mass").wants(http.StatusOK).says("ноябрь.csv", "ready to send", "210 · Shop")

	file := clerk.get(path + "/faults").wants(http.StatusOK)
	if !strings.Contains(file.Body, `"error";"advice"`) || !strings.Contains(file.Body, "Incorrect Amount (line# 4)") || !strings.Contains(file.Header.Get("Content-Disposition"), "_faults.csv") {
		t.Errorf("%v: %s", file.Header, file.Body)
	}
	clerk.get(path + "/send").wants(http.StatusSeeOther) // not as a whole
	clerk.post(path+"/send", "once", "0123456789abcdef-1").wants(http.StatusConflict).says("has rows with faults")
	clerk.get(path+"/send?good=yes").wants(http.StatusOK).says("2 payouts", "1 row with faults is left out", "Send 2 payouts", "1,200.00", "Test project")
	for range 2 { // pressed twice
		clerk.post(path+"/send", "good", "yes", "once", "0123456789abcdef-2").wants(http.StatusSeeOther)
	}
	clerk.get(path).wants(http.StatusOK).says("being sent", "0 of 2 sent", "Pause")
	s.sendBatches()
	if rows := clerk.file(path + "/rows"); len(rows) != 4 || strings.Join(rows[3], "|") != "4|with faults||210|||Incorrect Amount (line# 4)|" || rows[1][1] != "processing" || rows[1][2] != "w1" || rows[1][4] != "500.00" {
		t.Errorf("the rows as a file: %q", rows)
	}
	if rows := clerk.file(path + "/rows?status=with+faults"); len(rows) != 2 || rows[1][0] != "4" {
		t.Errorf("the rows with faults as a file: %q", rows)
	}
	clerk.get(path).wants(http.StatusOK).says("sent", "processing", "with faults").saysNot("Pause")

	mended := clerk.takes("210", "ноябрь.csv", strings.Replace(bad, ";900,00;", ";90000;", 1))
	clerk.get(mended).says("1 of 3 rows can be paid, 2 are paid already; 900.00\u00a0KGS.", "Send 1 payout", "2 warnings", "Paid already, will not be paid again")
	clerk.post(mended+"/send", "once", "0123456789abcdef-3").wants(http.StatusSeeOther)
	s.sendBatches()
	again := clerk.takes("210", "ноябрь.csv", strings.Replace(bad, ";900,00;", ";90000;", 1))
	clerk.get(again).says("0 of 3 rows can be paid, 3 are paid already.", "All rows are paid already", "The same file was uploaded already").saysNot("Send 0")
	clerk.post(again+"/cancel", "once", "0123456789abcdef-4").wants(http.StatusSeeOther)
	clerk.get(again).says("unsent payouts cancelled")
	if ids, err := s.Store.DB().Numbers(t.Context(), "SELECT id FROM payments"); err != nil || len(ids) != 3 {
		t.Errorf("%d payments: %v", len(ids), err)
	}
}

// The fee counts in a file's totals, on its page and before it is sent: the balance must cover sums and fees.
func TestFeesAreInAFilesTotals(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	clerk := s.signedIn(staff.Operations)
	for id, opening := range map[int64]int64{218: 122_600, 219: 122_599} {
		p := &merchant.Project{ID: id, MerchantID: 1, Name: "Charged", Mode: merchant.Test}
		if err := s.Store.CreateProject(t.Context(), p, "key", map[string]int64{"KGS": opening}, "test"); err != nil {
			t.Fatal(err)
		}
		fee := tariff.Holding{Tariff: tariff.Tariff{Fixed: 1_000, Percent: money.Whole(5).Shift(-1)}}
		if _, err := s.Store.SetTariff(t.Context(), id, tariff.Key{Method: "bank-transfer/kyrgyzstan", Currency: "KGS"}, fee, store.By{Actor: "test"}); err != nil {
			t.Fatal(err)
		}
	}
	file := func(project int) string { return massFile(massRow(project, "w1", 500), massRow(project, "w2", 700)) }
	path := clerk.takes("218", "wages.csv", file(218))
	clerk.get(path).wants(http.StatusOK).says("1,200.00\u00a0KGS, fees: 26.00\u00a0KGS.", "From the balance", "1,226.00\u00a0KGS")
	clerk.get(path+"/send").wants(http.StatusOK).says("Fee: 26.00\u00a0KGS", "1,226.00\u00a0KGS").saysNot("Funds are short")
	path = clerk.takes("219", "wages.csv", file(219))
	clerk.get(path).says("fees: 26.00\u00a0KGS, and missing on the balance: 0.01\u00a0KGS.")
	clerk.get(path + "/send").says("Funds are short by 0.01\u00a0KGS")
}

func TestAFileThatCannotBeRead(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	clerk := s.signedInAs(&staff.User{MerchantID: 1, Email: "ru@example.kg", Name: "Aida", Roles: []staff.Role{staff.Operations}, AllProjects: true, Language: "ru"})
	clerk.upload("210", "", "").wants(http.StatusUnprocessableEntity).says("Выберите файл.")
	clerk.upload("210", "wages.csv", "").wants(http.StatusUnprocessableEntity).says("Файл не удалось прочитать", "Файл пуст", "File is empty")
	clerk.upload("210", "wages.xlsx", "PK\x03\x04"+strings.Repeat("x", 1<<20)).wants(http.StatusUnprocessableEntity).says("Неверный формат файла")
	clerk.upload("220", "wages.csv", massFile(massRow(220, "a", 1))).wants(http.StatusNotFound)
	clerk.get("/manual/mass").says("Реестров выплат пока нет")
	if got := s.stranger().upload("210", "wages.csv", massFile(massRow(210, "a", 500))); got.Status != http.StatusSeeOther || got.Location != "/sign-in?next=%2Fmanual%2Fmass%2Fnew" {
		t.Errorf("a stranger's upload: %d to %q", got.Status, got.Location)
	}
}

// A second person approves above the project's sum; whoever uploaded cannot.
func TestASecondPersonApprovesAFile(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	now, _ := s.Store.Project(210)
	p := *now
	p.Settings.Approval = merchant.Sums{"KGS": 100_000}
	if err := s.Store.UpdateProject(t.Context(), &p, "test"); err != nil {
		t.Fatal(err)
	}
	aida, bakyt := s.signedIn(staff.Operations), s.signedIn(staff.Operations)
	ask := func(id string) string {
		path := aida.takes("210", id+".csv", massFile(massRow(210, id+"1", 600), massRow(210, id+"2", 600)))
		aida.get(path+"/send").says("A second person must approve", "Ask for approval of 2 payouts")
		aida.post(path+"/send", "once", "0123456789abcdef-"+id).wants(http.StatusSeeOther)
		aida.get(path).says("waiting for approval", "a second person must decide").saysNot("Approve and pay")
		aida.post(path+"/approve", "once", "0123456789abcdef-self-"+id).wants(http.StatusForbidden)
		return path
	}
	path := ask("a")
	bakyt.get("/manual/waiting").says("Mass payout")
	bakyt.get(path).says("Approve and pay: 1,200.00")
	bakyt.post(path+"/approve", "once", "0123456789abcdef-ok").wants(http.StatusSeeOther)
	bakyt.get(path).says("being sent", "approved")
	s.sendBatches()
	aida.get(path).says("processing", "1,200.00")

	path = ask("b")
	bakyt.post(path+"/reject", "once", "0123456789abcdef-no-1").wants(http.StatusUnprocessableEntity).says("why")
	bakyt.post(path+"/reject", "once", "0123456789abcdef-no-2", "reason", "wrong month").wants(http.StatusSeeOther)
	aida.get(path).says("wrong month", "unsent payouts cancelled", "rejected")
	path = ask("c")
	aida.post(path+"/withdraw", "once", "0123456789abcdef-mine").wants(http.StatusSeeOther)
	bakyt.post(path+"/approve", "once", "0123456789abcdef-late").wants(http.StatusSeeOther)
	aida.get(path).says("withdrawn")
	s.sendBatches()
	if ids, err := s.Store.DB().Numbers(t.Context(), "SELECT id FROM payments"); err != nil || len(ids) != 2 {
		t.Errorf("%d payments: %v", len(ids), err)
	}
}

func TestPauseResumeCancel(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	clerk := s.signedIn(staff.Operations)
	path := clerk.takes("210", "wages.csv", massFile(massRow(210, "a", 500), massRow(210, "b", 500)))
	clerk.post(path+"/pause", "once", "0123456789abcdef-0").wants(http.StatusSeeOther) // nothing is being sent
	clerk.get(path).says("somebody else was faster", "Only checked")
	clerk.post(path+"/send", "once", "0123456789abcdef-1").wants(http.StatusSeeOther)
	clerk.post(path+"/pause", "once", "0123456789abcdef-2").wants(http.StatusSeeOther)
	s.sendBatches()
	clerk.get(path).says("paused", "0 of 2 sent", "Resume sending")
	clerk.post(path+"/resume", "once", "0123456789abcdef-3").wants(http.StatusSeeOther)
	clerk.get(path).says("being sent")
	clerk.post(path+"/cancel", "once", "0123456789abcdef-4").wants(http.StatusSeeOther)
	s.sendBatches()
	clerk.get(path).says("unsent payouts cancelled", "not sent")
	if ids, err := s.Store.DB().Numbers(t.Context(), "SELECT id FROM payments"); err != nil || len(ids) != 0 {
		t.Errorf("%d payments: %v", len(ids), err)
	}
}

// A batch is seen by those who see all projects that it pays from; its clerk pays from no project that they do not see.
func TestBatchesAreSeenByTheirProjects(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	one := s.signedInAs(&staff.User{MerchantID: 1, Email: "one@example.kg", Name: "One", Roles: []staff.Role{staff.Operations}, Projects: []int64{210}})
	all, other := s.signedIn(staff.Operations), s.signedInAs(&staff.User{MerchantID: 2, Email: "other@example.kg", Name: "Other", Roles: []staff.Role{staff.Operations}, AllProjects: true})
	both := all.takes("210", "both.csv", massFile(massRow(210, "a", 500), massRow(211, "b", 500)))
	own := one.takes("210", "own.csv", massFile(massRow(210, "c", 500), massRow(211, "d", 500)))
	one.get(own).wants(http.StatusOK).says("1 of 2 rows can be paid", "Project_id does not exist (line# 3)")
	one.get("/manual/mass").says("own.csv").saysNot("both.csv")
	for _, path := range []string{"", "/faults", "/send", "/rows", "/result", "/declined"} {
		one.get(both + path).wants(http.StatusNotFound)
		other.get(own + path).wants(http.StatusNotFound)
	}
	for _, act := range []string{"/send", "/pause", "/resume", "/cancel", "/approve", "/reject", "/withdraw", "/again"} {
		one.post(both+act, "once", "0123456789abcdef").wants(http.StatusNotFound)
		other.post(own+act, "once", "0123456789abcdef").wants(http.StatusNotFound)
	}
	other.get("/manual/mass").saysNot("own.csv", "both.csv")
	s.signedIn(staff.Operator).get(both).wants(http.StatusOK)
}

func TestTemplatesOfFiles(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	clerk := s.signedIn(staff.Operations)
	got := clerk.get("/manual/mass/template?project=210&method=bank-transfer/kyrgyzstan").wants(http.StatusOK)
	if !strings.Contains(got.Body, "account.number") || !strings.Contains(got.Header.Get("Content-Disposition"), "payouts_210_bank-transfer_kyrgyzstan.csv") {
		t.Errorf("%v: %s", got.Header, got.Body)
	}
	clerk.get("/manual/mass/template?project=220&method=bank-transfer/kyrgyzstan").wants(http.StatusNotFound)
	clerk.get("/manual/mass/template?project=210&method=none").wants(http.StatusNotFound)
	clerk.get(clerk.takes("210", "t.csv", got.Body)).says("The row is the sample")
}

// The part that is live says how fast a batch goes, and where the batch has moved it leads to the whole page.
func TestABatchIsFollowed(t *testing.T) {
	t.Parallel()
	now := time.Date(2027, 3, 1, 9, 0, 0, 0, time.UTC)
	s := newSiteAt(t, func() time.Time { return now })
	clerk := s.signedIn(staff.Operations)
	path := clerk.takes("210", "wages.csv", massFile(massRow(210, "a", 500), massRow(210, "b", 500), massRow(210, "c", 500)))
	clerk.post(path+"/send", "once", "0123456789abcdef-1").wants(http.StatusSeeOther)
	live := regexp.MustCompile(`hx-get="([^"]*)"`).FindStringSubmatch(clerk.get(path).Body)
	if live == nil {
		t.Fatal("the page does not follow its batch")
	}
	clerk.header.Set("HX-Request", "true")
	clerk.header.Set("HX-Target", "live")
	at := fmt.Sprint(now.Add(-6 * time.Second).UnixMilli())
	clerk.get(path+"?was=sending&done=0&at="+at).wants(http.StatusOK).says("0 of 3 sent").saysNot("a minute", "<html")
	s.sendBatches()
	if got := clerk.get(path + "?was=sending&done=0&at=" + at); got.Status != http.StatusNoContent || got.Header.Get("HX-Redirect") != path {
		t.Errorf("a batch that has moved: %d, %v", got.Status, got.Header)
	}
	b := &batchView{Status: &massbatch.Status{Batch: &batches.Batch{ID: 7, State: batches.Sending, Good: 1000}, ByStatus: map[string]int64{massbatch.NotSent: 400}}}
	v := &visit{d: s.Dashboard, r: httptest.NewRequest(http.MethodGet, path+"?was=sending&done=480&at="+at, nil)}
	if b.follow(v); b.Rate != 1200 || b.Left != 20*time.Second || !strings.Contains(b.Live, "done=480") {
		t.Errorf("600 of 1000, 120 of them in 6 seconds: %d a minute, %s left, then %s", b.Rate, b.Left, b.Live)
	}
}

// Rows are listed with what became of them, by status and by line; results come back as files; what was declined is tried
// again under new ids.
func TestRowsResultAndDeclined(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	clerk := s.signedIn(staff.Operations)
	path := clerk.takes("210", "wages.csv", massFile(massRow(210, "w1", 500), massRow(210, "w2", 700), massRow(210, "w3", 0), massRow(210, "w4", 800)))
	clerk.get(path+"/rows").says("not sent", "with faults", "Incorrect Amount")
	clerk.post(path+"/send", "good", "yes", "once", "0123456789abcdef-1").wants(http.StatusSeeOther)
	s.sendBatches()
	s.decide("w1", payout.Succeeded, 0)
	s.decide("w2", payout.Declined, 20101)
	if err := s.Store.FollowJournal(t.Context()); err != nil {
		t.Fatal(err)
	}
	clerk.get(path).says("decline", "success", "Try the declined rows again")
	clerk.get("/manual/mass").says("wages.csv")
	all := clerk.get(path+"/rows").wants(http.StatusOK).says("w1", "w2", "w4", "20101", "500.00")
	if !strings.Contains(all.Body, `href="/payments/210/`) {
		t.Error("rows do not lead to their payments")
	}
	clerk.get(path+"/rows?status=decline").says("w2", "20101").saysNot("w1", "w4")
	clerk.get(path + "/rows?status=with+faults").says("Incorrect Amount").saysNot("w1")
	clerk.get(path + "/rows?status=error").says("There are no such rows")
	clerk.get(path+"/rows?line=4").says("w4", "To the first").saysNot("w1", "w2")
	result := clerk.get(path + "/result").wants(http.StatusOK)
	for _, want := range []string{`"result.message_translated"`, `"success";"0"`, `"decline";"20101"`, `"processing";"29999"`, `"with faults"`} {
		if !strings.Contains(result.Body, want) {
			t.Errorf("the result lacks %s:\n%s", want, result.Body)
		}
	}
	if file := clerk.get(path + "/declined").wants(http.StatusOK); !strings.Contains(file.Body, `"w2~2"`) || strings.Contains(file.Body, "w1") {
		t.Error(file.Body)
	}
	again := clerk.post(path+"/again", "once", "0123456789abcdef-2").wants(http.StatusSeeOther).Location
	clerk.get(again).says("wages_declined.csv", "1 of 1 rows can be paid; 700.00", "Only checked")
	none := clerk.takes("210", "one.csv", massFile(massRow(210, "z", 500)))
	clerk.post(none+"/again", "once", "0123456789abcdef-3").wants(http.StatusSeeOther)
	clerk.get(none).says("No row was declined")
}

// decide has the bank say how a payout of project 210 ended.
func (s *site) decide(paymentID string, event payout.Event, code int) {
	s.t.Helper()
	v, err := s.Store.PaymentView(s.t.Context(), 210, paymentID)
	if err != nil {
		s.t.Fatal(err)
	}
	work, err := s.Store.Reload(s.t.Context(), 210, v.Operations[0].ID)
	if err != nil {
		s.t.Fatal(err)
	}
	if _, err := s.Store.Apply(s.t.Context(), store.Step{Payment: work.Payment, Operation: work.Operation, Event: event, Code: code, Kind: "told"}); err != nil {
		s.t.Fatal(err)
	}
}
