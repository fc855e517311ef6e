package dashboard

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"flashpay/internal/access"
	"flashpay/internal/money"
	"flashpay/internal/staff"
	"flashpay/internal/store"
	"flashpay/internal/store/people"
)

// actView is a line of the audit log as people read it.
type actView struct {
	At      time.Time
	Who     string
	What    string
	Object  string // empty: the actor's own account
	Changes []string
}

type historyPage struct {
	Acts []actView
	Of   string // whose they are; empty: everybody's
	Next string
}

// serveHistory shows what the people of one's side did, or one of them.
func serveHistory(_ *Dashboard, v *visit) error {
	query := v.r.URL.Query()
	var behind store.AuditEntry
	if at, id, ok := strings.Cut(query.Get("behind"), "."); ok {
		micros, _ := strconv.ParseInt(at, 10, 64) // nonsense is the newest
		if behind.ID, _ = strconv.ParseInt(id, 10, 64); micros > 0 {
			behind.At = time.UnixMicro(micros)
		}
	}
	user, _ := strconv.ParseInt(query.Get("user"), 10, 64) // nonsense is everybody
	var page historyPage
	if user != 0 {
		a, err := v.d.Access.Member(v.ctx(), v.user, user)
		if err != nil {
			return err
		}
		page.Of = cmp.Or(a.Name, a.Email)
	}
	if v.wantsFile() {
		return v.historyFile(user).send(v)
	}
	acts, err := v.d.Access.History(v.ctx(), v.user, user, behind)
	if err != nil {
		return err
	}
	if page.Acts, err = v.actViews(acts); err != nil {
		return err
	}
	if len(acts) == access.HistoryPage {
		last := acts[len(acts)-1]
		next := url.Values{"behind": {fmt.Sprintf("%d.%d", last.At.UnixMicro(), last.ID)}}
		if user != 0 {
			next.Set("user", query.Get("user"))
		}
		page.Next = "/team/history?" + next.Encode()
	}
	return v.render("history", Page{Title: v.t("access.history"), Data: page, Wide: true, Files: true})
}

// actViews puts acts into words. Accounts that were acted upon are named by their addresses, where they are of the
// visitor's side.
func (v *visit) actViews(acts []store.AuditEntry) ([]actView, error) {
	addresses := make(map[string]string)
	if v.user.Can(staff.ViewTeam) && len(acts) > 0 {
		side, err := v.d.people.Users(v.ctx(), people.UserFilter{Merchant: &v.user.MerchantID})
		if err != nil {
			return nil, err
		}
		for _, a := range side {
			addresses[a.Object()] = a.Email
		}
	}
	var out []actView
	for _, a := range acts {
		object, who := a.Object, a.Actor
		if actor, address, ok := strings.Cut(a.Actor, " <"); ok {
			if who = strings.TrimSuffix(address, ">"); actor == object {
				object = "" // what people did to their own account
			}
		}
		out = append(out, actView{
			At: a.At, Who: who, What: v.actWord(a.Action), Object: cmp.Or(addresses[object], v.words().object(object).either()), Changes: v.changes(a.Detail),
		})
	}
	return out, nil
}

// actWord is an action in words, where there are some.
func (v *visit) actWord(action string) string {
	return v.words().named("act.", action).either()
}

// changes says what an act's detail holds: of what was changed, what was before and what came after.
func (v *visit) changes(detail string) (out []string) {
	all := membersOf(detail)
	before, after := all["before"], all["after"]
	if before != "" && after != "" {
		old, now := membersOf(before), membersOf(after)
		for _, name := range slices.Sorted(maps.Keys(merged(old, now))) {
			if old[name] != now[name] {
				out = append(out, fmt.Sprintf("%s: %s → %s", v.memberWord(name), v.memberValue(name, old[name]), v.memberValue(name, now[name])))
			}
		}
		return out
	}
	if sum, ok := v.sumOf(all["amount"], all["currency"]); ok {
		all["amount"] = sum
		delete(all, "currency")
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		out = append(out, v.memberWord(name)+": "+v.memberValue(name, all[name]))
	}
	return out
}

// sumOf writes minor units as people write sums. false: they are none.
func (v *visit) sumOf(amount, currency string) (string, bool) {
	minor, err := strconv.ParseInt(amount, 10, 64)
	if err != nil || !money.Valid(currency) {
		return "", false
	}
	return v.words().sum(minor, currency), true
}

// withSum writes the sum that an act is about as people do.
func (v *visit) withSum(details []logDetail) []logDetail {
	place := func(name string) int {
		return slices.IndexFunc(details, func(d logDetail) bool { return d.Name == name })
	}
	for i := range details {
		details[i].Value = v.words().sums(details[i].Value)
	}
	amount, currency := place("amount"), place("currency")
	if amount < 0 || currency < 0 {
		return details
	}
	if sum, ok := v.sumOf(details[amount].Value, details[currency].Value); ok {
		details[amount].Value = sum
		details = slices.Delete(details, currency, currency+1)
	}
	return details
}

func merged(a, b map[string]string) map[string]string {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}

// membersOf reads a JSON object into texts.
func membersOf(text string) map[string]string {
	var values map[string]any
	out := make(map[string]string)
	if json.Unmarshal([]byte(text), &values) != nil {
		return out
	}
	for name, value := range values {
		if s, ok := value.(string); ok {
			out[name] = s
			continue
		}
		plain, err := json.Marshal(value)
		if err == nil {
			out[name] = string(plain)
		}
	}
	return out
}

func (v *visit) memberWord(name string) string {
	return v.words().member(name).either()
}

// memberValue writes lists of roles and rights in words.
func (v *visit) memberValue(name, text string) string {
	var list []string
	text = v.words().sums(text)
	switch {
	case text == "" || text == "[]":
		return "–"
	case (name == "roles" || name == "added" || name == "withheld") && json.Unmarshal([]byte(text), &list) == nil:
		for i, item := range list {
			switch {
			case staff.Role(item).Valid():
				list[i] = v.t("role." + item)
			case staff.Right(item).Valid():
				list[i] = v.t("right." + item)
			}
		}
		return strings.Join(list, ", ")
	}
	if n := v.words().value(name, text); n.Word != "" {
		return n.Word
	}
	return strings.NewReplacer("[", "", "]", "", ",", ", ").Replace(text)
}
