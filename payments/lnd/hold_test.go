package lnd_test

import (
	"crypto/rand"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/internal/lntest"
	"github.com/dmshop/dmshop/payments"
)

func hold(key string, p payments.Preimage) payments.HoldCharge {
	return payments.HoldCharge{Charge: charge(key), Hash: p.Hash()}
}

func newPreimage() (p payments.Preimage) {
	_, _ = rand.Read(p[:]) // never fails
	return p
}

// The deadline is lnd's own: some blocks before the HTLC ends it gives the
// money back, and a shop that comes later gets nothing. It mines, so it is not
// parallel.
func TestHold_Deadline(t *testing.T) {
	n := lntest.Start(t)
	w, customer := wallet(t, n.Shop, receiving, holding), wallet(t, n.Customer, paying)
	preimage := newPreimage()
	c := hold("order", preimage)
	c.For = 30 * time.Minute // six blocks, if they come fast
	inv, err := w.CreateHold(t.Context(), c)
	require.NoError(t, err)
	ended := make(chan error, 1)
	go func() {
		_, err := customer.Pay(t.Context(), request(t, inv.Bolt11))
		ended <- err
	}()
	n.Shop.Await(t, inv.Hash, "ACCEPTED")

	before := time.Now()
	held, err := w.LookupInvoice(t.Context(), inv.ID)
	require.NoError(t, err)
	require.Equal(t, payments.Held, held.Status)
	require.Equal(t, inv.Amount, held.Received)
	require.GreaterOrEqual(t, held.Deadline.Sub(before), c.For-time.Minute, "held at least as long as asked")
	require.Less(t, held.Deadline.Sub(before), 2*time.Hour)

	// The deadline counts five minutes a block; payers add three blocks.
	blocks := uint32(held.Deadline.Sub(before).Round(time.Minute) / (5 * time.Minute))
	require.EqualValues(t, 9, blocks)
	n.Mine(t, blocks-1)
	again, err := w.LookupInvoice(t.Context(), inv.ID)
	require.NoError(t, err)
	require.Equal(t, held, again, "held until the last block, and the deadline does not move")

	n.Mine(t, 1)
	n.Shop.Await(t, inv.Hash, "CANCELED")
	gone, err := w.LookupInvoice(t.Context(), inv.ID)
	require.NoError(t, err)
	require.Equal(t, payments.Invalid, gone.Status)
	require.Zero(t, gone.Received)
	requireOutcome(t, w.SettleHold(t.Context(), preimage), payments.ErrRejected, payments.NotApplied)
	requireOutcome(t, <-ended, payments.ErrRejected, payments.NotApplied)
}

// A hold is found by its key, and its key is taken for anything else.
func TestHold_Key(t *testing.T) {
	t.Parallel()
	n := lntest.Start(t)
	w := wallet(t, n.Shop, receiving, holding)
	inv, err := w.CreateHold(t.Context(), hold("order", newPreimage()))
	require.NoError(t, err)
	found, err := w.FindInvoices(t.Context(), "order")
	require.NoError(t, err)
	require.Equal(t, []payments.Invoice{inv}, found)

	_, err = w.CreateInvoice(t.Context(), charge("plain"))
	require.NoError(t, err)
	_, err = w.CreateHold(t.Context(), hold("plain", newPreimage()))
	requireOutcome(t, err, payments.ErrConflict, payments.NotApplied)

	// Refused with another key's hash, a key is free as before.
	_, err = w.CreateHold(t.Context(), payments.HoldCharge{Charge: charge("free"), Hash: inv.Hash})
	requireOutcome(t, err, payments.ErrConflict, payments.NotApplied)
	_, err = w.CreateInvoice(t.Context(), charge("free"))
	require.NoError(t, err)
}

// What is held is not late because it was settled late.
func TestHold_SettledAfterItsLife(t *testing.T) {
	t.Parallel()
	n := lntest.Start(t)
	w := wallet(t, n.Shop, receiving, holding)
	preimage := newPreimage()
	c := hold("order", preimage)
	c.Expiry = 2 * time.Second
	inv, err := w.CreateHold(t.Context(), c)
	require.NoError(t, err)
	paid := make(chan error, 1)
	go func() {
		_, err := n.Customer.Send(t.Context(), inv.Bolt11)
		paid <- err
	}()
	n.Shop.Await(t, inv.Hash, "ACCEPTED")
	require.Eventually(t, func() bool { return time.Now().After(inv.ExpiresAt.Add(time.Second)) }, 10*time.Second, 20*time.Millisecond)
	require.NoError(t, w.SettleHold(t.Context(), preimage))
	require.NoError(t, <-paid)
	settled, err := w.LookupInvoice(t.Context(), inv.ID)
	require.NoError(t, err)
	require.Equal(t, payments.Settled, settled.Status)
	require.True(t, settled.SettledAt.After(settled.ExpiresAt))
	require.False(t, settled.Late)
}
