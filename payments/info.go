package payments

import (
	"context"
	"strings"
)

// Capabilities is a set of what a wallet can do beyond a [Provider].
type Capabilities uint32

// The capabilities. An interface that a wallet's type has may still be out of
// use with these credentials, or this node: then its bit is not set and its
// methods return [ErrUnsupported] or [ErrAuth].
const (
	// CanFind is [Finder].
	CanFind Capabilities = 1 << iota
	// CanWatch is [Watcher].
	CanWatch
	// CanResume means that Watch begins where a cursor says.
	CanResume
	// CanWebhook is [WebhookVerifier].
	CanWebhook
	// CanPay is [Payer].
	CanPay
	// CanLimitFee means that the wallet itself keeps to PayRequest.MaxFee.
	CanLimitFee
	// CanRefund is [Refunder].
	CanRefund
	// CanHold is [Holder].
	CanHold
	// CanSubSat means that amounts need not be whole satoshi.
	CanSubSat
)

var capabilityNames = []string{"find", "watch", "resume", "webhook", "pay", "limit fee", "refund", "hold", "sub-satoshi"}

// Has tells whether all of want are in the set.
func (c Capabilities) Has(want Capabilities) bool { return c&want == want }

// String lists the set: "find, pay".
func (c Capabilities) String() string {
	var names []string
	for i, name := range capabilityNames {
		if c.Has(1 << i) {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}

// Info is what a wallet says of itself.
type Info struct {
	// Name is for people: "lnd 0.20.0-beta".
	Name string
	// Network is "bitcoin", "testnet", "signet" or "regtest".
	Network string
	// Capabilities are those in use now.
	Capabilities Capabilities
	// MinInvoice and MaxInvoice bound an invoice's amount; zero means that
	// no bound is known.
	MinInvoice, MaxInvoice Msat
	// MaxMemo is how many bytes of a Charge's Memo are kept at most; zero
	// means that no bound is known.
	MaxMemo int
}

// Describer is a wallet that describes itself. It may go to the network: ask
// at start, to refuse a wallet of the wrong network, and keep the answer.
type Describer interface {
	Describe(ctx context.Context) (Info, error)
}
