package audit

import (
	"context"
	"time"

	"flashpay/internal/payout"
	"flashpay/internal/store"
	"flashpay/internal/tariff"
)

type tariffKey struct {
	project int64
	tariff.Key
}

// readTariffs reads all tariffs, for the fees of payouts that were there before.
func (r *run) readTariffs(ctx context.Context) error {
	stored, err := r.store.Tariffs(ctx, 0)
	r.tariffs = make(map[tariffKey][]store.TariffVersion)
	for _, v := range stored {
		k := tariffKey{v.ProjectID, v.Key}
		r.tariffs[k] = append(r.tariffs[k], v)
	}
	r.checked("tariffs", int64(len(stored)))
	return err
}

// tariffKnown is how long after it was set every process knows a tariff at the latest: they look each second.
const tariffKnown = 10 * time.Minute

// checkTariff looks for the tariff by which an accepted payout's fee was computed: the platform had it, it held then, and it
// was not an old one.
func (d *dossier) checkTariff(r *run) {
	o := d.operation
	if d.journal.first.Code != payout.CodeSuccess || o.CreatedAt.After(r.now) {
		return
	}
	_, _, currency := o.Cost()
	versions := r.tariffs[tariffKey{d.ProjectID, tariff.Key{Method: d.Method, Currency: currency}}]
	var used *tariff.Holding
	known := tariff.Book{}
	for i := range versions {
		v := &versions[i]
		if o.Terms != nil && o.Terms.Tariff != nil && v.Version == o.Terms.Tariff.Version && v.Equal(o.Terms.Tariff) {
			used = &v.Holding
		}
		if !v.RecordedAt.After(o.CreatedAt.Add(-tariffKnown)) {
			known[v.Key] = append(known[v.Key], v.Holding)
		}
	}
	due, held := known.At(tariff.Key{Method: d.Method, Currency: currency}, o.CreatedAt.Add(-tariffKnown))
	switch {
	case used == nil && o.Terms != nil && o.Terms.Tariff != nil:
		d.fail(KindOperation, "it names version %d of the tariff of %s in %s, which the platform never had so", o.Terms.Tariff.Version, d.Method, currency)
	case used == nil && held:
		d.fail(KindOperation, "it has no fee, although version %d of the tariff of %s in %s held", due.Version, d.Method, currency)
	case used != nil && used.From.After(o.CreatedAt):
		d.fail(KindOperation, "its fee is by version %d of the tariff, which held only later", used.Version)
	case used != nil && held && (used.From.Before(due.From) || used.From.Equal(due.From) && used.Version < due.Version):
		d.fail(KindOperation, "its fee is by version %d of the tariff, although version %d held", used.Version, due.Version)
	}
}
