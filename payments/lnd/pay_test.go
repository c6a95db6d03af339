package lnd_test

import (
	"context"
	"crypto/rand"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/internal/lntest"
	"github.com/dmshop/dmshop/payments"
	"github.com/dmshop/dmshop/payments/bolt11"
)

// A route over another node has a fee. The limit is kept, and one of zero means
// no fee at all, not no limit; a hash whose payment failed may be tried again.
func TestPay_TwoHops(t *testing.T) {
	t.Parallel()
	n := lntest.Start(t)
	w := wallet(t, n.Shop, paying)
	r := request(t, n.Far.Invoice(t, int64(price), time.Hour))
	hash := hashOf(t, r.Bolt11)

	r.MaxFee = 0
	_, err := w.Pay(t.Context(), r)
	requireOutcome(t, err, payments.ErrNoRoute, payments.NotApplied)
	p, err := w.LookupPayment(t.Context(), hash)
	require.NoError(t, err)
	require.Equal(t, payments.PayFailed, p.State)
	require.Equal(t, "OPEN", n.Far.LookUp(t, hash).State)

	r.MaxFee = 10 * payments.Sat
	p, err = w.Pay(t.Context(), r)
	require.NoError(t, err)
	require.Equal(t, payments.PaySucceeded, p.State)
	require.Positive(t, p.Fee)
	require.LessOrEqual(t, p.Fee, r.MaxFee)
	require.EqualValues(t, price, n.Far.LookUp(t, hash).Msat)
}

func TestPay_NoRoute(t *testing.T) {
	t.Parallel()
	n := lntest.Start(t)
	w := wallet(t, n.Shop, paying)
	var hash [32]byte
	_, _ = rand.Read(hash[:])
	now := time.Now().UTC().Truncate(time.Second)
	text, err := bolt11.Sign(bolt11.Invoice{
		Network: bolt11.Regtest, AmountMsat: int64(price), Hash: hash, Secret: [32]byte{1},
		Description: "nobody knows this node", CreatedAt: now, ExpiresAt: now.Add(time.Hour), MinFinalCLTV: 18,
	}, bolt11.Key{31: 7})
	require.NoError(t, err)
	_, err = w.Pay(t.Context(), request(t, text))
	e := requireOutcome(t, err, payments.ErrNoRoute, payments.NotApplied)
	require.Equal(t, "FAILURE_REASON_NO_ROUTE", e.Code)
	p, err := w.LookupPayment(t.Context(), hash)
	require.NoError(t, err)
	require.Equal(t, payments.Payment{Hash: hash, State: payments.PayFailed}, p)
}

func TestPay_OverBalance(t *testing.T) {
	t.Parallel()
	n := lntest.Start(t)
	w := wallet(t, n.Shop, paying)
	r := request(t, n.Customer.Invoice(t, lntest.Capacity*1000, time.Hour))
	_, err := w.Pay(t.Context(), r)
	requireOutcome(t, err, payments.ErrFunds, payments.NotApplied)
	require.Equal(t, "OPEN", n.Customer.LookUp(t, hashOf(t, r.Bolt11)).State)
}

func TestPay_Refused(t *testing.T) {
	t.Parallel()
	n := lntest.Start(t)
	w := wallet(t, n.Shop, paying)
	r := request(t, n.Customer.Invoice(t, int64(price), time.Hour))
	n.Customer.Cancel(t, hashOf(t, r.Bolt11))
	_, err := w.Pay(t.Context(), r)
	requireOutcome(t, err, payments.ErrRejected, payments.NotApplied)

	own := request(t, n.Shop.Invoice(t, int64(price), time.Hour))
	_, err = w.Pay(t.Context(), own)
	requireOutcome(t, err, payments.ErrInvalid, payments.NotApplied)
}

func TestPay_Expired(t *testing.T) {
	t.Parallel()
	n := lntest.Start(t)
	w := wallet(t, n.Shop, paying)
	unpaid := request(t, n.Customer.Invoice(t, int64(price), time.Second))
	paid := request(t, n.Customer.Invoice(t, int64(price), 2*time.Second))
	first, err := w.Pay(t.Context(), paid)
	require.NoError(t, err)
	n.Customer.Await(t, hashOf(t, unpaid.Bolt11), "CANCELED")
	read, err := bolt11.Decode(paid.Bolt11)
	require.NoError(t, err)
	require.Eventually(t, func() bool { return read.Expired(time.Now()) }, 5*time.Second, 20*time.Millisecond)

	_, err = w.Pay(t.Context(), unpaid)
	requireOutcome(t, err, payments.ErrExpired, payments.NotApplied)
	again, err := w.Pay(t.Context(), paid)
	require.NoError(t, err, "what was paid in time is paid")
	require.True(t, first == again)
}

// The payee holds the money: neither PayTimeout nor the end of a call is the
// end of a committed HTLC, and none of them reads as a failure.
func TestPay_HeldByThePayee(t *testing.T) {
	t.Parallel()
	n := lntest.Start(t)
	for name, end := range map[string]struct {
		resolve func(preimage payments.Preimage)
		want    payments.PayState
	}{
		"settled":   {func(p payments.Preimage) { n.Customer.Settle(t, p) }, payments.PaySucceeded},
		"cancelled": {func(p payments.Preimage) { n.Customer.Cancel(t, p.Hash()) }, payments.PayFailed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := config(t, n.Shop, paying)
			c.PayTimeout = time.Second
			w := open(t, c)
			w.SetGrace(500 * time.Millisecond)
			var preimage payments.Preimage
			_, _ = rand.Read(preimage[:])
			hash := preimage.Hash()
			r := request(t, n.Customer.HoldInvoice(t, hash, int64(price)))

			p, err := w.Pay(t.Context(), r)
			require.NoError(t, err)
			require.Equal(t, payments.Payment{Hash: hash, State: payments.PayPending}, p)

			ctx, hangUp := context.WithCancel(t.Context())
			time.AfterFunc(100*time.Millisecond, hangUp)
			_, err = w.Pay(ctx, r)
			requireOutcome(t, err, context.Canceled, payments.OutcomeUnknown)

			n.Customer.Await(t, hash, "ACCEPTED")
			p, err = w.LookupPayment(t.Context(), hash)
			require.NoError(t, err)
			require.Equal(t, payments.PayPending, p.State)

			end.resolve(preimage)
			require.Eventually(t, func() bool {
				p, err = w.LookupPayment(t.Context(), hash)
				require.NoError(t, err)
				return p.State != payments.PayPending
			}, 20*time.Second, 20*time.Millisecond)
			require.Equal(t, end.want, p.State)
			require.Equal(t, end.want == payments.PaySucceeded, p.Preimage == preimage)
		})
	}
}
