-- Forms of reports that people keep.

CREATE TABLE report_templates (
	user_id    BIGINT NOT NULL, -- 0: of the command line
	name       TEXT   NOT NULL, -- empty: how the user's files were written last
	query      TEXT   NOT NULL, -- the form's entries, as in an address
	created_at BIGINT NOT NULL,
	PRIMARY KEY (user_id, name)
){{clustered}};
