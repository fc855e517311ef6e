// Package people keeps who signs in to Dashboard: accounts with their rights, second factors, sessions and devices, invitations,
// the tries that are delayed, and what each one has saved. Whoever may decide with whom is the store's own: see
// store.Another.
package people

import "flashpay/internal/store"

// Directory is a store's accounts and what belongs to them. It has no state of its own: any number of them may be made.
type Directory struct {
	store *store.Store
}

// New returns the accounts of a store.
func New(s *store.Store) *Directory { return &Directory{store: s} }
