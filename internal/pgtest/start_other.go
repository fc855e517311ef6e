//go:build !unix

package pgtest

import (
	"errors"
)

func start(string) (instance, error) {
	return instance{}, errors.New("pgtest starts PostgreSQL on Unix only; set " + Variable +
		" to the URL of a server whose user may create databases")
}
