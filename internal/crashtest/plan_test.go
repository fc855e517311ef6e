package crashtest

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func planOf(t *testing.T, c Config) *plan {
	t.Helper()
	c.Program = "flashpay"
	c, err := c.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	return newPlan(rand.New(rand.NewPCG(c.Seed, 0)), &c)
}

func TestPlanFollowsFromTheSeed(t *testing.T) {
	c := Config{Seed: 7, Nodes: 2, Database: "postgres://x"}
	all := cmp.AllowUnexported(plan{}, wish{}, blow{}, ending{})
	if d := cmp.Diff(planOf(t, c), planOf(t, c), all); d != "" {
		t.Errorf("one seed, two plans: %s", d)
	}
	other := c
	other.Seed = 8
	if cmp.Equal(planOf(t, c), planOf(t, other), all) {
		t.Error("two seeds, one plan")
	}
}

// Whatever the seed, a plan has its kills, of both, and never kills a node that is the only one held down.
func TestPlans(t *testing.T) {
	for seed := range uint64(300) {
		c := Config{Seed: seed, Nodes: 1 + int(seed%2), Kills: 10 + int(seed%3)*30, Database: "postgres://x"}
		p := planOf(t, c)
		kills, terms, downs := map[victim]int{}, 0, 0
		last := victim(-2)
		for _, b := range p.blows {
			if b.term {
				terms++
			} else {
				for _, v := range b.victims {
					kills[v]++
				}
			}
			if b.holdDown {
				downs++
				if b.term || b.victims[0] == bankVictim || len(b.victims) > 1 {
					t.Errorf("seed %d: held down: %+v", seed, b)
				}
			}
			if v := b.victims[0]; v != bankVictim {
				if c.Nodes == 2 && v == last {
					t.Errorf("seed %d: %s is hit twice in a row", seed, v)
				}
				last = v
			}
		}
		all := kills[bankVictim] + kills[0] + kills[1]
		if all < c.Kills || kills[bankVictim] == 0 || kills[0] == 0 || kills[1] == 0 && c.Nodes == 2 || terms != c.Kills/3 || c.Nodes == 2 && downs != 2 {
			t.Errorf("seed %d: kills %v, %d orderly, %d held down", seed, kills, terms, downs)
		}
		checkWishes(t, seed, c, p)
	}
}

// Outages come on top of kills, of each kind that there is; a node stands still for longer than its leases.
func TestOutages(t *testing.T) {
	for name, c := range map[string]struct {
		database, standby string
		kinds             int
	}{
		"file":                     {"sqlite:x", "", 3},
		"PostgreSQL":               {"postgres://x", "", 5},
		"PostgreSQL, with standby": {"postgres://x", "postgres://y", 6},
	} {
		t.Run(name, func(t *testing.T) {
			config := Config{Seed: 7, Outages: 40, Database: c.database, Standby: c.standby}
			found, kills := map[outage]int{}, 0
			for _, b := range planOf(t, config).blows {
				if b.outage == "" {
					kills++
					continue
				}
				found[b.outage]++
				if b.victims[0] == bankVictim || b.lasts < time.Second || b.outage == paused && b.lasts <= longestLease {
					t.Errorf("outage %+v", b)
				}
			}
			if len(found) != c.kinds || kills != 13 {
				t.Errorf("outages %v beside %d kills and restarts", found, kills)
			}
			config.Outages = 0
			if kills != len(planOf(t, config).blows) {
				t.Error("outages come in the place of kills")
			}
		})
	}
}

func checkWishes(t *testing.T, seed uint64, c Config, p *plan) {
	t.Helper()
	ids, sent := map[string]bool{}, 0
	for n := range len(p.blows) + 1 {
		sent += len(p.portion(n, true)) + len(p.portion(n, false))
	}
	for _, w := range p.payouts {
		if ids[w.id] || w.amount < minAmount || w.amount > maxAmount || !strings.HasSuffix(w.account, w.ending.digits) || w.node >= c.Nodes {
			t.Fatalf("seed %d: payout %+v", seed, w)
		}
		if w.ending.slow && w.portion > len(p.blows)/2 {
			t.Fatalf("seed %d: %s takes long and comes late", seed, w.id)
		}
		ids[w.id] = true
	}
	if sent != len(p.payouts) || sent < c.Kills*payoutsPerKill {
		t.Errorf("seed %d: %d of %d payouts are sent", seed, sent, len(p.payouts))
	}
}

func TestConfig(t *testing.T) {
	for name, c := range map[string]struct {
		config Config
		want   string // part of the error; empty: none
	}{
		"program":     {Config{}, "no program"},
		"defaults":    {Config{Program: "x"}, ""},
		"negative":    {Config{Program: "x", Kills: -1}, "must not be negative"},
		"three nodes": {Config{Program: "x", Nodes: 3}, "want 1 or 2"},
		"two nodes":   {Config{Program: "x", Nodes: 2, Database: "sqlite:x"}, "need a PostgreSQL"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := c.config.withDefaults()
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v", err)
			}
			if err == nil && (got.Kills != 10 || got.Nodes != 1 || got.Payouts != 300 || got.Duration != 15*time.Second) {
				t.Errorf("%+v", got)
			}
		})
	}
}

// Whatever an operation's age, there is time for the inquiry after those that met a bank that was down.
func TestDrainLimit(t *testing.T) {
	ages := []time.Duration{2, 5, 10, 30, 60, 120, 300, 900}
	for struck := time.Duration(0); struck < time.Hour; struck += time.Second {
		next := struck + 33*time.Minute
		for _, age := range ages {
			if age *= time.Second; age*9/10 > struck {
				next = age * 11 / 10
				break
			}
		}
		if wait := next - struck; wait+time.Minute > drainLimit(struck) {
			t.Fatalf("after %s of blows an inquiry comes %s later; the limit is %s", struck, wait, drainLimit(struck))
		}
	}
}
