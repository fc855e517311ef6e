-- Tariffs: what projects pay for payouts on top of their sums. A row is never changed; what differs is a further version.

CREATE TABLE tariffs (
	project_id  BIGINT NOT NULL,
	method      TEXT   NOT NULL, -- path
	currency    TEXT   NOT NULL, -- of the balance that pays
	version     BIGINT NOT NULL, -- from 1; of several that hold from one moment on the highest counts
	valid_at    BIGINT NOT NULL, -- from when on
	fixed       BIGINT NOT NULL,
	percent     TEXT   NOT NULL, -- an exact decimal, of what the balance pays
	least       BIGINT NOT NULL, -- no fee is smaller
	most        BIGINT NOT NULL, -- no fee is larger; 0: there is no most
	recorded_at BIGINT NOT NULL,
	actor       TEXT   NOT NULL, -- who set it
	PRIMARY KEY (project_id, method, currency, version)
){{clustered}};
