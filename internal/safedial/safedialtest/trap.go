// Package safedialtest holds what the tests of guarded dialling share: a trap
// that counts who comes, a resolver that answers as it is told, and a proxy
// that plays Tor.
package safedialtest

import (
	"net"
	"net/netip"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// Trap listens on loopback and counts who comes.
type Trap struct {
	// Port is where.
	Port  uint16
	count atomic.Int32
}

// NewTrap opens a trap, until the test ends.
func NewTrap(t *testing.T) *Trap {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	tr := &Trap{Port: netip.MustParseAddrPort(l.Addr().String()).Port()}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			tr.count.Add(1)
			c.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return tr
}

// Address is the trap's port at a host.
func (tr *Trap) Address(host string) string {
	return net.JoinHostPort(host, strconv.Itoa(int(tr.Port)))
}

// Visits counts the connections so far. A connection that the kernel accepted
// is seen by Accept later, so one of our own goes last and is waited for.
func (tr *Trap) Visits(t *testing.T) int {
	t.Helper()
	c, err := net.Dial("tcp", tr.Address("127.0.0.1"))
	require.NoError(t, err)
	_, err = c.Read(make([]byte, 1)) // ends when the trap closes it
	require.Error(t, err)
	c.Close()
	return int(tr.count.Add(-1))
}
