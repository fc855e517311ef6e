-- Mass payouts: a file of payouts, sent as one batch.

CREATE TABLE batches (
	id          {{id}},
	project_id  BIGINT NOT NULL, -- in whose name it is sent
	merchant_id BIGINT NOT NULL,
	state       TEXT   NOT NULL CHECK (state IN ('checked', 'awaiting approval', 'sending', 'paused', 'done', 'cancelled')),
	version     BIGINT NOT NULL, -- rises with each move
	sealed      {{bytes}} NOT NULL, -- the file's name
	file        BIGINT NOT NULL,
	digest      {{bytes}} NOT NULL, -- of the file's content: the same file is known by it
	size        BIGINT NOT NULL, -- of the file, in bytes
	row_count   BIGINT NOT NULL,
	good        BIGINT NOT NULL, -- of the rows: those that may be sent
	bad         BIGINT NOT NULL,
	good_only   BIGINT NOT NULL, -- 1: rows with faults are left out; 0: there may be none
	position    BIGINT NOT NULL, -- the last line that was dealt with
	approval    BIGINT,          -- null: it needed none
	reason      TEXT   NOT NULL, -- why it stands where it stands, where no person said so
	user_id     BIGINT NOT NULL, -- who uploaded it; 0: the command line
	user_name   TEXT   NOT NULL, -- the user's name then
	created_at  BIGINT NOT NULL,
	sent_at     BIGINT NOT NULL, -- when it began to be sent; 0: not yet
	updated_at  BIGINT NOT NULL,
	ended_at    BIGINT NOT NULL, -- 0: not yet
	drop_at     BIGINT NOT NULL -- when it is deleted, with its rows and its file
	{{primary_key id}}
);
CREATE INDEX batches_project ON batches (project_id, created_at, id);
CREATE INDEX batches_merchant ON batches (merchant_id, created_at, id);
CREATE INDEX batches_digest ON batches (merchant_id, digest);
CREATE INDEX batches_waiting ON batches (id) WHERE state = 'awaiting approval';
CREATE INDEX batches_drop ON batches (drop_at);

CREATE TABLE batch_rows (
	batch       BIGINT NOT NULL,
	line        BIGINT NOT NULL, -- of the file, where the row begins
	state       TEXT   NOT NULL CHECK (state IN ('good', 'bad', 'made', 'paid already', 'refused')),
	project_id  BIGINT NOT NULL, -- 0, as are the columns below, where the row does not say so readably
	payment_key BIGINT NOT NULL, -- keyed index of project and payment_id
	amount      BIGINT NOT NULL,
	currency    TEXT   NOT NULL,
	payment     BIGINT,          -- that the row made; null: none
	code        BIGINT NOT NULL, -- of a refusal; else 0
	message     TEXT   NOT NULL, -- the first fault's, or the refusal's; without personal data
	PRIMARY KEY (batch, line)
){{clustered}};
CREATE INDEX batch_rows_state ON batch_rows (batch, state, line);
CREATE UNIQUE INDEX batch_rows_payment ON batch_rows (payment) WHERE payment IS NOT NULL;

CREATE TABLE batch_counts (
	batch      BIGINT NOT NULL,
	project_id BIGINT NOT NULL,
	currency   TEXT   NOT NULL,
	status     TEXT   NOT NULL, -- of the payments that its rows made, as the journal has it; or the rows' state: good, bad, paid already, refused
	row_count  BIGINT NOT NULL,
	amount     BIGINT NOT NULL,
	PRIMARY KEY (batch, project_id, currency, status)
){{clustered}};
