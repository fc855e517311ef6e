package dashboard

import (
	"net/url"

	"flashpay/internal/ratefeed"
	"flashpay/internal/staff"
)

// feedView is a file of rates that is imported by itself, as pages show it.
type feedView struct {
	*ratefeed.Info
	Host  string
	Stale bool // the bank's file is old
	Whole bool // with address, error and advice: for operators
}

func (v *visit) feeds() (out []feedView, err error) {
	found, err := ratefeed.Feeds(v.ctx(), v.d.Store)
	for _, f := range found {
		view := feedView{Info: f, Stale: f.Stale(v.d.Store.Now()), Whole: v.user.Can(staff.OperateFunds)}
		if u, err := url.Parse(f.URL); err == nil {
			view.Host = u.Hostname()
		}
		out = append(out, view)
	}
	return out, err
}

// waitingFeeds counts the feeds that fail, for those who can do something about it.
func (v *visit) waitingFeeds(add func(word, href string, count int, more bool)) error {
	if !v.user.Can(staff.OperateFunds) {
		return nil
	}
	feeds, err := v.feeds()
	n := 0
	for _, f := range feeds {
		if f.Failing() || f.Stale {
			n++
		}
	}
	if n > 0 {
		add("overview.feeds", "/operate/rates", n, false)
	}
	return err
}
