-- Events that tell the end of a batch of payouts, where its project asks for them. Their rows in events have no payment.

CREATE TABLE batch_events (
	project_id   BIGINT NOT NULL,
	number       BIGINT NOT NULL, -- the event's
	batch        BIGINT NOT NULL, -- which may be deleted before the event
	state        TEXT   NOT NULL CHECK (state IN ('done', 'cancelled')),
	row_count    BIGINT NOT NULL,
	sent         BIGINT NOT NULL, -- of the rows, as are the columns below: made a payment
	paid_already BIGINT NOT NULL,
	refused      BIGINT NOT NULL,
	with_faults  BIGINT NOT NULL,
	not_sent     BIGINT NOT NULL,
	PRIMARY KEY (project_id, number)
){{clustered}};
CREATE UNIQUE INDEX batch_events_batch ON batch_events (batch);
