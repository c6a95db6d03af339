package safedial_test

import (
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/internal/safedial"
	"github.com/dmshop/dmshop/internal/safedial/safedialtest"
)

// quiet takes the server's complaints about clients that do not trust it.
var quiet = log.New(io.Discard, "", 0)

func hello(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello") }

func TestTheSandboxLetsThroughExactlyWhatIsListed(t *testing.T) {
	t.Parallel()
	host := serve(t, "wallet.example", hello)
	other := serve(t, "other.example:8443", hello)
	g := guard(t, safedial.Options{Allow: []safedial.Host{host, other}, Resolver: safedialtest.Resolver(func(string) []string {
		return []string{"127.0.0.1"}
	})})

	for _, url := range []string{
		"https://wallet.example/", "https://WALLET.example/x", "https://wallet.example:443", "https://other.example:8443",
	} {
		body, err := get(t, g, url)
		require.NoError(t, err, url)
		require.Equal(t, "hello", body)
	}
	for url, want := range map[string]error{
		"https://sub.wallet.example":  safedial.ErrAddress,
		"https://wallet.example.":     safedial.ErrAddress,
		"https://allet.example":       safedial.ErrAddress,
		"https://wallet.example:8443": safedial.ErrPort,
		"https://other.example":       safedial.ErrAddress,
		"http://wallet.example":       safedial.ErrScheme,
		"https://u:p@wallet.example":  safedial.ErrUserinfo,
		"https://" + host.Dial:        safedial.ErrPort,
		"ftp://wallet.example":        safedial.ErrScheme,
		"https://":                    safedial.ErrAddress,
	} {
		_, err := get(t, g, url)
		require.ErrorIs(t, err, want, url)
	}
}

func TestACertificateAuthorityCountsForItsHostOnly(t *testing.T) {
	t.Parallel()
	a, b := serve(t, "a.example", hello), serve(t, "b.example", hello)
	a.CA, b.CA = b.CA, a.CA
	g := guard(t, safedial.Options{Allow: []safedial.Host{a, b}})
	for _, url := range []string{"https://a.example", "https://b.example"} {
		_, err := get(t, g, url)
		require.ErrorContains(t, err, "certificate")
	}

	// And none of them for the rest of the world.
	a.CA, b.CA = b.CA, a.CA
	port := netip.MustParseAddrPort(a.Dial).Port()
	g = guard(t, safedial.Options{Allow: []safedial.Host{a}, Ports: []uint16{port}, Resolver: safedialtest.Resolver(func(string) []string {
		return []string{"127.0.0.1"}
	})})
	g.SetPublic(func(netip.Addr) bool { return true })
	_, err := get(t, g, "https://"+net.JoinHostPort("a.example", a.Dial[strings.LastIndexByte(a.Dial, ':')+1:]))
	require.ErrorContains(t, err, "certificate")
}

func TestRedirects(t *testing.T) {
	t.Parallel()
	var cookies atomic.Int32
	elsewhere := serve(t, "elsewhere.example", hello)
	otherPort := serve(t, "wallet.example:8443", hello)
	host := serve(t, "wallet.example", func(w http.ResponseWriter, r *http.Request) {
		cookies.Add(int32(len(r.Cookies())))
		http.SetCookie(w, &http.Cookie{Name: "track", Value: "me"})
		to := r.URL.Query().Get("to")
		switch {
		case strings.HasPrefix(r.URL.Path, "/hops/") && len(r.URL.Path) > len("/hops/"):
			http.Redirect(w, r, strings.TrimSuffix(r.URL.Path, "x"), http.StatusFound)
		case to != "":
			http.Redirect(w, r, to, http.StatusFound)
		default:
			hello(w, r)
		}
	})
	g := guard(t, safedial.Options{Allow: []safedial.Host{host, elsewhere, otherPort}})

	for _, path := range []string{"/hops/", "/hops/x", "/hops/xx", "/?to=https://wallet.example:443/"} {
		body, err := get(t, g, "https://wallet.example"+path)
		require.NoError(t, err, path)
		require.Equal(t, "hello", body)
	}
	for _, path := range []string{
		"/hops/xxx", "/?to=http://wallet.example/", "/?to=https://elsewhere.example/", "/?to=//elsewhere.example/",
		"/?to=https://wallet.example:8443/", "/?to=http://127.0.0.1/", "/?to=https://127.0.0.1/", "/?to=file:///etc/passwd",
	} {
		_, err := get(t, g, "https://wallet.example"+path)
		require.ErrorIs(t, err, safedial.ErrRedirect, path)
	}
	_, err := get(t, g, "https://wallet.example/?to=https://root@wallet.example/")
	require.ErrorIs(t, err, safedial.ErrUserinfo)
	require.Zero(t, cookies.Load(), "no cookies are kept")
}

func TestBodiesAreBounded(t *testing.T) {
	t.Parallel()
	host := serve(t, "wallet.example", func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, strings.Repeat("x", 1<<10))
		if r.URL.Path == "/more" {
			io.WriteString(w, "x")
		}
	})
	g := guard(t, safedial.Options{Allow: []safedial.Host{host}})
	body, err := get(t, g, "https://wallet.example/")
	require.NoError(t, err)
	require.Len(t, body, 1<<10)
	_, err = get(t, g, "https://wallet.example/more")
	require.ErrorIs(t, err, safedial.ErrTooLarge)
}

func TestABombIsNotInflated(t *testing.T) {
	t.Parallel()
	host := serve(t, "wallet.example", func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, r.Header.Get("Accept-Encoding"))
	})
	g := guard(t, safedial.Options{Allow: []safedial.Host{host}})
	body, err := get(t, g, "https://wallet.example/")
	require.NoError(t, err)
	require.Empty(t, body, "we ask for no compression")
}

func TestHeadersAreBounded(t *testing.T) {
	t.Parallel()
	host := serve(t, "wallet.example", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Big", strings.Repeat("x", 128<<10))
	})
	g := guard(t, safedial.Options{Allow: []safedial.Host{host}})
	_, err := get(t, g, "https://wallet.example/")
	require.ErrorContains(t, err, "headers exceeded")
}

func TestASlowHostIsGivenUp(t *testing.T) {
	t.Parallel()
	host := serve(t, "wallet.example", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/drip" {
			io.WriteString(w, "x")
			w.(http.Flusher).Flush()
		}
		<-r.Context().Done()
		// An ordinary return would end the body well, and that could still
		// reach a client whose time has run out.
		panic(http.ErrAbortHandler)
	})
	g := guard(t, safedial.Options{Allow: []safedial.Host{host}, Timeout: 200 * time.Millisecond})
	for _, path := range []string{"/silent", "/drip"} {
		_, err := get(t, g, "https://wallet.example"+path)
		var timeout net.Error
		require.ErrorAs(t, err, &timeout, path)
		require.True(t, timeout.Timeout())
	}
}

func TestASlowConnectIsGivenUp(t *testing.T) {
	t.Parallel()
	g := guard(t, safedial.Options{
		Connect:  50 * time.Millisecond,
		Resolver: &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) { <-ctx.Done(); return nil, ctx.Err() }},
	})
	_, err := g.DialContext(t.Context(), "tcp", "slow.example:443")
	var timeout net.Error
	require.ErrorAs(t, err, &timeout)
	require.True(t, timeout.Timeout())
}

func TestNoProxyFromTheEnvironment(t *testing.T) {
	tr := safedialtest.NewTrap(t)
	t.Setenv("HTTPS_PROXY", "http://"+tr.Address("127.0.0.1"))
	t.Setenv("HTTP_PROXY", "http://"+tr.Address("127.0.0.1"))
	g := guard(t, safedial.Options{Resolver: safedialtest.Resolver(func(string) []string { return []string{"10.0.0.1"} })})
	_, err := get(t, g, "https://wallet.example/")
	require.ErrorIs(t, err, safedial.ErrAddress)
	require.Zero(t, tr.Visits(t))
}

func TestWebSocketThroughTheGuard(t *testing.T) {
	t.Parallel()
	host := serve(t, "relay.example", func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer c.CloseNow()
		kind, msg, err := c.Read(r.Context())
		if err == nil {
			c.Write(r.Context(), kind, msg)
		}
		c.Read(r.Context())
	})
	g := guard(t, safedial.Options{Allow: []safedial.Host{host}, Timeout: 2 * time.Second})
	c, _, err := websocket.Dial(t.Context(), "wss://relay.example", &websocket.DialOptions{HTTPClient: g.Client()})
	require.NoError(t, err)
	defer c.CloseNow()
	require.NoError(t, c.Write(t.Context(), websocket.MessageText, []byte("ping")))
	_, msg, err := c.Read(t.Context())
	require.NoError(t, err)
	require.Equal(t, "ping", string(msg))

	for url, want := range map[string]error{
		"ws://relay.example": safedial.ErrScheme, "wss://127.0.0.1": safedial.ErrAddress, "wss://x@relay.example": safedial.ErrUserinfo,
	} {
		_, _, err = websocket.Dial(t.Context(), url, &websocket.DialOptions{HTTPClient: g.Client()})
		require.ErrorIs(t, err, want, url)
	}
}
