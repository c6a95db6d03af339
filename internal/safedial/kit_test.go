package safedial_test

import (
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/dmshop/dmshop/internal/safedial"
	"github.com/dmshop/dmshop/internal/safedial/devca"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

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
