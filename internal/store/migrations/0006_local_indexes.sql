-- The road writes to as few places as it can: rows of one commit belong next to each other, in indexes too.

-- A payment's id is its own in all projects. With the project before it, each project had a place of its own to write to.
DROP INDEX journal_payment;
CREATE UNIQUE INDEX journal_payment ON journal (payment, seq);
DROP INDEX events_payment;
CREATE INDEX events_payment ON events (payment, number);

-- Keys towards providers are random. Within 4096 ids they go into a small part of the index, wherever they fall; who looks
-- for one looks there first where the newest are. That a key exists once follows from payments_key and operations_later.
DROP INDEX operations_key;
CREATE INDEX operations_key ON operations ((id / 4096), provider_key);
