package dataapi

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"flashpay/internal/payout"
	"flashpay/signature"
)

// wanted reads parameters of a request. The first fault stays.
type wanted struct {
	call  *call
	from  *signature.Value
	fault *refusal
}

func (c *call) parameters() *wanted { return &wanted{call: c, from: c.tree} }

func (w *wanted) refuse(status int, message string) {
	if w.fault == nil {
		w.fault = refuse(status, message)
	}
}

func (w *wanted) bad(name, want string) { w.refuse(http.StatusBadRequest, name+": "+want+" is wanted") }

// get finds a parameter; null and an empty array or object are none.
func (w *wanted) get(name string) *signature.Value {
	v := w.from.Get(strings.Split(name, ".")...)
	if v == nil || v.Kind == signature.Null || (v.Kind == signature.Array && len(v.Items) == 0) {
		return nil
	}
	return v
}

// text reads a string.
func (w *wanted) text(name string) string {
	v := w.get(name)
	if v == nil {
		return ""
	}
	if v.Kind != signature.String {
		w.bad(name, "a string")
		return ""
	}
	return v.Text
}

// texts reads a string or an array of strings.
func (w *wanted) texts(name string) (out []string) {
	v := w.get(name)
	if v == nil {
		return nil
	}
	items := []signature.Value{*v}
	if v.Kind == signature.Array {
		items = v.Items
	}
	for _, item := range items {
		if item.Kind != signature.String {
			w.bad(name, "a string or an array of strings")
			return nil
		}
		if item.Text != "" {
			out = append(out, item.Text)
		}
	}
	return out
}

// number reads a whole number that is not negative, written as a number or as a string of digits; clients send both.
func (w *wanted) number(name string, usual, most int64) int64 {
	v := w.get(name)
	if v == nil {
		return usual
	}
	n, err := strconv.ParseInt(v.Text, 10, 64)
	if (v.Kind != signature.Number && v.Kind != signature.String) || err != nil || n < 0 || n > most {
		w.bad(name, "a whole number from 0 to "+strconv.FormatInt(most, 10))
		return usual
	}
	return n
}

// projects reads project_id: the projects that the user sees and asks for, all of them where none is named.
func (w *wanted) projects() (ids []int64) {
	seen := w.call.projects()
	v := w.get("project_id")
	if v == nil {
		for _, p := range seen {
			ids = append(ids, p.ID)
		}
		return ids
	}
	items := []signature.Value{*v}
	if v.Kind == signature.Array {
		items = v.Items
	}
	for _, item := range items {
		id, err := strconv.ParseInt(item.Text, 10, 64)
		if (item.Kind != signature.Number && item.Kind != signature.String) || err != nil {
			w.bad("project_id", "an array of whole numbers")
			return nil
		}
		known := false
		for _, p := range seen {
			known = known || p.ID == id
		}
		if !known {
			w.refuse(http.StatusUnauthorized, "You have no access to project_id = "+item.Text)
			return nil
		}
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// zone reads tz: an IANA name or an offset such as +10:30; without one it is the account's zone, else UTC.
func (w *wanted) zone() *time.Location {
	text := w.text("tz")
	if text == "" {
		if zone, err := time.LoadLocation(w.call.user.Zone); err == nil {
			return zone
		}
		return time.UTC
	}
	if at, err := time.Parse("-07:00", text); err == nil {
		_, offset := at.Zone()
		return time.FixedZone(text, offset)
	}
	zone, err := time.LoadLocation(text)
	if err != nil || text == "Local" {
		w.bad("tz", "an IANA name such as Asia/Bishkek, or an offset such as +06:00,")
		return time.UTC
	}
	return zone
}

// timeForm is how times are written in requests.
const timeForm = "2006-01-02 15:04:05"

// interval reads two times of a zone; both seconds belong to it, so to is a second later than asked for. Zero times: there
// is none.
func (w *wanted) interval(name string, zone *time.Location) (from, to time.Time) {
	v := w.get(name)
	if v == nil {
		return from, to
	}
	if v.Kind != signature.Object {
		w.bad(name, "an object with from and to")
		return from, to
	}
	var at [2]time.Time
	for i, end := range []string{name + ".from", name + ".to"} {
		var err error
		if at[i], err = time.ParseInLocation(timeForm, w.text(end), zone); err != nil {
			w.bad(end, "a time such as 2026-03-01 00:00:00")
			return from, to
		}
	}
	if at[1].Before(at[0]) {
		w.refuse(http.StatusBadRequest, name+": from is later than to")
	}
	return at[0], at[1].Add(time.Second)
}

// statuses reads operation_status.
func (w *wanted) statuses() (out []payout.Status) {
	for _, name := range w.texts("operation_status") {
		if !slices.Contains(statusNames, name) {
			w.bad("operation_status", "one of "+strings.Join(statusNames, ", "))
			return nil
		}
		out = append(out, payout.Status(name))
	}
	return out
}
