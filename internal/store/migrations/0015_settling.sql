-- Discrepancies are settled: who cares for each, what was decided, and what that moved.

ALTER TABLE discrepancies ADD COLUMN owner TEXT NOT NULL DEFAULT '';      -- who cares for it
ALTER TABLE discrepancies ADD COLUMN note TEXT NOT NULL DEFAULT '';       -- the operators' own; merchants do not see it
ALTER TABLE discrepancies ADD COLUMN decision TEXT NOT NULL DEFAULT '';   -- bank, ours; empty: none yet
ALTER TABLE discrepancies ADD COLUMN funds TEXT NOT NULL DEFAULT '';      -- what the decision did with the sum; empty: nothing
ALTER TABLE discrepancies ADD COLUMN settled_by TEXT NOT NULL DEFAULT ''; -- who acted, as in the audit log
