package safedialtest

import (
	"encoding/binary"
	"io"
	"net"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// Onion is a SOCKS5 proxy that plays Tor: each name that it is asked for is
// dialled at one place.
type Onion struct {
	// Address is where it listens.
	Address string
	mu      sync.Mutex
	asked   []string
}

// NewOnion opens a proxy that connects everybody to target, until the test
// ends.
func NewOnion(t *testing.T, target string) *Onion {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	o := &Onion{Address: l.Addr().String()}
	var open sync.WaitGroup
	open.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			open.Go(func() { o.serve(c, target) })
		}
	})
	t.Cleanup(func() { l.Close(); open.Wait() })
	return o
}

// Asked is what names it was asked for, with their ports.
func (o *Onion) Asked() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]string(nil), o.asked...)
}

// serve speaks as much of RFC 1928 as a client without a password needs.
func (o *Onion) serve(c net.Conn, target string) {
	defer c.Close()
	hello := make([]byte, 2)
	if _, err := io.ReadFull(c, hello); err != nil {
		return
	}
	if _, err := io.ReadFull(c, make([]byte, hello[1])); err != nil {
		return
	}
	_, _ = c.Write([]byte{5, 0})
	head := make([]byte, 5) // version, connect, 0, a name, its length
	if _, err := io.ReadFull(c, head); err != nil || head[3] != 3 {
		return
	}
	rest := make([]byte, int(head[4])+2)
	if _, err := io.ReadFull(c, rest); err != nil {
		return
	}
	name, port := rest[:head[4]], binary.BigEndian.Uint16(rest[head[4]:])
	o.mu.Lock()
	o.asked = append(o.asked, net.JoinHostPort(string(name), strconv.Itoa(int(port))))
	o.mu.Unlock()
	up, err := net.Dial("tcp", target)
	if err != nil {
		return
	}
	defer up.Close()
	_, _ = c.Write([]byte{5, 0, 0, 1, 0, 0, 0, 0, 0, 0})
	go func() {
		defer up.Close()
		_, _ = io.Copy(up, c)
	}()
	_, _ = io.Copy(c, up)
}
