// Package ledger is double entry: accounts of a project in one currency, and transfers between them. Every transfer
// debits one account and credits another of the same project by the same sum, so that all accounts of a project and
// currency always add up to zero. Sums are minor units.
package ledger

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// Account is one of the accounts that a project has in each currency.
type Account uint8

// The accounts. Their numbers are stored: they never change.
const (
	Available  Account = 1 // what payouts may spend; never below zero
	Held       Account = 2 // held for payouts under way; never below zero
	Disputed   Account = 3 // held for payouts declined at the threshold whose outcome is not known; never below zero
	Receivable Account = 4 // what the merchant owes: debits less credits; never below zero in that sense
	Settlement Account = 5 // counter-account: paid out by providers
	Funding    Account = 6 // counter-account: top-ups by operators
	Fees       Account = 7 // counter-account: fees charged
	Conversion Account = 8 // counter-account: currency exchange
	Correction Account = 9 // counter-account: corrections by operators
)

// Accounts lists all accounts in the order of their numbers.
func Accounts() []Account {
	return []Account{Available, Held, Disputed, Receivable, Settlement, Funding, Fees, Conversion, Correction}
}

var accountNames = [...]string{
	"", "available", "held", "disputed", "receivable", "settlement", "funding", "fees", "conversion", "correction",
}

// String names the account as product.md does.
func (a Account) String() string {
	if int(a) < len(accountNames) {
		return accountNames[a]
	}
	return fmt.Sprintf("account %d", uint8(a))
}

// Kind says why a transfer was made.
type Kind string

// The kinds of transfer.
const (
	Hold          Kind = "hold"           // available → held: a payout was accepted; with its fee, as far as Return, Dispute and DisputeReturn
	Spend         Kind = "spend"          // held → settlement: it succeeded; where it was converted, conversion → settlement; from disputed or available where it was paid after all
	Exchange      Kind = "exchange"       // held → conversion: it succeeded, and another currency pays
	Charge        Kind = "fee"            // held → fees: it succeeded
	Return        Kind = "return"         // held → available: it was declined
	Dispute       Kind = "dispute"        // held → disputed: declined at the threshold, perhaps paid
	DisputeReturn Kind = "dispute return" // disputed → available: it was not paid after all
	Refund        Kind = "refund"         // back the way of spend, exchange and fee, to available: it was not paid, or came back
	Owe           Kind = "owe"            // receivable → available: what a payout that was paid after all needs and is not available
	Repay         Kind = "repay"          // available → receivable: what is owed is paid from a refund
	TopUp         Kind = "top-up"         // funding → receivable, then available
	Correct       Kind = "correction"     // correction → receivable, then available; or back: available, then receivable → correction
)

// Transfer is one ledger transfer.
type Transfer struct {
	ID        int64
	ProjectID int64
	Currency  string
	Debit     Account
	Credit    Account
	Amount    int64 // minor units, above zero
	Kind      Kind
	Payment   int64 // payout.Payment.ID; 0 where it belongs to none
	Operation int64
	Reason    string // an operator's, for transfers by hand
	At        time.Time
}

// Balance is all accounts of one project in one currency, as credits less debits.
type Balance struct {
	ProjectID int64
	Currency  string
	credits   [len(accountNames)]int64
}

// NewBalance returns the balance with the stored sums (credits less debits, by account).
func NewBalance(projectID int64, currency string, sums map[Account]int64) Balance {
	b := Balance{ProjectID: projectID, Currency: currency}
	for a, v := range sums {
		b.credits[a] = v
	}
	return b
}

// Sum is an account's credits less its debits.
func (b *Balance) Sum(a Account) int64 { return b.credits[a] }

// Owed is what the merchant owes: the receivable as a number above or equal to zero.
func (b *Balance) Owed() int64 { return -b.credits[Receivable] }

// Errors of Post.
var (
	ErrInsufficient = errors.New("ledger: insufficient funds")
	ErrTransfer     = errors.New("ledger: transfer is not valid")
)

// Post books t. It changes nothing and returns ErrInsufficient where an account that may not go below zero would,
// ErrTransfer where the transfer does not belong to this balance, is not positive or overflows.
func (b *Balance) Post(t Transfer) error {
	if t.ProjectID != b.ProjectID || t.Currency != b.Currency || t.Amount <= 0 || t.Debit == t.Credit {
		return fmt.Errorf("%w: %s %d %s→%s on balance %d %s", ErrTransfer, t.Currency, t.Amount, t.Debit, t.Credit, b.ProjectID, b.Currency)
	}
	from, to := b.credits[t.Debit], b.credits[t.Credit]
	if from < -math.MaxInt64+t.Amount || to > math.MaxInt64-t.Amount {
		return fmt.Errorf("%w: %d %s overflows", ErrTransfer, t.Amount, t.Currency)
	}
	from, to = from-t.Amount, to+t.Amount
	if (t.Debit == Available || t.Debit == Held || t.Debit == Disputed) && from < 0 {
		return fmt.Errorf("%w: %s of project %d has %d %s less than needed", ErrInsufficient, t.Debit, b.ProjectID, -from, b.Currency)
	}
	if t.Credit == Receivable && to > 0 {
		return fmt.Errorf("%w: more than project %d owes", ErrTransfer, b.ProjectID)
	}
	b.credits[t.Debit], b.credits[t.Credit] = from, to
	return nil
}

// TopUpTransfers splits a top-up: what the merchant owes is paid first, the rest becomes available.
func (b *Balance) TopUpTransfers(amount int64, reason string, at time.Time) []Transfer {
	return b.credit(amount, Transfer{ProjectID: b.ProjectID, Currency: b.Currency, Debit: Funding, Kind: TopUp, Reason: reason, At: at})
}

// CorrectionTransfers splits a correction by an operator. One above zero is split like a top-up. One below zero takes
// what is available, and what that does not cover is owed.
func (b *Balance) CorrectionTransfers(amount int64, reason string, at time.Time) []Transfer {
	base := Transfer{ProjectID: b.ProjectID, Currency: b.Currency, Kind: Correct, Reason: reason, At: at}
	if amount >= 0 {
		base.Debit = Correction
		return b.credit(amount, base)
	}
	base.Credit = Correction
	missing := -amount
	var out []Transfer
	if taken := min(b.credits[Available], missing); taken > 0 {
		t := base
		t.Debit, t.Amount = Available, taken
		out = append(out, t)
		missing -= taken
	}
	if missing > 0 {
		t := base
		t.Debit, t.Amount = Receivable, missing
		out = append(out, t)
	}
	return out
}

// credit splits what the merchant gets: what it owes is paid first, the rest becomes available.
func (b *Balance) credit(amount int64, base Transfer) []Transfer {
	var out []Transfer
	if owed := min(b.Owed(), amount); owed > 0 {
		t := base
		t.Credit, t.Amount = Receivable, owed
		out = append(out, t)
		amount -= owed
	}
	if amount > 0 {
		t := base
		t.Credit, t.Amount = Available, amount
		out = append(out, t)
	}
	return out
}
