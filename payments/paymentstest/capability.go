package paymentstest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/payments"
)

// capability is what the wallet can do beyond being paid. The test is skipped
// where its type cannot, or where it says that it cannot now.
func capability[T any](t *testing.T, wallet any, bit payments.Capabilities) T {
	t.Helper()
	able, ok := wallet.(T)
	if !ok {
		t.Skipf("the wallet cannot %v", bit)
	}
	if d, ok := wallet.(payments.Describer); ok {
		info, err := d.Describe(t.Context())
		require.NoError(t, err)
		if !info.Capabilities.Has(bit) {
			t.Skipf("the wallet cannot %v now", bit)
		}
	}
	return able
}

func testDescribe(t *testing.T, s Shop) {
	d, ok := s.Provider.(payments.Describer)
	if !ok {
		t.Skip("the wallet does not describe itself")
	}
	info, err := d.Describe(t.Context())
	require.NoError(t, err)
	require.NotEmpty(t, info.Name)
	require.Equal(t, s.Network.String(), info.Network)
	require.GreaterOrEqual(t, info.MinInvoice, payments.Msat(0))
	require.True(t, info.MaxInvoice == 0 || info.MaxInvoice >= info.MinInvoice)
	for bit, has := range map[payments.Capabilities]bool{
		payments.CanFind:    is[payments.Finder](s.Provider),
		payments.CanWatch:   is[payments.Watcher](s.Provider),
		payments.CanResume:  is[payments.Watcher](s.Provider),
		payments.CanWebhook: is[payments.WebhookVerifier](s.Provider),
		payments.CanPay:     is[payments.Payer](s.Provider),
		payments.CanRefund:  is[payments.Refunder](s.Provider),
		payments.CanHold:    is[payments.Holder](s.Provider),
	} {
		require.False(t, info.Capabilities.Has(bit) && !has, "it says %v, and its type has no such method", bit)
	}
	if info.Capabilities.Has(payments.CanSubSat) {
		inv, err := s.Provider.CreateInvoice(t.Context(), payments.Charge{Key: "sub-satoshi", Amount: price + 1})
		require.NoError(t, err)
		require.Equal(t, price+1, inv.Amount)
	}
}

func is[T any](v any) bool { _, ok := v.(T); return ok }

func testFind(t *testing.T, s Shop) {
	finder := capability[payments.Finder](t, s.Provider, payments.CanFind)
	found, err := finder.FindInvoices(t.Context(), "order")
	require.NoError(t, err)
	require.Empty(t, found)

	inv, err := s.Provider.CreateInvoice(t.Context(), charge("order"))
	require.NoError(t, err)
	_, err = s.Provider.CreateInvoice(t.Context(), charge("order-2"))
	require.NoError(t, err)
	found, err = finder.FindInvoices(t.Context(), "order")
	require.NoError(t, err)
	require.Equal(t, []payments.Invoice{inv}, found, "one key, one invoice, and no other's")

	s.Pay(t, inv.Bolt11)
	paid := awaitStatus(t, s, inv.ID, payments.Settled)
	found, err = finder.FindInvoices(t.Context(), "order")
	require.NoError(t, err)
	require.Equal(t, []payments.Invoice{paid}, found, "in its present state")
	for _, key := range []string{"", "orde", "order%", "*", "no such key"} {
		found, err = finder.FindInvoices(t.Context(), key)
		if err == nil {
			require.Empty(t, found, "%q", key)
		}
	}
}
