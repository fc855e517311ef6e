-- What users are told of, each thing once, and what they do not want to be told of.

CREATE TABLE alerts (
	id         {{id}},
	user_id    BIGINT NOT NULL,
	kind       TEXT   NOT NULL,
	subject    TEXT   NOT NULL, -- what it is about: told of once
	project_id BIGINT NOT NULL, -- 0: of none
	link       TEXT   NOT NULL, -- of Dashboard, to the page about it
	at         BIGINT NOT NULL,
	seen_at    BIGINT NOT NULL -- 0: not yet
	{{primary_key id}}
);
CREATE UNIQUE INDEX alerts_once ON alerts (user_id, kind, subject);
CREATE INDEX alerts_unseen ON alerts (user_id) WHERE seen_at = 0;
CREATE INDEX alerts_at ON alerts (at);

CREATE TABLE alerts_off (
	user_id BIGINT NOT NULL,
	kind    TEXT   NOT NULL,
	PRIMARY KEY (user_id, kind)
){{clustered}};

-- Since when a project's callbacks fail, so that it is told once, however many do. The row of project 0 has since when there are alerts.
CREATE TABLE alert_marks (
	project_id BIGINT NOT NULL,
	since      BIGINT NOT NULL, -- 0: they do not fail
	given_up   BIGINT NOT NULL, -- the newest callback that had been given up when they last did not
	PRIMARY KEY (project_id)
){{clustered}};

CREATE INDEX batches_ended ON batches (ended_at) WHERE ended_at > 0;
