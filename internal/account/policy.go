package account

// Policy says what the account doctor's finding does to a payout.
type Policy string

// The policies of product.md §12.1.
const (
	Off    Policy = "off"    // nothing is asked
	Warn   Policy = "warn"   // a remark is kept with the payout, which goes on
	Strict Policy = "strict" // a fault declines the payout with 20102 at once
)

// Valid tells whether p is one of the three.
func (p Policy) Valid() bool { return p == Off || p == Warn || p == Strict }
