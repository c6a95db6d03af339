package safedial_test

import (
	"net/netip"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/internal/safedial"
	"github.com/dmshop/dmshop/internal/safedial/safedialtest"
)

func TestNoSpellingOfAPrivateAddressIsDialled(t *testing.T) {
	t.Parallel()
	tr := safedialtest.NewTrap(t)
	// Some resolvers (getaddrinfo) read the old numeric forms as addresses.
	g := guard(t, safedial.Options{Ports: []uint16{tr.Port}, Resolver: safedialtest.Resolver(func(string) []string {
		return []string{"127.0.0.1", "::1"}
	})})
	port := ":" + strconv.Itoa(int(tr.Port))

	for _, host := range []string{
		"127.0.0.1", "127.1", "127.0.0.1.", "0", "0.0.0.0", "2130706433", "0x7f000001", "0x7f.0.0.1", "0x7f.1",
		"017700000001", "0177.0.0.1", "0177.1", "127.000.000.001", "127.0.0.1.nip.example", "localhost", "LOCALHOST",
		"localhost.", "sub.localhost", "evil.example", "evil.example.",
		"[::1]", "[::]", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]",
		"[64:ff9b::7f00:1]", "[64:ff9b:1::7f00:1]", "[2002:7f00:1::]", "[2001:0:7f00:1::]", "[::ffff:0:127.0.0.1]",
		"[fe80::1%25lo]", "[::1%25lo]", "[::ffff:8.8.8.8]", "10.0.0.1", "169.254.169.254", "192.168.1.1", "100.64.0.1",
		"１２７.0.0.1", "127。0。0。1", "①②⑦.0.0.1", "%31%32%37.0.0.1",
	} {
		_, err := get(t, g, "https://"+host+port+"/")
		require.Error(t, err, host)
	}
	for _, host := range []string{"127.0.0.1", "::1", "localhost", "evil.example", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::1%lo", "0.0.0.0", "::"} {
		_, err := g.DialContext(t.Context(), "tcp", tr.Address(host))
		require.ErrorIs(t, err, safedial.ErrAddress, host)
	}
	for _, url := range []string{"https://user@127.0.0.1", "https://8.8.8.8@127.0.0.1", "https://8.8.8.8:443@127.0.0.1"} {
		_, err := get(t, g, url+port)
		require.ErrorIs(t, err, safedial.ErrUserinfo)
	}
	require.Zero(t, tr.Visits(t))
}

// A guard that checks the answer of a look-up of its own and then dials the
// name is fooled by a second answer.
func TestRebinding(t *testing.T) {
	t.Parallel()
	tr := safedialtest.NewTrap(t)
	var asked atomic.Int32
	dns := safedialtest.Resolver(func(string) []string {
		if asked.Add(1) <= 2 { // A and AAAA of the first look-up
			return []string{"8.8.8.8"}
		}
		return []string{"127.0.0.1"}
	})
	first, err := dns.LookupNetIP(t.Context(), "ip", "evil.example")
	require.NoError(t, err)
	require.Len(t, first, 1)
	require.True(t, safedial.Public(first[0].Unmap()), "the look-up looked harmless")

	g := guard(t, safedial.Options{Ports: []uint16{tr.Port}, Resolver: dns})
	_, err = g.DialContext(t.Context(), "tcp", tr.Address("evil.example"))
	require.ErrorIs(t, err, safedial.ErrAddress)
	_, err = get(t, g, "https://"+tr.Address("evil.example"))
	require.ErrorIs(t, err, safedial.ErrAddress)
	require.Zero(t, tr.Visits(t))
}

func TestAPublicAddressBesideAPrivateOneIsTheOnlyOneDialled(t *testing.T) {
	t.Parallel()
	tr := safedialtest.NewTrap(t)
	g := guard(t, safedial.Options{Ports: []uint16{tr.Port}, Resolver: safedialtest.Resolver(func(string) []string {
		return []string{"127.0.0.2", "127.0.0.1"}
	})})
	var seen atomic.Int32
	g.SetPublic(func(ip netip.Addr) bool {
		seen.Add(1)
		return ip.String() == "127.0.0.1" // plays the public one
	})
	c, err := g.DialContext(t.Context(), "tcp", tr.Address("mixed.example"))
	require.NoError(t, err)
	defer c.Close()
	require.Equal(t, tr.Address("127.0.0.1"), c.RemoteAddr().String())
	require.EqualValues(t, 2, seen.Load(), "every address is checked at its connect")
}

func TestPorts(t *testing.T) {
	t.Parallel()
	tr := safedialtest.NewTrap(t)
	anywhere := func(netip.Addr) bool { return true }

	g := guard(t, safedial.Options{})
	g.SetPublic(anywhere)
	for _, port := range []string{"22", "80", "6379", "https", "0", "-1", "65979", ""} {
		_, err := g.DialContext(t.Context(), "tcp", "127.0.0.1:"+port)
		require.ErrorIs(t, err, safedial.ErrPort, port)
	}
	_, err := g.DialContext(t.Context(), "tcp", tr.Address("127.0.0.1"))
	require.ErrorIs(t, err, safedial.ErrPort)
	require.Zero(t, tr.Visits(t))

	g = guard(t, safedial.Options{Ports: []uint16{443, tr.Port}})
	g.SetPublic(anywhere)
	c, err := g.DialContext(t.Context(), "tcp", tr.Address("127.0.0.1"))
	require.NoError(t, err)
	c.Close()
	require.Equal(t, 1, tr.Visits(t))
}

func TestOtherNetworksAndAddresses(t *testing.T) {
	t.Parallel()
	g := guard(t, safedial.Options{})
	for _, network := range []string{"udp", "unix", "ip4:icmp"} {
		_, err := g.DialContext(t.Context(), network, "8.8.8.8:443")
		require.ErrorIs(t, err, safedial.ErrAddress, network)
	}
	_, err := g.DialContext(t.Context(), "tcp", "no-port.example")
	require.ErrorContains(t, err, "missing port")
	for _, host := range []string{"abc.onion", "ABC.ONION", "abc.onion."} {
		_, err := g.DialContext(t.Context(), "tcp", host+":443")
		require.ErrorIs(t, err, safedial.ErrOnion)
		_, err = get(t, g, "https://"+host)
		require.ErrorIs(t, err, safedial.ErrOnion)
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	good := serve(t, "wallet.example", nil)
	for name, h := range map[string]safedial.Host{
		"listed twice":  good,
		"a host name":   {Host: "https://wallet.example", Dial: good.Dial, CA: good.CA},
		"allow \"\"":    {Dial: good.Dial, CA: good.CA},
		"dial target":   {Host: "a.example", Dial: "localhost:1", CA: good.CA},
		"CA: want":      {Host: "a.example", Dial: good.Dial},
		"\"b.example\"": {Host: "b.example", Dial: good.Dial, CA: []byte("-----BEGIN")},
	} {
		g, err := safedial.New(safedial.Options{Allow: []safedial.Host{good, h}})
		require.ErrorContains(t, err, name)
		require.Nil(t, g)
	}
}
