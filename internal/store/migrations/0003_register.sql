-- What the register of payments is read by: its time order, searches and totals. Only the time order is kept by the
-- commits of the road; a worker that follows the journal fills the rest a moment later (rollup.go).

CREATE INDEX payments_time ON payments (project_id, created_at, id);
CREATE INDEX discrepancies_open ON discrepancies (project_id, payment) WHERE settled_at IS NULL;
CREATE INDEX seals_row ON seals (shard, last_row);

-- Random keys in an index over all payments dirty a page of their own for each payout. Nobody on the road searches by
-- them; account numbers are found through lookups.
DROP INDEX requests_account;
DROP INDEX requests_email;
DROP INDEX requests_phone;
DROP INDEX requests_ip;

CREATE TABLE followed (
	shard    BIGINT NOT NULL PRIMARY KEY,
	last_row BIGINT NOT NULL, -- the newest journal line of the shard that rollups and lookups hold
	at       BIGINT NOT NULL  -- when they were brought up to it
);

CREATE TABLE lookups (
	bucket     BIGINT NOT NULL, -- the payment's id without its last five digits: new keys go into a small part of the table
	key        BIGINT NOT NULL, -- keyed index of what is searched for, and of which kind it is
	project_id BIGINT NOT NULL,
	payment    BIGINT NOT NULL,
	PRIMARY KEY (bucket, key, project_id, payment)
){{clustered}};

CREATE TABLE rollups (
	project_id BIGINT NOT NULL,
	hours      BIGINT NOT NULL, -- how long the period is: 1 or 24
	start      BIGINT NOT NULL, -- of the period, in which the payments were made
	method     TEXT   NOT NULL,
	currency   TEXT   NOT NULL,
	status     TEXT   NOT NULL, -- of the payments as the journal has it
	payments   BIGINT NOT NULL,
	amount     BIGINT NOT NULL,
	PRIMARY KEY (project_id, hours, start, method, currency, status)
){{clustered}};

CREATE TABLE saved_filters (
	user_id    BIGINT NOT NULL,
	name       TEXT   NOT NULL,
	query      TEXT   NOT NULL, -- as in the register's address
	created_at BIGINT NOT NULL,
	PRIMARY KEY (user_id, name)
){{clustered}};

CREATE TABLE register_columns (
	user_id BIGINT NOT NULL PRIMARY KEY,
	columns TEXT   NOT NULL -- names in their order, with commas between
);
