package callback

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"flashpay/internal/merchant"
	"flashpay/internal/payout"
	"flashpay/internal/store"
)

const (
	paceCallbacks = 60
	paceEvery     = 50 * time.Millisecond
	paceAnswer    = 20 * time.Millisecond
)

// healthy is an endpoint that answers soon.
func (r *road) healthy(host string) *inbox {
	shop := &inbox{answer: func(int, http.ResponseWriter) { time.Sleep(paceAnswer) }}
	r.net.serve(host, shop.ServeHTTP)
	return shop
}

// pace sends callbacks to an endpoint, one every paceEvery, and measures from acceptance to arrival: the mean, the
// longest, and how long all of them took.
func (r *road) pace(host string, shop *inbox) (mean, longest, all time.Duration) {
	r.t.Helper()
	before := len(shop.got())
	start := time.Now()
	for i := range paceCallbacks {
		r.decline(fmt.Sprint(host, before+i), payout.Options{CallbackURL: "http://" + host + "/"})
		time.Sleep(time.Until(start.Add(time.Duration(i+1) * paceEvery)))
	}
	for len(shop.got()) < before+paceCallbacks {
		if time.Sleep(time.Millisecond); time.Since(start) > time.Minute {
			r.t.Fatalf("%d of %d callbacks arrived within a minute", len(shop.got())-before, paceCallbacks)
		}
	}
	times, _ := shop.when()
	for i, at := range times[before:] {
		late := at.Sub(start.Add(time.Duration(i) * paceEvery))
		mean += late / paceCallbacks
		longest = max(longest, late)
	}
	return mean, longest, times[before+paceCallbacks-1].Sub(start) + paceAnswer
}

// crowd gives each of n hosts some callbacks, all at once.
func (r *road) crowd(kind string, n, each int, f http.HandlerFunc) {
	r.t.Helper()
	var wg sync.WaitGroup
	for h := range n {
		host := fmt.Sprint(kind, h)
		if f != nil {
			r.net.serve(host, f)
		}
		for i := range each {
			wg.Go(func() { r.decline(fmt.Sprint(host, "-", i), payout.Options{CallbackURL: "http://" + host + "/"}) })
		}
	}
	wg.Wait()
}

// More dead, slow and flapping endpoints than either pool has places, all beginning at one moment, beside a healthy one.
func TestBadEndpointsDelayNobodyElse(t *testing.T) {
	smallPools(t)
	virtual(t, func(c *Config) { c.Interval = 0 }, func(t *testing.T, r *road) {
		shop, newcomer := r.healthy("shop"), r.healthy("newcomer")
		alone, _, allAlone := r.pace("shop", shop)
		r.crowd("dead", 40, 3, nil)
		r.crowd("slow", 20, 3, func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			time.Sleep(14 * time.Second)
		})
		var mu sync.Mutex
		asked := make(map[string]int) // by host, so that each answers at the latest at its fourth attempt
		r.crowd("flapping", 10, 3, func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			mu.Lock()
			asked[r.Host]++
			turn := asked[r.Host] % 3
			mu.Unlock()
			switch turn {
			case 0:
				w.WriteHeader(http.StatusInternalServerError)
			case 1:
				time.Sleep(10 * time.Second)
			}
		})
		if taken := r.d.Taken(); taken < 3*pools[quick].Running {
			t.Fatalf("%d callbacks under way are no crowd", taken)
		}
		known, longestKnown, allKnown := r.pace("shop", shop)
		fresh, longestFresh, allFresh := r.pace("newcomer", newcomer)
		t.Logf("mean delay from acceptance to arrival: alone %s; beside 70 bad endpoints: from the moment on that they go bad %s, longest %s; "+
			"an endpoint that is new beside them %s, longest %s", alone, known, longestKnown, fresh, longestFresh)
		t.Logf("pace: %.3f and %.3f of alone", allAlone.Seconds()/allKnown.Seconds(), allAlone.Seconds()/allFresh.Seconds())
		if longestKnown > 10*time.Millisecond || longestFresh > 10*time.Millisecond {
			t.Errorf("callbacks were delayed by up to %s and %s", longestKnown, longestFresh)
		}
		time.Sleep(15 * time.Minute) // the small pools serve the bad ones in turns, and who meets a refusal is tried later and later
		states := map[string]int{}
		list, err := r.s.Deliveries(t.Context(), store.DeliveryFilter{ProjectID: project, Limit: 10_000})
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range list {
			states[strings.TrimRight(strings.TrimPrefix(d.URL, "http://"), "/0123456789")+" "+string(d.State)]++
		}
		want := map[string]int{
			"shop delivered": 2 * paceCallbacks, "newcomer delivered": paceCallbacks, "dead pending": 120, "slow delivered": 60, "flapping delivered": 30,
		}
		if !maps.Equal(states, want) {
			t.Errorf("callbacks by endpoint and state: %v, want %v", states, want)
		}
		if allKnown > allAlone*21/20 || allFresh > allAlone*21/20 {
			t.Errorf("all %d: alone %s, beside bad ones %s and %s", paceCallbacks, allAlone, allKnown, allFresh)
		}
	})
}

// TestOneMerchantsHostsDelayNobodyElse: 700 payouts of one merchant, each with an endpoint of its own that never answers, of one
// project or of many, beside another merchant, whose endpoints are quick, slow and new.
func TestOneMerchantsHostsDelayNobodyElse(t *testing.T) {
	for _, projects := range []int64{1, 14} {
		t.Run(fmt.Sprint(projects, " projects"), func(t *testing.T) {
			virtual(t, func(c *Config) { c.Interval = 0 }, func(t *testing.T, r *road) { hostsBesideOthers(t, r, projects) })
		})
	}
}

func hostsBesideOthers(t *testing.T, r *road, projects int64) {
	const hostile, payouts = 666, 700
	for i := range projects {
		p := &merchant.Project{ID: hostile + i, MerchantID: 13, Name: "hostile", Mode: merchant.Test}
		if err := r.s.CreateProject(t.Context(), p, "key-2", nil, "test"); err != nil {
			t.Fatal(err)
		}
	}
	quickShop, newcomer := r.healthy("quick"), r.healthy("newcomer")
	slowShop := &inbox{answer: func(int, http.ResponseWriter) { time.Sleep(slowAfter + 200*time.Millisecond) }}
	r.net.serve("slow", slowShop.ServeHTTP)
	_, _, quickAlone := r.pace("quick", quickShop)
	r.pace("slow", slowShop) // until it is known to be slow
	_, _, slowAlone := r.pace("slow", slowShop)
	time.Sleep(time.Minute)
	var wg sync.WaitGroup
	for i := range payouts {
		wg.Go(func() {
			n := newPayout(fmt.Sprint("hostile", i), 1<<30, payout.Options{CallbackURL: fmt.Sprintf("http://dead%d/", i)})
			n.ProjectID = hostile + int64(i)%projects
			if _, err := r.s.Accept(t.Context(), n); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	time.Sleep(20 * time.Second) // until the slow pool is as full as they make it
	if n := r.d.pools[slow].Taken(); n > pools[slow].OwnerPlaces {
		t.Errorf("one merchant has %d places of the slow pool", n)
	}
	_, _, quickBeside := r.pace("quick", quickShop)
	_, _, slowBeside := r.pace("slow", slowShop)
	_, _, newBeside := r.pace("newcomer", newcomer)
	t.Logf("pace beside 700 hostile payouts: quick %.3f, slow %.3f of alone; new %.3f of quick alone",
		quickAlone.Seconds()/quickBeside.Seconds(), slowAlone.Seconds()/slowBeside.Seconds(), quickAlone.Seconds()/newBeside.Seconds())
	if quickBeside > quickAlone*21/20 || slowBeside > slowAlone*21/20 || newBeside > quickAlone*21/20 {
		t.Errorf("all %d: quick %s, beside them %s; slow %s, beside them %s; new %s", paceCallbacks, quickAlone, quickBeside, slowAlone, slowBeside, newBeside)
	}
}
