package sandbox_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/payments"
	"github.com/dmshop/dmshop/payments/bolt11"
	"github.com/dmshop/dmshop/payments/sandbox"
)

func hold(t require.TestingT, w *sandbox.Wallet, key string, amount payments.Msat, p payments.Preimage) payments.Invoice {
	inv, err := w.CreateHold(context.Background(), payments.HoldCharge{
		Charge: payments.Charge{Key: key, Amount: amount}, Hash: p.Hash(), For: time.Hour + time.Second,
	})
	require.NoError(t, err)
	return inv
}

// Money on hold is nobody's; it ends with one of the two.
func TestHold_Balances(t *testing.T) {
	t.Parallel()
	clock := newClock()
	n := sandbox.New(payments.NewMemoryKV(), sandbox.Options{Now: clock.Now, Opening: 1000})
	shop, customer := wallet(t, n, "shop"), wallet(t, n, "customer")
	requireBalances := func(shops, customers payments.Msat) {
		t.Helper()
		require.Equal(t, shops, balance(t, shop))
		require.Equal(t, customers, balance(t, customer))
	}
	first, second, third := payments.Preimage{1}, payments.Preimage{2}, payments.Preimage{3}
	a, b := hold(t, shop, "a", 300, first), hold(t, shop, "b", 400, second)
	c := hold(t, shop, "c", 500, third)
	for _, inv := range []payments.Invoice{a, b} {
		payment, err := pay(customer, inv)
		require.NoError(t, err)
		require.True(t, payment == payments.Payment{Hash: inv.Hash, State: payments.PayPending}, "no preimage yet")
	}
	requireBalances(1000, 300)
	_, err := pay(customer, c)
	requireRefused(t, err, payments.ErrFunds)
	require.NoError(t, shop.SettleHold(t.Context(), first))
	requireBalances(1300, 300)
	require.NoError(t, shop.CancelHold(t.Context(), b.Hash))
	requireBalances(1300, 700)
	_, err = pay(customer, b)
	requireRefused(t, err, payments.ErrRejected)

	// The third is left alone: it goes back when its blocks are over.
	read, err := bolt11.Decode(c.Bolt11)
	require.NoError(t, err)
	require.EqualValues(t, 7, read.MinFinalCLTV, "an hour and a second, in blocks")
	_, err = pay(customer, c)
	require.NoError(t, err)
	looked, err := shop.LookupInvoice(t.Context(), c.ID)
	require.NoError(t, err)
	require.Equal(t, start.Add(70*time.Minute), looked.Deadline)
	clock.Advance(70*time.Minute - 1)
	requireBalances(1300, 200)
	clock.Advance(1)
	requireBalances(1300, 700)
	requireRefused(t, shop.SettleHold(t.Context(), third), payments.ErrRejected)
	requireBalances(1300, 700)
}

func TestHold_NotOthers(t *testing.T) {
	t.Parallel()
	n := sandbox.New(payments.NewMemoryKV(), sandbox.Options{})
	shop, rival := wallet(t, n, "shop"), wallet(t, n, "rival")
	p := payments.Preimage{1}
	inv := hold(t, shop, "order", 1000, p)
	_, err := pay(wallet(t, n, "customer"), inv)
	require.NoError(t, err)
	requireRefused(t, rival.SettleHold(t.Context(), p), payments.ErrNotFound)
	requireRefused(t, rival.CancelHold(t.Context(), inv.Hash), payments.ErrNotFound)
	ordinary := create(t, shop, "ordinary", 1)
	requireRefused(t, shop.CancelHold(t.Context(), ordinary.Hash), payments.ErrNotFound)
	_, err = rival.CreateHold(t.Context(), payments.HoldCharge{Charge: payments.Charge{Key: "order", Amount: 1000}, Hash: inv.Hash})
	requireRefused(t, err, payments.ErrConflict)
}

// Settle and cancel, in two processes at once: one of them happens.
func TestHold_SettleOrCancel(t *testing.T) {
	t.Parallel()
	kv := payments.NewMemoryKV()
	options := sandbox.Options{Opening: 100_000}
	here, there := wallet(t, sandbox.New(kv, options), "shop"), wallet(t, sandbox.New(kv, options), "shop")
	customer := wallet(t, sandbox.New(kv, options), "customer")
	earned := payments.Msat(0)
	for round := range 30 {
		p := payments.Preimage{byte(round + 1)}
		inv := hold(t, here, fmt.Sprint("order-", round), 1000, p)
		_, err := pay(customer, inv)
		require.NoError(t, err)
		var settle, cancel error
		var wg sync.WaitGroup
		wg.Go(func() { settle = here.SettleHold(context.Background(), p) })
		wg.Go(func() { cancel = there.CancelHold(context.Background(), inv.Hash) })
		wg.Wait()
		require.NotEqual(t, settle == nil, cancel == nil, "%v, %v", settle, cancel)
		if settle == nil {
			earned += 1000
		}
		require.Equal(t, 100_000+earned, balance(t, there))
		require.Equal(t, 100_000-earned, balance(t, customer))
	}
}

// What another process did is told as well, within a second.
func TestWatch_OtherProcesses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		kv := payments.NewMemoryKV()
		here, there := sandbox.New(kv, sandbox.Options{}), sandbox.New(kv, sandbox.Options{})
		shop := wallet(t, here, "shop")
		ctx, cancel := context.WithCancel(t.Context())
		told := make(chan payments.Notice, 9)
		end := make(chan error)
		go func() {
			end <- shop.Watch(ctx, "", func(_ context.Context, n payments.Notice) error { told <- n; return nil })
		}()
		synctest.Wait()
		inv := create(t, wallet(t, there, "shop"), "order", 1000)
		_, err := pay(wallet(t, there, "customer"), inv)
		require.NoError(t, err)
		begun := time.Now()
		require.Equal(t, payments.Notice{ID: inv.ID, Delivery: "sandbox-1", Cursor: "1"}, <-told)
		require.LessOrEqual(t, time.Since(begun), time.Second)
		cancel()
		require.ErrorIs(t, <-end, context.Canceled)
		for _, cursor := range []string{"-1", "x", "1.5"} {
			requireRefused(t, shop.Watch(t.Context(), cursor, nil), payments.ErrInvalid)
		}
	})
}
