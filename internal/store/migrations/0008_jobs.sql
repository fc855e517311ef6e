-- Rare work: what is done once, in the background, by whichever node has time.

CREATE TABLE jobs (
	id          {{id}},
	kind        TEXT   NOT NULL,
	key         TEXT   NOT NULL, -- names the job within its kind: added twice, it is one
	project_id  BIGINT NOT NULL, -- whose it is, these three; 0: nobody's
	merchant_id BIGINT NOT NULL,
	user_id     BIGINT NOT NULL,
	sealed      {{bytes}}, -- what is to be done; null: the key says all
	state       TEXT   NOT NULL CHECK (state IN ('queued', 'running', 'done', 'failed', 'cancelled')),
	next_at     BIGINT, -- when it is due, or its lease ends; null: it has ended
	lease       BIGINT, -- the shard that works on it until next_at
	version     BIGINT NOT NULL, -- rises with each lease: who holds an older one writes nothing any more
	attempts    BIGINT NOT NULL, -- leases since it last got on
	position    {{bytes}}, -- how far it has come, committed with what it did so far
	done        BIGINT NOT NULL, -- its progress, of total
	total       BIGINT NOT NULL, -- 0: not known
	outcome     TEXT   NOT NULL, -- what came of it, or the newest error; without personal data
	created_at  BIGINT NOT NULL,
	started_at  BIGINT NOT NULL, -- the first lease; 0: none yet
	updated_at  BIGINT NOT NULL,
	ended_at    BIGINT NOT NULL, -- 0: not yet
	keep_for    BIGINT NOT NULL, -- how long the row is kept after the end
	CHECK ((next_at IS NULL) = (state IN ('done', 'failed', 'cancelled'))),
	CHECK (lease IS NULL OR state = 'running')
	{{primary_key id}}
);

CREATE UNIQUE INDEX jobs_key ON jobs (kind, key);
CREATE INDEX jobs_due ON jobs (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX jobs_ended ON jobs (kind, ended_at) WHERE next_at IS NULL;
CREATE INDEX jobs_newest ON jobs (kind, created_at, id);

-- Approved payouts that were not sent yet when the program was changed.
INSERT INTO jobs (id, kind, key, project_id, merchant_id, user_id, state, next_at, version, attempts, done, total, outcome,
	created_at, started_at, updated_at, ended_at, keep_for)
	SELECT -id, 'approved payout', CAST(id AS TEXT), project_id, merchant_id, requested_by, 'queued', decided_at, 0, 0, 0, 0, '',
		decided_at, 0, decided_at, 0, 2592000000000
	FROM approvals WHERE kind = 'payout' AND state = 'approved' AND done_at IS NULL;
