package safedial_test

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/dmshop/dmshop/internal/safedial"
	"github.com/dmshop/dmshop/internal/safedial/devca"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// trap listens on loopback and counts who comes.
type trap struct {
	port  uint16
	count atomic.Int32
}

func newTrap(t *testing.T) *trap {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	tr := &trap{port: netip.MustParseAddrPort(l.Addr().String()).Port()}
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

func (tr *trap) address(host string) string {
	return net.JoinHostPort(host, strconv.Itoa(int(tr.port)))
}

// visits counts the connections so far. A connection that the kernel accepted
// is seen by Accept later, so one of our own goes last and is waited for.
func (tr *trap) visits(t *testing.T) int {
	t.Helper()
	c, err := net.Dial("tcp", tr.address("127.0.0.1"))
	require.NoError(t, err)
	_, err = c.Read(make([]byte, 1)) // ends when the trap closes it
	require.Error(t, err)
	c.Close()
	return int(tr.count.Add(-1))
}

// resolver asks answer for the IPv4 and IPv6 addresses of a name.
func resolver(answer func(name string) []string) *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go serveDNS(ours, answer)
		return theirs, nil
	}}
}

// serveDNS speaks DNS over a stream: two bytes of length before each message.
func serveDNS(c net.Conn, answer func(string) []string) {
	defer c.Close()
	for {
		var size uint16
		if binary.Read(c, binary.BigEndian, &size) != nil {
			return
		}
		raw := make([]byte, size)
		if _, err := io.ReadFull(c, raw); err != nil {
			return
		}
		var m dnsmessage.Message
		if m.Unpack(raw) != nil {
			return
		}
		m.Response, m.RecursionAvailable, m.Additionals = true, true, nil
		q := m.Questions[0]
		header := dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class}
		for _, s := range answer(strings.TrimSuffix(q.Name.String(), ".")) {
			switch ip := netip.MustParseAddr(s); {
			case ip.Is4() && q.Type == dnsmessage.TypeA:
				m.Answers = append(m.Answers, dnsmessage.Resource{Header: header, Body: &dnsmessage.AResource{A: ip.As4()}})
			case ip.Is6() && q.Type == dnsmessage.TypeAAAA:
				m.Answers = append(m.Answers, dnsmessage.Resource{Header: header, Body: &dnsmessage.AAAAResource{AAAA: ip.As16()}})
			}
		}
		out, err := m.Pack()
		if err != nil {
			return
		}
		if _, err := c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(out))), out...)); err != nil {
			return
		}
	}
}

// serve runs an HTTPS server on loopback under a made-up name and returns the
// entry that lets a guard reach it.
func serve(t *testing.T, host string, h http.HandlerFunc) safedial.Host {
	t.Helper()
	ca, err := devca.New()
	require.NoError(t, err)
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = host
	}
	cert, err := ca.Issue(name)
	require.NoError(t, err)
	srv := httptest.NewUnstartedServer(h)
	srv.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
	srv.Config.ErrorLog = quiet
	srv.StartTLS()
	t.Cleanup(srv.Close)
	return safedial.Host{Host: host, Dial: srv.Listener.Addr().String(), CA: ca.PEM()}
}

func guard(t *testing.T, o safedial.Options) *safedial.Guard {
	t.Helper()
	g, err := safedial.New(o)
	require.NoError(t, err)
	t.Cleanup(g.Client().CloseIdleConnections)
	return g
}

// get fetches a URL whole.
func get(t *testing.T, g *safedial.Guard, url string) (string, error) {
	t.Helper()
	resp, err := g.Client().Get(url)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	b, err := safedial.ReadAll(resp.Body, 1<<10)
	return string(b), err
}
