-- A second person is another person: who stands behind an account.

-- From whom an account has its sign-in or its rights, until another person has confirmed whose it is.
CREATE TABLE user_origins (
	user_id BIGINT NOT NULL,
	giver   BIGINT NOT NULL, -- a user
	what    TEXT   NOT NULL CHECK (what IN ('link', 'rights')), -- link: was shown the link by which password and factors were set
	at      BIGINT NOT NULL,
	PRIMARY KEY (user_id, giver, what)
);
