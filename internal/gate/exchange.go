package gate

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"flashpay/internal/accept"
	"flashpay/internal/merchant"
	"flashpay/internal/payout"
	"flashpay/internal/wire"
	"flashpay/signature"
)

// maxBody is how many bytes the body of a request may have.
const maxBody = 64 << 10

// exchange is one request and its answer.
type exchange struct {
	gate    *Gate
	w       http.ResponseWriter
	r       *http.Request
	route   *route
	param   string // variable part of the path
	started time.Time

	body    []byte
	tree    *signature.Value
	form    *signature.Form
	report  accept.Report // what the endpoint's field table found
	address netip.Addr
	project *merchant.Project
	key     merchant.Key // the one that verified the request
	reread  bool         // the projects were read again for this request

	// What answer and log name; each is empty while it is not known.
	requestID string
	projectID int64
	paymentID string

	status      int
	code        int
	repeat      bool
	contentType string
	allow       string
	challenge   string
	retryAfter  time.Duration
	cause       error // why it failed, for the log
	saveErr     error // why the rejection could not be kept
	streamed    bool  // the answer's body was written as it came
	broken      bool  // and ended in the middle
}

// authenticate takes a signed request as far as its sender is known, in the order of product.md §2: size, content type,
// JSON and structure, the members of general, project, address, signature.
func (x *exchange) authenticate(ctx context.Context) *failure {
	read := x.read
	if x.route.upload {
		read = x.readParameters
	}
	if f := read(); f != nil {
		return f
	}
	f := x.inTurn(ctx, func() *failure {
		if f := cmp.Or(x.parse(), x.general()); f != nil {
			f.final = true
			return f
		}
		return x.identify()
	})
	if f != nil && !f.final {
		if err := x.gate.fresh.since(ctx, x.started); err != nil {
			return later(errors.Join(errStale, err), 2*time.Second, "the database does not answer, and the project's settings may have "+
				"changed; nothing was stored, send the same request again")
		}
		x.reread = true
		f = x.inTurn(ctx, x.identify)
	}
	if f != nil && f.mismatch {
		return x.inTurn(ctx, x.advise)
	}
	if f != nil {
		return f
	}
	x.report.CheckLines(x.form)
	if x.gate.Limiter != nil {
		if wait, ok := x.gate.Limiter.Allow(x.project.ID); !ok {
			return tooManyRequests(wait)
		}
	}
	return nil
}

// inTurn does what costs processor time and memory by the length of the body, when it is this request's turn.
func (x *exchange) inTurn(ctx context.Context, work func() *failure) *failure {
	leave, err := x.gate.turns.take(ctx, len(x.body))
	if err != nil {
		return final(later(err, time.Second, "too many requests are waiting; nothing was stored, send the same request again"))
	}
	defer leave()
	began := time.Now()
	defer func() { x.gate.turns.pay(len(x.body), time.Since(began)) }()
	return work()
}

func (x *exchange) readBody(limit int) (f *failure) {
	var err error
	x.body, err = wire.ReadBody(x.r, limit)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, wire.ErrTooLarge):
		return fail(http.StatusRequestEntityTooLarge, payout.CodeMalformed, "", "the body may have "+strconv.Itoa(limit)+" bytes at most")
	}
	f = fail(http.StatusBadRequest, payout.CodeMalformed, "", "the body ended early; send it again whole")
	f.cause = err
	return f
}

func (x *exchange) read() *failure {
	if f := x.readBody(maxBody); f != nil {
		return f
	}
	if ct := x.r.Header["Content-Type"]; len(ct) > 0 && ct[0] != "" && !isJSON(ct[0], x.body) {
		return fail(http.StatusUnsupportedMediaType, payout.CodeMalformed, "", "send the body as JSON, with the header Content-Type: application/json")
	}
	return nil
}

// isJSON tells whether a body may be read as JSON under its content type. Parameters do not count, however they are
// written. PHP's curl names a form where nobody named anything, so an object is taken under that name too.
func isJSON(contentType string, body []byte) bool {
	if contentType == "application/json" {
		return true
	}
	media, _, _ := strings.Cut(contentType, ";")
	media = strings.ToLower(strings.TrimSpace(media))
	if media == "application/x-www-form-urlencoded" {
		return bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("{"))
	}
	return media == "application/json" || media == "text/json" || strings.HasPrefix(media, "application/") && strings.HasSuffix(media, "+json")
}

func (x *exchange) parse() *failure {
	tree, err := signature.Parse(x.body)
	if err != nil {
		reason := err.Error()
		var syntax *signature.SyntaxError
		if errors.As(err, &syntax) {
			reason = "byte " + strconv.Itoa(syntax.Offset) + ": " + syntax.Reason
		}
		return fail(http.StatusUnprocessableEntity, payout.CodeInvalidJSON, "", "the body cannot be read as JSON: "+reason)
	}
	x.tree = tree
	x.report = x.route.table.Check(tree)
	x.echo()
	if len(x.report.Shape) > 0 {
		return faulty(http.StatusUnprocessableEntity, payout.CodeInvalidJSON, x.report.Shape)
	}
	return nil
}

// identity is where the endpoint expects the sender's members.
func (x *exchange) identity() *signature.Value {
	if x.route.flat {
		return x.tree
	}
	return x.tree.Get("general")
}

// echo keeps what answers repeat of a request: only what could be a project's number and a payment's id.
func (x *exchange) echo() {
	id := x.identity()
	if v := id.Get("project_id"); v != nil && (v.Kind == signature.Number || v.Kind == signature.String) {
		if n, err := strconv.ParseUint(v.Text, 10, 32); err == nil {
			x.projectID = int64(n)
		}
	}
	v := id.Get("payment_id")
	if !x.route.table.Known("general.payment_id") || v == nil || v.Kind != signature.String && v.Kind != signature.Number || v.Text == "" {
		return
	}
	for i := range x.report.Faults {
		if x.report.Faults[i].Field == "general.payment_id" {
			return
		}
	}
	x.paymentID = v.Text
}

// general refuses what leaves the sender unknown: of the three members of general, a missing one, a project_id that
// cannot be one, or a signature that is not text. All faults of the three are told; the other fields come later.
func (x *exchange) general() *failure {
	if len(x.report.Faults) == 0 {
		return nil
	}
	blocks := false
	var faults []accept.Fault
	for _, f := range x.report.Faults {
		name := strings.TrimPrefix(f.Field, "general.")
		switch {
		case name == "general", name == "project_id":
			blocks = true
		case name == "signature":
			blocks = blocks || f.Missing || x.identity().Get("signature").Kind != signature.String
		case name == "payment_id" || x.route.flat && name == "request_id":
			blocks = blocks || f.Missing
		default:
			continue
		}
		faults = append(faults, f)
	}
	if !blocks {
		return nil
	}
	return faulty(http.StatusBadRequest, accept.BodyCode(faults), faults)
}

var errStale = errors.New("gate: the projects could not be read again before a refusal")

// identify finds the project, and judges address and signature, by the snapshot as it is now.
func (x *exchange) identify() *failure {
	p, ok := x.gate.Projects.Project(x.projectID)
	if !ok {
		return fail(http.StatusNotFound, payout.CodeProjectNotFound, field(x, "project_id"), "there is no project with this number; check "+field(x, "project_id"))
	}
	x.project = p
	if !p.Admits(x.from()) {
		words := "requests of this project may not come from " + x.from().String() + "; add the address to the project's IP list"
		return fail(http.StatusForbidden, payout.CodeAccessDenied, "", words)
	}
	return x.verify()
}

func field(x *exchange, name string) string {
	if x.route.flat {
		return name
	}
	return "general." + name
}

// verify tries all live keys of the project. What to do about a signature that does not fit is said later, once, by advise.
func (x *exchange) verify() *failure {
	if x.form == nil {
		x.form = signature.Canonical(x.tree)
	}
	sent := x.identity().Get("signature").Text
	if sent == "" {
		return final(fail(http.StatusBadRequest, payout.CodeSignatureMissing, field(x, "signature"), "sign the request with a live key of the project and put the signature here"))
	}
	var err error
	for _, k := range x.project.Keys {
		if _, err = x.form.Verify(sent, k.Secret); err == nil {
			x.key = k
			if x.gate.KeyUsed != nil {
				x.gate.KeyUsed(x.project.ID, k.ID)
			}
			return nil
		}
	}
	return &failure{mismatch: true, final: errors.Is(err, signature.ErrMalformed)}
}

// from is the address that the IP list judges; invalid where it is not known.
func (x *exchange) from() netip.Addr {
	if !x.address.IsValid() {
		x.address = wire.ClientAddress(x.r, x.gate.TrustedProxies)
	}
	return x.address
}

// refuse renders a refusal.
func (x *exchange) refuse(dst []byte, f *failure) []byte {
	x.status, x.code, x.allow, x.retryAfter, x.contentType, x.cause = f.status, f.code, f.allow, f.retryAfter, "", f.cause
	x.challenge = f.challenge
	if x.requestID == "" {
		x.requestID = x.gate.Rejections.NewRequestID()
	}
	return wire.AppendError(dst, &wire.ErrorBody{
		Code: f.code, Message: payout.Message(f.code), RequestID: x.requestID, ProjectID: x.projectID, PaymentID: x.paymentID,
		Errors: f.items,
	})
}

// Header values that many answers share; nobody may change them.
var jsonType = []string{"application/json; charset=UTF-8"}

func (x *exchange) write(w http.ResponseWriter, body []byte) {
	h := w.Header()
	h["Content-Type"] = jsonType
	if x.contentType != "" {
		h.Set("Content-Type", x.contentType)
	}
	if x.allow != "" {
		h.Set("Allow", x.allow)
	}
	if x.challenge != "" {
		h.Set("WWW-Authenticate", x.challenge)
	}
	if x.retryAfter > 0 {
		h.Set("Retry-After", strconv.FormatInt(int64((x.retryAfter+time.Second-1)/time.Second), 10))
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(x.status)
	_, _ = w.Write(body) // a client that has gone asks again: the answer is repeated
}
