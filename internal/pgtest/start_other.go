//go:build !unix

package pgtest

import (
	"errors"
	"net/url"
)

func start(string) (*url.URL, error) {
	return nil, errors.New("pgtest starts PostgreSQL on Unix only; set " + Variable +
		" to the URL of a server whose user may create databases")
}
