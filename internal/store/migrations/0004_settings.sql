-- Merchants, versions of projects' settings, what is paused and blocked.

CREATE TABLE merchants (
	id         BIGINT NOT NULL PRIMARY KEY,
	name       TEXT   NOT NULL,
	blocked    BIGINT NOT NULL DEFAULT 0, -- stops all its projects, as paused does
	paused     BIGINT NOT NULL DEFAULT 0,
	created_at BIGINT NOT NULL
);
INSERT INTO merchants (id, name, created_at)
	SELECT merchant_id, 'Merchant ' || merchant_id, MIN(created_at) FROM projects GROUP BY merchant_id;

ALTER TABLE projects ADD COLUMN paused BIGINT NOT NULL DEFAULT 0; -- payouts are accepted and wait

CREATE TABLE project_versions (
	project_id BIGINT NOT NULL,
	version    BIGINT NOT NULL,
	name       TEXT   NOT NULL,
	settings   TEXT   NOT NULL,
	actor      TEXT   NOT NULL, -- who made it; empty: it was there before versions were kept
	at         BIGINT NOT NULL,
	PRIMARY KEY (project_id, version)
);
INSERT INTO project_versions (project_id, version, name, settings, actor, at)
	SELECT id, version, name, settings, '', created_at FROM projects;

ALTER TABLE project_keys ADD COLUMN label TEXT NOT NULL DEFAULT ''; -- for people: what uses it
ALTER TABLE project_keys ADD COLUMN added_by TEXT NOT NULL DEFAULT '';
ALTER TABLE project_keys ADD COLUMN used_at BIGINT; -- when a request was last signed with it, to the minute; null: never

-- What the operators' desk looks at. Rows enter these indexes when something is out of the ordinary, so that the road
-- does not pay for them.
CREATE INDEX transfers_by_hand ON transfers (project_id, id) WHERE payment = 0;
CREATE INDEX callbacks_repeated ON callbacks (project_id, next_at) WHERE next_at IS NOT NULL AND attempts > 0;
CREATE INDEX callbacks_given_up ON callbacks (project_id, number) WHERE state = 'given up';
CREATE INDEX notifications_refused ON notifications (received_at) WHERE state = 'refused';
CREATE INDEX audit_log_at ON audit_log (at, id);
CREATE INDEX audit_log_action ON audit_log (action, at);
CREATE INDEX audit_log_object ON audit_log (object, at);
