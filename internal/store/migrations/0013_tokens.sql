-- Tokens of the Data API: of each user the newest one alone.

CREATE TABLE data_api_tokens (
	user_id    BIGINT NOT NULL PRIMARY KEY,
	digest     {{bytes}} NOT NULL, -- SHA-256 of the token
	sealed     {{bytes}} NOT NULL, -- the secret that signs with it
	created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX data_api_tokens_digest ON data_api_tokens (digest);
