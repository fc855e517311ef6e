-- Files: uploads, reports, results. Their content is sealed, in chunks.

CREATE TABLE files (
	id          {{id}},
	token       TEXT   NOT NULL, -- random: the file's name on disk, and part of what each chunk is sealed with
	kind        TEXT   NOT NULL,
	project_id  BIGINT NOT NULL, -- whose it is, these three; 0: nobody's
	merchant_id BIGINT NOT NULL,
	user_id     BIGINT NOT NULL,
	state       TEXT   NOT NULL CHECK (state IN ('writing', 'whole', 'dropped')),
	chunks      BIGINT NOT NULL,
	size        BIGINT NOT NULL, -- bytes of content
	digest      {{bytes}}, -- keyed digest of the content's SHA-256; null: it is not whole yet
	created_at  BIGINT NOT NULL,
	drop_at     BIGINT NOT NULL -- when it is deleted: of one that is being written, when its writer counts as dead
	{{primary_key id}}
);

CREATE INDEX files_drop ON files (drop_at);

-- The sealed chunks, on PostgreSQL. Beside a SQLite file they are files in a folder.
CREATE TABLE file_chunks (
	file   BIGINT NOT NULL,
	number BIGINT NOT NULL, -- from 0
	sealed {{bytes}} NOT NULL,
	PRIMARY KEY (file, number)
);
