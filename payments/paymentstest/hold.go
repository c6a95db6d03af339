package paymentstest

import (
	"crypto/rand"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/payments"
	"github.com/dmshop/dmshop/payments/bolt11"
)

// hold is a hold invoice of the shop.
type hold struct {
	payments.Holder
	shop     Shop
	preimage payments.Preimage
	payments.Invoice
}

func newHold(t *testing.T, s Shop) hold {
	t.Helper()
	h := hold{Holder: capability[payments.Holder](t, s.Provider, payments.CanHold), shop: s, preimage: newPreimage()}
	if s.Customer == nil {
		t.Skip("nobody pays for longer than a moment: Shop.Customer is nil")
	}
	inv, err := h.CreateHold(t.Context(), payments.HoldCharge{Charge: charge("order"), Hash: h.preimage.Hash()})
	require.NoError(t, err)
	require.Equal(t, h.preimage.Hash(), inv.Hash)
	require.Equal(t, payments.Open, inv.Status)
	read, err := bolt11.Decode(inv.Bolt11, s.Network)
	require.NoError(t, err)
	require.Equal(t, inv.Hash, payments.Hash(read.Hash))
	require.EqualValues(t, inv.Amount, read.AmountMsat)
	h.Invoice = inv
	return h
}

func newPreimage() (p payments.Preimage) {
	_, _ = rand.Read(p[:]) // never fails
	return p
}

// pay lets the customer pay until the invoice is held. A wallet may answer the
// payer only at the end.
func (h *hold) pay(t *testing.T) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = h.shop.Customer.Pay(t.Context(), payments.PayRequest{Bolt11: h.Bolt11, Amount: h.Amount, MaxFee: h.shop.MaxFee})
	}()
	t.Cleanup(func() { <-done })
	held := awaitStatus(t, h.shop, h.ID, payments.Held)
	require.Equal(t, h.Amount, held.Received)
	require.Zero(t, held.SettledAt)
	require.False(t, held.Deadline.IsZero(), "a hold has a deadline")
	h.Deadline = held.Deadline
}

// sees waits until the customer's wallet says so.
func (h *hold) sees(t *testing.T, want payments.PayState) payments.Payment {
	t.Helper()
	var p payments.Payment
	require.Eventually(t, func() bool {
		var err error
		p, err = h.shop.Customer.LookupPayment(t.Context(), h.Hash)
		return err == nil && p.State == want
	}, patience, interval, "the customer sees %q", p.State)
	return p
}

func testHoldSettle(t *testing.T, s Shop) {
	h := newHold(t, s)
	h.pay(t)
	h.sees(t, payments.PayPending)
	require.NoError(t, h.SettleHold(t.Context(), h.preimage))
	settled := awaitStatus(t, s, h.ID, payments.Settled)
	require.Equal(t, h.Amount, settled.Received)
	require.NotZero(t, settled.SettledAt)
	require.True(t, settled.Deadline.IsZero())
	require.Equal(t, h.Hash, h.sees(t, payments.PaySucceeded).Preimage.Hash(), "the customer has proof")

	require.NoError(t, h.SettleHold(t.Context(), h.preimage), "repeating it is safe")
	e := requireError(t, h.CancelHold(t.Context(), h.Hash), payments.ErrRejected)
	require.Equal(t, payments.NotApplied, e.Outcome)
	awaitStatus(t, s, h.ID, payments.Settled)
}

func testHoldCancel(t *testing.T, s Shop) {
	h := newHold(t, s)
	h.pay(t)
	require.NoError(t, h.CancelHold(t.Context(), h.Hash))
	cancelled := awaitStatus(t, s, h.ID, payments.Invalid)
	require.Zero(t, cancelled.Received)
	h.sees(t, payments.PayFailed)

	require.NoError(t, h.CancelHold(t.Context(), h.Hash), "repeating it is safe")
	e := requireError(t, h.SettleHold(t.Context(), h.preimage), payments.ErrRejected)
	require.Equal(t, payments.NotApplied, e.Outcome)
	awaitStatus(t, s, h.ID, payments.Invalid)
}

func testHoldUnpaid(t *testing.T, s Shop) {
	h := newHold(t, s)
	requireError(t, h.SettleHold(t.Context(), h.preimage), payments.ErrRejected)
	awaitStatus(t, s, h.ID, payments.Open)
	require.NoError(t, h.CancelHold(t.Context(), h.Hash))
	awaitStatus(t, s, h.ID, payments.Invalid)
	_, err := s.Customer.Pay(t.Context(), payments.PayRequest{Bolt11: h.Bolt11, Amount: h.Amount, MaxFee: s.MaxFee})
	if err == nil {
		h.sees(t, payments.PayFailed)
	}
	awaitStatus(t, s, h.ID, payments.Invalid)
}

func testHoldAgain(t *testing.T, s Shop) {
	h := newHold(t, s)
	same := payments.HoldCharge{Charge: charge("order"), Hash: h.Hash}
	again, err := h.CreateHold(t.Context(), same)
	require.NoError(t, err)
	require.Equal(t, h.Invoice, again)
	looked, err := s.Provider.LookupInvoice(t.Context(), h.ID)
	require.NoError(t, err)
	require.Equal(t, h.Invoice, looked)

	for name, change := range map[string]func(*payments.HoldCharge){
		"another amount":           func(c *payments.HoldCharge) { c.Amount++ },
		"another hash":             func(c *payments.HoldCharge) { c.Hash = newPreimage().Hash() },
		"the hash for another key": func(c *payments.HoldCharge) { c.Key = "order-2" },
	} {
		other := same
		change(&other)
		_, err := h.CreateHold(t.Context(), other)
		require.ErrorIs(t, err, payments.ErrConflict, name)
	}
	_, err = s.Provider.CreateInvoice(t.Context(), charge("order"))
	requireError(t, err, payments.ErrConflict)
	looked, err = s.Provider.LookupInvoice(t.Context(), h.ID)
	require.NoError(t, err)
	require.Equal(t, h.Invoice, looked, "a conflict changes nothing")
}

func testHoldNotValid(t *testing.T, s Shop) {
	holder := capability[payments.Holder](t, s.Provider, payments.CanHold)
	good := payments.HoldCharge{Charge: charge("order"), Hash: newPreimage().Hash()}
	for name, change := range map[string]func(*payments.HoldCharge){
		"no key":           func(c *payments.HoldCharge) { c.Key = "" },
		"no amount":        func(c *payments.HoldCharge) { c.Amount = 0 },
		"no hash":          func(c *payments.HoldCharge) { c.Hash = payments.Hash{} },
		"for a while less": func(c *payments.HoldCharge) { c.For = -time.Hour },
		"for a year":       func(c *payments.HoldCharge) { c.For = 365 * 24 * time.Hour },
	} {
		c := good
		change(&c)
		_, err := holder.CreateHold(t.Context(), c)
		e := requireError(t, err, payments.ErrInvalid)
		require.Equal(t, payments.NotApplied, e.Outcome, name)
	}
	unknown := newPreimage()
	for _, err := range []error{holder.SettleHold(t.Context(), unknown), holder.CancelHold(t.Context(), unknown.Hash())} {
		requireError(t, err, payments.ErrNotFound)
	}
}

func testHoldDeadline(t *testing.T, s Shop) {
	h := newHold(t, s)
	if s.Advance == nil {
		t.Skip("the clock is a real one")
	}
	h.pay(t)
	s.Advance(time.Hour) // beyond the invoice's life, before the deadline
	awaitStatus(t, s, h.ID, payments.Held)
	s.Advance(30 * 24 * time.Hour)
	awaitStatus(t, s, h.ID, payments.Invalid)
	h.sees(t, payments.PayFailed)
	requireError(t, h.SettleHold(t.Context(), h.preimage), payments.ErrRejected)
}
