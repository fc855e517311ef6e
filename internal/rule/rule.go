// Package rule is the consistency check: what needs a project's settings and funds, decided purely, in a fixed order
// (product.md §2). The caller gives the state, folds what a verdict changes, and stores the outcome in one commit.
package rule

import (
	"slices"
	"time"

	"flashpay/internal/merchant"
	"flashpay/internal/payout"
)

// Item is the payout to be judged.
type Item struct {
	Method     string // method path
	Currencies []string
	MinAmount  int64 // the method's limits in the item's currency, minor units
	MaxAmount  int64
	Step       int64 // the method takes multiples of it only; 0 or 1: any sum
	Amount     int64
	Currency   string
	BestBefore time.Time // zero: none
	BadAccount bool      // the account doctor refused it, and the policy is strict
}

// State is what an item is judged against.
type State struct {
	Project      *merchant.Project
	LiveProvider bool  // there is a provider for this method and the project's mode
	Available    int64 // funds in the item's currency
	Now          time.Time
}

// Decide gives the code that declines the item, or 0 (payout.CodeSuccess) where it may go on.
// The order is fixed, so that the same request always meets the same first reason.
func Decide(s State, i Item) int {
	settings := s.Project.Settings.Methods[i.Method]
	least, most := settings.Limits(i.Currency, i.MinAmount, i.MaxAmount)
	switch {
	case s.Project.Blocked:
		return payout.CodeMerchantBlocked
	case settings.Disabled:
		return payout.CodeNotAllowed
	case !s.LiveProvider:
		return payout.CodeNoPayoutMethod
	case !currencyAllowed(settings, i):
		return payout.CodeCurrencyDisabled
	case i.Amount > most:
		return payout.CodeAboveLimit
	case i.Amount < least:
		return payout.CodeBelowLimit
	case i.Step > 1 && i.Amount%i.Step != 0:
		return payout.CodeInvalidAmount
	case i.BadAccount:
		return payout.CodeAccountData
	case !i.BestBefore.IsZero() && !i.BestBefore.After(s.Now):
		return payout.CodeAutoDecline
	// Black lists and risk, then velocity, have their place here: before the funds.
	case i.Amount > s.Available:
		return payout.CodeInsufficientFunds
	}
	return payout.CodeSuccess
}

func currencyAllowed(settings merchant.MethodSettings, i Item) bool {
	if len(settings.Currencies) > 0 && !slices.Contains(settings.Currencies, i.Currency) {
		return false
	}
	return slices.Contains(i.Currencies, i.Currency)
}

// CallbackURL says where the callback of a payment with this status goes: protocol.md §5.2, highest first. It is
// empty where nobody wants it.
func CallbackURL(p *merchant.Project, o payout.Options, method string, status payout.Status) string {
	switch {
	case status == payout.Success && o.SuccessCallbackURL != "":
		return o.SuccessCallbackURL
	case status == payout.Decline && o.DeclineCallbackURL != "":
		return o.DeclineCallbackURL
	case o.CallbackURL != "":
		return o.CallbackURL
	}
	for _, r := range p.Settings.CallbackRules {
		if !r.Disabled && fits(r.Type, payout.Type) && fits(r.Result, string(status)) && fits(r.Method, method) {
			return r.URL
		}
	}
	return p.Settings.CallbackURL
}

func fits(condition, value string) bool { return condition == "" || condition == value }
