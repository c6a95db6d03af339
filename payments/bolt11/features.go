package bolt11

import (
	"fmt"
	"slices"
)

// Feature bits of invoices (BOLT 9), by their even, required number.
const (
	varOnion        = 8
	paymentSecret   = 14
	basicMPP        = 16
	routeBlinding   = 24
	attribution     = 36
	paymentMetadata = 48
)

// supported are the features that an ordinary wallet brings to a payment. Not
// among them is lnd's AMP (30): its invoices can be paid many times, so that
// their hash is no key of a payment.
var supported = []int{varOnion, paymentSecret, basicMPP, routeBlinding, attribution, paymentMetadata}

// featureBits lists the bits of a 9 field, ascending.
func featureBits(groups []byte) []int {
	var bits []int
	for i := range 5 * len(groups) {
		if groups[len(groups)-1-i/5]>>(i%5)&1 == 1 {
			bits = append(bits, i)
		}
	}
	return bits
}

// featureGroups is the inverse of featureBits for bits that are not negative.
func featureGroups(bits []int) []byte {
	if len(bits) == 0 {
		return nil
	}
	groups := make([]byte, slices.Max(bits)/5+1)
	for _, b := range bits {
		groups[len(groups)-1-b/5] |= 1 << (b % 5)
	}
	return groups
}

// checkFeatures refuses unknown even bits, and bits without what they build on.
func checkFeatures(bits []int) error {
	has := func(even int) bool { return slices.Contains(bits, even) || slices.Contains(bits, even+1) }
	for _, b := range bits {
		if b%2 == 0 && !slices.Contains(supported, b) {
			return fmt.Errorf("%w: bit %d", ErrFeature, b)
		}
	}
	for _, needs := range [][2]int{{paymentSecret, varOnion}, {basicMPP, paymentSecret}} {
		if has(needs[0]) && !has(needs[1]) {
			return fmt.Errorf("%w: bit %d without bit %d", ErrFeature, needs[0], needs[1])
		}
	}
	return nil
}
