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

// Of one project so many samples are sent at once, and so many in a minute; another's are not touched.
func TestSamplesAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tester := NewTester(Config{})
		var ends []func()
		for range samplesAtOnce {
			end, err := tester.begin(7)
			if err != nil {
				t.Fatal(err)
			}
			ends = append(ends, end)
		}
		if _, err := tester.begin(7); err == nil {
			t.Errorf("%d samples at once", samplesAtOnce+1)
		}
		if _, err := tester.begin(8); err != nil {
			t.Errorf("another project: %v", err)
		}
		for _, end := range ends {
			end()
		}
		sent := samplesAtOnce
		for ; ; sent++ {
			end, err := tester.begin(7)
			if err != nil {
				break
			}
			end()
		}
		if sent != samplesPerMinute {
			t.Errorf("%d samples in a minute, want %d", sent, samplesPerMinute)
		}
		time.Sleep(time.Minute)
		if _, err := tester.begin(7); err != nil {
			t.Errorf("a minute later: %v", err)
		}
	})
}
