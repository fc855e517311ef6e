package bank

import "time"

// behaviour is what the bank does with a transfer. The zero value accepts it, executes it at once and tells nobody.
type behaviour struct {
	// failures is how many submissions of a key fail, as failsWith says, before the bank records anything.
	failures  int64
	failsWith verdict

	reason     string        // declines, with this ISO 20022 status reason code
	never      bool          // accepts and never finishes
	afterDelay time.Duration // executes that much later
	afterLimit bool          // executes Config.LateAfter after the threshold that submit carried
	returns    bool          // gives the money back Config.ReturnAfter after execution, or after it declined
	inPart     bool          // gives back half of it
	twice      bool          // says Config.ReturnAfter later that it gives it back once more, by another return
	misstates  bool          // says that it paid one minor unit more than it was asked to

	notices     int  // how often the result is notified
	noticeFirst bool // notifies before it answers the submission
	breaks      bool // breaks the connection instead of answering the submission that it records
	tellsResult bool // the submit answer carries the result, not just «accepted»
}

// ordinary is what happens to an account that asks for nothing else: accepted, executed, the result notified once.
var ordinary = behaviour{notices: 1}

// endings chooses the behaviour by the last four characters of the account.
//
// The reason codes are ISO 20022's: MS03 no reason given, AC01 incorrect account number, AC04 closed account,
// AC06 blocked account, NARR «see the narrative», which here says to ask the bank.
var endings = map[string]behaviour{
	"0001": {reason: "MS03", notices: 1},
	"0002": {reason: "AC01", notices: 1},
	"0003": {reason: "AC04", notices: 1},
	"0004": {reason: "AC06", notices: 1},
	"0005": {reason: "NARR", notices: 1},
	"0006": {failures: 2, failsWith: unavailable, notices: 1},
	"0007": {breaks: true},
	"0008": {failures: 1, failsWith: broken, notices: 1},
	"0009": {never: true},
	"0010": {notices: 3},
	"0011": {notices: 1, noticeFirst: true},
	"0012": {notices: 1, returns: true},
	"0013": {notices: 1, afterLimit: true},
	"0014": {tellsResult: true},
	"0015": {notices: 1, afterDelay: 3 * time.Second},

	// What an operator has to settle.
	"0020": {notices: 1, returns: true, inPart: true},
	"0021": {notices: 1, returns: true, twice: true},
	"0022": {reason: "MS03", notices: 1, returns: true},
	"0023": {notices: 1, misstates: true},
}

// narratives are the words that go with a reason code.
var narratives = map[string]string{
	"MS03": "the receiving bank gave no reason",
	"AC01": "incorrect account number",
	"AC04": "closed account",
	"AC06": "blocked account",
	"NARR": "refer to the bank",
}

func behaviourOf(account string) behaviour {
	if len(account) >= 4 {
		if b, ok := endings[account[len(account)-4:]]; ok {
			return b
		}
	}
	return ordinary
}

// begin is what becomes of a transfer in the commit that records it: its state, how often it was executed, and
// the timed steps that follow. Notices come apart (see notices).
func (b behaviour) begin(cfg Config, now, threshold time.Time) (next change, later []step) {
	switch {
	case b.reason != "":
		return change{state: declined, at: now}, b.returnOf(cfg, now)
	case b.never:
		return change{state: accepted}, nil
	case b.afterDelay > 0:
		return change{state: accepted}, []step{{name: stepExecute, due: now.Add(b.afterDelay)}}
	case b.afterLimit:
		if threshold.IsZero() {
			threshold = now
		}
		return change{state: accepted}, []step{{name: stepExecute, due: threshold.Add(cfg.LateAfter)}}
	}
	next, later = b.execute(cfg, now)
	return next, later
}

// execute is what becomes of a transfer in the commit that pays it.
func (b behaviour) execute(cfg Config, now time.Time) (next change, later []step) {
	return change{state: succeeded, executed: 1, at: now}, b.returnOf(cfg, now)
}

// returnOf is the step that gives the money back, where there is one.
func (b behaviour) returnOf(cfg Config, now time.Time) []step {
	if !b.returns {
		return nil
	}
	return []step{{name: stepReturn, due: now.Add(cfg.ReturnAfter)}}
}

// resultNotices are the steps that tell the result.
func (b behaviour) resultNotices(now time.Time) []step {
	names := [...]string{stepNotice1, stepNotice2, stepNotice3}
	var steps []step
	for _, name := range names[:b.notices] {
		steps = append(steps, step{name: name, due: now})
	}
	return steps
}
