// Package files keeps files that are too large for a row: uploads, reports, results. They are written and read as streams, in
// constant memory, sealed chunk by chunk: a chunk that was changed, moved, left out or cut off is an error of the reader.
//
// Beside a SQLite database they stand in a folder that only its owner can read; on PostgreSQL they are rows, so that any node
// serves them. A file is there once its row is committed as whole, with whatever fact it belongs to. What a crash leaves half
// written is deleted, and so is each file when its time is over.
package files

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"time"

	"flashpay/internal/store"
	"flashpay/internal/store/sqldb"
)

// chunkSize is how many bytes of content a chunk holds; the last one of a file may hold fewer.
const chunkSize = 256 << 10

// writingTime is how long a file that is being written is left alone after its writer was last heard of.
const writingTime = time.Hour

// Errors of the calls on files.
var (
	// ErrDamaged says that a file's content is not what was written.
	ErrDamaged = errors.New("files: the file is damaged: a chunk of it was changed, or is missing")
	// ErrExpired says that a file that was being written was given up by its writer, and is deleted: begin anew.
	ErrExpired = errors.New("files: the file was not finished in time, and is deleted")
)

// New says what a file is to be.
type New struct {
	Kind       string // such as "mass upload"
	ProjectID  int64  // whose it is, these three; 0: nobody's
	MerchantID int64
	UserID     int64
	KeepFor    time.Duration // from Commit on
}

// File is a file that is whole.
type File struct {
	ID         int64
	Kind       string
	ProjectID  int64
	MerchantID int64
	UserID     int64
	Size       int64    // bytes of content
	Digest     [32]byte // the same for the same content, and keyed: it tells nobody else what that is
	CreatedAt  time.Time
	DropAt     time.Time // when it is deleted

	token  string
	chunks int64
}

const columns = "id, token, kind, project_id, merchant_id, user_id, chunks, size, digest, created_at, drop_at"

func scan(r *sql.Rows) (f File, err error) {
	var digest []byte
	var created, drop int64
	err = r.Scan(&f.ID, &f.token, &f.Kind, &f.ProjectID, &f.MerchantID, &f.UserID, &f.chunks, &f.Size, &digest, &created, &drop)
	copy(f.Digest[:], digest)
	f.CreatedAt, f.DropAt = sqldb.FromMicros(created), sqldb.FromMicros(drop)
	return f, err
}

// Get reads what is known of a file. ErrNotFound where there is none, or it is not whole.
func Get(ctx context.Context, s *store.Store, id int64) (*File, error) {
	var found *File
	err := s.DB().Read(ctx, "SELECT "+columns+" FROM files WHERE id = $1 AND state = 'whole'", func(r *sql.Rows) error {
		f, err := scan(r)
		found = &f
		return err
	}, id)
	if err == nil && found == nil {
		err = fmt.Errorf("%w: file %d", store.ErrNotFound, id)
	}
	return found, s.DB().Unavailable(err)
}

// Expire has a file deleted soon, in a transaction. There may be no such file any more.
func Expire(ctx context.Context, t *store.Tx, id int64) error {
	_, err := t.Exec(ctx, "UPDATE files SET drop_at = $1 WHERE id = $2 AND drop_at > $3", t.Now().UnixMicro(), id, t.Now().UnixMicro())
	return err
}

func newToken() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails, says crypto/rand
	return hex.EncodeToString(b[:])
}

// place binds a sealed chunk to its file and number, and says whether the file ends with it.
func place(token string, number int64, last bool) string {
	p := "file/" + token + "/" + strconv.FormatInt(number, 10)
	if last {
		p += "/last"
	}
	return p
}

// shelf is where sealed chunks stand.
type shelf interface {
	// writer begins a file.
	writer(f *File) (chunkWriter, error)
	// reader opens a file at one of its chunks.
	reader(f *File, first int64) (chunkReader, error)
	// remove deletes what there is of a file, whole or not.
	remove(ctx context.Context, f *File) error
}

type chunkWriter interface {
	write(ctx context.Context, number int64, sealed []byte) error
	close() error // makes durable what was written
	abort()
}

type chunkReader interface {
	read(ctx context.Context) (sealed []byte, err error) // the next chunk; errNoChunk where there is none
	close() error
}

var errNoChunk = errors.New("files: there is no such chunk")

func shelfOf(s *store.Store) shelf {
	if path := s.Path(); path != "" {
		return folder(Folder(path))
	}
	return table{s}
}
