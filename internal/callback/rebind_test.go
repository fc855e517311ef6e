package callback

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
)

// names is a name server that answers each question for an IPv4 address with the next of its lists of addresses, with a
// life of no seconds.
type names struct {
	answers [][]netip.Addr
	asked   atomic.Int64
}

func (n *names) resolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go n.serve(theirs)
		return ours, nil
	}}
}

// serve answers messages of RFC 1035, each behind its length, as over TCP.
func (n *names) serve(c net.Conn) {
	defer c.Close()
	for {
		var length uint16
		if binary.Read(c, binary.BigEndian, &length) != nil {
			return
		}
		question := make([]byte, length)
		if _, err := io.ReadFull(c, question); err != nil {
			return
		}
		end := 12
		for question[end] != 0 {
			end += int(question[end]) + 1
		}
		end += 5 // the name's end, type and class
		var addresses []netip.Addr
		if binary.BigEndian.Uint16(question[end-4:]) == 1 { // A
			addresses = n.answers[min(int(n.asked.Add(1)), len(n.answers))-1]
		}
		answer := append([]byte{question[0], question[1], 0x81, 0x80, 0, 1, 0, byte(len(addresses)), 0, 0, 0, 0}, question[12:end]...)
		for _, a := range addresses {
			answer = append(answer, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4)
			answer = append(answer, a.AsSlice()...)
		}
		if _, err := c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...)); err != nil {
			return
		}
	}
}

// TestAReboundNameLeadsNowhere: a name may lead to another address at every look-up, or to several at once: each is judged
// when it is connected to.
func TestAReboundNameLeadsNowhere(t *testing.T) {
	var calls atomic.Int64
	local := endpoint(t, func(http.ResponseWriter, *http.Request) { calls.Add(1) })
	inner, link, loop := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("169.254.169.254"), netip.MustParseAddr("127.0.0.1")
	lists := [][]netip.Addr{{inner}, {link}, {loop}, {inner, loop}, {loop, link}, {loop}}
	post := func(allowPrivate bool, n *names) error {
		s := newSender(&Config{DialContext: newDialer(n.resolver(), allowPrivate).DialContext})
		_, _, err := s.post(t.Context(), project, parsed(t, "http://shop.example:"+local.Port()+"/"), []byte("{}"), nil)
		return err
	}
	guarded := &names{answers: lists}
	for i := range lists {
		if err := post(false, guarded); err == nil || !strings.HasPrefix(err.Error(), "private address refused") || guarded.asked.Load() != int64(i+1) {
			t.Errorf("led to %v: %v, asked %d times", lists[i], err, guarded.asked.Load())
		}
	}
	if calls.Load() != 0 {
		t.Errorf("%d calls reached a private address", calls.Load())
	}
	if err := post(true, &names{answers: [][]netip.Addr{{loop}}}); err != nil || calls.Load() != 1 {
		t.Errorf("where private addresses are allowed: %v", err)
	}
}
