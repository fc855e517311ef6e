package dashboard

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"flashpay/internal/massbatch"
	"flashpay/internal/masspayout"
	"flashpay/internal/merchant"
	"flashpay/internal/method"
	"flashpay/internal/store"
)

const (
	maxUpload  = masspayout.MaxBytes + 1<<20 // a file with the form around it; one that is a little larger is told so
	uploadTime = time.Minute                 // within which the browser must send the next piece
	maxName    = 200                         // bytes of a file's name that are kept
)

// massForm is the page on which a file is uploaded.
type massForm struct {
	Project    *input // nil: the user sees no project
	Methods    *input // of templates; nil: there is none
	Templates  *input // the projects of templates
	Unreadable *faultView
	Largest    int64 // bytes that a file may have
	Megabytes  int64
}

// serveMassForm shows the form.
func serveMassForm(_ *Dashboard, v *visit) error {
	return v.showMassForm(http.StatusOK, newForm("project", v.r.URL.Query().Get("project")), nil)
}

func (v *visit) showMassForm(status int, f *Form, unreadable *masspayout.Unreadable) error {
	data := &massForm{Largest: masspayout.MaxBytes, Megabytes: masspayout.MaxBytes >> 20}
	if unreadable != nil {
		told := v.wordFault(&unreadable.Fault)
		data.Unreadable = &told
	}
	var projects, methods []option
	known := make(map[string]bool)
	for _, p := range v.projects() {
		projects = append(projects, option{
			Value: strconv.FormatInt(p.ID, 10), Label: fmt.Sprintf("%d · %s (%s)", p.ID, p.Name, v.t("manual.mode."+string(p.Mode))),
		})
		for _, m := range v.d.manual().Offered(p) {
			if !known[m.Path] {
				known[m.Path] = true
				methods = append(methods, option{Value: m.Path, Label: v.words().methodTitle(m.Path, m.Title)})
			}
		}
	}
	var err error
	if len(projects) > 0 {
		if data.Project, err = newInput(f, "project", v.t("manual.project"), "options", projects, "required", "yes", "help", v.t("mass.project_help")); err != nil {
			return err
		}
		if data.Templates, err = newInput(f, "project", v.t("manual.project"), "options", projects, "prefix", "template-"); err != nil {
			return err
		}
	}
	if len(methods) > 0 {
		if data.Methods, err = newInput(f, "method", v.t("manual.method"), "options", methods, "prefix", "template-"); err != nil {
			return err
		}
	}
	p := Page{Title: v.t("mass.new_title"), Form: f, Data: data}
	if v.asksFor("upload") {
		return v.fragment("mass_new", "upload", p)
	}
	return v.renderStatus(status, "mass_new", p)
}

// patient reads an upload, which has time as long as it goes on.
type patient struct {
	from   io.Reader
	answer *http.ResponseController
}

// Read gives the browser another minute, and the answer after it.
func (p patient) Read(b []byte) (int, error) {
	now := time.Now()
	_ = p.answer.SetReadDeadline(now.Add(uploadTime)) // where the connection has none, it needs none
	_ = p.answer.SetWriteDeadline(now.Add(10 * uploadTime))
	return p.from.Read(b)
}

// serveMassUpload takes a file in as it comes: it is checked while it is being sent, so that a large one needs no memory and
// the browser's own progress is that of the check.
func serveMassUpload(_ *Dashboard, v *visit) error {
	body := v.r.Body
	v.r.Body = struct {
		io.Reader
		io.Closer
	}{patient{body, http.NewResponseController(v.w)}, body}
	// Whatever is answered, what is still being sent is read first: a browser that is cut short shows a fault of its own.
	defer func() { _, _ = io.Copy(io.Discard, v.r.Body) }()
	f := newForm()
	parts, err := v.r.MultipartReader()
	if err != nil {
		f.Fault("file", v.t("mass.fault.none"))
		return v.showMassForm(http.StatusUnprocessableEntity, f, nil)
	}
	for {
		part, err := parts.NextPart()
		switch {
		case errors.Is(err, io.EOF):
			f.Fault("file", v.t("mass.fault.none"))
			return v.showMassForm(http.StatusUnprocessableEntity, f, nil)
		case err != nil:
			return &userError{ID: "form.unreadable"}
		case part.FormName() == "file" && part.FileName() != "":
			return v.takeFile(f, part)
		case part.FormName() == "project":
			text, err := io.ReadAll(io.LimitReader(part, 64))
			if err != nil {
				return &userError{ID: "form.unreadable"}
			}
			f.Values.Set("project", string(text))
		}
	}
}

// takeFile takes a file in, in the name of the project that the form has chosen.
func (v *visit) takeFile(f *Form, part *multipart.Part) error {
	p, err := v.project(f.Get("project"))
	if err != nil {
		return err
	}
	b, report, err := v.d.mass().CreateBatch(v.ctx(), part, massbatch.Upload{
		Project: p, Name: fileName(part.FileName()), By: v.by(nil), Sees: v.user.Sees,
	})
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return &userError{ID: "form.too_large", Status: http.StatusRequestEntityTooLarge}
	case errors.Is(err, io.ErrUnexpectedEOF):
		return &userError{ID: "form.unreadable"}
	case err != nil:
		return err
	case b == nil:
		return v.showMassForm(http.StatusUnprocessableEntity, f, report.Unreadable)
	}
	return v.redirect(batchPath(b.ID), "")
}

// fileName is a file's name without the folders that some browsers send along.
func fileName(name string) string {
	name = path.Base(strings.ReplaceAll(strings.ToValidUTF8(name, "?"), `\`, "/"))
	for len(name) > maxName { // what tells its kind stands at the end
		_, size := utf8.DecodeRuneInString(name)
		name = name[size:]
	}
	return name
}

// serveMassTemplate hands out the file that one begins with.
func serveMassTemplate(d *Dashboard, v *visit) error {
	q := v.r.URL.Query()
	m, ok := d.Methods.Get(q.Get("method"))
	if !ok || !m.Enabled {
		return errNotFound
	}
	p, err := v.project(q.Get("project"))
	if err != nil {
		return err
	}
	v.attach(templateName(m, p))
	_, err = io.WriteString(v.w, masspayout.Template(m, p.ID))
	return err
}

func templateName(m *method.Method, p *merchant.Project) string {
	return fmt.Sprintf("payouts_%d_%s.csv", p.ID, strings.ReplaceAll(m.Path, "/", "_"))
}

// attach says that a CSV file follows, and what it is called.
func (v *visit) attach(name string) {
	h := v.w.Header()
	h.Set("Content-Type", "text/csv; charset=utf-8; header=present")
	h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": name}))
}

// download streams a file that names people and accounts. Where it cannot go on, the connection breaks: a file that is cut
// off must not look whole.
func (v *visit) download(what string, b *massbatch.Status, name string, write func(to io.Writer) error) error {
	if err := v.d.people.LogDownload(v.ctx(), v.actor(), what, v.user.Object(), store.Detail{}.Int("batch", b.ID)); err != nil {
		return err
	}
	v.attach(name)
	if err := write(steady{v.w, http.NewResponseController(v.w)}); err != nil {
		if v.ctx().Err() == nil {
			v.d.Logger.Error("dashboard: a file was cut off", "batch", b.ID, "err", err)
		}
		panic(http.ErrAbortHandler)
	}
	return nil
}

// steady writes a download, which has time as long as it goes on.
type steady struct {
	to     io.Writer
	answer *http.ResponseController
}

// Write gives the browser time to take what is written.
func (s steady) Write(b []byte) (int, error) {
	_ = s.answer.SetWriteDeadline(time.Now().Add(exportTime))
	return s.to.Write(b)
}

// resultName is the name of a file that is made of a batch's.
func resultName(b *massbatch.Status, suffix string) string {
	name := strings.TrimSuffix(b.Name, path.Ext(b.Name))
	if name == "" || name == "." {
		name = strconv.FormatInt(b.ID, 10)
	}
	return name + suffix + ".csv"
}
