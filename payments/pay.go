package payments

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
)

// PayState is what is known of an outgoing payment.
type PayState string

const (
	// PayUnknown is the zero value, so that a forgotten field never reads as
	// failed.
	PayUnknown PayState = ""
	// PayPending is on its way; it may still succeed or fail.
	PayPending PayState = "pending"
	// PaySucceeded is final.
	PaySucceeded PayState = "succeeded"
	// PayFailed is final: the provider says that this payment can no longer
	// complete.
	PayFailed PayState = "failed"
)

// PayRequest asks to pay one BOLT 11 invoice. The payment hash is the key of
// the payment: there is no way to pay an address, since that could not be
// repeated safely.
type PayRequest struct {
	// Bolt11 is the invoice. Required; it must carry an amount.
	Bolt11 string
	// Amount is what the caller believes it costs; a mismatch is
	// [ErrInvalid], before anything moves. Required, positive.
	Amount Msat
	// MaxFee bounds the routing fee; zero means no fee at all.
	MaxFee Msat
}

// Payment is an outgoing payment as its provider sees it now.
type Payment struct {
	Hash  Hash
	State PayState
	// Fee is what routing cost, beyond the invoice's amount.
	Fee Msat
	// Preimage proves the payment; zero until it succeeded.
	Preimage Preimage
}

// Preimage is the secret whose sha256 is the payment hash. It redacts itself in
// fmt, JSON and slog. Two ways past that are fmt's: an unexported field, whose
// methods it cannot call, and %p, which go vet refuses. A provider shows it to
// callers only after the payment settled. To keep one as a proof of payment,
// convert it: [32]byte(p).
type Preimage [32]byte

const redacted = "REDACTED"

// Hash is the payment hash that the preimage proves.
func (p Preimage) Hash() Hash { return sha256.Sum256(p[:]) }

// String hides the preimage.
func (Preimage) String() string { return redacted }

// Format hides the preimage from all verbs, also %d and %#v, which would go
// past String.
func (Preimage) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// MarshalText hides the preimage from slog and JSON. There is no way back.
func (Preimage) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Payer is a wallet that can pay. Implementations are safe for concurrent use,
// honour ctx, and return *[Error].
type Payer interface {
	// Pay pays the invoice, at most once per payment hash: paying a hash that
	// was paid or is being paid returns that payment. An error whose outcome
	// is unknown must be followed by LookupPayment, never by another invoice.
	Pay(ctx context.Context, r PayRequest) (Payment, error)
	// LookupPayment reads a payment's present state. [ErrNotFound] means
	// that the provider has no record, which alone is no proof that nothing
	// is on its way.
	LookupPayment(ctx context.Context, h Hash) (Payment, error)
}
