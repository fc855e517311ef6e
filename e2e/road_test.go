package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"flashpay/client"
	"flashpay/signature"
)

// seedRequest is the request of the brief, signed with the key «secret» (protocol.md §4.4, R1).
const seedRequest = `{"general":{"project_id":210,"payment_id":"test_payment",
	"signature":"u9Gt5ENX5uH5sJPAiknW45ir2Ft1UTywQsY3LvxHKe79X3mBQzuumsBd5kADSH/v/zhuKn9x9M5DFEGVTqlXxA=="},
	"payment":{"amount":100000,"currency":"KGS"},"customer":{"id":"customer123","ip_address":"192.0.2.0"},"account":{"number":"00004598"}}`

func TestSeedRequestBecomesAVerifiedCallback(t *testing.T) {
	t.Parallel()
	engines(t, func(t *testing.T, db database) {
		node, web := db.serve(t), newReceiver(t)
		db.project(t, 210, web)
		answer, err := http.Post(node.Gate+"/v2/payment/bank-transfer/kyrgyzstan/payout", "application/json", strings.NewReader(seedRequest))
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			t.Fatalf("answer %s", answer.Status)
		}
		cb := web.await(t, "test_payment")
		tree, err := signature.Parse(cb.Raw)
		if err != nil {
			t.Fatal(err)
		}
		var members []string
		for _, l := range signature.Canonical(tree).Lines() {
			members = append(members, l.Path)
		}
		const want = "project_id payment:id payment:type payment:status payment:date payment:method payment:sum:amount payment:sum:currency " +
			"payment:description account:number customer:id decision:message operation:id operation:type operation:status operation:date " +
			"operation:created_date operation:request_id operation:sum_initial:amount operation:sum_initial:currency " +
			"operation:sum_converted:amount operation:sum_converted:currency operation:code operation:message operation:provider:id " +
			"operation:provider:payment_id operation:provider:auth_code"
		if got := strings.Join(members, " "); got != want {
			t.Errorf("members of the callback:\n%s\nwant:\n%s", got, want)
		}
		if f := db.funds(t, 210); f.Available != 99900000 || f.Held != 0 {
			t.Errorf("funds %+v", f)
		}
	})
}

func TestCopiesOverTwoNodesMakeOnePayment(t *testing.T) {
	t.Parallel()
	db := newDatabase(t, "postgres")
	first := db.serve(t)
	second := db.serve(t, "--bank-url", first.Bank)
	web := newReceiver(t)
	db.project(t, 210, web)
	waitForProject(t, first.Gate, 210)
	waitForProject(t, second.Gate, 210)
	request, err := shop(t, first.Gate, 210).Build(to("1090000000004598", "Copy"))
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	answers := make(map[string]int)
	var wg sync.WaitGroup
	for i := range 200 {
		gate := []string{first.Gate, second.Gate}[i%2]
		wg.Go(func() {
			answer, err := http.Post(gate+request.Path, "application/json", bytes.NewReader(request.Body))
			if err != nil {
				t.Error(err)
				return
			}
			var body bytes.Buffer
			_, _ = body.ReadFrom(answer.Body)
			_ = answer.Body.Close()
			mu.Lock()
			answers[answer.Status+" "+body.String()]++
			mu.Unlock()
		})
	}
	wg.Wait()
	if len(answers) != 1 {
		t.Errorf("answers differ: %v", answers)
	}
	web.await(t, "Copy")
	other := to("1090000000004598", "cOPY")
	other.Amount = 100001
	var refused *client.Error
	if _, err := shop(t, second.Gate, 210).Create(t.Context(), other); !errors.As(err, &refused) || refused.Code != "3041" {
		t.Errorf("other content: %v", err)
	}
	if tr := book(t, first.Bank)["210/Copy"]; tr.Executed != 1 || tr.Submissions != 1 {
		t.Errorf("the bank says %+v", tr)
	}
	if f := db.funds(t, 210); f.Available != 99900000 || f.Held != 0 {
		t.Errorf("funds %+v", f)
	}
}

func TestKeysBesideARunningServer(t *testing.T) {
	t.Parallel()
	engines(t, func(t *testing.T, db database) {
		node, web := db.serve(t), newReceiver(t)
		db.project(t, 210, web)
		waitForProject(t, node.Gate, 210)
		pay := func(id, key string, signers ...string) {
			t.Helper()
			web.mu.Lock()
			web.keys = signers
			web.mu.Unlock()
			c, err := client.New(client.Config{GateURL: node.Gate, ProjectID: 210, Key: key})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := c.Create(t.Context(), to("1090000000004598", id)); err != nil {
				t.Fatalf("%s: %v", id, err)
			}
			web.await(t, id)
		}
		pay("a", "secret", "secret")
		db.flashpay(t, "project", "key", "add", "--id", "210", "--key", "younger")
		pay("b", "younger", "secret") // read again before it is refused: it works at once
		db.flashpay(t, "project", "key", "revoke", "--id", "210", "--key", "secret")
		waitForKey(t, node.Gate, 210, "secret", false)
		pay("c", "younger", "younger")
		var refused *client.Error
		if _, err := shop(t, node.Gate, 210).Create(t.Context(), to("1090000000004598", "d")); !errors.As(err, &refused) || refused.Code != "3261" {
			t.Errorf("a revoked key: %v", err)
		}
	})
}

func TestANodeDiesAndTheOtherTakesOver(t *testing.T) {
	t.Parallel()
	db := newDatabase(t, "postgres")
	bank := db.start(t, "bank", "--listen", "127.0.0.1:0", "--state", db.dir+"/bank")
	first := db.serve(t, "--bank-url", bank.Bank)
	second := db.serve(t, "--bank-url", bank.Bank)
	web := newReceiver(t)
	db.project(t, 210, web)
	waitForProject(t, first.Gate, 210)
	var ids []string
	for i := range 40 {
		id := fmt.Sprint("p", i)
		if _, err := shop(t, first.Gate, 210).Create(t.Context(), to("109000000000"+[]string{"4598", "0007", "0011", "0015"}[i%4], id)); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	first.kill()
	begun := time.Now()
	for _, id := range ids {
		web.await(t, id)
	}
	t.Logf("all 40 payouts final %s after the node's death", time.Since(begun).Round(time.Millisecond))
	if took := time.Since(begun); took > 40*time.Second {
		t.Errorf("the other node took %s to take over", took)
	}
	for reference, tr := range book(t, bank.Bank) {
		if tr.Executed != 1 {
			t.Errorf("%s: executed %d times", reference, tr.Executed)
		}
	}
	if _, err := shop(t, second.Gate, 210).Status(t.Context(), "p0"); err != nil {
		t.Error(err)
	}
	if f := db.funds(t, 210); f.Available != 96000000 || f.Held != 0 {
		t.Errorf("funds %+v", f)
	}
}

func TestKilledServerGoesOnWhereItWas(t *testing.T) {
	t.Parallel()
	db := newDatabase(t, "sqlite")
	bank := db.start(t, "bank", "--listen", "127.0.0.1:0", "--state", db.dir+"/bank")
	node := db.serve(t, "--bank-url", bank.Bank)
	web := newReceiver(t)
	db.project(t, 210, web)
	for i := range 20 {
		if _, err := shop(t, node.Gate, 210).Create(t.Context(), to("1090000000000015", fmt.Sprint("p", i))); err != nil {
			t.Fatal(err)
		}
	}
	node.kill()
	db.serve(t, "--bank-url", bank.Bank)
	for i := range 20 {
		web.await(t, fmt.Sprint("p", i))
	}
	for reference, tr := range book(t, bank.Bank) {
		if tr.Executed != 1 {
			t.Errorf("%s: executed %d times", reference, tr.Executed)
		}
	}
}

func TestOneServerPerSQLiteFile(t *testing.T) {
	t.Parallel()
	db := newDatabase(t, "sqlite")
	db.serve(t)
	cmd := exec.Command(program, "serve", "--gate", "127.0.0.1:0", "--dashboard", "127.0.0.1:0", "--ops", "127.0.0.1:0")
	cmd.Env = db.env()
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "another server") {
		t.Errorf("a second server: %v, %s", err, out)
	}
}
