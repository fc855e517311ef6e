package gate

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"flashpay/internal/merchant"
)

// unsigned are bodies of 64 KiB and less that anybody can send who knows a project's number. None is signed by its key.
func unsigned(t testing.TB) map[string]string {
	t.Helper()
	long := func(name string) string {
		return strings.Replace(seedBody, `{"general"`, `{"`+strings.Repeat(name, 15_000)+`":[1`+strings.Repeat(",1", 30)+`],"general"`, 1)
	}
	return map[string]string{
		"a small one":      signed(t, seedBody, "other"),
		"a long name":      signed(t, seedBody[:len(seedBody)-1]+`,"`+strings.Repeat("n", 20_000)+`":[1,2,3,4,5,6]}`, "other"),
		"a longer name":    long("nn"),
		"a name of colons": long("::"),
		"many values":      signed(t, edited(t, "list", "[0"+strings.Repeat(",10000", 8_000)+"]"), "other"),
		"faults in arrays": signed(t, edited(t, "receipt_data", `{"positions":[{}`+strings.Repeat(`,{"quantity":"x"}`, 2_000)+`]}`), "other"),
	}
}

// cost is how much memory an answer takes, on average over n.
func cost(g *Gate, body string, n int) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range n {
		r := httptest.NewRequest(http.MethodPost, kyrgyzstan, strings.NewReader(body))
		g.Handler().ServeHTTP(&nothing{header: http.Header{}}, r)
	}
	runtime.ReadMemStats(&after)
	return (after.TotalAlloc - before.TotalAlloc) / uint64(n)
}

// TestHostileRequestsCostLittle: what is refused takes a small multiple of its length in memory, whatever is in it.
func TestHostileRequestsCostLittle(t *testing.T) {
	g, _ := setup(t)
	for name, body := range unsigned(t) {
		for range doctorBurst { // what the doctor has to spend is spent
			g.searches.Allow(210)
		}
		if n := cost(g, body, 20); n > raceFactor*(128<<10+64*uint64(len(body))) {
			t.Errorf("%s: a body of %d bytes takes %d bytes of memory", name, len(body), n)
		}
	}
}

// TestUnsignedCostsNoMoreThanVerified counts the memory of many requests with a wrong signature and of as many with the
// right one: the doctor's searches are few.
func TestUnsignedCostsNoMoreThanVerified(t *testing.T) {
	g, m := setup(t)
	m.onAccept = func() { clear(m.accepted) }
	good, wrong := signed(t, seedBody, key), signed(t, seedBody, "other")
	const many = 20 * doctorBurst
	verified, refused := cost(g, good, many), cost(g, wrong, many)
	// A refusal is a longer answer, whose rendering is not the doctor's.
	if refused > raceFactor*(verified+verified/2+8<<10) {
		t.Errorf("a request that does not verify takes %d bytes of memory, one that does %d", refused, verified)
	}
}

// TestTheDoctorTires: a project's searches for mistakes are spent, another's are not, and the string is shown all the same.
func TestTheDoctorTires(t *testing.T) {
	g, m := setup(t)
	m.projects[212] = &merchant.Project{ID: 212, Mode: merchant.Test, Keys: []merchant.Key{{ID: 3, Secret: key}}}
	hexed := func(project string) string {
		body := edited(t, "general.project_id", project)
		return edit2(t, body, "general.signature", `"`+fmt.Sprintf("%x", macBytes(key, signingString(t, body)))+`"`)
	}
	for i := range doctorBurst + 2 {
		a := post(t, g, kyrgyzstan, hexed("210"))
		if named := strings.Contains(a.descriptions(), "hexadecimal"); named != (i < doctorBurst) && i != doctorBurst {
			t.Fatalf("request %d: %s", i, a.descriptions())
		}
		if !strings.Contains(a.descriptions(), "account:number:00004598") {
			t.Fatalf("request %d does not show the string: %s", i, a.descriptions())
		}
	}
	if a := post(t, g, kyrgyzstan, hexed("212")); !strings.Contains(a.descriptions(), "hexadecimal") {
		t.Errorf("another project's mistake is not named: %s", a.descriptions())
	}
}

// TestTurns: large bodies have their turns one by one, small ones pass them by, and who has gone waits no more.
func TestTurns(t *testing.T) {
	turns := newTurns(2)
	large := func(ctx context.Context) (func(), error) { return turns.take(ctx, smallBody+1) }
	leave, err := large(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := large(gone); !errors.Is(err, context.Canceled) {
		t.Errorf("a second large one had its turn: %v", err)
	}
	for range 4 {
		if _, err := turns.take(t.Context(), smallBody); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := turns.take(gone, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("a fifth small one had its turn: %v", err)
	}
	leave()
	if leave, err = large(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer leave()
	turns.waiting.Store(maxWaiting)
	if _, err := large(t.Context()); !errors.Is(err, errCrowded) {
		t.Errorf("one too many waits: %v", err)
	}
	g, _ := setup(t)
	g.turns = turns
	if a := post(t, g, kyrgyzstan, signed(t, seedBody, key)); a.status != 503 || a.header.Get("Retry-After") != "1" {
		t.Errorf("with nobody's turn in sight: %d %s", a.status, a.raw)
	}
}

// TestLargeBodiesPay: large bodies, refused or not, collect the garbage that they make before it is 24 MiB, and rest in
// their turn three times as long as they worked and collected; small ones do not.
func TestLargeBodiesPay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, _ := setup(t)
		collected := 0
		began := time.Now()
		g.turns.collect = func() { collected++; time.Sleep(time.Millisecond) }
		small, large := signed(t, seedBody, "other"), unsigned(t)["many values"]
		for range 1000 {
			post(t, g, kyrgyzstan, small)
		}
		if collected != 0 {
			t.Errorf("small bodies collected %d times", collected)
		}
		for range 100 {
			post(t, g, kyrgyzstan, large)
		}
		if least := 100 * len(large) * garbagePerByte / (garbageKept + maxBody*garbagePerByte); collected < least {
			t.Errorf("100 bodies of %d bytes collected %d times, want %d", len(large), collected, least)
		}
		if rested := time.Since(began); rested != time.Duration(collected)*4*time.Millisecond {
			t.Errorf("%d collections of 1 ms each took %s with their rests", collected, rested)
		}
		began = time.Now()
		for range 10 {
			g.turns.pay(smallBody+1, 20*time.Millisecond)
			g.turns.pay(smallBody, 20*time.Millisecond)
			g.turns.pay(smallBody+1, time.Hour)
		}
		if rested := time.Since(began); rested < 2600*time.Millisecond || rested > 2620*time.Millisecond {
			t.Errorf("rested for %s, want 2.6 s", rested)
		}
	})
}

// TestOneSpellingOfAPath: escapes that a path does not need, and slashes in names, lead nowhere.
func TestOneSpellingOfAPath(t *testing.T) {
	g, m := setup(t)
	for _, path := range []string{
		"/v2/payment/bank-transfer/kyrgyzstan%2fpayout", "/v2/payment/bank-transfer/kyrgyz%73tan/payout",
		"/v2/payment%2Fstatus", "/v2/payment/%73tatus", "/provider/%73andbox/notification", "/openapi%2eyaml",
	} {
		for _, body := range []string{signed(t, seedBody, key), "{}"} {
			if a := post(t, g, path, body); a.status != 404 {
				t.Errorf("%s: %d %s", path, a.status, a.raw)
			}
		}
	}
	if len(m.accepted)+len(m.notifications) > 0 {
		t.Error("something was stored")
	}
}
