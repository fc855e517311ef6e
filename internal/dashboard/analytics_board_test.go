package dashboard

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"flashpay/internal/browsertest"
	"flashpay/internal/payout"
	"flashpay/internal/staff"
	"flashpay/internal/storetest"
)

// makesBoard makes a board and returns where it is.
func (b *browser) makesBoard(name, source string) string {
	b.site.t.Helper()
	location := b.post("/analytics/boards", "name", name, "source", source, "query", "period=month&project=210", "once", "once-of-board-"+name+source).
		wants(http.StatusSeeOther).Location
	return strings.TrimSuffix(location, "?edit=on")
}

var tileHeading = regexp.MustCompile(`<h2 id="title-\d+">([^<]+)</h2>`)

func (a *answer) tiles() (titles []string) {
	for _, m := range tileHeading.FindAllStringSubmatch(a.Body, -1) {
		titles = append(titles, m[1])
	}
	return titles
}

// TestBoardsWithoutScript makes, fills, arranges, names and deletes a board by forms alone.
func TestBoardsWithoutScript(t *testing.T) {
	s := analysed(t)
	b := s.signedIn(staff.Finance)
	b.get("/analytics/boards/new?board=turnover&period=month").wants(http.StatusOK).says("Turnover", "Create the board")
	board := b.makesBoard("Morning", "turnover")
	again := b.makesBoard("Morning", "turnover") // a second click
	page := b.get(board+"?edit=on").wants(http.StatusOK).says("Morning", "30 days · 210")
	if got := page.tiles(); again != board || !slices.Equal(got, []string{"Turnover", "Paid over time", "Top 10: methods", "Top 10: projects"}) {
		t.Errorf("%s and %s have the tiles %q", board, again, got)
	}
	b.post("/analytics/boards", "name", "Morning", "source", "").wants(http.StatusUnprocessableEntity).says("a board of this name already")
	b.post("/analytics/boards", "name", "", "source", "").wants(http.StatusUnprocessableEntity).says("A name is needed")

	b.post(board+"/tile", "dataset", "payments", "rows", "project", "title", "Per project", "compare", "on", "wide", "on", "period", "week").
		wants(http.StatusSeeOther)
	b.post(board+"/move", "tile", "5", "by", "-1").wants(http.StatusSeeOther)
	b.post(board+"/move", "tile", "1", "to", "9").wants(http.StatusSeeOther)
	b.post(board+"/remove", "tile", "3").wants(http.StatusSeeOther)
	page = b.get(board).wants(http.StatusOK).says("Per project", "7 days · compared with the period before", "Project success", "210 Shop", "211 Salaries")
	if got := page.tiles(); !slices.Equal(got, []string{"Paid over time", "Per project", "Top 10: projects", "Turnover"}) {
		t.Errorf("the tiles are %q", got)
	}
	if a := b.get(board + "/csv?tile=5").wants(http.StatusOK); !strings.Contains(a.Body, `"211 Salaries","1","0","1","100.0","0"`) {
		t.Errorf("CSV has %q", a.Body)
	}
	b.get(board + "/csv?tile=3").wants(http.StatusNotFound)
	b.get(board + "?full=on").wants(http.StatusOK).says("Leave full screen").saysNot("New board")
	for fields, fault := range map[string]string{
		"dataset=nothing": "", "dataset=payments&period=ever": "", "dataset=paid&rows=bank": "its own rows", "dataset=declines&chart=line": "Lines are for",
		"dataset=payments&title=" + strings.Repeat("x", 61): "60 characters at most",
	} {
		var pairs []string
		for _, field := range strings.Split(fields, "&") {
			name, value, _ := strings.Cut(field, "=")
			pairs = append(pairs, name, value)
		}
		b.post(board+"/tile", pairs...).wants(http.StatusUnprocessableEntity).says(fault)
	}
	b.post(board, "name", "Evening", "shared", "on").wants(http.StatusSeeOther)
	b.get("/analytics").says("Evening").saysNot("Morning")
	b.post(board + "/delete").wants(http.StatusSeeOther)
	b.post(board + "/delete").wants(http.StatusSeeOther)
	b.get(board).wants(http.StatusNotFound)
}

// TestSharedBoardsShowWhatOneMaySee holds that a board shows each reader figures of their own projects, whoever made it, and that
// nobody but its maker changes it.
func TestSharedBoardsShowWhatOneMaySee(t *testing.T) {
	s := analysed(t)
	maker := s.signedIn(staff.Finance)
	board := maker.makesBoard("Shared", "")
	maker.post(board+"/tile", "dataset", "turnover", "title", "Everything").wants(http.StatusSeeOther)
	maker.post(board+"/tile", "dataset", "turnover", "title", "Only 210", "project", "210").wants(http.StatusSeeOther)
	one := s.signedInAs(&staff.User{MerchantID: 1, Email: "one@example.kg", Name: "One", Roles: []staff.Role{staff.Finance}, Projects: []int64{211}})
	one.get(board).wants(http.StatusNotFound)
	one.get("/analytics").saysNot("Shared")
	maker.post(board, "name", "Shared", "shared", "on").wants(http.StatusSeeOther)

	one.get("/analytics").says("Shared")
	seen := one.get(board).wants(http.StatusOK).says("700.00", "This tile shows projects that you have no access to").saysNot("1 400.00", "210 Shop", "Edit")
	if strings.Contains(seen.Body, "project=210") {
		t.Error("the board names a project that its reader does not see")
	}
	if a := one.get(board + "/csv?tile=2").wants(http.StatusOK); strings.Contains(a.Body, "00") {
		t.Errorf("CSV of a tile that is not the reader's: %q", a.Body)
	}
	one.get(board + "?edit=on").wants(http.StatusOK).saysNot("Delete the board")
	for _, act := range []string{"", "/delete", "/move", "/tile", "/remove"} {
		one.post(board+act, "name", "Mine", "tile", "1").wants(http.StatusForbidden)
	}
	one.get(board + "/tile?tile=1").wants(http.StatusForbidden)
	copied := one.get(one.makesBoard("Copy", strings.TrimPrefix(board, "/analytics/boards/"))).wants(http.StatusOK)
	if got := copied.tiles(); !slices.Equal(got, []string{"Everything"}) {
		t.Errorf("the copy has the tiles %q", got)
	}
	s.signedIn(staff.Support).get(board).wants(http.StatusForbidden)
	s.signedIn(staff.Operator).get(board).wants(http.StatusNotFound)
	stranger := s.signedInAs(&staff.User{MerchantID: 2, Email: "two@example.kg", Name: "Two", Roles: []staff.Role{staff.Finance}, AllProjects: true})
	stranger.get(board).wants(http.StatusNotFound)
}

var boardStateMark = regexp.MustCompile(`data-state="([^"]+)"`)

// TestABoardThatShowsEverythingReadsNothing holds that an open board is answered nothing while its figures are the same, and new ones once
// anything of it has changed: figures, callbacks where it has some, its tiles, the day, and what its reader sees.
func TestABoardThatShowsEverythingReadsNothing(t *testing.T) {
	clock := storetest.NewClock(time.Date(2026, 3, 10, 23, 58, 0, 0, time.UTC))
	s := newSiteAt(t, clock.Now)
	s.pay(210, "shop-1", 10_000, payout.Succeeded)
	if err := s.Store.FollowJournal(t.Context()); err != nil {
		t.Fatal(err)
	}
	const attempt = `INSERT INTO callback_rollups (project_id, hours, start, acknowledged, bucket, shard, attempts) VALUES (211, 24, $1, 0, 0, 77, 1)
		ON CONFLICT (project_id, hours, start, acknowledged, bucket, shard) DO UPDATE SET attempts = callback_rollups.attempts + 1`
	maker := s.signedIn(staff.Finance)
	board := maker.makesBoard("Desk", "turnover")
	maker.post(board, "name", "Desk", "shared", "on").wants(http.StatusSeeOther)
	for _, page := range []string{board, "/analytics?board=callbacks"} {
		b := s.signedIn(staff.Finance)
		ask := func(what string, changed bool) {
			t.Helper()
			want := http.StatusNoContent
			if changed {
				want = http.StatusOK
			}
			a := b.get(page).wants(want)
			if changed {
				b.header.Set(seenHeader, boardStateMark.FindStringSubmatch(a.Body)[1])
			} else if a.Body != "" {
				t.Errorf("%s after %s: %q", page, what, a.Body)
			}
		}
		b.header.Set("HX-Request", "true")
		b.header.Set("HX-Target", "board")
		b.header.Set(pollHeader, "yes")
		ask("nothing", true)
		ask("nothing", false)
		clock.Advance(time.Second)
		s.pay(210, "then"+page, 10_000, payout.Succeeded)
		if err := s.Store.FollowJournal(t.Context()); err != nil {
			t.Fatal(err)
		}
		ask("a payout", true)
		ask("a payout", false)
		if _, err := s.Store.DB().Writes.ExecContext(t.Context(), attempt, clock.Now().Truncate(24*time.Hour).UnixMicro()); err != nil {
			t.Fatal(err)
		}
		ask("an attempt", page != board)
		maker.post(board+"/tile", "dataset", "payments", "period", "week").wants(http.StatusSeeOther)
		ask("a tile", page == board)
		clock.Advance(time.Minute)
		ask("midnight", page != board)
		ask("midnight", false)
	}
}

// TestBoardInBrowser arranges a board by dragging, by keys and by buttons, and holds that new figures come by themselves to a reader
// who keeps place and focus.
func TestBoardInBrowser(t *testing.T) {
	s := analysed(t)
	g := newGallery(t, s)
	maker := s.stranger()
	maker.cookies[s.sessionCookie()] = g.session(staff.Finance, "en")
	board := maker.makesBoard("Desk", "conversion")
	maker.post(board+"/tile", "dataset", "payments", "chart", "line", "period", "week").wants(http.StatusSeeOther)
	p := browsertest.Start(t).Open(t, browsertest.View{Width: 1440, Height: 900})
	p.SetCookie(g.url, s.sessionCookie(), g.session(staff.Finance, "en"))
	p.Goto(g.url + board + "?edit=on")
	p.WaitFor(`document.getElementById("board").dataset.drawn === "yes"`)
	order := func() string {
		return browsertest.Eval[string](p, `[...document.querySelectorAll(".board > .tile")].map((t) => t.dataset.tile).join()`)
	}
	kept := func(moves int, want string) {
		t.Helper()
		p.WaitFor(fmt.Sprintf(`document.querySelector(".board").dataset.kept === "%d"`, moves))
		if got := order(); got != want {
			t.Errorf("after %d moves the tiles stand as %s, want %s", moves, got, want)
		}
		if got := maker.get(board).tiles(); len(got) != 6 {
			t.Errorf("the board has the tiles %q", got)
		}
	}
	p.Click(`#tile-1 [data-move="1"] button`)
	kept(1, "2,1,3,4,5,6")
	if browsertest.Eval[string](p, `document.activeElement.closest(".tile").id + document.activeElement.closest("form").dataset.move`) != "tile-11" {
		t.Error("the button that was pressed has lost the focus")
	}
	browsertest.Eval[bool](p, `(document.querySelector("#tile-3 .tile-handle").focus(), document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowUp", bubbles: true })), true)`)
	kept(2, "2,3,1,4,5,6")
	if said := browsertest.Eval[string](p, `document.getElementById("moved").textContent`); said != "“Reasons of declines” is now number 2 of 6." {
		t.Errorf("a screen reader hears %q", said)
	}
	const drag = `(() => {
		const handle = document.querySelector("#tile-2 .tile-handle"), over = document.querySelector("#tile-1 h2").getBoundingClientRect();
		const at = { clientX: over.left + 5, clientY: over.top + 5, bubbles: true, button: 0 };
		handle.dispatchEvent(new PointerEvent("pointerdown", { bubbles: true, button: 0 }));
		document.dispatchEvent(new PointerEvent("pointermove", at));
		document.dispatchEvent(new PointerEvent("pointerup", at));
		return true;
	})()`
	browsertest.Eval[bool](p, `(document.getElementById("tile-1").scrollIntoView({ block: "center" }), true)`)
	browsertest.Eval[bool](p, drag)
	kept(3, "3,1,2,4,5,6")
	if got := strings.Join(maker.get(board).tiles(), "; "); got != "Reasons of declines; Payments; Successes against declines; Time from request to result; Operations; Payments" {
		t.Errorf("the board is kept as %s", got)
	}

	p.Goto(g.url + board)
	p.WaitFor(`document.getElementById("board").dataset.drawn === "yes"`)
	if kind := browsertest.Eval[string](p, `Chart.getChart(document.querySelector("#tile-6 canvas")).config.type`); kind != "line" {
		t.Errorf("the chart of lines is a %s", kind)
	}
	const all = `[...document.querySelectorAll("#tile-1 tbody tr")].reduce((n, row) => n + Number(row.cells[row.cells.length - 2].dataset.value), 0)`
	before := browsertest.Eval[int](p, all)
	browsertest.Eval[bool](p, `(document.querySelector("#tile-1 tbody tr:last-child a").focus(), window.scrollTo(0, 300), window.was = document.activeElement.closest("tr").cells[0].textContent, document.querySelector("#tile-1 canvas").dataset.was = "here", true)`)
	s.pay(210, "shop-late", 20_000, payout.Succeeded)
	if err := s.Store.FollowJournal(t.Context()); err != nil {
		t.Fatal(err)
	}
	browsertest.Eval[bool](p, `(htmx.trigger("#board", "refresh"), true)`)
	p.WaitFor(fmt.Sprintf(`%s === %d`, all, before+1))
	if !browsertest.Eval[bool](p, `document.activeElement.closest("#tile-1 tr")?.cells[0].textContent === window.was && window.scrollY > 0`) {
		t.Error("a reader loses place or focus when figures come")
	}
	if !browsertest.Eval[bool](p, `document.querySelector("#tile-1 canvas").dataset.was === "here"`) {
		t.Error("the chart was made anew")
	}
	drawn := `Chart.getChart(document.querySelector("#tile-1 canvas")).data.datasets.flatMap((d) => d.data).reduce((a, b) => a + b, 0)`
	if got := browsertest.Eval[int](p, drawn); got != before+1 {
		t.Errorf("the chart shows %d payments, want %d", got, before+1)
	}
}

// makeBoards makes a board of tiles of each kind, which the team sees, and one without tiles.
func (g *gallery) makeBoards() {
	g.t.Helper()
	b := g.stranger()
	b.cookies[g.sessionCookie()] = g.session(staff.Finance, languages[0])
	g.places["board-empty"] = b.makesBoard("Кийинки айга", "")
	g.places["board"] = b.makesBoard("Каржы бөлүмүнүн күндөлүк панели", "")
	for _, tile := range [][]string{
		{"dataset", "payments", "chart", "line", "period", "quarter", "compare", "on", "wide", "on"},
		{"dataset", "payments", "rows", "bank", "period", "quarter", "compare", "on", "title", "Банктар"},
		{"dataset", "paid", "period", "quarter", "currency", "KGS"},
		{"dataset", "declines", "chart", "table", "period", "quarter"},
		{"dataset", "operations", "rows", "method", "period", "quarter"},
		{"dataset", "times", "period", "today"},
	} {
		b.post(g.places["board"]+"/tile", tile...).wants(http.StatusSeeOther)
	}
	b.post(g.places["board"], "name", "Каржы бөлүмүнүн күндөлүк панели", "shared", "on").wants(http.StatusSeeOther)
}
