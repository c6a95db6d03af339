package lnd_test

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/internal/lntest"
	"github.com/dmshop/dmshop/payments"
	"github.com/dmshop/dmshop/payments/bolt11"
	"github.com/dmshop/dmshop/payments/lnd"
)

func TestInvoice_Expires(t *testing.T) {
	t.Parallel()
	n := lntest.Start(t)
	w := wallet(t, n.Shop, receiving)
	c := charge("order")
	c.Expiry = 900 * time.Millisecond // a second, for lnd
	inv, err := w.CreateInvoice(t.Context(), c)
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		got, err := w.LookupInvoice(t.Context(), inv.ID)
		require.NoError(t, err)
		if got.Status == payments.Open {
			return false
		}
		require.Equal(t, payments.Expired, got.Status)
		require.Zero(t, got.Received)
		return true
	}, 10*time.Second, 20*time.Millisecond)
	_, err = n.Customer.Send(t.Context(), inv.Bolt11)
	require.Error(t, err, "it can no longer be paid")

	// An expired key is not free: its invoice could have been paid.
	again, err := w.CreateInvoice(t.Context(), c)
	require.NoError(t, err)
	require.Equal(t, payments.Expired, again.Status)
	require.Equal(t, inv.Bolt11, again.Bolt11)
}

// Two processes with one secret are one wallet; with another secret they are
// not.
func TestInvoice_SameKeyInAnotherProcess(t *testing.T) {
	t.Parallel()
	n := lntest.Start(t)
	c := config(t, n.Shop, receiving)
	first, err := open(t, c).CreateInvoice(t.Context(), charge("order"))
	require.NoError(t, err)
	second, err := open(t, c).CreateInvoice(t.Context(), charge("order"))
	require.NoError(t, err)
	require.Equal(t, first, second)
	c.PreimageKey[0] ^= 1
	third, err := open(t, c).CreateInvoice(t.Context(), charge("order"))
	require.NoError(t, err)
	require.NotEqual(t, first.ID, third.ID)
}

func TestInvoice_Bounds(t *testing.T) {
	t.Parallel()
	n := lntest.Start(t)
	w := wallet(t, n.Shop, receiving)

	long := charge("long-memo")
	long.Memo = "x" + strings.Repeat("é", bolt11.MaxDescription)
	inv, err := w.CreateInvoice(t.Context(), long)
	require.NoError(t, err)
	read, err := bolt11.Decode(inv.Bolt11)
	require.NoError(t, err)
	require.True(t, utf8.ValidString(read.Description))
	require.Len(t, read.Description, bolt11.MaxDescription)
	long.Key, long.Memo = "not-UTF-8", "one\xffcoffee"
	_, err = w.CreateInvoice(t.Context(), long)
	require.NoError(t, err)

	year := charge("a-year")
	year.Expiry = lnd.MaxExpiry
	inv, err = w.CreateInvoice(t.Context(), year)
	require.NoError(t, err)
	require.Equal(t, payments.Open, inv.Status)
	year.Key, year.Expiry = "longer", lnd.MaxExpiry+1
	_, err = w.CreateInvoice(t.Context(), year)
	requireOutcome(t, err, payments.ErrInvalid, payments.NotApplied)

	much := charge("all-of-it")
	much.Amount = 100_000 * payments.BTC
	_, err = w.CreateInvoice(t.Context(), much)
	require.NoError(t, err)
	much.Key, much.Amount = "more", much.Amount+1
	_, err = w.CreateInvoice(t.Context(), much)
	requireOutcome(t, err, payments.ErrInvalid, payments.NotApplied)

	least := charge("least")
	least.Amount = 1
	inv, err = w.CreateInvoice(t.Context(), least)
	require.NoError(t, err)
	require.EqualValues(t, 1, inv.Amount)

	day := charge("default")
	day.Expiry = 0
	inv, err = w.CreateInvoice(t.Context(), day)
	require.NoError(t, err)
	require.InDelta(t, 24*time.Hour, time.Until(inv.ExpiresAt), float64(time.Minute))
}
