package report_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"flashpay/internal/report"
	"flashpay/internal/staff"
	"flashpay/internal/storetest"
)

// post is a mail server that keeps what it is given.
type post struct {
	mu     sync.Mutex
	refuse int // so many of the first messages
	got    []letter
}

type letter struct {
	from, to string
	body     []byte
}

func (p *post) NewSession(*smtp.Conn) (smtp.Session, error) { return &delivery{post: p}, nil }

type delivery struct {
	post   *post
	letter letter
}

func (d *delivery) Mail(from string, _ *smtp.MailOptions) error { d.letter.from = from; return nil }
func (d *delivery) Rcpt(to string, _ *smtp.RcptOptions) error   { d.letter.to = to; return nil }
func (d *delivery) Reset()                                      {}
func (d *delivery) Logout() error                               { return nil }

func (d *delivery) Data(r io.Reader) (err error) {
	if d.letter.body, err = io.ReadAll(r); err != nil {
		return err
	}
	d.post.mu.Lock()
	defer d.post.mu.Unlock()
	if d.post.refuse > 0 {
		d.post.refuse--
		return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "later"}
	}
	d.post.got = append(d.post.got, d.letter)
	return nil
}

func (p *post) letters() []letter {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]letter(nil), p.got...)
}

// openPost starts a mail server and returns its address. secure has it offer TLS, with a certificate that nobody knows.
func openPost(t *testing.T, p *post, secure bool) string {
	t.Helper()
	server := smtp.NewServer(p)
	server.Domain = "localhost"
	if secure {
		server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{selfSigned(t)}}
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	return listener.Addr().String()
}

func selfSigned(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	content, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{content}, PrivateKey: key}
}

const linkBase = "https://pay.example.kg/reports/link/"

func newMail(t *testing.T, server string) *report.Mail {
	t.Helper()
	m, err := report.NewMail(server, "Reports <reports@pay.example.kg>", linkBase)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// read reads a letter's subject and text.
func (l *letter) read(t *testing.T) (subject, text string) {
	t.Helper()
	m, err := mail.ReadMessage(bytes.NewReader(l.body))
	if err != nil {
		t.Fatal(err)
	}
	subject, err = new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(quotedprintable.NewReader(m.Body))
	if err != nil {
		t.Fatal(err)
	}
	return subject, string(content)
}

var linkIn = regexp.MustCompile(regexp.QuoteMeta(linkBase) + `(\S+)`)

// The owner is sent a link, in the owner's language, that works once within a day without anybody being signed in.
func TestMailWithALink(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		d := newDesk(t, url)
		p := &post{refuse: 1}
		d.Mail = newMail(t, "smtp://"+openPost(t, p, false)+"?tls=off")
		o := d.order(d.user, "kind=movements&columns=kind")
		o.Mail = true
		id, err := d.Add(t.Context(), "", o)
		d.must(err)
		d.run(func() bool { return len(p.letters()) > 0 }, d.Service)
		letters := p.letters()
		subject, text := letters[0].read(t)
		if len(letters) != 1 || letters[0].to != "aida@example.kg" || letters[0].from != "reports@pay.example.kg" || !strings.HasPrefix(subject, "Ваш отчёт готов: movements_all_") {
			t.Errorf("%d letters: to %s from %s: %s", len(letters), letters[0].to, letters[0].from, subject)
		}
		found := linkIn.FindStringSubmatch(text)
		if found == nil || !strings.Contains(text, "+06") {
			t.Fatalf("no link, or no zone: %s", text)
		}
		link := found[1]
		for range 2 { // what looks at e-mails uses nothing up
			if r, err := d.CheckLink(t.Context(), link); err != nil || r.ID != id {
				t.Errorf("looked at: %+v, %v", r, err)
			}
		}
		r, file, err := d.OpenLink(t.Context(), link)
		d.must(err)
		content, err := io.ReadAll(file)
		if err := errors.Join(err, file.Close()); err != nil || r.ID != id || string(content) != "\"kind\"\n\"top-up\"\n" {
			t.Errorf("report %d: %q, %v", r.ID, content, err)
		}
		if _, _, err := d.OpenLink(t.Context(), link); !errors.Is(err, report.ErrLink) {
			t.Errorf("a second time: %v", err)
		}
	})
}

func TestLinksThatDoNotWork(t *testing.T) {
	t.Parallel()
	d := newDesk(t, storetest.URL(t, storetest.SQLite))
	p := &post{}
	d.Mail = newMail(t, "smtp://"+openPost(t, p, false)+"?tls=off")
	o := d.order(d.user, "kind=movements")
	o.Mail = true
	_, err := d.Add(t.Context(), "", o)
	d.must(err)
	d.run(func() bool { return len(p.letters()) > 0 }, d.Service)
	letter := p.letters()[0]
	_, text := letter.read(t)
	link := linkIn.FindStringSubmatch(text)[1]
	for _, wrong := range []string{"", "x", link[1:], link + "A", strings.Replace(link, link[:4], "BBBB", 1), strings.ToUpper(link)} {
		if _, _, err := d.OpenLink(t.Context(), wrong); !errors.Is(err, report.ErrLink) {
			t.Errorf("%q: %v", wrong, err)
		}
	}
	d.change(d.user, func(u *staff.User) { u.Projects = []int64{211} })
	if _, _, err := d.OpenLink(t.Context(), link); err == nil {
		t.Error("the owner sees the project no more, and the link works")
	}
	d.change(d.user, func(u *staff.User) { u.Projects = []int64{210, 211} })
	d.advance(report.LinkFor)
	if _, _, err := d.OpenLink(t.Context(), link); !errors.Is(err, report.ErrLink) {
		t.Errorf("after a day: %v", err)
	}
}

// A password and a report's link travel under TLS that is verified, or not at all.
func TestMailNeedsTLS(t *testing.T) {
	t.Parallel()
	for _, secure := range []bool{false, true} {
		d := newDesk(t, storetest.URL(t, storetest.SQLite))
		p := &post{}
		d.Mail = newMail(t, "smtp://"+openPost(t, p, secure))
		o := d.order(d.user, "kind=movements")
		o.Mail = true
		_, err := d.Add(t.Context(), "", o)
		d.must(err)
		d.run(func() bool {
			n, err := d.Store.DB().Numbers(t.Context(), "SELECT 1 FROM jobs WHERE kind = 'report mail' AND attempts > 0 AND outcome <> ''")
			d.must(err)
			return len(n) > 0
		}, d.Service)
		if n := len(p.letters()); n > 0 {
			t.Errorf("TLS offered: %v; %d letters to a server that nobody knows", secure, n)
		}
	}
}

func TestMailServers(t *testing.T) {
	t.Parallel()
	for _, server := range []string{"", "mail.example.kg", "http://mail.example.kg", "smtp://", "smtp://user:password@localhost:25?tls=off", "smtp://mail.example.kg/path"} {
		if _, err := report.NewMail(server, "reports@pay.example.kg", linkBase); err == nil || strings.Contains(err.Error(), "password@localhost") {
			t.Errorf("%q: %v", server, err)
		}
	}
	if _, err := report.NewMail("smtps://mail.example.kg", "no address", linkBase); err == nil {
		t.Error("a sender that is no address is taken")
	}
}
