package store_test

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"
	"testing"

	"flashpay/internal/pgtest"
	"flashpay/internal/store"
	"flashpay/internal/store/sqldb"
	"flashpay/internal/storetest"
)

// A pooler that shares sessions is refused at the start, in words that say what to do; one that does not is not.
func TestASharedSessionIsRefused(t *testing.T) {
	t.Parallel()
	database := pgtest.URL(t)
	own := newRoute(t, database) // as a pooler whose sessions are its clients' own
	open(t, own.address(t, database))
	through := newRoute(t, "postgres://"+newPooler(t, own.target))
	s, err := store.Open(t.Context(), store.Config{URL: through.address(t, database), Keyset: storetest.Keyset(), Serve: true})
	if !errors.Is(err, sqldb.ErrShared) {
		t.Errorf("opened with %v; want it refused", err)
	}
	if err == nil {
		_ = s.Close(t.Context())
	}
}

// pooler has one session at a server, which each of its clients gets for a transaction.
type pooler struct {
	session  net.Conn
	greeting []byte // what the server said at the start of the session
	turn     sync.Mutex
}

func newPooler(t *testing.T, server string) (address string) {
	t.Helper()
	session, err := net.Dial("tcp", server)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = listener.Close(), session.Close() })
	p := &pooler{session: session}
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go p.serve(client)
		}
	}()
	return listener.Addr().String()
}

// message reads a message of the protocol: where it is typed, its type stands before its length.
func message(from io.Reader, typed int) ([]byte, error) {
	head := make([]byte, typed+4)
	if _, err := io.ReadFull(from, head); err != nil {
		return nil, err
	}
	body := make([]byte, binary.BigEndian.Uint32(head[typed:])-4)
	_, err := io.ReadFull(from, body)
	return append(head, body...), err
}

// answer passes on what the server says until it is ready, and returns it; open says that a transaction is.
func (p *pooler) answer(to io.Writer) (said []byte, open bool, err error) {
	for {
		m, err := message(p.session, 1)
		if err != nil {
			return said, false, err
		}
		said = append(said, m...)
		if _, err := to.Write(m); err != nil {
			return said, false, err
		}
		if m[0] == 'Z' {
			return said, m[5] != 'I', nil
		}
	}
}

func (p *pooler) serve(client net.Conn) {
	defer func() { _ = client.Close() }()
	start, err := message(client, 0)
	if err == nil && len(start) == 8 { // it asks for TLS
		if _, err = client.Write([]byte{'N'}); err == nil {
			start, err = message(client, 0)
		}
	}
	if err != nil {
		return
	}
	p.turn.Lock()
	if p.greeting == nil {
		if _, err = p.session.Write(start); err == nil {
			p.greeting, _, err = p.answer(client)
		}
	} else {
		_, err = client.Write(p.greeting)
	}
	p.turn.Unlock()
	for held := false; err == nil; {
		var m []byte
		if m, err = message(client, 1); err != nil || m[0] == 'X' {
			return
		}
		if !held {
			p.turn.Lock()
			held = true
		}
		if _, err = p.session.Write(m); err == nil && (m[0] == 'Q' || m[0] == 'S') {
			if _, held, err = p.answer(client); !held {
				p.turn.Unlock()
			}
		}
	}
}
