CREATE TABLE directory (
	shard    BIGINT NOT NULL PRIMARY KEY,
	last_row BIGINT NOT NULL, -- the newest journal line of the shard whose payment is found by parts of ids, masks, customers and names
	at       BIGINT NOT NULL  -- when lookups were brought up to it
);
