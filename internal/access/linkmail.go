package access

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"flashpay/internal/staff"
	"flashpay/internal/store"
	"flashpay/internal/store/jobs"
	"flashpay/internal/store/people"
	"flashpay/internal/work"
)

// linkMailKind is the job that sends a link by e-mail.
const linkMailKind = "link mail"

// LinkMail sends links to those whom they are for.
type LinkMail struct {
	Store *store.Store
	URL   string // of Dashboard, which links begin with
	// Send sends an e-mail; nil: this process has no mail server, and leaves the jobs to those that have.
	Send func(ctx context.Context, id, to, subject, text string) error
}

// Jobs sends a link once it is committed. It is tried until the link expires.
func (m *LinkMail) Jobs() []work.JobKind {
	if m.Send == nil {
		return nil
	}
	return []work.JobKind{{Name: linkMailKind, Run: m.run}}
}

// mailed has a link sent to its user, with the commit that makes it. The job holds what the link's token is derived from, which is
// of use to nobody without the installation's secret.
func mailed(i *people.Invitation, act string) {
	i.Mailed = true
	i.With = func(ctx context.Context, t *store.Tx, userID int64) error {
		_, _, err := jobs.Add(ctx, t, jobs.New{Kind: linkMailKind, Key: hex.EncodeToString(i.Token[:]), UserID: userID, Params: []byte(act), KeepFor: InvitationLife})
		return err
	}
}

// linkTexts are subject and text by language: the link, and until when it works.
var linkTexts = map[string][2]string{
	"en": {"Your access to Flashpay", "Follow this link to set your password and your second factor in Flashpay:\n%s\n\nIt works once, until %s. Give it to nobody.\n"},
	"ru": {"Доступ к Flashpay", "Перейдите по ссылке, чтобы задать пароль и второй фактор для входа в Flashpay:\n%s\n\nОна действует один раз, до %s. Никому её не передавайте.\n"},
	"ky": {"Flashpay'ге кирүү", "Flashpay'ге кирүү үчүн сырсөздү жана экинчи факторду коюу шилтемеси:\n%s\n\nАл бир жолу, %s чейин иштейт. Аны эч кимге бербеңиз.\n"},
}

// languages are those of a user: all, where they have not chosen one yet.
func languages(u *staff.User) []string {
	if _, ok := linkTexts[u.Language]; ok {
		return []string{u.Language}
	}
	return []string{"en", "ru", "ky"}
}

func (m *LinkMail) run(ctx context.Context, r *jobs.Run) error {
	token := linkToken(m.Store, string(r.Params))
	directory := people.New(m.Store)
	i, err := directory.Invitation(ctx, hashToken(token))
	if errors.Is(err, store.ErrNotFound) || err == nil && !m.Store.Now().Before(i.ExpiresAt) {
		return r.Finish(ctx, "the link is used, withdrawn, replaced or expired", nil)
	}
	if err != nil {
		return err
	}
	user, err := directory.User(ctx, i.UserID)
	if err != nil {
		return err
	}
	if !user.Deactivated.IsZero() {
		return r.Finish(ctx, "the user is deactivated", nil)
	}
	zone, err := time.LoadLocation(user.Zone)
	if err != nil {
		zone = time.UTC
	}
	var subjects, texts []string
	for _, language := range languages(&user.User) {
		words := linkTexts[language]
		subjects = append(subjects, words[0])
		texts = append(texts, fmt.Sprintf(words[1], strings.TrimRight(m.URL, "/")+linkPath(token), i.ExpiresAt.In(zone).Format("2006-01-02 15:04 MST")))
	}
	id := "link-" + r.Key[:16] + "." + m.Store.Vault().Fingerprint()
	return m.Send(ctx, id, user.Email, strings.Join(subjects, " · "), strings.Join(texts, "\n"))
}
