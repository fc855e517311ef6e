package people_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"flashpay/internal/staff"
	"flashpay/internal/store"
	"flashpay/internal/store/people"
	"flashpay/internal/storetest"
)

// boardsOf are the names of the boards that somebody sees.
func boardsOf(t *testing.T, dir *people.Directory, user *staff.User) (names []string) {
	t.Helper()
	boards, err := dir.Boards(t.Context(), user)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range boards {
		names = append(names, b.Name)
	}
	return names
}

func makeBoard(t *testing.T, dir *people.Directory, user *staff.User, name string, queries ...string) int64 {
	t.Helper()
	if err := dir.MakeBoard(t.Context(), "make "+user.Object()+name, user, name, queries); err != nil {
		t.Fatal(err)
	}
	b, err := dir.BoardNamed(t.Context(), user, name)
	if err != nil {
		t.Fatal(err)
	}
	return b.ID
}

// TestBoardsAreTheirMakers holds that a board is changed by whoever made it, and seen by their team where it is shared.
func TestBoardsAreTheirMakers(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := storetest.Open(t, url)
		dir := people.New(s)
		maker, mate := createUser(t, s, clerk("maker@example.kg")), createUser(t, s, clerk("mate@example.kg"))
		stranger := clerk("stranger@example.kg")
		stranger.MerchantID, stranger.Projects = 2, nil
		createUser(t, s, stranger)
		id := makeBoard(t, dir, &maker.User, "Утро", "dataset=payments", "dataset=paid")
		if _, err := dir.Board(t.Context(), &mate.User, id); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("a board that is not shared is seen by others: %v", err)
		}
		share := func(b *people.Board) error {
			b.Shared, b.Name = true, "Утро команды"
			return nil
		}
		for range 2 { // a second click
			if err := dir.ChangeBoard(t.Context(), "share", &maker.User, id, share); err != nil {
				t.Fatal(err)
			}
		}
		b, err := dir.Board(t.Context(), &mate.User, id)
		if err != nil || b.Name != "Утро команды" || b.Owner != "Clerk" || !b.Shared || len(b.Tiles) != 2 {
			t.Errorf("the team sees %+v, %v", b, err)
		}
		if got := boardsOf(t, dir, &mate.User); !slices.Equal(got, []string{"Утро команды"}) {
			t.Errorf("the team's list has %q", got)
		}
		if _, err := dir.Board(t.Context(), &stranger.User, id); !errors.Is(err, store.ErrNotFound) || len(boardsOf(t, dir, &stranger.User)) > 0 {
			t.Errorf("another merchant sees the board: %v", err)
		}
		if err := dir.ChangeBoard(t.Context(), "steal", &mate.User, id, share); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("somebody else changes the board: %v", err)
		}
		for _, active := range []bool{false, true} { // they leave, and come back
			if err := dir.SetActive(t.Context(), fmt.Sprint("active ", active), maker.ID, active, true, "test"); err != nil {
				t.Fatal(err)
			}
			if _, err := dir.Board(t.Context(), &mate.User, id); errors.Is(err, store.ErrNotFound) == active || (len(boardsOf(t, dir, &mate.User)) == 1) != active {
				t.Errorf("whoever made the board works here: %t; the team gets %v", active, err)
			}
		}
		if err := dir.DropBoard(t.Context(), "drop by another", &mate.User, id); err != nil {
			t.Fatal(err)
		}
		if got := boardsOf(t, dir, &maker.User); len(got) != 1 {
			t.Errorf("somebody else has deleted the board: %q are left", got)
		}
		if err := dir.DropBoard(t.Context(), "drop", &maker.User, id); err != nil || len(boardsOf(t, dir, &maker.User)) != 0 {
			t.Errorf("a deleted board is still there: %v", err)
		}
	})
}

// TestBoardsAreBounded holds that names are unique, and that neither boards nor tiles grow without end.
func TestBoardsAreBounded(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := storetest.Open(t, url)
		dir, maker := people.New(s), createUser(t, s, clerk("maker@example.kg"))
		var id int64
		for i := range people.MaxBoards {
			id = makeBoard(t, dir, &maker.User, fmt.Sprint("Board ", i))
		}
		if err := dir.MakeBoard(t.Context(), "one more", &maker.User, "One more", nil); !errors.Is(err, people.ErrTooManyBoards) {
			t.Errorf("one board more: %v", err)
		}
		if err := dir.MakeBoard(t.Context(), "the same", &maker.User, "Board 1", nil); !errors.Is(err, people.ErrBoardExists) {
			t.Errorf("a second board of a name: %v", err)
		}
		rename := func(b *people.Board) error {
			b.Name = "Board 1"
			return nil
		}
		if err := dir.ChangeBoard(t.Context(), "rename", &maker.User, id, rename); !errors.Is(err, people.ErrBoardExists) {
			t.Errorf("another board's name: %v", err)
		}
		fill := func(b *people.Board) error {
			for range people.MaxTiles + 1 {
				if err := b.Put(0, "dataset=paid"); err != nil {
					return err
				}
			}
			return nil
		}
		if err := dir.ChangeBoard(t.Context(), "fill", &maker.User, id, fill); !errors.Is(err, people.ErrTooManyTiles) {
			t.Errorf("one tile more: %v", err)
		}
	})
}

func TestTilesMove(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.URL(t, storetest.SQLite))
	dir, maker := people.New(s), createUser(t, s, clerk("maker@example.kg"))
	id := makeBoard(t, dir, &maker.User, "Board", "a", "b", "c")
	for i, step := range []struct {
		change func(b *people.Board) error
		want   []int64
	}{
		{func(b *people.Board) error { return b.Move(1, 1) }, []int64{2, 1, 3}},
		{func(b *people.Board) error { return b.Move(3, -1) }, []int64{3, 2, 1}},
		{func(b *people.Board) error { return b.Move(3, 99) }, []int64{2, 1, 3}},
		{func(b *people.Board) error { b.Remove(3); return nil }, []int64{2, 1}},
		{func(b *people.Board) error { return b.Put(0, "d") }, []int64{2, 1, 4}}, // a number is not used again
		{func(b *people.Board) error { return b.Put(2, "e") }, []int64{2, 1, 4}},
	} {
		if err := dir.ChangeBoard(t.Context(), fmt.Sprint("step ", i), &maker.User, id, step.change); err != nil {
			t.Fatal(err)
		}
		b, err := dir.Board(t.Context(), &maker.User, id)
		if err != nil {
			t.Fatal(err)
		}
		var got []int64
		for _, tile := range b.Tiles {
			got = append(got, tile.ID)
		}
		if !slices.Equal(got, step.want) {
			t.Errorf("step %d: the tiles are %d, want %d", i, got, step.want)
		}
	}
	for _, change := range []func(b *people.Board) error{
		func(b *people.Board) error { return b.Move(3, 0) }, func(b *people.Board) error { return b.Put(3, "f") },
	} {
		if err := dir.ChangeBoard(t.Context(), "", &maker.User, id, change); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("a tile that is not there: %v", err)
		}
	}
}
