package payments

import (
	"context"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
)

// Hash is a payment hash: sha256 of the preimage (BOLT 11, field p).
type Hash [32]byte

// ParseHash reads 64 hex digits of either case.
func ParseHash(s string) (Hash, error) {
	var h Hash
	if len(s) != hex.EncodedLen(len(h)) {
		return Hash{}, fmt.Errorf("payment hash: want 64 hex digits, got %d bytes", len(s))
	}
	if _, err := hex.Decode(h[:], []byte(s)); err != nil {
		return Hash{}, fmt.Errorf("payment hash: %w", err)
	}
	return h, nil
}

// String is 64 lower-case hex digits.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// IsZero tells whether the provider gave no hash.
func (h Hash) IsZero() bool { return h == Hash{} }

// MarshalText is [Hash.String].
func (h Hash) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText is [ParseHash].
func (h *Hash) UnmarshalText(text []byte) error {
	g, err := ParseHash(string(text))
	if err != nil {
		return err
	}
	*h = g
	return nil
}

// Charge asks for an invoice.
type Charge struct {
	// Key is the shop's own name for what is paid: at most 64 of
	// [A-Za-z0-9_.-]. One key never has two live invoices: a provider that
	// is asked twice answers with the first. Required.
	Key string
	// Amount to be paid, exactly. Required, positive.
	Amount Msat
	// Memo is shown by the payer's wallet; providers may cut it.
	Memo string
	// Expiry is the invoice's life; zero means the provider's default.
	Expiry time.Duration
}

const maxKey = 64

// Validate tells whether any provider could serve c; the error wraps
// [ErrInvalid] and says what to mend.
func (c Charge) Validate() error {
	switch {
	case c.Key == "" || len(c.Key) > maxKey || strings.Trim(c.Key, keyAlphabet) != "":
		return fmt.Errorf("%w: key: want 1 to %d of [A-Za-z0-9_.-], got %d bytes", ErrInvalid, maxKey, len(c.Key))
	case c.Amount <= 0:
		return fmt.Errorf("%w: amount: want more than nothing, got %v", ErrInvalid, c.Amount)
	case c.Expiry < 0:
		return fmt.Errorf("%w: expiry: want zero for the default or more, got %v", ErrInvalid, c.Expiry)
	}
	return nil
}

const keyAlphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-"

// Status is what is known of an invoice.
type Status string

const (
	// StatusUnknown is the zero value: nobody knows.
	StatusUnknown Status = ""
	// Open waits for payment.
	Open Status = "open"
	// Partial holds less than was asked.
	Partial Status = "partial"
	// Processing was seen paid but is not final (an on-chain leg).
	Processing Status = "processing"
	// Held is paid and kept by the node: settle or cancel before the
	// deadline (hold invoices).
	Held Status = "held"
	// Settled is paid: the money is here.
	Settled Status = "settled"
	// Expired was not paid in time. Money can still come late with some
	// providers; a later look-up then says Settled and Late.
	Expired Status = "expired"
	// Invalid was refused or cancelled.
	Invalid Status = "invalid"
)

// Invoice is an invoice as its provider sees it now. It survives JSON.
type Invoice struct {
	// ID is the provider's name for it, what LookupInvoice takes: at most 256
	// bytes.
	ID string `json:"id"`
	// Key is the Charge's key, where the provider kept it.
	Key string `json:"key,omitempty"`
	// Hash is zero where the provider hides it.
	Hash Hash `json:"hash,omitzero"`
	// Bolt11 is the payment request (BOLT 11).
	Bolt11 string `json:"bolt11"`
	Status Status `json:"status"`
	// Amount was asked, Received came in; Received may be more.
	Amount   Msat `json:"amount_msat"`
	Received Msat `json:"received_msat,omitzero"`
	// Late is set when the money came after ExpiresAt.
	Late bool `json:"late,omitzero"`
	// Manual is set when somebody declared it settled by hand, at the
	// provider: no money need stand behind it.
	Manual bool `json:"manual,omitzero"`
	// ExpiresAt is when the invoice stops being payable; SettledAt is zero
	// until it is settled.
	ExpiresAt time.Time `json:"expires_at"`
	SettledAt time.Time `json:"settled_at,omitzero"`
	// Deadline is set while the invoice is [Held]: a cautious estimate of
	// when the node gives the money back on its own.
	Deadline time.Time `json:"deadline,omitzero"`
}

// Provider is all that a shop needs of a wallet. Implementations are safe for
// concurrent use, honour ctx, and return *[Error].
type Provider interface {
	// CreateInvoice makes an invoice for c, or returns the one made before
	// under c.Key. A repeat with another amount is [ErrConflict]. After a
	// lost answer, calling again with the same Charge is safe.
	CreateInvoice(ctx context.Context, c Charge) (Invoice, error)
	// LookupInvoice reads the invoice's present state, by [Invoice].ID.
	// An id that the provider does not know is [ErrNotFound].
	LookupInvoice(ctx context.Context, id string) (Invoice, error)
}
