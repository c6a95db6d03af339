package safedial_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/internal/safedial"
	"github.com/dmshop/dmshop/internal/safedial/safedialtest"
)

// A name of Tor goes to the proxy and nowhere else, and nothing else goes to
// the proxy.
func TestOnion(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hidden") }))
	defer srv.Close()
	tor := safedialtest.NewOnion(t, srv.Listener.Addr().String())
	tr := safedialtest.NewTrap(t)
	g := guard(t, safedial.Options{Onion: tor.Address, Ports: []uint16{80, 443, tr.Port}, Resolver: safedialtest.Resolver(func(name string) []string {
		require.NotContains(t, name, "onion", "it is not resolved")
		return []string{"127.0.0.1"}
	})})
	body, err := get(t, g, "http://ABC.onion/x")
	require.NoError(t, err)
	require.Equal(t, "hidden", body)
	require.Equal(t, []string{"abc.onion:80"}, tor.Asked())

	for url, kind := range map[string]error{
		"http://wallet.example/":                safedial.ErrScheme,
		"http://abc.onion.example/":             safedial.ErrScheme,
		"http://abc.onion:6379/":                safedial.ErrPort,
		"http://user@abc.onion/":                safedial.ErrUserinfo,
		"https://" + tr.Address("evil.example"): safedial.ErrAddress,
	} {
		_, err := get(t, g, url)
		require.ErrorIs(t, err, kind, url)
	}
	require.Len(t, tor.Asked(), 1)
	require.Zero(t, tr.Visits(t))

	g = guard(t, safedial.Options{})
	_, err = get(t, g, "http://abc.onion/")
	require.ErrorIs(t, err, safedial.ErrOnion)
	for _, proxy := range []string{"localhost:9050", "127.0.0.1", "socks5://127.0.0.1:9050"} {
		_, err := safedial.New(safedial.Options{Onion: proxy})
		require.ErrorContains(t, err, "onion proxy", proxy)
	}
}
