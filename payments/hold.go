package payments

import (
	"context"
	"fmt"
	"time"
)

// HoldCharge asks for a hold invoice: paid, the money stays in the network
// until the shop settles or cancels.
type HoldCharge struct {
	Charge
	// Hash is of the preimage that will settle it; the shop makes and keeps
	// the preimage. Required, and never used twice.
	Hash Hash
	// For is how long a payment can be held at least; zero means the
	// wallet's default. It is rounded up to blocks.
	For time.Duration
}

// Validate tells whether any wallet could serve c; the error wraps
// [ErrInvalid] and says what to mend.
func (c HoldCharge) Validate() error {
	switch err := c.Charge.Validate(); {
	case err != nil:
		return err
	case c.Hash.IsZero():
		return fmt.Errorf("%w: hash: required", ErrInvalid)
	case c.For < 0:
		return fmt.Errorf("%w: for: want zero for the default or more, got %v", ErrInvalid, c.For)
	}
	return nil
}

// Holder is a wallet with hold invoices. Between payment and settlement such
// an invoice is [Held], until its [Invoice].Deadline: then the node gives the
// money back, whatever the shop had in mind. A hold is settled whole or not at
// all. Implementations are safe for concurrent use, honour ctx, and return
// *[Error].
type Holder interface {
	// CreateHold makes a hold invoice, or returns the one made before under
	// c.Key. A repeat with another amount or hash is [ErrConflict].
	CreateHold(ctx context.Context, c HoldCharge) (Invoice, error)
	// SettleHold takes the money of the held invoice whose hash p proves.
	// Repeating it is safe. An invoice that is not paid, or was cancelled, is
	// [ErrRejected].
	SettleHold(ctx context.Context, p Preimage) error
	// CancelHold gives the money of a held invoice back, and makes an open
	// one unpayable; the invoice is then [Invalid]. Repeating it is safe. An
	// invoice that was settled is [ErrRejected].
	CancelHold(ctx context.Context, h Hash) error
}
