package lnd_test

import (
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/internal/lntest"
)

// cut is where a proxy ends a call.
type cut int

const (
	whole      cut = iota
	askLost        // the request does not arrive
	answerLost     // it arrives, and its answer does not
)

// proxy stands between a wallet and its lnd, and loses what it is told to. It
// sees TLS only: the first bytes from the client, once it is armed, are taken
// for the request, so the connection must stand before (see warm).
type proxy struct {
	target string
	l      net.Listener
	mu     sync.Mutex
	next   cut
	// answered is called when an answer has come and is about to be lost.
	answered func()
	conns    map[net.Conn]bool
	wg       sync.WaitGroup
}

func newProxy(t testing.TB, n *lntest.Node) *proxy {
	t.Helper()
	p, err := listenProxy(n.REST())
	require.NoError(t, err)
	t.Cleanup(func() {
		p.l.Close()
		p.mu.Lock()
		for c := range p.conns {
			c.Close()
		}
		p.mu.Unlock()
		p.wg.Wait()
	})
	return p
}

func listenProxy(url string) (*proxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &proxy{target: strings.TrimPrefix(url, "https://"), l: l, conns: map[net.Conn]bool{}}
	p.wg.Go(p.accept)
	return p, nil
}

func (p *proxy) URL() string { return "https://" + p.l.Addr().String() }

// lose ends the next call there.
func (p *proxy) lose(at cut) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.next = at
}

// take disarms the proxy.
func (p *proxy) take() cut {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := p.next
	p.next = whole
	return at
}

func (p *proxy) accept() {
	for {
		client, err := p.l.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.target)
		if err != nil {
			client.Close()
			continue
		}
		p.mu.Lock()
		p.conns[client], p.conns[server] = true, true
		p.mu.Unlock()
		p.wg.Go(func() { p.serve(client, server) })
	}
}

func (p *proxy) serve(client, server net.Conn) {
	defer server.Close()
	defer client.Close()
	var mu sync.Mutex
	losing := false
	p.wg.Go(func() {
		defer client.Close()
		buf := make([]byte, 64<<10)
		for {
			n, err := server.Read(buf)
			mu.Lock()
			lost := losing
			mu.Unlock()
			if err == nil && lost && p.answered != nil {
				p.answered()
			}
			if err != nil || lost {
				return
			}
			if _, err := client.Write(buf[:n]); err != nil {
				return
			}
		}
	})
	buf := make([]byte, 64<<10)
	for {
		n, err := client.Read(buf)
		if err != nil {
			return
		}
		switch p.take() {
		case askLost:
			return
		case answerLost:
			mu.Lock()
			losing = true
			mu.Unlock()
		}
		if _, err := server.Write(buf[:n]); err != nil {
			return
		}
	}
}
