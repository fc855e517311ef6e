-- Rollups of periods beside hours and days, made of those that there are.

-- The name is new, so that a node of an older program, which would leave these rows out, follows no more beside newer ones.
ALTER TABLE rolled RENAME COLUMN last_row TO line;

INSERT INTO rollups (build, cube, project_id, hours, start, method, currency, status, code, bank, bucket, payments, amount)
	SELECT build, cube, project_id, 6, start - start % 21600000000, method, currency, status, code, bank, bucket, CAST(SUM(payments) AS BIGINT), CAST(SUM(amount) AS BIGINT)
	FROM rollups WHERE cube IN (1, 3) AND hours = 1
	GROUP BY build, cube, project_id, start - start % 21600000000, method, currency, status, code, bank, bucket;
INSERT INTO rollups (build, cube, project_id, hours, start, method, currency, status, code, bank, bucket, payments, amount)
	SELECT build, cube, project_id, 384, start - start % 1382400000000, method, currency, status, code, bank, bucket, CAST(SUM(payments) AS BIGINT), CAST(SUM(amount) AS BIGINT)
	FROM rollups WHERE cube IN (2, 4, 5) AND hours = 24
	GROUP BY build, cube, project_id, start - start % 1382400000000, method, currency, status, code, bank, bucket;
