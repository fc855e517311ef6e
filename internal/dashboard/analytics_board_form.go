package dashboard

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"flashpay/internal/store"
	"flashpay/internal/store/people"
)

const (
	maxBoardName = 60   // of a board, and of a tile
	maxTileQuery = 4096 // bytes that a tile's entries may have
)

// tileDatasets are what a tile can show, in the order of the form.
var tileDatasets = []string{
	"payments", "operations", "conversion", "times", "turnover", "paid", "declines", "top_methods", "top_projects", "top_banks", "top_codes",
	"callbacks", "callback_times",
}

// newBoardPage is what the form of a new board offers.
type newBoardPage struct {
	*boardBar
	Sources []option
	Query   string // figures of the page that the board is made of
}

func serveNewBoard(_ *Dashboard, v *visit) error {
	q := v.r.URL.Query()
	kept := make(url.Values)
	for _, name := range analysisNames {
		if values := q[name]; len(values) > 0 && name != "board" {
			kept[name] = values
		}
	}
	f := newForm("source", q.Get("board"), "query", kept.Encode())
	return v.showNewBoard(http.StatusOK, f)
}

func (v *visit) showNewBoard(status int, f *Form) error {
	bar, err := v.boardBar(nil, 0)
	if err != nil {
		return err
	}
	page := &newBoardPage{boardBar: bar, Query: f.Get("query"), Sources: []option{{Label: v.t("analytics.source_empty")}}}
	for i := range boardTemplates {
		name := boardTemplates[i].Name
		page.Sources = append(page.Sources, option{Value: name, Label: v.t("analytics.board." + name)})
	}
	boards, err := v.d.people.Boards(v.ctx(), v.user)
	if err != nil {
		return err
	}
	for i := range boards {
		page.Sources = append(page.Sources, option{Value: strconv.FormatInt(boards[i].ID, 10), Label: boards[i].Name})
	}
	return v.renderStatus(status, "analytics_new", Page{Title: v.t("analytics.new_board"), Form: f, Data: page})
}

// boardSource are the tiles that a new board begins with: of a template with a page's figures, or of a board that the visitor sees.
func (v *visit) boardSource(f *Form) (queries []string, err error) {
	source := f.Get("source")
	for i := range boardTemplates {
		if boardTemplates[i].Name != source {
			continue
		}
		given, err := url.ParseQuery(f.Get("query"))
		if a := readAnalysis(v, given); err != nil || !a.Form.OK() {
			given = nil
		}
		for _, dataset := range boardTemplates[i].Tiles {
			entries := url.Values{"dataset": {dataset}}
			if dataset == "bank_pivot" {
				entries = url.Values{"dataset": {"payments"}, "rows": {"bank"}, "title": {v.t("analytics.tile.bank_pivot")}}
			}
			for _, name := range analysisNames {
				if values := given[name]; len(values) > 0 && name != "board" && name != "rows" {
					entries[name] = values
				}
			}
			queries = append(queries, entries.Encode())
		}
		return queries, nil
	}
	if source == "" {
		return nil, nil
	}
	id, err := strconv.ParseInt(source, 10, 64)
	if err != nil {
		return nil, errNotFound
	}
	b, err := v.d.people.Board(v.ctx(), v.user, id)
	if err != nil {
		return nil, err
	}
	for _, kept := range b.Tiles {
		given, hidden := v.tileEntries(kept)
		if !hidden {
			queries = append(queries, given.Encode())
		}
	}
	return queries, nil
}

// boardName reads the name of a board.
func (v *visit) boardName(f *Form) string {
	name := f.Get("name")
	if name == "" || len([]rune(name)) > maxBoardName {
		f.Fault("name", v.t("analytics.fault_name", "count", maxBoardName))
	}
	return name
}

// boardFault says what is wrong with a board, at the field that it concerns; other errors are handed back.
func (v *visit) boardFault(f *Form, err error) error {
	switch {
	case errors.Is(err, people.ErrBoardExists):
		f.Fault("name", v.t("analytics.fault_exists"))
	case errors.Is(err, people.ErrTooManyBoards):
		f.Fault("", v.t("analytics.fault_boards", "count", people.MaxBoards))
	case errors.Is(err, people.ErrTooManyTiles):
		f.Fault("", v.t("analytics.fault_tiles", "count", people.MaxTiles))
	default:
		return err
	}
	return nil
}

func serveMakeBoard(d *Dashboard, v *visit) error {
	f, err := v.form()
	if err != nil {
		return err
	}
	name := v.boardName(f)
	queries, err := v.boardSource(f)
	if err != nil {
		return err
	}
	if f.OK() {
		err = d.people.MakeBoard(v.ctx(), v.boardKey(f), v.user, name, queries)
		if err := v.boardFault(f, err); err != nil {
			return err
		}
	}
	if !f.OK() {
		return v.showNewBoard(http.StatusUnprocessableEntity, f)
	}
	b, err := d.people.BoardNamed(v.ctx(), v.user, name)
	if err != nil {
		return err
	}
	return v.redirect(boardPath(b.ID)+"?edit=on", "analytics.board_made", "name", name)
}

// boardForm is the visitor's own board that the address names, and the form that changes it.
func (v *visit) boardForm() (*people.Board, *Form, error) {
	b, err := v.ownBoard()
	if err != nil {
		return nil, nil, err
	}
	f, err := v.form()
	return b, f, err
}

// boardKey is the idempotency key of what a form does to boards: several forms of a page, one for each tile, share its token.
func (v *visit) boardKey(f *Form) string {
	return "board " + v.user.Object() + " " + v.r.URL.Path + " " + f.Get("tile") + " " + f.IdempotencyKey
}

func serveChangeBoard(d *Dashboard, v *visit) error {
	b, f, err := v.boardForm()
	if err != nil {
		return err
	}
	name := v.boardName(f)
	if f.OK() {
		err = d.people.ChangeBoard(v.ctx(), v.boardKey(f), v.user, b.ID, func(b *people.Board) error {
			b.Name, b.Shared = name, f.Get("shared") != ""
			return nil
		})
		if err := v.boardFault(f, err); err != nil {
			return err
		}
	}
	if !f.OK() {
		return v.showBoard(http.StatusUnprocessableEntity, b, f)
	}
	return v.redirect(boardPath(b.ID)+"?edit=on", "analytics.board_saved", "name", name)
}

func serveDropBoard(d *Dashboard, v *visit) error {
	f, err := v.form()
	if err != nil {
		return err
	}
	b, err := v.ownBoard()
	if errors.Is(err, store.ErrNotFound) { // a second click
		return v.redirect("/analytics", "")
	}
	if err != nil {
		return err
	}
	if err := d.people.DropBoard(v.ctx(), v.boardKey(f), v.user, b.ID); err != nil {
		return err
	}
	return v.redirect("/analytics", "analytics.board_deleted", "name", b.Name)
}

// tileNumber is the tile that a form, or an address, names; 0: none.
func tileNumber(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// serveMoveTile moves a tile: to a place, or by so many places.
func serveMoveTile(d *Dashboard, v *visit) error {
	return v.arrange(d, func(f *Form, b *people.Board) error {
		n := tileNumber(f.Get("tile"))
		to := int(tileNumber(f.Get("to")))
		switch f.Get("by") {
		case "-1":
			to = b.Place(n) - 1
		case "1":
			to = b.Place(n) + 1
		}
		return b.Move(n, to)
	})
}

func serveRemoveTile(d *Dashboard, v *visit) error {
	return v.arrange(d, func(f *Form, b *people.Board) error {
		b.Remove(tileNumber(f.Get("tile")))
		return nil
	})
}

// arrange changes the tiles of one's own board.
func (v *visit) arrange(d *Dashboard, change func(f *Form, b *people.Board) error) error {
	b, f, err := v.boardForm()
	if err != nil {
		return err
	}
	if err := d.people.ChangeBoard(v.ctx(), v.boardKey(f), v.user, b.ID, func(b *people.Board) error { return change(f, b) }); err != nil {
		return err
	}
	return v.redirect(fmt.Sprintf("%s?edit=on#tile-%d", boardPath(b.ID), tileNumber(f.Get("tile"))), "")
}

// tilePage is what the form of a tile offers.
type tilePage struct {
	*boardBar
	choices
	Board                   *people.Board
	Number                  int64 // 0: a new one
	Datasets, Charts, Lines []option
}

// Path is where the board is.
func (p *tilePage) Path() string { return boardPath(p.Board.ID) }

func serveTile(_ *Dashboard, v *visit) error {
	b, err := v.ownBoard()
	if err != nil {
		return err
	}
	f := newForm("period", "week")
	n := tileNumber(v.r.URL.Query().Get("tile"))
	if n > 0 {
		i := b.Place(n)
		if i < 0 {
			return errNotFound
		}
		if f.Values, _ = v.tileEntries(b.Tiles[i]); f.Get("period") == "" {
			f.Values.Set("period", "week")
		}
	}
	return v.showTile(http.StatusOK, f, b, n)
}

func (v *visit) showTile(status int, f *Form, b *people.Board, n int64) error {
	bar, err := v.boardBar(nil, b.ID)
	if err != nil {
		return err
	}
	page := &tilePage{boardBar: bar, choices: v.analysisChoices(), Board: b, Number: n, Lines: []option{{Label: v.t("analytics.rows_time")}}}
	for _, name := range tileDatasets {
		page.Datasets = append(page.Datasets, option{Value: name, Label: v.t("analytics.tile." + name)})
	}
	for _, name := range tileCharts {
		page.Charts = append(page.Charts, option{Value: name, Label: v.t("analytics.chart." + name)})
	}
	for _, name := range analyticsRows {
		page.Lines = append(page.Lines, option{Value: name, Label: v.t("analytics.rows." + name)})
	}
	title := v.t("analytics.tile_new")
	if n > 0 {
		title = v.t("analytics.tile_edit")
	}
	return v.renderStatus(status, "analytics_tile", Page{Title: title, Form: f, Data: page})
}

// readTile checks a tile's form and returns the entries that are kept of it.
func (v *visit) readTile(f *Form) string {
	a := readAnalysis(v, f.Values)
	for name, fault := range a.Form.Faults {
		f.Fault(name, fault)
	}
	dataset := f.Get("dataset")
	free := slices.Contains([]string{"payments", "operations"}, dataset) || dataset == "callbacks" && a.Rows == "project"
	timed := dataset == "paid" || slices.Contains([]string{"payments", "operations", "callbacks"}, dataset) && a.Rows == ""
	switch {
	case !slices.Contains(tileDatasets, dataset):
		f.Fault("dataset", v.t("payments.fault_choice"))
	case a.Rows != "" && !free:
		f.Fault("rows", v.t("analytics.fault_rows"))
	case strings.HasPrefix(dataset, "callback") && (f.Get("method") != "" || f.Get("currency") != ""):
		f.Fault("method", v.t("analytics.fault_callbacks"))
	}
	switch chart := f.Get("chart"); {
	case chart != "" && !slices.Contains(tileCharts, chart):
		f.Fault("chart", v.t("payments.fault_choice"))
	case chart == "line" && !timed:
		f.Fault("chart", v.t("analytics.fault_line"))
	}
	if len([]rune(f.Get("title"))) > maxBoardName {
		f.Fault("title", v.t("analytics.fault_title", "count", maxBoardName))
	}
	kept := make(url.Values)
	for _, name := range append([]string{"title", "dataset", "chart", "wide"}, analysisNames...) {
		for _, value := range f.Values[name] {
			if value = strings.TrimSpace(value); value != "" && name != "board" {
				kept.Add(name, value)
			}
		}
	}
	query := kept.Encode()
	if len(query) > maxTileQuery {
		f.Fault("", v.t("analytics.fault_wide"))
	}
	return query
}

func servePutTile(d *Dashboard, v *visit) error {
	b, f, err := v.boardForm()
	if err != nil {
		return err
	}
	n, query := tileNumber(f.Get("tile")), v.readTile(f)
	if f.OK() {
		err = d.people.ChangeBoard(v.ctx(), v.boardKey(f), v.user, b.ID, func(b *people.Board) error { return b.Put(n, query) })
		if err := v.boardFault(f, err); err != nil {
			return err
		}
	}
	if !f.OK() {
		return v.showTile(http.StatusUnprocessableEntity, f, b, n)
	}
	if n == 0 { // the last one is it
		if b, err = v.board(); err != nil || len(b.Tiles) == 0 {
			return err
		}
		n = b.Tiles[len(b.Tiles)-1].ID
	}
	return v.redirect(fmt.Sprintf("%s?edit=on#tile-%d", boardPath(b.ID), n), "analytics.tile_saved")
}
