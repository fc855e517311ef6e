-- What the check of a file found stays with its batch.

CREATE TABLE batch_reports (
	batch  BIGINT PRIMARY KEY,
	sealed {{bytes}} NOT NULL -- faults, warnings and totals, which quote the file
);
