package gate

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"flashpay/internal/payout"
	"flashpay/internal/provider"
)

// serveNotification has a provider's message stored as it came, and only then says that it arrived. Whether it is the
// provider's is for the adapter to find out, later: here everything is kept.
func serveNotification(ctx context.Context, x *exchange, dst []byte) ([]byte, *failure) {
	if !slices.Contains(x.gate.Providers, x.param) {
		return dst, fail(http.StatusNotFound, payout.CodeMalformed, "", "there is no provider "+strconv.Quote(cut(x.param, 100))+" here; the name stands in the path "+notificationPath)
	}
	if f := x.readBody(); f != nil {
		return dst, f
	}
	n := provider.Notification{Header: make(map[string]string, len(x.r.Header)), Body: x.body}
	for name, values := range x.r.Header {
		if len(values) > 0 {
			n.Header[name] = strings.ToValidUTF8(values[0], "\uFFFD")
		}
	}
	if err := x.gate.Notifications.SaveNotification(ctx, x.param, n); err != nil {
		f := later(err, 5*time.Second, "the notification could not be stored; send it again")
		return dst, f
	}
	return append(dst, `{"status":"success"}`...), nil
}
