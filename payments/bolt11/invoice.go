package bolt11

import (
	"errors"
	"time"
)

// Why an invoice was refused, for errors.Is.
var (
	// ErrMalformed is text that is no invoice, or one with fields missing,
	// broken or given twice.
	ErrMalformed = errors.New("not a valid invoice")
	// ErrNetwork is an invoice of a network that is unknown or not wanted.
	ErrNetwork = errors.New("invoice of another network")
	// ErrAmount is an amount that BOLT 11 forbids: no digits, a leading zero,
	// an unknown multiplier, finer than a millisatoshi, over 21 million BTC.
	ErrAmount = errors.New("not a valid invoice amount")
	// ErrSignature is a signature that fits no payee, not the one that the
	// invoice names, or is not in its low-S form beside a named payee.
	ErrSignature = errors.New("invoice signature is not valid")
	// ErrFeature is an invoice that requires what this package does not know,
	// or sets a feature without the one it builds on (BOLT 9).
	ErrFeature = errors.New("invoice requires a feature that is not supported")
	// ErrSecret is an invoice without a payment secret, which no wallet of
	// today can pay safely.
	ErrSecret = errors.New("invoice has no payment secret")
)

// Network is the part of an invoice's prefix that names its network.
type Network string

// The networks of BOLT 11.
const (
	Mainnet Network = "bc"
	Testnet Network = "tb"
	Signet  Network = "tbs"
	Regtest Network = "bcrt"
)

// String is "bitcoin", "testnet", "signet" or "regtest".
func (n Network) String() string {
	switch n {
	case Mainnet:
		return "bitcoin"
	case Testnet:
		return "testnet"
	case Signet:
		return "signet"
	case Regtest:
		return "regtest"
	default:
		return "unknown network"
	}
}

// Invoice is what an invoice says (BOLT 11).
type Invoice struct {
	Network Network
	// AmountMsat is asked, in millisatoshi; 0 leaves it to the payer.
	AmountMsat int64
	// Hash is the payment hash.
	Hash [32]byte
	// Secret is the payment secret. Every payer of the invoice sees it; it
	// is no proof of payment.
	Secret [32]byte
	// Description is plain text, possibly empty. An invoice has either it or
	// DescriptionHash, the sha256 of a text to be found elsewhere; zero means
	// that there is none.
	Description     string
	DescriptionHash [32]byte
	// CreatedAt and ExpiresAt are in UTC and whole seconds. A payee may name
	// a life of more than a hundred years; it is cut to that.
	CreatedAt, ExpiresAt time.Time
	// Payee is the compressed public key of the node that signed.
	Payee [33]byte
	// MinFinalCLTV is the least number of blocks that the payee wants
	// between the arrival of the last HTLC and its end; 18 where the invoice
	// does not say.
	MinFinalCLTV uint32
	// Features are the bits set, ascending (BOLT 9); even ones are required.
	Features []int
}

// Expired tells whether the invoice should no longer be paid: at ExpiresAt it
// is expired.
func (inv Invoice) Expired(now time.Time) bool { return !now.Before(inv.ExpiresAt) }

const (
	defaultExpiry       = time.Hour
	maxExpiry           = 100 * 365 * 24 * time.Hour
	defaultMinFinalCLTV = 18
)
