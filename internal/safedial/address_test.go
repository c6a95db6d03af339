package safedial_test

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/dmshop/dmshop/internal/safedial"
)

func TestPublic(t *testing.T) {
	t.Parallel()
	for _, s := range []string{
		"1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255",
		"128.0.0.0", "169.253.255.255", "172.15.255.255", "172.32.0.0", "192.0.1.0", "192.167.255.255",
		"198.17.255.255", "198.20.0.0", "223.255.255.255",
		"2606:4700:4700::1111", "2a00:1450:4001::1", "2001:200::1", "2400::1",
	} {
		require.True(t, safedial.Public(netip.MustParseAddr(s)), s)
	}
	for _, s := range []string{
		"0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.0", "100.127.255.255", "127.0.0.1",
		"127.255.255.254", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.0.170",
		"192.0.2.1", "192.31.196.1", "192.52.193.1", "192.88.99.1", "192.168.0.1", "192.175.48.1", "198.18.0.1",
		"198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1",
		"255.255.255.255",
		"::", "::1", "::7f00:1", "::8.8.8.8", // unspecified, loopback, IPv4-compatible
		"::ffff:127.0.0.1", "::ffff:8.8.8.8", "::ffff:0:8.8.8.8", // mapped, translated
		"64:ff9b::7f00:1", "64:ff9b::808:808", "64:ff9b:1::a00:1", // NAT64
		"100::1",                 // discard
		"2001::1", "2001:0:a::1", // Teredo
		"2001:2::1", "2001:10::1", "2001:20::1", // benchmarking, ORCHID
		"2001:db8::1", "3fff::1", // documentation
		"2002:7f00:1::", "2002:808:808::1", // 6to4
		"2620:4f:8000::1",
		"fc00::1", "fdff::1", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "5f00::1", "4000::1",
		"2606:4700:4700::1111%eth0",
	} {
		require.False(t, safedial.Public(netip.MustParseAddr(s)), s)
	}
	require.False(t, safedial.Public(netip.Addr{}))
}

// What the standard library knows of addresses must be a subset of what is
// refused.
func TestPublicIsStricterThanTheStandardLibrary(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var a netip.Addr
		if rapid.Bool().Draw(t, "six") {
			a = netip.AddrFrom16([16]byte(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "bytes")))
		} else {
			a = netip.AddrFrom4([4]byte(rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, "bytes")))
		}
		if safedial.Public(a) {
			require.True(t, a.IsGlobalUnicast() && !a.IsPrivate() && !a.Is4In6(), a)
		}
	})
}
