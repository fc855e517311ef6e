-- Exchange rates: what sources say, from a moment on. A row is never changed; a correction is a further revision.

CREATE TABLE rates (
	source      TEXT   NOT NULL CHECK (source IN ('nbkr', 'ecb', 'manual')),
	series      TEXT   NOT NULL CHECK (series IN ('daily', 'weekly', 'by hand')), -- the source's file
	base        TEXT   NOT NULL, -- one unit of this currency …
	term        TEXT   NOT NULL, -- … is worth value units of this one
	valid_at    BIGINT NOT NULL, -- from when on
	revision    BIGINT NOT NULL, -- the highest one of a moment counts
	value       TEXT   NOT NULL, -- an exact decimal
	recorded_at BIGINT NOT NULL,
	actor       TEXT   NOT NULL, -- who imported or set it
	PRIMARY KEY (source, series, base, term, valid_at, revision)
){{clustered}};
CREATE INDEX rates_valid ON rates (valid_at);

ALTER TABLE settings_version ADD COLUMN rates BIGINT NOT NULL DEFAULT 1; -- rises with each import of rates
