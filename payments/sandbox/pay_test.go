package sandbox_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/payments"
	"github.com/dmshop/dmshop/payments/bolt11"
	"github.com/dmshop/dmshop/payments/sandbox"
)

func TestPay_Settles(t *testing.T) {
	t.Parallel()
	clock := newClock()
	n := sandbox.New(payments.NewMemoryKV(), sandbox.Options{Now: clock.Now})
	shop, customer := wallet(t, n, "shop"), wallet(t, n, "customer")
	inv := create(t, shop, "order", 1500*payments.Sat)
	clock.Advance(90 * time.Second)
	payment, err := pay(customer, inv)
	require.NoError(t, err)
	require.Equal(t, inv.Hash, payment.Preimage.Hash())
	require.Zero(t, payment.Fee)

	settled, err := shop.LookupInvoice(t.Context(), inv.ID)
	require.NoError(t, err)
	want := inv
	want.Status, want.Received, want.SettledAt = payments.Settled, inv.Amount, start.Add(90*time.Second)
	require.Equal(t, want, settled)
	require.Equal(t, sandbox.DefaultOpening+inv.Amount, balance(t, shop))
	require.Equal(t, sandbox.DefaultOpening-inv.Amount, balance(t, customer))
}

func TestPay_Refuses(t *testing.T) {
	t.Parallel()
	clock := newClock()
	kv := payments.NewMemoryKV()
	n := sandbox.New(kv, sandbox.Options{Now: clock.Now, Openings: map[string]payments.Msat{"poor": 999}})
	shop, customer, rival, poor := wallet(t, n, "shop"), wallet(t, n, "customer"), wallet(t, n, "rival"), wallet(t, n, "poor")
	inv, taken, late := create(t, shop, "order", 1000), create(t, shop, "taken", 1000), create(t, shop, "late", 1000)
	_, err := pay(rival, taken)
	require.NoError(t, err)
	elsewhere := create(t, wallet(t, sandbox.New(payments.NewMemoryKV(), sandbox.Options{Now: clock.Now}), "shop"), "order", 1000)

	read, err := bolt11.Decode(inv.Bolt11)
	require.NoError(t, err)
	resign := func(change func(*bolt11.Invoice)) payments.Invoice {
		forged := read
		forged.Payee = [33]byte{}
		change(&forged)
		text, err := bolt11.Sign(forged, bolt11.Key{31: 1})
		require.NoError(t, err)
		return payments.Invoice{Bolt11: text, Amount: payments.Msat(forged.AmountMsat)}
	}
	other := func(change func(*payments.Invoice)) payments.Invoice {
		i := inv
		change(&i)
		return i
	}
	for name, tt := range map[string]struct {
		wallet *sandbox.Wallet
		inv    payments.Invoice
		kind   error
	}{
		"no invoice":       {customer, payments.Invoice{Amount: 1000}, payments.ErrInvalid},
		"more":             {customer, other(func(i *payments.Invoice) { i.Amount++ }), payments.ErrInvalid},
		"less":             {customer, other(func(i *payments.Invoice) { i.Amount-- }), payments.ErrInvalid},
		"one's own":        {shop, inv, payments.ErrInvalid},
		"amount left open": {customer, resign(func(i *bolt11.Invoice) { i.AmountMsat = 0 }), payments.ErrInvalid},
		"mainnet":          {customer, resign(func(i *bolt11.Invoice) { i.Network = bolt11.Mainnet }), payments.ErrNetwork},
		"testnet":          {customer, resign(func(i *bolt11.Invoice) { i.Network = bolt11.Testnet }), payments.ErrNetwork},
		"unknown hash":     {customer, resign(func(i *bolt11.Invoice) { i.Hash = [32]byte{1} }), payments.ErrNoRoute},
		"another network":  {customer, elsewhere, payments.ErrNoRoute},
		"a forger's":       {customer, resign(func(*bolt11.Invoice) {}), payments.ErrRejected},
		"a forger's, less": {customer, resign(func(i *bolt11.Invoice) { i.AmountMsat = 1 }), payments.ErrRejected},
		"paid by another":  {customer, taken, payments.ErrAlreadyPaid},
		"too poor":         {poor, inv, payments.ErrFunds},
	} {
		payment, err := pay(tt.wallet, tt.inv)
		requireRefused(t, err, tt.kind)
		require.True(t, payment == payments.Payment{}, "%s: no preimage", name)
	}
	_, err = customer.Pay(t.Context(), payments.PayRequest{Bolt11: inv.Bolt11, Amount: inv.Amount, MaxFee: -1})
	requireRefused(t, err, payments.ErrInvalid)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = customer.Pay(ended, payments.PayRequest{Bolt11: inv.Bolt11, Amount: inv.Amount})
	requireRefused(t, err, context.Canceled)
	_, err = customer.LookupPayment(t.Context(), taken.Hash)
	requireRefused(t, err, payments.ErrNotFound) // it is the rival's

	require.Equal(t, sandbox.DefaultOpening, balance(t, customer))
	require.Equal(t, payments.Msat(999), balance(t, poor))
	require.Equal(t, sandbox.DefaultOpening+1000, balance(t, shop), "only what the rival paid")

	_, err = customer.Pay(t.Context(), payments.PayRequest{Bolt11: strings.ToUpper(inv.Bolt11), Amount: 1000})
	require.NoError(t, err, "as read from a QR code")
	clock.Advance(time.Hour)
	_, err = pay(customer, late)
	requireRefused(t, err, payments.ErrExpired)
	_, err = pay(customer, inv)
	require.NoError(t, err, "what was paid returns that payment, though expired since")
	_, err = pay(customer, taken)
	requireRefused(t, err, payments.ErrAlreadyPaid)
}

func TestPay_AtTheBoundary(t *testing.T) {
	t.Parallel()
	for before, want := range map[time.Duration]payments.Status{
		time.Nanosecond:  payments.Settled,
		0:                payments.Expired,
		-time.Nanosecond: payments.Expired,
	} {
		clock := newClock()
		n := sandbox.New(payments.NewMemoryKV(), sandbox.Options{Now: clock.Now})
		shop, customer := wallet(t, n, "shop"), wallet(t, n, "customer")
		inv := create(t, shop, "order", 1000)
		clock.Advance(sandbox.DefaultExpiry - before)
		_, err := pay(customer, inv)
		if want == payments.Expired {
			requireRefused(t, err, payments.ErrExpired)
		} else {
			require.NoError(t, err)
		}
		looked, err := shop.LookupInvoice(t.Context(), inv.ID)
		require.NoError(t, err)
		require.Equal(t, want, looked.Status, "%v before the end", before)
		if want == payments.Settled {
			require.True(t, looked.SettledAt.Before(looked.ExpiresAt))
		}
	}
}

func TestPay_AllOfTheBalance(t *testing.T) {
	t.Parallel()
	n := sandbox.New(payments.NewMemoryKV(), sandbox.Options{Opening: 1000})
	shop, customer := wallet(t, n, "shop"), wallet(t, n, "customer")
	_, err := pay(customer, create(t, shop, "all", 1000))
	require.NoError(t, err)
	require.Zero(t, balance(t, customer))
	_, err = pay(customer, create(t, shop, "more", 1))
	requireRefused(t, err, payments.ErrFunds)
	_, err = pay(shop, create(t, customer, "back", 2000))
	require.NoError(t, err, "what was received can be spent")
	_, err = pay(customer, create(t, shop, "on", 2000))
	require.NoError(t, err)
}

func TestPay_OneOfTwoWallets(t *testing.T) {
	t.Parallel()
	kv := payments.NewMemoryKV()
	const rivals = 4
	shop := wallet(t, sandbox.New(kv, sandbox.Options{}), "shop")
	var wallets []*sandbox.Wallet
	for i := range rivals { // each in a process of its own
		wallets = append(wallets, wallet(t, sandbox.New(kv, sandbox.Options{}), fmt.Sprint("rival-", i)))
	}
	for round := range 20 {
		inv := create(t, shop, fmt.Sprint("order-", round), 1000)
		var errs [rivals]error
		var wg sync.WaitGroup
		for i, w := range wallets {
			wg.Go(func() { _, errs[i] = pay(w, inv) })
		}
		wg.Wait()
		winners := 0
		for i, w := range wallets {
			payment, err := w.LookupPayment(t.Context(), inv.Hash)
			if errs[i] == nil {
				winners++
				require.NoError(t, err)
				require.Equal(t, inv.Hash, payment.Preimage.Hash())
				continue
			}
			requireRefused(t, errs[i], payments.ErrAlreadyPaid)
			requireRefused(t, err, payments.ErrNotFound)
		}
		require.Equal(t, 1, winners)
	}
	require.Equal(t, sandbox.DefaultOpening+20*1000, balance(t, shop))
}

// A wallet with money for three pays six invoices at once, in two processes.
func TestPay_NeverOverdraws(t *testing.T) {
	t.Parallel()
	kv := payments.NewMemoryKV()
	options := sandbox.Options{Openings: map[string]payments.Msat{"customer": 3999}}
	here, there := sandbox.New(kv, options), sandbox.New(kv, options)
	shop := wallet(t, here, "shop")
	customers := []*sandbox.Wallet{wallet(t, here, "customer"), wallet(t, there, "customer")}
	var errs [6]error
	var wg sync.WaitGroup
	for i := range errs {
		inv := create(t, shop, fmt.Sprint("order-", i), 1000)
		wg.Go(func() { _, errs[i] = pay(customers[i%2], inv) })
	}
	wg.Wait()
	paid := 0
	for _, err := range errs {
		if err == nil {
			paid++
			continue
		}
		requireRefused(t, err, payments.ErrFunds)
	}
	require.Equal(t, 3, paid)
	require.Equal(t, payments.Msat(999), balance(t, customers[0]))
	require.Equal(t, payments.Msat(999), balance(t, customers[1]))
}

func TestLostAnswers_Pay(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		set  func(*flakyKV)
		paid bool
	}{
		"question lost": {func(f *flakyKV) { f.before = 1 }, false},
		"answer lost":   {func(f *flakyKV) { f.after = 1 }, true},
	} {
		kv := &flakyKV{KV: payments.NewMemoryKV()}
		n := sandbox.New(kv, sandbox.Options{})
		shop, customer := wallet(t, n, "shop"), wallet(t, n, "customer")
		inv := create(t, shop, "order", 1000)
		tt.set(kv)
		payment, err := pay(customer, inv)
		require.ErrorIs(t, err, errFlaky, name)
		require.False(t, payments.MayRepeat(err), "%s: the outcome is unknown", name)
		require.True(t, payment == payments.Payment{}, name)

		looked, err := customer.LookupPayment(t.Context(), inv.Hash)
		if tt.paid {
			require.NoError(t, err, name)
			require.Equal(t, inv.Hash, looked.Preimage.Hash())
		} else {
			requireRefused(t, err, payments.ErrNotFound)
		}
		again, err := pay(customer, inv)
		require.NoError(t, err, name)
		require.Equal(t, inv.Hash, again.Preimage.Hash())
		require.Equal(t, sandbox.DefaultOpening-1000, balance(t, customer), "%s: paid once", name)
	}
}

// meetKV lets two readers of one name go on only when both have read it.
type meetKV struct {
	payments.KV
	name string
	met  chan struct{} // unbuffered
}

func (m *meetKV) Get(ctx context.Context, name string) ([]byte, int64, error) {
	value, rev, err := m.KV.Get(ctx, name)
	if name == m.name {
		select {
		case m.met <- struct{}{}:
		case <-m.met:
		}
	}
	return value, rev, err
}

// Two calls of one process read the same new payment: it counts once.
func TestBalance_ReadAtOnce(t *testing.T) {
	t.Parallel()
	kv := payments.NewMemoryKV()
	n := sandbox.New(kv, sandbox.Options{})
	shop := wallet(t, n, "shop")
	_, err := pay(wallet(t, n, "customer"), create(t, shop, "order", 1000))
	require.NoError(t, err)

	meet := &meetKV{KV: kv, name: "sandbox/payment/000000000000", met: make(chan struct{})}
	reader := wallet(t, sandbox.New(meet, sandbox.Options{}), "shop")
	var got [2]payments.Msat
	var wg sync.WaitGroup
	for i := range got {
		wg.Go(func() { got[i] = balance(t, reader) })
	}
	wg.Wait()
	require.Equal(t, [2]payments.Msat{sandbox.DefaultOpening + 1000, sandbox.DefaultOpening + 1000}, got)
}
