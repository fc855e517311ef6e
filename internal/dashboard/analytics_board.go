package dashboard

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"flashpay/internal/staff"
	"flashpay/internal/store/people"
)

// boardRoutes are the boards that people make. Who made a board changes it; what anybody sees on it are figures of the projects that
// they may see themselves.
var boardRoutes = []route{
	{pattern: "GET /analytics/boards/new", right: staff.ViewAnalytics, serve: serveNewBoard},
	{pattern: "POST /analytics/boards", right: staff.ViewAnalytics, serve: serveMakeBoard},
	{pattern: "GET /analytics/boards/{board}", right: staff.ViewAnalytics, serve: serveBoard},
	{pattern: "POST /analytics/boards/{board}", right: staff.ViewAnalytics, serve: serveChangeBoard},
	{pattern: "POST /analytics/boards/{board}/delete", right: staff.ViewAnalytics, serve: serveDropBoard},
	{pattern: "POST /analytics/boards/{board}/move", right: staff.ViewAnalytics, serve: serveMoveTile},
	{pattern: "GET /analytics/boards/{board}/tile", right: staff.ViewAnalytics, serve: serveTile},
	{pattern: "POST /analytics/boards/{board}/tile", right: staff.ViewAnalytics, serve: servePutTile},
	{pattern: "POST /analytics/boards/{board}/remove", right: staff.ViewAnalytics, serve: serveRemoveTile},
	{pattern: "GET /analytics/boards/{board}/csv", right: staff.ViewAnalytics, serve: serveOwnTileCSV},
}

// boardLink is a board in the row above the page.
type boardLink struct {
	Label, Href string
	Owner       string // of one that somebody else shares
	On          bool
}

// boardBar is the row of boards above the page: the platform's, one's own, and those of the team.
type boardBar struct{ Boards []boardLink }

// boardBar lists the boards; a is the page of a template, or nil, and open the board that is shown.
func (v *visit) boardBar(a *analysis, open int64) (*boardBar, error) {
	bar := &boardBar{}
	for i := range boardTemplates {
		link := boardLink{Label: v.t("analytics.board." + boardTemplates[i].Name), Href: "/analytics?board=" + boardTemplates[i].Name}
		if a != nil {
			link.Href, link.On = a.address("/analytics", "board", boardTemplates[i].Name), a.Board == &boardTemplates[i]
		}
		bar.Boards = append(bar.Boards, link)
	}
	boards, err := v.d.people.Boards(v.ctx(), v.user)
	for i := range boards {
		link := boardLink{Label: boards[i].Name, Href: boardPath(boards[i].ID), On: boards[i].ID == open}
		if boards[i].UserID != v.user.ID {
			link.Owner = boards[i].Owner
		}
		bar.Boards = append(bar.Boards, link)
	}
	return bar, err
}

func boardPath(id int64) string { return fmt.Sprintf("/analytics/boards/%d", id) }

// board finds the board of the address, if the visitor sees it.
func (v *visit) board() (*people.Board, error) {
	id, err := strconv.ParseInt(v.r.PathValue("board"), 10, 64)
	if err != nil {
		return nil, errNotFound
	}
	return v.d.people.Board(v.ctx(), v.user, id)
}

// ownBoard finds the board of the address, if the visitor made it.
func (v *visit) ownBoard() (*people.Board, error) {
	b, err := v.board()
	if err == nil && b.UserID != v.user.ID {
		return nil, errForbidden
	}
	return b, err
}

// boardPage is what the page of a board shows.
type boardPage struct {
	*boardBar
	Board    *people.Board
	Own      bool // whoever looks made it
	Edit     bool // it is being arranged
	Full     bool // on the whole screen
	Tiles    []*ownTile
	Counting bool
	boardState
}

// ownTile is a tile of somebody's board.
type ownTile struct {
	*tile
	Number     int64
	Wide       bool
	Shown      string // period and comparison, in words
	Hidden     bool   // it shows projects only that the reader may not see
	Begin, End bool   // it is the first of the board, the last
}

// Room tells whether the board has room for another tile.
func (p *boardPage) Room() bool { return len(p.Board.Tiles) < people.MaxTiles }

// Path is where the board is, and what is done to it.
func (p *boardPage) Path() string { return boardPath(p.Board.ID) }

func serveBoard(_ *Dashboard, v *visit) error {
	b, err := v.board()
	if err != nil {
		return err
	}
	return v.showBoard(http.StatusOK, b, nil)
}

// showBoard shows a board; a form is that of its settings, with faults.
func (v *visit) showBoard(status int, b *people.Board, f *Form) error {
	given := v.r.URL.Query()
	page := &boardPage{Board: b, Own: b.UserID == v.user.ID}
	page.Edit = page.Own && (given.Get("edit") != "" || f != nil)
	page.Full = !page.Edit && given.Get("full") != ""
	var err error
	if page.boardState, err = v.boardStateOf(b); err != nil {
		return err
	}
	if v.hasSeen(page.boardState) {
		return nil
	}
	if page.boardBar, err = v.boardBar(nil, b.ID); err != nil {
		return err
	}
	for i, kept := range b.Tiles {
		a, t, err := v.ownTile(kept)
		if err != nil {
			return err
		}
		t.Begin, t.End = i == 0, i == len(b.Tiles)-1
		t.CSV = fmt.Sprintf("%s/csv?tile=%d", page.Path(), kept.ID)
		page.Counting = page.Counting || a.counting
		page.Tiles = append(page.Tiles, t)
	}
	if f == nil {
		f = newForm("name", b.Name)
		if b.Shared {
			f.Values.Set("shared", "on")
		}
	}
	p := Page{Title: b.Name, Form: f, Data: page, Wide: true, Full: page.Full}
	if v.asksFor("board") {
		return v.fragment("analytics_board", "board", p)
	}
	return v.renderStatus(status, "analytics_board", p)
}

// tileEntries are the entries of a tile that the visitor may know of: projects that they do not see are left out. hidden: there is
// none that they see.
func (v *visit) tileEntries(kept people.Tile) (given url.Values, hidden bool) {
	given, err := url.ParseQuery(kept.Query)
	if err != nil { // kept by an older program
		return url.Values{}, false
	}
	chosen := given["project"]
	given["project"] = slices.DeleteFunc(slices.Clone(chosen), func(id string) bool {
		_, err := v.project(id)
		return err != nil
	})
	return given, len(chosen) > 0 && len(given["project"]) == 0
}

// ownTile makes a tile of a board as the visitor sees it.
func (v *visit) ownTile(kept people.Tile) (*analysis, *ownTile, error) {
	given, hidden := v.tileEntries(kept)
	a, dataset := readAnalysis(v, given), given.Get("dataset")
	own := &ownTile{Number: kept.ID, Wide: given.Get("wide") != "", Hidden: hidden, tile: &tile{Title: dataset}}
	if makers[dataset] != nil {
		own.tile.Title = v.t("analytics.tile." + dataset)
	}
	// A form that was good may be of another program, or name a method that is gone.
	if makers[dataset] != nil && a.Form.OK() && !hidden {
		var err error
		if own.tile, err = a.tile(dataset); err != nil {
			return nil, nil, err
		}
		own.drawAs(given.Get("chart"))
		own.Shown = a.shown()
	}
	own.tile.ID = strconv.FormatInt(kept.ID, 10)
	own.Title = cmp.Or(given.Get("title"), own.Title)
	return a, own, nil
}

// tileCharts are the kinds of charts that one can choose. Lines are for stretches of time.
var tileCharts = []string{"bar", "line", "table"}

// drawAs draws a tile as was chosen.
func (t *tile) drawAs(kind string) {
	switch {
	case kind == "table":
		t.Chart = ""
	case kind == "line" && t.timed:
		t.Chart = "line"
	}
}

// shown says what the tile's figures are of.
func (a *analysis) shown() string {
	words := []string{a.visit.t("analytics.period." + a.Form.Get("period"))}
	if a.Form.Get("period") == "days" {
		day, _ := a.visit.d.pages[a.visit.lang].words.layouts()
		words[0] = a.from.Format(day) + " – " + a.to.AddDate(0, 0, -1).Format(day)
	}
	for _, name := range []string{"project", "currency"} {
		words = append(words, a.Form.Values[name]...)
	}
	for _, path := range a.Form.Values["method"] {
		words = append(words, a.methodTitle(path))
	}
	if a.Compare {
		words = append(words, a.visit.t("analytics.compared_short"))
	}
	return strings.Join(words, " · ")
}

// serveOwnTileCSV sends the table of a tile of a board.
func serveOwnTileCSV(_ *Dashboard, v *visit) error {
	b, err := v.board()
	if err != nil {
		return err
	}
	for _, kept := range b.Tiles {
		if strconv.FormatInt(kept.ID, 10) != v.r.URL.Query().Get("tile") {
			continue
		}
		a, t, err := v.ownTile(kept)
		if err != nil {
			return err
		}
		given, _ := v.tileEntries(kept)
		return a.sendCSV(t.tile, cmp.Or(given.Get("dataset"), "tile"))
	}
	return errNotFound
}
