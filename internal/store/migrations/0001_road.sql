-- The road's tables. One text for both engines; what differs stands in double braces, and dialect.go fills it in.
-- Times are microseconds UTC, sums minor units. Every table that grows carries project_id.

CREATE TABLE installation (
	one         BIGINT NOT NULL PRIMARY KEY CHECK (one = 1),
	fingerprint TEXT   NOT NULL, -- of the keyset that seals this database
	created_at  BIGINT NOT NULL
);

CREATE TABLE shards (
	shard       BIGINT NOT NULL PRIMARY KEY,
	owner       TEXT   NOT NULL,
	lease_until BIGINT NOT NULL,
	next_number BIGINT NOT NULL, -- of operations: seen on the wire
	next_row    BIGINT NOT NULL  -- of journal lines, transfers and the like: seen by nobody
);

CREATE TABLE settings_version (
	one     BIGINT NOT NULL PRIMARY KEY CHECK (one = 1),
	version BIGINT NOT NULL
);
INSERT INTO settings_version (one, version) VALUES (1, 1);

CREATE TABLE projects (
	id          BIGINT NOT NULL PRIMARY KEY,
	merchant_id BIGINT NOT NULL,
	name        TEXT   NOT NULL,
	mode        TEXT   NOT NULL CHECK (mode IN ('test', 'live')),
	blocked     BIGINT NOT NULL DEFAULT 0,
	settings    TEXT   NOT NULL,
	version     BIGINT NOT NULL,
	created_at  BIGINT NOT NULL
);

CREATE TABLE project_keys (
	project_id BIGINT NOT NULL,
	id         BIGINT NOT NULL,
	sealed     {{bytes}} NOT NULL,
	created_at BIGINT NOT NULL,
	revoked_at BIGINT,
	PRIMARY KEY (project_id, id)
);

CREATE TABLE balances (
	project_id BIGINT NOT NULL,
	currency   TEXT   NOT NULL,
	available  BIGINT NOT NULL CHECK (available >= 0),
	held       BIGINT NOT NULL CHECK (held >= 0),
	disputed   BIGINT NOT NULL CHECK (disputed >= 0),
	receivable BIGINT NOT NULL CHECK (receivable <= 0), -- credits less debits, like all of them
	settlement BIGINT NOT NULL,
	funding    BIGINT NOT NULL,
	fees       BIGINT NOT NULL,
	conversion BIGINT NOT NULL,
	correction BIGINT NOT NULL,
	PRIMARY KEY (project_id, currency)
);

CREATE TABLE counters (
	project_id BIGINT NOT NULL PRIMARY KEY,
	events     BIGINT NOT NULL -- the number of the project's newest event
);

CREATE TABLE payments (
	id           {{id}},
	project_id   BIGINT NOT NULL,
	payment_key  TEXT   NOT NULL, -- payment_id folded
	payment_id   TEXT   NOT NULL,
	request_id   TEXT   NOT NULL,
	content_hash {{bytes}} NOT NULL,
	status       TEXT   NOT NULL,
	method       TEXT   NOT NULL,
	method_title TEXT   NOT NULL,
	amount       BIGINT NOT NULL,
	currency     TEXT   NOT NULL,
	description  TEXT   NOT NULL,
	account_mask TEXT   NOT NULL,
	customer_id  TEXT   NOT NULL,
	interface    BIGINT NOT NULL,
	options      TEXT   NOT NULL,
	created_at   BIGINT NOT NULL,
	updated_at   BIGINT NOT NULL,
	events       BIGINT NOT NULL,
	head_seq     BIGINT NOT NULL,
	head_hash    {{bytes}} NOT NULL
	{{primary_key project_id, id}}
);
CREATE UNIQUE INDEX payments_key ON payments (project_id, payment_key);

CREATE TABLE requests (
	payment     {{id}},
	project_id  BIGINT NOT NULL,
	sealed      {{bytes}} NOT NULL, -- the request as received
	account_key BIGINT NOT NULL,    -- keyed indexes of what the request says
	email_key   BIGINT,
	phone_key   BIGINT,
	ip_key      BIGINT
	{{primary_key project_id, payment}}
);
CREATE INDEX requests_account ON requests (account_key);
CREATE INDEX requests_email ON requests (email_key) WHERE email_key IS NOT NULL;
CREATE INDEX requests_phone ON requests (phone_key) WHERE phone_key IS NOT NULL;
CREATE INDEX requests_ip ON requests (ip_key) WHERE ip_key IS NOT NULL;

CREATE TABLE operations (
	id                  {{id}}, -- the first operation of a payment has the payment's own id
	project_id          BIGINT NOT NULL,
	payment             BIGINT NOT NULL,
	number              BIGINT NOT NULL,
	stage               TEXT   NOT NULL,
	status              TEXT   NOT NULL,
	provider            TEXT   NOT NULL,
	provider_id         BIGINT NOT NULL,
	provider_key        TEXT   NOT NULL,
	provider_payment_id TEXT   NOT NULL,
	auth_code           TEXT   NOT NULL,
	amount              BIGINT NOT NULL,
	currency            TEXT   NOT NULL,
	code                BIGINT NOT NULL,
	submits             BIGINT NOT NULL,
	inquiries           BIGINT NOT NULL,
	created_at          BIGINT NOT NULL,
	updated_at          BIGINT NOT NULL,
	submit_deadline     BIGINT NOT NULL, -- 0: never submitted
	threshold_at        BIGINT NOT NULL,
	next_at             BIGINT,          -- when its next step is due, or its lease ends; null: nothing is open
	lease               BIGINT,          -- the shard that works on it until next_at
	version             BIGINT NOT NULL
	{{primary_key project_id, id}}
);
CREATE UNIQUE INDEX operations_key ON operations (provider_key);
CREATE UNIQUE INDEX operations_later ON operations (project_id, payment, number) WHERE number > 1;
CREATE INDEX operations_due ON operations (project_id, next_at) WHERE next_at IS NOT NULL;

CREATE TABLE transfers (
	id         {{id}},
	project_id BIGINT NOT NULL,
	currency   TEXT   NOT NULL,
	debit      BIGINT NOT NULL,
	credit     BIGINT NOT NULL,
	amount     BIGINT NOT NULL CHECK (amount > 0),
	kind       TEXT   NOT NULL,
	payment    BIGINT NOT NULL,
	operation  BIGINT NOT NULL,
	reason     TEXT   NOT NULL,
	at         BIGINT NOT NULL
	{{primary_key project_id, id}}
);

CREATE TABLE journal (
	id         {{id}}, -- rises in commit order within its shard
	project_id BIGINT NOT NULL,
	payment    BIGINT NOT NULL,
	seq        BIGINT NOT NULL,
	at         BIGINT NOT NULL,
	kind       TEXT   NOT NULL,
	operation  BIGINT NOT NULL,
	detail     TEXT   NOT NULL, -- JSON without personal data
	hash       {{bytes}} NOT NULL
	{{primary_key id, project_id}}
);
CREATE UNIQUE INDEX journal_payment ON journal (project_id, payment, seq);

CREATE TABLE seals (
	shard    BIGINT NOT NULL,
	number   BIGINT NOT NULL,
	last_row BIGINT NOT NULL, -- the newest journal line that it covers
	lines    BIGINT NOT NULL,
	root     {{bytes}} NOT NULL,
	hash     {{bytes}} NOT NULL,
	at       BIGINT NOT NULL,
	PRIMARY KEY (shard, number)
);

CREATE TABLE events (
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
){{clustered}};
CREATE INDEX events_payment ON events (project_id, payment, number);

CREATE TABLE callbacks (
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
){{clustered}};
CREATE INDEX callbacks_due ON callbacks (lane, next_at) WHERE next_at IS NOT NULL;

CREATE TABLE attempts (
	project_id  BIGINT NOT NULL,
	number      BIGINT NOT NULL,
	attempt     BIGINT NOT NULL,
	url         TEXT   NOT NULL,
	at          BIGINT NOT NULL,
	duration    BIGINT NOT NULL, -- microseconds
	http_status BIGINT NOT NULL, -- 0: no answer
	error       TEXT   NOT NULL,
	answer      {{bytes}} NOT NULL,
	PRIMARY KEY (project_id, number, attempt)
){{clustered}};

CREATE TABLE notifications (
	id          {{id}},
	shard       BIGINT NOT NULL,
	provider    TEXT   NOT NULL,
	sealed      {{bytes}} NOT NULL,
	received_at BIGINT NOT NULL,
	state       TEXT   NOT NULL, -- new, done, refused
	error       TEXT   NOT NULL,
	tries       BIGINT NOT NULL,
	next_at     BIGINT,
	lease       BIGINT
	{{primary_key id}}
);
CREATE INDEX notifications_due ON notifications (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX notifications_received ON notifications (received_at);

CREATE TABLE discrepancies (
	id         {{id}},
	project_id BIGINT NOT NULL, -- 0 where the payment is not known
	payment    BIGINT NOT NULL,
	operation  BIGINT NOT NULL,
	kind       TEXT   NOT NULL,
	detail     TEXT   NOT NULL, -- JSON without personal data
	dedup      TEXT   NOT NULL, -- one open discrepancy of a kind for each operation, or unknown key
	opened_at  BIGINT NOT NULL,
	settled_at BIGINT,
	reason     TEXT   NOT NULL
	{{primary_key id}}
);
CREATE UNIQUE INDEX discrepancies_once ON discrepancies (dedup);
CREATE INDEX discrepancies_payment ON discrepancies (project_id, payment);

CREATE TABLE rejections (
	request_id TEXT   NOT NULL PRIMARY KEY,
	project_id BIGINT NOT NULL,
	status     BIGINT NOT NULL,
	body       {{bytes}} NOT NULL,
	at         BIGINT NOT NULL
);
CREATE INDEX rejections_at ON rejections (at);

CREATE TABLE audit_log (
	id     {{id}},
	at     BIGINT NOT NULL,
	actor  TEXT   NOT NULL,
	action TEXT   NOT NULL,
	object TEXT   NOT NULL,
	detail TEXT   NOT NULL
	{{primary_key id}}
);

-- Acts of people that are done: a commit whose outcome was not known is run again, and an act must not happen twice.
CREATE TABLE commands_done (
	name TEXT   NOT NULL PRIMARY KEY,
	at   BIGINT NOT NULL
);
CREATE INDEX commands_done_at ON commands_done (at);
