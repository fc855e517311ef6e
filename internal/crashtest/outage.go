package crashtest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/url"
	"strings"
	"time"
)

// outage is what happens to a node that is not ended.
type outage string

const (
	paused       outage = "paused"                    // SIGSTOP, for longer than all its leases; then SIGCONT
	noDatabase   outage = "cut off from the database" // connections break, and no new ones are answered
	mute         outage = "database silent"           // connections stand, and nothing comes through
	noBank       outage = "cut off from the bank"
	muteBank     outage = "bank silent"
	readsStandby outage = "led to a standby" // which answers, and refuses to write
)

const (
	longestLease = 12 * time.Second // of a submit; the shard's has 10 s
	shortOutage  = 6 * time.Second
)

// outagesOf are the outages that a configuration has.
func outagesOf(c *Config) []outage {
	kinds := []outage{paused}
	if strings.HasPrefix(c.Database, "postgres") {
		kinds = append(kinds, noDatabase, mute)
	}
	kinds = append(kinds, noBank, muteBank)
	if c.Standby != "" {
		kinds = append(kinds, readsStandby)
	}
	return kinds
}

// planOutages puts outages between the other blows, of all kinds in turn. Those of a bank or a database last for some
// seconds, one in four for longer than the leases.
func (p *plan) planOutages(random *rand.Rand, c *Config) {
	kinds := outagesOf(c)
	for i := range c.Outages {
		b := &blow{
			outage: kinds[i%len(kinds)], victims: []victim{victim(random.IntN(c.Nodes))},
			after: time.Duration(random.Int64N(int64(2*defaultGap/3) + 1)), intoIt: time.Duration(random.Int64N(int64(40 * time.Millisecond))),
			lasts: time.Second + time.Duration(random.Int64N(int64(shortOutage))),
		}
		if b.outage == paused || random.IntN(4) == 0 {
			b.lasts = longestLease + time.Second + time.Duration(random.Int64N(int64(2*time.Second)))
		}
		at := random.IntN(len(p.blows) + 1)
		p.blows = append(p.blows[:at], append([]*blow{b}, p.blows[at:]...)...)
	}
}

// lines of a node lead to what it needs. database is nil for a file.
type lines struct{ database, bank *line }

func (l lines) close() {
	for _, line := range []*line{l.database, l.bank} {
		if line != nil {
			line.close()
		}
	}
}

// newLines makes the lines of one node, and its environment, in which the database's address leads over one.
func newLines(c *Config, bank string) (l lines, env []string, err error) {
	through := *c
	if u, e := url.Parse(c.Database); e == nil && u.Host != "" {
		if l.database, err = newLine(hostOf(u)); err != nil {
			return l, nil, err
		}
		u.Host = l.database.address()
		through.Database = u.String()
	}
	if l.bank, err = newLine(bank); err != nil {
		return l, nil, err
	}
	return l, environment(&through), nil
}

// hostOf is the host of a PostgreSQL address, with its port.
func hostOf(u *url.URL) string {
	if u.Port() == "" {
		return u.Hostname() + ":5432"
	}
	return u.Host
}

// suffer has a node go through an outage.
func (t *test) suffer(ctx context.Context, b *blow) error {
	v := b.victims[0]
	t.config.Progress(fmt.Sprintf("%s: %s for %s", v, b.outage, b.lasts.Round(100*time.Millisecond)))
	t.count(func(c *counts) { c.outages[string(b.outage)]++ })
	end, err := t.begin(b.outage, v)
	if err != nil {
		return err
	}
	slept := sleep(ctx, b.lasts)
	if err := end(); err != nil {
		return err
	}
	return slept
}

// begin begins an outage; what it returns ends it.
func (t *test) begin(o outage, v victim) (end func() error, err error) {
	silent := func(l *line) func() error {
		l.silence.Lock()
		return func() error { l.silence.Unlock(); return nil }
	}
	led := func(l *line, to string) func() error {
		before := l.lead(to)
		return func() error { l.lead(before); return nil }
	}
	of := t.lines[v]
	switch o {
	case paused:
		process := t.nodes[v].current().cmd.Process
		return func() error { return resume(process) }, pause(process)
	case mute:
		return silent(of.database), nil
	case muteBank:
		return silent(of.bank), nil
	case noBank:
		return led(of.bank, ""), nil
	case readsStandby:
		u, err := url.Parse(t.config.Standby)
		if err != nil {
			return nil, fmt.Errorf("crashtest: the standby's address: %w", err)
		}
		return led(of.database, hostOf(u)), nil
	}
	return led(of.database, ""), nil
}
