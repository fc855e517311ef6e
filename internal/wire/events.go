package wire

import "flashpay/signature"

// Event is a callback in the feed of events.
type Event struct {
	Number   int64            // without gaps within its project
	Callback *signature.Value // its body, unsigned
}

// Events builds an answer of the feed, to be signed. last is the number of the project's newest event. An array of more than
// ten verifies in natural order only: whoever asks for more takes that upon himself.
func Events(projectID int64, events []Event, last int64) *signature.Value {
	items := make([]signature.Value, 0, len(events))
	for _, e := range events {
		items = append(items, signature.Obj(number("number", e.Number), signature.Field("callback", *e.Callback)))
	}
	v := signature.Obj(number("project_id", projectID), signature.Field("events", signature.Arr(items...)), number("last", last))
	return &v
}
