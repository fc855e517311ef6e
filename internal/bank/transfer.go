package bank

import (
	"crypto/sha256"
	"encoding/base32"
	"strings"
	"time"
)

// state is what the bank knows of a transfer.
type state int64

const (
	unrecorded state = iota // submissions came in, and failed before anything but their number was recorded
	accepted
	succeeded
	declined
	returned // succeeded, and the money came back
)

// transfer is a row of the bank's table. Times are microseconds UTC, 0 where there is none.
type transfer struct {
	key         string
	reference   string
	amount      int64 // minor units
	currency    string
	account     string
	endpoint    int64 // where notices go; 0: nowhere
	submissions int64
	executed    int64
	state       state
	reason      string
	acceptedAt  int64
	resultAt    int64
	returnedAt  int64
}

// change is a move of a transfer to its next state.
type change struct {
	state    state
	executed int64 // how many executions this adds
	at       time.Time
}

// apply makes the move on t, as the statement of the same name does in the database.
func (t *transfer) apply(c change) {
	t.state = c.state
	t.executed += c.executed
	switch c.state {
	case succeeded, declined:
		t.resultAt = micros(c.at)
	case returned:
		t.returnedAt = micros(c.at)
	}
}

// bankID is the bank's own number of a transfer. It follows from the key, so that all nodes agree on it.
func bankID(key string) string {
	sum := sha256.Sum256([]byte("transfer " + key))
	return "FB" + base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:10])
}

// The names of a transfer's steps, of which tasks are made.
const (
	stepNotice1      = "n1" // tell the result …
	stepNotice2      = "n2" // … a second
	stepNotice3      = "n3" // … and a third time
	stepExecute      = "x"
	stepReturn       = "r"
	stepReturnNotice = "rn" // tell that the money came back
	stepReturnAgain  = "ra" // tell that it came back once more
)

// step is something to do for a transfer at a time.
type step struct {
	name string
	due  time.Time
}

func isNotice(name string) bool { return name != stepExecute && name != stepReturn }

// task is a step as it is stored. Its id is the transfer's key, the number of the submission that it stems from,
// and the name of the step, so that no two nodes can make the same task twice.
type task struct {
	id       string
	endpoint int64
	bornAt   int64 // microseconds
	dueAt    int64 // microseconds
	attempts int64
}

func (t task) key() string {
	key, _, _ := strings.Cut(t.id, "/")
	return key
}

// submission is the middle part of the id, kept as text because it is only handed on.
func (t task) submission() string {
	_, rest, _ := strings.Cut(t.id, "/")
	number, _, _ := strings.Cut(rest, "/")
	return number
}

func (t task) name() string { return t.id[strings.LastIndexByte(t.id, '/')+1:] }

func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func fromMicros(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}
