package btcpay_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/payments"
	"github.com/dmshop/dmshop/payments/btcpay/btcpaytest"
)

func TestDescribe_SaysWhatWorks(t *testing.T) {
	t.Parallel()
	const (
		base = payments.CanFind | payments.CanWebhook
		pays = payments.CanPay | payments.CanLimitFee
	)
	for name, c := range map[string]struct {
		open    func(*opened)
		store   func(*btcpaytest.Settings)
		want    payments.Capabilities
		version string
	}{
		"all":             {func(*opened) {}, func(*btcpaytest.Settings) {}, base | pays | payments.CanRefund, "2.4.1"},
		"1.13":            {legacy, func(*btcpaytest.Settings) {}, base | pays | payments.CanRefund, "1.13.7"},
		"no secret":       {func(o *opened) { o.config.WebhookSecrets = nil }, func(*btcpaytest.Settings) {}, payments.CanFind | pays | payments.CanRefund, ""},
		"no refunds":      {func(o *opened) { o.config.RefundAtAnyFee = false }, func(*btcpaytest.Settings) {}, base | pays, ""},
		"slow payouts":    {func(*opened) {}, func(now *btcpaytest.Settings) { now.AtOnce = false }, base | pays, ""},
		"by hand":         {func(*opened) {}, func(now *btcpaytest.Settings) { now.Processor = false }, base | pays, ""},
		"receives":        {func(*opened) {}, missing("btcpay.store.canuselightningnode", "btcpay.store.canviewstoresettings"), base, ""},
		"approves not":    {func(*opened) {}, missing("btcpay.store.cancreatepullpayments"), base | pays, ""},
		"sees no pulls":   {func(*opened) {}, missing("btcpay.store.canviewpullpayments"), base | pays, ""},
		"refunds by pull": {func(*opened) {}, missing("btcpay.store.canuselightningnode"), base | payments.CanRefund, ""},
	} {
		s := newStore(t, c.open)
		s.server.Set(c.store)
		info, err := s.Describe(t.Context())
		require.NoError(t, err, name)
		require.Equal(t, c.want, info.Capabilities, name)
		require.Contains(t, info.Name, c.version)
		require.Empty(t, s.server.Payouts())
		require.Zero(t, s.server.Pulls(), "it asks, and makes nothing")
	}
	s := newStore(t)
	s.server.Set(func(now *btcpaytest.Settings) { now.NodeDown = true })
	_, err := s.Describe(t.Context())
	requireOutcome(t, err, payments.ErrUnavailable, payments.NotApplied)
	wrong := s.config
	wrong.APIKey = "another"
	_, err = open(t, wrong).Describe(t.Context())
	requireOutcome(t, err, payments.ErrAuth, payments.NotApplied)
}

func missing(permissions ...string) func(*btcpaytest.Settings) {
	return func(now *btcpaytest.Settings) { now.Missing = slices.Clone(permissions) }
}
