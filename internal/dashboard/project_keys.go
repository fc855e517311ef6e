package dashboard

import (
	"encoding/base32"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"flashpay/internal/merchant"
	"flashpay/internal/store"
	"flashpay/signature"
)

// keysPage lists the secret keys of a project.
type keysPage struct {
	projectHead
	Live, Revoked []store.KeyState
	Signing       int64  // the key that signs callbacks; 0: there is none
	Secret        string // of a key that was just added: shown this once
	Waits         bool   // that key waits for a second person
	Webhooks      []webhookSecret
}

// webhookSecret verifies callbacks by a library of Standard Webhooks; it follows from a key.
type webhookSecret struct {
	Key    int64
	Secret string
}

// revokePage asks before a key is revoked.
type revokePage struct {
	projectHead
	Key    store.KeyState
	Last   bool  // it is the only live one
	Signs  bool  // it signs callbacks now
	Next   int64 // the key that will, if it does
	Recent bool  // a request was signed with it within a day
}

func (v *visit) keysPage(p *merchant.Project) (*keysPage, error) {
	keys, err := v.d.Store.Keys(v.ctx(), p.ID)
	if err != nil {
		return nil, err
	}
	page := &keysPage{projectHead: v.projectHead(p, "keys")}
	for _, k := range keys {
		if !k.RevokedAt.IsZero() {
			page.Revoked = append(page.Revoked, k)
			continue
		}
		if page.Signing == 0 {
			page.Signing = k.ID
		}
		page.Live = append(page.Live, k)
	}
	return page, nil
}

func serveKeys(_ *Dashboard, v *visit) error {
	p, err := v.project(v.r.PathValue("project"))
	if err != nil {
		return err
	}
	page, err := v.keysPage(p)
	if err != nil {
		return err
	}
	if v.wantsFile() {
		return v.keysFile(page).send(v)
	}
	return v.render("project_keys", Page{Title: p.Name, Form: newForm(), Data: page, Files: true})
}

// newSecret makes a secret key of 52 characters. It follows from the form's token, so that a second click shows the key
// that the first one added; who lacks the keyset cannot guess it.
func (v *visit) newSecret(projectID int64, idempotencyKey string) string {
	sum := v.d.Store.Vault().Digest("project key", fmt.Appendf(nil, "%d/%d/%s", projectID, v.user.ID, idempotencyKey))
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:])
}

// maxLabel is how many characters a key's label may have.
const maxLabel = 100

func serveKeyAdd(d *Dashboard, v *visit) error {
	p, f, err := v.projectForm()
	if err != nil {
		return err
	}
	page, err := v.keysPage(p)
	if err != nil {
		return err
	}
	label := f.Get("label")
	if label == "" || utf8.RuneCountInString(label) > maxLabel || strings.ContainsFunc(label, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		f.Fault("label", v.t("projects.label_fault"))
		return v.renderStatus(http.StatusUnprocessableEntity, "project_keys", Page{Title: p.Name, Form: f, Data: page})
	}
	secret := v.newSecret(p.ID, f.IdempotencyKey)
	key := merchant.Key{Secret: secret, Label: label}
	err = d.Store.AddKey(v.ctx(), p.ID, key, store.By{Actor: v.actor(), IdempotencyKey: f.IdempotencyKey})
	waits := errors.Is(err, store.ErrNeedsSecond)
	if waits {
		_, err = d.Store.RequestKeyApproval(v.ctx(), p.ID, key, v.requester(f))
	}
	if err != nil {
		return err
	}
	if page, err = v.keysPage(p); err != nil {
		return err
	}
	page.Secret, page.Waits = secret, waits
	return v.render("project_keys", Page{Title: p.Name, Form: newForm(), Data: page})
}

// serveWebhookSecrets shows the secrets of webhooks, one for each live key. They can be had again at any time: nothing can
// be requested with them. Who asked stands in the audit log.
func serveWebhookSecrets(d *Dashboard, v *visit) error {
	p, _, err := v.projectForm()
	if err != nil {
		return err
	}
	page, err := v.keysPage(p)
	if err != nil {
		return err
	}
	if err := d.people.LogDownload(v.ctx(), v.actor(), "webhook secrets", "project "+strconv.FormatInt(p.ID, 10), nil); err != nil {
		return err
	}
	for _, k := range p.Keys {
		page.Webhooks = append(page.Webhooks, webhookSecret{k.ID, signature.WebhookSecret(k.Secret)})
	}
	return v.render("project_keys", Page{Title: p.Name, Form: newForm(), Data: page})
}

// revokePage finds the key that is to be revoked. errNotFound where there is no such live key.
func (v *visit) revokePage(p *merchant.Project) (*revokePage, error) {
	keys, err := v.keysPage(p)
	if err != nil {
		return nil, err
	}
	page := &revokePage{projectHead: keys.projectHead, Last: len(keys.Live) == 1}
	for _, k := range keys.Live {
		switch {
		case strconv.FormatInt(k.ID, 10) == v.r.PathValue("key"):
			page.Key = k
		case page.Next == 0:
			page.Next = k.ID
		}
	}
	if page.Key.ID == 0 {
		return nil, errNotFound
	}
	page.Signs = page.Key.ID == keys.Signing
	page.Recent = v.d.Store.Now().Sub(page.Key.UsedAt) < 24*time.Hour
	return page, nil
}

// serveKeyRevoke asks, and by POST revokes.
func serveKeyRevoke(d *Dashboard, v *visit) error {
	p, err := v.project(v.r.PathValue("project"))
	if err != nil {
		return err
	}
	f := newForm()
	if v.r.Method == http.MethodPost {
		if f, err = v.form(); err != nil {
			return err
		}
		id, err := strconv.ParseInt(v.r.PathValue("key"), 10, 64)
		if err != nil {
			return errNotFound
		}
		err = d.Store.RevokeKey(v.ctx(), p.ID, id, store.By{Actor: v.actor(), IdempotencyKey: f.IdempotencyKey})
		if err == nil {
			return v.redirect(fmt.Sprintf("/projects/%d/keys", p.ID), "projects.key_revoked", "key", id)
		}
		if !errors.Is(err, store.ErrLastKey) {
			return err
		}
		f.Fault("", v.t("projects.last_key"))
	}
	page, err := v.revokePage(p)
	if err != nil {
		return err
	}
	return v.render("project_revoke", Page{Title: v.t("projects.revoke_title", "key", page.Key.ID), Form: f, Data: page})
}
