package payments

import (
	"context"
	"fmt"
)

// Refund is money to be sent back.
type Refund struct {
	// Key is the shop's own name for the refund, of the form of a Charge's.
	// Required.
	Key string
	// Destination is what the customer named: a Lightning address, an LNURL,
	// whatever the wallet takes. It is personal data. Required.
	Destination string
	// Amount that the customer gets, exactly. Required, positive.
	Amount Msat
	// MaxFee bounds what sending costs beyond it; zero means nothing.
	MaxFee Msat
}

// Validate tells whether any wallet could serve r; the error wraps
// [ErrInvalid] and says what to mend.
func (r Refund) Validate() error {
	switch err := (Charge{Key: r.Key, Amount: r.Amount}).Validate(); {
	case err != nil:
		return err
	case r.Destination == "":
		return fmt.Errorf("%w: destination: required", ErrInvalid)
	case r.MaxFee < 0:
		return fmt.Errorf("%w: highest fee: want zero or more, got %v", ErrInvalid, r.MaxFee)
	}
	return nil
}

// Refunder is a wallet that sends money to what a customer named, in two steps
// with a durable write of the shop's own between them:
//
//	attempt, err := wallet.PrepareRefund(ctx, r) // asks, checks, moves nothing
//	// store attempt with the order
//	payment, err := wallet.ExecuteRefund(ctx, attempt)
//
// However often ExecuteRefund is called, one attempt is paid at most once. A
// second attempt for the same debt may be prepared only after RefundStatus
// said [PayFailed] of the first. Implementations are safe for concurrent use,
// honour ctx, and return *[Error]. [RefundByInvoice] makes one of any [Payer].
type Refunder interface {
	// PrepareRefund finds a way to pay r and moves no money. What it returns
	// is opaque, at most 8 KiB, and personal data; another process may
	// execute it.
	PrepareRefund(ctx context.Context, r Refund) (attempt []byte, err error)
	// ExecuteRefund pays the attempt, or returns the payment it already is.
	// After an error whose outcome is unknown, ask RefundStatus, or execute
	// the same attempt again; never prepare another.
	ExecuteRefund(ctx context.Context, attempt []byte) (Payment, error)
	// RefundStatus reads the attempt's present state. [ErrNotFound] means
	// that the wallet has no record of a payment, which alone is no proof
	// that nothing is on its way.
	RefundStatus(ctx context.Context, attempt []byte) (Payment, error)
}
