package dashboard

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	"flashpay/internal/merchant"
	"flashpay/internal/store"
)

// merchantView is a merchant with its projects.
type merchantView struct {
	*merchant.Merchant
	Projects []*merchant.Project
}

// Blocked and Paused are the merchant's own.
func (m merchantView) Blocked() bool { return m.Restrictions.Blocked }

// Paused likewise.
func (m merchantView) Paused() bool { return m.Restrictions.Paused }

type merchantsPage struct {
	desk
	Merchants []merchantView
}

type merchantPage struct {
	desk
	Merchant merchantView
	Acts     []string
	Made     *madeProject // of a project that was just created
}

// madeProject is a new project with its secret key, which is shown this once.
type madeProject struct {
	ID     int64
	Secret string
}

// stopActs are what can be done to something that is stopped so.
func stopActs(s merchant.Restrictions) []string {
	acts := []string{"pause", "block"}
	if s.Paused {
		acts[0] = "resume"
	}
	if s.Blocked {
		acts[1] = "unblock"
	}
	return acts
}

func (v *visit) merchantView(m *merchant.Merchant) merchantView {
	view := merchantView{Merchant: m}
	for _, p := range v.d.Store.Projects() {
		if p.MerchantID == m.ID {
			view.Projects = append(view.Projects, p)
		}
	}
	return view
}

// merchant finds the merchant that the path names.
func (v *visit) merchant() (*merchant.Merchant, error) {
	id, err := strconv.ParseInt(v.r.PathValue("merchant"), 10, 64)
	if err != nil {
		return nil, errNotFound
	}
	m, ok := v.d.Store.Merchant(id)
	if !ok {
		return nil, errNotFound
	}
	return m, nil
}

// merchantForm finds the merchant of the path, and reads what is posted about it.
func (v *visit) merchantForm() (m *merchant.Merchant, f *Form, err error) {
	if m, err = v.merchant(); err == nil {
		f, err = v.form()
	}
	return m, f, err
}

func (v *visit) merchantsPage() merchantsPage {
	page := merchantsPage{desk: v.desk("merchants")}
	for _, m := range v.d.Store.Merchants() {
		page.Merchants = append(page.Merchants, v.merchantView(m))
	}
	return page
}

func serveMerchants(_ *Dashboard, v *visit) error {
	page := v.merchantsPage()
	if v.wantsFile() {
		return v.merchantsFile(page.Merchants).send(v)
	}
	return v.render("operate_merchants", Page{Title: v.t("operate.merchants"), Form: newForm(), Data: page, Files: true})
}

// checkName notes a fault where a name cannot be one.
func (v *visit) checkName(f *Form, field string) {
	name := f.Get(field)
	if name == "" || utf8.RuneCountInString(name) > maxLabel || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		f.Fault(field, v.t("operate.name_fault"))
	}
}

func serveMerchantCreate(d *Dashboard, v *visit) error {
	f, err := v.form()
	if err != nil {
		return err
	}
	if v.checkName(f, "name"); !f.OK() {
		return v.renderStatus(http.StatusUnprocessableEntity, "operate_merchants", Page{Title: v.t("operate.merchants"), Form: f, Data: v.merchantsPage()})
	}
	id, err := d.Store.CreateMerchant(v.ctx(), 0, f.Get("name"), store.By{Actor: v.actor(), IdempotencyKey: f.IdempotencyKey})
	if err != nil {
		return err
	}
	to := "/operate/merchants"
	if id != 0 { // 0: it was a second click
		to = fmt.Sprintf("/operate/merchants/%d", id)
	}
	return v.redirect(to, "operate.merchant_made", "name", f.Get("name"))
}

func (v *visit) merchantPage(m *merchant.Merchant) *merchantPage {
	return &merchantPage{desk: v.desk("merchants"), Merchant: v.merchantView(m), Acts: stopActs(m.Restrictions)}
}

func serveMerchant(_ *Dashboard, v *visit) error {
	m, err := v.merchant()
	if err != nil {
		return err
	}
	page := v.merchantPage(m)
	if v.wantsFile() {
		return v.merchantProjectsFile(page.Merchant).send(v)
	}
	return v.render("operate_merchant", Page{Title: m.Name, Form: newForm("name", m.Name), Data: page, Files: true})
}

func serveMerchantRename(d *Dashboard, v *visit) error {
	m, f, err := v.merchantForm()
	if err != nil {
		return err
	}
	if v.checkName(f, "name"); !f.OK() {
		return v.renderStatus(http.StatusUnprocessableEntity, "operate_merchant", Page{Title: m.Name, Form: f, Data: v.merchantPage(m)})
	}
	if err := d.Store.RenameMerchant(v.ctx(), m.ID, f.Get("name"), store.By{Actor: v.actor(), IdempotencyKey: f.IdempotencyKey}); err != nil {
		return err
	}
	return v.redirect(v.r.URL.Path, "operate.merchant_renamed")
}

// stopOf is what an act stops or lets go.
var stopOf = map[string]struct {
	restriction store.Restriction
	on          bool
}{"block": {store.Blocked, true}, "unblock": {store.Blocked, false}, "pause": {store.Paused, true}, "resume": {store.Paused, false}}

// checkStop notes a fault where an act or its reason is missing.
func (v *visit) checkStop(f *Form) error {
	if _, ok := stopOf[f.Get("act")]; !ok {
		return &userError{ID: "form.unreadable"}
	}
	if reason := f.Get("reason"); reason == "" || utf8.RuneCountInString(reason) > 200 {
		f.Fault("reason", v.t("operate.reason_fault"))
	}
	return nil
}

func serveMerchantStop(d *Dashboard, v *visit) error {
	m, f, err := v.merchantForm()
	if err != nil {
		return err
	}
	if err := v.checkStop(f); err != nil {
		return err
	}
	if !f.OK() {
		f.Values.Set("name", m.Name)
		return v.renderStatus(http.StatusUnprocessableEntity, "operate_merchant", Page{Title: m.Name, Form: f, Data: v.merchantPage(m)})
	}
	act := stopOf[f.Get("act")]
	if err := d.Store.RestrictMerchant(v.ctx(), m.ID, act.restriction, act.on, f.Get("reason"), store.By{Actor: v.actor(), IdempotencyKey: f.IdempotencyKey}); err != nil {
		return err
	}
	return v.redirect(fmt.Sprintf("/operate/merchants/%d", m.ID), "operate.done."+f.Get("act"))
}

func serveProjectStop(d *Dashboard, v *visit) error {
	p, f, err := v.projectForm()
	if err != nil {
		return err
	}
	if err := v.checkStop(f); err != nil {
		return err
	}
	if !f.OK() {
		page := v.settingsPage(p, string(merchant.General))
		for name, values := range page.form(p).Values {
			f.Values[name] = values
		}
		return v.renderStatus(http.StatusUnprocessableEntity, "project_settings", Page{Title: p.Name, Form: f, Data: page})
	}
	act := stopOf[f.Get("act")]
	if err := d.Store.RestrictProject(v.ctx(), p.ID, act.restriction, act.on, f.Get("reason"), store.By{Actor: v.actor(), IdempotencyKey: f.IdempotencyKey}); err != nil {
		return err
	}
	return v.redirect(fmt.Sprintf("/projects/%d", p.ID), "operate.done."+f.Get("act"))
}

func serveProjectForm(_ *Dashboard, v *visit) error {
	m, err := v.merchant()
	if err != nil {
		return err
	}
	return v.render("operate_project", Page{Title: v.t("operate.new_project"), Form: newForm("mode", string(merchant.Test)), Data: v.merchantPage(m)})
}

// serveProjectCreate makes a project. Its name and address are checked as those of every project are.
func serveProjectCreate(d *Dashboard, v *visit) error {
	m, f, err := v.merchantForm()
	if err != nil {
		return err
	}
	made := v.checkProject(m, f)
	secret := ""
	if f.OK() {
		secret = v.newSecret(made.ID, f.IdempotencyKey)
		err := d.Store.OpenProject(v.ctx(), made, secret, nil, store.By{Actor: v.actor(), IdempotencyKey: f.IdempotencyKey})
		if errors.Is(err, store.ErrProjectExists) {
			f.Fault("id", v.t("operate.id_taken"))
		} else if err != nil {
			return err
		}
	}
	if !f.OK() {
		return v.renderStatus(http.StatusUnprocessableEntity, "operate_project", Page{Title: v.t("operate.new_project"), Form: f, Data: v.merchantPage(m)})
	}
	page := v.merchantPage(m)
	page.Made = &madeProject{made.ID, secret}
	return v.render("operate_merchant", Page{Title: m.Name, Form: newForm("name", m.Name), Data: page})
}

func (v *visit) checkProject(m *merchant.Merchant, f *Form) *merchant.Project {
	p := &merchant.Project{MerchantID: m.ID, Mode: merchant.Mode(f.Get("mode"))}
	var err error
	if p.ID, err = strconv.ParseInt(f.Get("id"), 10, 64); err != nil || p.ID < 1 || p.ID > math.MaxUint32 {
		f.Fault("id", v.t("operate.id_fault"))
	}
	if p.Mode != merchant.Test && p.Mode != merchant.Live {
		f.Fault("mode", v.t("operate.mode_fault"))
	}
	values := map[string]string{"name": f.Get("name"), "callback_url": f.Get("callback_url")}
	made, faults := merchant.Change(p, nil, values, v.user.CanChange)
	for _, fault := range faults {
		f.Fault(fault.Key, v.faultText(fault))
	}
	if f.Get("name") == "" {
		f.Fault("name", v.t("projects.fault.required"))
	}
	return made
}
