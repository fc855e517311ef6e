package dashboard

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"flashpay/internal/access"
	"flashpay/internal/merchant"
	"flashpay/internal/staff"
	"flashpay/internal/store"
	"flashpay/internal/store/people"
)

// teamRoutes are «My team»: the accounts of one's side, and, for operators, all.
var teamRoutes = []route{
	{pattern: "GET /team", right: staff.ViewTeam, serve: serveTeam},
	{pattern: "GET /team/invite", right: staff.ManageTeam, serve: serveInvitePage},
	{pattern: "POST /team/invite", right: staff.ManageTeam, fresh: true, serve: serveInvite},
	{pattern: "GET /team/history", right: staff.ViewTeam, serve: serveHistory},
	{pattern: "GET /team/{id}", right: staff.ViewTeam, serve: serveMember},
	{pattern: "POST /team/{id}/rights", right: staff.ManageTeam, fresh: true, serve: serveRights},
	{pattern: "POST /team/{id}/link", right: staff.ManageTeam, fresh: true, serve: serveNewLink},
	{pattern: "POST /team/{id}/confirm", right: staff.ManageTeam, fresh: true, serve: serveConfirmMember},
	{pattern: "POST /team/{id}/withdraw", right: staff.ManageTeam, fresh: true, serve: serveWithdrawInvitation},
	{pattern: "POST /team/{id}/active", right: staff.ManageTeam, fresh: true, serve: serveActive},
	{pattern: "POST /team/{id}/sign-out", right: staff.ManageTeam, fresh: true, serve: serveEndSessionsOf},
}

// memberView is an account as the list shows it.
type memberView struct {
	*people.UserRecord
	Side  string // whose it is
	State string // a word: access.state_…
	Badge string // its colour
	You   bool
}

func (v *visit) memberView(a *people.UserRecord) memberView {
	m := memberView{UserRecord: a, Side: v.side(a.MerchantID), State: "access.state_active", Badge: "green", You: a.ID == v.user.ID}
	switch {
	case !a.Deactivated.IsZero():
		m.State, m.Badge = "access.state_off", "grey"
	case a.Password == "" && a.Invitation != nil && a.Invitation.ExpiresAt.After(v.d.Store.Now()):
		m.State, m.Badge = "access.state_invited", "blue"
	case a.Password == "":
		m.State, m.Badge = "access.state_no_link", "amber"
	}
	return m
}

// LinkLives tells whether the account has a link that can still be followed.
func (m memberView) LinkLives(now time.Time) bool {
	return m.Invitation != nil && m.Invitation.ExpiresAt.After(now)
}

type teamPage struct {
	Members []memberView
	Off     int    // deactivated ones that are not shown
	All     bool   // they are shown
	Next    string // of the next page
	Waiting []approvalRow
}

// teamPageSize is how many accounts a page of the list has.
const teamPageSize = 200

func serveTeam(_ *Dashboard, v *visit) error {
	query := v.r.URL.Query()
	after, _ := strconv.ParseInt(query.Get("after"), 10, 64) // nonsense is the beginning
	filter := people.UserFilter{After: after, Limit: teamPageSize + 1}
	if !v.user.Operator() {
		filter.Merchant = &v.user.MerchantID
	}
	page := teamPage{All: query.Get("all") == "yes"}
	if v.wantsFile() {
		return v.teamFile(filter, page.All).send(v)
	}
	found, err := v.d.people.Users(v.ctx(), filter)
	if err != nil {
		return err
	}
	if page.Waiting, err = v.accountsWaiting(""); err != nil {
		return err
	}
	if len(found) > teamPageSize {
		found = found[:teamPageSize]
		next := url.Values{"after": {strconv.FormatInt(found[len(found)-1].ID, 10)}}
		if page.All {
			next.Set("all", "yes")
		}
		page.Next = "/team?" + next.Encode()
	}
	for _, a := range found {
		if !a.Deactivated.IsZero() && !page.All {
			page.Off++
			continue
		}
		page.Members = append(page.Members, v.memberView(a))
	}
	return v.render("team", Page{Title: v.t("nav.team"), Data: page, Wide: true, Files: true})
}

// rightsForm are the choices of a form that gives roles, rights and projects.
type rightsForm struct {
	Roles     []option
	Rights    []rightChoice
	Projects  []option
	Merchants []option // for operators who invite; empty: it is settled
}

// rightChoice is a single right in the form: by role, added, or withheld.
type rightChoice struct {
	Right staff.Right
	Label string
	Field string
}

// offer lists what this user may give to somebody of a merchant.
func (v *visit) offer(merchantID int64, had *staff.User) rightsForm {
	var o rightsForm
	for _, r := range staff.Roles {
		mine := &staff.User{MerchantID: merchantID, Roles: []staff.Role{r}}
		held := had != nil && slices.Contains(had.Roles, r)
		if held || mine.Consistent() && v.user.MayGive(nil, mine) {
			o.Roles = append(o.Roles, option{Value: string(r), Label: v.t("role." + string(r)), Help: v.rightsOf(r)})
		}
	}
	for _, r := range staff.Rights {
		if v.user.Can(r) && (merchantID == 0 || !r.OfPlatform()) {
			o.Rights = append(o.Rights, rightChoice{r, v.t("right." + string(r)), "right-" + string(r)})
		}
	}
	for _, p := range v.projects() {
		if p.MerchantID == merchantID {
			o.Projects = append(o.Projects, option{Value: strconv.FormatInt(p.ID, 10), Label: projectLabel(p)})
		}
	}
	return o
}

func merchantLabel(m *merchant.Merchant) string {
	return strconv.FormatInt(m.ID, 10) + " · " + m.Name
}

// side is what a user belongs to, in words.
func (v *visit) side(merchantID int64) string {
	if merchantID == 0 {
		return v.t("access.platform")
	}
	if m, ok := v.d.Store.Merchant(merchantID); ok {
		return merchantLabel(m)
	}
	return strconv.FormatInt(merchantID, 10)
}

func projectLabel(p *merchant.Project) string { return strconv.FormatInt(p.ID, 10) + " · " + p.Name }

// rightsOf explains a role by its rights.
func (v *visit) rightsOf(r staff.Role) string {
	var names []string
	for _, right := range staff.Rights {
		if r.Gives(right) {
			names = append(names, v.t("right."+string(right)))
		}
	}
	return strings.Join(names, " · ")
}

// fillRights puts what a user has into a form.
func fillRights(f *Form, u *staff.User) {
	for _, r := range u.Roles {
		f.Values.Add("role", string(r))
	}
	for _, r := range u.Added {
		f.Values.Set("right-"+string(r), "add")
	}
	for _, r := range u.Withheld {
		f.Values.Set("right-"+string(r), "withhold")
	}
	for _, id := range u.Projects {
		f.Values.Add("project", strconv.FormatInt(id, 10))
	}
	if u.AllProjects {
		f.Values.Set("all_projects", "on")
	}
}

// readRights puts what a form chooses into a user.
func readRights(f *Form, u *staff.User) {
	u.Roles, u.Added, u.Withheld, u.Projects = nil, nil, nil, nil
	for _, r := range f.Values["role"] {
		u.Roles = append(u.Roles, staff.Role(r))
	}
	for _, r := range staff.Rights {
		switch f.Get("right-" + string(r)) {
		case "add":
			u.Added = append(u.Added, r)
		case "withhold":
			u.Withheld = append(u.Withheld, r)
		}
	}
	for _, text := range f.Values["project"] {
		if id, err := strconv.ParseInt(text, 10, 64); err == nil {
			u.Projects = append(u.Projects, id)
		}
	}
	u.AllProjects = f.Get("all_projects") == "on" && u.MerchantID != 0
}

// refused notes in a form why an account may not be changed so; false: it is another error.
func (v *visit) refused(f *Form, err error) bool {
	faults := []struct {
		err         error
		field, word string
	}{
		{access.ErrEmail, "email", "access.email_wrong"},
		{access.ErrName, "name", "access.name_help"},
		{access.ErrRights, "role", "access.rights_wrong"},
		{access.ErrForbidden, "", "access.may_not_give"},
		{people.ErrUserExists, "email", "access.email_taken"},
		{access.ErrEmailUnfit, "email", "access.email_unfit"},
		{people.ErrLastAdmin, "", "access.last_admin"},
		{store.ErrPossiblySamePerson, "", "access.not_another"},
		{store.ErrMoved, "", "access.moved"},
	}
	for _, fault := range faults {
		if errors.Is(err, fault.err) {
			f.Fault(fault.field, v.t(fault.word))
			return true
		}
	}
	return false
}

// invitePage is the form for a new account.
type invitePage struct{ rightsForm }

func (v *visit) showInvite(status int, f *Form, merchantID int64) error {
	page := invitePage{v.offer(merchantID, nil)}
	if v.user.Operator() {
		page.rightsForm = v.offerOfOperator()
	}
	return v.renderStatus(status, "invite", Page{Title: v.t("access.invite"), Form: f, Data: page})
}

// offerOfOperator lists what an operator may give to somebody whose merchant the form chooses, too.
func (v *visit) offerOfOperator() rightsForm {
	o := rightsForm{Merchants: []option{{Value: "0", Label: v.t("access.platform")}}}
	for _, m := range v.d.Store.Merchants() {
		o.Merchants = append(o.Merchants, option{Value: strconv.FormatInt(m.ID, 10), Label: merchantLabel(m)})
	}
	for _, p := range v.projects() {
		o.Projects = append(o.Projects, option{Value: strconv.FormatInt(p.ID, 10), Label: projectLabel(p)})
	}
	for _, r := range staff.Roles {
		o.Roles = append(o.Roles, option{Value: string(r), Label: v.t("role." + string(r)), Help: v.rightsOf(r)})
	}
	for _, r := range staff.Rights {
		o.Rights = append(o.Rights, rightChoice{r, v.t("right." + string(r)), "right-" + string(r)})
	}
	return o
}

func serveInvitePage(_ *Dashboard, v *visit) error {
	return v.showInvite(http.StatusOK, newForm(), v.user.MerchantID)
}

func serveInvite(_ *Dashboard, v *visit) error {
	f, err := v.form()
	if err != nil {
		return err
	}
	u := &staff.User{MerchantID: v.user.MerchantID, Email: f.Get("email")}
	if v.user.Operator() {
		u.MerchantID, err = strconv.ParseInt(f.Get("merchant"), 10, 64)
		if _, known := v.d.Store.Merchant(u.MerchantID); err != nil || u.MerchantID != 0 && !known {
			f.Fault("merchant", v.t("access.merchant_choose"))
			return v.showInvite(http.StatusUnprocessableEntity, f, u.MerchantID)
		}
	}
	readRights(f, u)
	path, err := v.d.Access.Invite(v.ctx(), f.IdempotencyKey, access.ByUser(v.user), u)
	if errors.Is(err, store.ErrNeedsSecond) {
		return v.askAccount(f, people.ActInvite, u, "/team")
	}
	if v.refused(f, err) {
		return v.showInvite(http.StatusUnprocessableEntity, f, u.MerchantID)
	}
	if status := v.slowDown(f, err); status != 0 {
		return v.showInvite(status, f, u.MerchantID)
	}
	if err != nil {
		return err
	}
	return v.showLink(path, u, false)
}

// linkPage shows a link, this once, or says that it was sent.
type linkPage struct {
	Link  string // empty: it goes by e-mail
	User  *staff.User
	Hours int
	Reset bool
}

func (v *visit) showLink(path string, u *staff.User, reset bool) error {
	page := linkPage{User: u, Hours: int(access.InvitationLife / time.Hour), Reset: reset}
	if path != "" {
		page.Link = v.d.Access.Link(path)
	}
	return v.render("link", Page{Title: v.t("access.link"), Data: page})
}
