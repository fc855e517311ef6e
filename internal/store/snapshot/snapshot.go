// Package snapshot reads a whole database for the audit, as it stands at one instant, page after page.
package snapshot

import "flashpay/internal/store"

// Reader reads a store's database. It has no state of its own: any number of them may be made.
type Reader struct {
	store *store.Store
}

// Of returns the reader of a store's database.
func Of(s *store.Store) *Reader { return &Reader{store: s} }
