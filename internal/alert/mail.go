package alert

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"flashpay/internal/store"
	"flashpay/internal/store/alerts"
	"flashpay/internal/store/jobs"
	"flashpay/internal/store/people"
)

// texts are those of e-mails, by language: the subject, what an alert of each kind says, its project, and the end.
var texts = map[string]map[string]string{
	"en": {
		"subject": "Flashpay: alerts (%d)", alerts.Approval: "A request waits for your approval", alerts.Batch: "A mass payout has ended, and not all of it was paid",
		alerts.Callbacks: "Callbacks fail", alerts.Discrepancy: "A discrepancy with the bank was opened", "project": "project", "end": "Which of these are sent is set in My profile.",
	},
	"ru": {
		"subject": "Flashpay: сообщения (%d)", alerts.Approval: "Запрос ждёт вашего одобрения", alerts.Batch: "Реестр выплат завершён, выплачены не все строки",
		alerts.Callbacks: "Оповещения не доставляются", alerts.Discrepancy: "Открыто расхождение с банком", "project": "проект", "end": "Какие из них присылать, выбирается в разделе «Мой профиль».",
	},
	"ky": {
		"subject": "Flashpay: эскертүүлөр (%d)", alerts.Approval: "Өтүнмө сиздин бекитүүңүздү күтөт", alerts.Batch: "Төлөмдөр реестри аяктады, саптардын баары төлөнгөн жок",
		alerts.Callbacks: "Билдирмелер жеткирилбей жатат", alerts.Discrepancy: "Банк менен дал келбестик ачылды", "project": "долбоор", "end": "Кайсынысын жөнөтүү керектигин «Менин профилим» бөлүмүндө тандасаңыз болот.",
	},
}

// mail sends a user what a commit told them of, in their language. It names no recipient and no sum.
func (s *Service) mail(ctx context.Context, r *jobs.Run) error {
	var ids []int64
	if err := json.Unmarshal(r.Params, &ids); err != nil {
		return r.Fail(ctx, "it cannot be read")
	}
	if s.Mail == nil {
		return r.Finish(ctx, "no e-mail is set up", nil)
	}
	user, err := people.New(s.Store).User(ctx, r.UserID)
	switch {
	case errors.Is(err, store.ErrNotFound) || err == nil && !user.Deactivated.IsZero():
		return r.Finish(ctx, "the user is deactivated", nil)
	case err != nil:
		return err
	}
	told, err := alerts.Of(ctx, s.Store, r.UserID, ids)
	if err != nil {
		return err
	}
	words, ok := texts[user.Language]
	if !ok {
		words = texts["en"]
	}
	var text strings.Builder
	for i := range told {
		text.WriteString(words[told[i].Kind])
		if p, ok := s.Store.Project(told[i].ProjectID); ok {
			fmt.Fprintf(&text, ": %s %d, %s", words["project"], p.ID, p.Name)
		}
		fmt.Fprintf(&text, "\n%s%s\n\n", s.URL, told[i].Link)
	}
	text.WriteString(words["end"] + "\n")
	return s.Mail.Send(ctx, "alert-"+r.Key+"."+s.Store.Vault().Fingerprint(), user.Email, fmt.Sprintf(words["subject"], len(told)), text.String())
}
