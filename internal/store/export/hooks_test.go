package export

import (
	"context"

	"flashpay/internal/record"
	"flashpay/internal/store"
	"flashpay/internal/store/sqldb"
)

// SetPage has an export read pages of so many rows.
func (x *Export) SetPage(rows int) { x.page = rows }

// ReadSkipping reads a page for which rollups are asked from a depth on, and says how often they told how much to skip.
func ReadSkipping(ctx context.Context, s *store.Store, page Page, from int64) (rows []record.Operation, jumps int, err error) {
	p := newPager(s, page)
	p.skipsBy = from
	rows, err = p.page(ctx)
	return rows, p.jumps, err
}

// PageStatements are the statements by which a page is looked for and read, in a run of events and among what is open.
func PageStatements(s *store.Store, page Page) (out []*sqldb.Statement) {
	p := newPager(s, page)
	r := run{project: page.Projects[0], first: 1000, last: 2000}
	out = append(out, p.statement(r, page.Offset), p.statement(run{project: r.project, open: true}, page.Offset))
	if p.byStatus(r) {
		out = append(out, p.place(r), p.chosen("COUNT(*)", r))
	}
	return out
}
