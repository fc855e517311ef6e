package dataapi

import "context"

// HoldTurn takes an account's turn for requests over long intervals.
func (a *API) HoldTurn(user int64) error {
	_, err := a.endless.enter(context.Background(), user)
	return err
}
