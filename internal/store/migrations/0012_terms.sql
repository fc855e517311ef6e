-- What a payout costs its project, where that is not simply its own sum.

ALTER TABLE operations ADD COLUMN terms TEXT; -- JSON: which balance pays how much, by which rates and fee; null: the operation's own sum, of a balance in its currency
ALTER TABLE balances ADD COLUMN opened BIGINT NOT NULL DEFAULT 1; -- by operators; 0: made by payouts that another balance pays for
