package lnd_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/internal/lntest"
	"github.com/dmshop/dmshop/payments"
	"github.com/dmshop/dmshop/payments/lnd"
)

// The tests of this file kill nodes, so they are not parallel.

// lookUp waits until a payment has ended.
func lookUp(t testing.TB, w *lnd.Wallet, hash payments.Hash) (p payments.Payment) {
	t.Helper()
	require.Eventually(t, func() bool {
		var err error
		p, err = w.LookupPayment(t.Context(), hash)
		return err == nil && p.State != payments.PayPending
	}, 60*time.Second, 50*time.Millisecond)
	return p
}

// lnd is killed while a payment is on its way, and comes back: the payment goes
// on without us, and ends as the payee ends it.
func TestKill_PayerInTheMiddle(t *testing.T) {
	n := lntest.Start(t)
	w := wallet(t, n.Shop, receiving, paying)
	for _, settle := range []bool{true, false} {
		preimage := newPreimage()
		r := request(t, n.Customer.HoldInvoice(t, preimage.Hash(), int64(price)))
		paid := make(chan error, 1)
		go func() {
			_, err := w.Pay(t.Context(), r)
			paid <- err
		}()
		n.Customer.Await(t, preimage.Hash(), "ACCEPTED")
		n.Shop.Kill(t)
		requireOutcome(t, <-paid, payments.ErrUnavailable, payments.OutcomeUnknown)

		// While it is away, nothing is known, and nothing reads as failed.
		_, err := w.LookupPayment(t.Context(), preimage.Hash())
		require.ErrorIs(t, err, payments.ErrUnavailable)
		_, err = w.CreateInvoice(t.Context(), charge("away"))
		requireOutcome(t, err, payments.ErrUnavailable, payments.NotApplied)
		_, err = w.Describe(t.Context())
		require.ErrorIs(t, err, payments.ErrUnavailable)

		n.Shop.Restart(t)
		p, err := w.LookupPayment(t.Context(), preimage.Hash())
		require.NoError(t, err)
		require.Equal(t, payments.PayPending, p.State)
		want := payments.PaySucceeded
		if settle {
			n.Customer.Settle(t, preimage)
		} else {
			n.Customer.Cancel(t, preimage.Hash())
			want = payments.PayFailed
		}
		require.Equal(t, want, lookUp(t, w, preimage.Hash()).State)
		if settle {
			again, err := w.Pay(t.Context(), r)
			require.NoError(t, err)
			require.Equal(t, payments.PaySucceeded, again.State)
			require.Equal(t, 1, n.Customer.LookUp(t, preimage.Hash()).Parts)
		}
	}
}

// The payee is killed while it holds the money. PayTimeout passes: that is no
// failure, and the payment succeeds when the payee is back.
//
// An lnd that is killed in the very moment in which it accepts takes the HTLC
// for a replay when it is back and fails it ("sphinx packet replay attempted"),
// while its invoice stays ACCEPTED, and can even be settled: the package
// comment has it under Limits. A second payment over the channel shows that the
// moment has passed.
func TestKill_PayeeInTheMiddle(t *testing.T) {
	n := lntest.Start(t)
	c := config(t, n.Shop, paying)
	c.PayTimeout = time.Second
	w := open(t, c)
	w.SetGrace(time.Second)
	preimage := newPreimage()
	r := request(t, n.Customer.HoldInvoice(t, preimage.Hash(), int64(price)))
	type answer struct {
		payments.Payment
		error
	}
	paid := make(chan answer, 1)
	go func() {
		p, err := w.Pay(t.Context(), r)
		paid <- answer{p, err}
	}()
	n.Customer.Await(t, preimage.Hash(), "ACCEPTED")
	n.Shop.Pay(t, n.Customer.Invoice(t, int64(price), time.Hour))
	n.Customer.Kill(t)
	got := <-paid
	require.NoError(t, got.error)
	require.Equal(t, payments.PayPending, got.State)
	n.Customer.Restart(t)
	n.Customer.Settle(t, preimage)
	require.Equal(t, payments.PaySucceeded, lookUp(t, w, preimage.Hash()).State)
}

// What settles while nobody watches is told to the watcher that resumes, also
// over a restart of lnd.
func TestKill_WatchResumes(t *testing.T) {
	n := lntest.Start(t)
	w := wallet(t, n.Shop, receiving)
	cursor := cursorOf(t, n.Shop, pay(t, n, w, "seen"))
	paid := pay(t, n, w, "paid")
	missed, err := w.CreateInvoice(t.Context(), charge("missed"))
	require.NoError(t, err)

	err = w.Watch(t.Context(), cursor, func(_ context.Context, told payments.Notice) error {
		cursor = told.Cursor
		if told.ID == paid.ID {
			n.Shop.Kill(t)
		}
		return nil
	})
	requireOutcome(t, err, payments.ErrUnavailable, payments.NotApplied)
	n.Shop.Restart(t)
	n.Customer.Pay(t, missed.Bolt11)
	require.Equal(t, []string{missed.ID}, ids(until(t, w, cursor, missed)))
}
