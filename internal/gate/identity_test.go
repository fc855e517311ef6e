package gate

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"flashpay/internal/merchant"
)

func prefixes(t testing.TB, texts ...string) []netip.Prefix {
	t.Helper()
	var all []netip.Prefix
	for _, s := range texts {
		p, err := netip.ParsePrefix(s)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	return all
}

func TestIPList(t *testing.T) {
	g, m := setup(t, func(c *Config) { c.TrustedProxies = prefixes(t, "10.0.0.0/8") })
	m.projects[210].Settings.AllowIP = prefixes(t, "203.0.113.0/24")
	for _, c := range []struct {
		options []option
		status  int
	}{
		{[]option{from("203.0.113.5:1")}, 200},
		{[]option{from("198.51.100.1:1")}, 403},
		{[]option{from("198.51.100.1:1"), header("X-Forwarded-For", "203.0.113.5")}, 403},
		{[]option{from("10.0.0.1:1"), header("X-Forwarded-For", "203.0.113.5")}, 200},
		{[]option{from("10.0.0.1:1"), header("X-Forwarded-For", "203.0.113.5, 198.51.100.1")}, 403},
		{[]option{from("pipe")}, 403},
	} {
		a := post(t, g, kyrgyzstan, request(t), c.options...)
		if a.status != c.status {
			t.Errorf("%d, want %d: %s", a.status, c.status, a.raw)
		}
		if c.status == 403 {
			wantRefused(t, a, 403, "303", "303")
		}
	}
	wantRefused(t, post(t, g, kyrgyzstan, signed(t, seedBody, "other"), from("198.51.100.1:1")), 403, "303") // before the signature
	if len(m.rejections) > 0 {
		t.Error("a refusal before the signature was kept")
	}
	// Every endpoint keeps the list.
	for path, body := range everyRequest(t) {
		wantRefused(t, post(t, g, path, body, from("198.51.100.1:1")), 403, "303")
	}
}

// everyRequest has a good request to each endpoint that wants a signature.
func everyRequest(t testing.TB) map[string]string {
	t.Helper()
	return map[string]string{
		kyrgyzstan:  request(t),
		statusPath:  signed(t, `{"general":{"project_id":210,"payment_id":"test_payment"}}`, key),
		requestPath: signed(t, `{"project_id":210,"request_id":"refused-1"}`, key),
		eventsPath:  signed(t, `{"project_id":210,"after":0}`, key),
		"/v2/info/banks/bank-transfer/kyrgyzstan/payout/list": signed(t, `{"general":{"project_id":210,"payment_id":"x"},"payment":{"amount":1,"currency":"KGS"}}`, key),
		methodsPath: signed(t, `{"general":{"project_id":210},"payment_method_list":[{"payment_method":"kyrgyzstan","amount":1500,"currency":"KGS"}]}`, key),
	}
}

// TestCommonRefusalsOfEveryEndpoint sends each endpoint what every one refuses alike.
func TestCommonRefusalsOfEveryEndpoint(t *testing.T) {
	for path, body := range everyRequest(t) {
		g, m := setup(t)
		id := "general.project_id"
		sig := "general.signature"
		if path == requestPath || path == eventsPath {
			id, sig = "project_id", "signature"
		}
		wantRefused(t, post(t, g, path, edit2(t, body, "x", `"`+longText+`"`)), 413, "702")
		wantRefused(t, post(t, g, path, body, func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }), 415, "702")
		wantRefused(t, post(t, g, path, "{"), 422, "2003")
		wantRefused(t, post(t, g, path, `[]`), 422, "2003")
		wantRefused(t, post(t, g, path, edit2(t, body, id, "")), 400, "2004", "2004 "+id)
		wantRefused(t, post(t, g, path, edit2(t, body, sig, "")), 400, "2004", "3262 "+sig)
		wantRefused(t, post(t, g, path, edit2(t, body, sig, `""`)), 400, "3262", "3262 "+sig)
		wantRefused(t, post(t, g, path, signed(t, body, "other")), 400, "3261", "3261 "+sig)
		wantRefused(t, post(t, g, path, signed(t, edit2(t, body, id, "999"), key)), 404, "2442", "2442 "+id)
		if a := post(t, g, path, signed(t, edit2(t, body, id, `"210"`), key)); a.status != 200 && a.status != 404 {
			t.Errorf("%s: project_id as a string: %d %s", path, a.status, a.raw)
		}

		broken, _ := setup(t, func(c *Config) { c.Projects = panicking{} })
		wantRefused(t, post(t, broken, path, body), 500, "501")

		limited, _ := setup(t, func(c *Config) { c.Limiter = PerProject(time.Minute, 1) })
		post(t, limited, path, body)
		wantRefused(t, post(t, limited, path, body), 429, "601")

		m.refreshErr = errDatabase
		wantRefused(t, post(t, g, path, signed(t, body, "other")), 503, "601")
	}
}

func TestReadAgainBeforeARefusal(t *testing.T) {
	fresh := func(change func(*merchant.Project)) map[int64]*merchant.Project {
		p := &merchant.Project{ID: 210, Mode: merchant.Test, Keys: []merchant.Key{{ID: 1, Secret: key}}, Version: 2}
		change(p)
		return map[int64]*merchant.Project{210: p}
	}
	for _, c := range []struct {
		name   string
		body   string
		before func(*memory)
		fresh  map[int64]*merchant.Project
	}{
		{"a new project", request(t), func(m *memory) { delete(m.projects, 210) }, fresh(func(*merchant.Project) {})},
		{"a new key", signed(t, seedBody, "new"), func(*memory) {}, fresh(func(p *merchant.Project) { p.Keys = append(p.Keys, merchant.Key{ID: 3, Secret: "new"}) })},
		{"a new address", request(t), func(m *memory) { m.projects[210].Settings.AllowIP = prefixes(t, "203.0.113.0/24") }, fresh(func(*merchant.Project) {})},
	} {
		t.Run(c.name, func(t *testing.T) {
			g, m := setup(t)
			c.before(m)
			m.committed = c.fresh
			if a := post(t, g, kyrgyzstan, c.body); a.status != 200 || m.refreshes != 1 {
				t.Errorf("after %d readings: %d %s", m.refreshes, a.status, a.raw)
			}
		})
	}
	t.Run("still refused after one reading", func(t *testing.T) {
		g, m := setup(t)
		wantRefused(t, post(t, g, kyrgyzstan, signed(t, seedBody, "other")), 400, "3261")
		if m.refreshes != 1 {
			t.Errorf("%d readings, want one", m.refreshes)
		}
	})
	t.Run("no reading where no setting could help", func(t *testing.T) {
		g, m := setup(t)
		post(t, g, kyrgyzstan, edited(t, "general.signature", `""`))
		post(t, g, kyrgyzstan, edited(t, "general.signature", `"short"`))
		post(t, g, kyrgyzstan, request(t, "payment.amount", "0"))
		if m.refreshes != 0 {
			t.Errorf("%d readings, want none", m.refreshes)
		}
	})
}

// TestRefreshesAreShared floods the refresher: readings stay apart, and nobody gets an older one than he asked for.
func TestRefreshesAreShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var begun []time.Time
		r := refresher{every: 100 * time.Millisecond, refresh: func(context.Context) error {
			mu.Lock()
			begun = append(begun, time.Now())
			mu.Unlock()
			time.Sleep(30 * time.Millisecond)
			return nil
		}}
		var waiters sync.WaitGroup
		for range 1000 {
			time.Sleep(time.Millisecond)
			asked := time.Now()
			waiters.Go(func() {
				if err := r.since(context.Background(), asked); err != nil {
					t.Error(err)
				}
				if waited := time.Since(asked); waited > 230*time.Millisecond {
					t.Errorf("waited %s", waited)
				}
				r.mu.Lock()
				defer r.mu.Unlock()
				if r.fresh.Before(asked) {
					t.Errorf("asked at %s, got a reading of %s", asked, r.fresh)
				}
			})
		}
		waiters.Wait()
		if len(begun) > 13 {
			t.Errorf("1,000 questions in a second made %d readings", len(begun))
		}
		for i := 1; i < len(begun); i++ {
			if d := begun[i].Sub(begun[i-1]); d < r.every {
				t.Errorf("readings %s apart", d)
			}
		}
	})
}

func TestRefreshErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fails := true
		r := refresher{every: 100 * time.Millisecond, refresh: func(context.Context) error {
			if fails {
				return errDatabase
			}
			return nil
		}}
		asked := time.Now()
		if err := r.since(context.Background(), asked); !errors.Is(err, errDatabase) {
			t.Errorf("error %v", err)
		}
		fails = false
		if err := r.since(context.Background(), asked); err != nil {
			t.Errorf("a failed reading counts as one: %v", err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		time.Sleep(time.Second)
		r.refresh = func(context.Context) error { time.Sleep(time.Minute); return nil }
		if err := r.since(ctx, time.Now()); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v for a client that has gone", err)
		}
		time.Sleep(2 * time.Minute)
	})
}

func TestAnyLiveKey(t *testing.T) {
	g, m := setup(t)
	m.projects[210].Keys = []merchant.Key{{ID: 1, Secret: "one"}, {ID: 2, Secret: "two"}, {ID: 3, Secret: "three"}}
	for _, k := range []string{"one", "two", "three"} {
		a := post(t, g, statusPath, signed(t, `{"general":{"project_id":210,"payment_id":"x"}}`, k))
		if a.status != 200 {
			t.Fatalf("%d %s", a.status, a.raw)
		}
		wantSigned(t, a, k)
	}
	m.projects[210].Keys = nil
	wantRefused(t, post(t, g, kyrgyzstan, request(t)), 400, "3261")
}

var longText = strings.Repeat("x", 64<<10)

// panicking stands for a bug.
type panicking struct{}

func (panicking) Project(int64) (*merchant.Project, bool) { panic("oh") }
func (panicking) Refresh(context.Context) error           { return nil }
