package safedial

import "net/netip"

// SetPublic replaces the check of addresses: tests have only loopback to dial.
func (g *Guard) SetPublic(public func(netip.Addr) bool) { g.public = public }
