package people

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"flashpay/internal/staff"
	"flashpay/internal/store"
	"flashpay/internal/store/sqldb"
)

// How much a user's boards may hold, and how many shared ones a list has.
const (
	MaxBoards  = 20 // of a user
	MaxTiles   = 24 // of a board
	teamBoards = 100
)

// Errors of boards.
var (
	ErrTooManyBoards = fmt.Errorf("store: a user can have %d boards: delete one first", MaxBoards)
	ErrTooManyTiles  = fmt.Errorf("store: a board can have %d tiles: delete one first", MaxTiles)
	ErrBoardExists   = errors.New("store: the user has a board of this name")
)

// Board is a page of tiles that a user has made.
type Board struct {
	ID     int64
	UserID int64  // who made it, and alone may change it
	Owner  string // the name of whoever made it
	Name   string
	Shared bool   // with the team: the users of the same merchant
	Tiles  []Tile // none in lists
	made   int64  // the highest number that a tile has had
}

// Tile is a part of a board.
type Tile struct {
	ID    int64  `json:"id"`
	Query string `json:"query"` // its form's entries, as in an address
}

// Place is where in the board a tile stands; -1: nowhere.
func (b *Board) Place(tile int64) int {
	return slices.IndexFunc(b.Tiles, func(t Tile) bool { return t.ID == tile })
}

// Put changes a tile; tile 0 is a new one, at the end. ErrNotFound where it is not there.
func (b *Board) Put(tile int64, query string) error {
	if tile == 0 {
		b.made++
		b.Tiles = append(b.Tiles, Tile{b.made, query})
		return nil
	}
	i := b.Place(tile)
	if i < 0 {
		return store.ErrNotFound
	}
	b.Tiles[i].Query = query
	return nil
}

// Move puts a tile in another place; one beyond the ends is the end. ErrNotFound where it is not there.
func (b *Board) Move(tile int64, to int) error {
	i := b.Place(tile)
	if i < 0 {
		return store.ErrNotFound
	}
	moved := b.Tiles[i]
	rest := slices.Delete(b.Tiles, i, i+1)
	b.Tiles = slices.Insert(rest, max(0, min(to, len(rest))), moved)
	return nil
}

// Remove takes a tile away. One that is not there is no error: it is a second click.
func (b *Board) Remove(tile int64) {
	b.Tiles = slices.DeleteFunc(b.Tiles, func(t Tile) bool { return t.ID == tile })
}

// Boards lists the boards that a user sees, without their tiles: their own by name, then those that colleagues who still work here share.
func (dir *Directory) Boards(ctx context.Context, user *staff.User) (out []Board, err error) {
	const own = "SELECT b.id, b.user_id, u.name, b.name, b.shared FROM boards b JOIN users u ON u.id = b.user_id WHERE b.user_id = $1 ORDER BY b.name"
	const team = `SELECT b.id, b.user_id, u.name, b.name, b.shared FROM boards b JOIN users u ON u.id = b.user_id
		WHERE b.merchant_id = $1 AND b.shared = 1 AND b.user_id <> $2 AND u.deactivated_at = 0 ORDER BY b.name, b.id LIMIT $3`
	scan := func(r *sql.Rows) error {
		var b Board
		var shared int64
		err := r.Scan(&b.ID, &b.UserID, &b.Owner, &b.Name, &shared)
		b.Shared = shared == 1
		out = append(out, b)
		return err
	}
	if err = dir.store.DB().List(ctx, own, scan, user.ID); err == nil {
		err = dir.store.DB().List(ctx, team, scan, user.MerchantID, user.ID, teamBoards)
	}
	return out, dir.store.DB().Unavailable(err)
}

const boardColumns = "b.id, b.user_id, u.name, b.name, b.shared, b.tiles, b.tiles_made"

func (b *Board) scan(scan func(...any) error) error {
	var shared int64
	var tiles []byte
	if err := scan(&b.ID, &b.UserID, &b.Owner, &b.Name, &shared, &tiles, &b.made); err != nil {
		return err
	}
	b.Shared = shared == 1
	return json.Unmarshal(tiles, &b.Tiles)
}

// Board finds a board that a user sees. ErrNotFound for all others, whether they exist or not.
func (dir *Directory) Board(ctx context.Context, user *staff.User, id int64) (*Board, error) {
	const find = "SELECT " + boardColumns + ` FROM boards b JOIN users u ON u.id = b.user_id
		WHERE b.id = $1 AND (b.user_id = $2 OR b.merchant_id = $3 AND b.shared = 1 AND u.deactivated_at = 0)`
	return dir.board(ctx, find, id, user.ID, user.MerchantID)
}

// BoardNamed finds a user's own board by its name. ErrNotFound where there is none.
func (dir *Directory) BoardNamed(ctx context.Context, user *staff.User, name string) (*Board, error) {
	return dir.board(ctx, "SELECT "+boardColumns+" FROM boards b JOIN users u ON u.id = b.user_id WHERE b.user_id = $1 AND b.name = $2", user.ID, name)
}

func (dir *Directory) board(ctx context.Context, find string, args ...any) (*Board, error) {
	b := &Board{}
	err := b.scan(sqldb.One(ctx, dir.store.DB().Lists, find, args...).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, store.ErrNotFound
	}
	return b, dir.store.DB().Unavailable(err)
}

// lockBoards reads the names of a user's boards, so that nobody else changes them in this transaction.
func lockBoards(ctx context.Context, t *store.Tx, user int64) (names map[string]int64, err error) {
	names = make(map[string]int64)
	err = t.Query(ctx, "SELECT id, name FROM boards WHERE user_id = $1 ORDER BY id{{for_update}}", func(r *sql.Rows) error {
		var id int64
		var name string
		err := r.Scan(&id, &name)
		names[name] = id
		return err
	}, user)
	return names, err
}

// MakeBoard makes a board of tiles. ErrBoardExists, ErrTooManyBoards, ErrTooManyTiles.
func (dir *Directory) MakeBoard(ctx context.Context, idempotencyKey string, user *staff.User, name string, queries []string) error {
	return dir.store.Do(ctx, idempotencyKey, func(ctx context.Context, t *store.Tx) error {
		names, err := lockBoards(ctx, t, user.ID)
		switch {
		case err != nil:
			return err
		case names[name] != 0:
			return ErrBoardExists
		case len(names) >= MaxBoards:
			return ErrTooManyBoards
		}
		b := &Board{ID: t.RowID(), Name: name}
		for _, q := range queries {
			if err := b.Put(0, q); err != nil {
				return err
			}
		}
		tiles, err := b.packed()
		if err != nil {
			return err
		}
		const insert = `INSERT INTO boards (id, user_id, merchant_id, name, shared, tiles, tiles_made, created_at, changed_at)
			VALUES ($1, $2, $3, $4, 0, $5, $6, $7, $8) ON CONFLICT (user_id, name) DO NOTHING`
		now := t.Now().UnixMicro()
		n, err := t.Exec(ctx, insert, b.ID, user.ID, user.MerchantID, name, tiles, b.made, now, now)
		if err != nil {
			return err
		}
		if n == 0 { // made by another node meanwhile
			return ErrBoardExists
		}
		return t.Audit(ctx, user.Actor(), "board make", user.Object(), store.Detail{}.Text("name", name))
	})
}

func (b *Board) packed() (string, error) {
	if len(b.Tiles) > MaxTiles {
		return "", ErrTooManyTiles
	}
	if b.Tiles == nil {
		b.Tiles = []Tile{}
	}
	text, err := json.Marshal(b.Tiles)
	return string(text), err
}

// ChangeBoard changes a user's own board. ErrNotFound, ErrBoardExists, ErrTooManyTiles, or what change returns, which may run
// again from the beginning. That tiles have moved is not noted in the audit log.
func (dir *Directory) ChangeBoard(ctx context.Context, idempotencyKey string, user *staff.User, id int64, change func(b *Board) error) error {
	return dir.store.Do(ctx, idempotencyKey, func(ctx context.Context, t *store.Tx) error {
		names, err := lockBoards(ctx, t, user.ID)
		if err != nil {
			return err
		}
		b := &Board{}
		find := "SELECT " + boardColumns + " FROM boards b JOIN users u ON u.id = b.user_id WHERE b.id = $1 AND b.user_id = $2"
		if err := t.Query(ctx, find, func(r *sql.Rows) error { return b.scan(r.Scan) }, id, user.ID); err != nil {
			return err
		}
		if b.ID == 0 {
			return store.ErrNotFound
		}
		before := Board{Name: b.Name, Shared: b.Shared, Tiles: slices.Clone(b.Tiles)}
		if err := change(b); err != nil {
			return err
		}
		if other := names[b.Name]; other != 0 && other != id {
			return ErrBoardExists
		}
		tiles, err := b.packed()
		if err != nil {
			return err
		}
		const update = "UPDATE boards SET name = $1, shared = $2, tiles = $3, tiles_made = $4, changed_at = $5 WHERE id = $6"
		shared := int64(0)
		if b.Shared {
			shared = 1
		}
		if _, err := t.Exec(ctx, update, b.Name, shared, tiles, b.made, t.Now().UnixMicro(), id); err != nil {
			return err
		}
		if sameTiles(before.Tiles, b.Tiles) && before.Name == b.Name && before.Shared == b.Shared {
			return nil
		}
		detail := store.Detail{}.Text("name", b.Name)
		if before.Shared != b.Shared {
			detail = detail.Int("shared", shared)
		}
		return t.Audit(ctx, user.Actor(), "board change", user.Object(), detail)
	})
}

// sameTiles tells whether two boards have the same tiles, in whatever order.
func sameTiles(a, b []Tile) bool {
	if len(a) != len(b) {
		return false
	}
	for _, t := range a {
		if !slices.Contains(b, t) {
			return false
		}
	}
	return true
}

// DropBoard deletes a user's own board. One that is not there is no error: it is a second click.
func (dir *Directory) DropBoard(ctx context.Context, idempotencyKey string, user *staff.User, id int64) error {
	return dir.store.Do(ctx, idempotencyKey, func(ctx context.Context, t *store.Tx) error {
		n, err := t.Exec(ctx, "DELETE FROM boards WHERE id = $1 AND user_id = $2", id, user.ID)
		if err != nil || n == 0 {
			return err
		}
		return t.Audit(ctx, user.Actor(), "board delete", user.Object(), store.Detail{}.Int("board", id))
	})
}
