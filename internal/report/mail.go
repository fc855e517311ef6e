package report

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/wneessen/go-mail"

	"flashpay/internal/store"
	"flashpay/internal/store/jobs"
	"flashpay/internal/store/people"
)

// LinkFor is how long the link of an e-mail works, once.
const LinkFor = 24 * time.Hour

// MailAttempts is how often an e-mail is tried, over about an hour and a half.
const MailAttempts = 16

// Mail is how e-mail is sent.
type Mail struct {
	From string // address, such as reports@pay.example.kg
	Link string // what links begin with, such as https://pay.example.kg/reports/link/

	host    string
	options []mail.Option
}

const mailTimeout = 30 * time.Second

// NewMail sets up e-mail through a server: smtp://user:password@host:587 begins TLS in the connection, and fails where the
// server does not offer it; smtps://user:password@host:465 begins with TLS; smtp://host:25?tls=off goes without it, for a
// server on the same machine.
func NewMail(server, from, link string) (*Mail, error) {
	u, err := url.Parse(server)
	if err != nil || u.Hostname() == "" || u.Scheme != "smtp" && u.Scheme != "smtps" || u.Path != "" {
		return nil, errors.New("mail server: want smtp://user:password@host:587, smtps://user:password@host:465 or smtp://localhost:25?tls=off")
	}
	if err := mail.NewMsg().From(from); err != nil {
		return nil, fmt.Errorf("mail from %q: want an address such as reports@pay.example.kg", from)
	}
	m := &Mail{From: from, Link: link, host: u.Hostname(), options: []mail.Option{mail.WithTimeout(mailTimeout), mail.WithTLSPolicy(mail.TLSMandatory)}}
	switch off := u.Query().Get("tls") == "off"; {
	case u.Scheme == "smtps":
		m.options = append(m.options, mail.WithSSL())
	case off && u.User != nil:
		return nil, errors.New("mail server: a password does not travel without TLS: leave out tls=off")
	case off:
		m.options = append(m.options, mail.WithTLSPolicy(mail.NoTLS))
	}
	if u.Port() != "" {
		port, err := strconv.Atoi(u.Port())
		if err != nil {
			return nil, fmt.Errorf("mail server: port %q is no number", u.Port())
		}
		m.options = append(m.options, mail.WithPort(port))
	}
	if password, ok := u.User.Password(); ok {
		m.options = append(m.options, mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover), mail.WithUsername(u.User.Username()), mail.WithPassword(password))
	}
	return m, nil
}

// Send sends one message. The local part of its id is the caller's: sent twice, a message has the same.
func (m *Mail) Send(ctx context.Context, id, to, subject, text string) error {
	msg := mail.NewMsg()
	if err := errors.Join(msg.From(m.From), msg.To(to)); err != nil {
		return fmt.Errorf("report: e-mail: %w", err)
	}
	msg.Subject(subject)
	msg.SetMessageIDWithValue(id + "@" + domain(m.From))
	msg.SetBodyString(mail.TypeTextPlain, text)
	client, err := mail.NewClient(m.host, m.options...)
	if err != nil {
		return fmt.Errorf("report: e-mail: %w", err)
	}
	if err := client.DialAndSendWithContext(ctx, msg); err != nil {
		return fmt.Errorf("report: e-mail: %w", err)
	}
	return nil
}

// mailTexts are subject and text in the languages of titles: name of the report, link, and until when it works.
var mailTexts = map[string][2]string{
	"en": {"Your report is ready: %s", "Your report %s is ready.\n\nDownload it here: %s\n\nThe link works once, until %s. After that, sign in to download the report.\n"},
	"ru": {"Ваш отчёт готов: %s", "Ваш отчёт %s готов.\n\nСкачать: %s\n\nСсылка сработает один раз, до %s. После этого отчёт можно скачать, войдя в систему.\n"},
	"ky": {"Отчётуңуз даяр: %s", "Отчётуңуз %s даяр.\n\nЖүктөп алуу: %s\n\nШилтеме бир жолу, %s чейин иштейт. Андан кийин отчётту системага кирип жүктөп алса болот.\n"},
}

// mail tells the owner of a report that it is ready.
func (s *Service) mail(ctx context.Context, r *jobs.Run) error {
	id, err := strconv.ParseInt(r.Key, 10, 64)
	if err != nil {
		return r.Fail(ctx, "it names no report")
	}
	if s.Mail == nil {
		return r.Finish(ctx, "no e-mail is set up", nil)
	}
	report, err := s.Get(ctx, r.UserID, id)
	if errors.Is(err, store.ErrNotFound) || err == nil && report.KeptUntil.IsZero() && report.State.Ended() {
		return r.Finish(ctx, "the report is not there any more", nil)
	}
	if err != nil {
		return err
	}
	if report.KeptUntil.IsZero() { // its file is whole, and its end not committed yet
		return errors.New("the report is not ready")
	}
	user, err := people.New(s.Store).User(ctx, r.UserID)
	if err != nil {
		return err
	}
	if !user.Deactivated.IsZero() {
		return r.Finish(ctx, "its owner is deactivated", nil)
	}
	texts, ok := mailTexts[user.Language]
	if !ok {
		texts = mailTexts["en"]
	}
	zone, err := time.LoadLocation(user.Zone)
	if err != nil {
		zone = time.UTC
	}
	until := r.CreatedAt.Add(LinkFor)
	name := report.Order.Request.FileName(report.AsOf)
	text := fmt.Sprintf(texts[1], name, s.Mail.Link+s.Link(id, until), until.In(zone).Format("2006-01-02 15:04 MST"))
	messageID := fmt.Sprintf("report-%d.%s", id, s.Store.Vault().Fingerprint())
	return s.Mail.Send(ctx, messageID, user.Email, fmt.Sprintf(texts[0], name), text)
}

func domain(address string) string {
	_, host, _ := strings.Cut(address, "@")
	return strings.TrimRight(host, ">")
}

// Link is the end of a link that downloads a report once, without sign-in, until a moment that is at most LinkFor away: the
// report, the moment in seconds, and a digest over both that only this platform can make.
func (s *Service) Link(id int64, until time.Time) string {
	b := binary.BigEndian.AppendUint64(nil, uint64(id))
	b = binary.BigEndian.AppendUint64(b, uint64(until.Unix()))
	mac := s.Store.Vault().Digest(linkDigest, b)
	return base64.RawURLEncoding.EncodeToString(append(b, mac[:]...))
}

const linkDigest = "report link"

// readLink reads the end of a link that still works by its time.
func (s *Service) readLink(link string) (id int64, err error) {
	const numbers = 16
	b, err := base64.RawURLEncoding.DecodeString(link)
	if err != nil || len(b) != numbers+32 {
		return 0, ErrLink
	}
	mac := s.Store.Vault().Digest(linkDigest, b[:numbers])
	until := time.Unix(int64(binary.BigEndian.Uint64(b[8:])), 0)
	if subtle.ConstantTimeCompare(mac[:], b[numbers:]) != 1 || !s.Store.Now().Before(until) {
		return 0, ErrLink
	}
	return int64(binary.BigEndian.Uint64(b)), nil
}

// CheckLink tells whether a link of an e-mail is signed by this platform and its time is not over, and of which report it is.
// It uses up nothing: programs that look at e-mails open links, too.
func (s *Service) CheckLink(ctx context.Context, link string) (*Report, error) {
	id, err := s.readLink(link)
	if err != nil {
		return nil, err
	}
	r, err := s.Get(ctx, 0, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, ErrGone
	}
	return r, err
}

// OpenLink opens the report of a link without anybody being signed in, once. ErrLink, or an error of Open.
func (s *Service) OpenLink(ctx context.Context, link string) (*Report, io.ReadCloser, error) {
	r, err := s.CheckLink(ctx, link)
	if err != nil {
		return nil, nil, err
	}
	file, err := s.open(ctx, r)
	if err != nil {
		return nil, nil, err
	}
	first := false // the name of an act is kept for a day, which is how long the link works
	err = s.Store.Do(ctx, "report link "+link, func(ctx context.Context, t *store.Tx) error {
		first = true
		return t.Audit(ctx, "link of an e-mail", "download report", object(r.ID), store.Detail{}.Text("kind", r.Order.Request.Kind))
	})
	if err == nil && !first {
		err = ErrLink
	}
	if err != nil {
		return nil, nil, errors.Join(err, file.Close())
	}
	return r, file, nil
}
