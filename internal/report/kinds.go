package report

import (
	"context"
	"fmt"
	"io"
	"slices"

	"flashpay/internal/massbatch"
	"flashpay/internal/payout"
	"flashpay/internal/record"
	"flashpay/internal/store"
	"flashpay/internal/store/export"
)

// Kind is a list of which reports are made.
type Kind struct {
	Name     string
	Columns  []Column
	Statuses []payout.Status // that can be chosen
	Filters  []string        // fields of a form that choose rows, beyond project, from and to

	perPayment bool // a row for each payment, but for few
	choose     func(names []string) error
	write      func(ctx context.Context, m *making) error
}

// Column is a column that can be chosen.
type Column struct {
	Name    string
	Default bool // it is in a report that names no columns
	Absent  bool // payouts to accounts have nothing to put there: it is always empty
}

// Has tells whether rows can be chosen by a field.
func (k *Kind) Has(field string) bool { return slices.Contains(k.Filters, field) }

// Defaults are the columns of a report that names none.
func (k *Kind) Defaults() (names []string) {
	for _, c := range k.Columns {
		if c.Default {
			names = append(names, c.Name)
		}
	}
	return names
}

// Kinds are all kinds, in the order in which forms show them.
var Kinds = []*Kind{
	perPayment(newKind("operations", record.Operations, ofOperations, func(ctx context.Context, m *making, needs record.Fields, each func(*record.Operation) error) error {
		return m.export.Operations(ctx, m.filter, needs, each)
	})),
	perPayment(newKind("payments", record.Payments, ofOperations, func(ctx context.Context, m *making, needs record.Fields, each func(*record.Operation) error) error {
		return m.export.Payments(ctx, m.filter, needs, each)
	})),
	newKind("movements", record.Movements, ofSums, func(ctx context.Context, m *making, _ record.Fields, each func(*record.Movement) error) error {
		return m.export.Movements(ctx, m.filter, each)
	}),
	ofRows(newKind("mass_payouts", record.BatchRows, ofOperations, func(ctx context.Context, m *making, needs record.Fields, each func(*record.BatchRow) error) error {
		return massbatch.Results(ctx, m.store, m.export, m.filter, needs, each)
	})),
	newKind("callbacks", record.Callbacks, ofOperations, func(ctx context.Context, m *making, _ record.Fields, each func(*record.Callback) error) error {
		return m.export.Callbacks(ctx, m.filter, each)
	}),
}

func perPayment(k *Kind) *Kind {
	k.perPayment = true
	return k
}

// ofRows adds what a row can count as that made no payment.
func ofRows(k *Kind) *Kind {
	k.Statuses = slices.Clone(k.Statuses)
	for _, word := range massbatch.RowWords() {
		k.Statuses = append(k.Statuses, payout.Status(word))
	}
	return k
}

var (
	ofSums       = []string{"currency", "min", "max"}
	ofOperations = append([]string{"method", "status", "code"}, ofSums...)
)

var statuses = []payout.Status{payout.Processing, payout.AwaitingRetry, payout.Success, payout.Decline, payout.Reversed}

// Find returns a kind by its name.
func Find(name string) (*Kind, bool) {
	i := slices.IndexFunc(Kinds, func(k *Kind) bool { return k.Name == name })
	if i < 0 {
		return nil, false
	}
	return Kinds[i], true
}

// making is a report that is being made.
type making struct {
	request *Request
	store   *store.Store
	export  *export.Export
	filter  export.Filter
	out     io.Writer
	row     func() error // counts one that was written
}

// newKind makes a kind of a table of columns, and of what reads its records. Columns that are objects on the wire are left
// out: their members are columns, too.
func newKind[T any](name string, table record.Table[T], filters []string, read func(context.Context, *making, record.Fields, func(*T) error) error) *Kind {
	k := &Kind{Name: name, Filters: filters}
	if slices.Contains(filters, "status") {
		k.Statuses = statuses
	}
	offered := slices.DeleteFunc(slices.Clone(table), func(c record.Column[T]) bool { return c.Type == "object" })
	for _, c := range offered {
		k.Columns = append(k.Columns, Column{Name: c.Name, Default: !c.Absent && (c.Required || c.Type == "" && c.Needs&record.Request == 0), Absent: c.Absent})
	}
	k.choose = func(names []string) error {
		_, err := offered.Choose(names)
		return err
	}
	k.write = func(ctx context.Context, m *making) error {
		columns, err := offered.Choose(m.request.Columns)
		if err != nil {
			return fmt.Errorf("report: %w", err)
		}
		zone, err := m.request.location()
		if err != nil {
			return err
		}
		rows, err := NewRows(m.out, columns, m.request.Format, zone)
		if err != nil {
			return err
		}
		if err := rows.Flush(); err != nil { // whoever waits has the first byte
			return err
		}
		err = read(ctx, m, record.Needs(columns), func(of *T) error {
			if err := rows.Write(of); err != nil {
				return err
			}
			return m.row()
		})
		if err != nil {
			return err
		}
		return rows.Flush()
	}
	return k
}
