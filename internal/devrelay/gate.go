package devrelay

import (
	"bufio"
	"net"
	"net/http"
	"sync"
)

// gate, when shut, holds up all reads and writes of the sockets behind it: to
// the peer they are half-open.
type gate struct {
	mu   sync.Mutex
	shut chan struct{} // nil: open; closed when it opens
}

func (g *gate) set(shut bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if shut == (g.shut != nil) {
		return
	}
	if shut {
		g.shut = make(chan struct{})
		return
	}
	close(g.shut)
	g.shut = nil
}

// wait returns when the gate is open, or false when done closed before.
func (g *gate) wait(done <-chan struct{}) bool {
	for {
		g.mu.Lock()
		shut := g.shut
		g.mu.Unlock()
		if shut == nil {
			return true
		}
		select {
		case <-shut:
		case <-done:
			return false
		}
	}
}

// gatedConn is a socket behind a gate.
type gatedConn struct {
	net.Conn
	gate   *gate
	once   sync.Once
	closed chan struct{}
}

func (c *gatedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if !c.gate.wait(c.closed) {
		return 0, net.ErrClosed
	}
	return n, err
}

func (c *gatedConn) Write(p []byte) (int, error) {
	if !c.gate.wait(c.closed) {
		return 0, net.ErrClosed
	}
	return c.Conn.Write(p)
}

func (c *gatedConn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.Conn.Close()
}

// reset closes as a crash does: without a goodbye.
func (c *gatedConn) reset() {
	if tcp, ok := c.Conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // on a socket closed before, nothing is left to do
	}
	_ = c.Close()
}

// gatedHijacker puts the socket of an upgraded request behind a gate.
type gatedHijacker struct {
	http.ResponseWriter
	gate *gate
	conn *gatedConn
}

// Hijack implements [http.Hijacker].
func (h *gatedHijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(h.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	h.conn = &gatedConn{Conn: conn, gate: h.gate, closed: make(chan struct{})}
	return h.conn, bufio.NewReadWriter(rw.Reader, bufio.NewWriter(h.conn)), nil
}
