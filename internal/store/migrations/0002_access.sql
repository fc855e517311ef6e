-- People who work in Dashboard: who they are, what they sign in with, and where they are signed in.

CREATE TABLE users (
	id             {{id}},
	merchant_id    BIGINT NOT NULL, -- 0: of the platform itself
	email          TEXT   NOT NULL,
	email_key      TEXT   NOT NULL, -- email without case
	name           TEXT   NOT NULL,
	roles          TEXT   NOT NULL, -- JSON lists, these four
	added          TEXT   NOT NULL,
	withheld       TEXT   NOT NULL,
	projects       TEXT   NOT NULL,
	all_projects   BIGINT NOT NULL,
	language       TEXT   NOT NULL,
	zone           TEXT   NOT NULL,
	theme          TEXT   NOT NULL,
	password       TEXT   NOT NULL, -- argon2id hash; empty: the user has none yet
	password_at    BIGINT NOT NULL, -- when it was set; 0: never
	signed_in_at   BIGINT NOT NULL, -- the newest sign-in; 0: never
	deactivated_at BIGINT NOT NULL, -- 0: active
	created_at     BIGINT NOT NULL,
	version        BIGINT NOT NULL
	{{primary_key id}}
);
CREATE UNIQUE INDEX users_email ON users (email_key);
CREATE INDEX users_merchant ON users (merchant_id, id);

CREATE TABLE user_factors (
	id         {{id}},
	user_id    BIGINT NOT NULL,
	kind       TEXT   NOT NULL CHECK (kind IN ('totp', 'passkey')),
	name       TEXT   NOT NULL,     -- what its owner calls it
	sealed     {{bytes}} NOT NULL,  -- TOTP: the secret; passkey: its credential record
	credential {{bytes}},           -- SHA-256 of a passkey's credential id
	last_step  BIGINT NOT NULL,     -- TOTP: the time step of the newest code taken; none up to it is taken again
	created_at BIGINT NOT NULL,
	used_at    BIGINT NOT NULL      -- 0: never
	{{primary_key id}}
);
CREATE INDEX user_factors_user ON user_factors (user_id, id);
CREATE UNIQUE INDEX user_factors_credential ON user_factors (credential) WHERE credential IS NOT NULL;

CREATE TABLE recovery_codes (
	user_id BIGINT NOT NULL,
	digest  {{bytes}} NOT NULL, -- keyed digest of the code
	used_at BIGINT NOT NULL,    -- 0: not yet
	PRIMARY KEY (user_id, digest)
);

CREATE TABLE user_sessions (
	id         {{id}},             -- what lists name it by
	user_id    BIGINT NOT NULL,
	token      {{bytes}} NOT NULL, -- SHA-256 of the cookie's token
	stage      TEXT   NOT NULL CHECK (stage IN ('pending', 'full')), -- pending: the second factor is due
	created_at BIGINT NOT NULL,    -- the sign-in
	expires_at BIGINT NOT NULL,    -- at the latest
	seen_at    BIGINT NOT NULL,    -- to the minute
	factor_at  BIGINT NOT NULL,    -- the newest second factor; 0: it must be given again before anything that asks for a fresh one
	ip         TEXT   NOT NULL,
	agent      TEXT   NOT NULL
	{{primary_key id}}
);
CREATE UNIQUE INDEX user_sessions_token ON user_sessions (token);
CREATE INDEX user_sessions_user ON user_sessions (user_id, id);
CREATE INDEX user_sessions_expires ON user_sessions (expires_at);

-- Browsers that a user has signed in with: what others try elsewhere does not slow these down.
CREATE TABLE user_devices (
	user_id BIGINT NOT NULL,
	token   {{bytes}} NOT NULL, -- SHA-256 of the device cookie's token
	network TEXT   NOT NULL,    -- from which it signed in last
	seen_at BIGINT NOT NULL,
	PRIMARY KEY (user_id, token)
);
CREATE INDEX user_devices_network ON user_devices (user_id, network);
CREATE INDEX user_devices_seen ON user_devices (seen_at);

CREATE TABLE invitations (
	user_id    BIGINT NOT NULL PRIMARY KEY, -- a user has at most one
	token      {{bytes}} NOT NULL,          -- SHA-256 of the link's token
	kind       TEXT   NOT NULL CHECK (kind IN ('invitation', 'reset')),
	made_by    TEXT   NOT NULL,
	created_at BIGINT NOT NULL,
	expires_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX invitations_token ON invitations (token);

-- Tries at passwords and codes, by what they are counted for: an account from a network, from a device, and so on.
CREATE TABLE sign_in_tries (
	digest   {{bytes}} NOT NULL PRIMARY KEY, -- keyed digest of what is counted
	failures BIGINT NOT NULL,
	next_at  BIGINT NOT NULL,                -- no try before it
	at       BIGINT NOT NULL                 -- the newest
);
CREATE INDEX sign_in_tries_at ON sign_in_tries (at);

CREATE INDEX audit_log_actor ON audit_log (actor, at);
