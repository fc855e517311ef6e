-- Events and callbacks were clustered by project and number. Each project had a page of its own to write to, twice for a
-- callback; now only their keys do, which are small.

CREATE TABLE unclustered (
	project_id          BIGINT NOT NULL,
	number              BIGINT NOT NULL, -- without gaps within the project, in commit order
	payment             BIGINT NOT NULL,
	operation           BIGINT NOT NULL,
	payment_status      TEXT   NOT NULL,
	operation_status    TEXT   NOT NULL,
	code                BIGINT NOT NULL,
	provider_id         BIGINT NOT NULL,
	provider_payment_id TEXT   NOT NULL,
	auth_code           TEXT   NOT NULL,
	at                  BIGINT NOT NULL,
	PRIMARY KEY (project_id, number)
);
INSERT INTO unclustered (project_id, number, payment, operation, payment_status, operation_status, code, provider_id, provider_payment_id, auth_code, at)
	SELECT project_id, number, payment, operation, payment_status, operation_status, code, provider_id, provider_payment_id, auth_code, at FROM events;
DROP TABLE events;
ALTER TABLE unclustered RENAME TO events;
CREATE INDEX events_payment ON events (payment, number);

CREATE TABLE unclustered (
	project_id  BIGINT NOT NULL,
	number      BIGINT NOT NULL, -- the event's
	payment     BIGINT NOT NULL,
	state       TEXT   NOT NULL, -- pending, delivered, superseded, disabled, given up
	url         TEXT   NOT NULL,
	lane        BIGINT NOT NULL, -- of project and host: lanes do not wait for each other
	attempts    BIGINT NOT NULL,
	scheduled   BIGINT NOT NULL, -- attempts since the schedule was last started, by the event or a resend
	next_at     BIGINT,
	lease       BIGINT,
	created_at  BIGINT NOT NULL,
	last_at     BIGINT,          -- of the last attempt, as are the columns below
	duration    BIGINT,
	http_status BIGINT,
	error       TEXT,
	answer      {{bytes}},
	PRIMARY KEY (project_id, number)
);
INSERT INTO unclustered (project_id, number, payment, state, url, lane, attempts, scheduled, next_at, lease, created_at, last_at, duration, http_status, error, answer)
	SELECT project_id, number, payment, state, url, lane, attempts, scheduled, next_at, lease, created_at, last_at, duration, http_status, error, answer FROM callbacks;
DROP TABLE callbacks;
ALTER TABLE unclustered RENAME TO callbacks;
CREATE INDEX callbacks_due ON callbacks (lane, next_at) WHERE next_at IS NOT NULL;
CREATE INDEX callbacks_repeated ON callbacks (project_id, next_at) WHERE next_at IS NOT NULL AND attempts > 0;
CREATE INDEX callbacks_given_up ON callbacks (project_id, number) WHERE state = 'given up';
