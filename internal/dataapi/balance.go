package dataapi

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"flashpay/internal/ledger"
	"flashpay/signature"
)

// balanceGet answers what may be paid out: for each project that the user sees its name, and a member for each currency
// with the available sum in minor units, as a string.
func balanceGet(ctx context.Context, c *call) (signature.Value, *refusal) {
	w := c.parameters()
	projects := w.projects()
	if w.fault != nil {
		return signature.Value{}, w.fault
	}
	items := make([]signature.Value, 0, len(projects))
	for _, id := range projects {
		balances, err := c.api.Store.Balances(ctx, id)
		if err != nil {
			return signature.Value{}, failed(err)
		}
		name := strconv.FormatInt(id, 10)
		if p, ok := c.api.Store.Project(id); ok && p.Name != "" {
			name = fmt.Sprintf("%s (%d)", p.Name, id)
		}
		members := []signature.Member{signature.Field("name", signature.Str(name))}
		for _, currency := range slices.Sorted(maps.Keys(balances)) {
			b := balances[currency]
			members = append(members, signature.Field(currency, signature.Str(strconv.FormatInt(b.Sum(ledger.Available), 10))))
		}
		items = append(items, signature.Obj(members...))
	}
	return signature.Obj(signature.Field("balance", signature.Arr(items...))), nil
}
