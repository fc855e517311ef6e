package snapshot

import (
	"context"
	"database/sql"
	"maps"
	"math"
	"slices"

	"flashpay/internal/payout"
	"flashpay/internal/store"
)

// RollupPart is a part of the rollups that are read: of one project, one cube and one length of periods.
type RollupPart struct {
	Cube    store.Cube
	Project int64
	Hours   int64
}

// RollupParts lists the parts that a build has: of the projects that there are, and of others that have rows.
func (reader *Reader) RollupParts(ctx context.Context, build int64, cubes []store.Cube) (parts []RollupPart, err error) {
	const next = "SELECT MIN(project_id) FROM rollups WHERE build = $1 AND cube = $2 AND project_id > $3"
	projects := make(map[int64]bool)
	err = reader.Read(ctx, func(v *Snapshot) error {
		err := v.each(ctx, "SELECT id FROM projects", func(r *sql.Rows) error {
			var id int64
			err := r.Scan(&id)
			projects[id] = true
			return err
		})
		if err != nil {
			return err
		}
		for _, cube := range cubes {
			for after := int64(math.MinInt64); ; {
				project, err := v.one(ctx, next, build, int64(cube), after)
				if err != nil {
					return err
				}
				if !project.Valid {
					break
				}
				after = project.Int64
				projects[after] = true
			}
		}
		return nil
	})
	for _, project := range slices.Sorted(maps.Keys(projects)) {
		for _, cube := range cubes {
			for _, hours := range cube.Hours() {
				parts = append(parts, RollupPart{cube, project, hours})
			}
		}
	}
	return parts, err
}

// Rollups reads a part of a build, and as of the same instant up to which line of each shard it holds the journal.
func (reader *Reader) Rollups(ctx context.Context, build int64, p RollupPart, each func(store.RollupKey, store.RollupDelta)) (lines map[int64]int64, err error) {
	const rows = `SELECT start, method, currency, status, code, bank, bucket, payments, amount FROM rollups
		WHERE build = $1 AND cube = $2 AND project_id = $3 AND hours = $4`
	lines = make(map[int64]int64)
	err = reader.Read(ctx, func(v *Snapshot) error {
		err := v.each(ctx, "SELECT shard, line FROM rolled WHERE build = $1", func(r *sql.Rows) error {
			var shard, line int64
			err := r.Scan(&shard, &line)
			lines[shard] = line
			return err
		}, build)
		if err != nil {
			return err
		}
		return v.each(ctx, rows, func(r *sql.Rows) error {
			k := store.RollupKey{Cube: p.Cube, Project: p.Project, Hours: p.Hours}
			var d store.RollupDelta
			var status payout.Status
			err := r.Scan(&k.Start, &k.Method, &k.Currency, (*string)(&status), &k.Code, &k.Bank, &k.Bucket, &d.Payments, &d.Amount)
			if k.Status = status; err == nil {
				each(k, d)
			}
			return err
		}, build, int64(p.Cube), p.Project, p.Hours)
	})
	return lines, err
}
