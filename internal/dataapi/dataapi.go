// Package dataapi is the HTTP interface by which merchants' programs read their operations, balances and rates. Requests
// are signed with the secret of a user's token and see what that user sees; answers are signed with the same secret. It
// only reads. Its facts are protocol.md §13.
package dataapi

import (
	"context"
	"crypto/sha256"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"flashpay/internal/merchant"
	"flashpay/internal/payout"
	"flashpay/internal/staff"
	"flashpay/internal/store"
	"flashpay/internal/store/people"
	"flashpay/internal/wire"
	"flashpay/openapi"
	"flashpay/signature"
)

// maxBody is how many bytes a request may have.
const maxBody = 64 << 10

// Config is what a Data API is made of.
type Config struct {
	Store *store.Store
	// Logger gets one line for each request, without tokens and what stands in answers; nil logs nothing.
	Logger *slog.Logger
	// Answered, where set, is called after each answer, by many goroutines at once.
	Answered func(endpoint string, status int, took time.Duration)
}

// API answers programs. It is safe for use by many goroutines.
type API struct {
	Config
	people  *people.Directory
	pace    *pace
	endless *queue
}

// New makes a Data API.
func New(c Config) *API {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return &API{Config: c, people: people.New(c.Store), pace: newPace(), endless: newQueue()}
}

// call is one request.
type call struct {
	api    *API
	tree   *signature.Value
	user   *staff.User
	secret string
}

// endpoint answers a call whose sender is known.
type endpoint struct {
	right staff.Right // that the user needs
	serve func(ctx context.Context, c *call) (signature.Value, *refusal)
}

var endpoints = map[string]endpoint{
	"/v1/operations/get":                 {staff.ViewPayments, operationsGet},
	"/v1/operations/get-by-payment":      {staff.ViewPayments, operationsByPayment},
	"/v1/balance/get":                    {staff.ViewBalances, balanceGet},
	"/v1/financial-reporting/operations": {staff.ViewBalances, financialOperations},
	"/v1/currency-rates/get":             {staff.ViewPayments, ratesGet},
}

// describedAt is where the interface describes itself.
const describedAt = "/openapi.yaml"

// Handler serves all endpoints; everything else is refused in the same form.
func (a *API) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		started := time.Now()
		name := "other"
		if _, ok := endpoints[r.URL.Path]; ok || r.URL.Path == describedAt {
			name = r.URL.Path
		}
		status, userID, err := a.answer(w, r)
		took := time.Since(started)
		if a.Answered != nil {
			a.Answered(name, status, took)
		}
		level := slog.LevelInfo
		if status >= http.StatusInternalServerError {
			level = slog.LevelError
		}
		a.Logger.LogAttrs(r.Context(), level, "data api request", slog.String("endpoint", name), slog.Int("status", status),
			slog.Int64("user", userID), slog.Int64("took_us", took.Microseconds()), slog.Any("err", err))
	})
}

// answer writes an answer, and tells its status, who asked where that is known, and why it failed where it did.
func (a *API) answer(w http.ResponseWriter, r *http.Request) (status int, userID int64, err error) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if r.URL.Path == describedAt && r.Method == http.MethodGet {
		w.Header().Set("Content-Type", "application/yaml")
		_, err := w.Write(openapi.Data)
		return http.StatusOK, 0, err
	}
	c, body, refused := a.serve(w, r)
	if c.user != nil {
		userID = c.user.ID
	}
	status = http.StatusOK
	if refused != nil {
		status, err = refused.status, refused.cause
		body = refused.body()
		if refused.wait > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(int((refused.wait+time.Second-1)/time.Second)))
		}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if _, e := w.Write(body); e != nil {
		err = errors.Join(err, e)
	}
	return status, userID, err
}

func (a *API) serve(w http.ResponseWriter, r *http.Request) (c *call, body []byte, refused *refusal) {
	c = &call{api: a}
	e, ok := endpoints[r.URL.Path]
	switch {
	case !ok:
		return c, nil, refuse(http.StatusNotFound, "there is no endpoint "+strconv.Quote(cut(r.URL.Path))+"; GET "+describedAt+" describes all of them")
	case r.Method != http.MethodPost:
		w.Header().Set("Allow", http.MethodPost)
		return c, nil, refuse(http.StatusMethodNotAllowed, "send the request with POST")
	}
	if refused := c.read(r); refused != nil {
		return c, nil, refused
	}
	ctx := r.Context()
	if refused := c.identify(ctx); refused != nil {
		return c, nil, refused
	}
	if wait, ok := a.pace.take(c.user.ID, time.Now()); !ok {
		refused := refuse(http.StatusTooManyRequests, "an account may send 60 requests a minute")
		refused.wait = wait
		return c, nil, refused
	}
	if !c.user.Can(e.right) {
		return c, nil, refuse(http.StatusForbidden, "this account has no right to it: its role has to include "+string(e.right))
	}
	v, refused := e.serve(ctx, c)
	if refused != nil {
		return c, nil, refused
	}
	return c, wire.SignedJSON(&v, c.secret), nil
}

// read reads the body as JSON.
func (c *call) read(r *http.Request) *refusal {
	body, err := wire.ReadBody(r, maxBody)
	switch {
	case errors.Is(err, wire.ErrTooLarge):
		return refuse(http.StatusRequestEntityTooLarge, "the body may have "+strconv.Itoa(maxBody)+" bytes at most")
	case err != nil:
		return refuse(http.StatusBadRequest, "the body ended early; send it again whole")
	}
	tree, err := signature.Parse(body)
	if err != nil {
		return refuse(http.StatusBadRequest, "the body cannot be read as JSON: "+strings.TrimPrefix(err.Error(), "signature: "))
	}
	if tree.Kind != signature.Object {
		return refuse(http.StatusBadRequest, "the body has to be a JSON object")
	}
	c.tree = tree
	return nil
}

// identify finds whose token it is and verifies the signature. The same words answer an unknown token and a wrong
// signature: nobody learns which tokens there are.
func (c *call) identify(ctx context.Context) *refusal {
	const unknown = "the token is not valid, or the signature is not made with its secret"
	token, sig := c.tree.Get("token"), c.tree.Get("signature")
	for _, member := range []struct {
		name  string
		value *signature.Value
	}{{"token", token}, {"signature", sig}} {
		if v := member.value; v == nil || v.Kind != signature.String || v.Text == "" {
			return refuse(http.StatusUnauthorized, member.name+" is missing: a string is wanted")
		}
	}
	user, secret, err := c.api.people.ByToken(ctx, sha256.Sum256([]byte(token.Text)))
	if errors.Is(err, store.ErrNotFound) {
		return refuse(http.StatusUnauthorized, unknown)
	}
	if err != nil {
		return failed(err)
	}
	form := signature.Canonical(c.tree)
	if _, err := form.Verify(sig.Text, secret); err != nil {
		return refuse(http.StatusUnauthorized, unknown)
	}
	if cuts := form.Ambiguous(); len(cuts) > 0 {
		return refuse(http.StatusBadRequest, "a value holds text that reads like another parameter behind a semicolon: the signature would have two readings")
	}
	c.user, c.secret = user, secret
	return nil
}

// projects are those that the user sees, by their numbers.
func (c *call) projects() (out []*merchant.Project) {
	for _, p := range c.api.Store.Projects() {
		if c.user.Sees(p) {
			out = append(out, p)
		}
	}
	return out
}

// refusal is an answer that refuses.
type refusal struct {
	status  int
	message string
	wait    time.Duration
	cause   error
}

func refuse(status int, message string) *refusal { return &refusal{status: status, message: message} }

// failed is the answer where the platform is at fault.
func failed(err error) *refusal {
	if errors.Is(err, store.ErrUnavailable) {
		return &refusal{status: http.StatusServiceUnavailable, message: "the database does not answer; try again", wait: 3 * time.Second, cause: err}
	}
	return &refusal{status: http.StatusInternalServerError, message: "a fault of the platform; try again later", cause: err}
}

// names are the documentation's where it has another one than HTTP.
var names = map[int]string{http.StatusUnauthorized: "Authorization Required", http.StatusInternalServerError: "Internal Error"}

// body is in the documented form: status, name, message and a code that is always 0.
func (r *refusal) body() []byte {
	name, ok := names[r.status]
	if !ok {
		name = http.StatusText(r.status)
	}
	v := signature.Obj(
		signature.Field("status", signature.Int(int64(r.status))), signature.Field("name", signature.Str(name)),
		signature.Field("message", signature.Str(r.message)), signature.Field("code", signature.Int(0)),
	)
	return v.AppendJSON(nil)
}

func cut(s string) string {
	const most = 100
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}

// statusNames are the statuses that a filter may name.
var statusNames = []string{string(payout.Processing), string(payout.AwaitingRetry), string(payout.Decline), string(payout.Success), string(payout.Reversed)}
