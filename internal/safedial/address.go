package safedial

import "net/netip"

// global6 is the only part of IPv6 that is handed out as global unicast
// (RFC 4291, IANA "ipv6-address-space"). What is outside needs no list:
// unspecified, loopback, IPv4-compatible and -mapped, NAT64 (64:ff9b::/96,
// 64:ff9b:1::/48), discard, unique local, link-local, site-local, multicast.
var global6 = netip.MustParsePrefix("2000::/3")

// special holds the blocks inside the unicast space that are not the public
// Internet (IANA special-purpose address registries).
var special = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),       // this network; Linux connects 0.0.0.0 to loopback
	netip.MustParsePrefix("10.0.0.0/8"),      // private
	netip.MustParsePrefix("100.64.0.0/10"),   // carrier-grade NAT
	netip.MustParsePrefix("127.0.0.0/8"),     // loopback
	netip.MustParsePrefix("169.254.0.0/16"),  // link-local, cloud metadata
	netip.MustParsePrefix("172.16.0.0/12"),   // private
	netip.MustParsePrefix("192.0.0.0/24"),    // IETF protocol assignments
	netip.MustParsePrefix("192.0.2.0/24"),    // documentation
	netip.MustParsePrefix("192.31.196.0/24"), // AS112, answered locally
	netip.MustParsePrefix("192.52.193.0/24"), // automatic multicast tunnelling
	netip.MustParsePrefix("192.88.99.0/24"),  // 6to4 relay anycast
	netip.MustParsePrefix("192.168.0.0/16"),  // private
	netip.MustParsePrefix("192.175.48.0/24"), // AS112, answered locally
	netip.MustParsePrefix("198.18.0.0/15"),   // benchmarking
	netip.MustParsePrefix("198.51.100.0/24"), // documentation
	netip.MustParsePrefix("203.0.113.0/24"),  // documentation
	netip.MustParsePrefix("224.0.0.0/4"),     // multicast
	netip.MustParsePrefix("240.0.0.0/4"),     // reserved, broadcast

	netip.MustParsePrefix("2001::/23"),         // IETF assignments: Teredo, benchmarking, ORCHID
	netip.MustParsePrefix("2001:db8::/32"),     // documentation
	netip.MustParsePrefix("2002::/16"),         // 6to4: embeds any IPv4 address
	netip.MustParsePrefix("2620:4f:8000::/48"), // AS112, answered locally
	netip.MustParsePrefix("3fff::/20"),         // documentation
}

// Public tells whether addr belongs to the public unicast Internet. An IPv6
// address that embeds an IPv4 one (mapped, compatible, NAT64, 6to4, Teredo) is
// not public, whatever it embeds, and neither is one with a zone.
func Public(addr netip.Addr) bool {
	// No prefix contains an address with a zone, so those end here as well.
	if !addr.IsValid() || addr.Is6() && !global6.Contains(addr) {
		return false
	}
	for _, block := range special {
		if block.Contains(addr) {
			return false
		}
	}
	return true
}
