package sandbox_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/payments"
	"github.com/dmshop/dmshop/payments/sandbox"
)

// overtakenKV lets another process act just before the next Put of a name with
// that prefix: the narrowest race there is, every time.
type overtakenKV struct {
	payments.KV
	prefix string
	first  func()
}

func (o *overtakenKV) Put(ctx context.Context, name string, value []byte, rev int64) (bool, error) {
	if first := o.first; first != nil && strings.HasPrefix(name, o.prefix) {
		o.first = nil
		first()
	}
	return o.KV.Put(ctx, name, value, rev)
}

// twoProcesses are two networks on one KV, the first of which is overtaken; the
// clock of the second is a minute ahead.
func twoProcesses(o sandbox.Options) (kv *overtakenKV, slow, fast *sandbox.Network) {
	kv = &overtakenKV{KV: payments.NewMemoryKV()}
	here, there := newClock(), newClock()
	there.Advance(time.Minute)
	o.Now = here.Now
	slow = sandbox.New(kv, o)
	o.Now, o.Opening = there.Now, 2*o.Opening
	return kv, slow, sandbox.New(kv.KV, o)
}

func TestOvertaken_Wallet(t *testing.T) {
	t.Parallel()
	kv, slow, fast := twoProcesses(sandbox.Options{Opening: 1000})
	var theirs payments.Invoice
	kv.prefix, kv.first = "sandbox/wallet/", func() { theirs = create(t, wallet(t, fast, "shop"), "order", 1) }
	shop := wallet(t, slow, "shop")
	require.NotEmpty(t, theirs.ID)
	require.Equal(t, payments.Msat(2000), balance(t, shop), "the opening balance of whoever was first")
	require.Equal(t, theirs, create(t, shop, "order", 1), "and the key")
}

func TestOvertaken_Create(t *testing.T) {
	t.Parallel()
	kv, slow, fast := twoProcesses(sandbox.Options{})
	here, there := wallet(t, slow, "shop"), wallet(t, fast, "shop")
	var theirs payments.Invoice
	kv.prefix, kv.first = "sandbox/invoice/", func() { theirs = create(t, there, "order", 1) }
	mine := create(t, here, "order", 1)
	require.Equal(t, theirs, mine)
	require.Equal(t, start.Add(time.Minute+sandbox.DefaultExpiry), mine.ExpiresAt)

	kv.first = func() { create(t, there, "order-2", 2) }
	_, err := here.CreateInvoice(t.Context(), payments.Charge{Key: "order-2", Amount: 1})
	requireRefused(t, err, payments.ErrConflict)
}

func TestOvertaken_Pay(t *testing.T) {
	t.Parallel()
	kv, slow, fast := twoProcesses(sandbox.Options{Opening: 1000})
	shop, alice, bob := wallet(t, fast, "shop"), wallet(t, slow, "alice"), wallet(t, fast, "bob")
	aliceThere := wallet(t, fast, "alice")
	overtake := func(w *sandbox.Wallet, inv payments.Invoice) {
		kv.prefix, kv.first = "sandbox/payment/", func() {
			_, err := pay(w, inv)
			require.NoError(t, err)
		}
	}
	first, second, third, fourth := create(t, shop, "1", 600), create(t, shop, "2", 300), create(t, shop, "3", 400), create(t, shop, "4", 100)

	overtake(bob, first)
	_, err := pay(alice, first)
	requireRefused(t, err, payments.ErrAlreadyPaid)
	require.Equal(t, payments.Msat(1000), balance(t, alice))

	overtake(bob, third)
	payment, err := pay(alice, second)
	require.NoError(t, err, "another invoice was paid meanwhile")
	require.Equal(t, second.Hash, payment.Preimage.Hash())
	require.Equal(t, payments.Msat(700), balance(t, alice))

	overtake(aliceThere, fourth)
	payment, err = pay(alice, fourth)
	require.NoError(t, err, "this wallet itself paid it elsewhere")
	require.Equal(t, fourth.Hash, payment.Preimage.Hash())
	require.Equal(t, payments.Msat(600), balance(t, alice), "once")

	overtake(aliceThere, create(t, shop, "5", 500))
	_, err = pay(alice, create(t, shop, "6", 500))
	requireRefused(t, err, payments.ErrFunds)
	require.Equal(t, payments.Msat(100), balance(t, alice), "what was there for both was there for one")
}
