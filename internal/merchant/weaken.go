package merchant

import (
	"maps"
	"net/netip"
	"slices"

	"flashpay/internal/account"
)

// Controlled tells whether the project asks for a second person, above some sum of some currency. Then what weakens
// control over its payouts waits for one, too.
func (p *Project) Controlled() bool { return len(p.Settings.Approval) > 0 }

// Weakening lists what of a change weakens control over what is paid: who may send, how much, where to, and who is told.
// A setting that does not say what weakens it is weakened by every change.
func Weakening(before, after *Project) []Difference {
	return slices.DeleteFunc(Differences(before, after), func(d Difference) bool {
		return d.weakens != nil && !d.weakens(before, after, d.Path)
	})
}

func never(_, _ *Project, _ string) bool { return false }

func always(_, _ *Project, _ string) bool { return true }

// weakensEnabled: a method that is switched on is another way out.
func weakensEnabled(before, after *Project, path string) bool {
	return before.Settings.Methods[path].Disabled && !after.Settings.Methods[path].Disabled
}

// weakensCurrencies: a further currency may be one without an approval sum.
func weakensCurrencies(before, after *Project, path string) bool {
	had, has := before.Settings.Methods[path].Currencies, after.Settings.Methods[path].Currencies
	return len(had) > 0 && (len(has) == 0 || slices.ContainsFunc(has, func(c string) bool { return !slices.Contains(had, c) }))
}

// weakensConversion: further currencies may be some without an approval sum.
func weakensConversion(before, after *Project, _ string) bool {
	return after.Settings.Conversion.On && !before.Settings.Conversion.On
}

// weakensMax: a payout may be larger than before.
func weakensMax(before, after *Project, path string) bool {
	return raised(before.Settings.Methods[path].Max, after.Settings.Methods[path].Max)
}

func weakensApproval(before, after *Project, _ string) bool {
	return raised(before.Settings.Approval, after.Settings.Approval)
}

// raised tells whether a limit is higher than it was, or gone.
func raised(before, after Sums) bool {
	for currency := range maps.Keys(before) {
		if limit, ok := after[currency]; !ok || limit > before[currency] {
			return true
		}
	}
	return false
}

// weakensAllowIP: requests are let in from an address that was not.
func weakensAllowIP(before, after *Project, _ string) bool {
	had, has := before.Settings.AllowIP, after.Settings.AllowIP
	if len(had) == 0 {
		return false
	}
	return len(has) == 0 || slices.ContainsFunc(has, func(n netip.Prefix) bool { return !within(n, had) })
}

func within(network netip.Prefix, networks []netip.Prefix) bool {
	return slices.ContainsFunc(networks, func(n netip.Prefix) bool { return n.Bits() <= network.Bits() && n.Contains(network.Addr()) })
}

// weakensAccountCheck: wrong account numbers are looked at less strictly. The default of a live project is the method's
// own, which may be any.
func weakensAccountCheck(before, after *Project, _ string) bool {
	strictness := map[account.Policy]int{account.Off: 0, account.Warn: 1, account.Strict: 2}
	least, most := 0, 0 // how strict the default can be
	if before.Mode == Live {
		most = 2
	}
	had, has := most, least
	if policy := before.Settings.AccountCheck; policy != "" {
		had = strictness[policy]
	}
	if policy := after.Settings.AccountCheck; policy != "" {
		has = strictness[policy]
	}
	return has < had
}
