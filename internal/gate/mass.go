package gate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"

	"flashpay/internal/accept"
	"flashpay/internal/massbatch"
	"flashpay/internal/masspayout"
	"flashpay/internal/payout"
	"flashpay/internal/store"
	"flashpay/internal/store/batches"
	"flashpay/internal/wire"
	"flashpay/signature"
)

const (
	// signedWithin is how far a request's timestamp may be from Gate's clock: who has seen it can send it again so long.
	signedWithin = 5 * time.Minute
	// toldFaults is how many faults of a file the refusal to send it lists.
	toldFaults = 100
)

// massRequest authenticates, and refuses what these endpoints do not know and what was signed at another time.
func (x *exchange) massRequest(ctx context.Context) *failure {
	if x.gate.Mass == nil {
		return fail(http.StatusNotFound, payout.CodeMalformed, "", "this Gate takes no files of payouts")
	}
	if f := x.signedRequest(ctx); f != nil {
		return f
	}
	for _, m := range x.tree.Members {
		if !x.route.table.Known(m.Name) {
			x.report.Faults = append(x.report.Faults, accept.Fault{
				Code: payout.CodeMalformed, Message: payout.Message(payout.CodeMalformed), Field: m.Name, Description: "there is no such parameter; leave it out",
			})
		}
	}
	if len(x.report.Faults) > 0 {
		return fieldFaults(x)
	}
	at, err := time.Parse("2006-01-02T15:04:05-0700", x.tree.Get("timestamp").Text)
	if err != nil {
		return fail(http.StatusBadRequest, payout.CodeMalformed, "timestamp", "there is no such date and time")
	}
	if off := x.started.Sub(at); off.Abs() > signedWithin {
		return fail(http.StatusBadRequest, payout.CodeSignature, "timestamp", fmt.Sprintf("the request was signed too long ago, or ahead of time: here it is %s; "+
			"sign each attempt anew, and set the clock", x.started.UTC().Format("2006-01-02T15:04:05-0700")))
	}
	return nil
}

// text reads an optional text of the root.
func (x *exchange) text(name string) string {
	if v := x.tree.Get(name); v != nil {
		return v.Text
	}
	return ""
}

func (x *exchange) by() massbatch.By {
	name := "key " + strconv.FormatInt(x.key.ID, 10)
	return massbatch.By{Name: name, Actor: name}
}

// serveMassCheck checks a file and sends nothing.
func serveMassCheck(ctx context.Context, x *exchange, dst []byte) ([]byte, *failure) {
	if f := x.massRequest(ctx); f != nil {
		return dst, f
	}
	leave, f := x.gate.files.enter(x.projectID)
	if f != nil {
		return dst, f
	}
	defer leave()
	report, err := x.gate.Mass.Checker(x.project).Check(ctx, x.fileOf(), masspayout.Options{Name: x.text("name")})
	x.giveTime()
	if err != nil {
		return dst, massFailed(err)
	}
	if report.Unreadable != nil {
		return dst, unreadable(report.Unreadable)
	}
	return x.tellReport(ctx, dst, report)
}

// tellReport renders what a check found.
func (x *exchange) tellReport(ctx context.Context, dst []byte, report *masspayout.Report) ([]byte, *failure) {
	text, err := json.Marshal(report.JSON())
	if err != nil {
		return dst, internal(err)
	}
	// A long answer costs what a long body costs.
	leave, err := x.gate.turns.take(ctx, len(text))
	if err != nil {
		return dst, later(err, time.Second, "too many requests are waiting; send the same request again")
	}
	defer leave()
	v, err := signature.Parse(text)
	if err != nil {
		return dst, internal(err)
	}
	plain(v)
	members := []signature.Member{signature.Field("project_id", signature.Int(x.projectID))}
	for _, m := range v.Members {
		if m.Value.Kind != signature.Null {
			members = append(members, m)
		}
	}
	root := signature.Obj(append(members, signature.Field("all_faults", signature.Int(report.AllFaults)), signature.Field("all_warnings", signature.Int(report.AllWarnings)))...)
	return x.signed(dst, &root), nil
}

// plain has no text of a tree read as the beginning of another member in the signing string.
func plain(v *signature.Value) {
	if v.Kind == signature.String {
		v.Text = signature.Unambiguous(v.Text)
	}
	for i := range v.Members {
		plain(&v.Members[i].Value)
	}
	for i := range v.Items {
		plain(&v.Items[i])
	}
}

// serveMassSend takes a file in and sends it. Sent again, it is the same batch.
func serveMassSend(ctx context.Context, x *exchange, dst []byte) ([]byte, *failure) {
	if f := x.massRequest(ctx); f != nil {
		return dst, f
	}
	leave, f := x.gate.files.enter(x.projectID)
	if f != nil {
		return dst, f
	}
	defer leave()
	in := x.fileOf()
	b, report, err := x.gate.Mass.CreateBatchOnce(ctx, in, massbatch.Upload{Project: x.project, Name: x.text("name"), By: x.by()}, in.want)
	x.giveTime()
	switch {
	case err != nil:
		return dst, massFailed(err)
	case b == nil:
		return dst, unreadable(report.Unreadable)
	}
	x.repeat = report == nil
	if f := x.identifyAgain(ctx); f != nil { // a file takes its time, and a key may be revoked meanwhile
		return dst, f
	}
	goodOnly := x.text("good_only") == "true"
	b, err = x.gate.Mass.Send(ctx, b.ID, goodOnly, x.by())
	switch {
	case errors.Is(err, batches.ErrHasFaults):
		return dst, x.hasFaults(ctx, b, report)
	case err != nil:
		return dst, massFailed(err)
	}
	root := signature.Obj(
		signature.Field("project_id", signature.Int(x.projectID)), signature.Field("batch", signature.Int(b.ID)), signature.Field("state", signature.Str(string(b.State))),
		signature.Field("rows", signature.Int(b.Rows)), signature.Field("good", signature.Int(b.Good)), signature.Field("bad", signature.Int(b.Bad)),
		signature.Field("repeat", signature.Boolean(x.repeat)),
	)
	return x.signed(dst, &root), nil
}

// hasFaults refuses a file that was to be sent whole, and keeps no batch of it open.
func (x *exchange) hasFaults(ctx context.Context, b *batches.Batch, report *masspayout.Report) *failure {
	if err := x.gate.Mass.Discard(ctx, b.ID, x.by()); err != nil {
		return massFailed(err)
	}
	f := fail(http.StatusBadRequest, payout.CodeMalformed, "", fmt.Sprintf("nothing was sent: %d of %d rows have faults; mend them, or send the others with good_only; %s tells of all",
		b.Bad, b.Rows, massCheckPath))
	if report != nil {
		for _, fault := range report.Faults[:min(toldFaults, len(report.Faults))] {
			f.items = append(f.items, rowItem(fault))
		}
	}
	return f
}

func rowItem(f masspayout.Fault) wire.ErrorItem {
	at := f.Column
	if f.Line > 0 {
		at = "line " + strconv.FormatInt(f.Line, 10)
		if f.Column != "" {
			at += ": " + f.Column
		}
	}
	return wire.ErrorItem{Code: payout.CodeMalformed, Message: f.Message, Field: at, Description: f.Advice}
}

// unreadable refuses a file of which nothing can be paid.
func unreadable(u *masspayout.Unreadable) *failure {
	return &failure{status: http.StatusUnprocessableEntity, code: payout.CodeMalformed, items: []wire.ErrorItem{rowItem(u.Fault)}}
}

// massFailed is failed of what files add to it.
func massFailed(err error) *failure {
	var body *bodyError
	switch {
	case errors.As(err, &body):
		return body.f
	case errors.Is(err, store.ErrMoved):
		return later(err, time.Second, "the same file was sent by another request meanwhile, and cancelled; send the same request again")
	}
	return failed(err)
}

// batch reads the batch of a request.
func (x *exchange) batch(ctx context.Context) (*massbatch.Status, *failure) {
	if f := x.massRequest(ctx); f != nil {
		return nil, f
	}
	status, err := x.gate.Mass.Status(ctx, x.number("batch", 0))
	if errors.Is(err, store.ErrNotFound) || err == nil && status.ProjectID != x.projectID {
		return nil, fail(http.StatusNotFound, payout.CodeNotFound, "batch", "no batch of this project has this number; batches are kept as long as the project's setting says")
	}
	if err != nil {
		return nil, massFailed(err)
	}
	return status, nil
}

// serveMassStatus answers how far a batch has come.
func serveMassStatus(ctx context.Context, x *exchange, dst []byte) ([]byte, *failure) {
	b, f := x.batch(ctx)
	if f != nil {
		return dst, f
	}
	counts := signature.Obj()
	for _, name := range slices.Sorted(maps.Keys(b.ByStatus)) {
		counts.Members = append(counts.Members, signature.Field(name, signature.Int(b.ByStatus[name])))
	}
	root := signature.Obj(
		signature.Field("project_id", signature.Int(x.projectID)), signature.Field("batch", signature.Int(b.ID)), signature.Field("state", signature.Str(string(b.State))),
		signature.Field("rows", signature.Int(b.Rows)), signature.Field("paid_already", signature.Int(b.PaidAlready)), signature.Field("by_status", counts),
	)
	return x.signed(dst, &root), nil
}

// serveMassResult answers the file with what came of each row, as a stream.
func serveMassResult(ctx context.Context, x *exchange, dst []byte) ([]byte, *failure) {
	b, f := x.batch(ctx)
	if f != nil {
		return dst, f
	}
	leave, f := x.gate.files.enter(x.projectID)
	if f != nil {
		return dst, f
	}
	defer leave()
	err := x.gate.Mass.Result(ctx, b.ID, &resultWriter{x: x, until: time.Now().Add(fileTime)}, massbatch.ResultOptions{})
	if err != nil && x.streamed {
		x.cause, x.broken = err, true
		return dst, nil
	}
	if err != nil {
		return dst, massFailed(err)
	}
	return dst, nil
}
