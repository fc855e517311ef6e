-- Boards of tiles that users make in Analytics.

CREATE TABLE boards (
	id          BIGINT NOT NULL PRIMARY KEY,
	user_id     BIGINT NOT NULL, -- who made it, and alone may change it
	merchant_id BIGINT NOT NULL, -- of whoever made it: whose team sees it where it is shared; 0: the platform's operators
	name        TEXT   NOT NULL,
	shared      BIGINT NOT NULL,
	tiles       TEXT   NOT NULL, -- JSON, in their order: each one's number, and its form's entries, as in an address
	tiles_made  BIGINT NOT NULL, -- the highest number that a tile has had
	created_at  BIGINT NOT NULL,
	changed_at  BIGINT NOT NULL
){{clustered}};
CREATE UNIQUE INDEX boards_of_users ON boards (user_id, name);
CREATE INDEX boards_of_teams ON boards (merchant_id, name) WHERE shared = 1;
