-- Two kinds of discrepancy get plainer names. Lines of journals, and of the audit log, stay as they were written.
UPDATE discrepancies SET kind = 'paid after decline', dedup = REPLACE(dedup, 'paid after no', 'paid after decline') WHERE kind = 'paid after no';
UPDATE discrepancies SET kind = 'declined after success', dedup = REPLACE(dedup, 'declined after ok', 'declined after success')
	WHERE kind = 'declined after ok';
UPDATE approvals SET subject = REPLACE(REPLACE(subject, 'paid after no', 'paid after decline'), 'declined after ok', 'declined after success')
	WHERE kind = 'settlement';
