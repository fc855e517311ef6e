package callback

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"code.dny.dev/ssrf"

	"flashpay/internal/merchant"

	"flashpay/internal/wire"
	"flashpay/signature"
)

func endpoint(t *testing.T, f http.HandlerFunc) *url.URL {
	t.Helper()
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	return parsed(t, s.URL+"/callback")
}

func parsed(t *testing.T, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestPostSendsWhatIsPromised(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	var got *http.Request
	var body string
	to := endpoint(t, func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		got, body = r, string(b)
		http.SetCookie(w, &http.Cookie{Name: "session", Value: "1"})
		_, _ = io.WriteString(w, "ok\xff")
	})
	to.User = url.UserPassword("shop", "secret")
	s := newSender(&Config{AllowPrivate: true})
	for range 2 {
		status, answer, err := s.post(t.Context(), project, to, []byte(`{"a":1}`), nil)
		if err != nil || status != 200 || string(answer) != "ok\xff" {
			t.Fatalf("%d %q %v", status, answer, err)
		}
	}
	want := http.Header{
		"Content-Type": {"application/json"}, "User-Agent": {"flashpay-callback/1"}, "Content-Length": {"7"},
		"Authorization": {"Basic c2hvcDpzZWNyZXQ="},
	}
	if got.Method != http.MethodPost || got.URL.Path != "/callback" || body != `{"a":1}` || fmt.Sprint(got.Header) != fmt.Sprint(want) {
		t.Errorf("%s %s %v %q, want headers %v and no other", got.Method, got.URL, got.Header, body, want)
	}
}

func TestPostFollowsNoRedirect(t *testing.T) {
	var calls atomic.Int64
	to := endpoint(t, func(w http.ResponseWriter, _ *http.Request) {
		calls.Add(1)
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(http.StatusTemporaryRedirect)
	})
	status, _, err := newSender(&Config{AllowPrivate: true}).post(t.Context(), project, to, []byte("{}"), nil)
	if err != nil || status != 307 || calls.Load() != 1 {
		t.Errorf("%d, %v, after %d calls; want 307 after one", status, err, calls.Load())
	}
}

func TestPostReadsSoMuchOfTheAnswer(t *testing.T) {
	for _, size := range []int{0, 1, answerKept, answerKept + 1, answerRead, answerRead + 1, 4 << 20} {
		var sent atomic.Int64
		to := endpoint(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusOK)
			for left := size; left > 0; {
				n, err := w.Write([]byte(strings.Repeat("x", min(left, 16<<10))))
				if err != nil {
					return
				}
				left -= n
				sent.Add(int64(n))
			}
		})
		status, answer, err := newSender(&Config{AllowPrivate: true}).post(t.Context(), project, to, []byte("{}"), nil)
		if err != nil || status != 200 || len(answer) != min(size, answerKept) {
			t.Errorf("%d bytes: %d, %d bytes kept, %v", size, status, len(answer), err)
		}
	}
}

// An endpoint that answers with what it was sent shows nobody the signature that came with it.
func TestPostKeepsNoSignature(t *testing.T) {
	to := endpoint(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "Got: ")
		_, _ = io.Copy(w, r.Body)
	})
	body := wire.SignedJSON(&signature.Value{Kind: signature.Object}, "key")
	tree, err := signature.Parse(body)
	if err != nil {
		t.Fatal(err)
	}
	_, answer, err := newSender(&Config{AllowPrivate: true}).post(t.Context(), 210, to, body, nil)
	if err != nil || string(answer) != `Got: {"signature":"[signature]"}` || tree.Get("signature") == nil {
		t.Errorf("%s was sent; kept: %q %v", body, answer, err)
	}
}

// An answer's body that never ends is no reason to wait: the status line has said everything.
func TestPostDoesNotWaitForABodyWithoutEnd(t *testing.T) {
	to := endpoint(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "first")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	start := time.Now()
	status, answer, err := newSender(&Config{AllowPrivate: true}).post(t.Context(), project, to, []byte("{}"), nil)
	if err != nil || status != 200 || string(answer) != "first" {
		t.Errorf("%d %q %v", status, answer, err)
	}
	if took := time.Since(start); took < answerTime || took > 5*answerTime {
		t.Errorf("took %s, want about %s", took, answerTime)
	}
}

func TestPostKeepsConnections(t *testing.T) {
	var connections atomic.Int64
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	s.Start()
	defer s.Close()
	sender := newSender(&Config{AllowPrivate: true})
	for i := range 10 {
		if i == 5 {
			s.CloseClientConnections() // a kept connection that is closed is no failed attempt
		}
		if status, _, err := sender.post(t.Context(), project, parsed(t, s.URL), []byte("{}"), nil); err != nil || status != 200 {
			t.Fatalf("attempt %d: %d, %v", i, status, err)
		}
	}
	if n := connections.Load(); n != 2 {
		t.Errorf("%d connections for ten attempts and one break, want 2", n)
	}
}

func TestPostVerifiesTLS(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	defer s.Close()
	_, _, err := newSender(&Config{AllowPrivate: true}).post(t.Context(), project, parsed(t, s.URL), []byte("{}"), nil)
	if err == nil || !strings.HasPrefix(err.Error(), "TLS failed: tls: failed to verify certificate") {
		t.Errorf("a certificate of unknown authority: %v", err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	status, _, err := newSender(&Config{AllowPrivate: true, TLS: &tls.Config{RootCAs: roots}}).post(t.Context(), project, parsed(t, s.URL), []byte("{}"), nil)
	if err != nil || status != 200 {
		t.Errorf("a known authority: %d, %v", status, err)
	}
	plain := endpoint(t, func(http.ResponseWriter, *http.Request) {})
	plain.Scheme = "https"
	if _, _, err = newSender(&Config{AllowPrivate: true}).post(t.Context(), project, plain, []byte("{}"), nil); err == nil || !strings.HasPrefix(err.Error(), "TLS failed: ") {
		t.Errorf("plain text where TLS is due: %v", err)
	}
}

func TestPostRefusesPrivateAddresses(t *testing.T) {
	var calls atomic.Int64
	local := endpoint(t, func(http.ResponseWriter, *http.Request) { calls.Add(1) })
	s := newSender(&Config{})
	for _, address := range []string{
		local.String(), "http://localhost:" + local.Port(), "http://[::1]:" + local.Port(), "http://[::ffff:127.0.0.1]:" + local.Port(), "http://10.0.0.1/",
		"http://192.168.1.1:8080/", "http://169.254.169.254/latest/meta-data", "http://[fd00::1]/", "http://0.0.0.0:" + local.Port(), "http://100.64.0.1/",
	} {
		_, _, err := s.post(t.Context(), project, parsed(t, address), []byte("{}"), nil)
		if err == nil || !strings.HasPrefix(err.Error(), "private address refused: ") || strings.Contains(err.Error(), parsed(t, address).Hostname()) {
			t.Errorf("%s: %v", address, err)
		}
	}
	if calls.Load() != 0 {
		t.Errorf("%d calls reached a private address", calls.Load())
	}
}

func TestPostSaysWhatHappened(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	refused := "http://" + l.Addr().String()
	l.Close()
	broken := endpoint(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	garbage, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer garbage.Close()
	go func() {
		for {
			c, err := garbage.Accept()
			if err != nil {
				return
			}
			_, _ = io.ReadFull(c, make([]byte, 16)) // so that it is an answer to something
			_, _ = io.WriteString(c, "\x00\xff what is this\n\n")
			c.Close()
		}
	}()
	s := newSender(&Config{AllowPrivate: true})
	for address, want := range map[string]string{
		refused:                             "no connection: connection refused",
		broken.String():                     "the connection broke before an answer came: EOF",
		"http://" + garbage.Addr().String(): "the connection broke before an answer came: malformed HTTP status code",
	} {
		_, _, err := s.post(t.Context(), project, parsed(t, address), []byte("{}"), nil)
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v, want %s…", address, err, want)
		}
	}
}

// TestNoAddressIsTold: a merchant learns no address that a name led to, of neither end and of no name server.
func TestNoAddressIsTold(t *testing.T) {
	inner := &net.TCPAddr{IP: net.IPv4(10, 20, 30, 40), Port: 8443}
	own := &net.TCPAddr{IP: net.ParseIP("fd12::7"), Port: 40000}
	syscallError := &os.SyscallError{Syscall: "connect", Err: syscall.ECONNREFUSED}
	for _, err := range []error{
		fmt.Errorf("dial tcp 10.20.30.40:8443: %w: 10.20.30.40 is not a public address", ssrf.ErrProhibitedIP),
		&net.OpError{Op: "dial", Net: "tcp", Addr: inner, Err: syscallError},
		&net.OpError{Op: "read", Net: "tcp", Source: own, Addr: inner, Err: &os.SyscallError{Syscall: "read", Err: syscall.ECONNRESET}},
		fmt.Errorf("http: %w", &net.OpError{Op: "write", Net: "tcp", Source: own, Addr: inner, Err: syscall.EPIPE}),
		&net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Name: "inner.shop", Server: "10.20.30.40:53", Err: "read udp [fd12::7]:1->10.20.30.40:53: i/o timeout", IsTimeout: true}},
		&net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Name: "inner.shop", Server: "10.20.30.40:53", Err: "lookup inner.shop on 10.20.30.40:53: server misbehaving"}},
		&net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Name: "inner.shop", Server: "10.20.30.40:53", IsNotFound: true}},
	} {
		for _, reached := range []int32{notConnected, connected, asked} {
			got := logged(explain(err, nil, reached, attemptTimeout))
			if strings.Contains(got, "10.20") || strings.Contains(got, "fd12") || got == "" {
				t.Errorf("%v: %q", err, got)
			}
			if cause := errors.Unwrap(explain(err, nil, reached, attemptTimeout)); (cause != nil) != (reached == notConnected) {
				t.Errorf("%v: for the log %v", err, cause)
			}
		}
	}
	echo := explain(fmt.Errorf("net/http: transport connection broken: %w", errors.New(`malformed HTTP response "{\"signature\":\"s3cret\"}"`)), nil, asked, attemptTimeout)
	if strings.Contains(echo.Error(), "s3cret") || !strings.Contains(echo.Error(), "malformed HTTP response") {
		t.Errorf("of what is no answer: %v", echo)
	}
}

func TestExplain(t *testing.T) {
	for _, c := range []struct {
		err, cause error
		reached    int32
		want       string
	}{
		{context.Canceled, errStopped, asked, "the platform's server stopped before an answer came"},
		{context.Canceled, errTimeout, asked, "connected, but no answer within 15s"},
		{context.Canceled, errTimeout, connected, "connected, but TLS was not agreed within 15s"},
		{context.Canceled, errTimeout, notConnected, "no connection within 15s"},
		{fmt.Errorf("dial: %w", ssrf.ErrProhibitedNetwork), nil, notConnected, "private address refused"},
		{&net.OpError{Op: "dial", Err: &net.DNSError{Name: "shop.invalid", IsNotFound: true}}, nil, notConnected, "the host name shop.invalid is not known"},
		{&net.OpError{Op: "dial", Err: &net.DNSError{Name: "shop.invalid", Err: "server misbehaving"}}, nil, notConnected, "looking up the host name shop.invalid failed"},
		{&net.OpError{Op: "dial", Err: errors.New("network is unreachable")}, nil, notConnected, "no connection: network is unreachable"},
		{io.ErrUnexpectedEOF, nil, asked, "the connection broke before an answer came"},
	} {
		if got := explain(c.err, c.cause, c.reached, attemptTimeout).Error(); !strings.HasPrefix(got, c.want) {
			t.Errorf("%v: %q, want %q…", c.err, got, c.want)
		}
	}
}

func TestLoggedErrorsFitAnyDatabase(t *testing.T) {
	got := logged(errors.New("a\x00b\nc\xffd " + strings.Repeat("é", 1000)))
	if !strings.HasPrefix(got, "abc?d é") || utf8.RuneCountInString(got) > errorKept || !utf8.ValidString(got) {
		t.Errorf("%q", got)
	}
	if logged(nil) != "" {
		t.Error("no error has a text")
	}
}

func TestAddress(t *testing.T) {
	for _, c := range []struct {
		mode merchant.Mode
		url  string
		want string
	}{
		{merchant.Test, "http://shop.example/cb", ""},
		{merchant.Test, "https://shop.example/cb", ""},
		{merchant.Live, "https://shop.example/cb", ""},
		{merchant.Live, "http://shop.example/cb", "not sent: callbacks of a live project go to https addresses only"},
		{"", "ftp://shop.example/cb", "not sent: the callback URL is neither http nor https"},
		{merchant.Test, "shop.example/cb", "not sent: the callback URL cannot be read"},
		{merchant.Test, "http://", "not sent: the callback URL cannot be read"},
		{merchant.Test, "http://user:secret@shop.example:port/", "not sent: the callback URL cannot be read"},
	} {
		_, err := address(&merchant.Project{Mode: c.mode}, c.url)
		if got := logged(err); got != c.want {
			t.Errorf("%s, %s: %q, want %q", c.mode, c.url, got, c.want)
		}
	}
}

func TestPostAtTheLimitOfTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork()
		defer n.close()
		n.serve("slow", func(w http.ResponseWriter, _ *http.Request) { time.Sleep(14 * time.Second) })
		n.serve("slower", func(w http.ResponseWriter, _ *http.Request) { time.Sleep(16 * time.Second) })
		s := newSender(&Config{DialContext: n.dial})
		defer s.transport.CloseIdleConnections()
		for _, c := range []struct {
			host, want string
			took       time.Duration
		}{
			{"slow", "", 14 * time.Second},
			{"slower", "connected, but no answer within 15s", 15 * time.Second},
			{"dead", "no connection within 15s", 15 * time.Second},
		} {
			start := time.Now()
			_, _, err := s.post(t.Context(), project, parsed(t, "http://"+c.host+"/"), []byte("{}"), nil)
			if logged(err) != c.want || time.Since(start) != c.took {
				t.Errorf("%s: %v after %s, want %q after %s", c.host, err, time.Since(start), c.want, c.took)
			}
		}
		time.Sleep(10 * time.Second)
	})
}
