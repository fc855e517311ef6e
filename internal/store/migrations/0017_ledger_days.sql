-- What the transfers of a day add up to. They are written in the commit of the transfers, so that a statement over years
-- reads some rows a day, and is equal to the ledger.

CREATE TABLE ledger_days (
	project_id BIGINT NOT NULL,
	day        BIGINT NOT NULL, -- when the UTC day began
	currency   TEXT   NOT NULL,
	kind       TEXT   NOT NULL,
	debit      BIGINT NOT NULL,
	credit     BIGINT NOT NULL,
	shard      BIGINT NOT NULL, -- of the transfers' ids: nodes do not wait for each other
	transfers  BIGINT NOT NULL,
	amount     BIGINT NOT NULL,
	first_id   BIGINT NOT NULL, -- of the transfers: all of them lie between the two …
	last_id    BIGINT NOT NULL, -- … with others, whose day, kind or accounts differ
	PRIMARY KEY (project_id, day, currency, kind, debit, credit, shard)
){{clustered}};

INSERT INTO ledger_days (project_id, day, currency, kind, debit, credit, shard, transfers, amount, first_id, last_id)
	SELECT project_id, at - at % 86400000000, currency, kind, debit, credit, id / 1000000000000, COUNT(*), SUM(amount), MIN(id), MAX(id)
	FROM transfers GROUP BY 1, 2, 3, 4, 5, 6, 7;
