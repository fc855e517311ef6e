package dashboard

import (
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"flashpay/internal/store"
)

// Payments open beside the list, as tabs of a panel. They stand in the register's address, so that it can be reloaded, kept
// and sent: one member «open» for each, project and id with a point between. The tabs are in the order in which they are
// first named, and the one that is named last is shown.

const (
	maxTabs    = 6  // open at a time; the oldest gives way
	maxTabName = 40 // characters: two numbers of 64 bits and the point
)

// panelID is the element that holds the panel, by which htmx asks for the panel alone.
const panelID = "panel"

// tabs are the payments that are open, by their names in addresses.
type tabs struct {
	all   []string
	shown string
}

func readTabs(named []string) (t tabs) {
	for _, name := range named {
		if name = strings.TrimSpace(strings.ToValidUTF8(name, "\uFFFD")); name != "" {
			t = t.with(string([]rune(name)[:min(len([]rune(name)), maxTabName)]))
		}
	}
	return t
}

// with opens one more, or shows the one that is open.
func (t tabs) with(name string) tabs {
	all := slices.Clone(t.all)
	if !slices.Contains(all, name) {
		all = append(all, name)
	}
	return tabs{all[max(0, len(all)-maxTabs):], name}
}

// without closes one. Where it was shown, its right neighbour is, else its left one.
func (t tabs) without(name string) tabs {
	i := slices.Index(t.all, name)
	if i < 0 {
		return t
	}
	left := slices.Delete(slices.Clone(t.all), i, i+1)
	switch {
	case len(left) == 0:
		return tabs{}
	case t.shown == name:
		return tabs{left, left[min(i, len(left)-1)]}
	}
	return tabs{left, t.shown}
}

// named are the members of an address.
func (t tabs) named() []string {
	if n := len(t.all); n == 0 || t.all[n-1] == t.shown {
		return t.all
	}
	return append(slices.Clone(t.all), t.shown)
}

// tabName is a payment's name in addresses.
func tabName(project, id int64) string {
	return strconv.FormatInt(project, 10) + "." + strconv.FormatInt(id, 10)
}

// panelData is what stands beside the list.
type panelData struct {
	Shown   string // its name
	Title   string
	Payment *paymentData // nil: the user sees none of that name
	Tabs    []tab
	Here    string // the register as it is shown
	List    string // without the panel
	Alone   string // the payment's own page
}

// tab is a payment that is open; empty label: there is none that the user sees.
type tab struct {
	Name, Label string
	Href, Close string
	On          bool
}

// readPanel reads what is open beside the list: of the payment that is shown everything, of the others what they are
// called. nil: nothing is.
func (v *visit) readPanel(l *listing) (*panelData, error) {
	if len(l.open.all) == 0 {
		return nil, nil
	}
	data := &panelData{Shown: l.open.shown, Title: v.t("payments.panel_missing"), Here: l.opening(l.open), List: l.opening(tabs{})}
	for _, name := range l.open.all {
		label, err := v.readTab(data, name)
		if err != nil {
			return nil, err
		}
		data.Tabs = append(data.Tabs, tab{
			Name: name, Label: label, Href: l.opening(l.open.with(name)), Close: l.opening(l.open.without(name)), On: name == data.Shown,
		})
	}
	return data, nil
}

// readTab says what a payment is called, and reads it into the panel where it is the one that is shown.
func (v *visit) readTab(data *panelData, name string) (label string, err error) {
	projectID, id, _ := strings.Cut(name, ".")
	project, view, err := v.payment(projectID, id)
	if isAny(err, errNotFound, store.ErrNotFound) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	label = view.Payment.PaymentID
	if name != data.Shown {
		return label, nil
	}
	data.Title = v.t("payments.payment_title", "id", label)
	data.Alone = paymentAddress(project.ID, view.Payment.ID, data.Here)
	if data.Payment, err = v.paymentData(project, view); err != nil {
		return "", err
	}
	data.Payment.Beside = true
	_, data.Payment.ListQuery, _ = strings.Cut(data.Here, "?")
	return label, nil
}

// servePanel answers htmx, which exchanges the panel and leaves the list as it is.
func servePanel(v *visit, l *listing) error {
	panel, err := v.readPanel(l)
	if err != nil {
		return err
	}
	p := Page{Title: v.t("payments.title"), Data: &registerData{listing: l, Panel: panel}}
	if panel != nil {
		p.Title = panel.Title
	}
	here := l.opening(l.open)
	if u, err := url.Parse(v.r.Header.Get("HX-Current-URL")); err == nil && u.RequestURI() == here {
		here = "false" // no second entry of the same address in the browser's history
	}
	v.w.Header().Set("HX-Push-Url", here)
	return v.fragment("payments", "panel-alone", p)
}

// opening is the page of the register that is shown, with other payments open beside it.
func (l *listing) opening(open tabs) string {
	other := *l
	other.open = open
	return other.address(other.placed())
}

// Opened are the payments that are open, as they stand in addresses.
func (l *listing) Opened() []string { return l.open.named() }

// registerAddress is the register under a query, with what is open beside it.
func registerAddress(query url.Values, open []string) string {
	q := make(url.Values, len(query)+1)
	for name, values := range query {
		q[name] = values
	}
	delete(q, "open")
	if len(open) > 0 {
		q["open"] = open
	}
	return localPath("/payments" + withQuery(q.Encode()))
}

func isAny(err error, kinds ...error) bool {
	return slices.ContainsFunc(kinds, func(kind error) bool { return errors.Is(err, kind) })
}
