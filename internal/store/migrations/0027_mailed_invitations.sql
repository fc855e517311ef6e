-- Links that go to their user by e-mail, and are shown to nobody else.

ALTER TABLE invitations ADD COLUMN mailed BIGINT NOT NULL DEFAULT 0;
