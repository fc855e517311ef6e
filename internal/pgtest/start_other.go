//go:build !unix

package pgtest

import (
	"errors"
	"net/url"
)

func start(string) (instance, error) {
	return instance{}, errors.New("pgtest starts PostgreSQL on Unix only; set " + Variable +
		" to the URL of a server whose user may create databases")
}

func startStandby(string, *url.URL) (instance, error) {
	return instance{}, errors.New("pgtest starts PostgreSQL on Unix only")
}
