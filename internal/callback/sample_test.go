package callback

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"flashpay/internal/merchant"
	"flashpay/signature"
)

func TestSampleIsSignedAsCallbacksAre(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	status := http.StatusOK
	var got []byte
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got, _ = io.ReadAll(r.Body)
		w.WriteHeader(status)
		_, _ = w.Write([]byte("noted"))
	}))
	defer endpoint.Close()
	p := &merchant.Project{ID: 7, Mode: merchant.Test, Keys: []merchant.Key{{ID: 1, Secret: "first"}, {ID: 2, Secret: "second"}}}
	open := NewTester(Config{AllowPrivate: true})

	if _, err := open.Send(t.Context(), p, "bank-transfer/kyrgyzstan", "Bank transfer Kyrgyzstan", "KGS", now); err == nil || !strings.Contains(err.Error(), "no callback URL") {
		t.Errorf("without a URL: %v", err)
	}
	p.Settings.CallbackURL = endpoint.URL + "/callback"
	s, err := open.Send(t.Context(), p, "bank-transfer/kyrgyzstan", "Bank transfer Kyrgyzstan", "KGS", now)
	if err != nil || s.HTTPStatus != http.StatusOK || string(s.Answer) != "noted" || s.URL != p.Settings.CallbackURL {
		t.Fatalf("sample: %+v, %v", s, err)
	}
	if !bytes.Equal(got, s.Body) {
		t.Error("what is shown is not what was sent")
	}
	tree, err := signature.Parse(got)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := signature.Verify(got, "first"); err != nil {
		t.Errorf("not signed with the oldest key: %v", err)
	}
	if tree.Get("payment", "id").Text != "sample" || tree.Get("payment", "date").Text != "2026-11-25T12:00:00+0000" {
		t.Errorf("sample: %s", got)
	}

	status = http.StatusNoContent
	if s, err = open.Send(t.Context(), p, "bank-transfer/kyrgyzstan", "Bank transfer Kyrgyzstan", "KGS", now); err == nil || s.HTTPStatus != http.StatusNoContent {
		t.Errorf("answered 204: %+v, %v", s, err)
	}
	guarded := NewTester(Config{})
	if _, err := guarded.Send(t.Context(), p, "bank-transfer/kyrgyzstan", "Bank transfer Kyrgyzstan", "KGS", now); err == nil || !strings.Contains(err.Error(), "private address refused") {
		t.Errorf("to a private address: %v", err)
	}
	p.Mode = merchant.Live
	if _, err := open.Send(t.Context(), p, "bank-transfer/kyrgyzstan", "Bank transfer Kyrgyzstan", "KGS", now); err == nil || !strings.Contains(err.Error(), "https") {
		t.Errorf("to plain http in live mode: %v", err)
	}
}

// Of one project so many samples are sent at once, and so many in a minute, and of one merchant; another's are not touched.
func TestSamplesAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		of := func(merchantID, id int64) *merchant.Project { return &merchant.Project{ID: id, MerchantID: merchantID} }
		tester := NewTester(Config{})
		var ends []func()
		begin := func(p *merchant.Project, n int) (began int) {
			for range n {
				if end, err := tester.begin(p); err == nil {
					ends = append(ends, end)
					began++
				}
			}
			return began
		}
		if n := begin(of(3, 7), 9); n != ofProject.atOnce {
			t.Errorf("%d samples of a project at once", n)
		}
		if n := begin(of(3, 8), 9) + begin(of(3, 9), 9) + begin(of(3, 10), 9); n != ofMerchant.atOnce-ofProject.atOnce {
			t.Errorf("%d samples at once of a merchant's other projects", n)
		}
		if begin(of(0, 3), 1) != 1 || begin(of(4, 11), 1) != 1 {
			t.Error("a project of no merchant, or of another one, was touched")
		}
		sent := func(p *merchant.Project) (n int) {
			for {
				for _, end := range ends {
					end()
				}
				if ends = nil; begin(p, 1) == 0 {
					return n
				}
				n++
			}
		}
		if n := sent(of(3, 7)); n != ofProject.perMinute-ofProject.atOnce {
			t.Errorf("%d more samples of a project in a minute", n)
		}
		if n := sent(of(3, 8)) + sent(of(3, 9)) + sent(of(3, 10)); n != ofMerchant.perMinute-ofProject.perMinute-2 {
			t.Errorf("%d more samples in a minute of a merchant's other projects", n)
		}
		time.Sleep(time.Minute)
		if sent(of(3, 7)) != ofProject.perMinute {
			t.Error("a minute later not all may be sent")
		}
	})
}
