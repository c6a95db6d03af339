package payments

import "context"

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
	// Amount is what the caller believes it costs; a mismatch is refused
	// before anything moves.
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

// Preimage is the secret whose sha256 is the payment hash. It prints as
// "REDACTED"; a provider shows it to callers only after the payment settled.
type Preimage [32]byte

// String hides the preimage.
func (Preimage) String() string { return "REDACTED" }

// GoString hides the preimage.
func (Preimage) GoString() string { return "payments.Preimage(REDACTED)" }

// MarshalText hides the preimage from logs and JSON.
func (Preimage) MarshalText() ([]byte, error) { return []byte("REDACTED"), nil }

// Payer is a wallet that can pay.
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
