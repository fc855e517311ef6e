-- How many attempts of callbacks there were, and how long it took until they were acknowledged. The commit of an attempt counts it.

CREATE TABLE callback_rollups (
	project_id   BIGINT NOT NULL,
	hours        BIGINT NOT NULL, -- how long the period is: 1 or 24
	start        BIGINT NOT NULL, -- of the period, in which the attempts began
	acknowledged BIGINT NOT NULL,
	bucket       BIGINT NOT NULL, -- microseconds from the event to the acknowledgement, at most; 0: of those that were not acknowledged
	shard        BIGINT NOT NULL, -- of the node that counted: so nodes do not wait for each other
	attempts     BIGINT NOT NULL,
	PRIMARY KEY (project_id, hours, start, acknowledged, bucket, shard)
){{clustered}};

CREATE TABLE callback_recounts (
	project_id BIGINT NOT NULL PRIMARY KEY,
	asked_at   BIGINT NOT NULL -- 0: by this migration, as nothing has been counted yet
){{clustered}};
INSERT INTO callback_recounts (project_id, asked_at) SELECT p.id, 0 FROM projects p WHERE EXISTS (SELECT 1 FROM callbacks c WHERE c.project_id = p.id);
