package store

import (
	"context"
	"time"

	"flashpay/internal/store/sqldb"
)

// SaveRejection keeps a refused request whose signature was good, for 24 hours.
func (s *Store) SaveRejection(ctx context.Context, r Rejection) error {
	if err := s.roomForMore(); err != nil {
		return err
	}
	return s.do(ctx, &command{rejection: &r})
}

var insertRejections = sqldb.NewBulk("INSERT INTO rejections (request_id, project_id, status, body, at) VALUES ", "(%s, %i, %i, %b, %i)",
	" ON CONFLICT (request_id) DO NOTHING")

func (t *Tx) writeRejections(ctx context.Context, commands []*command) error {
	var args []any
	for _, c := range commands {
		if r := c.rejection; r != nil {
			args = append(args, r.RequestID, r.ProjectID, int64(r.Status), r.Body, t.now.UnixMicro())
		}
	}
	return insertRejections.Later(ctx, t.conn, args, nil)
}

// rejectionLife is how long a rejection can be asked for (product.md §2).
const rejectionLife = 24 * time.Hour

// RejectionByRequest finds a kept rejection. ErrNotFound: none of this project, or older than 24 hours.
func (s *Store) RejectionByRequest(ctx context.Context, projectID int64, requestID string) (*Rejection, error) {
	r := &Rejection{RequestID: requestID, ProjectID: projectID}
	var at int64
	const find = "SELECT status, body, at FROM rejections WHERE request_id = $1 AND project_id = $2 AND at > $3"
	err := sqldb.One(ctx, s.db.Reads, find, requestID, projectID, s.Now().Add(-rejectionLife).UnixMicro()).Scan(&r.Status, &r.Body, &at)
	if err != nil {
		return nil, s.db.Unavailable(sqldb.NotFound(err))
	}
	r.At = sqldb.FromMicros(at)
	return r, nil
}
