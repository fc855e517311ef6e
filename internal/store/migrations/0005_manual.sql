-- Payouts by hand and what waits for a second person.

CREATE TABLE approvals (
	id           {{id}},
	once         TEXT   NOT NULL, -- names the request: sent twice, it is one
	kind         TEXT   NOT NULL CHECK (kind IN ('payout', 'top-up', 'correction')),
	project_id   BIGINT NOT NULL,
	merchant_id  BIGINT NOT NULL,
	subject      TEXT   NOT NULL, -- of a payout its payment_id folded; empty: any number of them may wait
	title        TEXT   NOT NULL, -- what lists show, without personal data
	amount       BIGINT NOT NULL,
	currency     TEXT   NOT NULL,
	sealed       {{bytes}} NOT NULL, -- what is asked for
	requested_by BIGINT NOT NULL, -- a user; 0: the command line
	requester    TEXT   NOT NULL, -- the user's name then
	requested_at BIGINT NOT NULL,
	expires_at   BIGINT NOT NULL,
	state        TEXT   NOT NULL CHECK (state IN ('waiting', 'approved', 'rejected', 'withdrawn', 'lapsed')),
	decided_by   BIGINT,          -- null: nobody has
	decider      TEXT   NOT NULL,
	decided_at   BIGINT,
	reason       TEXT   NOT NULL, -- the decider's
	done_at      BIGINT,          -- when what was approved had been done
	outcome      TEXT   NOT NULL, -- what came of it
	-- Nobody decides what that person asked for, and only that person withdraws it.
	CHECK (decided_by IS NULL OR (state = 'withdrawn') = (decided_by = requested_by))
	{{primary_key id}}
);
CREATE UNIQUE INDEX approvals_once ON approvals (once);
CREATE UNIQUE INDEX approvals_subject ON approvals (project_id, subject) WHERE state = 'waiting' AND subject <> '';
CREATE INDEX approvals_waiting ON approvals (expires_at) WHERE state = 'waiting';
CREATE INDEX approvals_open ON approvals (decided_at) WHERE state = 'approved' AND done_at IS NULL;
CREATE INDEX approvals_project ON approvals (project_id, requested_at, id);
CREATE INDEX approvals_newest ON approvals (requested_at, id);

-- Payouts of people and files, newest first: of one project, and of all.
CREATE INDEX payments_manual ON payments (project_id, created_at, id) WHERE interface = 5;
CREATE INDEX payments_manual_all ON payments (created_at, id) WHERE interface = 5;
