package dashboard

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"flashpay/internal/report"
)

// serveReportLink shows what the link of an e-mail leads to. It uses nothing up, because programs that look at e-mails open
// links, too.
func serveReportLink(d *Dashboard, v *visit) error {
	v.w.Header().Set("Referrer-Policy", "no-referrer")
	r, err := d.Reports.CheckLink(v.ctx(), v.r.PathValue("link"))
	if err != nil {
		return linkError(err)
	}
	return v.render("report_link", Page{Title: v.t("report.link"), Data: r.Order.Request.FileName(r.AsOf)})
}

func serveReportByLink(d *Dashboard, v *visit) error {
	r, file, err := d.Reports.OpenLink(v.ctx(), v.r.PathValue("link"))
	if err != nil {
		return linkError(err)
	}
	return v.sendReport(r, file)
}

// linkError says that a link does not work any more; whether it ever did, it does not say.
func linkError(err error) error {
	if errors.Is(err, report.ErrLink) || errors.Is(err, report.ErrGone) || errors.Is(err, report.ErrNotReady) || errors.Is(err, report.ErrNoRight) {
		return &userError{ID: "report.link_dead", Status: http.StatusGone}
	}
	return err
}

// sendReport hands out the file of a report. Where it cannot go on, the connection breaks: a file that is cut off must not
// look whole.
func (v *visit) sendReport(r *report.Report, file io.ReadCloser) (err error) {
	defer func() { err = errors.Join(err, file.Close()) }()
	kind := "text/csv; charset=utf-8; header=present"
	if r.Order.Request.Format.Gzip {
		kind = "application/gzip"
	}
	v.w.Header().Set("Content-Type", kind)
	v.w.Header().Set("Content-Disposition", fmt.Sprintf(`attachment; filename="%s"`, r.Order.Request.FileName(r.AsOf)))
	answer, buffer := http.NewResponseController(v.w), make([]byte, sendPiece)
	for {
		_ = answer.SetWriteDeadline(time.Now().Add(exportTime)) // where the connection has none, it needs none
		n, err := file.Read(buffer)
		if _, e := v.w.Write(buffer[:n]); e != nil {
			panic(http.ErrAbortHandler)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			v.d.Logger.Error("dashboard: a report was cut off", "report", r.ID, "err", err)
			panic(http.ErrAbortHandler)
		}
	}
}

// sendPiece is how much of a file is read at a time.
const sendPiece = 64 << 10
