package demo

import (
	"cmp"
	"strings"
	"time"
)

// scenario is one row of the sandbox table: what the simulated bank does with an
// account number that ends so.
type scenario struct {
	Ending string // the last four characters; empty: any others
	Short  string // for menus and lists
	Long   string // what will be seen
}

// scenarioGroup is a part of the menu.
type scenarioGroup struct {
	Title string
	Rows  []scenario
}

const endingLength = 4

// scenarios returns the sandbox table in plain words, by what comes of it.
func scenarios(threshold time.Duration) []scenarioGroup {
	limit := inWords(cmp.Or(threshold, 24*time.Hour))
	return []scenarioGroup{
		{"Paid", []scenario{
			{"", "Pays at once", "The bank accepts the transfer and reports success at once."},
			{"0014", "Pays in its answer", "The bank says «paid» already in its answer and sends no notification."},
			{"0015", "Pays after 3 seconds", "The bank accepts, and reports success 3 seconds later."},
			{"0010", "Reports success three times", "The bank notifies the same success three times. You get one callback."},
			{"0011", "Reports before it answers", "The notification overtakes the bank's own answer. Nothing is lost or doubled."},
		}},
		{"Paid once, in spite of trouble", []scenario{
			{"0006", "Is unavailable twice", "The bank answers 503 twice and does not know the transfer, then pays."},
			{"0007", "Pays, then the line breaks", "The bank pays and breaks the connection before it answers. An inquiry finds the payment: paid once."},
			{"0008", "The line breaks before it pays", "The connection breaks before the bank records anything. An inquiry says so, the transfer is sent again: paid once."},
		}},
		{"Declined", []scenario{
			{"0001", "Declines: general", "Declined with code 20000, general decline."},
			{"0002", "Declines: wrong account data", "Declined with code 20102, incorrect account data."},
			{"0003", "Declines: account is closed", "Declined with code 20106, the account is no longer available."},
			{"0004", "Declines: account is blocked", "Declined with code 20204, crediting this account is blocked."},
			{"0005", "Declines: refers to the acquirer", "Declined with code 20501, refer to acquirer."},
		}},
		{"Late, returned or never", []scenario{
			{"0012", "Pays, then returns the money", "Success first; some seconds later the bank returns the money and the payout becomes reversed: two callbacks."},
			{"0009", "Never finishes", "The bank accepts and stays silent. At the threshold (" + limit + ") the payout is declined with code 603."},
			{"0013", "Pays after the threshold", "Declined with code 603 at the threshold (" + limit + "). The bank pays after it: that becomes a discrepancy for an operator, never a second callback of success."},
		}},
		{"For an operator to settle", []scenario{
			{"0020", "Returns a part of the money", "Success first; some seconds later the bank says that half of the money came back. That becomes a discrepancy for an operator."},
			{"0021", "Returns the money twice", "The payout becomes reversed; some seconds later the bank says that the money came back once more: a discrepancy."},
			{"0022", "Declines, then returns the money", "Declined with code 20000; some seconds later the bank says that money came back which it had not paid: a discrepancy."},
			{"0023", "Pays another sum", "The bank says that it paid one minor unit more than it was asked to: a discrepancy for an operator."},
		}},
	}
}

// scenarioOf returns the row that an account number chooses.
func scenarioOf(groups []scenarioGroup, account string) scenario {
	for _, g := range groups {
		for _, s := range g.Rows {
			if s.Ending != "" && strings.HasSuffix(account, s.Ending) {
				return s
			}
		}
	}
	return groups[0].Rows[0]
}

// withEnding returns the account number with its last four characters replaced.
// A number that ends like a row of the table and has to stop doing so gets an
// ending of its own.
func withEnding(account, ending string) string {
	runes := []rune(account)
	return string(runes[:max(0, len(runes)-endingLength)]) + cmp.Or(ending, "4598")
}

// inWords writes a span of time in its largest unit that fits it exactly.
func inWords(d time.Duration) string {
	for _, u := range []struct {
		unit time.Duration
		name string
	}{{time.Hour, "hour"}, {time.Minute, "minute"}, {time.Second, "second"}} {
		if d >= u.unit && d%u.unit == 0 {
			return plural(int(d/u.unit), u.name)
		}
	}
	return d.String()
}
