package payout

import "golang.org/x/text/cases"

// Fold gives the form under which payment ids are compared: Unicode case folding, no normalisation
// (product.md §2). It is done here and stored; SQL never folds.
func Fold(paymentID string) string {
	ascii := true
	for i := range len(paymentID) {
		if c := paymentID[i]; c >= 0x80 || 'A' <= c && c <= 'Z' {
			ascii = false
			break
		}
	}
	if ascii {
		return paymentID
	}
	return cases.Fold().String(paymentID)
}
