package dashboard

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"flashpay/internal/record"
	"flashpay/internal/report"
	"flashpay/internal/store"
)

// Lists of the pages come as files, too: the address of the page with exportField is all of its list, whatever page of it is
// shown, with the same filters and for the same people. Rows are read and written page by page.

// wantsFile tells whether a page's address asks for its list as a file.
func (v *visit) wantsFile() bool { return v.r.URL.Query().Has(exportField) }

// ofField names the list, on a page that has several.
const ofField = "of"

// sender is a file of whatever rows.
type sender interface{ send(v *visit) error }

// sendOf sends the list that the address names, of a page that has several.
func (v *visit) sendOf(lists map[string]func() (sender, error)) error {
	make, ok := lists[v.r.URL.Query().Get(ofField)]
	if !ok {
		return errNotFound
	}
	list, err := make()
	if err != nil {
		return err
	}
	return list.send(v)
}

// listQuery is what the address chooses of the list.
func (v *visit) listQuery() url.Values {
	q := v.r.URL.Query()
	for _, name := range []string{"after", "below", "behind", "have", exportField, ofField} {
		q.Del(name)
	}
	return q
}

// listLinks are the links to the file of the list of the page.
func (v *visit) listLinks() ([]csvLink, error) {
	return v.csvLinks(v.r.URL.Path + withQuery(v.listQuery().Encode()))
}

// filesOf are the links to the file of one of the page's lists.
func (v *visit) filesOf(list string) ([]csvLink, error) {
	q := v.listQuery()
	q.Set(ofField, list)
	return v.csvLinks(v.r.URL.Path + withQuery(q.Encode()))
}

// wording says how a file names what has a name for programs: by that, or in words.
type wording func(name, word string) string

func (v *visit) wording(form report.Format) wording {
	return func(name, word string) string {
		if form.Header == "" || name == "" {
			return name
		}
		return v.t(word)
	}
}

// listFile is a list as a file: its columns, and what calls write for each of its rows.
type listFile[T any] struct {
	name    string // of the file, without the day; with .csv, as that of what is of other days than today: the whole
	columns func(say wording) record.Table[T]
	each    func(write func(T) error) error
}

// send sends the file. Where it cannot go on, the connection breaks: a file that is cut off must not look whole.
func (l listFile[T]) send(v *visit) error {
	form, err := v.csvForm()
	if err != nil {
		return err
	}
	filter := strings.TrimSpace(v.r.URL.Path + " " + v.listQuery().Encode())
	if err := v.d.people.LogDownload(v.ctx(), v.actor(), "csv", v.user.Object(), store.Detail{}.Text("filter", filter)); err != nil {
		return err
	}
	zone := time.UTC
	if form.LocalTimes {
		zone = v.zone
	}
	h := v.w.Header()
	h.Set("Content-Type", "text/csv; charset=utf-8; header=present")
	h.Set("Content-Disposition", `attachment; filename="`+l.fileName(v)+`"`)
	if err := l.write(v, form, zone); err != nil {
		if v.ctx().Err() == nil {
			v.d.Logger.Error("dashboard: a CSV was cut off", "err", err)
		}
		panic(http.ErrAbortHandler)
	}
	return nil
}

func (l listFile[T]) fileName(v *visit) string {
	if strings.HasSuffix(l.name, ".csv") {
		return l.name
	}
	return l.name + "_" + v.d.Store.Now().In(v.zone).Format(time.DateOnly) + ".csv"
}

func (l listFile[T]) write(v *visit, form report.Format, zone *time.Location) error {
	var columns []*record.Column[T]
	table := l.columns(v.wording(form))
	for i := range table {
		columns = append(columns, &table[i])
	}
	out, err := report.NewRows(v.w, columns, form, zone)
	if err != nil {
		return err
	}
	answer, rows := http.NewResponseController(v.w), 0
	err = l.each(func(of T) error {
		if rows%exportRows == 0 {
			_ = answer.SetWriteDeadline(time.Now().Add(exportTime)) // where the connection has none, it needs none
		}
		rows++
		return out.Write(&of)
	})
	if err != nil {
		return err
	}
	return out.Flush()
}

// each is the rows of a list that is read as a whole.
func eachOf[T any](rows []T) func(write func(T) error) error {
	return func(write func(T) error) error {
		for _, row := range rows {
			if err := write(row); err != nil {
				return err
			}
		}
		return nil
	}
}

// The columns that lists are made of.

func textColumn[T any](name string, of func(*T) string) record.Column[T] {
	return record.Of(name, func(row *T) record.Value { return textOf(of(row)) })
}

func idColumn[T any](name string, of func(*T) int64) record.Column[T] {
	return record.Of(name, func(row *T) record.Value {
		if id := of(row); id != 0 {
			return textOf(strconv.FormatInt(id, 10))
		}
		return textOf("")
	})
}

func momentColumn[T any](name string, of func(*T) time.Time) record.Column[T] {
	return record.Of(name, func(row *T) record.Value { return momentValue(of(row)) })
}

func countColumn[T any](name string, of func(*T) int64) record.Column[T] {
	return record.Of(name, func(row *T) record.Value { return countOf(of(row)) })
}

func sumColumn[T any](name string, of func(*T) (int64, string)) record.Column[T] {
	return record.Of(name, func(row *T) record.Value { return sumValue(of(row)) })
}

// plain are columns whose values are the same in all forms of the file.
func plain[T any](columns ...record.Column[T]) func(wording) record.Table[T] {
	return func(wording) record.Table[T] { return columns }
}

// inFile is a number with decimals as the file writes it.
func (v *visit) inFile(number string) string {
	if v.r.URL.Query().Get(exportField) == exportLocal {
		return strings.Replace(number, ".", ",", 1)
	}
	return number
}

func textOf(text string) record.Value { return record.Value{Text: text} }

func momentValue(at time.Time) record.Value { return record.Value{Kind: record.Moment, At: at} }

func countOf(n int64) record.Value { return record.Value{Kind: record.Number, Amount: n} }

func sumValue(amount int64, currency string) record.Value {
	if currency == "" {
		return record.Value{}
	}
	return record.Value{Kind: record.Sum, Amount: amount, Currency: currency}
}
