-- What weakens control waits for a second person, and what one person sends alone is counted.

-- Sums that users have sent by hand without a second person. Kept for a day.
CREATE TABLE sent_alone (
	id          BIGINT NOT NULL PRIMARY KEY,
	user_id     BIGINT NOT NULL,
	project_id  BIGINT NOT NULL,
	currency    TEXT   NOT NULL,
	account_key BIGINT, -- keyed index of the account number; null: several
	amount      BIGINT NOT NULL,
	at          BIGINT NOT NULL
);
CREATE INDEX sent_alone_user ON sent_alone (user_id, at);
CREATE INDEX sent_alone_at ON sent_alone (at);

-- More kinds of approvals, named by the program alone: made anew, because SQLite cannot drop a constraint.
CREATE TABLE approvals_of_all_kinds (
	id           {{id}},
	once         TEXT   NOT NULL, -- names the request: sent twice, it is one
	kind         TEXT   NOT NULL,
	project_id   BIGINT NOT NULL, -- 0: it is about an account
	merchant_id  BIGINT NOT NULL,
	subject      TEXT   NOT NULL, -- what one approval of its kind and project may wait for; empty: any number of them
	title        TEXT   NOT NULL, -- what lists show, without personal data
	amount       BIGINT NOT NULL,
	currency     TEXT   NOT NULL, -- empty: it is about no sum
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
INSERT INTO approvals_of_all_kinds SELECT id, once, kind, project_id, merchant_id, subject, title, amount, currency, sealed, requested_by, requester,
	requested_at, expires_at, state, decided_by, decider, decided_at, reason, done_at, outcome FROM approvals;
DROP TABLE approvals;
ALTER TABLE approvals_of_all_kinds RENAME TO approvals;
CREATE UNIQUE INDEX approvals_once ON approvals (once);
CREATE UNIQUE INDEX approvals_subject ON approvals (project_id, kind, subject) WHERE state = 'waiting' AND subject <> '';
CREATE INDEX approvals_waiting ON approvals (expires_at) WHERE state = 'waiting';
CREATE INDEX approvals_open ON approvals (decided_at) WHERE state = 'approved' AND done_at IS NULL;
CREATE INDEX approvals_project ON approvals (project_id, requested_at, id);
CREATE INDEX approvals_newest ON approvals (requested_at, id);
