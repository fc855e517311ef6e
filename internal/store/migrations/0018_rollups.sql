-- Rollups by more dimensions, and in builds: a new one is counted from the first line of the journal on, behind the one
-- that is read, and takes its place when it has come as far.

CREATE TABLE rollup_builds (
	build    BIGINT NOT NULL PRIMARY KEY,
	state    TEXT   NOT NULL CHECK (state IN ('counting', 'live', 'dropped')), -- live: it is read
	whole    BIGINT NOT NULL, -- 0: made by an older program, which knew the first cube only
	began_at BIGINT NOT NULL, -- 0: with the database, or by a migration
	ended_at BIGINT NOT NULL  -- when another one took its place; 0: it stands
);
CREATE UNIQUE INDEX rollup_builds_live ON rollup_builds (state) WHERE state = 'live';

CREATE TABLE rolled (
	build    BIGINT NOT NULL,
	shard    BIGINT NOT NULL,
	last_row BIGINT NOT NULL, -- the newest journal line of the shard that the build holds
	at       BIGINT NOT NULL, -- when it was brought up to it
	PRIMARY KEY (build, shard)
){{clustered}};

INSERT INTO rollup_builds (build, state, whole, began_at, ended_at)
	SELECT 1, 'live', CASE WHEN EXISTS (SELECT 1 FROM followed) THEN 0 ELSE 1 END, 0, 0;
INSERT INTO rollup_builds (build, state, whole, began_at, ended_at)
	SELECT 2, 'counting', 1, 0, 0 WHERE EXISTS (SELECT 1 FROM followed);
INSERT INTO rolled (build, shard, last_row, at) SELECT 1, shard, last_row, at FROM followed;

CREATE TABLE rollups_of_before AS SELECT project_id, hours, start, method, currency, status, payments, amount FROM rollups;
DROP TABLE rollups;
CREATE TABLE rollups (
	build      BIGINT NOT NULL,
	cube       BIGINT NOT NULL, -- what is counted: see internal/store/rollup_row.go
	project_id BIGINT NOT NULL,
	hours      BIGINT NOT NULL, -- how long the period is
	start      BIGINT NOT NULL, -- of the period, in which the payments were made, or their results came
	method     TEXT   NOT NULL,
	currency   TEXT   NOT NULL,
	status     TEXT   NOT NULL, -- of the payments, or of the operations, as the journal has it
	code       BIGINT NOT NULL, -- of the newest result; 0: there is none yet, or the cube leaves it out
	bank       TEXT   NOT NULL, -- the first three digits of the account; empty: it does not begin so, or the cube leaves it out
	bucket     BIGINT NOT NULL, -- microseconds that the result took at most; 0: of other cubes
	payments   BIGINT NOT NULL,
	amount     BIGINT NOT NULL,
	PRIMARY KEY (build, cube, project_id, hours, start, method, currency, status, code, bank, bucket)
){{clustered}};
INSERT INTO rollups (build, cube, project_id, hours, start, method, currency, status, code, bank, bucket, payments, amount)
	SELECT 1, 1, project_id, hours, start, method, currency, status, 0, '', 0, payments, amount FROM rollups_of_before;
DROP TABLE rollups_of_before;
